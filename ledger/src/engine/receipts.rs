//! When requests were received, and which of them are still under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::EngineError;
use crate::cycles::cutoff::CLOCK_SKEW_MAX;

/// The instant at which a request was received. While any copy of it is held, the request counts as
/// under way, and no window whose cut-off came after it is run.
#[derive(Debug, Clone)]
pub struct Receipt(Arc<Held>);

#[derive(Debug)]
struct Held {
    at: DateTime<Utc>,
    flights: Arc<Flights>,
}

impl Receipt {
    /// The instant that decides.
    pub fn at(&self) -> DateTime<Utc> {
        self.0.at
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.flights.land(self.at);
    }
}

#[derive(Debug)]
struct Flights {
    under_way: Mutex<State>,
    /// Changes with every landing.
    landed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    last: DateTime<Utc>,
    counts: BTreeMap<DateTime<Utc>, u64>,
}

impl Flights {
    fn land(&self, at: DateTime<Utc>) {
        let mut state = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = state.counts.get_mut(&at) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.counts.remove(&at);
            }
        }
        drop(state);
        self.landed.send_replace(());
    }
}

/// The receipts of one engine.
#[derive(Debug)]
pub(super) struct Receipts(Arc<Flights>);

impl Receipts {
    /// Goes on from the last receipt that is on record.
    pub(super) fn new(last: DateTime<Utc>) -> Self {
        let state = State { last, counts: BTreeMap::new() };
        let (landed, _) = watch::channel(());
        Self(Arc::new(Flights { under_way: Mutex::new(state), landed }))
    }

    /// A receipt at `now`, or at the last one where the clock is a moment behind it. A clock that
    /// is further behind went back, and is not trusted with cut-offs.
    pub(super) fn take(&self, now: DateTime<Utc>) -> Result<Receipt, EngineError> {
        let mut state = self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.last;
        if last.signed_duration_since(now) > CLOCK_SKEW_MAX {
            return Err(EngineError::ClockBehind { now, last });
        }
        let at = now.max(last);
        state.last = at;
        let count = state.counts.entry(at).or_default();
        *count = count.saturating_add(1);
        drop(state);
        Ok(Receipt(Arc::new(Held { at, flights: Arc::clone(&self.0) })))
    }

    /// Would a receipt be given at `now`?
    pub(super) fn allow(&self, now: DateTime<Utc>) -> bool {
        let state = self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        state.last.signed_duration_since(now) <= CLOCK_SKEW_MAX
    }

    /// Waits until nothing received before `instant` is under way.
    pub(super) async fn settled_before(&self, instant: DateTime<Utc>) {
        let mut landed = self.0.landed.subscribe();
        loop {
            // Interest was registered before looking, so that no landing in between is missed.
            let first = {
                let state = self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner);
                state.counts.keys().next().copied()
            };
            if first.is_none_or(|first| first >= instant) {
                return;
            }
            if landed.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn receipts_never_go_back() {
        let receipts = Receipts::new(at("2026-03-03T20:00:00Z"));
        let late = receipts.take(at("2026-03-03T19:59:59.5Z")).unwrap();
        assert_eq!(late.at(), at("2026-03-03T20:00:00Z"));
        assert!(receipts.allow(at("2026-03-03T19:59:59.5Z")));
        assert!(!receipts.allow(at("2026-03-03T19:59:58Z")));
        let behind = receipts.take(at("2026-03-03T19:59:58Z"));
        assert!(matches!(behind, Err(EngineError::ClockBehind { .. })));
    }

    #[tokio::test]
    async fn a_window_waits_for_what_was_received_before_its_cutoff() {
        let receipts = Receipts::new(at("2026-03-03T19:00:00Z"));
        let cutoff = at("2026-03-03T20:00:00Z");
        let before = receipts.take(at("2026-03-03T19:59:59.999Z")).unwrap();
        let after = receipts.take(cutoff).unwrap();
        let copy = before.clone();
        let flights = Arc::clone(&receipts.0);
        let waiting = tokio::spawn(async move { Receipts(flights).settled_before(cutoff).await });
        tokio::task::yield_now().await;
        drop(before);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(copy);
        waiting.await.unwrap();
        drop(after);
    }
}
