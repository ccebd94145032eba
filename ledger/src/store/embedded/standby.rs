//! A standby: a directory that follows another log block by block, until it is promoted.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain::{ChainHash, sql_position};
use super::fault::{Fault, OpenError};
use super::file::{LOG_FILE, open_to_inspect};
use super::head_file;
use super::lock::DirectoryLock;
use super::notes::{self, LOSS_FILE, STANDBY_FILE};
use super::replicate::ReplicaError;
use super::verify::{Report, verify};
use crate::envelope::Position;

/// A number of commits: in blocks, each of which is one commit or a part of one, in events, and in
/// bytes of events as they are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// How many blocks.
    pub blocks: u64,
    /// How many events.
    pub events: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Extent {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.saturating_add(other.blocks),
            events: self.events.saturating_add(other.events),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// What is beyond `other`.
    #[must_use]
    pub const fn beyond(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.saturating_sub(other.blocks),
            events: self.events.saturating_sub(other.events),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// The end of the log that a standby follows, as it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHead {
    /// The last position.
    pub position: Position,
    /// The chain's value there.
    pub chain: ChainHash,
    /// All of the log up to there.
    pub extent: Extent,
    /// When it was seen.
    pub seen_time: DateTime<Utc>,
}

/// What makes a directory a standby: kept beside its log until it is promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// The log that is followed, and so the standby's own.
    pub log_id: Uuid,
    /// The directory that it is copied from, or was last.
    pub source: String,
    /// How far that was seen. What is copied never goes beyond it.
    pub seen: SourceHead,
}

impl Standby {
    /// Writes it down, durably.
    pub(super) fn write(&self, directory: &Path) -> Result<(), OpenError> {
        let content = serde_json::to_vec(self).unwrap_or_default();
        notes::write(directory, STANDBY_FILE, &content)
    }
}

/// What makes `directory` a standby. None if it is none.
pub fn standby(directory: &Path) -> Result<Option<Standby>, OpenError> {
    let Some(content) = notes::read(directory, STANDBY_FILE)? else { return Ok(None) };
    let standby = serde_json::from_slice(&content).map_err(|error| OpenError::Io {
        path: directory.join(STANDBY_FILE),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    })?;
    Ok(Some(standby))
}

/// Where the log of a standby came from: the directory that it follows, the one that this follows
/// if it is a standby itself, and so on, as far as they can be read.
pub fn sources(standby: &Standby) -> Vec<PathBuf> {
    let mut sources = vec![PathBuf::from(&standby.source)];
    while let Some(Ok(Some(next))) = sources.last().map(|last| self::standby(last)) {
        let source = PathBuf::from(next.source);
        // Another log, or one's own source, only where directories were moved about.
        if next.log_id != standby.log_id || sources.contains(&source) {
            break;
        }
        sources.push(source);
    }
    sources
}

/// What a promotion has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    /// What the log holds.
    pub report: Report,
    /// The same in blocks, events and bytes.
    pub extent: Extent,
    /// What the directory was until now.
    pub standby: Standby,
}

/// Makes a standby a data directory like any other, once its log has been found whole. `loss` gives
/// the document that is to be recorded in the log before it is served, if commits are lost: see
/// [`super::pending_loss`].
pub fn promote(
    directory: &Path,
    loss: impl FnOnce(&Promoted) -> Result<Option<Vec<u8>>, crate::store::BoxError>,
) -> Result<Promoted, ReplicaError> {
    let not_a_standby = || ReplicaError::NotAStandby { directory: directory.to_owned() };
    let begun = || {
        notes::refuse_unfinished_copy(directory)?;
        notes::refuse_superseded(directory)?;
        standby(directory)?.ok_or_else(not_a_standby)
    };
    // Before it is locked, too: what is no standby is left without a file that names who locked it.
    begun()?;
    let _lock = DirectoryLock::take(directory)?;
    let standby = begun()?;
    let report = verify(directory)?;
    if report.head.log_id != standby.log_id {
        let (expected, found) = (standby.log_id, report.head.log_id);
        return Err(ReplicaError::OtherLog { expected, found });
    }
    let extent = extent(&directory.join(LOG_FILE))?;
    let promoted = Promoted { report, extent, standby };
    let document = loss(&promoted).map_err(ReplicaError::Loss)?;
    match document {
        Some(document) => notes::write(directory, LOSS_FILE, &document)?,
        // Of a promotion that was cut off.
        None => notes::remove(directory, LOSS_FILE)?,
    }
    head_file::write(directory, &promoted.report.head)?;
    notes::remove(directory, STANDBY_FILE)?;
    Ok(promoted)
}

/// What the log in the file `path` holds.
pub fn extent(path: &Path) -> Result<Extent, OpenError> {
    let (log, _, _) = open_to_inspect(path)?;
    extent_beyond(&log, Position::START).map_err(|fault| fault.into_open(path))
}

/// What a log holds beyond a position.
pub(super) fn extent_beyond(log: &Connection, after: Position) -> Result<Extent, Fault> {
    let sql = "SELECT count(*), coalesce(sum(events), 0), coalesce(sum(length(payload)), 0)
         FROM blocks WHERE first_position > ?1";
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    log.query_row(sql, [sql_position(after)], |row| {
        let (blocks, events) = (number(row.get(0)?), number(row.get(1)?));
        Ok(Extent { blocks, events, bytes: number(row.get(2)?) })
    })
    .map_err(|error| Fault::reading(after.next(), error))
}
