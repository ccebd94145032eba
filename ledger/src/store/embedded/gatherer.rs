//! A thread that writes what readers leave into the copy of long streams.
//!
//! Nothing waits for it and nothing depends on it: what it does not come to is left again by the
//! next reader, and what it cannot write is the end of it until the next start.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::watch;

use super::chain::Head;
use super::gathered::{self, Gathered, Piece};
use super::reader::Reader;
use crate::causes::with_causes;

/// How many pieces wait for it at most, and as many more are being written: of 64 KiB at most each,
/// and of some 3 mostly.
const WAITING_MAX: usize = 256;

/// How long the copy's write-ahead log gets before it is begun anew.
const WAL_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct Gatherer {
    gathered: Arc<Gathered>,
    /// Gives the connection back, if the copy is still read: whoever may only read gets in only
    /// while somebody who writes has it open.
    thread: JoinHandle<Option<Connection>>,
}

impl Gatherer {
    /// Opens the copy in `directory` and starts the thread. None, and a warning, if that cannot be:
    /// streams are read from the log then.
    pub(super) fn start(
        directory: &Path,
        log: &Reader,
        head: watch::Receiver<Head>,
    ) -> Option<Self> {
        let (sender, pieces) = sync_channel(WAITING_MAX);
        let started = gathered::open(directory, log, sender).and_then(|(gathered, copy)| {
            let gathered = Arc::new(gathered);
            let shared = Arc::clone(&gathered);
            let run = move || {
                run(&copy, &pieces, &shared, &head);
                shared.is_read().then_some(copy)
            };
            let thread = thread::Builder::new().name("log-gatherer".to_owned()).spawn(run)?;
            Ok(Self { gathered, thread })
        });
        started
            .inspect_err(|problem| {
                let problem = with_causes(problem.as_ref());
                tracing::warn!(problem, "long streams are not gathered");
            })
            .ok()
    }

    /// The copy, for readers.
    pub(super) fn gathered(&self) -> Arc<Gathered> {
        Arc::clone(&self.gathered)
    }

    /// Ends the thread.
    pub(super) fn stop(self) {
        self.gathered.close();
        if self.thread.join().is_err() {
            tracing::error!("the thread that gathers long streams panicked");
        }
    }
}

fn run(
    copy: &Connection,
    pieces: &Receiver<Piece>,
    gathered: &Gathered,
    head: &watch::Receiver<Head>,
) {
    while let Ok(first) = pieces.recv() {
        let waiting: Vec<_> = [first].into_iter().chain(pieces.try_iter()).collect();
        if gathered.is_closed() {
            return;
        }
        if !gathered.has_room() {
            continue;
        }
        // Not held over the writing: the log's writer would wait.
        let now = *head.borrow();
        match write(copy, &waiting, now) {
            Ok(()) => shorten(copy, gathered),
            // The log needs the room.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                return gathered.give_up(&error);
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            Err(error) => {
                tracing::warn!(%error, "long streams are gathered no more until the next start");
                return;
            }
        }
    }
}

/// One transaction. What the log does not show yet is left out: the copy never knows more than it.
fn write(copy: &Connection, pieces: &[Piece], head: Head) -> rusqlite::Result<()> {
    let transaction = copy.unchecked_transaction()?;
    pieces
        .iter()
        .filter(|piece| piece.last <= head.position)
        .try_for_each(|piece| piece.insert(&transaction, head))?;
    transaction.commit()
}

/// Begins the copy's write-ahead log anew once it is long, which needs a moment without readers.
fn shorten(copy: &Connection, gathered: &Gathered) {
    if gathered.wal_bytes() > WAL_BYTES_MAX {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        if let Err(error) = copy.query_row(sql, [], |_| Ok(())) {
            tracing::debug!(%error, "the write-ahead log of the copy stays for now");
        }
    }
}
