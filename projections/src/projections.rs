//! The read models of one data directory: opened, followed, asked, rebuilt, shut down.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ledger::envelope::Position;
use ledger::store::EventStore;
use tokio::sync::Semaphore;

use crate::database::{Checkpoint, Writer, checkpoint, open_reader};
use crate::error::{FeedError, ProjectionError, QueryError};
use crate::feed::{Feed, LogWitness, Progress};
use crate::generation::{self, Generation};
use crate::readers::{Answer, READERS_MAX, Reader};
use crate::rebuild::{Rebuild, RebuildProgress};
use crate::schema::FOLD_VERSION;

/// What a read model is opened with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the log can say about itself, if it can.
    pub witness: Option<Arc<dyn LogWitness>>,
}

/// The read models.
#[derive(Debug, Clone)]
pub struct Projections {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) witness: Option<Arc<dyn LogWitness>>,
    live: RwLock<Arc<Generation>>,
    pub(crate) rebuild: Mutex<Option<Rebuild>>,
    permits: Semaphore,
}

/// Where the read models stand.
#[derive(Debug, Clone)]
pub struct Status {
    /// The generation that is live.
    pub generation: u64,
    /// The version of its fold.
    pub fold_version: u32,
    /// The last position that is folded.
    pub position: Position,
    /// The last position of the log.
    pub head: Position,
    /// Why nothing more is folded, if so.
    pub failure: Option<Arc<FeedError>>,
    /// The rebuild under way, or the last one.
    pub rebuild: Option<RebuildProgress>,
}

impl Projections {
    /// Refuses a data directory whose log is gone while its read models are left: a new log there
    /// would pass for the old one.
    pub fn refuse_without_log(data: &Path) -> Result<(), ProjectionError> {
        let folder = generation::folder(data);
        match generation::current(&folder)? {
            Some(_) => Err(ProjectionError::LogGone(folder)),
            None => Ok(()),
        }
    }

    /// Opens the read models of the data directory `data`, and follows `store`.
    ///
    /// Refused if they know more than the log. Folded by another version, they are built anew
    /// first; the first time, they fill while they answer.
    pub async fn open(
        data: &Path,
        store: Arc<dyn EventStore>,
        options: Options,
    ) -> Result<Self, ProjectionError> {
        let folder = generation::folder(data);
        generation::make_folder(&folder)?;
        let head = store.head().await?;
        let witness = options.witness;
        let found = generation::current(&folder)?
            .map(|number| (number, generation::file(&folder, number)))
            .filter(|(_, path)| path.exists());
        let live = match found {
            None => {
                let number = generation::next(&folder)?;
                let path = generation::file(&folder, number);
                let writer = Writer::create(&path)?;
                generation::point_at(&folder, number)?;
                start(number, path, writer, &store, witness.as_ref())?
            }
            Some((number, path)) => {
                let checkpoint = checkpoint(&open_reader(&path)?)?;
                check(&checkpoint, head, witness.as_deref())?;
                if checkpoint.fold_version == i64::from(FOLD_VERSION) {
                    let writer = Writer::open(&path)?;
                    start(number, path, writer, &store, witness.as_ref())?
                } else {
                    tracing::info!(
                        found = checkpoint.fold_version,
                        expected = FOLD_VERSION,
                        "the read models were folded by another version and are built anew"
                    );
                    build_anew(&folder, head, &store, witness.as_ref()).await?
                }
            }
        };
        generation::sweep(&folder, live.number)?;
        let shared = Shared {
            folder,
            store,
            witness,
            live: RwLock::new(Arc::new(live)),
            rebuild: Mutex::new(None),
            permits: Semaphore::new(READERS_MAX),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The last position that is folded.
    pub fn position(&self) -> Position {
        self.shared.live().feed.position()
    }

    /// How far the feed has come, and why it stopped if it did.
    pub fn progress(&self) -> Progress {
        self.shared.live().feed.progress()
    }

    /// Waits until `position` is folded; the deadline is the caller's. Fails if the feed stopped
    /// before it.
    pub async fn wait_for(&self, position: Position) -> Result<Position, QueryError> {
        loop {
            let live = self.shared.live();
            match live.feed.wait_for(position).await {
                // A rebuild has taken over while we waited.
                Err(QueryError::Ended) if !Arc::ptr_eq(&live, &self.shared.live()) => {}
                answer => return answer,
            }
        }
    }

    /// Asks within one read transaction, on a thread that may block, once `min_position` is folded.
    pub async fn read<T, F>(
        &self,
        min_position: Option<Position>,
        ask: F,
    ) -> Result<Answer<T>, QueryError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        if let Some(position) = min_position {
            self.wait_for(position).await?;
        }
        let permit = self.shared.permits.acquire().await.map_err(|_closed| QueryError::Ended)?;
        let live = self.shared.live();
        let answered = tokio::task::spawn_blocking(move || live.readers.read(ask)).await;
        drop(permit);
        answered.map_err(|_cancelled| QueryError::Ended)?
    }

    /// Where the read models stand.
    pub async fn status(&self) -> Result<Status, ProjectionError> {
        let head = self.shared.store.head().await?;
        let live = self.shared.live();
        let progress = live.feed.progress();
        let rebuild = self.shared.rebuild.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Status {
            generation: live.number,
            fold_version: FOLD_VERSION,
            position: progress.position,
            // The feed may have moved since the head was read.
            head: head.max(progress.position),
            failure: progress.failure,
            rebuild: rebuild.as_ref().map(Rebuild::progress),
        })
    }

    /// Builds a new generation beside the live one and swaps them. One at a time.
    pub fn rebuild(&self) -> Result<Rebuild, ProjectionError> {
        Rebuild::start(&self.shared)
    }

    /// Calls off a rebuild, ends the feed and closes the files.
    pub async fn shutdown(&self) -> Result<(), ProjectionError> {
        let rebuild = self.shared.rebuild.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(rebuild) = rebuild {
            rebuild.cancel();
            // How it ended is in its own progress.
            let _ = rebuild.finished().await;
        }
        self.shared.permits.close();
        let live = self.shared.live();
        live.feed.stop().await.map_err(ProjectionError::Thread)?;
        live.readers.close();
        Ok(())
    }
}

impl Shared {
    pub(crate) fn live(&self) -> Arc<Generation> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes another generation the live one, and gives back the one that was.
    pub(crate) fn replace_live(&self, generation: Arc<Generation>) -> Arc<Generation> {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut live, generation)
    }
}

/// A read model must not know more than the log, nor something else.
pub(crate) fn check(
    checkpoint: &Checkpoint,
    head: Position,
    witness: Option<&dyn LogWitness>,
) -> Result<(), ProjectionError> {
    let position = checkpoint.position;
    if position > head {
        return Err(ProjectionError::AheadOfLog { checkpoint: position, head });
    }
    if let (Some(log), Some(remembered)) = (witness, &checkpoint.witness) {
        log.confirm(position, remembered)
            .map_err(|problem| ProjectionError::OtherLog { checkpoint: position, problem })?;
    }
    Ok(())
}

/// Starts a generation's feed.
pub(crate) fn start(
    number: u64,
    path: PathBuf,
    writer: Writer,
    store: &Arc<dyn EventStore>,
    witness: Option<&Arc<dyn LogWitness>>,
) -> Result<Generation, ProjectionError> {
    let feed = Feed::start(Arc::clone(store), writer, witness.cloned())
        .map_err(|error| ProjectionError::Thread(error.to_string()))?;
    Ok(Generation::new(number, path, feed))
}

/// Builds a generation up to `head` before anything is served.
async fn build_anew(
    folder: &Path,
    head: Position,
    store: &Arc<dyn EventStore>,
    witness: Option<&Arc<dyn LogWitness>>,
) -> Result<Generation, ProjectionError> {
    let number = generation::next(folder)?;
    let path = generation::file(folder, number);
    let writer = Writer::create(&path)?;
    let built = start(number, path, writer, store, witness)?;
    // A poison event must not keep the service from starting: what is before it is served, and the
    // status says where it stopped.
    match built.feed.wait_for(head).await {
        Ok(_) | Err(QueryError::Stopped { .. }) => {}
        Err(QueryError::Database(error)) => return Err(error.into()),
        Err(QueryError::Ended) => return Err(FeedError::Ended.into()),
    }
    generation::point_at(folder, number)?;
    Ok(built)
}
