//! A thread that writes what readers leave into the copy of long streams.
//!
//! Nothing waits for it and nothing depends on it: what it does not come to is left again by the
//! next reader, and what it cannot write is the end of it until the next start.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::watch;

use super::chain::Head;
use super::gathered::{self, Gathered, Piece};
use super::reader::Reader;
use crate::causes::with_causes;

/// How many pieces wait for it at most: a few megabytes.
const WAITING_MAX: usize = 256;

#[derive(Debug)]
pub(super) struct Gatherer {
    gathered: Arc<Gathered>,
    thread: JoinHandle<()>,
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
        let now = *head.borrow();
        let started = gathered::open(directory, log, now, sender).and_then(|(gathered, copy)| {
            let run = move || run(&copy, &pieces, &head);
            let thread = thread::Builder::new().name("log-gatherer".to_owned()).spawn(run)?;
            Ok(Self { gathered: Arc::new(gathered), thread })
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

fn run(copy: &Connection, pieces: &Receiver<Piece>, head: &watch::Receiver<Head>) {
    while let Ok(first) = pieces.recv() {
        let waiting: Vec<_> = [first].into_iter().chain(pieces.try_iter()).collect();
        if let Err(error) = write(copy, &waiting, *head.borrow()) {
            tracing::warn!(%error, "long streams are gathered no more: the copy cannot be written");
            return;
        }
    }
}

/// One transaction. What the log does not show yet is left out: the copy never knows more than it.
fn write(copy: &Connection, pieces: &[Piece], head: Head) -> rusqlite::Result<()> {
    let transaction = copy.unchecked_transaction()?;
    pieces
        .iter()
        .filter(|piece| piece.last <= head.position)
        .try_for_each(|piece| piece.insert(&transaction))?;
    gathered::note(&transaction, head)?;
    transaction.commit()
}
