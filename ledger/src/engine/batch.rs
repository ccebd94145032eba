//! Many commands in as few durable commits as they can share.

mod round;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::fold::{Counted, fold_on, fold_stream, fold_streams};
use super::lanes::Turn;
use super::{Answer, Engine, EngineError, Inner, Request};
use crate::causes::with_causes;
use crate::envelope::Version;
use crate::ids::AccountId;
use crate::store::BoxError;
use crate::streams;
use round::Pending;

/// How many commands on one account are decided before they are written. Each of them but the last
/// keeps a copy of the account until then.
pub const ROUND_COMMANDS: usize = 32;

/// How many accounts that are not in memory are read at one go: the store reads a block once for
/// all of them that are in it.
const LOAD_ACCOUNTS: usize = 512;

/// How many such reads are under way at one time.
const LOADS_MAX: usize = 2;

/// How many commands are received together where others write to the log too: there each is an
/// append of its own, and those on one account go one after another, a round trip each. So few are
/// decided soon after their receipt and written soon after that, as other gateways rely on with
/// cut-offs and closes; hundreds are not.
const SHARED_COMMANDS: usize = 32;

/// How many tails of streams are read at one time, where others write to the log too.
const TAILS_MAX: usize = SHARED_COMMANDS;

/// From how many commands on a batch has a thread of its own. Its decisions take milliseconds, in
/// which the threads that answer calls would answer none; a small batch is done sooner than handed
/// over.
const LARGE_COMMANDS: usize = 64;

/// How many large batches are carried out at one time; others wait for one to end. Few of the
/// runtime's threads that may block: what a batch reads is read on others of them.
pub(super) const LARGE_BATCHES_MAX: usize = 16;

type Outcome = Result<Answer, EngineError>;

/// One account of a batch.
struct Work {
    account: AccountId,
    /// Its lane, held.
    lane: Turn,
    /// The requests that are not decided yet, by place in the batch.
    waiting: VecDeque<usize>,
    /// What was decided in this round, and is to be written.
    pending: Vec<Pending>,
    /// What the shared commits did not answer, in order.
    deferred: Vec<Deferred>,
    /// Why nothing more is tried on this account.
    stopped: Option<EngineError>,
}

/// A request that is taken up again behind the shared commits.
enum Deferred {
    /// Another writer came first, for this one or for one before it.
    Alone(usize),
    /// What an earlier request with its id came to answers it.
    Repeat(usize),
    /// Its answer was lost; it expected so many events in the stream.
    Lost(usize, Version, BoxError),
}

/// Where the outcomes go: each is told once, as soon as it is known.
struct Outcomes<'a, T, F> {
    requests: &'a [Request],
    tell: F,
    by_place: Vec<Option<T>>,
}

impl<T, F: FnMut(usize, &Request, Outcome) -> T> Outcomes<'_, T, F> {
    fn tell(&mut self, place: usize, outcome: Outcome) {
        let request = self.requests.get(place);
        if let (Some(request), Some(told)) = (request, self.by_place.get_mut(place)) {
            *told = Some((self.tell)(place, request, outcome));
        }
    }
}

impl Engine {
    /// How many commands may share one receipt. Whoever has more receives them in parts, each when
    /// the one before it is carried out; the order of all stays.
    pub fn commands_at_once(&self) -> usize {
        if self.0.store.shared().is_some() { SHARED_COMMANDS } else { usize::MAX }
    }

    /// Carries out many commands, each for itself, sharing durable commits. Commands on one account
    /// are carried out in the order given. Once the turns on all accounts have come, the work goes
    /// on if the caller's future is dropped; before that, nothing is done.
    pub async fn execute_batch(&self, requests: Vec<Request>) -> Vec<Result<Answer, EngineError>> {
        let count = requests.len();
        self.execute_batch_with(requests, |_, _, outcome| outcome).await.unwrap_or_else(|failure| {
            let unknown = || Err(EngineError::Indeterminate(with_causes(&failure).into()));
            (0..count).map(|_| unknown()).collect()
        })
    }

    /// The same, and keeps of each outcome what `tell` makes of it, its request and its place:
    /// an answer holds the whole account as it was then, which is too much to keep for thousands
    /// of commands on one. Fails, with every outcome unknown, only if the work broke off.
    pub async fn execute_batch_with<T, F>(
        &self,
        requests: Vec<Request>,
        tell: F,
    ) -> Result<Vec<T>, EngineError>
    where
        T: Send + 'static,
        F: FnMut(usize, &Request, Result<Answer, EngineError>) -> T + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        let is_large = requests.len() >= LARGE_COMMANDS;
        // All that is waited for is waited for here, and not in the task: else what callers gave
        // up would queue, with its megabytes. Taken before any lane, so that who holds lanes never
        // waits for it; never closed.
        let thread =
            if is_large { Some(inner.large_batches.clone().acquire_owned().await) } else { None };
        let works = inner.hold(&requests).await;
        let work = async move {
            let told = inner.carry_out_batch(requests, works, tell).await;
            drop(thread);
            told
        };
        let done = if is_large {
            let runtime = Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(work))
        } else {
            tokio::spawn(work)
        };
        done.await.map_err(|failure| EngineError::Indeterminate(failure.into()))
    }
}

impl Inner {
    /// Round by round, decides each account's requests on what the earlier ones leave behind and
    /// appends all at once. What another writer came before is carried out by itself.
    async fn carry_out_batch<T, F>(
        &self,
        requests: Vec<Request>,
        mut works: Vec<Work>,
        tell: F,
    ) -> Vec<T>
    where
        T: Send,
        F: FnMut(usize, &Request, Outcome) -> T + Send,
    {
        let by_place = requests.iter().map(|_| None).collect();
        let mut outcomes = Outcomes { requests: &requests, tell, by_place };
        self.bring_up(&mut works).await;
        self.warm(&mut works, &mut outcomes).await;
        while works.iter().any(|work| !work.waiting.is_empty()) {
            self.round(&requests, &mut works, &mut outcomes).await;
            tokio::task::yield_now().await;
        }
        // The lanes are let go before anything is carried out by itself, which takes them again.
        let deferred: Vec<_> =
            works.into_iter().map(|work| (work.deferred, work.stopped)).collect();
        for (deferred, stopped) in deferred {
            self.take_up(&requests, deferred, stopped, &mut outcomes).await;
        }
        outcomes.by_place.into_iter().flatten().collect()
    }

    /// Locks the lanes of all accounts in order of id, so that two batches cannot wait for each
    /// other.
    async fn hold(&self, requests: &[Request]) -> Vec<Work> {
        let mut places: Vec<(&AccountId, usize)> =
            requests.iter().enumerate().map(|(place, request)| (&request.account, place)).collect();
        places.sort_unstable();
        let mut works: Vec<Work> = Vec::with_capacity(places.len());
        for (account, place) in places {
            if let Some(work) = works.last_mut().filter(|work| work.account == *account) {
                work.waiting.push_back(place);
                continue;
            }
            works.push(Work {
                account: account.clone(),
                lane: self.turn_on(account).await,
                waiting: VecDeque::from([place]),
                pending: Vec::new(),
                deferred: Vec::new(),
                stopped: None,
            });
        }
        works
    }

    /// Where others write to the log too, reads what they may have added to the accounts that are
    /// in memory. What cannot be read counts as not in memory.
    async fn bring_up(&self, works: &mut [Work]) {
        if self.store.shared().is_none() {
            return;
        }
        let warm = works.iter_mut().enumerate().filter_map(|(place, work)| {
            let stream = streams::of_account(&work.account);
            work.lane.take().map(|folded| (place, stream, folded))
        });
        let mut warm: VecDeque<_> = warm.collect();
        let mut reading = JoinSet::new();
        let mut read = Vec::new();
        loop {
            while reading.len() < TAILS_MAX
                && let Some((place, stream, folded)) = warm.pop_front()
            {
                let store = Arc::clone(&self.store);
                reading
                    .spawn(async move { (place, fold_on(store.as_ref(), &stream, &folded).await) });
            }
            let Some(done) = reading.join_next().await else { break };
            read.extend(done);
        }
        for (place, folded) in read {
            if let (Some(work), Ok(folded)) = (works.get_mut(place), folded) {
                *work.lane = Some(folded);
            }
        }
    }

    /// Reads the accounts that are not in memory, many at one go, since all lanes are held
    /// meanwhile. What cannot be read is told so.
    async fn warm<T, F>(&self, works: &mut [Work], outcomes: &mut Outcomes<'_, T, F>)
    where
        F: FnMut(usize, &Request, Outcome) -> T,
    {
        let cold = works.iter().enumerate().filter(|(_, work)| work.lane.is_none());
        let cold: Vec<_> =
            cold.map(|(place, work)| (place, streams::of_account(&work.account))).collect();
        let mut chunks = cold.chunks(LOAD_ACCOUNTS).map(<[_]>::to_vec);
        let mut loading = JoinSet::new();
        loop {
            while loading.len() < LOADS_MAX
                && let Some(chunk) = chunks.next()
            {
                let store = Arc::clone(&self.store);
                loading.spawn(async move {
                    let (places, streams): (Vec<_>, Vec<_>) = chunk.into_iter().unzip();
                    let folded = fold_streams(store.as_ref(), &streams).await;
                    (places, folded)
                });
            }
            let Some(loaded) = loading.join_next().await else { break };
            // What was not read here is read by itself below.
            let Ok((places, Ok(folded))) = loaded else { continue };
            for (place, folded) in places.into_iter().zip(folded) {
                if let Some(work) = works.get_mut(place) {
                    *work.lane = Some(Arc::new(folded));
                }
            }
        }
        for work in works.iter_mut().filter(|work| work.lane.is_none()) {
            let stream = streams::of_account(&work.account);
            match fold_stream(self.store.as_ref(), &stream, Counted::All).await {
                Ok(folded) => *work.lane = Some(Arc::new(folded)),
                Err(error) => work.stop(error, outcomes),
            }
        }
    }

    /// Carries out what the shared commits left of one account's requests, in order.
    async fn take_up<T, F>(
        &self,
        requests: &[Request],
        deferred: Vec<Deferred>,
        mut stopped: Option<EngineError>,
        outcomes: &mut Outcomes<'_, T, F>,
    ) where
        F: FnMut(usize, &Request, Outcome) -> T,
    {
        for left in deferred {
            let place = left.place();
            let Some(request) = requests.get(place) else { continue };
            let echo = stopped.as_ref().and_then(EngineError::of_the_store);
            let outcome = match (left, echo) {
                (Deferred::Lost(_, expected, cause), _) => {
                    self.conclude_lost(request, expected, cause).await
                }
                (Deferred::Alone(_) | Deferred::Repeat(_), None) => {
                    self.carry_out_alone(request).await
                }
                (Deferred::Repeat(_), Some(error)) => self.recall(request, error).await,
                (Deferred::Alone(_), Some(error)) => Err(error),
            };
            if stopped.is_none()
                && let Err(error) = &outcome
            {
                stopped = error.of_the_store();
            }
            outcomes.tell(place, outcome);
        }
    }

    async fn carry_out_alone(&self, request: &Request) -> Result<Answer, EngineError> {
        let turn = self.turn_on(&request.account).await;
        self.carry_out(request, turn).await
    }

    /// Finds out what came of an append that answered nothing and expected `expected` events. If
    /// the stream went on without it, it can come no more, and the request is decided again.
    async fn conclude_lost(
        &self,
        request: &Request,
        expected: Version,
        cause: BoxError,
    ) -> Result<Answer, EngineError> {
        let stream = streams::of_account(&request.account);
        let Ok(folded) = fold_stream(self.store.as_ref(), &stream, Counted::All).await else {
            return Err(EngineError::Indeterminate(cause));
        };
        match folded.requests.get(&request.request_id) {
            Some(outcome) => self.first_answer(request, outcome).await,
            None if folded.version > expected => self.carry_out_alone(request).await,
            None => Err(EngineError::Indeterminate(cause)),
        }
    }
}

impl Work {
    /// Nothing more is tried on this account: what waits is told `error`.
    fn stop<T, F>(&mut self, error: EngineError, outcomes: &mut Outcomes<'_, T, F>)
    where
        F: FnMut(usize, &Request, Outcome) -> T,
    {
        for place in self.waiting.drain(..) {
            let echo = error.of_the_store().unwrap_or(EngineError::Contended);
            outcomes.tell(place, Err(echo));
        }
        self.stopped = Some(error);
    }
}

impl Deferred {
    fn place(&self) -> usize {
        match self {
            Self::Alone(place) | Self::Repeat(place) | Self::Lost(place, _, _) => *place,
        }
    }
}
