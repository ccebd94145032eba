//! The hash chain over the blocks: what makes a later change to any of them visible.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::block::{self, EventView};
use super::fault::Fault;
use super::standby::Extent;
use super::witness::Witness;
use crate::envelope::Position;
use crate::hex;
use crate::text::stored_as_text;

/// The chain's value at the end of a block: it stands for every event up to there.
///
/// As text 64 hexadecimal digits, in lower case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash(pub [u8; 32]);

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::lower(self.0))
    }
}

/// A text that is no [`ChainHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chain hash is 64 hexadecimal digits")]
pub struct ChainHashError;

impl FromStr for ChainHash {
    type Err = ChainHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::bytes(&text.to_ascii_lowercase()).map(Self).ok_or(ChainHashError)
    }
}

stored_as_text!(ChainHash);

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ChainHash {
    /// The value before the first block. It depends on the log's id, so that no block of one log
    /// fits into another.
    pub(super) fn genesis(log_id: Uuid) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"payledger log\n");
        hash.update(log_id.as_bytes());
        Self(hash.finalize().into())
    }

    /// The value after one more block.
    pub(super) fn after(self, first: Position, count: u32, payload: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(first.0.to_be_bytes());
        hash.update(count.to_be_bytes());
        hash.update(payload);
        Self(hash.finalize().into())
    }
}

/// The checksum of a block: CRC-32 (as in zlib) over what the chain covers too, so that one block
/// can be checked on every read without its predecessor.
fn checksum(first: Position, count: u32, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&first.0.to_be_bytes());
    crc.update(&count.to_be_bytes());
    crc.update(payload);
    crc.finalize()
}

/// A row of the table `blocks`, as it is stored.
pub(super) struct Row<'a> {
    pub(super) first: Position,
    pub(super) count: u32,
    pub(super) checksum: u32,
    pub(super) chain: ChainHash,
    pub(super) payload: &'a [u8],
}

/// The columns of a [`Row`], in order.
pub(super) const ROW_COLUMNS: &str = "first_position, events, crc32, chain, payload";

const INSERT_ROW: &str = "INSERT INTO blocks (first_position, events, crc32, chain, payload)
     VALUES (?1, ?2, ?3, ?4, ?5)";

impl<'a> Row<'a> {
    /// A block that is written now.
    pub(super) fn new(first: Position, count: u32, chain: ChainHash, payload: &'a [u8]) -> Self {
        Self { first, count, checksum: checksum(first, count, payload), chain, payload }
    }

    /// A block that was written.
    pub(super) fn read(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            first: read_position(row)?,
            count: row.get(1)?,
            checksum: row.get(2)?,
            chain: ChainHash(row.get(3)?),
            payload: row.get_ref(4)?.as_blob()?,
        })
    }

    /// The events, if the checksum holds and the payload can be read.
    pub(super) fn events(&self) -> Result<Vec<EventView<'a>>, Fault> {
        let damaged = |cause: String| Fault::Damaged { position: self.first, cause };
        if checksum(self.first, self.count, self.payload) != self.checksum {
            return Err(damaged("the checksum of the block does not match".to_owned()));
        }
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        block::decode(self.first, count, self.payload).map_err(|error| damaged(error.to_string()))
    }

    /// What the block is in numbers.
    pub(super) fn extent(&self) -> Extent {
        let bytes = u64::try_from(self.payload.len()).unwrap_or(u64::MAX);
        Extent { blocks: 1, events: u64::from(self.count), bytes }
    }

    /// Adds the block to a log, inside a transaction that the caller has begun.
    pub(super) fn insert(&self, log: &Connection) -> rusqlite::Result<()> {
        let first = sql_position(self.first);
        let values = params![first, self.count, self.checksum, &self.chain.0[..], self.payload];
        log.prepare_cached(INSERT_ROW)?.execute(values).map(drop)
    }

    /// The place of the block's last event.
    pub(super) fn last(&self) -> Position {
        last_of(self.first, self.count)
    }
}

/// The position in the first column of `row`.
pub(super) fn read_position(row: &rusqlite::Row<'_>) -> rusqlite::Result<Position> {
    let stored: i64 = row.get(0)?;
    let outside = |_| rusqlite::Error::IntegralValueOutOfRange(0, stored);
    u64::try_from(stored).map(Position).map_err(outside)
}

/// The place of the last of `count` events from `first` on.
pub(super) fn last_of(first: Position, count: u32) -> Position {
    Position(first.0.saturating_add(u64::from(count)).saturating_sub(1))
}

/// How far a log has been followed, and the chain's value there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) position: Position,
    pub(super) chain: ChainHash,
}

impl Head {
    /// As others remember it.
    pub(super) const fn witness(self, log_id: Uuid) -> Witness {
        Witness { log_id, position: self.position, chain: self.chain }
    }

    /// Takes the next block if it follows without a gap and fits the chain.
    pub(super) fn follow(&mut self, row: &Row<'_>) -> Result<(), Fault> {
        let expected = self.position.next();
        if row.first != expected {
            let cause = format!("the next block starts at {}", row.first);
            return Err(Fault::Damaged { position: expected, cause });
        }
        let chain = self.chain.after(row.first, row.count, row.payload);
        if chain != row.chain {
            let cause = "the hash chain does not match".to_owned();
            return Err(Fault::Damaged { position: expected, cause });
        }
        *self = Self { position: row.last(), chain };
        Ok(())
    }
}

/// Reads the whole log in one snapshot, checks every block, and hands every event to `visit`. Gives
/// the head and the number of blocks.
pub(super) fn scan(
    connection: &Connection,
    log_id: Uuid,
    visit: impl FnMut(EventView<'_>) -> Result<(), String>,
) -> Result<(Head, u64), Fault> {
    let start = Head { position: Position::START, chain: ChainHash::genesis(log_id) };
    scan_after(connection, start, visit)
}

/// Does the same from the end of one block on. Before the first block nothing is left out: a block
/// below position 1 is damage.
pub(super) fn scan_after(
    connection: &Connection,
    start: Head,
    mut visit: impl FnMut(EventView<'_>) -> Result<(), String>,
) -> Result<(Head, u64), Fault> {
    let mut head = start;
    let mut blocks = 0_u64;
    let after =
        if head.position == Position::START { i64::MIN } else { sql_position(head.position) };
    let sql = format!(
        "SELECT {ROW_COLUMNS} FROM blocks WHERE first_position > ?1 ORDER BY first_position"
    );
    let at = |head: Head| move |error| Fault::reading(head.position.next(), error);
    let mut statement = connection.prepare(&sql).map_err(at(head))?;
    let mut rows = statement.query([after]).map_err(at(head))?;
    while let Some(row) = rows.next().map_err(at(head))? {
        let row = Row::read(row).map_err(at(head))?;
        let events = row.events()?;
        head.follow(&row)?;
        for event in events {
            let position = event.position;
            visit(event).map_err(|cause| Fault::Damaged { position, cause })?;
        }
        blocks = blocks.saturating_add(1);
    }
    Ok((head, blocks))
}

/// SQLite's integers are signed; no log reaches the positions beyond.
pub(super) fn sql_position(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}
