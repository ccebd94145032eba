//! What time drives: windows are run once they are closed, liens released once funds are good.
//!
//! Every step is a command with a derived request id, so that running it twice, or crashing
//! anywhere, changes nothing.

use std::sync::Arc;
use std::time::Duration;

use ledger::cycles::cutoff::{WindowKey, WindowSealed};
use ledger::domain::account::commands::Command;
use ledger::domain::cutoff::eastern_date;
use ledger::engine::{Engine, EngineError, Request};
use ledger::envelope::Position;
use ledger::ids::{AccountId, Actor, RequestId};
use projections::Projections;
use projections::error::QueryError;
use projections::queries::Asked;
use projections::queries::payments::DuePayment;
use tokio::sync::{Mutex, Notify};

use crate::server::Shutdown;
use crate::status::{Failure, read_failure};

/// How many payments of a window are applied in one batch.
const RUN_PAYMENTS: usize = 1000;
/// How many liens are released in one go.
const RELEASES: usize = 1000;
/// How often the runner looks whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The runner. Clones run in turn, never side by side.
#[derive(Debug, Clone)]
pub struct Cycles {
    engine: Engine,
    reads: Projections,
    turn: Arc<Mutex<()>>,
    woken: Arc<Notify>,
}

/// A window after its run.
#[derive(Debug, Clone)]
pub struct WindowRun {
    /// The window.
    pub key: WindowKey,
    /// All its seals.
    pub seals: Vec<WindowSealed>,
    /// The place of the last seal.
    pub position: Position,
    /// Had everything been sealed before?
    pub nothing_new: bool,
}

impl Cycles {
    /// A runner over an engine and its read models.
    pub fn new(engine: Engine, reads: Projections) -> Self {
        Self { engine, reads, turn: Arc::default(), woken: Arc::default() }
    }

    /// Makes the runner look now, since the clock was set.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Runs what is due, and again whenever time has passed, until the server stops.
    pub async fn run_until(self, shutdown: Shutdown) {
        loop {
            if let Err(failure) = self.run_due().await {
                tracing::warn!(%failure, "a run did not come to its end and is tried again");
            }
            tokio::select! {
                () = shutdown.asked() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.woken.notified() => {}
            }
        }
    }

    /// Runs every closed window that has payments no seal covers, then releases the liens whose
    /// hold is over.
    async fn run_due(&self) -> Result<(), Failure> {
        let now = self.engine.clock().now();
        let windows = self.ask(move |reader| reader.unsealed_windows(now)).await?;
        for window in windows {
            if window.key.starts_at() <= now {
                let run = self.run_window(window.key).await?;
                tracing::info!(
                    window = run.key.name(),
                    position = run.position.0,
                    "the window is sealed"
                );
            }
        }
        self.release_liens().await
    }

    /// Runs one window: applies what is pending in it, and seals what no seal covers yet.
    pub async fn run_window(&self, key: WindowKey) -> Result<WindowRun, Failure> {
        let _turn = self.turn.lock().await;
        key.check(self.engine.rules(), self.engine.clock().now())?;
        // A cancel received before the cut-off wins however late it commits.
        self.engine.settled_before(key.cutoff_at()).await;
        let mut after = Position::START;
        loop {
            self.catch_up().await?;
            let due =
                self.ask(move |reader| reader.due_payments(&key, after, RUN_PAYMENTS)).await?;
            let Some(last) = due.last() else { break };
            after = last.first_position;
            self.apply(key, due).await?;
        }
        // Counted before the read models catch up, so that they know every seal that counts.
        let sealed_before = self.engine.window_seals(&key).await?.len();
        self.catch_up().await?;
        let items = self.ask(move |reader| reader.unsealed_items(&key)).await?;
        let count = u32::try_from(sealed_before).unwrap_or(u32::MAX);
        let (_, position) = self.engine.seal_window(key, count, items).await?;
        let seals = self.engine.window_seals(&key).await?;
        let nothing_new = seals.len() == sealed_before;
        Ok(WindowRun { key, seals, position, nothing_new })
    }

    async fn apply(&self, key: WindowKey, due: Vec<DuePayment>) -> Result<(), Failure> {
        let receipt = self.engine.receive()?;
        let requests = due
            .into_iter()
            .map(|due| Request {
                account: due.account,
                request_id: key.apply_request(due.payment),
                actor: Actor::runner(),
                receipt: receipt.clone(),
                command: Command::ApplyPayment { payment: due.payment },
            })
            .collect();
        drop(receipt);
        for answer in self.engine.execute_batch(requests).await {
            answer?;
        }
        Ok(())
    }

    async fn release_liens(&self) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        let today = eastern_date(self.engine.clock().now());
        let due = self.ask(move |reader| reader.releasable_titles(today, RELEASES)).await?;
        for releasable in due {
            let request =
                self.release(&releasable.account, &releasable.release_date.to_string())?;
            match self.engine.execute(request).await {
                Ok(_) => tracing::info!(account = %releasable.account, "the lien is released"),
                // The payoff came back, or the lien was released, since the read models looked.
                Err(EngineError::Refused { refusal, .. }) => {
                    tracing::info!(account = %releasable.account, %refusal, "no release");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn release(&self, account: &AccountId, release_date: &str) -> Result<Request, EngineError> {
        let cause = format!("release-{account}");
        Ok(Request {
            account: account.clone(),
            request_id: RequestId::derived(&cause, release_date),
            actor: Actor::runner(),
            receipt: self.engine.receive()?,
            command: Command::ReleaseLien,
        })
    }

    /// Waits until the read models hold everything that is in the log now.
    async fn catch_up(&self) -> Result<(), Failure> {
        let head = self.engine.store().head().await?;
        self.reads.wait_for(head).await.map_err(|error| read_failure(&error))?;
        Ok(())
    }

    async fn ask<T, F>(&self, ask: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&projections::Reader<'_>) -> Asked<T> + Send + 'static,
    {
        let answered: Result<_, QueryError> = self.reads.read(None, ask).await;
        Ok(answered.map_err(|error| read_failure(&error))?.value)
    }
}
