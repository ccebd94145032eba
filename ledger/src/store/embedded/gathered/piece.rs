//! One row of the copy of long streams: up to 64 events of one stream.

use rusqlite::{Connection, Row, params};

use super::super::block::{self, BlockBuilder, EventView};
use super::super::chain::{ChainHash, Head, sql_position};
use crate::envelope::{Position, RecordedEvent, StreamName, Version};
use crate::store::BoxError;

/// The most bytes of events in a row. Larger ones gain nothing, and would wait in memory.
const PIECE_BYTES_MAX: usize = 64 * 1024;

pub(super) const SCHEMA: &str = "
    CREATE TABLE pieces (
        stream TEXT NOT NULL,
        first_version INTEGER NOT NULL,
        events INTEGER NOT NULL,
        positions BLOB NOT NULL,
        log_position INTEGER NOT NULL,
        log_chain BLOB NOT NULL,
        crc32 INTEGER NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (stream, first_version)
    ) STRICT;
";

const INSERT: &str = "INSERT OR IGNORE INTO pieces (stream, first_version, events, positions,
         log_position, log_chain, crc32, payload)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// The columns of a row, as [`read`] takes them.
pub(super) const COLUMNS: &str =
    "stream, first_version, events, positions, log_position, log_chain, crc32, payload";

/// Up to 64 events of one stream, one after the other, as they are kept.
#[derive(Debug)]
pub(in super::super) struct Piece {
    stream: StreamName,
    first: Version,
    count: u32,
    /// 8 bytes each, the most significant first.
    positions: Vec<u8>,
    payload: Vec<u8>,
    /// The place of its last event in the log.
    pub(in super::super) last: Position,
}

/// The block of the log that a row names.
pub(super) fn head_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Head> {
    let position = Position(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(u64::MAX));
    Ok(Head { position, chain: ChainHash(row.get(column.saturating_add(1))?) })
}

/// The events of a row and the block that it names, if its sum is right and they are what it says.
pub(super) fn read<'a>(row: &'a Row<'_>) -> Result<(Head, Vec<EventView<'a>>), BoxError> {
    let stream = row.get_ref(0)?.as_str()?;
    let (first, count): (i64, u32) = (row.get(1)?, row.get(2)?);
    let (positions, payload) = (row.get_ref(3)?.as_blob()?, row.get_ref(7)?.as_blob()?);
    let (first, head) = (Version(u64::try_from(first)?), head_of(row, 4)?);
    if checksum(stream, (first, count), positions, head, payload) != row.get::<_, u32>(6)? {
        return Err(format!("the checksum of {stream} at {first} does not match").into());
    }
    let events = block::decode(Position::START, usize::try_from(count)?, payload)?;
    let mut version = first;
    let mut placed = Vec::with_capacity(events.len());
    let (positions, _) = positions.as_chunks();
    for (event, position) in events.into_iter().zip(positions) {
        if event.stream != stream || event.version != version {
            return Err(format!("what is stored as {stream} at {first} is something else").into());
        }
        placed.push(event.at(Position(u64::from_be_bytes(*position))));
        version = version.next();
    }
    Ok((head, placed))
}

impl Piece {
    /// Events of one stream, one after the other. None if they take too much room.
    pub(super) fn of(events: &[RecordedEvent]) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let bytes = |event: &RecordedEvent| event.data.len().saturating_add(event.metadata.len());
        let bytes = events.iter().fold(0_usize, |sum, event| sum.saturating_add(bytes(event)));
        if bytes > PIECE_BYTES_MAX {
            return None;
        }
        let mut builder = BlockBuilder::default();
        for event in events {
            builder.push(EventView::of(event));
        }
        Some(Self {
            stream: first.stream.clone(),
            first: first.version,
            count: u32::try_from(events.len()).ok()?,
            positions: events.iter().flat_map(|event| event.position.0.to_be_bytes()).collect(),
            payload: builder.payload(),
            last: last.position,
        })
    }

    /// Writes it, unless it is there, as made from a log that holds `head`.
    pub(in super::super) fn insert(&self, copy: &Connection, head: Head) -> rusqlite::Result<()> {
        let Self { stream, first, count, positions, payload, .. } = self;
        let stream = stream.as_str();
        let crc32 = checksum(stream, (*first, *count), positions, head, payload);
        let (first, position) = (sql_version(*first), sql_position(head.position));
        let chain = &head.chain.0[..];
        let values = params![stream, first, count, positions, position, chain, crc32, payload];
        copy.prepare_cached(INSERT)?.execute(values).map(drop)
    }
}

/// CRC-32 (as in zlib) of everything else in a row.
fn checksum(
    stream: &str,
    (first, count): (Version, u32),
    positions: &[u8],
    head: Head,
    payload: &[u8],
) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(stream.as_bytes());
    crc.update(&first.0.to_be_bytes());
    crc.update(&count.to_be_bytes());
    crc.update(positions);
    crc.update(&head.position.0.to_be_bytes());
    crc.update(&head.chain.0);
    crc.update(payload);
    crc.finalize()
}

/// A version as SQLite has it. None is so large.
pub(super) fn sql_version(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}
