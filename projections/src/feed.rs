//! Follows the log: a task reads and decodes ahead, a thread of its own folds and commits.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ledger::causes::with_causes;
use ledger::envelope::{Position, RecordedEvent};
use ledger::store::{EventStore, ReadError};
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::database::{BATCH_EVENTS_MAX, Writer};
use crate::error::{FeedError, QueryError};
use crate::fold::Batch;

/// How many batches are read ahead.
const BATCHES_AHEAD: usize = 2;

/// How long small commits of the log are gathered into one of the read models while nobody waits
/// for them: a transaction writes every page that it touched, and the next one most of them again.
/// What comes after a pause is folded at once.
const GATHERING: Duration = Duration::from_millis(250);

/// How long after a failure that may pass the log is read again, or the read database written.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// For how long a log of this process's own is read again: it may have been out of file handles.
/// One that others keep is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a log can say about itself, so that a read model notices that it belongs to another log, or
/// that its log was changed. The text is the log's own; the read model only keeps it.
pub trait LogWitness: fmt::Debug + Send + Sync + 'static {
    /// What to remember of the log up to `at`.
    fn witness(&self, at: Position) -> Option<String>;

    /// Does what was remembered still hold? The error says what does not fit.
    fn confirm(&self, at: Position, witness: &str) -> Result<(), String>;
}

/// How far a feed has come, and why it stopped if it did.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The last position that is folded and committed.
    pub position: Position,
    /// Why nothing more is folded.
    pub failure: Option<Arc<FeedError>>,
}

type Read = Result<Batch, FeedError>;

/// A running feed. Dropped, it ends after what it has read.
#[derive(Debug)]
pub(crate) struct Feed {
    progress: watch::Receiver<Progress>,
    /// How many wait for what is not folded yet.
    waiting: watch::Sender<usize>,
    /// Held by the thread while it commits: who holds it keeps the position where it is.
    gate: Arc<tokio::sync::Mutex<()>>,
    /// Set before it is ended on purpose.
    ending: Arc<AtomicBool>,
    follower: AbortHandle,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Feed {
    /// Follows `store` from where `writer` stands.
    pub(crate) fn start(
        store: Arc<dyn EventStore>,
        writer: Writer,
        witness: Option<Arc<dyn LogWitness>>,
    ) -> std::io::Result<Self> {
        let position = writer.position();
        let (publish, progress) = watch::channel(Progress { position, failure: None });
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let (give_back, folded) = std::sync::mpsc::channel();
        let gate = Arc::new(tokio::sync::Mutex::new(()));
        let ending = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            writer,
            witness,
            publish,
            give_back,
            gate: Arc::clone(&gate),
            ending: Arc::clone(&ending),
        };
        let thread = std::thread::Builder::new()
            .name("projections".to_owned())
            .spawn(move || worker.run(batches))?;
        let (waiting, hurry) = watch::channel(0);
        let reading = Reading { store, after: position, hurry, folded };
        let follower = tokio::spawn(reading.follow(sender)).abort_handle();
        Ok(Self { progress, waiting, gate, ending, follower, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    pub(crate) fn position(&self) -> Position {
        self.progress.borrow().position
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Keeps the feed from committing until the guard is dropped.
    pub(crate) async fn hold(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.gate).lock_owned().await
    }

    /// Waits until `wanted` is folded.
    pub(crate) async fn wait_for(&self, wanted: Position) -> Result<Position, QueryError> {
        let _waits = (self.position() < wanted).then(|| Waiting::begin(&self.waiting));
        let mut progress = self.progress.clone();
        let reached = progress
            .wait_for(|progress| progress.position >= wanted || progress.failure.is_some())
            .await
            .map_err(|_closed| QueryError::Ended)?;
        let position = reached.position;
        if position >= wanted {
            Ok(position)
        } else {
            Err(QueryError::Stopped { position, wanted })
        }
    }

    fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.follower.abort();
    }

    /// Ends the feed and waits until its database is closed.
    pub(crate) async fn stop(&self) -> Result<(), String> {
        self.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_panic)) => Err("the feed panicked".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.end();
    }
}

/// Somebody who waits, for as long as it is kept: who gives up hurries nobody any more.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn begin(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count = count.saturating_add(1));
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The side of a feed that reads.
struct Reading {
    store: Arc<dyn EventStore>,
    /// The last position that was read.
    after: Position,
    /// How many wait for what is not folded yet.
    hurry: watch::Receiver<usize>,
    /// What the thread is done with. It is freed where it was made: to free it takes a while, and
    /// a rebuild waits for the thread.
    folded: std::sync::mpsc::Receiver<Batch>,
}

impl Reading {
    /// Reads and decodes ahead until the thread is gone, or the log cannot be read.
    async fn follow(mut self, batches: mpsc::Sender<Read>) {
        let mut gathered = Instant::now();
        loop {
            let batch = match self.read_patiently(gathered).await {
                Err(error) => Err(FeedError::from(error)),
                Ok(events) => {
                    gathered = Instant::now();
                    let folded: Vec<_> = self.folded.try_iter().collect();
                    let decode = move || {
                        drop(folded);
                        Batch::decode(events)
                    };
                    let decoded = tokio::task::spawn_blocking(decode).await;
                    // It panicked, or the runtime goes down.
                    decoded.map_err(|_ended| FeedError::Ended)
                }
            };
            let failed = batch.as_ref().map_or(true, |batch| batch.poison.is_some());
            if batches.send(batch).await.is_err() || failed {
                return;
            }
        }
    }

    /// The next events, read again while the log is away: a cluster between two leaders comes back,
    /// and a disk that cannot be read for long does not.
    async fn read_patiently(&mut self, last: Instant) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut since = None;
        loop {
            let read = self.read(last).await;
            let Err(ReadError::Unavailable(cause)) = &read else { return read };
            if since.is_none() {
                let cause = with_causes(&**cause);
                tracing::warn!(position = %self.after, cause, "the read models wait");
            }
            let since = *since.get_or_insert_with(Instant::now);
            if self.store.shared().is_none() && since.elapsed() >= PATIENCE {
                return read;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// The next events: waits for the first, and for more if the last were read a moment ago and
    /// nobody waits.
    async fn read(&mut self, last: Instant) -> Result<Vec<RecordedEvent>, ReadError> {
        let (after, limit) = (self.after, BATCH_EVENTS_MAX);
        let head = self.store.wait_past(after).await?;
        let is_full = usize::try_from(head.0.saturating_sub(after.0)).is_ok_and(|it| it >= limit);
        if !is_full && last.elapsed() < GATHERING {
            tokio::select! {
                () = tokio::time::sleep_until(last.checked_add(GATHERING).unwrap_or(last)) => {}
                // It fails only when the feed ends.
                _ = self.hurry.wait_for(|waiting| *waiting > 0) => {}
            }
        }
        let events = self.store.read_all(after, limit).await?;
        self.after = events.last().map_or(after, |last| last.position);
        Ok(events)
    }
}

struct Worker {
    writer: Writer,
    witness: Option<Arc<dyn LogWitness>>,
    publish: watch::Sender<Progress>,
    give_back: std::sync::mpsc::Sender<Batch>,
    gate: Arc<tokio::sync::Mutex<()>>,
    ending: Arc<AtomicBool>,
}

impl Worker {
    fn run(mut self, mut batches: mpsc::Receiver<Read>) {
        while let Some(mut batch) = batches.blocking_recv() {
            let (gate, applied) = self.apply_patiently(&mut batch);
            // It fails only when nobody reads any more. The last one would lie there.
            if !batches.is_empty()
                && let Ok(batch) = batch
            {
                let _ = self.give_back.send(batch);
            }
            let position = self.writer.position();
            let stopped = applied.is_err();
            // A lock that was waited for to the end of the feed is no failure.
            let failure = applied.err().filter(|error| !error.is_locked()).map(Arc::new);
            if let Some(error) = &failure {
                let error = with_causes(&**error);
                tracing::error!(%position, error, "the read models stopped");
            }
            self.publish.send_replace(Progress { position, failure });
            drop(gate);
            if stopped {
                return;
            }
        }
    }

    /// Folds a batch, again and again while somebody else has locked the file to write to it: such
    /// a lock goes away, and nothing of the batch was kept. Between two attempts nobody is kept
    /// from holding the feed.
    fn apply_patiently(&mut self, read: &mut Read) -> (OwnedMutexGuard<()>, Result<(), FeedError>) {
        let mut waits = false;
        loop {
            let gate = Arc::clone(&self.gate).blocking_lock_owned();
            let applied = match read {
                Ok(batch) => self.apply(batch),
                Err(_) => std::mem::replace(read, Err(FeedError::Ended)).map(drop),
            };
            let locked = applied.as_ref().is_err_and(FeedError::is_locked);
            if !locked || self.ending.load(Ordering::Acquire) {
                return (gate, applied);
            }
            drop(gate);
            if !waits {
                let position = self.writer.position();
                tracing::warn!(%position, cause = "somebody else writes", "the read models wait");
            }
            waits = true;
            std::thread::sleep(AGAIN_AFTER);
        }
    }

    fn apply(&mut self, batch: &mut Batch) -> Result<(), FeedError> {
        let witness = self.witness.as_ref();
        self.writer.apply(batch, |at| witness.and_then(|log| log.witness(at)))
    }
}

/// However it ends, nobody is left to wait for it: if it was not to end, the progress says so.
impl Drop for Worker {
    fn drop(&mut self) {
        let wanted = self.ending.load(Ordering::Acquire);
        self.publish.send_if_modified(|progress| {
            let unsaid = !wanted && progress.failure.is_none();
            if unsaid {
                tracing::error!(position = %progress.position, "the feed ended by itself");
                progress.failure = Some(Arc::new(FeedError::Ended));
            }
            unsaid
        });
    }
}
