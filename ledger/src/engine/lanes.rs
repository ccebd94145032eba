//! One lane an account: commands on it wait for each other, and its state is kept between them.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use super::Folded;
use crate::ids::AccountId;

/// A lane: the folded account, if it is cached. Held over an append, hence the asynchronous lock.
pub(super) type Lane = tokio::sync::Mutex<Option<Arc<Folded>>>;

#[expect(clippy::disallowed_types, reason = "a cache: its order is never seen")]
type Map = std::collections::HashMap<AccountId, Arc<Lane>>;

/// The lanes of the accounts used lately.
#[derive(Debug)]
pub(super) struct Lanes {
    map: SyncMutex<Map>,
    limit: usize,
}

impl Lanes {
    /// Keeps at most about `limit` accounts.
    pub(super) fn new(limit: usize) -> Self {
        Self { map: SyncMutex::default(), limit }
    }

    /// The lane of `account`.
    pub(super) fn of(&self, account: &AccountId) -> Arc<Lane> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = map.get(account) {
            return Arc::clone(lane);
        }
        if map.len() >= self.limit {
            shed(&mut map, self.limit);
        }
        Arc::clone(map.entry(account.clone()).or_default())
    }
}

/// Drops about an eighth of the lanes. One that somebody holds stays: two lanes for one account
/// would let two commands pass each other.
fn shed(map: &mut Map, limit: usize) {
    let mut excess = limit.checked_div(8).unwrap_or_default().max(1);
    map.retain(|_, lane| {
        let idle = Arc::strong_count(lane) == 1;
        let drop = idle && excess > 0;
        excess = excess.saturating_sub(usize::from(drop));
        !drop
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_in_use_is_never_shed() {
        let lanes = Lanes::new(2);
        let id = |n: u32| format!("a{n}").parse::<AccountId>().unwrap();
        let held = lanes.of(&id(0));
        for n in 1..50 {
            lanes.of(&id(n));
        }
        assert!(Arc::ptr_eq(&held, &lanes.of(&id(0))));
        assert!(lanes.map.lock().unwrap().len() <= 3);
    }
}
