//! Rebuilds: a new generation beside the live one, which serves until the new one has caught up.

use std::sync::{Arc, PoisonError};

use ledger::causes::with_causes;
use ledger::envelope::Position;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::database::Writer;
use crate::error::{FeedError, ProjectionError};
use crate::generation::{self, Generation};
use crate::opening::{self, blocking, start};
use crate::projections::Shared;

/// How a rebuild stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildState {
    /// Events are being folded; the old generation serves.
    Running,
    /// The new generation serves.
    Done,
    /// The old generation serves on; the new one is gone.
    Failed,
}

/// How far a rebuild has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RebuildProgress {
    /// The generation that is being built.
    pub generation: u64,
    /// The last position that is folded.
    pub position: Position,
    /// The last position of the log when the rebuild began.
    pub head: Position,
    /// Events folded a second so far; 0 until a millisecond has passed.
    pub events_per_second: u64,
    /// How it stands.
    pub state: RebuildState,
}

type Outcome = Option<Result<u64, Arc<ProjectionError>>>;

/// A rebuild under way, or ended. It goes on if this is dropped.
#[derive(Debug, Clone)]
pub struct Rebuild {
    progress: watch::Receiver<RebuildProgress>,
    outcome: watch::Receiver<Outcome>,
    cancelled: Arc<watch::Sender<bool>>,
}

impl Rebuild {
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Self, ProjectionError> {
        let mut current = shared.rebuild.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|rebuild| rebuild.progress().state == RebuildState::Running)
        {
            return Err(ProjectionError::Rebuilding);
        }
        let number = generation::next(&shared.folder)?;
        let (position, head) = (Position::START, Position::START);
        let (report, progress) = watch::channel(RebuildProgress {
            generation: number,
            position,
            head,
            events_per_second: 0,
            state: RebuildState::Running,
        });
        let (end, outcome) = watch::channel(None);
        let cancelled = Arc::new(watch::Sender::new(false));
        let run = Run {
            shared: Arc::clone(shared),
            number,
            report,
            cancelled: cancelled.subscribe(),
            started: Instant::now(),
        };
        tokio::spawn(async move {
            let (result, report) = run.run().await;
            let state = if result.is_ok() { RebuildState::Done } else { RebuildState::Failed };
            // First: whoever sees how it ended sees why.
            end.send_replace(Some(result.map_err(Arc::new)));
            report.send_modify(|progress| progress.state = state);
        });
        let rebuild = Self { progress, outcome, cancelled };
        *current = Some(rebuild.clone());
        Ok(rebuild)
    }

    /// How far it has come.
    pub fn progress(&self) -> RebuildProgress {
        let mut progress = *self.progress.borrow();
        // A task that panicked says nothing more.
        if progress.state == RebuildState::Running && self.progress.has_changed().is_err() {
            progress.state = RebuildState::Failed;
        }
        progress
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<Arc<ProjectionError>> {
        self.outcome.borrow().as_ref().and_then(|ended| ended.as_ref().err().cloned())
    }

    /// Follows how far it comes.
    pub fn subscribe(&self) -> watch::Receiver<RebuildProgress> {
        self.progress.clone()
    }

    /// Calls it off. Without effect once the new generation serves.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Waits for its end; gives the number of the generation that serves now.
    pub async fn finished(&self) -> Result<u64, Arc<ProjectionError>> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Err(Arc::new(ProjectionError::Cancelled))),
            // The runtime went down with the task.
            Err(_closed) => Err(Arc::new(ProjectionError::Cancelled)),
        }
    }
}

struct Run {
    shared: Arc<Shared>,
    number: u64,
    report: watch::Sender<RebuildProgress>,
    cancelled: watch::Receiver<bool>,
    started: Instant,
}

impl Run {
    async fn run(mut self) -> (Result<u64, ProjectionError>, watch::Sender<RebuildProgress>) {
        let result = self.build().await;
        match &result {
            Ok(()) => tracing::info!(generation = self.number, "the read models were rebuilt"),
            Err(error) => {
                let error = with_causes(error);
                tracing::error!(generation = self.number, error, "a rebuild failed");
            }
        }
        (result.map(|()| self.number), self.report)
    }

    async fn build(&mut self) -> Result<(), ProjectionError> {
        let head = self.shared.store.head().await?;
        self.report.send_modify(|progress| progress.head = head);
        let path = generation::file(&self.shared.folder, self.number);
        let file = path.clone();
        let created = blocking(move || Ok(Writer::create_in_bulk(&file, head)?)).await;
        let started = created.and_then(|writer| {
            let (store, witness) = (&self.shared.store, self.shared.witness.as_ref());
            start(self.number, path.clone(), writer, store, witness)
        });
        let built = match started {
            Ok(built) => Arc::new(built),
            Err(error) => {
                generation::remove(&path);
                return Err(error);
            }
        };
        let swapped = match self.catch_up(&built, head).await {
            Ok(()) => self.swap(&built).await,
            Err(error) => Err(error),
        };
        let unused = match swapped {
            Ok(old) => old,
            Err(error) => {
                retire(built).await?;
                return Err(error);
            }
        };
        // The new one serves, however the old one ends.
        if let Err(error) = retire(unused).await {
            let error = with_causes(&error);
            tracing::warn!(error, "the read models before a rebuild did not end in order");
        }
        Ok(())
    }

    /// Folds until the new generation has what the log held at the start, and what the live one
    /// has.
    async fn catch_up(
        &mut self,
        built: &Generation,
        head: Position,
    ) -> Result<(), ProjectionError> {
        let mut progress = built.feed.subscribe();
        loop {
            let (position, failure) = {
                let now = progress.borrow_and_update();
                (now.position, now.failure.clone())
            };
            self.tell(position);
            if let Some(failure) = failure {
                return Err(failure.into());
            }
            if position >= head && position >= self.shared.live().feed.position() {
                return Ok(());
            }
            tokio::select! {
                changed = progress.changed() => changed.map_err(|_closed| FeedError::Ended)?,
                _ = self.cancelled.wait_for(|cancelled| *cancelled) => {
                    return Err(ProjectionError::Cancelled);
                }
            }
        }
    }

    fn tell(&self, position: Position) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rate = position.0.saturating_mul(1000).checked_div(millis).unwrap_or_default();
        self.report.send_modify(|progress| {
            progress.position = position;
            progress.events_per_second = rate;
        });
    }

    /// Lets the live feed commit nothing until the new one is as far, so that no reader sees the
    /// position go back, and then serves the new one. Gives back the old one.
    async fn swap(&self, built: &Arc<Generation>) -> Result<Arc<Generation>, ProjectionError> {
        let live = self.shared.live();
        let held = live.feed.hold().await;
        let mut cancelled = self.cancelled.clone();
        tokio::select! {
            reached = built.feed.wait_for(live.feed.position()) => {
                reached.map_err(|error| opening::cause(&built.feed, error))?;
            }
            _ = cancelled.wait_for(|cancelled| *cancelled) => {
                return Err(ProjectionError::Cancelled);
            }
        }
        let (folder, number) = (self.shared.folder.clone(), self.number);
        blocking(move || generation::point_at(&folder, number)).await?;
        let old = self.shared.replace_live(Arc::clone(built));
        drop(held);
        Ok(old)
    }
}

/// Ends a generation's feed; its files go with its last reader.
async fn retire(generation: Arc<Generation>) -> Result<(), ProjectionError> {
    let stopped = generation.feed.stop().await;
    generation.retire();
    blocking(move || {
        drop(generation);
        Ok(())
    })
    .await?;
    stopped.map_err(ProjectionError::Thread)
}
