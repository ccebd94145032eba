//! The read models of one data directory: opened, followed, asked, rebuilt, shut down.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ledger::causes::with_causes;
use ledger::envelope::Position;
use ledger::store::EventStore;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::{FeedError, ProjectionError, QueryError};
use crate::feed::{LogWitness, Progress};
use crate::generation::{self, Generation};
use crate::opening;
use crate::readers::{Answer, Asking, CALLERS_MAX, Reader, SERVICE_MAX};
use crate::rebuild::Rebuild;
use crate::schema::FOLD_VERSION;
use crate::scrub;
use crate::verify::{Live, Report};

/// How long after damaged read models began to be built anew they are so again, if that failed.
const REPLACED_EVERY: Duration = Duration::from_secs(60);

/// What a read model is opened with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the log can say about itself, if it can.
    pub witness: Option<Arc<dyn LogWitness>>,
}

/// The read models.
#[derive(Debug, Clone)]
pub struct Projections {
    pub(crate) shared: Arc<Shared>,
    /// One a question. Held where it is answered, which may go on for a moment if the asker has
    /// left.
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) witness: Option<Arc<dyn LogWitness>>,
    live: RwLock<Arc<Generation>>,
    pub(crate) rebuild: Mutex<Option<Rebuild>>,
    /// When damaged ones began to be built anew last.
    replaced: Mutex<Option<Instant>>,
    /// For the questions of callers.
    callers: Arc<Semaphore>,
    /// For those of the service itself.
    service: Arc<Semaphore>,
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
    pub rebuild: Option<Rebuild>,
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
    /// Refused if they know more than the log, or belong to another. Folded by another version, or
    /// unreadable, they are built anew first. The first ones of a log are filled while it takes
    /// more in: whoever asks them waits until they hold what it held at the opening. Of those that
    /// were there all pages are looked at meanwhile, and whoever asks waits for that.
    pub async fn open(
        data: &Path,
        store: Arc<dyn EventStore>,
        options: Options,
    ) -> Result<Self, ProjectionError> {
        let folder = generation::folder(data);
        let witness = options.witness;
        let live = Arc::new(opening::open(&folder, &store, witness.as_ref()).await?);
        let shared = Arc::new(Shared {
            folder,
            store,
            witness,
            live: RwLock::new(Arc::clone(&live)),
            rebuild: Mutex::new(None),
            replaced: Mutex::new(None),
            callers: Arc::new(Semaphore::new(CALLERS_MAX)),
            service: Arc::new(Semaphore::new(SERVICE_MAX)),
        });
        let (weak, opened) = (Arc::downgrade(&shared), Arc::downgrade(&live));
        if let Some(head) = live.waits_for() {
            tokio::spawn(opening::finish_first(weak, opened, head));
        } else if !live.answers() {
            tokio::spawn(scrub::pass(weak, opened, None));
        }
        Ok(Self::of(shared))
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        let permits = Arc::clone(&shared.callers);
        Self { shared, permits }
    }

    /// The same, for what the service asks by itself: it waits for no question of a caller, however
    /// many there are and however long they take.
    #[must_use]
    pub fn for_the_service(self) -> Self {
        let permits = Arc::clone(&self.shared.service);
        Self { permits, ..self }
    }

    /// Looks at all pages of the live read models, so many bytes a second. If one is not as it was
    /// written, nothing is answered from them any more, and they are built anew.
    pub async fn scrub(&self, bytes_a_second: NonZeroU64) {
        let live = Arc::downgrade(&self.shared.live());
        scrub::pass(Arc::downgrade(&self.shared), live, Some(bytes_a_second)).await;
    }

    /// Are questions answered? Not while the first read models of a log are filled, while those of
    /// an earlier start are looked at, and while damaged ones are built anew.
    pub fn answers(&self) -> bool {
        self.shared.live().answers()
    }

    /// The last position that is folded.
    pub fn position(&self) -> Position {
        self.shared.live().feed.position()
    }

    /// What has to be folded before anything is answered: nothing, except while the first read
    /// models of a log are being filled.
    pub fn least_position(&self) -> Position {
        self.shared.live().waits_for().unwrap_or_default()
    }

    /// How far the feed has come, and why it stopped if it did.
    pub fn progress(&self) -> Progress {
        self.shared.live().feed.progress()
    }

    /// Waits until `position` and the [least](Self::least_position) are folded; the deadline is the
    /// caller's. Fails if the feed stopped before it; if that was because
    /// the read models are damaged, they are built anew.
    pub async fn wait_for(&self, position: Position) -> Result<Position, QueryError> {
        loop {
            let live = self.shared.live();
            let answer = live.wait_for(position).await;
            // A rebuild may have taken over while we waited: how far the old one went on tells
            // nothing of the new one, which is what will be asked.
            if Arc::ptr_eq(&live, &self.shared.live()) {
                if let Some(failure) = live.feed.progress().failure
                    && (failure.is_damage() || (failure.may_be_damage() && !self.has_replaced()))
                {
                    self.replace_damaged(&live, &with_causes(&*failure));
                }
                if let Err(error) = &answer
                    && error.is_damage()
                {
                    self.replace_damaged(&live, &with_causes(error));
                }
                return answer;
            }
        }
    }

    /// Asks within one read transaction, on a thread that may block, once `min_position` and
    /// the [least](Self::least_position) are folded. Dropped, the question is broken off.
    pub async fn read<T, F>(
        &self,
        min_position: Option<Position>,
        ask: F,
    ) -> Result<Answer<T>, QueryError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.wait_for(min_position.unwrap_or_default()).await?;
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.map_err(|_closed| QueryError::Ended)?;
        let live = self.shared.live();
        let asked = Arc::clone(&live);
        let asking = Asking::begin();
        let left = asking.left();
        let answer = move || {
            let answer = asked.readers.read(left, ask);
            drop(permit);
            answer
        };
        let answered = tokio::task::spawn_blocking(answer).await;
        let answer = answered.map_err(|_cancelled| QueryError::Ended)?;
        if let Err(error) = &answer
            && error.is_damage()
        {
            self.replace_damaged(&live, &with_causes(error));
        }
        answer
    }

    /// Compares the live read models with the log, row for row, and builds them anew if they
    /// differ. It takes some times as long as a rebuild, and goes on if the caller has left.
    pub async fn verify(&self) -> Result<Report, ProjectionError> {
        let live = self.shared.live();
        let (folder, store) = (self.shared.folder.clone(), Arc::clone(&self.shared.store));
        let (number, runtime) = (live.number, Handle::current());
        let compared = opening::blocking(move || {
            let opened = Live::open_generation(&folder, number)?;
            runtime.block_on(opened.verify(store))
        })
        .await;
        let cause = match &compared {
            Ok(report) => report.difference().map(str::to_owned),
            Err(error) => error.is_damage().then(|| with_causes(error)),
        };
        if let Some(cause) = cause {
            self.replace_damaged(&live, &cause);
        }
        compared
    }

    /// Was a generation built anew since the start? If that did not help against an event that does
    /// not fit what is there, the event is at fault.
    fn has_replaced(&self) -> bool {
        self.shared.replaced.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Builds a generation anew that was found damaged: all of it is in the log, and who asks again
    /// is answered by the new one. If that fails, not again at once.
    pub(crate) fn replace_damaged(&self, damaged: &Arc<Generation>, cause: &str) {
        let mut replaced = self.shared.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = replaced.is_some_and(|at| at.elapsed() < REPLACED_EVERY);
        let is_shut_down = self.shared.callers.is_closed();
        if lately || is_shut_down || !Arc::ptr_eq(damaged, &self.shared.live()) {
            return;
        }
        // One may be under way already.
        if self.rebuild().is_ok() {
            *replaced = Some(Instant::now());
            let generation = damaged.number;
            tracing::error!(generation, cause, "the read models are damaged, and are built anew");
        }
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
            rebuild: rebuild.clone(),
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
        self.shared.callers.close();
        self.shared.service.close();
        let live = self.shared.live();
        // First: the last connection takes the write-ahead log away, and only a writer can.
        live.readers.close();
        live.feed.stop().await.map_err(ProjectionError::Thread)
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
