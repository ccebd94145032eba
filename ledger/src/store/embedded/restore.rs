//! Restore of a backup into an empty directory: all of it, or up to a position.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::block::{BlockBuilder, EventView};
use super::cause::Cause;
use super::chain::{ChainHash, Head, ROW_COLUMNS, Row};
use super::fault::{Fault, OpenError};
use super::file::{self, COMPANIONS, LOG_FILE, RESTORED_FILE, sync_directory, sync_file};
use super::head_file;
use super::lock::{DirectoryLock, LOCK_FILE};
use super::notes::{self, HEAD_FILE, LOSS_FILE};
use super::standby::{Extent, extent};
use super::verify::{Report, check, verify_file};
use super::witness::Witness;
use crate::envelope::Position;
use crate::store::BoxError;

/// Why nothing was restored. The directory is left as it was, and one that was not there is not
/// there, unless only its last sync failed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup or the directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is a log in use, or one that was: a copy of the file alone would lack its end.
    #[error(
        "{} has a write-ahead log beside it, as the log of a data directory has: \
         make a backup of it with `payledger backup`, and restore that",
        path.display()
    )]
    NotABackup {
        /// The file.
        path: PathBuf,
    },
    /// The backup ends before the position.
    #[error("the backup ends at position {head}, before {position}")]
    BeyondHead {
        /// The position asked for.
        position: Position,
        /// The last one that the backup holds.
        head: Position,
    },
    /// Half of what one request caused would be restored.
    #[error(
        "position {position} is in the middle of what one request caused; \
         restore to {before} or to {after}"
    )]
    InsideRequest {
        /// The position asked for.
        position: Position,
        /// Where the request before it ended.
        before: Position,
        /// Where the request ends.
        after: Position,
    },
    /// What is to be recorded about the restore could not be worked out.
    #[error("cannot tell what the restore loses")]
    Loss(#[source] BoxError),
}

/// What was restored, before it is in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// What the restored log holds.
    pub report: Report,
    /// The same in blocks, events and bytes.
    pub extent: Extent,
    /// The end of the backup, which a restore to a position does not reach.
    pub backup: Witness,
}

/// Puts the backup `from` into `directory`, which must be empty or missing, and checks both.
///
/// With `to` only what was recorded up to that position: every event is there byte for byte, and
/// the last block is made anew if the position lies inside it. `loss` looks at what was restored
/// and gives the document that is to be recorded in the log before it is served, if commits are
/// lost by it: see [`super::pending_loss`].
pub fn restore(
    from: &Path,
    directory: &Path,
    to: Option<Position>,
    loss: impl FnOnce(&Restored) -> Result<Option<Vec<u8>>, BoxError>,
) -> Result<Restored, RestoreError> {
    if !file::no_wal(from) {
        return Err(RestoreError::NotABackup { path: from.to_owned() });
    }
    let expected = look_for_end(from, to)?;
    let made = file::make_directory(directory)?;
    let restored = put(from, directory, &expected, to, loss);
    if restored.is_err() {
        file::remove_empty(&made);
    }
    restored
}

/// Puts the log, and what is to be known of it, into a directory that must be empty.
fn put(
    from: &Path,
    directory: &Path,
    expected: &Report,
    to: Option<Position>,
    loss: impl FnOnce(&Restored) -> Result<Option<Vec<u8>>, BoxError>,
) -> Result<Restored, RestoreError> {
    // Looked at again once nobody else writes to it: it gets no lock if it is no place for one.
    refuse_unless_empty(directory)?;
    let _lock = DirectoryLock::take(directory).inspect_err(|error| {
        // Unless somebody else holds it, it was made here, and could not be filled.
        if !matches!(error, OpenError::DirectoryInUse { .. }) {
            let _gone = fs::remove_file(directory.join(LOCK_FILE));
        }
    })?;
    refuse_unless_empty(directory)?;
    let path = directory.join(LOG_FILE);
    let fresh = directory.join(RESTORED_FILE);
    let made = make(from, &fresh, expected, to).and_then(|restored| {
        match loss(&restored).map_err(RestoreError::Loss)? {
            Some(document) => notes::write(directory, LOSS_FILE, &document)?,
            // One that was killed has left what it would have lost.
            None => notes::remove(directory, LOSS_FILE)?,
        }
        head_file::write(directory, &restored.report.head)?;
        fs::rename(&fresh, &path).map_err(OpenError::io(&path))?;
        Ok(restored)
    });
    if made.is_err() {
        // The directory is left as it was, as far as the disk allows.
        for name in leftovers() {
            let _gone = fs::remove_file(directory.join(name));
        }
        let _gone = fs::remove_file(directory.join(HEAD_FILE));
    }
    // What looking at the copy may have left beside it.
    file::remove_companions(&fresh);
    let restored = made?;
    sync_directory(directory)?;
    Ok(restored)
}

/// Checks the backup, and that it can be cut at `to`: where one request has ended and before the
/// next one begins. An append is all or nothing, and half of one is never restored.
fn look_for_end(from: &Path, to: Option<Position>) -> Result<Report, RestoreError> {
    let mut ends = Ends { to, before: Position::START, after: None, last: None };
    let report = check(from, |event| {
        ends.see(&event);
        Ok(())
    })?;
    let Some(position) = to else { return Ok(report) };
    let head = report.head.position;
    if position > head {
        return Err(RestoreError::BeyondHead { position, head });
    }
    let (before, after) = (ends.before, ends.after.unwrap_or(head));
    if position == before || position == after {
        return Ok(report);
    }
    Err(RestoreError::InsideRequest { position, before, after })
}

/// The ends of requests around a position.
struct Ends {
    to: Option<Position>,
    /// The last end at or before the position.
    before: Position,
    /// The first end at or after it.
    after: Option<Position>,
    last: Option<(Position, Cause)>,
}

impl Ends {
    fn see(&mut self, event: &EventView<'_>) {
        let Some(to) = self.to else { return };
        if self.after.is_some() {
            return;
        }
        if let Some((end, cause)) = &mut self.last {
            if cause.goes_on_with(event) {
                *end = event.position;
                return;
            }
            if *end <= to {
                self.before = *end;
            }
            if *end >= to {
                self.after = Some(*end);
            }
        }
        self.last = Some((event.position, Cause::of(event)));
    }
}

/// What the log is filled in as before it gets its name, by this build and by earlier ones.
const FRESH_FILES: [&str; 2] = [RESTORED_FILE, "events.db.new"];

/// What a restore that is under way, or was killed, has in its directory beside `HEAD`.
fn leftovers() -> Vec<String> {
    let mut names = vec![LOCK_FILE.to_owned(), LOSS_FILE.to_owned()];
    names.extend([LOSS_FILE, HEAD_FILE].map(|name| format!("{name}.new")));
    for fresh in FRESH_FILES {
        names.push(fresh.to_owned());
        names.extend(COMPANIONS.map(|suffix| format!("{fresh}{suffix}")));
    }
    names
}

/// Refuses a directory with anything in it but what a restore that was killed has left.
fn refuse_unless_empty(directory: &Path) -> Result<(), OpenError> {
    let mut leftovers = leftovers();
    // Without a restored log under way a HEAD is what is left of a log that is gone.
    if FRESH_FILES.iter().any(|fresh| directory.join(fresh).exists()) {
        leftovers.push(HEAD_FILE.to_owned());
    }
    for entry in fs::read_dir(directory).map_err(OpenError::io(directory))? {
        let name = entry.map_err(OpenError::io(directory))?.file_name();
        let name = name.to_string_lossy();
        if !leftovers.iter().any(|leftover| *name == **leftover) {
            return Err(OpenError::NotEmpty { directory: directory.to_owned() });
        }
    }
    Ok(())
}

/// Makes the file and checks it.
fn make(
    from: &Path,
    fresh: &Path,
    expected: &Report,
    to: Option<Position>,
) -> Result<Restored, RestoreError> {
    file::remove_companions(fresh);
    let _gone = fs::remove_file(fresh);
    let head = match to.filter(|position| *position < expected.head.position) {
        None => {
            fs::copy(from, fresh).map_err(OpenError::io(fresh))?;
            Head { position: expected.head.position, chain: expected.head.chain }
        }
        Some(position) => copy_up_to(from, fresh, expected, position)?,
    };
    sync_file(fresh)?;
    let report = verify_file(fresh)?;
    let found = report.head;
    if (found.position, found.chain) != (head.position, head.chain) {
        let cause = format!("the copy ends with {}, not {}", found.chain, head.chain);
        return Err(OpenError::Damaged { position: found.position, cause }.into());
    }
    Ok(Restored { report, extent: extent(fresh)?, backup: expected.head })
}

/// Makes a log of the blocks up to `to`, the last one cut there.
fn copy_up_to(
    from: &Path,
    fresh: &Path,
    expected: &Report,
    to: Position,
) -> Result<Head, OpenError> {
    let log_id = expected.head.log_id;
    file::fill(fresh, Some(log_id)).map_err(OpenError::sqlite(fresh))?;
    let (source, _, _) = file::open_to_inspect(from)?;
    let mut target = Connection::open(fresh).map_err(OpenError::sqlite(fresh))?;
    let mut copy = || {
        let transaction = target.transaction().map_err(Fault::Sqlite)?;
        let head = copy_blocks(&source, &transaction, log_id, to)?;
        transaction.commit().map_err(Fault::Sqlite)?;
        Ok(head)
    };
    let copied: Result<Head, Fault> = copy();
    let head = copied.map_err(|fault| fault.into_open(fresh))?;
    target.close().map_err(|(_, error)| OpenError::sqlite(fresh)(error))?;
    Ok(head)
}

fn copy_blocks(
    source: &Connection,
    target: &Connection,
    log_id: uuid::Uuid,
    to: Position,
) -> Result<Head, Fault> {
    let mut head = Head { position: Position::START, chain: ChainHash::genesis(log_id) };
    let sql = format!("SELECT {ROW_COLUMNS} FROM blocks ORDER BY first_position");
    let reading = |head: Head| move |error| Fault::reading(head.position.next(), error);
    let mut statement = source.prepare(&sql).map_err(reading(head))?;
    let mut rows = statement.query([]).map_err(reading(head))?;
    while head.position < to {
        let Some(row) = rows.next().map_err(reading(head))? else { break };
        let row = Row::read(row).map_err(reading(head))?;
        if row.last() <= to {
            let mut next = head;
            next.follow(&row)?;
            row.insert(target).map_err(Fault::Sqlite)?;
            head = next;
        } else {
            head = cut(&row, head, to, target)?;
        }
    }
    Ok(head)
}

/// Puts the events of a block up to `to` into a block of their own.
fn cut(row: &Row<'_>, before: Head, to: Position, target: &Connection) -> Result<Head, Fault> {
    let events = row.events()?;
    let mut builder = BlockBuilder::default();
    events
        .into_iter()
        .take_while(|event| event.position <= to)
        .for_each(|event| builder.push(event));
    let (first, count) = (row.first, u32::try_from(builder.count()).unwrap_or(u32::MAX));
    let payload = builder.payload();
    let chain = before.chain.after(first, count, &payload);
    Row::new(first, count, chain, &payload).insert(target).map_err(Fault::Sqlite)?;
    Ok(Head { position: to, chain })
}
