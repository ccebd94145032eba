//! One read database: made, opened for its one writer or for readers, and moved forward.

use std::path::Path;

use ledger::envelope::Position;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use crate::columns::{key, position};
use crate::error::{FeedError, Poison};
use crate::fold::{Accounts, Batch, Decoded, Fold, FoldError};
use crate::schema::{FOLD_VERSION, tables, views};

const STATEMENTS_KEPT: usize = 64;

/// How far a read database has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) fold_version: i64,
    pub(crate) position: Position,
    pub(crate) witness: Option<String>,
}

/// Reads the checkpoint. Its table has the same shape in every version.
pub(crate) fn checkpoint(database: &Connection) -> Result<Checkpoint, rusqlite::Error> {
    database.prepare_cached("SELECT fold_version, position, witness FROM progress")?.query_row(
        [],
        |row| {
            Ok(Checkpoint {
                fold_version: row.get(0)?,
                position: position(row.get(1)?),
                witness: row.get(2)?,
            })
        },
    )
}

/// Opens a read database that is there, to read it.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    database.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(database)
}

/// Events that are folded and not committed. Dropped, they were never there.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    transaction: Transaction<'a>,
    position: Position,
}

/// Why a batch was not folded.
#[derive(Debug)]
pub(crate) enum BatchError {
    /// The event at that place in the batch cannot be folded.
    Poison(usize, Poison),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// The one writer of a read database.
#[derive(Debug)]
pub(crate) struct Writer {
    database: Connection,
    accounts: Accounts,
    position: Position,
}

impl Writer {
    /// Makes an empty read database.
    pub(crate) fn create(path: &Path) -> Result<Self, rusqlite::Error> {
        let mut writer = Self::connect(path)?;
        let transaction = writer.database.transaction()?;
        transaction.execute_batch(&tables())?;
        transaction.execute_batch(&views())?;
        transaction.execute("INSERT INTO progress VALUES (1, ?1, 0, NULL)", [FOLD_VERSION])?;
        transaction.commit()?;
        Ok(writer)
    }

    /// Opens a read database that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        let mut writer = Self::connect(path)?;
        writer.position = checkpoint(&writer.database)?.position;
        Ok(writer)
    }

    /// NORMAL is enough for what can be rebuilt: a power cut may take the last transactions, but
    /// always rows and checkpoint together.
    fn connect(path: &Path) -> Result<Self, rusqlite::Error> {
        let database = Connection::open(path)?;
        database.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        database.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000;",
        )?;
        Ok(Self { database, accounts: Accounts::default(), position: Position::START })
    }

    /// The last position that was folded.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    /// Folds `batch` and moves the checkpoint, in one transaction. At an event that cannot be
    /// folded, keeps those before it and stops there.
    pub(crate) fn apply(
        &mut self,
        batch: Batch,
        witness: impl Fn(Position) -> Option<String>,
    ) -> Result<(), FeedError> {
        let poison = match self.fold(&batch.events, &witness) {
            Ok(()) => batch.poison,
            Err(BatchError::Database(error)) => return Err(error.into()),
            Err(BatchError::Poison(index, cause)) => {
                let good = batch.events.get(..index).unwrap_or_default();
                match self.fold(good, &witness) {
                    Ok(()) => Some(cause),
                    Err(BatchError::Database(error)) => return Err(error.into()),
                    Err(BatchError::Poison(_, cause)) => Some(cause),
                }
            }
        };
        match poison {
            None => Ok(()),
            Some(cause) => Err(FeedError::Poisoned { position: self.position.next(), cause }),
        }
    }

    fn fold(
        &mut self,
        events: &[Decoded],
        witness: impl Fn(Position) -> Option<String>,
    ) -> Result<(), BatchError> {
        let staged = self.stage(events, witness);
        let committed = staged.and_then(Staged::commit);
        match committed {
            Ok(position) => self.position = position,
            Err(error) => {
                self.accounts.clear();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Folds without committing.
    pub(crate) fn stage(
        &mut self,
        events: &[Decoded],
        witness: impl Fn(Position) -> Option<String>,
    ) -> Result<Staged<'_>, BatchError> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.database.transaction_with_behavior(behavior)?;
        let mut fold = Fold::new(&transaction, &mut self.accounts);
        let mut position = self.position;
        for (index, event) in events.iter().enumerate() {
            if event.position != position.next() {
                return Err(BatchError::Poison(index, Poison::Gap { after: position }));
            }
            position = event.position;
            fold.apply(event).map_err(|error| match error {
                FoldError::Poison(cause) => BatchError::Poison(index, cause),
                FoldError::Database(error) => BatchError::Database(error),
            })?;
        }
        fold.flush()?;
        transaction
            .prepare_cached("UPDATE progress SET position = ?1, witness = ?2")?
            .execute(params![key(position), witness(position)])?;
        Ok(Staged { transaction, position })
    }
}

impl Staged<'_> {
    fn commit(self) -> Result<Position, BatchError> {
        self.transaction.commit()?;
        Ok(self.position)
    }
}
