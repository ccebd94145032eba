//! One lane an account: commands on it wait for each other, and its state is kept between them.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use super::Folded;
use crate::ids::AccountId;

/// A lane: the folded account, if it is cached. Held over an append, hence the asynchronous lock.
pub(super) type Lane = tokio::sync::Mutex<Option<Arc<Folded>>>;

/// A lane, held: over an append, and from the caller's future into the task that does the work.
pub(super) type Turn = tokio::sync::OwnedMutexGuard<Option<Arc<Folded>>>;

#[expect(clippy::disallowed_types, reason = "a cache: its order is never seen")]
type Map = std::collections::HashMap<AccountId, Kept>;

/// The lanes of the accounts used lately.
#[derive(Debug)]
pub(super) struct Lanes {
    kept: SyncMutex<Lately>,
    limit: usize,
}

#[derive(Debug)]
struct Lately {
    map: Map,
    /// From how many lanes on some are dropped. More than the limit while many are held: else every
    /// further lane would look through all of them in vain.
    shed_at: usize,
    /// How often a lane was asked for.
    uses: u64,
}

#[derive(Debug, Default)]
struct Kept {
    lane: Arc<Lane>,
    /// The use that was its last.
    used: u64,
}

impl Kept {
    /// Does nobody hold it? Two lanes for one account would let two commands pass each other.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.lane) == 1
    }
}

impl Lanes {
    /// Keeps at most about `limit` accounts.
    pub(super) fn new(limit: usize) -> Self {
        let lately = Lately { map: Map::default(), shed_at: limit, uses: 0 };
        Self { kept: SyncMutex::new(lately), limit }
    }

    /// The lane of `account`.
    pub(super) fn of(&self, account: &AccountId) -> Arc<Lane> {
        let mut lately = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        lately.uses = lately.uses.saturating_add(1);
        let used = lately.uses;
        if let Some(kept) = lately.map.get_mut(account) {
            kept.used = used;
            return Arc::clone(&kept.lane);
        }
        if lately.map.len() >= lately.shed_at {
            let eighth = self.limit.checked_div(8).unwrap_or_default().max(1);
            shed(&mut lately.map, self.limit.saturating_sub(eighth));
            lately.shed_at = self.limit.max(lately.map.len().saturating_add(eighth));
        }
        let kept = lately.map.entry(account.clone()).or_default();
        kept.used = used;
        Arc::clone(&kept.lane)
    }
}

/// Leaves at most `rest` lanes, and those that are held: drops what was not used for longest.
fn shed(map: &mut Map, rest: usize) {
    let mut uses: Vec<_> = map.values().filter(|it| it.is_idle()).map(|it| it.used).collect();
    let excess = map.len().saturating_sub(rest).min(uses.len());
    let Some(place) = excess.checked_sub(1) else { return };
    let (_, &mut last, _) = uses.select_nth_unstable(place);
    map.retain(|_, kept| !kept.is_idle() || kept.used > last);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> AccountId {
        format!("a{number}").parse().unwrap()
    }

    #[test]
    fn a_lane_in_use_is_never_shed() {
        let lanes = Lanes::new(2);
        let held = lanes.of(&id(0));
        for number in 1..50 {
            lanes.of(&id(number));
        }
        assert!(Arc::ptr_eq(&held, &lanes.of(&id(0))));
        assert!(lanes.kept.lock().unwrap().map.len() <= 3);
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let lanes = Lanes::new(64);
        for number in 0..1000 {
            lanes.of(&id(number));
            for busy in 0..32 {
                lanes.of(&id(busy));
            }
        }
        let kept = lanes.kept.lock().unwrap();
        assert!((0..32).all(|busy| kept.map.contains_key(&id(busy))));
        assert!(kept.map.contains_key(&id(999)) && !kept.map.contains_key(&id(900)));
        assert!(kept.map.len() <= 64);
    }

    #[test]
    fn many_held_lanes_are_not_looked_through_for_every_further_one() {
        let lanes = Lanes::new(64);
        let held: Vec<_> = (0..1001).map(|number| lanes.of(&id(number))).collect();
        {
            let kept = lanes.kept.lock().unwrap();
            assert!(kept.map.len() == 1001 && kept.shed_at > 1001, "{}", kept.shed_at);
        }
        drop(held);
        for number in 2000..2008 {
            lanes.of(&id(number));
        }
        assert!(lanes.kept.lock().unwrap().map.len() <= 64, "what was held goes at once");
    }
}
