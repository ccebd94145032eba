//! Which place of the cluster's log each position is: a file of fixed records beside the read
//! models, one for every event, in order.
//!
//! What is missing, or is not what was written, which the checksum of each record tells, is read
//! from the cluster again. What is, and is not there any more, is a witness of what was lost.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use uuid::Uuid;

use crate::envelope::Position;
use crate::ids::EventId;

/// What the file begins with: its format, filled up to the length of a record.
const HEADER: &[u8; RECORD] = b"payledger positions v2\n\0\0\0\0\0";

/// A record: the commit position, eight bytes with the highest first, the event's id, and the
/// CRC-32 of both behind the position, so that a record is none in another one's place.
const RECORD: usize = 28;

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

/// Why the file does not say where a position is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// It cannot be read.
    #[error("the file positions cannot be read")]
    Io(#[from] io::Error),
    /// The record of this position is not what was written.
    #[error("the record of position {0} in the file positions is damaged")]
    Damaged(Position),
}

/// The places of all positions so far.
#[derive(Debug)]
pub(super) struct Places {
    file: File,
    head: Position,
    last: Option<Place>,
}

impl Places {
    /// Opens the file, or makes it. A record that is not what was written is dropped, with all that
    /// follow.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let mut places = Self { file, head: Position::START, last: None };
        let mut header = [0; RECORD];
        let known = places.file.read_exact_at(&mut header, 0).is_ok() && header == *HEADER;
        if known {
            places.check()?;
        }
        let there = places.file.metadata()?.len();
        if there > end(places.head) {
            let kept = places.head.0;
            tracing::warn!(
                kept,
                "the file positions is damaged or of an earlier format: counted \
                                  again from the cluster behind what is kept"
            );
        }
        places.file.set_len(end(places.head))?;
        places.file.write_all_at(HEADER, 0)?;
        Ok(places)
    }

    /// Finds the last record up to which all are what was written, and commit positions grow.
    fn check(&mut self) -> io::Result<()> {
        loop {
            let records = self.read_after(self.head, CHECKED)?;
            let Some(_) = records.first() else { return Ok(()) };
            for record in records {
                let before = self.last.map_or(0, |last| last.commit);
                let place = read(self.head.next(), &record).filter(|place| place.commit > before);
                let Some(place) = place else { return Ok(()) };
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

    /// Adds the places of the positions that follow.
    pub(super) fn extend(&mut self, places: &[Place]) -> io::Result<()> {
        self.write(self.head.next(), places)?;
        let count = u64::try_from(places.len()).unwrap_or(u64::MAX);
        self.head = Position(self.head.0.saturating_add(count));
        self.last = places.last().copied().or(self.last);
        Ok(())
    }

    /// Writes places from `position` on, over what is there.
    pub(super) fn write(&self, position: Position, places: &[Place]) -> io::Result<()> {
        let mut records = Vec::with_capacity(places.len().saturating_mul(RECORD));
        let mut at = position;
        for place in places {
            records.extend(record(at, *place));
            at = at.next();
        }
        self.file.write_all_at(&records, offset(position))
    }

    /// Where `position` is. None below the first one and above the last one.
    pub(super) fn get(&self, position: Position) -> Result<Option<Place>, Unread> {
        if position == Position::START || position > self.head {
            return Ok(None);
        }
        let mut record = [0; RECORD];
        self.file.read_exact_at(&mut record, offset(position))?;
        read(position, &record).map(Some).ok_or(Unread::Damaged(position))
    }

    /// The position of the event that was committed at `commit`.
    pub(super) fn find(&self, commit: u64) -> Result<Option<Position>, Unread> {
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
    fn read_after(&self, after: Position, limit: u64) -> io::Result<Vec<[u8; RECORD]>> {
        let from = offset(after.next());
        let there = self.file.metadata()?.len().saturating_sub(from);
        let length = usize::try_from(there.min(bytes(limit))).unwrap_or(usize::MAX);
        let mut records = vec![0; length];
        self.file.read_exact_at(&mut records, from)?;
        let (records, _torn) = records.as_chunks::<RECORD>();
        Ok(records.to_vec())
    }
}

/// Where the record of a position starts; the header stands where that of position 0 would.
const fn offset(position: Position) -> u64 {
    bytes(position.0)
}

/// Where the file ends whose last record is that of `head`.
const fn end(head: Position) -> u64 {
    offset(head.next())
}

const fn bytes(records: u64) -> u64 {
    records.saturating_mul(28)
}

fn record(position: Position, place: Place) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let parts = place.commit.to_be_bytes().into_iter().chain(place.id.uuid().into_bytes());
    let said: Vec<u8> = parts.collect();
    let whole = said.iter().copied().chain(sum(position, &said));
    for (byte, value) in record.iter_mut().zip(whole) {
        *byte = value;
    }
    record
}

/// What a record says, if it is what was written for `position`.
fn read(position: Position, record: &[u8; RECORD]) -> Option<Place> {
    let (said, check) = record.split_last_chunk::<4>()?;
    if *check != sum(position, said) {
        return None;
    }
    let (commit, id) = said.split_first_chunk::<8>()?;
    let id = EventId::from_uuid(Uuid::from_slice(id).ok()?);
    Some(Place { commit: u64::from_be_bytes(*commit), id })
}

fn sum(position: Position, said: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&position.0.to_be_bytes());
    crc.update(said);
    crc.finalize().to_be_bytes()
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
        std::fs::write(path, "").unwrap();
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
    fn a_record_that_is_not_what_was_written_is_dropped_with_all_that_follow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions");
        for hurt in [1, 7, 9] {
            for bit in [0, 63, 64, 191, 192, 223] {
                let places = filled(&path, 9);
                let at = offset(Position(hurt));
                let mut record = [0; RECORD];
                places.file.read_exact_at(&mut record, at).unwrap();
                record[bit / 8] ^= 1 << (bit % 8);
                places.file.write_all_at(&record, at).unwrap();
                let read = places.get(Position(hurt));
                assert!(matches!(read, Err(Unread::Damaged(Position(it))) if it == hurt), "{bit}");
                assert_eq!(Places::open(&path).unwrap().head(), Position(hurt - 1));
            }
        }
        // In another one's place it is none, and what a crash leaves of a page is none.
        let places = filled(&path, 9);
        places.file.write_all_at(&record(Position(4), at(4)), offset(Position(5))).unwrap();
        assert_eq!(Places::open(&path).unwrap().head(), Position(4));
        filled(&path, 5).file.write_all_at(&[0; RECORD], offset(Position(6))).unwrap();
        assert_eq!(Places::open(&path).unwrap().head(), Position(5));
        filled(&path, 4).file.set_len(offset(Position(4)) + 5).unwrap();
        assert_eq!(Places::open(&path).unwrap().head(), Position(3));
        std::fs::write(&path, "something else").unwrap();
        assert_eq!(Places::open(&path).unwrap().head(), Position::START);
    }
}
