//! Load, decide, append, answer.
//!
//! One lane an account keeps its commands apart; a conflict with another gateway is retried on what
//! that one left behind; a lost answer is found by reading again. The work runs in a task of its
//! own, so that a caller who hangs up cannot leave half of it; until its turn comes it is the
//! caller's, and goes with him.

mod batch;
mod begin;
mod books;
mod error;
mod explain;
mod fold;
mod in_flight;
mod lanes;
mod preview;
mod receipts;
mod recovery;
mod repeat;
mod seal;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use batch::ROUND_COMMANDS;
pub use books::{
    AccountPages, BooksAnswer, BooksAudit, BooksMode, BooksRequest, COPY_AGE_MAX, Difference,
    FoldedBooks, RestatementRow, audit as audit_books,
};
pub use error::EngineError;
pub use explain::{Explained, ExplainedLine, History, Source};
pub use fold::{Folded, KnownAt, Outcome};
pub use preview::Preview;
pub use receipts::Receipt;
pub use recovery::{FoldedRecovery, RecoveryAnswer, RecoveryRequest};

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::cycles::cutoff::RECEIPT_AGE_MAX;
use crate::digest::Digest;
use crate::domain::account::commands::Command;
use crate::domain::account::events::{Event, NothingChanged, RequestRefused};
use crate::domain::account::refusal::Refusal;
use crate::domain::account::state::Account;
use crate::domain::account::{Context, Denial, decide};
use crate::domain::books::AccountingDays;
use crate::domain::rulebook::Rulebook;
use crate::envelope::{Position, Version};
use crate::ids::{AccountId, Actor, RequestId};
use crate::store::{Append, AppendError, EventStore};
use crate::streams;
use books::BooksCopy;
use fold::{Counted, fold_on, fold_stream};
use lanes::{Lanes, Turn};
use receipts::Receipts;
use recovery::RecoveryCopy;
use repeat::{conclude, digest_of, repeats};
use write::new_append;

/// How often a command is decided again because another writer came first.
pub const ATTEMPTS_MAX: u32 = 16;

/// How an engine is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Who opens accounting days.
    pub books: BooksMode,
    /// How many accounts are kept folded in memory, about.
    pub accounts_cached: usize,
}

impl Settings {
    /// How many accounts are kept in memory if nothing else is said: some 4 KB each while they have
    /// five events, 8 with eleven, and more as they age.
    pub const ACCOUNTS_CACHED: usize = 20_000;
}

impl Default for Settings {
    fn default() -> Self {
        Self { books: BooksMode::default(), accounts_cached: Self::ACCOUNTS_CACHED }
    }
}

/// A command on its way, with what was read at the edge.
#[derive(Debug, Clone)]
pub struct Request {
    /// The account.
    pub account: AccountId,
    /// The request's id, for ever.
    pub request_id: RequestId,
    /// Who asks.
    pub actor: Actor,
    /// When it was received.
    pub receipt: Receipt,
    /// What is asked.
    pub command: Command,
}

/// What came of a command that was accepted, now or the first time.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The account right after the command: of a repeat, as it was then.
    pub account: Arc<Account>,
    /// The events that the command caused.
    pub events: Vec<Event>,
    /// The place of the last of them in the log.
    pub position: Position,
    /// Was it answered from memory of the first time?
    pub replayed: bool,
}

/// The engine. Cheap to share.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn EventStore>,
    clock: Arc<Clock>,
    rules: Arc<Rulebook>,
    lanes: Lanes,
    receipts: Receipts,
    books: BooksCopy,
    recovery: RecoveryCopy,
    /// Turns of batches that have a thread of their own.
    large_batches: Arc<Semaphore>,
}

impl Engine {
    /// Starts on `store`: learns the last receipt from its head, records the adoption of `rules`
    /// if they are not in force yet, and opens the first accounting day of a log that has none.
    /// Later days are opened as commands come.
    pub async fn start(
        store: Arc<dyn EventStore>,
        clock: Arc<Clock>,
        rules: Arc<Rulebook>,
    ) -> Result<Self, EngineError> {
        Self::start_with(store, clock, rules, Settings::default()).await
    }

    /// The same, with the say how it is to be.
    pub async fn start_with(
        store: Arc<dyn EventStore>,
        clock: Arc<Clock>,
        rules: Arc<Rulebook>,
        settings: Settings,
    ) -> Result<Self, EngineError> {
        let inner = Inner {
            store,
            clock,
            rules,
            lanes: Lanes::new(settings.accounts_cached),
            receipts: Receipts::default(),
            books: BooksCopy::new(settings.books),
            recovery: RecoveryCopy::default(),
            large_batches: Arc::new(Semaphore::new(batch::LARGE_BATCHES_MAX)),
        };
        inner.begin().await?;
        Ok(Self(Arc::new(inner)))
    }

    /// The store behind the engine.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.0.store
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<Rulebook> {
        &self.0.rules
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.0.clock
    }

    /// Takes a request in: fixes its instant, never before an earlier one, and counts it as under
    /// way until the receipt is dropped.
    pub fn receive(&self) -> Result<Receipt, EngineError> {
        self.0.receipts.take(&self.0.clock)
    }

    /// Is the clock where it can be trusted with cut-offs: not behind the last receipt by more than
    /// a moment? While it is not, nothing is received.
    pub fn clock_is_right(&self) -> bool {
        self.0.receipts.allows(&self.0.clock)
    }

    /// Waits until every request received before `instant` is concluded.
    pub async fn concluded_before(&self, instant: DateTime<Utc>) {
        self.0.receipts.concluded_before(instant).await;
    }

    /// Carries out a command. Once its turn on the account has come, the work goes on if the
    /// caller's future is dropped; before that, nothing is done.
    pub async fn execute(&self, request: Request) -> Result<Answer, EngineError> {
        // Waited for here and not in the task: what callers gave up would queue for ever longer,
        // and each of them would keep the windows of its receipt from being run.
        let lane = self.0.turn_on(&request.account).await;
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.carry_out(&request, lane).await })
            .await
            .unwrap_or_else(|failure| Err(EngineError::Indeterminate(failure.into())))
    }

    /// The account as it is now, or as it was known at `known_at`, which reads its own events and
    /// no others. None if it is, or was, not on the books.
    pub async fn account(
        &self,
        account: &AccountId,
        known_at: Option<KnownAt>,
    ) -> Result<Option<Arc<Folded>>, EngineError> {
        let folded = match known_at {
            Some(known_at) => {
                let (store, stream) = (self.0.store.as_ref(), streams::of_account(account));
                Arc::new(fold_stream(store, &stream, Counted::Known(known_at)).await?)
            }
            None => self.0.current(account).await?,
        };
        Ok(folded.open().is_some().then_some(folded))
    }
}

impl Inner {
    async fn current(&self, account: &AccountId) -> Result<Arc<Folded>, EngineError> {
        let mut cached = self.turn_on(account).await;
        self.load(account, &mut cached).await
    }

    /// Waits until nothing else is under way on `account`, and keeps it so.
    async fn turn_on(&self, account: &AccountId) -> Turn {
        self.lanes.of(account).lock_owned().await
    }

    /// The folded account: cached, and brought up to its stream's tail where others write too, or
    /// folded from its stream and then cached.
    async fn load(
        &self,
        account: &AccountId,
        cached: &mut Option<Arc<Folded>>,
    ) -> Result<Arc<Folded>, EngineError> {
        let (store, stream) = (self.store.as_ref(), || streams::of_account(account));
        let folded = match cached {
            Some(folded) if store.shared().is_none() => return Ok(Arc::clone(folded)),
            Some(folded) => fold_on(store, &stream(), folded).await?,
            None => Arc::new(fold_stream(store, &stream(), Counted::All).await?),
        };
        *cached = Some(Arc::clone(&folded));
        Ok(folded)
    }

    async fn carry_out(&self, request: &Request, mut cached: Turn) -> Result<Answer, EngineError> {
        let digest = digest_of(request)?;
        for _ in 0..ATTEMPTS_MAX {
            let folded = self.load(&request.account, &mut cached).await?;
            if let Some(outcome) = repeats(&folded, request, digest)? {
                return self.first_answer(request, outcome).await;
            }
            // Not before it is known to be no repeat: that may have been written long ago.
            self.refuse_stale(request.receipt.at())?;
            if request.command.originates() {
                self.look_whether_held().await?;
            }
            // Held until the append is concluded: no day is closed under it.
            let held = self.days(request.receipt.at()).await?;
            let events = self.decide_now(&folded, request, held.days)?;
            let append = self.append_of(request, digest, folded.version, &events)?;
            // What is cached is one event behind until the append is known; a lost answer must
            // not leave it there.
            *cached = None;
            match self.store.append(append).await {
                Ok(appended) => {
                    let mut after = Arc::unwrap_or_clone(folded);
                    after.follow_request(&events, request, digest, appended.position);
                    let account = Arc::clone(&after.account);
                    *cached = Some(Arc::new(after));
                    return conclude(account, events, appended.position, false);
                }
                // Another gateway came first, or our own lost answer arrived after all: what the
                // stream holds now decides.
                Err(AppendError::Conflict { .. }) => {}
                Err(error @ AppendError::Unavailable(_)) => {
                    *cached = Some(folded);
                    return Err(error.into());
                }
                Err(error @ AppendError::Indeterminate(_)) => {
                    return self.recall(request, error.into()).await;
                }
            }
        }
        Err(EngineError::Contended)
    }

    /// Refuses what was received too long ago to be decided now.
    fn refuse_stale(&self, received_at: DateTime<Utc>) -> Result<(), EngineError> {
        let age = self.clock.now().signed_duration_since(received_at);
        if age > RECEIPT_AGE_MAX { Err(EngineError::Stale { received_at }) } else { Ok(()) }
    }

    /// What `request`, which is no repeat, causes on an account as it is: at least one event.
    fn decide_now(
        &self,
        folded: &Folded,
        request: &Request,
        days: AccountingDays,
    ) -> Result<Vec<Event>, EngineError> {
        let received_at = request.receipt.at();
        self.refuse_stale(received_at)?;
        if request.command.originates()
            && let Some(loss) = self.recovery.on_hold()
        {
            return Err(EngineError::OriginationOnHold { loss });
        }
        let context = Context {
            account: &request.account,
            request: request.request_id,
            received_at,
            rules: &self.rules,
            days,
        };
        let command = || request.command.name().to_owned();
        if let Some(current) = preview::outdated(folded, &request.command, &context)? {
            let refusal = Refusal::PreviewOutdated { current };
            return Ok(vec![Event::RequestRefused(RequestRefused { command: command(), refusal })]);
        }
        match decide(&folded.account, &request.command, &context) {
            Ok(events) if events.is_empty() => {
                let payment = request.command.payment();
                Ok(vec![Event::NothingChanged(NothingChanged { command: command(), payment })])
            }
            Ok(events) => Ok(events),
            Err(Denial::Refused(refusal)) => {
                Ok(vec![Event::RequestRefused(RequestRefused { command: command(), refusal })])
            }
            Err(denial) => Err(EngineError::denied(denial, &request.account, folded.position)),
        }
    }

    fn append_of(
        &self,
        request: &Request,
        digest: Digest,
        version: Version,
        events: &[Event],
    ) -> Result<Append, EngineError> {
        let stream = streams::of_account(&request.account);
        let (received_at, actor) = (request.receipt.at(), request.actor.clone());
        let metadata = self.metadata(received_at, request.request_id, digest, actor);
        let documents = events.iter().map(Event::document);
        new_append(stream, version, documents, &metadata)
    }
}
