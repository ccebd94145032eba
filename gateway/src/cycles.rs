//! What time drives: windows are run once they are closed, liens released once funds are good, and
//! accounts looked at day by day; and the books are kept.
//!
//! Every step is a command with a derived request id, so that running it twice, or crashing
//! anywhere, changes nothing.

mod books;
mod daily;
pub mod lease;
mod rehearsal;

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use ledger::causes::with_causes;
use ledger::cycles::cutoff::{WindowKey, WindowSealed};
use ledger::domain::account::commands::Command;
use ledger::domain::cutoff::{Window, eastern_date, instant_of};
use ledger::engine::{Engine, EngineError, Request};
use ledger::envelope::Position;
use ledger::ids::{AccountId, Actor, RequestId};
use projections::Projections;
use projections::queries::Asked;
use projections::queries::payments::DuePayment;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use self::daily::Daily;
use self::lease::Lease;
use crate::server::Shutdown;
use crate::status::{Failure, read_failure};

/// How many payments of a window are applied in one batch.
const RUN_PAYMENTS: usize = 1000;
/// How many liens are released in one go.
const RELEASES: usize = 1000;
/// How often the runner looks whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long after a close, or a pass over the accounts, in which something failed the next one
/// begins: each reads every account.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The runner. Clones run in turn, never side by side.
#[derive(Debug, Clone)]
pub struct Cycles {
    engine: Engine,
    /// What is due at a cut-off waits for no list or report.
    reads: Projections,
    turn: Arc<Mutex<()>>,
    woken: Arc<Notify>,
    books_woken: Arc<Notify>,
    /// When the read models were compared with the log last.
    compared: Arc<Mutex<Option<Instant>>>,
    lease: Option<Lease>,
    /// How far the accounts have been looked at. Held for as long as what is due is done.
    daily: Arc<Mutex<Daily>>,
    /// Held while a clock that is set by hand is on its way.
    moving: Arc<Mutex<()>>,
    by_hand: bool,
}

/// What became of all that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// It is done.
    Done,
    /// Origination is on hold after a loss: windows, releases and the daily pass wait.
    OnHold,
    /// It is left to the gateway that holds the lease.
    Elsewhere,
    /// It is left to requests: the service does nothing by itself.
    ByHand,
}

/// What a look at what is due came to.
#[derive(Debug)]
struct Look {
    runs: Runs,
    /// Was something left for the next look, which may follow at once?
    more: bool,
    /// The first failure that stopped nothing else; it has been logged.
    failed: Option<Failure>,
}

impl Look {
    const fn came_to(runs: Runs) -> Self {
        Self { runs, more: false, failed: None }
    }
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
        Self {
            engine,
            reads: reads.for_the_service(),
            turn: Arc::default(),
            woken: Arc::default(),
            books_woken: Arc::default(),
            compared: Arc::default(),
            lease: None,
            daily: Arc::default(),
            moving: Arc::default(),
            by_hand: false,
        }
    }

    /// The same, and what is due is left to requests, whatever the clock says.
    #[must_use]
    pub fn by_hand(self) -> Self {
        Self { by_hand: true, ..self }
    }

    /// The same, and by itself it runs only while it holds the lease.
    #[must_use]
    pub fn with_lease(self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self }
    }

    /// May this gateway run what is due? Not while its read models have stopped and another one
    /// could: all that is run is found in them.
    async fn has_turn(&self) -> Result<bool, Failure> {
        let Some(lease) = self.lease.clone() else { return Ok(true) };
        if self.engine.store().shared().is_some() && self.reads.progress().failure.is_some() {
            lease.give_up().await;
            return Ok(false);
        }
        // To its end though the service stops: a lease taken half way would not be given up.
        let turn = tokio::spawn(async move { lease.turn().await }).await;
        Ok(turn.unwrap_or_else(|fault| Err(EngineError::Indeterminate(fault.into())))?)
    }

    /// Makes the runner look now, since something has changed that it waits for.
    pub fn wake(&self) {
        self.woken.notify_one();
        self.books_woken.notify_one();
    }

    /// Runs what is due, and again whenever time has passed, until the server stops. The books are
    /// kept beside the windows: a close that reads every account holds up no run. The server does
    /// not wait for either, since every step is found done, or taken again, after the next start.
    pub async fn run_until(self, shutdown: Shutdown) {
        let always = async { tokio::join!(self.run_windows_always(), self.keep_books_always()) };
        tokio::select! {
            _ = always => {}
            () = shutdown.asked() => {}
        }
        if let Some(lease) = &self.lease {
            lease.give_up().await;
        }
    }

    async fn run_windows_always(&self) {
        loop {
            match self.run_due().await {
                Ok(Look { more: true, .. }) => self.woken.notify_one(),
                Ok(_) => {}
                Err(failure) => {
                    tracing::warn!(%failure, "a run did not come to its end and is tried again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.woken.notified() => {}
            }
        }
    }

    /// Runs every closed window that has payments no seal covers, then releases the liens whose
    /// hold is over, then looks at some of the accounts that the day may have changed. What fails
    /// is logged and tried again the next time, and stops nothing else. Does nothing while
    /// origination is on hold.
    async fn run_due(&self) -> Result<Look, Failure> {
        let mut daily = self.daily.lock().await;
        if !self.has_turn().await? {
            return Ok(Look::came_to(Runs::Elsewhere));
        }
        if self.engine.origination_on_hold().await?.is_some() {
            // What accounts owe is not known either while windows wait.
            return Ok(Look::came_to(Runs::OnHold));
        }
        let now = self.engine.clock().now();
        let today = eastern_date(now);
        // A payment that was received before midnight, and is not in the log yet, is none of
        // today's: what accounts owe today depends on it.
        let yesterday = today.pred_opt().unwrap_or(NaiveDate::MIN);
        self.engine.concluded_before(instant_of(yesterday, Window::END_OF_DAY)).await;
        // A payment that was scheduled a moment ago may be the first of its window.
        self.catch_up().await?;
        let windows = self.ask(move |reader| reader.unsealed_windows(now)).await?;
        let (starting, waiting): (Vec<_>, Vec<_>) =
            windows.into_iter().partition(|window| window.starts_at() <= now);
        let mut look = Look::came_to(Runs::Done);
        self.run_windows(&starting, &mut look).await;
        self.release_liens(&mut look).await?;
        // What accounts owe is known once the payments of the day that is over are applied.
        if waiting.is_empty() && self.look_at_accounts(&mut daily, today).await? {
            look.more = true;
        }
        Ok(look)
    }

    async fn run_windows(&self, windows: &[WindowKey], look: &mut Look) {
        for window in windows {
            let name = window.name();
            match self.run_window(*window).await {
                Ok(run) => {
                    let position = run.position.0;
                    tracing::info!(window = name, position, "the window is sealed");
                }
                Err(failure) => {
                    tracing::error!(window = name, %failure, "a run did not come to its end");
                    look.failed.get_or_insert(failure);
                }
            }
        }
    }

    /// Runs one window: applies what is pending in it, and seals what no seal covers yet. Goes on
    /// if the caller's future is dropped.
    pub async fn run_window(&self, key: WindowKey) -> Result<WindowRun, Failure> {
        let cycles = self.clone();
        let run = tokio::spawn(async move { cycles.carry_out(key).await });
        run.await.unwrap_or_else(|fault| {
            tracing::error!(%fault, "a run ended by a fault");
            Err(Failure::internal_fault())
        })
    }

    async fn carry_out(&self, key: WindowKey) -> Result<WindowRun, Failure> {
        let _turn = self.turn.lock().await;
        if let Err(early) = key.check_closed(self.engine.clock().now()) {
            // Not one to be run later, if there is none.
            self.check_known(key).await?;
            return Err(early.into());
        }
        if let Some(loss) = self.engine.origination_on_hold().await? {
            return Err(Failure::origination_on_hold(loss));
        }
        // What it had may be in the log only, as after a start.
        self.catch_up().await?;
        self.check_known(key).await?;
        // A cancel received before the cut-off wins however late it commits.
        self.engine.concluded_before(key.cutoff_at()).await;
        // All that the window takes in is in the log by now; a payment applied keeps its place.
        self.catch_up().await?;
        let due = self.due_payments(key, Position::START).await?;
        if due.is_empty() {
            return self.seal(key).await;
        }
        // From here on nobody can say that nothing was written.
        self.apply_all(key, due).await.map_err(Failure::once_written)?;
        self.seal(key).await.map_err(Failure::once_written)
    }

    /// Checks that there is such a window: that something is in it, or that the rules have it.
    async fn check_known(&self, key: WindowKey) -> Result<(), Failure> {
        if self.ask(move |reader| reader.has_window(&key)).await? {
            return Ok(());
        }
        let begun = self.engine.books().await?.books.days().keys().next().copied();
        let today = || eastern_date(self.engine.clock().now());
        Ok(key.check_known(self.engine.rules(), begun.unwrap_or_else(today))?)
    }

    /// Applies the payments of a window, the first of which are given.
    async fn apply_all(&self, key: WindowKey, first: Vec<DuePayment>) -> Result<(), Failure> {
        let (mut due, mut failed) = (first, Ok(()));
        while let Some(last) = due.last() {
            let after = last.first_position;
            let (applied, next) = tokio::join!(self.apply(key, due), self.due_payments(key, after));
            failed = failed.and(applied);
            due = next?;
        }
        // A payment that could not be applied leaves the window unsealed, and only itself behind.
        failed
    }

    async fn due_payments(
        &self,
        key: WindowKey,
        after: Position,
    ) -> Result<Vec<DuePayment>, Failure> {
        self.ask(move |reader| reader.due_payments(&key, after, RUN_PAYMENTS)).await
    }

    /// Seals what no seal of a window covers yet, all its payments being applied.
    async fn seal(&self, key: WindowKey) -> Result<WindowRun, Failure> {
        self.catch_up().await?;
        let unsealed = self.ask(move |reader| reader.unsealed(&key)).await?;
        if unsealed.pending > 0 {
            // What was asked for them before did not name them, and was replaced meanwhile.
            tracing::warn!(window = key.name(), pending = unsealed.pending, "payments wait still");
            return Err(Failure::store_unavailable());
        }
        let nothing_new = unsealed.seals > 0 && unsealed.items.is_empty();
        let (_, position) = self.engine.seal_window(key, unsealed.seals, unsealed.items).await?;
        let seals = self.engine.window_seals(&key).await;
        let seals = seals.map_err(|error| Failure::from(error).once_written())?;
        Ok(WindowRun { key, seals, position, nothing_new })
    }

    /// Applies payments; tells the first failure once all have been tried.
    async fn apply(&self, key: WindowKey, due: Vec<DuePayment>) -> Result<(), Failure> {
        let mut applied = Ok(());
        for part in due.chunks(self.engine.commands_at_once()) {
            let receipt = self.engine.receive()?;
            let requests = part
                .iter()
                .map(|due| Request {
                    account: due.account.clone(),
                    request_id: key.apply_request(due.payment),
                    actor: Actor::runner(),
                    receipt: receipt.clone(),
                    command: Command::ApplyPayment { payment: due.payment },
                })
                .collect();
            drop(receipt);
            let answers = self.engine.execute_batch(requests).await;
            let all = answers.into_iter().try_for_each(|answer| answer.map(drop));
            applied = applied.and(all.map_err(Failure::from));
        }
        applied
    }

    async fn release_liens(&self, look: &mut Look) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        let today = eastern_date(self.engine.clock().now());
        let due = self.ask(move |reader| reader.releasable_titles(today, RELEASES)).await?;
        let mut released = false;
        for releasable in &due {
            let account = &releasable.account;
            let request = self.release(account, releasable.last_position)?;
            match self.engine.execute(request).await {
                Ok(_) => {
                    released = true;
                    tracing::info!(%account, "the lien is released");
                }
                Err(error) => {
                    let told = with_causes(&error);
                    tracing::warn!(%account, error = told, "the lien is not released");
                    if !matches!(error, EngineError::Refused { .. }) {
                        look.failed.get_or_insert_with(|| Failure::from(&error));
                    }
                }
            }
        }
        // Those that are refused stay among the first.
        look.more |= released && due.len() == RELEASES;
        Ok(())
    }

    /// The request by which an account's lien is released as it stood at `position`: when the
    /// account changes, and the release is due again, that is another request.
    fn release(&self, account: &AccountId, position: Position) -> Result<Request, EngineError> {
        let cause = format!("release-{account}");
        Ok(Request {
            account: account.clone(),
            request_id: RequestId::derived(&cause, &position.to_string()),
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
        let answered = self.reads.read(None, ask).await;
        Ok(answered.map_err(|error| read_failure(&error))?.value)
    }
}

#[cfg(test)]
mod tests;
