//! Where the events of each stream are: derived from the blocks, held in memory.
//!
//! Every event has a link to the one before it in its stream, and every stream knows its last, so
//! a stream is walked from its end. That takes five bytes an event and some sixty a stream, all of
//! it only added to, so that a background thread can write it down without holding anybody up.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::chunks::Chunks;
use crate::envelope::{Position, Version};

/// How far back the event before is in the same stream; 0 for a stream's first event. The most
/// significant byte first.
pub(super) type Link = [u8; 5];

/// The links of one piece.
pub(super) const LINKS: usize = 1 << 16;

/// The bytes of one piece of names. No name is longer than a piece.
const NAMES_BYTES: usize = 1 << 16;

/// What is known of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// The place of its name: the piece in the upper bytes, the offset in the lower two.
    name: u64,
    /// Its last event.
    pub(super) last: u64,
    /// How many events it holds.
    pub(super) events: u32,
    /// Of its name, so that the table can grow without looking at names.
    hash: u32,
}

/// What is written down: all but the table, which follows from the names.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    /// One for each position from 1 on.
    pub(super) links: Chunks<Link, LINKS>,
    /// In the order of their first events.
    pub(super) streams: Chunks<Stream, { 1 << 14 }>,
    /// A byte for the length and then the name, one after the other.
    names: Vec<Arc<Vec<u8>>>,
}

/// The streams of a log, and their events.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: Rows,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl Rows {
    /// The last position that is indexed.
    pub(super) fn position(&self) -> Position {
        Position(u64::try_from(self.links.len()).unwrap_or(u64::MAX))
    }

    /// The name of a stream.
    pub(super) fn name(&self, stream: &Stream) -> &[u8] {
        let piece = usize::try_from(stream.name >> 16).ok().and_then(|at| self.names.get(at));
        let offset = usize::try_from(stream.name & 0xffff).unwrap_or(usize::MAX);
        let stored = piece.and_then(|piece| piece.get(offset..)).and_then(<[u8]>::split_first);
        let name = stored.and_then(|(length, rest)| rest.get(..usize::from(*length)));
        name.unwrap_or_default()
    }

    /// The events of a stream with their positions, the last one first.
    fn events(&self, stream: &Stream) -> impl Iterator<Item = (Version, Position)> {
        let mut position = stream.last;
        (1..=stream.events).rev().map_while(move |version| {
            let here = position;
            let link = self.links.get(usize::try_from(here.checked_sub(1)?).ok()?)?;
            position = here.checked_sub(distance(*link))?;
            Some((Version(u64::from(version)), Position(here)))
        })
    }

    /// The first position at which the two lead elsewhere. None if they are the same.
    pub(super) fn difference(&self, other: &Self) -> Option<Position> {
        let (ours, theirs) = (self.links.pieces().flatten(), other.links.pieces().flatten());
        if let Some(at) = ours.zip(theirs).position(|(ours, theirs)| ours != theirs) {
            return Some(Position(u64::try_from(at).unwrap_or(u64::MAX)).next());
        }
        let (ours, theirs) = (self.streams.pieces().flatten(), other.streams.pieces().flatten());
        let same = |ours: &Stream, theirs: &Stream| {
            (ours.last, ours.events) == (theirs.last, theirs.events)
                && self.name(ours) == other.name(theirs)
        };
        let differs = ours.zip(theirs).find(|(ours, theirs)| !same(ours, theirs));
        let length = (self.links.len(), self.streams.len());
        let shorter = self.position().min(other.position()).next();
        let longer = (length != (other.links.len(), other.streams.len())).then_some(shorter);
        differs.map(|(ours, _)| Position(ours.last)).or(longer)
    }

    fn add_name(&mut self, name: &str) -> Result<u64, String> {
        let length = u8::try_from(name.len()).map_err(|_| "a stream's name is too long")?;
        let needed = name.len().saturating_add(1);
        let fits = |piece: &Arc<Vec<u8>>| piece.len().saturating_add(needed) <= NAMES_BYTES;
        if !self.names.last().is_some_and(fits) {
            self.names.push(Arc::new(Vec::with_capacity(NAMES_BYTES)));
        }
        let piece = u64::try_from(self.names.len().saturating_sub(1)).unwrap_or(u64::MAX);
        let mut offset = 0;
        if let Some(names) = self.names.last_mut().map(Arc::make_mut) {
            offset = u64::try_from(names.len()).unwrap_or(u64::MAX);
            names.push(length);
            names.extend_from_slice(name.as_bytes());
        }
        Ok(piece << 16 | offset)
    }
}

impl Index {
    /// How many events the stream holds.
    pub(super) fn version(&self, stream: &str) -> Version {
        let stream = self.find(stream).and_then(|number| self.stream(number));
        Version(stream.map_or(0, |stream| u64::from(stream.events)))
    }

    /// How many streams there are.
    pub(super) fn streams(&self) -> usize {
        self.rows.streams.len()
    }

    /// The last position that is indexed.
    pub(super) fn position(&self) -> Position {
        self.rows.position()
    }

    /// What is to be written down, as it is now.
    pub(super) fn rows(&self) -> Rows {
        self.rows.clone()
    }

    /// Takes the next event of the log, if its version follows in its stream without a gap.
    pub(super) fn add(
        &mut self,
        stream: &str,
        version: Version,
        position: Position,
    ) -> Result<(), String> {
        let found = self.find(stream);
        let known = found.and_then(|number| self.stream(number)).copied();
        let expected = Version(known.map_or(0, |stream| u64::from(stream.events))).next();
        if version != expected {
            return Err(format!("stream {stream} continues with {version}, not {expected}"));
        }
        if position != self.position().next() {
            return Err(format!("the event at {position} does not follow {}", self.position()));
        }
        let events = u32::try_from(version.0).map_err(|_| "the stream is too long")?;
        let back = known.map_or(0, |known| position.0.saturating_sub(known.last));
        let link = link(back).ok_or("the event before it in its stream is too far back")?;
        match found.and_then(|number| self.rows.streams.get_mut(usize_of(number))) {
            Some(stream) => (stream.last, stream.events) = (position.0, events),
            None => self.add_stream(stream, position.0, events)?,
        }
        self.rows.links.push(link);
        Ok(())
    }

    /// The positions of the events above `after`, at most `limit`.
    pub(super) fn positions(&self, stream: &str, after: Version, limit: usize) -> Vec<Position> {
        let Some(stream) = self.find(stream).and_then(|number| self.stream(number)) else {
            return Vec::new();
        };
        let end = after.0.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
        let wanted = self.rows.events(stream).skip_while(|(version, _)| version.0 > end);
        let wanted = wanted.take_while(|(version, _)| *version > after);
        let mut positions: Vec<_> = wanted.map(|(_, position)| position).collect();
        positions.reverse();
        positions
    }

    /// Adds up a number for each event up to `through` of the `count` streams from `first` on: the
    /// log's own events must come to the same sum.
    pub(super) fn sum(&self, first: usize, count: usize, through: Position) -> u64 {
        let streams = (first..first.saturating_add(count)).map_while(|number| {
            let stream = self.rows.streams.get(number)?;
            let name = self.rows.name(stream);
            let events = self.rows.events(stream).filter(|(_, position)| *position <= through);
            let marks = events.map(|(version, position)| self.mark(name, version, position));
            Some(marks.fold(0, u64::wrapping_add))
        });
        streams.fold(0, u64::wrapping_add)
    }

    /// The number that stands for one event in a sum.
    pub(super) fn mark(&self, stream: &[u8], version: Version, position: Position) -> u64 {
        self.hasher.hash_one((stream, version.0, position.0))
    }

    /// An index that is to be loaded from where it was written down, with room for `streams`.
    pub(super) fn with_room(streams: usize) -> Self {
        Self { table: HashTable::with_capacity(streams), ..Self::default() }
    }

    /// Takes over the links of the next positions, [`LINKS`] of them or the last ones.
    pub(super) fn load_links(&mut self, links: Vec<Link>) -> Result<(), String> {
        let before = (self.position().0..).zip(&links);
        if before.into_iter().any(|(before, link)| distance(*link) > before) {
            return Err("a link points before the beginning".to_owned());
        }
        self.rows.links.push_piece(links).ok_or_else(|| "too many links at once".to_owned())
    }

    /// Takes over a stream from where it was written down, after all links.
    pub(super) fn load_stream(&mut self, name: &str, last: u64, events: u32) -> Result<(), String> {
        if last == 0 || events == 0 || last > self.position().0 {
            return Err(format!("stream {name} cannot be"));
        }
        self.add_stream(name, last, events)
    }

    /// Adds a stream that is not there.
    fn add_stream(&mut self, name: &str, last: u64, events: u32) -> Result<(), String> {
        let number = u32::try_from(self.streams()).map_err(|_| "there are too many streams")?;
        let hash = self.hash(name.as_bytes());
        let rows = &self.rows;
        let at = |number: u32| rows.streams.get(usize_of(number));
        let is_it = |number: &u32| {
            at(*number).is_some_and(|it| it.hash == hash && rows.name(it) == name.as_bytes())
        };
        let rehash = |number: &u32| at(*number).map_or(0, |it| spread(it.hash));
        match self.table.entry(spread(hash), is_it, rehash) {
            Entry::Occupied(_) => return Err(format!("stream {name} is there twice")),
            Entry::Vacant(room) => room.insert(number),
        };
        let name = self.rows.add_name(name)?;
        self.rows.streams.push(Stream { name, last, events, hash });
        Ok(())
    }

    fn find(&self, name: &str) -> Option<u32> {
        let hash = self.hash(name.as_bytes());
        let is_it = |number: &u32| {
            let stream = self.stream(*number);
            stream.is_some_and(|it| it.hash == hash && self.rows.name(it) == name.as_bytes())
        };
        self.table.find(spread(hash), is_it).copied()
    }

    fn stream(&self, number: u32) -> Option<&Stream> {
        self.rows.streams.get(usize_of(number))
    }

    /// Keyed by chance, since the names are others' choice.
    fn hash(&self, name: &[u8]) -> u32 {
        let [a, b, c, d, ..] = self.hasher.hash_one(name).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

/// Makes of a stored hash one that is good in all its bits.
const fn spread(hash: u32) -> u64 {
    let [a, b, c, d] = hash.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0]).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn link(back: u64) -> Option<Link> {
    let [0, 0, 0, link @ ..] = back.to_be_bytes() else { return None };
    Some(link)
}

fn distance(link: Link) -> u64 {
    link.into_iter().fold(0, |distance, byte| distance << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_follows_is_taken() {
        let mut index = Index::default();
        index.add("a", Version(1), Position(1)).unwrap();
        for (stream, version, position) in [("a", 1, 2), ("a", 3, 2), ("b", 2, 2), ("b", 1, 3)] {
            index.add(stream, Version(version), Position(position)).unwrap_err();
        }
        index.add("b", Version(1), Position(2)).unwrap();
        assert_eq!((index.streams(), index.position()), (2, Position(2)));
    }

    #[test]
    fn a_link_reaches_as_far_as_five_bytes() {
        for back in [0, 1, (1 << 40) - 1] {
            assert_eq!(distance(link(back).unwrap()), back);
        }
        assert_eq!(link(1 << 40), None);
    }

    proptest! {
        #[test]
        fn every_stream_has_its_positions_in_order_and_the_sums_agree(
            owners in prop::collection::vec(0..40_u32, 0..400),
            after in 0..12_usize,
            limit in 0..12_usize,
        ) {
            let mut index = Index::default();
            let mut model = BTreeMap::<String, Vec<Position>>::new();
            let mut sum = 0_u64;
            for owner in owners {
                let name = format!("account-{owner}");
                let position = index.position().next();
                let positions = model.entry(name.clone()).or_default();
                positions.push(position);
                let version = Version(u64::try_from(positions.len()).unwrap());
                index.add(&name, version, position).unwrap();
                sum = sum.wrapping_add(index.mark(name.as_bytes(), version, position));
            }
            for (name, positions) in &model {
                let events = u64::try_from(positions.len()).unwrap();
                prop_assert_eq!(index.version(name), Version(events));
                prop_assert_eq!(&index.positions(name, Version::EMPTY, usize::MAX), positions);
                let some: Vec<_> =
                    positions.iter().copied().skip(after).take(limit).collect();
                let after = Version(u64::try_from(after).unwrap());
                prop_assert_eq!(index.positions(name, after, limit), some);
            }
            prop_assert_eq!(index.streams(), model.len());
            prop_assert_eq!(index.version("nobody"), Version::EMPTY);
            let parts = [(0, 7), (7, 20), (27, usize::MAX)];
            let parts = parts.map(|(first, count)| index.sum(first, count, index.position()));
            prop_assert_eq!(parts.into_iter().fold(0, u64::wrapping_add), sum);
        }
    }
}
