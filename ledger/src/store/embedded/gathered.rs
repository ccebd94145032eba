//! Long streams once more, each in few places: a copy beside the log that is derived from it.
//!
//! In the log the events of an account lie where they came, each in a block with those of others: a
//! page that is read and checked for each of them. Whoever has read many that way leaves them here
//! (`gatherer.rs`), up to 64 in a row, for whoever reads the stream next. The layout is in
//! `ledger/DESIGN.md`, "The embedded log on disk".
//!
//! The log is always right. Each row names a block of the log that there was when it was written:
//! rows of another log, or of one that went on otherwise, are not believed. Nor is one whose sum is
//! wrong, or whose events are elsewhere than the log's own index says.

mod check;
mod piece;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use super::block::BLOCK_EVENTS_MAX;
use super::chain::{ChainHash, Head};
use super::file::{Access, beside, open_reader, remove_companions};
use super::place::Place;
use super::reader::{READERS_MAX, Reader};
use crate::causes::with_causes;
use crate::envelope::{Position, RecordedEvent, StreamName, Version};
use crate::store::{BoxError, ReadError};
pub use check::CopyState;
pub(super) use check::check;
pub(super) use piece::Piece;
use piece::{COLUMNS, SCHEMA, head_of, sql_version};

/// The copy's file in the data directory.
const FILE: &str = "streams.db";

/// The format that this build reads and writes: the file's `user_version`.
const FORMAT: u32 = 1;

/// From how many events that are read at one go on they are looked for here, and left here.
const GATHERED_MIN: usize = 8;

/// How many blocks of the log are known to be as rows say, at most: some megabytes.
const CONFIRMED_MAX: usize = 65_536;

/// Nothing is added while less is free on the disk: the log needs it.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// How long what is added waits for somebody who has locked the copy, or reads it.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// The copy, for readers.
#[derive(Debug)]
pub(super) struct Gathered {
    path: PathBuf,
    place: Place,
    /// None once the copy is not read any more.
    idle: Mutex<Option<Vec<Connection>>>,
    /// None once nothing is added to it any more.
    pieces: Mutex<Option<SyncSender<Piece>>>,
    /// Ends of blocks of the log that rows have named rightly.
    confirmed: Mutex<BTreeMap<Position, ChainHash>>,
}

/// What is here of what was asked for: the first events.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) events: Vec<RecordedEvent>,
    /// Would the event after them follow what is here without a gap?
    pub(super) goes_on: bool,
}

/// Where the copy of streams beside the log in `directory` is.
fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the copy in `directory` to add to it, or begins another one if it does not fit the log.
pub(super) fn open(
    directory: &Path,
    log: &Reader,
    pieces: SyncSender<Piece>,
) -> Result<(Gathered, Connection), BoxError> {
    let path = path(directory);
    let there = path.try_exists()?.then(|| open_fitting(&path, log));
    let connection = match there {
        Some(Ok(connection)) => connection,
        Some(Err(problem)) => {
            let problem = with_causes(problem.as_ref());
            tracing::warn!(problem, "the copy of long streams is left aside, and begun anew");
            begin(&path)?
        }
        None => begin(&path)?,
    };
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Whatever a power cut leaves is a state that it had.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let (idle, pieces) = (Mutex::new(Some(Vec::new())), Mutex::new(Some(pieces)));
    let (place, confirmed) = (Place::of_file(&path), Mutex::default());
    Ok((Gathered { path, place, idle, pieces, confirmed }, connection))
}

/// Begins an empty copy in the place of whatever is there.
fn begin(path: &Path) -> rusqlite::Result<Connection> {
    remove(path);
    let mut connection = Connection::open(path)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    Ok(connection)
}

fn open_fitting(path: &Path, log: &Reader) -> Result<Connection, BoxError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    check_format(&connection)?;
    let sql = "SELECT log_position, log_chain FROM pieces ORDER BY rowid DESC LIMIT 1";
    let last = connection.query_row(sql, [], |row| head_of(row, 0)).optional()?;
    if let Some(last) = last {
        confirm(log, last)?;
    }
    Ok(connection)
}

fn check_format(connection: &Connection) -> Result<(), BoxError> {
    let sql = "SELECT user_version FROM pragma_user_version";
    let format: u32 = connection.query_row(sql, [], |row| row.get(0))?;
    if format == FORMAT {
        Ok(())
    } else {
        Err(format!("it has format {format}, not {FORMAT}").into())
    }
}

/// Fails if the log has no block that ends so.
fn confirm(log: &Reader, named: Head) -> Result<(), BoxError> {
    let Head { position, .. } = named;
    if log.witness(position)? == named.witness(log.log_id) {
        Ok(())
    } else {
        Err(format!("the log up to position {position} is not what it was made from").into())
    }
}

/// Removes the copy, which others may have open.
fn remove(path: &Path) {
    let _gone = fs::remove_file(path);
    remove_companions(path);
}

impl Gathered {
    /// The events of each of `streams` above `after` that are here, as far as `log` has them at
    /// `positions`: nothing of a stream of which few are wanted.
    pub(super) fn read(
        &self,
        log: &Reader,
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
                self.find(connection, log, stream, (after, positions))
            };
            wanted().map(look).collect::<Result<Vec<_>, BoxError>>()
        });
        // Nothing goes on where nothing can be read.
        read.unwrap_or_else(|| wanted().map(|_| Found::default()).collect())
    }

    /// The events of `stream` above a version that are here, as far as they are at `positions`.
    fn find(
        &self,
        connection: &Connection,
        log: &Reader,
        stream: &StreamName,
        (after, positions): (Version, &[Position]),
    ) -> Result<Found, BoxError> {
        // From a whole row before what is wanted on.
        let longest = u64::try_from(BLOCK_EVENTS_MAX).unwrap_or(u64::MAX);
        let wanted = u64::try_from(positions.len()).unwrap_or(u64::MAX);
        let from = sql_version(Version(after.0.saturating_sub(longest)));
        let to = sql_version(Version(after.0.saturating_add(wanted)));
        let sql = format!(
            "SELECT {COLUMNS} FROM pieces WHERE stream = ?1
             AND first_version > ?2 AND first_version <= ?3 ORDER BY first_version"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![stream.as_str(), from, to])?;
        let mut found = Found { events: Vec::new(), goes_on: after == Version::EMPTY };
        let mut next = after.next();
        while let Some(row) = rows.next()? {
            let (head, events) = piece::read(row)?;
            let (Some(first), Some(last)) = (events.first(), events.last()) else { continue };
            if first.version > next {
                break;
            }
            self.confirm_once(log, head)?;
            found.goes_on |= last.version.next() >= next;
            for event in events {
                let Some(position) = positions.get(found.events.len()) else { break };
                if event.version != next {
                    continue;
                }
                if event.position != *position {
                    // The log, which says so, has the word, and the damage if it is that.
                    return Ok(Found { goes_on: false, ..found });
                }
                found.events.push(event.to_recorded()?);
                next = next.next();
            }
        }
        Ok(found)
    }

    fn confirm_once(&self, log: &Reader, named: Head) -> Result<(), BoxError> {
        if lock(&self.confirmed).get(&named.position) == Some(&named.chain) {
            return Ok(());
        }
        confirm(log, named)?;
        let mut confirmed = lock(&self.confirmed);
        if confirmed.len() >= CONFIRMED_MAX {
            confirmed.clear();
        }
        confirmed.insert(named.position, named.chain);
        Ok(())
    }

    /// Leaves events of one stream here that were read from the log. False if no more is taken now.
    pub(super) fn leave(&self, events: &[RecordedEvent]) -> bool {
        let Some(pieces) = lock(&self.pieces).clone() else { return false };
        // A rest of some waits for more.
        let whole = events.chunks(BLOCK_EVENTS_MAX).filter(|piece| piece.len() >= GATHERED_MIN);
        for piece in whole.filter_map(Piece::of) {
            match pieces.try_send(piece) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => return false,
                Err(TrySendError::Disconnected(_)) => {
                    *lock(&self.pieces) = None;
                    return false;
                }
            }
        }
        true
    }

    /// Nothing is read or added from here on.
    pub(super) fn close(&self) {
        *lock(&self.pieces) = None;
        *lock(&self.idle) = None;
    }

    /// Is it read? Not once it was closed, or was found to be wrong.
    pub(super) fn is_read(&self) -> bool {
        lock(&self.idle).is_some()
    }

    /// Is nothing added any more?
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.pieces).is_none()
    }

    /// Is there room on the disk to add something?
    pub(super) fn has_room(&self) -> bool {
        let free = rustix::fs::statvfs(&self.path);
        free.is_ok_and(|free| free.f_bavail.saturating_mul(free.f_frsize) >= FREE_BYTES_MIN)
    }

    /// How large the write-ahead log of the copy is.
    pub(super) fn wal_bytes(&self) -> u64 {
        fs::metadata(beside(&self.path, "-wal")).map_or(0, |wal| wal.len())
    }

    /// Runs `read`, if the copy is there and can be read now.
    fn with_connection<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, BoxError>,
    ) -> Option<T> {
        let idle = lock(&self.idle).as_mut()?.pop();
        let opened = idle.map_or_else(|| self.connect(), Ok);
        let answer = opened.and_then(|connection| {
            let answer = read(&connection)?;
            Ok((answer, connection))
        });
        match answer {
            Ok((answer, connection)) => {
                // What was closed meanwhile is not kept.
                if let Some(idle) = lock(&self.idle).as_mut().filter(|it| it.len() < READERS_MAX) {
                    idle.push(connection);
                }
                Some(answer)
            }
            Err(problem) => {
                if !passes(problem.as_ref()) {
                    self.give_up(problem.as_ref());
                }
                None
            }
        }
    }

    fn connect(&self) -> Result<Connection, BoxError> {
        self.place.confirm()?;
        let connection = open_reader(&self.path, Access::Shared)?;
        // The log answers at once.
        connection.busy_timeout(Duration::ZERO)?;
        Ok(connection)
    }

    /// What was found to be wrong is not believed again, and takes no room.
    pub(super) fn give_up(&self, problem: &(dyn std::error::Error + 'static)) {
        *lock(&self.pieces) = None;
        if lock(&self.idle).take().is_none() {
            return;
        }
        // Another log's may lie in its place.
        if self.place.confirm().is_ok() {
            remove(&self.path);
        }
        let problem = with_causes(problem);
        tracing::warn!(
            problem,
            path = %self.path.display(),
            "the copy of long streams is taken away: streams are read from the log, and the next \
             start begins another one"
        );
    }
}

/// Does it say nothing of what is stored here? Nor does what the log cannot be asked, or is damaged
/// in.
fn passes(problem: &(dyn std::error::Error + 'static)) -> bool {
    if problem.is::<ReadError>() {
        return true;
    }
    let code = problem.downcast_ref().and_then(rusqlite::Error::sqlite_error_code);
    matches!(
        code,
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_taken_away_for_what_is_in_it_alone() {
        let sqlite = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        for passing in [rusqlite::ffi::SQLITE_CANTOPEN, rusqlite::ffi::SQLITE_BUSY] {
            assert!(passes(&sqlite(passing)), "{passing}");
        }
        let (position, cause) = (Position(7), "another block".to_owned());
        assert!(passes(&ReadError::Unavailable("no file handles".into())));
        assert!(passes(&ReadError::Damaged { position, cause }));
        for lasting in [rusqlite::ffi::SQLITE_CORRUPT, rusqlite::ffi::SQLITE_NOTADB] {
            assert!(!passes(&sqlite(lasting)), "{lasting}");
        }
        assert!(!passes(BoxError::from("a wrong sum").as_ref()));
    }
}
