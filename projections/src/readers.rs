//! Read-only connections, and one read transaction for each question.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::envelope::Position;
use rusqlite::Connection;

use crate::database::{checkpoint, open_reader};
use crate::error::QueryError;

/// How many connections are kept, and how many questions are answered at once.
pub(crate) const READERS_MAX: usize = 4;

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
    /// The position at which it reads.
    pub const fn position(&self) -> Position {
        self.position
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

    /// Asks within one read transaction. Blocks.
    pub(crate) fn read<T>(
        &self,
        ask: impl FnOnce(&Reader<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Answer<T>, QueryError> {
        let idle = self.idle().pop();
        let database = match idle {
            Some(database) => database,
            None => open_reader(&self.path)?,
        };
        let transaction = database.unchecked_transaction()?;
        // The first read is what fixes the snapshot.
        let position = checkpoint(&transaction)?.position;
        let value = ask(&Reader { database: &transaction, position })?;
        drop(transaction);
        let mut idle = self.idle();
        if idle.len() < READERS_MAX {
            idle.push(database);
        }
        Ok(Answer { value, read_position: position })
    }
}
