//! Many commands in as few durable commits as they can share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Answer, EngineError, Folded, Inner, Request, Step, conclude, digest_of};
use crate::domain::account::events::Event;
use crate::ids::AccountId;
use crate::store::Append;

/// What was decided about one request of a batch.
enum Decided {
    /// Not to be written.
    Done(Result<Answer, EngineError>),
    /// Answered before: in the stream, or by an earlier request of the batch.
    Repeat,
    /// To be written; the account as it is if the append succeeds.
    Pending { append: Append, events: Vec<Event>, before: Arc<Folded> },
}

impl Inner {
    /// Locks the lanes of all accounts in order of id, so that two batches cannot wait for each
    /// other; decides each account's requests on what the earlier ones leave behind; appends all at
    /// once. What did not go through, another gateway having been first, is carried out one by one.
    pub(super) async fn carry_out_batch(
        &self,
        requests: Vec<Request>,
    ) -> Vec<Result<Answer, EngineError>> {
        let mut by_account: BTreeMap<&AccountId, Vec<usize>> = BTreeMap::new();
        for (index, request) in requests.iter().enumerate() {
            by_account.entry(&request.account).or_default().push(index);
        }
        let mut results: BTreeMap<usize, Result<Answer, EngineError>> = BTreeMap::new();
        let mut again: Vec<usize> = Vec::new();
        {
            let mut lanes = BTreeMap::new();
            for account in by_account.keys() {
                lanes.insert(*account, self.lanes.of(account).lock_owned().await);
            }
            let mut appends = Vec::new();
            let mut pending = Vec::new();
            for (account, indices) in &by_account {
                let Some(cached) = lanes.get_mut(account) else { continue };
                let mut folded = match self.load(account, cached).await {
                    Ok(folded) => folded,
                    Err(_) => {
                        again.extend(indices);
                        continue;
                    }
                };
                for &index in indices {
                    let Some(request) = requests.get(index) else { continue };
                    match self.decide_one(&folded, request) {
                        Decided::Done(result) => {
                            results.insert(index, result);
                        }
                        // Its first answer may be of this batch and not yet written.
                        Decided::Repeat => again.push(index),
                        Decided::Pending { append, events, before } => {
                            let position = before.position;
                            let digest = digest_of(request);
                            folded = before.after(&events, request, &digest, position);
                            appends.push(append);
                            pending.push((index, events, Arc::clone(&folded)));
                        }
                    }
                }
            }
            // From here until the appends are known, no cache is right.
            for cached in lanes.values_mut() {
                **cached = None;
            }
            let appended = self.store.append_many(appends).await;
            for ((index, events, mut after), outcome) in pending.into_iter().zip(appended) {
                let (Ok(appended), Some(request)) = (outcome, requests.get(index)) else {
                    again.push(index);
                    continue;
                };
                Arc::make_mut(&mut after).settle_position(request, appended.position);
                if let Some(cached) = lanes.get_mut(&request.account) {
                    **cached = Some(Arc::clone(&after));
                }
                results.insert(index, conclude(after, events, appended.position, false));
            }
        }
        again.sort_unstable();
        for index in again {
            if let Some(request) = requests.get(index) {
                results.insert(index, self.carry_out(request).await);
            }
        }
        results.into_values().collect()
    }

    fn decide_one(&self, folded: &Arc<Folded>, request: &Request) -> Decided {
        match self.step(folded, request) {
            Err(error) => Decided::Done(Err(error)),
            Ok(Step::Repeat(_)) => Decided::Repeat,
            Ok(Step::Record(events)) => match self.append_of(request, folded.version, &events) {
                Err(error) => Decided::Done(Err(error)),
                Ok(append) => Decided::Pending { append, events, before: Arc::clone(folded) },
            },
        }
    }
}
