//! A thread that writes down beside the log what opening it again needs: `HEAD`, so that a log that
//! lost its end is noticed, and the index, so that only the end has to be read.
//!
//! It looks once a second and costs two small writes and one sync while the log grows, whatever
//! its rate: less than one commit. What it cannot write it says, and tries again; the log does not
//! depend on it.
//!
//! Both belong beside the log that was opened. Where the directory was moved, or its name leads
//! elsewhere by now, another log may lie there, which would be taken for one that lost its end.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use super::chain::Head;
use super::fault::OpenError;
use super::place::Place;
use super::reader::Reader;
use super::{head_file, index_file};
use crate::envelope::Position;

/// How often it looks. The most of the log's end that only read models can miss.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// An index is written down once the events after the last one are this part of all. So what is
/// written for it stays below a hundred bytes an event, and the end that is read at an opening
/// below a sixteenth of the log.
const LOG_PARTS: u64 = 16;

/// It is not written down before there are so many times the events that are read anyway.
const TAILS: u64 = 4;

#[derive(Debug)]
pub(super) struct Keeper {
    /// Gone once it is to stop.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What it works with.
pub(super) struct Kept {
    pub(super) directory: PathBuf,
    /// The log's file, beside which it is written.
    pub(super) place: Place,
    pub(super) reader: Arc<Reader>,
    pub(super) head: watch::Receiver<Head>,
    /// How far the index on the disk reaches.
    pub(super) indexed: Position,
    /// How many events at the log's end are read at every opening.
    pub(super) tail_events: u64,
}

impl Keeper {
    /// Writes `HEAD` and starts the thread.
    pub(super) fn start(mut kept: Kept) -> Result<Self, OpenError> {
        let mut remembered = None;
        kept.keep_head(&mut remembered);
        let (stop, stopped) = sync_channel(0);
        let path = kept.directory.clone();
        let run = move || kept.run(&stopped, &mut remembered);
        let thread = thread::Builder::new().name("log-keeper".to_owned()).spawn(run);
        Ok(Self { stop: Some(stop), thread: Some(thread.map_err(OpenError::io(&path))?) })
    }

    /// Writes down where the log ends now, and ends the thread.
    pub(super) fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes down where the log ends panicked");
        }
    }
}

impl Kept {
    fn run(&mut self, stopped: &Receiver<()>, remembered: &mut Option<Head>) {
        loop {
            let last = match stopped.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => false,
                Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
            };
            let head = self.keep_head(remembered);
            if self.index_is_due(head.position, last)
                && self.is_in_place()
                && let Err(error) = self.write_index()
            {
                told(&index_file::path(&self.directory), &error);
            }
            if last {
                return;
            }
        }
    }

    /// Writes `HEAD` if the log's head is another than what is `remembered`, and gives the head.
    fn keep_head(&self, remembered: &mut Option<Head>) -> Head {
        let head = *self.head.borrow();
        if *remembered != Some(head) && self.is_in_place() {
            match head_file::write(&self.directory, &head.witness(self.reader.log_id)) {
                Ok(()) => *remembered = Some(head),
                Err(error) => told(&head_file::path(&self.directory), &error),
            }
        }
        head
    }

    /// Is the log still beside what would be written? Says so if it is not.
    fn is_in_place(&self) -> bool {
        let Err(gone) = self.place.confirm() else { return true };
        tracing::warn!(
            cause = gone,
            "what opening the log needs is not written: the log is elsewhere"
        );
        false
    }

    /// In order to stop, it is worth writing once it saves anything at the next opening.
    fn index_is_due(&self, head: Position, last: bool) -> bool {
        let fresh = head.0.saturating_sub(self.indexed.0);
        let enough = self.tail_events.saturating_mul(TAILS);
        let part = head.0.checked_div(LOG_PARTS).unwrap_or_default();
        fresh > if last { self.tail_events } else { enough.max(part) }
    }

    fn write_index(&mut self) -> std::io::Result<()> {
        // Under the lock that the writer takes to add events; it publishes the head after that.
        let index = self.reader.index.read().unwrap_or_else(PoisonError::into_inner);
        let (rows, head) = (index.rows(), *self.head.borrow());
        drop(index);
        if rows.position() == head.position {
            index_file::write(&self.directory, self.reader.log_id, head, &rows)?;
            self.indexed = head.position;
        }
        Ok(())
    }
}

fn told(path: &Path, error: &dyn std::error::Error) {
    let cause = error.source().map(ToString::to_string);
    tracing::warn!(
        path = %path.display(),
        %error,
        cause,
        "what opening the log needs cannot be written"
    );
}
