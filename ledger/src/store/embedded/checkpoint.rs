//! Checkpoints: how what was committed gets from the write-ahead log into the log's file.
//!
//! Another connection does the work (copying pages and syncing the file), so that commits go on.
//! Since commits go on, that alone would never reach the end; the writer then runs a short passive
//! one for the rest, after which SQLite starts the write-ahead log over.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::fault::OpenError;
use super::file::{self, beside};

/// A checkpoint is due once about so many bytes were committed since the last one.
const CHECKPOINT_BYTES: usize = 8 * 1024 * 1024;

/// How much of a file is written anew at one go.
const PIECE_BYTES: usize = 1024 * 1024;

/// What a commit writes beside its blocks' bytes, about.
const COMMIT_OVERHEAD_BYTES: usize = 8 * 1024;

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

const WHOLE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Why there are no more checkpoints.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckpointFailure {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Without it the write-ahead log would grow until the disk is full.
    #[error("the thread of the log's checkpoints ended")]
    ThreadGone,
}

pub(super) struct Checkpoints {
    /// Asks the other connection for a checkpoint. Gone once stopped.
    due: Option<SyncSender<()>>,
    done: Receiver<rusqlite::Result<()>>,
    thread: Option<JoinHandle<()>>,
    under_way: bool,
    bytes: usize,
}

impl Checkpoints {
    /// Starts the thread that owns the other connection.
    pub(super) fn start(path: &Path) -> Result<Self, OpenError> {
        let connection = file::open_writer(path, None)?;
        let (due, asked) = sync_channel(1);
        let (answer, done) = sync_channel(1);
        let run = move || {
            while asked.recv().is_ok() {
                if answer.send(passive(&connection)).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("log-checkpoint".to_owned()).spawn(run);
        let thread = Some(thread.map_err(OpenError::io(path))?);
        Ok(Self { due: Some(due), done, thread, under_way: false, bytes: 0 })
    }

    /// Called by the writer between commits. An error means that a sync may have failed.
    pub(super) fn after_commit(
        &mut self,
        writer: &Connection,
        bytes: usize,
    ) -> Result<(), CheckpointFailure> {
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(COMMIT_OVERHEAD_BYTES);
        if self.under_way {
            match self.done.try_recv() {
                Ok(outcome) => {
                    outcome?;
                    passive(writer)?;
                    self.under_way = false;
                    self.bytes = 0;
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Err(CheckpointFailure::ThreadGone),
            }
        } else if self.bytes >= CHECKPOINT_BYTES
            && let Some(due) = &self.due
        {
            match due.try_send(()) {
                Ok(()) => self.under_way = true,
                Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => return Err(CheckpointFailure::ThreadGone),
            }
        }
        Ok(())
    }

    /// Ends the thread and closes its connection.
    pub(super) fn stop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread of the log's checkpoints panicked");
        }
    }
}

/// Copies all of the write-ahead log, if nobody reads what was there before; waits for those who do
/// as long as a connection waits for a lock. Says whether all of it is in the file now.
pub(super) fn whole(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(WHOLE, [], |row| {
        let (frames, copied): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(frames == copied)
    })
}

/// Writes and syncs anew what a writer may have left in the write-ahead log after a sync that
/// failed, before anything is built on it: into the file, or in its place where somebody still
/// reads what was there before, which keeps it out of the file.
pub(super) fn at_opening(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    if whole(connection).map_err(OpenError::sqlite(path))? {
        return Ok(());
    }
    tracing::warn!("somebody reads an earlier state of the log, which therefore grows beside it");
    let wal = beside(path, "-wal");
    write_anew(&wal).map_err(OpenError::io(&wal))
}

/// Writes what a file holds over itself, and syncs it: what the system keeps in memory as if it
/// had been written is. Nobody who reads it meanwhile finds anything else there.
fn write_anew(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        let read = file.read_at(&mut piece, at)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
        file.write_all_at(read, at)?;
        at = at.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
    }
    file.sync_all()
}

/// Copies what it can without waiting for anyone.
fn passive(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row(PASSIVE, [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_checkpoints_thread_is_a_failure_whether_it_was_at_work_or_not() {
        let writer = Connection::open_in_memory().unwrap();
        for under_way in [false, true] {
            let (due, asked) = sync_channel(1);
            let (answer, done) = sync_channel(1);
            drop((asked, answer));
            let mut checkpoints =
                Checkpoints { due: Some(due), done, thread: None, under_way, bytes: 0 };
            let failed = checkpoints.after_commit(&writer, CHECKPOINT_BYTES).unwrap_err();
            assert!(matches!(failed, CheckpointFailure::ThreadGone), "{failed}");
        }
    }
}
