//! What is under way, counted by a key: so that somebody can wait until nothing below it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The flights that are under way.
#[derive(Debug, Clone)]
pub(super) struct InFlight<K: Ord>(Arc<Field<K>>);

#[derive(Debug)]
struct Field<K> {
    counts: Mutex<BTreeMap<K, u64>>,
    /// Changes with every landing.
    landed: watch::Sender<()>,
}

/// One flight: under way until it is dropped.
#[derive(Debug)]
pub(super) struct Flight<K: Ord> {
    key: K,
    field: Arc<Field<K>>,
}

impl<K: Ord> Default for InFlight<K> {
    fn default() -> Self {
        let (landed, _) = watch::channel(());
        Self(Arc::new(Field { counts: Mutex::default(), landed }))
    }
}

impl<K: Ord + Copy> InFlight<K> {
    /// A new flight.
    pub(super) fn begin(&self, key: K) -> Flight<K> {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(1);
        drop(counts);
        Flight { key, field: Arc::clone(&self.0) }
    }

    /// Waits until no flight with a lower key than `key` is under way.
    pub(super) async fn none_below(&self, key: K) {
        let mut landed = self.0.landed.subscribe();
        loop {
            // Interest was registered before looking, so that no landing in between is missed.
            let first = {
                let counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
                counts.keys().next().copied()
            };
            if first.is_none_or(|first| first >= key) {
                return;
            }
            if landed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl<K: Ord> Flight<K> {
    /// What it is counted by.
    pub(super) const fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Ord> Drop for Flight<K> {
    fn drop(&mut self) {
        let mut counts = self.field.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
        drop(counts);
        self.field.landed.send_replace(());
    }
}
