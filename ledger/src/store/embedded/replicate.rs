//! Replication: new blocks of a log, byte for byte, into a standby.
//!
//! Before anything is copied it is written down how far the source was seen, so that a standby that
//! is cut off anywhere knows what it may lack. Every block is checked against the chain before it
//! is taken, and taken in a transaction with its neighbours that ends where a request does: a kill
//! leaves whole requests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use uuid::Uuid;

use super::cause::Cause;
use super::chain::{ChainHash, Head, ROW_COLUMNS, Row, scan, sql_position};
use super::fault::{Fault, OpenError};
use super::file::{self, LOG_FILE, open_to_inspect};
use super::head_file;
use super::lock::{DirectoryLock, LOCK_FILE};
use super::notes::{self, name_of};
use super::place::Place;
use super::recovery::{block_end, log_end};
use super::standby::{Extent, SourceHead, Standby, extent_beyond, sources, standby};
use super::witness::Witness;
use crate::envelope::Position;
use crate::store::BoxError;

/// A round takes no further request once it has so many bytes.
const ROUND_BYTES_FULL: u64 = 4 * 1024 * 1024;

/// Why nothing, or nothing more, is copied, or why a standby is not promoted.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The target is in use, or its log cannot be used.
    #[error("the standby")]
    Target(#[from] OpenError),
    /// The source cannot be read, or is damaged: nothing of what is damaged was copied.
    #[error("the source")]
    Source(#[source] OpenError),
    /// The directory holds something else.
    #[error("{} is not a standby", directory.display())]
    NotAStandby {
        /// The directory.
        directory: PathBuf,
    },
    /// The standby follows another log.
    #[error("the standby is of log {expected}, not of {found}")]
    OtherLog {
        /// The standby's log.
        expected: Uuid,
        /// The log that was found.
        found: Uuid,
    },
    /// The source does not hold what was seen in it: it has lost commits, or the standby has.
    #[error(
        "the source ends at {head}, but position {known} was known to be in it; \
         begin another standby if the source is right as it is"
    )]
    Behind {
        /// The position that was known.
        known: Position,
        /// The last position that is there.
        head: Position,
    },
    /// The source gets its log from the standby, or is it.
    #[error(
        "{} comes from {} itself, and a standby follows no log of its own",
        source_dir.display(),
        directory.display()
    )]
    OwnSource {
        /// The source.
        source_dir: PathBuf,
        /// The standby.
        directory: PathBuf,
    },
    /// The two logs have parted.
    #[error("the source up to position {position} is not what the standby has: they have parted")]
    Diverged {
        /// A position up to which they are known to differ.
        position: Position,
    },
    /// What is to be recorded about the promotion could not be worked out.
    #[error("cannot tell what the promotion loses")]
    Loss(#[source] BoxError),
}

/// A standby while it is written to.
#[derive(Debug)]
pub struct Replica {
    from: PathBuf,
    directory: PathBuf,
    log: Connection,
    /// Where that is.
    place: Place,
    head: Head,
    extent: Extent,
    standby: Standby,
    _lock: DirectoryLock,
}

/// What one round has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// What was copied.
    pub copied: Extent,
    /// The end of the standby now.
    pub head: Witness,
    /// The end of the source as it was seen.
    pub source_head: SourceHead,
    /// What the source had beyond the standby then: what would be lost with the source.
    pub lag: Extent,
}

impl Replica {
    /// Opens the standby in `directory`, or begins one if it is empty or missing, to follow the log
    /// in the data directory `from`, which may be served meanwhile. What the standby holds is
    /// checked whole, and against the source. From then on `from` is what it would take the place
    /// of, whatever it followed before. Blocks.
    pub fn open(from: &Path, directory: &Path, now: DateTime<Utc>) -> Result<Self, ReplicaError> {
        let path = from.join(LOG_FILE);
        let (source, log_id) = open_source(from)?;
        notes::refuse_pending_loss(from).map_err(ReplicaError::Source)?;
        file::make_directory(directory)?;
        notes::refuse_unfinished_copy(directory)?;
        let begun = standby(directory)?;
        if begun.is_none() && !is_empty(directory)? {
            return Err(ReplicaError::NotAStandby { directory: directory.to_owned() });
        }
        let lock = DirectoryLock::take(directory)?;
        // Another may have come first, and begun it or promoted it.
        let begun = standby(directory)?;
        if begun.is_none() && !is_empty(directory)? {
            return Err(ReplicaError::NotAStandby { directory: directory.to_owned() });
        }
        let standby = match begun {
            Some(standby) if standby.log_id == log_id => standby,
            Some(Standby { log_id: expected, .. }) => {
                return Err(ReplicaError::OtherLog { expected, found: log_id });
            }
            None => begin(directory, from, log_id, now)?,
        };
        let (log, head, extent) = open_log(directory, log_id)?;
        let mut replica = Self {
            from: from.to_owned(),
            directory: directory.to_owned(),
            log,
            place: Place::of_file(&directory.join(LOG_FILE)),
            head,
            extent,
            standby,
            _lock: lock,
        };
        replica.confirm(&source, &path)?;
        replica.follow_from_now_on()?;
        // Of a promotion that was cut off: a standby that follows on loses nothing by it.
        notes::clear_pending_loss(directory)?;
        Ok(replica)
    }

    /// Writes down which directory is followed, if it was another one, or the same under another
    /// name: a promotion has to find that one, and who is served by it.
    fn follow_from_now_on(&mut self) -> Result<(), ReplicaError> {
        let source = name_of(&self.from);
        if source == self.standby.source {
            return Ok(());
        }
        let own = name_of(&self.directory);
        let followed = Standby { source, ..self.standby.clone() };
        if sources(&followed).iter().any(|source| name_of(source) == own) {
            let (source_dir, directory) = (self.from.clone(), self.directory.clone());
            return Err(ReplicaError::OwnSource { source_dir, directory });
        }
        followed.write(&self.directory)?;
        self.standby = followed;
        Ok(())
    }

    /// Looks how far the source has come, writes that down, and copies some of what is new: all of
    /// it, or at least [`ROUND_BYTES_FULL`]. Blocks.
    pub fn round(&mut self, now: DateTime<Utc>) -> Result<Round, ReplicaError> {
        let path = self.from.join(LOG_FILE);
        let own = self.directory.join(LOG_FILE);
        if !own.exists() {
            return Err(OpenError::Missing { path: own }.into());
        }
        // What the directory is now would be made a standby by what is written down next.
        if let Err(moved) = self.place.confirm() {
            return Err(OpenError::io(&own)(io::Error::other(moved)).into());
        }
        // A fresh connection: the source may have been put in its place meanwhile.
        let (source, found) = open_source(&self.from)?;
        let expected = self.standby.log_id;
        if found != expected {
            return Err(ReplicaError::OtherLog { expected, found });
        }
        self.confirm(&source, &path)?;
        self.follow_from_now_on()?;
        self.look(&source, now, &path)?;
        let before = self.extent;
        self.copy(&source).map_err(|failed| match failed {
            Failed::Reading(fault) => ReplicaError::Source(fault.into_open(&path)),
            Failed::Writing(error) => {
                OpenError::sqlite(&self.directory.join(LOG_FILE))(error).into()
            }
        })?;
        let seen = self.standby.seen;
        Ok(Round {
            copied: self.extent.beyond(before),
            head: self.head.witness(found),
            source_head: seen,
            lag: seen.extent.beyond(self.extent),
        })
    }

    /// What the standby holds must be in the source, and so must all that was ever seen there.
    fn confirm(&self, source: &Connection, path: &Path) -> Result<(), ReplicaError> {
        let Standby { log_id, seen, .. } = self.standby;
        let broken = |fault: Fault| ReplicaError::Source(fault.into_open(path));
        for wanted in [self.head, Head { position: seen.position, chain: seen.chain }] {
            let known = wanted.position;
            if block_end(source, log_id, known).map_err(broken)? == wanted {
                continue;
            }
            let head = log_end(source, log_id).map_err(broken)?.position;
            return Err(if head < known {
                ReplicaError::Behind { known, head }
            } else {
                ReplicaError::Diverged { position: known }
            });
        }
        Ok(())
    }

    /// Writes down how far the source has come, if it has.
    fn look(
        &mut self,
        source: &Connection,
        now: DateTime<Utc>,
        path: &Path,
    ) -> Result<(), ReplicaError> {
        let broken = |fault: Fault| ReplicaError::Source(fault.into_open(path));
        let Standby { log_id, seen, .. } = &mut self.standby;
        // Both from one snapshot, so that they are of the same end.
        let snapshot =
            source.unchecked_transaction().map_err(|error| broken(Fault::Sqlite(error)))?;
        let more = extent_beyond(&snapshot, seen.position).map_err(broken)?;
        let end = log_end(&snapshot, *log_id).map_err(broken)?;
        drop(snapshot);
        if end.position <= seen.position {
            return Ok(());
        }
        let extent = seen.extent.and(more);
        *seen = SourceHead { position: end.position, chain: end.chain, extent, seen_time: now };
        Ok(self.standby.write(&self.directory)?)
    }

    /// Copies blocks in one transaction. What follows a damaged block is not taken, and neither are
    /// the block and the request before it, which may go on in it.
    fn copy(&mut self, source: &Connection) -> Result<(), Failed> {
        let transaction = self.log.unchecked_transaction().map_err(Failed::Writing)?;
        let (mut head, mut extent) = (self.head, self.extent);
        // The last place at which no request is under way.
        let mut whole = (head, extent);
        let mut under_way: Option<Cause> = None;
        let full = extent.bytes.saturating_add(ROUND_BYTES_FULL);
        let sql = format!(
            "SELECT {ROW_COLUMNS} FROM blocks WHERE first_position > ?1 ORDER BY first_position"
        );
        let mut read = || {
            let reading = |head: Head| move |error| Fault::reading(head.position.next(), error);
            let mut statement = source.prepare(&sql).map_err(reading(head))?;
            let after = sql_position(head.position);
            let mut rows = statement.query([after]).map_err(reading(head))?;
            // No further than it was written down: the rest is for the next look.
            while head.position < self.standby.seen.position {
                let Some(row) = rows.next().map_err(reading(head))? else { break };
                let row = Row::read(row).map_err(reading(head))?;
                let events = row.events()?;
                let mut next = head;
                next.follow(&row)?;
                let first = events.first().zip(under_way.as_ref());
                if !first.is_some_and(|(first, cause)| cause.goes_on_with(first)) {
                    whole = (head, extent);
                    if extent.bytes >= full {
                        return Ok(());
                    }
                }
                under_way = events.last().map(Cause::of);
                row.insert(&transaction).map_err(Failed::Writing)?;
                head = next;
                extent = extent.and(row.extent());
            }
            // What was seen is the end of a commit.
            whole = (head, extent);
            Ok::<(), Failed>(())
        };
        let copied = read();
        if matches!(copied, Err(Failed::Writing(_))) {
            return copied;
        }
        let end = sql_position(whole.0.position);
        let half = transaction.execute("DELETE FROM blocks WHERE first_position > ?1", [end]);
        half.map_err(Failed::Writing)?;
        transaction.commit().map_err(Failed::Writing)?;
        (self.head, self.extent) = whole;
        copied
    }
}

/// Which side failed.
enum Failed {
    Reading(Fault),
    Writing(rusqlite::Error),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Reading(fault)
    }
}

/// Opens the log that is followed, which must hold what its own `HEAD` knows, and which none took
/// the place of.
fn open_source(from: &Path) -> Result<(Connection, Uuid), ReplicaError> {
    notes::refuse_superseded(from).map_err(ReplicaError::Source)?;
    let opened = head_file::confirmed(from, |path| {
        let (source, _, log_id) = open_to_inspect(path)?;
        let end = log_end(&source, log_id);
        let head = end.map_err(|fault| fault.into_open(path))?.witness(log_id);
        Ok(((source, log_id), head))
    });
    opened.map_err(ReplicaError::Source)
}

/// Is nothing in `directory` but what a replication that was killed at its beginning has left?
fn is_empty(directory: &Path) -> Result<bool, OpenError> {
    for entry in fs::read_dir(directory).map_err(OpenError::io(directory))? {
        let name = entry.map_err(OpenError::io(directory))?.file_name();
        if name != LOCK_FILE && name != "STANDBY.new" {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the directory a standby that holds nothing yet.
fn begin(
    directory: &Path,
    from: &Path,
    log_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Standby, OpenError> {
    let (position, chain) = (Position::START, ChainHash::genesis(log_id));
    let seen = SourceHead { position, chain, extent: Extent::default(), seen_time: now };
    let standby = Standby { log_id, source: name_of(from), seen };
    standby.write(directory)?;
    Ok(standby)
}

/// Opens the standby's own log, which is made if it is not there, and checks all of it.
fn open_log(directory: &Path, log_id: Uuid) -> Result<(Connection, Head, Extent), ReplicaError> {
    let path = directory.join(LOG_FILE);
    if !path.try_exists().map_err(OpenError::io(&path))? {
        file::create(&path, Some(log_id))?;
    }
    let log = file::open_writer(&path, None)?;
    let found = file::log_id(&log, &path)?;
    if found != log_id {
        return Err(ReplicaError::OtherLog { expected: found, found: log_id });
    }
    // No other connection makes room in this one's write-ahead log.
    let pages = 1000;
    log.pragma_update(None, "wal_autocheckpoint", pages).map_err(OpenError::sqlite(&path))?;
    let (head, _) = scan(&log, log_id, |_| Ok(())).map_err(|fault| fault.into_open(&path))?;
    let extent = extent_beyond(&log, Position::START).map_err(|fault| fault.into_open(&path))?;
    Ok((log, head, extent))
}
