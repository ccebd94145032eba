//! Rebuilds: a new generation beside the live one, which serves until the new one has caught up.

use std::sync::{Arc, PoisonError};

use ledger::causes::with_causes;
use ledger::envelope::Position;
use tokio::sync::watch;

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
    /// How it stands.
    pub state: RebuildState,
}

/// What a rebuild tells of itself.
#[derive(Debug, Default)]
struct Told {
    position: Position,
    head: Position,
    /// How it ended.
    outcome: Option<Result<(), Arc<ProjectionError>>>,
}

/// A rebuild under way, or ended. It goes on if this is dropped.
#[derive(Debug, Clone)]
pub struct Rebuild {
    generation: u64,
    told: watch::Receiver<Told>,
    cancelled: Arc<watch::Sender<bool>>,
}

impl Rebuild {
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Self, ProjectionError> {
        let mut current = shared.rebuild.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|rebuild| rebuild.progress().state == RebuildState::Running)
        {
            return Err(ProjectionError::Rebuilding);
        }
        let generation = generation::next(&shared.folder)?;
        let (report, told) = watch::channel(Told::default());
        let cancelled = Arc::new(watch::Sender::new(false));
        let (shared, called_off) = (Arc::clone(shared), cancelled.subscribe());
        tokio::spawn(Run { shared, number: generation, report, cancelled: called_off }.run());
        let rebuild = Self { generation, told, cancelled };
        *current = Some(rebuild.clone());
        Ok(rebuild)
    }

    /// How far it has come.
    pub fn progress(&self) -> RebuildProgress {
        let told = self.told.borrow();
        let state = match &told.outcome {
            Some(Ok(())) => RebuildState::Done,
            Some(Err(_)) => RebuildState::Failed,
            // A task that panicked says nothing more.
            None if self.told.has_changed().is_err() => RebuildState::Failed,
            None => RebuildState::Running,
        };
        let (generation, position, head) = (self.generation, told.position, told.head);
        RebuildProgress { generation, position, head, state }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<Arc<ProjectionError>> {
        self.told.borrow().outcome.as_ref().and_then(|ended| ended.as_ref().err().cloned())
    }

    /// Calls it off. Without effect once the new generation serves.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Waits for its end; gives the number of the generation that serves now.
    pub async fn finished(&self) -> Result<u64, Arc<ProjectionError>> {
        let mut told = self.told.clone();
        let ended = match told.wait_for(|told| told.outcome.is_some()).await {
            Ok(told) => told.outcome.clone(),
            // The runtime went down with the task.
            Err(_closed) => None,
        };
        let cancelled = || Err(Arc::new(ProjectionError::Cancelled));
        ended.unwrap_or_else(cancelled).map(|()| self.generation)
    }
}

struct Run {
    shared: Arc<Shared>,
    number: u64,
    report: watch::Sender<Told>,
    cancelled: watch::Receiver<bool>,
}

impl Run {
    async fn run(mut self) {
        let built = self.build().await;
        match &built {
            Ok(()) => tracing::info!(generation = self.number, "the read models were rebuilt"),
            Err(error) => {
                let error = with_causes(error);
                tracing::error!(generation = self.number, error, "a rebuild failed");
            }
        }
        let Self { shared, report, .. } = self;
        // Let go first: whoever waits for the end may close the log next.
        drop(shared);
        report.send_modify(|told| told.outcome = Some(built.map_err(Arc::new)));
    }

    async fn build(&mut self) -> Result<(), ProjectionError> {
        let head = self.shared.store.head().await?;
        self.report.send_modify(|told| told.head = head);
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
            self.report.send_modify(|told| told.position = position);
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
