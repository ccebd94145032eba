//! Many commands in as few durable commits as they can share.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{Answer, EngineError, Folded, Inner, Request, Step, conclude, digest_of};
use crate::domain::account::events::Event;
use crate::envelope::Position;
use crate::ids::{AccountId, RequestId};
use crate::store::Append;

/// The lanes of a batch, held, by account.
type Held = BTreeMap<AccountId, OwnedMutexGuard<Option<Arc<Folded>>>>;

type Outcome = Result<Answer, EngineError>;

/// What was decided about a batch, by place in it.
#[derive(Default)]
struct Plan {
    /// Not to be written.
    done: BTreeMap<usize, Outcome>,
    /// To be carried out by itself, behind the batch: what an earlier request of it may answer.
    alone: Vec<usize>,
    /// To be written, all at once.
    appends: Vec<Append>,
    /// What each append writes, and the account after it.
    pending: Vec<(usize, Vec<Event>, Arc<Folded>)>,
}

impl Inner {
    /// Locks the lanes of all accounts in order of id, so that two batches cannot wait for each
    /// other; decides each account's requests on what the earlier ones leave behind; appends all at
    /// once. What did not go through, another gateway having been first, is carried out one by one.
    pub(super) async fn carry_out_batch(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let mut by_account: BTreeMap<&AccountId, Vec<usize>> = BTreeMap::new();
        for (index, request) in requests.iter().enumerate() {
            by_account.entry(&request.account).or_default().push(index);
        }
        let mut held = Held::new();
        for account in by_account.keys() {
            held.insert((*account).clone(), self.lanes.of(account).lock_owned().await);
        }
        let mut plan = Plan::default();
        for (account, indices) in &by_account {
            self.decide_on(account, indices, &requests, &mut held, &mut plan).await;
        }
        let Plan { mut done, mut alone, appends, pending } = plan;
        // From here until the appends are known, no cache is right.
        for cached in held.values_mut() {
            **cached = None;
        }
        let appended = self.store.append_many(appends).await;
        let mut positions: BTreeMap<&AccountId, Vec<(RequestId, Position)>> = BTreeMap::new();
        for ((index, events, mut after), outcome) in pending.into_iter().zip(appended) {
            let (Ok(appended), Some(request)) = (outcome, requests.get(index)) else {
                alone.push(index);
                continue;
            };
            let settled: &mut Vec<_> = positions.entry(&request.account).or_default();
            settled.push((request.request_id, appended.position));
            Arc::make_mut(&mut after).settle_positions(settled);
            if let Some(cached) = held.get_mut(&request.account) {
                **cached = Some(Arc::clone(&after));
            }
            done.insert(index, conclude(after, events, appended.position, false));
        }
        drop(held);
        alone.sort_unstable();
        for index in alone {
            if let Some(request) = requests.get(index) {
                done.insert(index, self.carry_out(request).await);
            }
        }
        done.into_values().collect()
    }

    /// Decides the requests on one account, in order.
    async fn decide_on(
        &self,
        account: &AccountId,
        indices: &[usize],
        requests: &[Request],
        held: &mut Held,
        plan: &mut Plan,
    ) {
        let Some(cached) = held.get_mut(account) else { return };
        let Ok(mut folded) = self.load(account, cached).await else {
            plan.alone.extend(indices);
            return;
        };
        for &index in indices {
            let Some(request) = requests.get(index) else { continue };
            let events = match self.step(&folded, request) {
                Ok(Step::Record(events)) => events,
                Ok(Step::Repeat(_)) => {
                    plan.alone.push(index);
                    continue;
                }
                Err(error) => {
                    plan.done.insert(index, Err(error));
                    continue;
                }
            };
            match self.append_of(request, folded.version, &events) {
                Err(error) => {
                    plan.done.insert(index, Err(error));
                }
                Ok(append) => {
                    let position = folded.position;
                    folded = folded.after(&events, request, &digest_of(request), position);
                    plan.appends.push(append);
                    plan.pending.push((index, events, Arc::clone(&folded)));
                }
            }
        }
    }
}
