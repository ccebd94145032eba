//! Reading: a few connections of their own, beside the writer and never in its way.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::block::EventView;
use super::chain::{Head, ROW_COLUMNS, Row, sql_position};
use super::fault::Fault;
use super::file::{Access, open_reader};
use super::gathered::Gathered;
use super::index::Index;
use super::recovery::block_end;
use super::witness::{Witness, WitnessError};
use crate::envelope::{Position, RecordedEvent, StreamName, Version};
use crate::store::ReadError;

/// The most reads at one time; further ones wait.
pub const READERS_MAX: usize = 4;

/// What all readers of one log share.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) path: PathBuf,
    pub(super) access: Access,
    pub(super) log_id: Uuid,
    pub(super) index: RwLock<Index>,
    pub(super) permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    /// The copy of long streams, if there is one.
    pub(super) gathered: Option<Arc<Gathered>>,
}

impl Reader {
    pub(super) fn new(path: PathBuf, access: Access, log_id: Uuid, index: Index) -> Self {
        let (index, idle) = (RwLock::new(index), Mutex::default());
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Self { path, access, log_id, index, permits, idle, gathered: None }
    }

    /// Runs `read` on an idle connection, or on a new one.
    pub(super) fn with_connection<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.path, self.access).map_err(Fault::Sqlite)?,
        };
        let answer = read(&connection);
        // A connection that failed is not used again: it may be what failed.
        if answer.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < READERS_MAX {
                idle.push(connection);
            }
        }
        answer
    }

    /// Closes the idle connections, so that the writer's is the last and takes the write-ahead log
    /// away.
    pub(super) fn close_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The events of one stream: only the rows that hold them are read.
    pub(super) fn stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let pages = self.pages(std::slice::from_ref(stream), after, limit)?;
        Ok(pages.into_iter().next().unwrap_or_default())
    }

    /// The first events of several streams. A block that holds events of many is read once.
    pub(super) fn streams(
        &self,
        streams: &[StreamName],
        limit: usize,
    ) -> Result<Vec<Vec<RecordedEvent>>, ReadError> {
        self.pages(streams, Version::EMPTY, limit)
    }

    /// The events of one stream as the log itself has them.
    pub(super) fn logged(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let streams = std::slice::from_ref(stream);
        let positions = self.positions(streams, after, limit);
        let mut pages = vec![Vec::new()];
        self.complete(&mut pages, &positions, streams, after)?;
        Ok(pages.pop().unwrap_or_default())
    }

    /// The events of each stream above `after`, at most `limit`: of long ones from the copy as far
    /// as they are there, and else from the log. Many that had to come from there are left for it.
    fn pages(
        &self,
        streams: &[StreamName],
        after: Version,
        limit: usize,
    ) -> Result<Vec<Vec<RecordedEvent>>, ReadError> {
        let positions = self.positions(streams, after, limit);
        let Some(gathered) = &self.gathered else {
            let mut pages = vec![Vec::new(); streams.len()];
            self.complete(&mut pages, &positions, streams, after)?;
            return Ok(pages);
        };
        let found = gathered.read(self, streams, after, &positions);
        let here = found.iter().map(|it| it.goes_on.then_some(it.events.len())).collect::<Vec<_>>();
        let mut pages = found.into_iter().map(|it| it.events).collect::<Vec<_>>();
        self.complete(&mut pages, &positions, streams, after)?;
        for (page, here) in pages.iter().zip(here) {
            let rest = here.and_then(|here| page.get(here..));
            if rest.is_some_and(|rest| !gathered.leave(rest)) {
                break;
            }
        }
        Ok(pages)
    }

    /// Where the events of each stream above `after` are, at most `limit`.
    fn positions(
        &self,
        streams: &[StreamName],
        after: Version,
        limit: usize,
    ) -> Vec<Vec<Position>> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        streams.iter().map(|stream| index.positions(stream.as_str(), after, limit)).collect()
    }

    /// Reads what is missing of each stream's events at `positions` from the log.
    fn complete(
        &self,
        pages: &mut [Vec<RecordedEvent>],
        positions: &[Vec<Position>],
        streams: &[StreamName],
        after: Version,
    ) -> Result<(), Fault> {
        let missing = pages.iter().zip(positions).enumerate().flat_map(|(place, (page, all))| {
            all.iter().skip(page.len()).map(move |position| (*position, place))
        });
        let mut wanted: Vec<_> = missing.collect();
        wanted.sort_unstable();
        self.collect(&wanted, streams, after, pages)
    }

    /// The events at the positions `wanted`, which are in order, each for the stream at its place:
    /// put behind those that its page has already.
    fn collect(
        &self,
        wanted: &[(Position, usize)],
        streams: &[StreamName],
        after: Version,
        pages: &mut [Vec<RecordedEvent>],
    ) -> Result<(), Fault> {
        let Some(&(first, _)) = wanted.first() else { return Ok(()) };
        self.with_connection(|connection| {
            // The locks are taken once for all blocks. It is rolled back: nothing was written.
            let begun = connection.unchecked_transaction();
            let _snapshot = begun.map_err(|error| Fault::reading(first, error))?;
            let mut wanted = wanted;
            while let Some(&(first, _)) = wanted.first() {
                wanted = at_block(connection, first, |row| {
                    let in_block = wanted.partition_point(|(position, _)| *position <= row.last());
                    let (here, rest) = wanted.split_at(in_block);
                    take_out(row, here, streams, after, pages)?;
                    Ok(rest)
                })?;
            }
            Ok(())
        })
    }

    /// The events above `after`, up to `head`.
    pub(super) fn all(
        &self,
        after: Position,
        head: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        if after >= head || limit == 0 {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {ROW_COLUMNS} FROM blocks WHERE first_position >= (
                 SELECT max(first_position) FROM blocks WHERE first_position <= ?1
             ) ORDER BY first_position"
        );
        let events = self.with_connection(|connection| {
            let mut events = Vec::new();
            let mut next = after.next();
            let at = |next| move |error| Fault::reading(next, error);
            let mut statement = connection.prepare_cached(&sql).map_err(at(next))?;
            let mut rows = statement.query([sql_position(next)]).map_err(at(next))?;
            while next <= head && events.len() < limit {
                let row = rows.next().map_err(at(next))?.ok_or_else(|| missing(next))?;
                let row = Row::read(row).map_err(at(next))?;
                if row.first > next || row.last() < next {
                    return Err(missing(next));
                }
                for event in row.events()? {
                    if event.position == next && next <= head && events.len() < limit {
                        let recorded = event.to_recorded();
                        events.push(recorded.map_err(|error| damaged(next, error.to_string()))?);
                        next = next.next();
                    }
                }
            }
            Ok(events)
        })?;
        Ok(events)
    }

    /// The end of the last block at or before `at`, with the chain's value there.
    pub(super) fn witness(&self, at: Position) -> Result<Witness, ReadError> {
        let log_id = self.log_id;
        let found = self.with_connection(|connection| block_end(connection, log_id, at))?;
        Ok(found.witness(log_id))
    }

    /// Checks what was known earlier against the log.
    pub(super) fn confirm(&self, witness: &Witness, head: Head) -> Result<(), WitnessError> {
        if witness.log_id != self.log_id {
            let (expected, found) = (witness.log_id, self.log_id);
            return Err(WitnessError::OtherLog { expected, found });
        }
        if witness.position > head.position {
            let (witness, head) = (witness.position, head.position);
            return Err(WitnessError::Ahead { witness, head });
        }
        let found = self.witness(witness.position)?;
        if found == *witness {
            Ok(())
        } else {
            Err(WitnessError::Different { position: witness.position })
        }
    }
}

/// Reads the block that holds `position`.
fn at_block<T>(
    connection: &Connection,
    position: Position,
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let sql = format!(
        "SELECT {ROW_COLUMNS} FROM blocks WHERE first_position <= ?1
         ORDER BY first_position DESC LIMIT 1"
    );
    let reading = |error| Fault::reading(position, error);
    let mut statement = connection.prepare_cached(&sql).map_err(reading)?;
    let found = statement
        .query_row(params![sql_position(position)], |row| {
            let row = Row::read(row)?;
            Ok(if row.last() < position { Err(missing(position)) } else { read(&row) })
        })
        .optional()
        .map_err(reading)?;
    found.unwrap_or_else(|| Err(missing(position)))
}

/// Takes the events at the positions `wanted` out of one block. The index names them; the block
/// itself says whose they are.
fn take_out(
    row: &Row<'_>,
    wanted: &[(Position, usize)],
    streams: &[StreamName],
    after: Version,
    pages: &mut [Vec<RecordedEvent>],
) -> Result<(), Fault> {
    let block = row.events()?;
    for &(position, place) in wanted {
        let (Some(stream), Some(page)) = (streams.get(place), pages.get_mut(place)) else {
            continue;
        };
        let version = page.last().map_or(after, |event| event.version).next();
        let at = usize::try_from(position.0.saturating_sub(row.first.0));
        let event = at.ok().and_then(|at| block.get(at));
        let is_it =
            |event: &&EventView<'_>| event.stream == stream.as_str() && event.version == version;
        let event = event.filter(is_it).ok_or_else(|| {
            damaged(position, format!("the event is not the one at {version} of stream {stream}"))
        })?;
        let recorded = event.to_recorded();
        page.push(recorded.map_err(|error| damaged(position, error.to_string()))?);
    }
    Ok(())
}

fn missing(position: Position) -> Fault {
    damaged(position, "no block holds the event".to_owned())
}

fn damaged(position: Position, cause: String) -> Fault {
    Fault::Damaged { position, cause }
}
