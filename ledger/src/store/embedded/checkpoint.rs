//! Checkpoints: how what was committed gets from the write-ahead log into the log's file.
//!
//! Another connection does the work (copying pages and syncing the file), so that commits go on.
//! Since commits go on, that alone would never reach the end; the writer then runs a short passive
//! one for the rest, after which SQLite starts the write-ahead log over.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::fault::OpenError;
use super::file;

/// A checkpoint is due once about so many bytes were committed since the last one.
const CHECKPOINT_BYTES: usize = 8 * 1024 * 1024;

/// What a commit writes beside its blocks' bytes, about.
const COMMIT_OVERHEAD_BYTES: usize = 8 * 1024;

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

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
