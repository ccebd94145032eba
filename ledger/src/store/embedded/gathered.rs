//! Long streams once more, each in few places: a copy beside the log that is derived from it.
//!
//! In the log the events of an account lie where they came, each in a block with those of others: a
//! page that is read and checked for each of them. Whoever has read many that way leaves them here
//! (`gatherer.rs`), where 64 are one row, for whoever reads the stream next. The layout is in
//! `ledger/DESIGN.md`, "The embedded log on disk".
//!
//! The log is always right. A copy that was made of another log, or of more than this one holds,
//! and one that cannot be read are taken away; and where an event is, the log's own index says.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, Row, params};
use uuid::Uuid;

use super::block::{self, BLOCK_EVENTS_MAX, BlockBuilder, EventView};
use super::chain::{ChainHash, Head};
use super::file::{Access, BUSY_WAIT, open_reader, remove_companions};
use super::reader::{READERS_MAX, Reader};
use super::witness::Witness;
use crate::causes::with_causes;
use crate::envelope::{Position, RecordedEvent, StreamName, Version};
use crate::store::BoxError;

/// The copy's file in the data directory.
const FILE: &str = "streams.db";

/// The format that this build reads and writes.
const FORMAT: u32 = 1;

/// From how many events that are read at one go on they are looked for here, and left here.
const GATHERED_MIN: usize = 8;

const SCHEMA: &str = "
    CREATE TABLE meta (
        format INTEGER NOT NULL,
        log_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        chain BLOB NOT NULL
    ) STRICT;
    CREATE TABLE pieces (
        stream TEXT NOT NULL,
        first_version INTEGER NOT NULL,
        events INTEGER NOT NULL,
        crc32 INTEGER NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (stream, first_version)
    ) STRICT;
";

const INSERT: &str = "INSERT OR IGNORE INTO pieces (stream, first_version, events, crc32, payload)
     VALUES (?1, ?2, ?3, ?4, ?5)";

/// Those that hold events above `?2` less a piece's length, up to `?3`.
const OF_STREAM: &str = "SELECT first_version, events, crc32, payload FROM pieces
     WHERE stream = ?1 AND first_version > ?2 AND first_version <= ?3 ORDER BY first_version";

/// The copy, for readers.
#[derive(Debug)]
pub(super) struct Gathered {
    path: PathBuf,
    /// None once the copy is not read any more.
    idle: Mutex<Option<Vec<Connection>>>,
    /// None once nothing is added to it any more.
    pieces: Mutex<Option<SyncSender<Piece>>>,
}

/// What is here of what was asked for: the first events.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) events: Vec<RecordedEvent>,
    /// Would the event after them follow what is here without a gap?
    pub(super) goes_on: bool,
}

/// Up to 64 events of one stream, one after the other.
#[derive(Debug)]
pub(super) struct Piece {
    stream: StreamName,
    first: Version,
    count: u32,
    payload: Vec<u8>,
    /// The place of its last event in the log.
    pub(super) last: Position,
}

/// What the copy beside a log is, which readers of a server believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyState {
    /// There is none: streams are read from the log's blocks.
    Absent,
    /// It cannot be used, for this reason, and the next opening begins another one.
    LeftAside(String),
    /// It holds so many events, which are as the log has them.
    Fits(u64),
    /// It holds something else than the event at this position.
    Differs(Position),
}

/// Where the copy of streams beside the log in `directory` is.
fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// Opens the copy in `directory` to add to it, or begins another one if it does not fit the log.
pub(super) fn open(
    directory: &Path,
    log: &Reader,
    head: Head,
    pieces: SyncSender<Piece>,
) -> Result<(Gathered, Connection), BoxError> {
    let path = path(directory);
    let there = path.try_exists()?.then(|| open_fitting(&path, log, head));
    let connection = match there {
        Some(Ok(connection)) => connection,
        Some(Err(problem)) => {
            let problem = with_causes(problem.as_ref());
            tracing::warn!(problem, "the copy of long streams is left aside, and begun anew");
            begin(&path, log.log_id)?
        }
        None => begin(&path, log.log_id)?,
    };
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Whatever a power cut leaves is a state that it had.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let (idle, pieces) = (Mutex::new(Some(Vec::new())), Mutex::new(Some(pieces)));
    Ok((Gathered { path, idle, pieces }, connection))
}

/// Begins an empty copy in the place of whatever is there.
fn begin(path: &Path, log_id: Uuid) -> rusqlite::Result<Connection> {
    remove(path);
    let mut connection = Connection::open(path)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    let (start, genesis) = (Position::START, ChainHash::genesis(log_id));
    transaction.execute(
        "INSERT INTO meta (format, log_id, position, chain) VALUES (?1, ?2, ?3, ?4)",
        params![FORMAT, log_id.to_string(), number(start.0), &genesis.0[..]],
    )?;
    transaction.commit()?;
    Ok(connection)
}

fn open_fitting(path: &Path, log: &Reader, head: Head) -> Result<Connection, BoxError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    log.confirm(&known(&connection)?, head)?;
    Ok(connection)
}

/// What the copy knows of the log.
fn known(connection: &Connection) -> Result<Witness, BoxError> {
    let sql = "SELECT format, log_id, position, chain FROM meta";
    let (format, log_id, position, chain) = connection.query_row(sql, [], |row| {
        let log_id: String = row.get(1)?;
        let position = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(u64::MAX);
        Ok((row.get::<_, u32>(0)?, log_id, Position(position), ChainHash(row.get(3)?)))
    })?;
    if format != FORMAT {
        return Err(format!("it has format {format}, not {FORMAT}").into());
    }
    Ok(Witness { log_id: log_id.parse()?, position, chain })
}

/// Removes the copy, which others may have open.
fn remove(path: &Path) {
    let _gone = fs::remove_file(path);
    remove_companions(path);
}

impl Gathered {
    /// The events of each of `streams` above `after` that are here, as far as the log has a place
    /// for them: nothing of a stream of which few are wanted.
    pub(super) fn read(
        &self,
        streams: &[StreamName],
        after: Version,
        positions: &[Vec<Position>],
    ) -> Vec<Found> {
        let none = || Found { events: Vec::new(), goes_on: after == Version::EMPTY };
        let wanted = || streams.iter().zip(positions);
        if wanted().all(|(_, positions)| positions.len() < GATHERED_MIN) {
            return wanted().map(|_| none()).collect();
        }
        let read = self.with_connection(|connection| {
            let _snapshot = connection.unchecked_transaction()?;
            let look = |(stream, positions): (&StreamName, &Vec<Position>)| {
                if positions.len() < GATHERED_MIN {
                    return Ok(none());
                }
                find(connection, stream, after, positions)
            };
            wanted().map(look).collect::<Result<Vec<_>, BoxError>>()
        });
        // Nothing goes on where nothing can be read.
        read.unwrap_or_else(|| wanted().map(|_| Found::default()).collect())
    }

    /// Leaves events of one stream here that were read from the log, unless too much waits.
    pub(super) fn leave(&self, events: &[RecordedEvent]) {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        // A rest of some waits for more.
        let whole = events.chunks(BLOCK_EVENTS_MAX).filter(|piece| piece.len() >= GATHERED_MIN);
        for piece in whole {
            let (Some(sender), Some(piece)) = (pieces.as_ref(), Piece::of(piece)) else { return };
            match sender.try_send(piece) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => return,
                Err(TrySendError::Disconnected(_)) => *pieces = None,
            }
        }
    }

    /// Nothing is added from here on.
    pub(super) fn close(&self) {
        *self.pieces.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            idle.clear();
        }
    }

    fn with_connection<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, BoxError>,
    ) -> Option<T> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = idle.as_mut()?.pop();
        drop(idle);
        let opened = connection.map_or_else(|| open_reader(&self.path, Access::Shared), Ok);
        let answer = opened.map_err(BoxError::from).and_then(|connection| {
            let answer = read(&connection)?;
            Ok((answer, connection))
        });
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match (answer, idle.as_mut()) {
            (Ok((answer, connection)), Some(idle)) => {
                if idle.len() < READERS_MAX {
                    idle.push(connection);
                }
                Some(answer)
            }
            (Err(problem), Some(_)) => {
                *idle = None;
                drop(idle);
                self.give_up(problem.as_ref());
                None
            }
            // Another reader has given it up meanwhile.
            (_, None) => None,
        }
    }

    /// What cannot be read once is not believed again.
    fn give_up(&self, problem: &(dyn std::error::Error + 'static)) {
        *self.pieces.lock().unwrap_or_else(PoisonError::into_inner) = None;
        remove(&self.path);
        let problem = with_causes(problem);
        tracing::warn!(
            problem,
            path = %self.path.display(),
            "the copy of long streams is taken away: streams are read from the log, and the next \
             start begins another one"
        );
    }
}

/// The events of `stream` above `after` that are here, at most as many as there are `positions`.
fn find(
    connection: &Connection,
    stream: &StreamName,
    after: Version,
    positions: &[Position],
) -> Result<Found, BoxError> {
    let longest = u64::try_from(BLOCK_EVENTS_MAX).unwrap_or(u64::MAX);
    let from = after.0.saturating_sub(longest);
    let to = after.0.saturating_add(u64::try_from(positions.len()).unwrap_or(u64::MAX));
    let mut statement = connection.prepare_cached(OF_STREAM)?;
    let mut rows = statement.query(params![stream.as_str(), number(from), number(to)])?;
    let mut found = Found { events: Vec::new(), goes_on: after == Version::EMPTY };
    let mut next = after.next();
    while let Some(row) = rows.next()? {
        let events = events_of(stream, row)?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { continue };
        if first.version > next {
            break;
        }
        found.goes_on |= last.version.next() >= next;
        for event in events {
            if event.version == next
                && let Some(position) = positions.get(found.events.len())
            {
                found.events.push(event.at(*position).to_recorded()?);
                next = next.next();
            }
        }
    }
    Ok(found)
}

/// The events of a piece, if its sum is right and they are what it says that they are. Their
/// positions are not in it.
fn events_of<'a>(stream: &StreamName, row: &'a Row<'_>) -> Result<Vec<EventView<'a>>, BoxError> {
    let (first, count): (i64, u32) = (row.get(0)?, row.get(1)?);
    let first = Version(u64::try_from(first)?);
    let payload = row.get_ref(3)?.as_blob()?;
    if checksum(stream, first, count, payload) != row.get::<_, u32>(2)? {
        return Err(format!("the checksum of {stream} at {first} does not match").into());
    }
    let events = block::decode(Position::START, usize::try_from(count)?, payload)?;
    let mut version = first;
    for event in &events {
        if event.stream != stream.as_str() || event.version != version {
            return Err(format!("the piece of {stream} at {first} holds something else").into());
        }
        version = version.next();
    }
    Ok(events)
}

impl Piece {
    /// Events of one stream, one after the other, as they are kept.
    fn of(events: &[RecordedEvent]) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let mut builder = BlockBuilder::default();
        for event in events {
            builder.push(EventView::of(event));
        }
        Some(Self {
            stream: first.stream.clone(),
            first: first.version,
            count: u32::try_from(events.len()).ok()?,
            payload: builder.payload(),
            last: last.position,
        })
    }

    /// Writes it, unless it is there.
    pub(super) fn insert(&self, copy: &Connection) -> rusqlite::Result<()> {
        let Self { stream, first, count, payload, .. } = self;
        let crc32 = checksum(stream, *first, *count, payload);
        let values = params![stream.as_str(), number(first.0), count, crc32, payload];
        copy.prepare_cached(INSERT)?.execute(values).map(drop)
    }
}

/// Writes down how much of the log the copy is made from: no more than up to `head`.
pub(super) fn note(copy: &Connection, head: Head) -> rusqlite::Result<()> {
    let sql = "UPDATE meta SET position = ?1, chain = ?2";
    let Head { position, chain } = head;
    copy.prepare_cached(sql)?.execute(params![number(position.0), &chain.0[..]]).map(drop)
}

/// Compares the copy in `directory` with the log that `log` reads, as far as `head`.
pub(super) fn check(directory: &Path, log: &Reader, head: Witness) -> CopyState {
    let path = path(directory);
    if !path.exists() {
        return CopyState::Absent;
    }
    let compared = compare(&path, log, head);
    compared.unwrap_or_else(|problem| CopyState::LeftAside(with_causes(problem.as_ref())))
}

fn compare(path: &Path, log: &Reader, head: Witness) -> Result<CopyState, BoxError> {
    let connection = open_reader(path, Access::Shared)?;
    // One state of the copy: a server may add to it meanwhile.
    let _snapshot = connection.unchecked_transaction()?;
    let known = known(&connection)?;
    // Of a log that goes on meanwhile it may know more than was looked at.
    if known.position <= head.position {
        let Witness { position, chain, .. } = head;
        log.confirm(&known, Head { position, chain })?;
    }
    let sql = "SELECT first_version, events, crc32, payload, stream FROM pieces";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut same = 0_u64;
    while let Some(row) = rows.next()? {
        let stream = StreamName::new(row.get::<_, String>(4)?)?;
        let events = events_of(&stream, row)?;
        let Some(first) = events.first() else { continue };
        let logged = log.logged(&stream, first.version.before(), events.len())?;
        for (event, logged) in events.into_iter().zip(&logged) {
            if event.at(logged.position) != EventView::of(logged) {
                return Ok(CopyState::Differs(logged.position));
            }
            same = same.saturating_add(1);
        }
    }
    Ok(CopyState::Fits(same))
}

/// CRC-32 (as in zlib) of the stream's name, the first version, the number of events and those.
fn checksum(stream: &StreamName, first: Version, count: u32, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(stream.as_str().as_bytes());
    crc.update(&first.0.to_be_bytes());
    crc.update(&count.to_be_bytes());
    crc.update(payload);
    crc.finalize()
}

/// A number as SQLite has it. None is so large.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
