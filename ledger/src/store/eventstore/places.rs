//! Which place of the cluster's log each position is: a file of fixed records beside the read
//! models, one for every event, in order.
//!
//! It says nothing that the cluster does not say too. What is missing, or was damaged by a crash,
//! is read from there again.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use uuid::Uuid;

use crate::envelope::Position;
use crate::ids::EventId;

/// What the file begins with: its format, filled up to the length of a record.
const HEADER: &[u8; RECORD] = b"payledger positions v1\n\0";

/// A record: the commit position, eight bytes with the highest first, and the event's id.
const RECORD: usize = 24;

/// How many records are checked at once when the file is opened.
const CHECKED: u64 = 4096;

/// Where an event is in the cluster's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its commit position: it grows from event to event, with gaps.
    pub(super) commit: u64,
    /// Its id.
    pub(super) id: EventId,
}

/// The places of all positions so far.
#[derive(Debug)]
pub(super) struct Places {
    file: File,
    head: Position,
    last: Option<Place>,
}

impl Places {
    /// Opens the file, or makes it. Records after one that cannot be true are dropped.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let mut places = Self { file, head: Position::START, last: None };
        let mut header = [0; RECORD];
        let known = places.file.read_exact_at(&mut header, 0).is_ok() && header == *HEADER;
        if known {
            places.check()?;
        }
        places.cut(places.head)?;
        Ok(places)
    }

    /// Finds the last record up to which commit positions grow.
    fn check(&mut self) -> io::Result<()> {
        loop {
            let records = self.read_after(self.head, CHECKED)?;
            let Some(_) = records.first() else { return Ok(()) };
            for place in records {
                // No event is at 0: that is what a crash leaves of a page that was not written.
                if place.commit <= self.last.map_or(0, |last| last.commit) {
                    return Ok(());
                }
                self.head = self.head.next();
                self.last = Some(place);
            }
        }
    }

    /// The last position.
    pub(super) const fn head(&self) -> Position {
        self.head
    }

    /// Where the last position is.
    pub(super) const fn last(&self) -> Option<Place> {
        self.last
    }

    /// Forgets what is above `head`, in the file too.
    pub(super) fn cut(&mut self, head: Position) -> io::Result<()> {
        self.file.set_len(offset(head).saturating_add(bytes(1)))?;
        self.file.write_all_at(HEADER, 0)?;
        self.head = head;
        self.last = self.get(head)?;
        Ok(())
    }

    /// Adds the places of the positions that follow.
    pub(super) fn extend(&mut self, places: &[Place]) -> io::Result<()> {
        let mut records = Vec::with_capacity(places.len().saturating_mul(RECORD));
        for place in places {
            records.extend(place.commit.to_be_bytes());
            records.extend(place.id.uuid().as_bytes());
        }
        self.file.write_all_at(&records, offset(self.head.next()))?;
        let count = u64::try_from(places.len()).unwrap_or(u64::MAX);
        self.head = Position(self.head.0.saturating_add(count));
        self.last = places.last().copied().or(self.last);
        Ok(())
    }

    /// Where `position` is. None below the first one and above the last one.
    pub(super) fn get(&self, position: Position) -> io::Result<Option<Place>> {
        if position == Position::START || position > self.head {
            return Ok(None);
        }
        let mut record = [0; RECORD];
        self.file.read_exact_at(&mut record, offset(position))?;
        Ok(Some(place(&record)))
    }

    /// The position of the event that was committed at `commit`.
    pub(super) fn find(&self, commit: u64) -> io::Result<Option<Position>> {
        let (mut low, mut high) = (1, self.head.0);
        while low <= high {
            let middle = low.midpoint(high);
            let Some(place) = self.get(Position(middle))? else { return Ok(None) };
            match place.commit.cmp(&commit) {
                std::cmp::Ordering::Equal => return Ok(Some(Position(middle))),
                std::cmp::Ordering::Less => low = middle.saturating_add(1),
                std::cmp::Ordering::Greater => high = middle.saturating_sub(1),
            }
        }
        Ok(None)
    }

    /// Records as the file has them, right or not, at most `limit`.
    fn read_after(&self, after: Position, limit: u64) -> io::Result<Vec<Place>> {
        let from = offset(after.next());
        let there = self.file.metadata()?.len().saturating_sub(from);
        let length = usize::try_from(there.min(bytes(limit))).unwrap_or(usize::MAX);
        let mut records = vec![0; length];
        self.file.read_exact_at(&mut records, from)?;
        let (records, _torn) = records.as_chunks::<RECORD>();
        Ok(records.iter().map(place).collect())
    }
}

/// Where the record of a position starts; the header stands where that of position 0 would.
const fn offset(position: Position) -> u64 {
    bytes(position.0)
}

const fn bytes(records: u64) -> u64 {
    records.saturating_mul(24)
}

fn place(record: &[u8; RECORD]) -> Place {
    let (commit, id) = record.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    let id = Uuid::from_slice(id).unwrap_or_default();
    Place { commit: u64::from_be_bytes(*commit), id: EventId::from_uuid(id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Place {
        Place {
            commit: number.saturating_mul(10),
            id: EventId::from_uuid(Uuid::from_u128(number.into())),
        }
    }

    fn filled(path: &Path, count: u64) -> Places {
        let mut places = Places::open(path).unwrap();
        places.extend(&(1..=count).map(at).collect::<Vec<_>>()).unwrap();
        places
    }

    #[test]
    fn every_position_is_found_by_its_place_and_the_place_by_its_position() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions");
        drop(filled(&path, 5000));
        let places = Places::open(&path).unwrap();
        assert_eq!((places.head(), places.last()), (Position(5000), Some(at(5000))));
        for number in [1, 2, 4095, 4096, 4097, 5000] {
            assert_eq!(places.get(Position(number)).unwrap(), Some(at(number)));
            assert_eq!(places.find(number * 10).unwrap(), Some(Position(number)));
            assert_eq!(places.find(number * 10 + 1).unwrap(), None);
        }
        assert_eq!(places.get(Position(5001)).unwrap(), None);
        assert_eq!(places.find(0).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_true_is_dropped_with_all_that_follows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions");
        for hurt in [1, 7, 9] {
            let places = filled(&path, 9);
            places.file.write_all_at(&[0; RECORD], offset(Position(hurt))).unwrap();
            let mut places = Places::open(&path).unwrap();
            assert_eq!(places.head(), Position(hurt - 1));
            places.cut(Position::START).unwrap();
        }
        filled(&path, 9).file.set_len(offset(Position(4)) + 5).unwrap();
        assert_eq!(Places::open(&path).unwrap().head(), Position(3));
        std::fs::write(&path, "something else").unwrap();
        assert_eq!(Places::open(&path).unwrap().head(), Position::START);
    }
}
