//! What an opening makes of the file: the index, and the head of the log.
//!
//! With an index that was written down and fits, only the end of the log is read and checked; what
//! lies before is the scrub's to check. Without one, or with one that does not fit, all of it is.

use std::path::Path;

use rusqlite::Connection;
use uuid::Uuid;

use super::chain::{ChainHash, Head, last_of, read_position, scan, scan_after, sql_position};
use super::fault::{Fault, OpenError};
use super::index::Index;
use super::index_file::{self, Unusable};
use super::witness::Witness;
use super::{Options, file, head_file};
use crate::causes::with_causes;
use crate::envelope::Position;

/// What was found.
pub(super) struct Recovered {
    pub(super) log_id: Uuid,
    pub(super) index: Index,
    pub(super) head: Head,
    /// How far the index on the disk reaches.
    pub(super) indexed: Position,
}

/// Opens the log at `path` in `directory` for writing, or begins a new one if nothing of an old one
/// is left, and finds its head. Refused if `HEAD` knows of more, or of something else.
pub(super) fn open(
    directory: &Path,
    path: &Path,
    options: Options,
) -> Result<(Connection, Recovered), OpenError> {
    let known = head_file::read(directory)?;
    let is_new = !path.try_exists().map_err(OpenError::io(path))?;
    if is_new {
        refuse_without_log(directory, path, known)?;
        file::create(path, options.log_id)?;
        tracing::info!(directory = %directory.display(), "there was no log: a new one is begun");
    }
    let connection = file::open_writer(path, options.pages_max)
        .map_err(|error| head_file::or_gone(directory, known.as_ref(), error))?;
    let log_id = file::log_id(&connection, path)?;
    let recovered = recover(&connection, directory, log_id, options.tail_events);
    let recovered = recovered.map_err(|fault| fault.into_open(path))?;
    let position = recovered.head.position;
    if let Some(known) = known {
        head_file::check(directory, &known, &recovered.head.witness(log_id), |at| {
            let end = block_end(&connection, log_id, at);
            Ok(end.map_err(|fault| fault.into_open(path))?.witness(log_id))
        })?;
        tracing::info!(%position, known = %known.position, "the log is as HEAD knows it");
    } else if !is_new {
        tracing::warn!(%position, "there is no HEAD: the log is taken to end where it does");
    }
    Ok((connection, recovered))
}

fn refuse_without_log(
    directory: &Path,
    path: &Path,
    known: Option<Witness>,
) -> Result<(), OpenError> {
    let wal = file::beside(path, "-wal");
    if wal.exists() {
        let cause = format!("{} is gone, but {} is there", path.display(), wal.display());
        return Err(OpenError::Damaged { position: Position::START.next(), cause });
    }
    known.map_or(Ok(()), |known| {
        Err(OpenError::LogGone { path: head_file::path(directory), known: known.position })
    })
}

/// Finds the index and the head. At least the last `tail_events` events are checked.
fn recover(
    connection: &Connection,
    directory: &Path,
    log_id: Uuid,
    tail_events: u64,
) -> Result<Recovered, Fault> {
    match index_file::read(directory, log_id) {
        Ok((index, end)) => match follow(connection, log_id, index, end, tail_events)? {
            Ok(recovered) => return Ok(recovered),
            Err(problem) => leave_aside(&problem),
        },
        Err(Unusable::Missing) => {}
        Err(problem) => leave_aside(&with_causes(&problem)),
    }
    let mut index = Index::default();
    let scanned =
        scan(connection, log_id, |event| index.add(event.stream, event.version, event.position));
    let (head, _) = scanned?;
    Ok(Recovered { log_id, index, head, indexed: Position::START })
}

fn leave_aside(problem: &str) {
    tracing::warn!(problem, "the index on the disk is left aside, and the whole log is read");
}

/// Goes on from an index that ends at `end`. The inner error says why it does not fit the log; the
/// log then has to say for itself whether it is whole.
fn follow(
    connection: &Connection,
    log_id: Uuid,
    mut index: Index,
    end: Head,
    tail_events: u64,
) -> Result<Result<Recovered, String>, Fault> {
    let last = match log_end(connection, log_id) {
        // All of the log is read then, which tells where it is damaged.
        Err(Fault::Damaged { cause, .. }) => return Ok(Err(cause)),
        last => last?.position,
    };
    if block_end(connection, log_id, end.position)? != end {
        return Ok(Err(format!("the log has no such block at position {}", end.position)));
    }
    let before = end.position.min(Position(last.0.saturating_sub(tail_events)));
    let start = block_end(connection, log_id, before)?;
    let scanned = scan_after(connection, start, |event| {
        if event.position > end.position {
            return index.add(event.stream, event.version, event.position);
        }
        let before = event.version.before();
        if index.positions(event.stream, before, 1) == [event.position] {
            Ok(())
        } else {
            Err(format!("it does not lead to the event at position {}", event.position))
        }
    });
    match scanned {
        Ok((head, _)) => Ok(Ok(Recovered { log_id, index, head, indexed: end.position })),
        // It may be the index that is wrong.
        Err(Fault::Damaged { cause, .. }) => Ok(Err(cause)),
        Err(fault @ Fault::Sqlite(_)) => Err(fault),
    }
}

/// The end of the last block, as the file has it.
pub(super) fn log_end(connection: &Connection, log_id: Uuid) -> Result<Head, Fault> {
    // Where it cannot be read, nobody knows how far the log goes.
    last_end(connection, log_id, Position(u64::MAX), Position::START.next())
}

/// The end of the last block at or before `at`, as the file has it.
pub(super) fn block_end(
    connection: &Connection,
    log_id: Uuid,
    at: Position,
) -> Result<Head, Fault> {
    last_end(connection, log_id, at, at)
}

/// The end of the last block at or before `at`; damage on the way to it is told at `told`.
fn last_end(
    connection: &Connection,
    log_id: Uuid,
    at: Position,
    told: Position,
) -> Result<Head, Fault> {
    let sql = "SELECT first_position, events, chain FROM blocks
         WHERE first_position <= ?1 ORDER BY first_position DESC LIMIT 2";
    let reading = |error| Fault::reading(told, error);
    let mut statement = connection.prepare_cached(sql).map_err(reading)?;
    let ends = statement.query_map([sql_position(at)], |row| {
        let position = last_of(read_position(row)?, row.get(1)?);
        Ok(Head { position, chain: ChainHash(row.get(2)?) })
    });
    for end in ends.map_err(reading)? {
        let end = end.map_err(reading)?;
        if end.position <= at {
            return Ok(end);
        }
    }
    Ok(Head { position: Position::START, chain: ChainHash::genesis(log_id) })
}
