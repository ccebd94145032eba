//! Backup while the log is served.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::Embedded;
use super::chain::Head;
use super::fault::OpenError;
use super::file::{beside, note_end, open_reader, remove_companions, sync_file, sync_parent};
use super::recovery::log_end;
use super::verify::{Report, verify_file};

/// The pages that are copied between two reports of progress: 1 MiB.
const STEP_PAGES: i32 = 256;

/// Who may look into a backup.
const OWNER_ONLY: u32 = 0o600;

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupProgress {
    /// The pages that are copied, of 4096 bytes.
    pub pages_done: u64,
    /// The pages that there are.
    pub pages_total: u64,
}

/// Why there is no backup. Nothing is left at the target.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup never overwrites anything.
    #[error("{} exists already", path.display())]
    TargetExists {
        /// The target.
        path: PathBuf,
    },
    /// Another one writes to the same target.
    #[error("another backup to {} is under way", path.display())]
    UnderWay {
        /// The target.
        path: PathBuf,
    },
    /// The copy could not be made.
    #[error("cannot copy the log to {}", path.display())]
    Copy {
        /// The target.
        path: PathBuf,
        /// The cause, as SQLite gives it.
        #[source]
        source: rusqlite::Error,
    },
    /// The copy could not be made durable, or did not pass its check.
    #[error(transparent)]
    Check(#[from] OpenError),
}

impl Embedded {
    /// Copies the log, as it is at this moment, into the single file `to`, and checks the copy as
    /// [`super::verify_file`] does. Appends go on meanwhile; the write-ahead log keeps them, and
    /// grows until the copy is made. Blocks: call it away from the runtime's own threads.
    pub fn backup(
        &self,
        to: &Path,
        progress: impl FnMut(BackupProgress),
    ) -> Result<Report, BackupError> {
        let partial = beside(to, ".partial");
        let _claim = claim(to, &partial)?;
        let made = self.copy_to(&partial, progress).and_then(|()| {
            sync_file(&partial)?;
            let report = verify_file(&partial)?;
            // Fails if the target has appeared meanwhile, as a rename would not.
            fs::hard_link(&partial, to).map_err(OpenError::io(to))?;
            Ok(report)
        });
        // Of a copy under two names this takes one; of a failed one it takes all.
        let removed = fs::remove_file(&partial);
        remove_companions(&partial);
        let report = made?;
        removed.map_err(OpenError::io(&partial))?;
        sync_parent(to)?;
        Ok(report)
    }

    fn copy_to(
        &self,
        partial: &Path,
        progress: impl FnMut(BackupProgress),
    ) -> Result<(), BackupError> {
        let failed = |source| BackupError::Copy { path: partial.to_owned(), source };
        let log = open_reader(&self.reader.path, self.reader.access).map_err(failed)?;
        // The copy is of one snapshot. Without it every commit would start the copy over.
        log.execute_batch("BEGIN; SELECT count(*) FROM meta;").map_err(failed)?;
        let end = log_end(&log, self.reader.log_id);
        let end = end.map_err(|fault| fault.into_open(&self.reader.path))?;
        copy(&log, &end, partial, progress).map_err(failed)
    }
}

/// Makes the file that is filled before it gets its name, empty and for one backup alone.
fn claim(to: &Path, partial: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(OWNER_ONLY);
    let file = options.open(partial).map_err(OpenError::io(partial))?;
    let under_way = || BackupError::UnderWay { path: to.to_owned() };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(under_way()),
        Err(TryLockError::Error(source)) => return Err(OpenError::io(partial)(source).into()),
    }
    // Another may have come to its end in between, and taken the name away.
    let (ours, named) = (file.metadata(), fs::metadata(partial));
    let ours = ours.map_err(OpenError::io(partial))?;
    if named.map_or(true, |named| named.ino() != ours.ino()) {
        return Err(under_way());
    }
    if to.try_exists().map_err(OpenError::io(to))? {
        fs::remove_file(partial).map_err(OpenError::io(partial))?;
        return Err(BackupError::TargetExists { path: to.to_owned() });
    }
    // What an interrupted backup left behind: a part, or a whole one that has its name already,
    // which it may have been moved from since.
    remove_companions(partial);
    if ours.nlink() > 1 {
        fs::remove_file(partial).map_err(OpenError::io(partial))?;
        return claim(to, partial);
    }
    file.set_len(0).map_err(OpenError::io(partial))?;
    Ok(file)
}

fn copy(
    log: &Connection,
    end: &Head,
    partial: &Path,
    mut progress: impl FnMut(BackupProgress),
) -> rusqlite::Result<()> {
    let mut target = Connection::open(partial)?;
    let backup = Backup::new(log, &mut target)?;
    loop {
        let step = backup.step(STEP_PAGES)?;
        let now = backup.progress();
        let total = u64::try_from(now.pagecount).unwrap_or(0);
        let remaining = u64::try_from(now.remaining).unwrap_or(0);
        let pages_done = total.saturating_sub(remaining);
        progress(BackupProgress { pages_done, pages_total: total });
        if step == StepResult::Done {
            break;
        }
    }
    drop(backup);
    leave_wal(&target)?;
    note_end(&target, end)?;
    target.close().map_err(|(_, error)| error)
}

/// Makes the copy a single file that needs no companions, and can be read where nothing can be
/// written.
fn leave_wal(copy: &Connection) -> rusqlite::Result<()> {
    let mut statement = copy.prepare("PRAGMA journal_mode = DELETE")?;
    let mut rows = statement.query([])?;
    let mut mode = String::new();
    // To the end: what the change fails with comes after its row.
    while let Some(row) = rows.next()? {
        mode = row.get(0)?;
    }
    if mode == "delete" {
        return Ok(());
    }
    let failed = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
    let cause = format!("the copy stays in the journal mode {mode}");
    Err(rusqlite::Error::SqliteFailure(failed, Some(cause)))
}
