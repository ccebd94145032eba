//! One read database: made, opened for its one writer or for readers, and moved forward.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ledger::causes::with_causes;
use ledger::envelope::Position;
use ledger::store::embedded::{immutable_uri, no_wal};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use crate::columns::{key, position};
use crate::error::{FeedError, Poison, is_damage};
use crate::fold::{Batch, Decoded, Fold, FoldError, Rows};
use crate::pages::{Pages, lock};
use crate::schema::{FOLD_VERSION, INDEXES, tables, views};

const STATEMENTS_KEPT: usize = 64;

/// How many events are folded in one transaction, at most: an account and a payment are written
/// once a transaction, however often they were touched, and so is a page.
pub(crate) const BATCH_EVENTS_MAX: usize = 16_384;

/// How many events are folded in bulk, at most: the keys of their payments are kept in memory, some
/// 29 bytes each.
const BULK_EVENTS_MAX: u64 = 16_000_000;

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
    keep_statements(&database)?;
    Ok(database)
}

/// Prepares each statement once. Otherwise SQLite plans many of them anew for each value that is
/// bound, which takes ten times as long as to find a row by it.
fn keep_statements(database: &Connection) -> Result<(), rusqlite::Error> {
    database.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Opens a read database that is there, to look at it: from a directory that the caller may only
/// read, too, where the files that SQLite shares with a writer cannot be made. With no write-ahead
/// log there is nothing that they could tell.
pub(crate) fn open_to_inspect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let shared = open_reader(path).and_then(|database| checkpoint(&database).map(|_| database));
    match shared {
        Err(error) if !is_damage(&error) && no_wal(path) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable_uri(path), flags)
        }
        opened => opened,
    }
}

/// How a file is written that others read. NORMAL is enough for what can be rebuilt: a power cut
/// may take the last transactions, but always rows and checkpoint together. What a long reader made
/// the write-ahead log grow to is given back once it starts over. It is copied into the file by
/// [`Pages`] alone.
const LIVE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                    PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 134217728;";

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let database = Connection::open(path)?;
    keep_statements(&database)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    database.execute_batch("PRAGMA cache_size = -65536;")?;
    Ok(database)
}

/// Makes what an empty file holds, with the indexes that are made now; whole or not at all, since
/// whoever finds a checkpoint goes on from it.
fn make(database: &Connection, indexes: &str) -> Result<(), rusqlite::Error> {
    database.execute_batch("BEGIN")?;
    database.execute_batch(&tables())?;
    database.execute_batch(&views())?;
    database.execute_batch(indexes)?;
    database.execute("INSERT INTO progress VALUES (1, ?1, 0, NULL)", [FOLD_VERSION])?;
    database.execute_batch("COMMIT")
}

/// The names of the tables, indexes and views in a file, each with its kind.
pub(crate) fn names(database: &Connection) -> Result<BTreeSet<(String, String)>, rusqlite::Error> {
    let mut names = database.prepare("SELECT type, name FROM sqlite_master")?;
    names.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The names that there must be.
pub(crate) fn all_names() -> Result<BTreeSet<(String, String)>, rusqlite::Error> {
    let empty = Connection::open_in_memory()?;
    make(&empty, INDEXES)?;
    names(&empty)
}

fn pages_of(path: &Path, database: &Connection) -> rusqlite::Result<Option<Arc<Mutex<Pages>>>> {
    Pages::open(path, database).map(|pages| Some(Arc::new(Mutex::new(pages))))
}

/// Events that are folded and not committed. Dropped, they were never there.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    transaction: Transaction<'a>,
    position: Position,
}

/// The one writer of a read database.
#[derive(Debug)]
pub(crate) struct Writer {
    database: Connection,
    rows: Rows,
    position: Position,
    /// Set while the file is filled in bulk: up to there.
    bulk: Option<Position>,
    /// None of a file without a name. Let go after the database is closed.
    pages: Option<Arc<Mutex<Pages>>>,
}

impl Writer {
    /// Makes an empty read database.
    pub(crate) fn create(path: &Path) -> Result<Self, rusqlite::Error> {
        let database = connect(path)?;
        database.execute_batch(LIVE)?;
        make(&database, INDEXES)?;
        let pages = pages_of(path, &database)?;
        let rows = Rows::default();
        Ok(Self { database, rows, position: Position::START, bulk: None, pages })
    }

    /// Makes an empty read database that nobody reads before it holds `until`, and that is thrown
    /// away if the process ends before: nothing is synced, and the indexes are made last.
    pub(crate) fn create_in_bulk(path: &Path, until: Position) -> Result<Self, rusqlite::Error> {
        if until == Position::START {
            return Self::create(path);
        }
        let mut writer = Self::fill(path)?;
        writer.pages = pages_of(path, &writer.database)?;
        writer.bulk = Some(until.min(Position(BULK_EVENTS_MAX)));
        Ok(writer)
    }

    fn fill(path: &Path) -> Result<Self, rusqlite::Error> {
        let database = connect(path)?;
        database.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")?;
        make(&database, "")?;
        let (rows, position, bulk) = (Rows::in_bulk(), Position::START, Some(Position(u64::MAX)));
        Ok(Self { database, rows, position, bulk, pages: None })
    }

    /// Makes an empty read database without indexes in a temporary file of SQLite's, which has no
    /// name, so that it goes with the process however that ends.
    pub(crate) fn create_unnamed() -> Result<Self, rusqlite::Error> {
        Self::fill(Path::new(""))
    }

    /// Opens a read database that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        let database = connect(path)?;
        database.execute_batch(LIVE)?;
        let position = checkpoint(&database)?.position;
        let pages = pages_of(path, &database)?;
        Ok(Self { database, rows: Rows::default(), position, bulk: None, pages })
    }

    /// Makes the file what it would be if it had not been filled in bulk, and syncs all of it.
    fn end_bulk(&mut self) -> Result<(), rusqlite::Error> {
        // The sync at the end of the transaction covers what was written before it, too.
        self.database.execute_batch("PRAGMA synchronous = FULL; PRAGMA threads = 2; BEGIN")?;
        self.rows.write_out(&self.database)?;
        self.database.execute_batch(INDEXES)?;
        self.database.execute_batch("COMMIT")?;
        self.database.execute_batch(LIVE)?;
        self.rows.indexed();
        self.bulk = None;
        match &self.pages {
            Some(pages) => lock(pages).look_at_all(),
            None => Ok(()),
        }
    }

    /// Writes what a file that is filled in bulk puts off. It has no indexes even so.
    pub(crate) fn write_out(&mut self) -> Result<(), rusqlite::Error> {
        self.database.execute_batch("BEGIN")?;
        self.rows.write_out(&self.database)?;
        self.database.execute_batch("COMMIT")
    }

    pub(crate) const fn database(&self) -> &Connection {
        &self.database
    }

    pub(crate) const fn pages(&self) -> Option<&Arc<Mutex<Pages>>> {
        self.pages.as_ref()
    }

    /// The last position that was folded.
    pub(crate) const fn position(&self) -> Position {
        self.position
    }

    /// Folds `batch` and moves the checkpoint, in one transaction. At an event that cannot be
    /// folded, keeps those before it, folded one by one, and stops there.
    pub(crate) fn apply(
        &mut self,
        batch: &mut Batch,
        witness: impl Fn(Position) -> Option<String>,
    ) -> Result<(), FeedError> {
        // Of an attempt that was broken off where events were folded one by one.
        let position = self.position;
        let done = batch.events.iter().take_while(|event| event.position <= position).count();
        batch.events.drain(..done);
        let poison = match self.fold(&batch.events, &witness) {
            Ok(()) => batch.poison.take(),
            Err(FoldError::Database(error)) => return Err(error.into()),
            Err(FoldError::Poison(_)) => {
                self.fold_singly(&batch.events, &witness)?.or(batch.poison.take())
            }
        };
        if self.bulk.is_some_and(|until| self.position >= until || poison.is_some()) {
            self.end_bulk()?;
        }
        self.copy_if_long()?;
        match poison {
            None => Ok(()),
            Some(cause) => Err(FeedError::Poisoned { position: self.position.next(), cause }),
        }
    }

    /// Copies the write-ahead log into the file now and then. What is folded is committed, and what
    /// is wrong with a copy may pass, unless it is what the file holds.
    fn copy_if_long(&self) -> Result<(), FeedError> {
        let Some(pages) = &self.pages else { return Ok(()) };
        match lock(pages).copy_if_long(&self.database) {
            Err(error) if is_damage(&error) => Err(error.into()),
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(error, "the read models' write-ahead log was not copied");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Folds one event a transaction, up to the first that cannot be folded, and tells why.
    fn fold_singly(
        &mut self,
        events: &[Decoded],
        witness: impl Fn(Position) -> Option<String>,
    ) -> Result<Option<Poison>, rusqlite::Error> {
        for event in events {
            match self.fold(std::slice::from_ref(event), &witness) {
                Ok(()) => {}
                Err(FoldError::Database(error)) => return Err(error),
                Err(FoldError::Poison(cause)) => return Ok(Some(cause)),
            }
        }
        Ok(None)
    }

    fn fold(
        &mut self,
        events: &[Decoded],
        witness: impl Fn(Position) -> Option<String>,
    ) -> Result<(), FoldError> {
        let staged = self.stage(events, witness);
        let committed = staged.and_then(Staged::commit);
        match committed {
            Ok(position) => self.position = position,
            Err(error) => {
                self.rows.clear(self.position);
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
    ) -> Result<Staged<'_>, FoldError> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.database.transaction_with_behavior(behavior)?;
        let mut fold = Fold::new(&transaction, &mut self.rows);
        let mut position = self.position;
        for event in events {
            if event.position != position.next() {
                return Err(FoldError::Poison(Poison::Gap { after: position }));
            }
            position = event.position;
            fold.apply(event)?;
        }
        fold.flush()?;
        transaction
            .prepare_cached("UPDATE progress SET position = ?1, witness = ?2")?
            .execute(params![key(position), witness(position)])?;
        Ok(Staged { transaction, position })
    }
}

/// The last connection to a file takes the write-ahead log away, if all of it was copied.
impl Drop for Writer {
    fn drop(&mut self) {
        let Some(pages) = &self.pages else { return };
        if self.bulk.is_none() && lock(pages).copy(&self.database).is_ok_and(|all| all) {
            let config = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            // If that fails the log stays, and nothing is lost.
            let _ = self.database.set_db_config(config, false);
        }
    }
}

impl Staged<'_> {
    fn commit(self) -> Result<Position, FoldError> {
        self.transaction.commit()?;
        Ok(self.position)
    }
}
