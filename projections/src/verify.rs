//! Verification: the read model is built again from the log and compared row for row, and its file
//! is checked: rows may be right, and an index that finds them wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::envelope::Position;
use ledger::hex;
use ledger::store::EventStore;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use crate::database::{
    BATCH_EVENTS_MAX, Checkpoint, Writer, all_names, checkpoint, names, open_to_inspect,
};
use crate::error::{FeedError, ProjectionError};
use crate::fold::Batch;
use crate::generation;
use crate::opening::check;
use crate::schema::{FOLD_VERSION, TABLES, Table};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The generation that was verified.
    pub generation: u64,
    /// All events up to this position were folded again.
    pub position: Position,
    /// One a table, in the order of the tables.
    pub tables: Vec<TableReport>,
    /// What is wrong with the live file itself, in words: an index may not lead to its rows.
    pub structure: Option<String>,
}

/// What was found of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// The table.
    pub table: &'static str,
    /// How many rows of the live table were compared.
    pub rows: u64,
    /// SHA-256 over the live table's rows in order of key, in hex; up to the first difference if
    /// there is one.
    pub digest: String,
    /// The first row that differs, in words.
    pub difference: Option<String>,
}

impl Report {
    /// The first difference, in words. None if every row is as the log has it, and found by every
    /// index.
    pub fn difference(&self) -> Option<&str> {
        let of_rows = self.tables.iter().find_map(|table| table.difference.as_deref());
        of_rows.or(self.structure.as_deref())
    }
}

/// The live read model of a data directory as it is at one moment.
#[derive(Debug)]
pub struct Live {
    generation: u64,
    /// In a transaction: what the service commits meanwhile is not seen.
    database: Connection,
    checkpoint: Checkpoint,
}

impl Live {
    /// Opens the live read model of the data directory `data`, which may be served meanwhile.
    pub fn open(data: &Path) -> Result<Self, ProjectionError> {
        let folder = generation::folder(data);
        let generation = generation::current(&folder)?
            .ok_or_else(|| ProjectionError::Missing(folder.clone()))?;
        Self::open_generation(&folder, generation)
    }

    /// Opens a generation that is, or was, live.
    pub(crate) fn open_generation(folder: &Path, generation: u64) -> Result<Self, ProjectionError> {
        let path = generation::file(folder, generation);
        if !path.exists() {
            return Err(ProjectionError::Missing(path));
        }
        let database = open_to_inspect(&path)?;
        database.execute_batch("BEGIN")?;
        let checkpoint = checkpoint(&database)?;
        if checkpoint.fold_version != i64::from(FOLD_VERSION) {
            let (found, expected) = (checkpoint.fold_version, FOLD_VERSION);
            return Err(ProjectionError::FoldVersion { found, expected });
        }
        Ok(Self { generation, database, checkpoint })
    }

    /// Folds the log again up to the read model's position, and compares all rows. The log has to
    /// be opened after it, since one that is looked at may not see what is appended later.
    pub async fn verify(self, log: Arc<dyn EventStore>) -> Result<Report, ProjectionError> {
        let Self { generation, database: live, checkpoint } = self;
        let position = checkpoint.position;
        check(&checkpoint, log.head().await?, None)?;
        // What fails there says nothing about what is compared.
        let no_place = |error: rusqlite::Error| {
            let (path, source) = (PathBuf::from("a temporary file"), std::io::Error::other(error));
            ProjectionError::File { path, source }
        };
        let mut writer = Writer::create_unnamed().map_err(no_place)?;
        while writer.position() < position {
            let mut events = log.read_all(writer.position(), BATCH_EVENTS_MAX).await?;
            events.retain(|event| event.position <= position);
            writer.apply(&mut Batch::decode(events), |_| None).map_err(|error| match error {
                FeedError::Database(error) => no_place(error),
                error @ (FeedError::Poisoned { .. } | FeedError::Log(_) | FeedError::Ended) => {
                    error.into()
                }
            })?;
        }
        writer.write_out().map_err(no_place)?;
        let tables = TABLES.iter().map(|table| compare(*table, &live, writer.database()));
        let tables = tables.collect::<Result<_, _>>()?;
        let structure = structure(&live)?;
        Ok(Report { generation, position, tables, structure })
    }
}

/// Has SQLite walk the whole file: pages, and every index against its table. Questions go by
/// indexes, and a walk over a table does not see them. Nor does either see one that is missing.
fn structure(live: &Connection) -> Result<Option<String>, rusqlite::Error> {
    let first: String = live.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if first != "ok" {
        return Ok(Some(first));
    }
    let there = names(live)?;
    let missing = all_names()?.into_iter().find(|wanted| !there.contains(wanted));
    Ok(missing.map(|(kind, name)| format!("the {kind} {name} is missing")))
}

/// Walks both tables side by side in order of key.
fn compare(
    table: Table,
    live: &Connection,
    rebuilt: &Connection,
) -> Result<TableReport, rusqlite::Error> {
    let sql = format!("SELECT * FROM {} ORDER BY {}", table.name, table.order.join(", "));
    let (mut live, mut rebuilt) = (live.prepare(&sql)?, rebuilt.prepare(&sql)?);
    let columns: Vec<String> = live.column_names().map(str::to_owned).collect();
    let (mut live, mut rebuilt) = (live.query([])?, rebuilt.query([])?);
    let mut hash = Sha256::new();
    let mut rows = 0_u64;
    let difference = loop {
        match (live.next()?, rebuilt.next()?) {
            (None, None) => break None,
            (Some(row), None) => {
                let key = describe(row, table, &columns)?;
                break Some(format!("{key} is in the read model, but not in the log"));
            }
            (None, Some(row)) => {
                let key = describe(row, table, &columns)?;
                break Some(format!("{key} is in the log, but not in the read model"));
            }
            (Some(row), Some(other)) => {
                rows = rows.saturating_add(1);
                if let Some(difference) = differs(row, other, table, &columns)? {
                    break Some(difference);
                }
                for place in 0..columns.len() {
                    digest(&mut hash, row.get_ref(place)?);
                }
            }
        }
    };
    let digest = hex::lower(hash.finalize());
    Ok(TableReport { table: table.name, rows, digest, difference })
}

fn digest(hash: &mut Sha256, value: ValueRef<'_>) {
    let (tag, bytes): (u8, Vec<u8>) = match value {
        ValueRef::Null => (0, Vec::new()),
        ValueRef::Integer(number) => (1, number.to_be_bytes().to_vec()),
        ValueRef::Real(number) => (2, number.to_be_bytes().to_vec()),
        ValueRef::Text(text) => (3, text.to_vec()),
        ValueRef::Blob(blob) => (4, blob.to_vec()),
    };
    hash.update([tag]);
    hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(bytes);
}

/// The table and the row's key, in words.
fn describe(row: &Row<'_>, table: Table, columns: &[String]) -> Result<String, rusqlite::Error> {
    let mut key = Vec::new();
    for (place, column) in columns.iter().enumerate() {
        if table.order.contains(&column.as_str()) {
            key.push(format!("{column} {}", words(row.get_ref(place)?)));
        }
    }
    Ok(format!("{} {}", table.name, key.join(", ")))
}

fn differs(
    live: &Row<'_>,
    rebuilt: &Row<'_>,
    table: Table,
    columns: &[String],
) -> Result<Option<String>, rusqlite::Error> {
    for (place, column) in columns.iter().enumerate() {
        let (found, expected) = (live.get_ref(place)?, rebuilt.get_ref(place)?);
        if found == expected {
            continue;
        }
        let (found, expected) = (words(found), words(expected));
        let (row, other) = (describe(live, table, columns)?, describe(rebuilt, table, columns)?);
        if row != other {
            return Ok(Some(format!("the read model has {row} where the log has {other}")));
        }
        let difference =
            format!("{row}: {column} is {found} in the read model, but {expected} in the log");
        return Ok(Some(difference));
    }
    Ok(None)
}

fn words(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "empty".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(blob) => hex::lower(blob),
    }
}
