//! One round of a batch: a few commands an account are decided, and written in one go.

use std::sync::Arc;

use super::{Deferred, Outcome, Outcomes, ROUND_COMMANDS, Work};
use crate::digest::Digest;
use crate::domain::account::events::Event;
use crate::domain::account::state::Account;
use crate::domain::books::AccountingDays;
use crate::engine::books::DaysHeld;
use crate::engine::fold::Mark;
use crate::engine::{EngineError, Folded, Inner, Request, conclude, digest_of, repeats};
use crate::envelope::{Position, Version};
use crate::ids::RequestId;
use crate::store::{Append, AppendError, Appended};

/// A command that was decided and is to be written.
pub(super) struct Pending {
    place: usize,
    digest: Digest,
    /// How many events its append expects.
    expected: Version,
    events: Vec<Event>,
    /// The account after it. Not of the last of a round: nothing is decided on that before it is
    /// written, and to change an account that need not be kept as it was costs no copy.
    after: Option<Arc<Account>>,
}

/// An account that is ahead of its appends.
struct Ahead {
    folded: Folded,
    /// What it was before them. None while it is ahead of none.
    mark: Option<Mark>,
}

impl Inner {
    /// Decides some requests of every account and appends what they cause.
    pub(super) async fn round<T, F>(
        &self,
        requests: &[Request],
        works: &mut [Work],
        outcomes: &mut Outcomes<'_, T, F>,
    ) where
        F: FnMut(usize, &Request, Outcome) -> T,
    {
        // Held until the appends are concluded: no day is closed under them.
        let held = match self.days_of_round(requests, works).await {
            Ok(held) => held,
            Err(error) => {
                for work in works.iter_mut() {
                    let echo = error.of_the_store().unwrap_or(EngineError::Contended);
                    work.stop(echo, outcomes);
                }
                return;
            }
        };
        let mut appends = Vec::with_capacity(works.len());
        let mut ahead = Vec::with_capacity(works.len());
        for work in works.iter_mut() {
            let days = held.as_ref().map(|held| held.days);
            // From here until the appends are known, no cache is right.
            ahead.push(self.decide_some(requests, work, days, &mut appends, outcomes));
        }
        let appended =
            if appends.is_empty() { Vec::new() } else { self.store.append_apart(appends).await };
        let mut appended = appended.into_iter();
        for (work, ahead) in works.iter_mut().zip(ahead) {
            work.conclude_round(requests, ahead, &mut appended, outcomes);
        }
    }

    /// The accounting days of the round's requests, once it is known whether those that originate
    /// are on hold. None if all of them are repeats.
    async fn days_of_round(
        &self,
        requests: &[Request],
        works: &[Work],
    ) -> Result<Option<DaysHeld>, EngineError> {
        let asked = || {
            works.iter().flat_map(|work| {
                let waiting = work.waiting.iter().filter_map(|place| requests.get(*place));
                waiting.map(|request| (work.lane.as_ref(), request))
            })
        };
        let is_new = |(folded, request): (Option<&Arc<Folded>>, &Request)| {
            folded.is_none_or(|folded| !folded.requests.contains_key(&request.request_id))
        };
        if !asked().any(is_new) {
            return Ok(None);
        }
        if asked().any(|(_, request)| request.command.originates()) {
            self.look_whether_held().await?;
        }
        match asked().map(|(_, request)| request.receipt.at()).max() {
            Some(latest) => self.days(latest).await.map(Some),
            None => Ok(None),
        }
    }

    /// Decides at most [`ROUND_COMMANDS`] of the requests that wait for one account, in order.
    /// The account as it is if all that they cause is written.
    fn decide_some<T, F>(
        &self,
        requests: &[Request],
        work: &mut Work,
        days: Option<AccountingDays>,
        appends: &mut Vec<Append>,
        outcomes: &mut Outcomes<'_, T, F>,
    ) -> Option<Ahead>
    where
        F: FnMut(usize, &Request, Outcome) -> T,
    {
        let folded = Arc::unwrap_or_clone(work.lane.take()?);
        let mut ahead = Ahead { folded, mark: None };
        let some = work.waiting.len().min(ROUND_COMMANDS);
        for place in work.waiting.drain(..some) {
            let Some(request) = requests.get(place) else { continue };
            ahead.follow_last(requests, &mut work.pending);
            let folded = &ahead.folded;
            let known = digest_of(request)
                .and_then(|digest| Ok((digest, repeats(folded, request, digest)?)));
            // The earlier request may be one of this round, and come to nothing.
            let (Ok((digest, None)), Some(days)) = (known, days) else {
                work.deferred.push(Deferred::Repeat(place));
                continue;
            };
            let events = match self.decide_now(folded, request, days) {
                Ok(events) => events,
                Err(error) => {
                    outcomes.tell(place, Err(error));
                    continue;
                }
            };
            let expected = folded.version;
            match self.append_of(request, digest, expected, &events) {
                Err(error) => outcomes.tell(place, Err(error)),
                Ok(append) => {
                    appends.push(append);
                    let after = None;
                    work.pending.push(Pending { place, digest, expected, events, after });
                }
            }
        }
        Some(ahead)
    }
}

impl Ahead {
    /// Follows the last of the commands that were decided, on which the next is to be decided.
    fn follow_last(&mut self, requests: &[Request], pending: &mut [Pending]) {
        let Some(last) = pending.last_mut().filter(|last| last.after.is_none()) else { return };
        let Some(request) = requests.get(last.place) else { return };
        self.mark.get_or_insert_with(|| self.folded.mark());
        let position = self.folded.position;
        self.folded.follow_request(&last.events, request, last.digest, position);
        last.after = Some(Arc::clone(&self.folded.account));
    }

    /// The account once it is known which of the requests that it is ahead by were written, and
    /// where. None if some were and some were not.
    fn known(self, written: &[(RequestId, Position)], unwritten: &[RequestId]) -> Option<Folded> {
        let Self { mut folded, mark } = self;
        // It was ahead of nothing: what was followed was followed where it is.
        let Some(mark) = mark else { return Some(folded) };
        if unwritten.is_empty() {
            folded.place(written);
        } else if written.is_empty() {
            folded.undo(mark, unwritten);
        } else {
            return None;
        }
        Some(folded)
    }
}

impl Work {
    /// Tells what came of the round's appends, and keeps the account in memory if all of them were
    /// written or none. Commands stay in order: what follows one that was not written is not
    /// written before it.
    fn conclude_round<T, F>(
        &mut self,
        requests: &[Request],
        ahead: Option<Ahead>,
        appended: &mut impl Iterator<Item = Result<Appended, AppendError>>,
        outcomes: &mut Outcomes<'_, T, F>,
    ) where
        F: FnMut(usize, &Request, Outcome) -> T,
    {
        let Some(mut ahead) = ahead else { return self.leave_alone() };
        let mut written = Vec::new();
        let mut unwritten = Vec::new();
        let mut unknown = false;
        let mut refusal: Option<EngineError> = None;
        for Pending { place, digest, expected, events, after } in std::mem::take(&mut self.pending)
        {
            let Some(request) = requests.get(place) else { continue };
            // It has to be undone only if it was followed.
            let undone = after.as_ref().map(|_| request.request_id);
            let unanswered = || Err(AppendError::Indeterminate("no answer".into()));
            let follows = refusal.as_ref().and_then(EngineError::of_the_store);
            match (appended.next().unwrap_or_else(unanswered), follows) {
                (Ok(appended), _) => {
                    let position = appended.position;
                    let after = after.unwrap_or_else(|| {
                        ahead.folded.follow_request(&events, request, digest, position);
                        Arc::clone(&ahead.folded.account)
                    });
                    written.push((request.request_id, position));
                    outcomes.tell(place, conclude(after, events, position, false));
                }
                // It follows one that was refused.
                (Err(AppendError::Conflict { .. }), Some(error)) => {
                    unwritten.extend(undone);
                    outcomes.tell(place, Err(error));
                }
                (Err(AppendError::Conflict { .. }), None) => {
                    unknown = true;
                    self.deferred.push(Deferred::Alone(place));
                }
                (Err(error @ AppendError::Unavailable(_)), _) => {
                    unwritten.extend(undone);
                    let error = EngineError::from(error);
                    refusal = error.of_the_store();
                    outcomes.tell(place, Err(error));
                }
                (Err(AppendError::Indeterminate(cause)), _) => {
                    unknown = true;
                    self.deferred.push(Deferred::Lost(place, expected, cause));
                }
            }
        }
        let known = if unknown { None } else { ahead.known(&written, &unwritten) };
        match known {
            Some(folded) => *self.lane = Some(Arc::new(folded)),
            None => self.leave_alone(),
        }
        if let Some(error) = refusal {
            self.stop(error, outcomes);
        }
    }

    /// Leaves what waits to be carried out by itself: what the account is is not known.
    fn leave_alone(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.deferred.extend(waiting.into_iter().map(Deferred::Alone));
    }
}
