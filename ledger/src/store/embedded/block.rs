//! The payload of a block: up to 64 events, with what repeats among them written once.
//!
//! The layout is written down for auditors in `ledger/DESIGN.md`, "The embedded log on disk". A
//! change to it is a new format version.

use uuid::Uuid;

use crate::envelope::{NewEvent, Position, RecordedEvent, StreamName, Version};
use crate::ids::EventId;

/// The most events in one block.
pub const BLOCK_EVENTS_MAX: usize = 64;

/// A block takes no further event that might make it larger. An account that is not in memory costs
/// a block for each of its events, so a block is one page: of a row longer than 4,061 bytes SQLite
/// puts the rest on other pages, each of which is read by itself.
pub(super) const BLOCK_BYTES_MAX: usize = 4061 - ROW_BYTES;

/// What a row holds beside its payload's events and dictionaries, about.
const ROW_BYTES: usize = 64;

/// What an event takes at most beside its texts, about: its id, and numbers and lengths.
const EVENT_HEAD_BYTES: usize = 40;

/// What the number of a dictionary's entries takes at most: there are no more than events.
const DICTIONARY_HEAD_BYTES: usize = 2;

/// The events of one block while they are gathered.
#[derive(Default)]
pub(super) struct BlockBuilder<'a> {
    streams: Dictionary<'a>,
    kinds: Dictionary<'a>,
    metadata: Dictionary<'a>,
    events: Vec<u8>,
    count: usize,
}

/// Byte strings in the order of their first use. A block has so few that they are soon compared.
#[derive(Default)]
struct Dictionary<'a> {
    known: Vec<&'a [u8]>,
    entries: Vec<u8>,
}

impl<'a> Dictionary<'a> {
    fn place(&mut self, entry: &'a [u8]) -> u64 {
        let place = self.known.iter().position(|known| *known == entry);
        length(place.unwrap_or_else(|| {
            put_bytes(&mut self.entries, entry);
            self.known.push(entry);
            self.known.len().saturating_sub(1)
        }))
    }
}

impl<'a> BlockBuilder<'a> {
    /// Adds an event. Its position is not kept.
    pub(super) fn push(&mut self, event: EventView<'a>) {
        let stream = self.streams.place(event.stream.as_bytes());
        let kind = self.kinds.place(event.kind.as_bytes());
        let metadata = self.metadata.place(event.metadata);
        for number in [stream, event.version.0, kind, metadata] {
            put_varint(&mut self.events, number);
        }
        self.events.extend_from_slice(event.id.uuid().as_bytes());
        put_bytes(&mut self.events, event.data);
        self.count = self.count.saturating_add(1);
    }

    /// Does it take another event? It is asked as if nothing of that one were there already.
    pub(super) fn has_room(&self, stream: &StreamName, event: &NewEvent) -> bool {
        let texts = [stream.as_str().len(), event.kind.len(), event.metadata.len()];
        let more = texts.iter().fold(event.data.len(), |bytes, text| bytes.saturating_add(*text));
        let bytes = self.bytes().saturating_add(more).saturating_add(EVENT_HEAD_BYTES);
        self.count < BLOCK_EVENTS_MAX && bytes <= BLOCK_BYTES_MAX
    }

    const fn dictionaries(&self) -> [&Dictionary<'a>; 3] {
        [&self.streams, &self.kinds, &self.metadata]
    }

    fn bytes(&self) -> usize {
        self.dictionaries().iter().fold(self.events.len(), |bytes, dictionary| {
            bytes.saturating_add(dictionary.entries.len()).saturating_add(DICTIONARY_HEAD_BYTES)
        })
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.bytes());
        for dictionary in self.dictionaries() {
            put_varint(&mut payload, length(dictionary.known.len()));
            payload.extend_from_slice(&dictionary.entries);
        }
        payload.extend_from_slice(&self.events);
        payload
    }
}

/// One event in the bytes of others: of a decoded block, or of whoever has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventView<'a> {
    pub(super) position: Position,
    pub(super) stream: &'a str,
    pub(super) version: Version,
    kind: &'a str,
    id: EventId,
    data: &'a [u8],
    pub(super) metadata: &'a [u8],
}

impl<'a> EventView<'a> {
    /// An event that was read.
    pub(super) fn of(event: &'a RecordedEvent) -> Self {
        let RecordedEvent { position, stream, version, id, kind, data, metadata } = event;
        let (position, version, id) = (*position, *version, *id);
        Self { position, stream: stream.as_str(), version, kind, id, data, metadata }
    }

    /// An event that is to be written at `position` as `version` of `stream`.
    pub(super) fn new(
        position: Position,
        stream: &'a StreamName,
        version: Version,
        event: &'a NewEvent,
    ) -> Self {
        let NewEvent { id, kind, data, metadata } = event;
        Self { position, stream: stream.as_str(), version, kind, id: *id, data, metadata }
    }

    /// The same event, known to be at `position`.
    pub(super) const fn at(self, position: Position) -> Self {
        Self { position, ..self }
    }

    /// The event in memory of its own. Fails on a stream name that no writer could have written.
    pub(super) fn to_recorded(self) -> Result<RecordedEvent, BlockError> {
        Ok(RecordedEvent {
            position: self.position,
            stream: StreamName::new(self.stream).map_err(|_| BlockError("a stream name"))?,
            version: self.version,
            id: self.id,
            kind: self.kind.to_owned(),
            data: self.data.to_vec(),
            metadata: self.metadata.to_vec(),
        })
    }
}

/// The part of a payload that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} in the block's payload cannot be read")]
pub(super) struct BlockError(&'static str);

/// Reads a payload that should hold `count` events from position `first` on, and nothing else.
pub(super) fn decode(
    first: Position,
    count: usize,
    payload: &[u8],
) -> Result<Vec<EventView<'_>>, BlockError> {
    if count == 0 || count > BLOCK_EVENTS_MAX {
        return Err(BlockError("the number of events"));
    }
    let mut rest = Rest(payload);
    let streams = rest.dictionary("a stream name", text)?;
    let kinds = rest.dictionary("a type name", text)?;
    let metadata = rest.dictionary("metadata", Some)?;
    let mut events = Vec::with_capacity(count);
    let mut position = first;
    for _ in 0..count {
        events.push(EventView {
            position,
            stream: rest.entry(&streams, "a stream's place")?,
            version: Version(rest.varint("a version")?),
            kind: rest.entry(&kinds, "a type's place")?,
            metadata: rest.entry(&metadata, "a place of metadata")?,
            id: EventId::from_uuid(rest.uuid()?),
            data: rest.prefixed("an event's data")?,
        });
        position = position.next();
    }
    if rest.0.is_empty() { Ok(events) } else { Err(BlockError("what follows the last event")) }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize, what: &'static str) -> Result<&'a [u8], BlockError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(BlockError(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self, what: &'static str) -> Result<u64, BlockError> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = *self.take(1, what)? else { return Err(BlockError(what)) };
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits.wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BlockError(what))
    }

    fn prefixed(&mut self, what: &'static str) -> Result<&'a [u8], BlockError> {
        let bytes = usize::try_from(self.varint(what)?).map_err(|_| BlockError(what))?;
        self.take(bytes, what)
    }

    fn dictionary<T>(
        &mut self,
        what: &'static str,
        entry: impl Fn(&'a [u8]) -> Option<T>,
    ) -> Result<Vec<T>, BlockError> {
        let count = self.varint(what)?;
        let count = usize::try_from(count).map_err(|_| BlockError(what))?;
        // It has no more entries than the block has events, whatever damage says.
        let mut entries = Vec::with_capacity(count.min(BLOCK_EVENTS_MAX));
        for _ in 0..count {
            entries.push(entry(self.prefixed(what)?).ok_or(BlockError(what))?);
        }
        Ok(entries)
    }

    fn entry<T: Copy>(&mut self, entries: &[T], what: &'static str) -> Result<T, BlockError> {
        let place = usize::try_from(self.varint(what)?).map_err(|_| BlockError(what))?;
        entries.get(place).copied().ok_or(BlockError(what))
    }

    fn uuid(&mut self) -> Result<Uuid, BlockError> {
        Uuid::from_slice(self.take(16, "an event's id")?).map_err(|_| BlockError("an event's id"))
    }
}

/// A length as it is written. No length in memory is longer than 64 bits.
fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// LEB128: seven bits a byte, the least significant first, the top bit set while more follow.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, length(bytes.len()));
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(data: Vec<u8>, metadata: Vec<u8>) -> NewEvent {
        let id = EventId::from_uuid(Uuid::from_u128(7));
        NewEvent { id, kind: "payment-applied".to_owned(), data, metadata }
    }

    #[test]
    fn what_repeats_is_written_once() {
        let stream = StreamName::new("account-1").unwrap();
        let event = event(vec![1; 10], vec![2; 200]);
        let mut block = BlockBuilder::default();
        block.push(EventView::new(Position(1), &stream, Version(1), &event));
        let one = block.payload().len();
        block.push(EventView::new(Position(2), &stream, Version(2), &event));
        assert_eq!(block.payload().len(), one + 4 + 16 + 1 + 10);
    }

    proptest! {
        #[test]
        fn a_block_gives_back_what_it_was_given(
            events in prop::collection::vec(
                (0..3_u8, any::<u64>(), prop::collection::vec(any::<u8>(), 0..300)), 1..=64,
            ),
        ) {
            let given: Vec<_> = events
                .into_iter()
                .map(|(stream, version, data)| {
                    let metadata = data.iter().take(1).copied().collect();
                    let stream = StreamName::new(format!("account-{stream}")).unwrap();
                    (stream, Version(version), event(data, metadata))
                })
                .collect();
            let mut block = BlockBuilder::default();
            for (stream, version, event) in &given {
                block.push(EventView::new(Position::START, stream, *version, event));
            }
            let payload = block.payload();
            let read = decode(Position(41), given.len(), &payload).unwrap();
            let mut position = Position(40);
            for (view, (stream, version, event)) in read.into_iter().zip(&given) {
                position = position.next();
                let recorded = view.to_recorded().unwrap();
                prop_assert_eq!(recorded.position, position);
                prop_assert_eq!(&recorded.stream, stream);
                prop_assert_eq!(recorded.version, *version);
                prop_assert_eq!(recorded.id, event.id);
                prop_assert_eq!(&recorded.data, &event.data);
                prop_assert_eq!(&recorded.metadata, &event.metadata);
            }
        }

        #[test]
        fn rubbish_is_refused_and_never_a_panic(
            count in 0..70_usize, payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(events) = decode(Position(1), count, &payload) {
                prop_assert_eq!(events.len(), count);
            }
        }
    }
}
