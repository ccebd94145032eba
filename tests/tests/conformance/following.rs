//! Promises about following the log: what is there first, then what comes.

use std::sync::Arc;

use ledger::envelope::{Position, RecordedEvent};
use ledger::store::EventStore;

use super::kit::{self, one, some};

/// A reader that follows the log: what is there first, then what comes.
struct Follower {
    store: Arc<dyn EventStore>,
    after: Position,
    limit: usize,
}

impl Follower {
    /// The next events, at least one; waits for them.
    async fn next(&mut self) -> Vec<RecordedEvent> {
        self.store.wait_past(self.after).await.unwrap();
        let events = self.store.read_all(self.after, self.limit).await.unwrap();
        self.after = events.last().unwrap().position;
        events
    }
}

async fn waiting_for_what_is_there_takes_no_time(store: Arc<dyn EventStore>) {
    store.append(some("account-a", 0, 3)).await.unwrap();
    assert_eq!(store.wait_past(Position::START).await.unwrap(), Position(3));
    assert_eq!(store.wait_past(Position(2)).await.unwrap(), Position(3));
}

async fn who_waits_is_woken_by_the_next_event(store: Arc<dyn EventStore>) {
    store.append(one("account-a", 0)).await.unwrap();
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.wait_past(Position(1)).await })
    };
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    store.append(one("account-a", 1)).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Position(2));
}

async fn a_follower_catches_up_and_then_lives(store: Arc<dyn EventStore>) {
    store.append(some("account-a", 0, 70)).await.unwrap();
    let mut follower = Follower { store: Arc::clone(&store), after: Position(1), limit: 8 };
    let mut seen = Vec::new();
    while seen.last() != Some(&70) {
        let events = follower.next().await;
        assert!((1..=8).contains(&events.len()));
        seen.extend(events.iter().map(|event| event.position.0));
    }
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for version in 0..30 {
                store.append(one("account-b", version)).await.unwrap();
            }
        })
    };
    while seen.last() != Some(&100) {
        seen.extend(follower.next().await.iter().map(|event| event.position.0));
    }
    writer.await.unwrap();
    assert!(seen.into_iter().eq(2..=100), "none is missed, none comes twice");
}

async fn two_followers_see_the_same(store: Arc<dyn EventStore>) {
    let follow = |limit| {
        let (store, after) = (Arc::clone(&store), Position::START);
        let mut follower = Follower { store, after, limit };
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 40 {
                seen.extend(follower.next().await);
            }
            seen
        })
    };
    let (one_by_one, in_pages) = (follow(1), follow(100));
    for version in 0..20 {
        store.append_many(vec![one("account-a", version), one("account-b", version)]).await;
    }
    assert_eq!(one_by_one.await.unwrap(), in_pages.await.unwrap());
}

kit::on_every_store!(
    waiting_for_what_is_there_takes_no_time,
    who_waits_is_woken_by_the_next_event,
    a_follower_catches_up_and_then_lives,
    two_followers_see_the_same,
);
