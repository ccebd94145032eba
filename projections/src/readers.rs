//! Read-only connections, and one read transaction for each question.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::envelope::Position;
use rusqlite::Connection;

use crate::database::{checkpoint, open_reader};
use crate::error::QueryError;

/// How many questions of callers are answered at once.
pub(crate) const CALLERS_MAX: usize = 4;

/// How many of the service's own are answered beside them: what is due, and the books.
pub(crate) const SERVICE_MAX: usize = 2;

/// After how many steps of SQLite's machine it is seen whether the asker has left: less than a
/// millisecond.
const STEPS_A_LOOK: i32 = 4096;

/// An answer and the position that it reflects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// All events up to this position, and no other, are in it.
    pub read_position: Position,
}

/// One read transaction: all that is asked of it is consistent at one position.
#[derive(Debug)]
pub struct Reader<'a> {
    pub(crate) database: &'a Connection,
    position: Position,
}

impl Reader<'_> {
    #[cfg(test)]
    pub(crate) const fn of(database: &Connection, position: Position) -> Reader<'_> {
        Reader { database, position }
    }

    /// The position at which it reads.
    pub const fn position(&self) -> Position {
        self.position
    }
}

/// Somebody who asks, for as long as it is kept: a question whose asker has left is broken off.
///
/// The question itself looks at the flag, which is its own. An interrupt from outside, as SQLite
/// offers it too, would be lost if it came before the first statement or between two, and would hit
/// the next question on the connection if it came too late.
#[derive(Debug)]
pub(crate) struct Asking(Arc<AtomicBool>);

impl Asking {
    pub(crate) fn begin() -> Self {
        Self(Arc::default())
    }

    /// What says that the asker has left.
    pub(crate) fn left(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The connections to one generation.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self) {
        self.idle().clear();
    }

    /// Asks within one read transaction, until the asker has left. Blocks.
    pub(crate) fn read<T>(
        &self,
        left: Arc<AtomicBool>,
        ask: impl FnOnce(&Reader<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Answer<T>, QueryError> {
        if left.load(Ordering::Relaxed) {
            return Err(QueryError::Ended);
        }
        let idle = self.idle().pop();
        let mut database = match idle {
            Some(database) => database,
            None => open_reader(&self.path)?,
        };
        // In the place of the last question's.
        database.progress_handler(STEPS_A_LOOK, Some(move || left.load(Ordering::Relaxed)))?;
        let transaction = database.unchecked_transaction()?;
        // The first read is what fixes the snapshot.
        let position = checkpoint(&transaction)?.position;
        let value = ask(&Reader { database: &transaction, position })?;
        drop(transaction);
        let mut idle = self.idle();
        if idle.len() < CALLERS_MAX.saturating_add(SERVICE_MAX) {
            idle.push(database);
        }
        Ok(Answer { value, read_position: position })
    }
}
