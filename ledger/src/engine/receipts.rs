//! When requests were received, and which of them are still under way.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::EngineError;
use super::in_flight::{Flight, InFlight};
use crate::clock::Clock;
use crate::cycles::cutoff::CLOCK_SKEW_MAX;

/// The instant at which a request was received. While any copy of it is held, the request counts as
/// under way, and no window whose cut-off came after it is run.
#[derive(Debug, Clone)]
pub struct Receipt(Arc<Flight<DateTime<Utc>>>);

impl Receipt {
    /// The instant that decides.
    pub fn at(&self) -> DateTime<Utc> {
        *self.0.key()
    }
}

/// The receipts of one engine.
#[derive(Debug)]
pub(super) struct Receipts {
    last: Mutex<DateTime<Utc>>,
    under_way: InFlight<DateTime<Utc>>,
}

impl Default for Receipts {
    fn default() -> Self {
        Self { last: Mutex::new(DateTime::<Utc>::MIN_UTC), under_way: InFlight::default() }
    }
}

impl Receipts {
    /// Goes on from a receipt that is on record: none is given before it.
    pub(super) fn go_on_from(&self, recorded: DateTime<Utc>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = recorded.max(*last);
    }

    /// A receipt at what `clock` shows, or at the last one where the clock is a moment behind it. A
    /// clock that is further behind went back, and is not trusted with cut-offs.
    pub(super) fn take(&self, clock: &Clock) -> Result<Receipt, EngineError> {
        // Held until the receipt counts as under way: who sees a later one sees this one, too. The
        // clock is read under it: who read it before and then had to wait would find it gone back.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now();
        if last.signed_duration_since(now) > CLOCK_SKEW_MAX {
            return Err(EngineError::ClockBehind { now, last: *last });
        }
        Ok(self.begin(&mut last, now))
    }

    /// A receipt at the last one, however far the clock is behind it, or else at what it shows: of
    /// what no cut-off is decided by.
    pub(super) fn take_whenever(&self, clock: &Clock) -> Receipt {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.begin(&mut last, clock.now())
    }

    fn begin(&self, last: &mut DateTime<Utc>, now: DateTime<Utc>) -> Receipt {
        let at = now.max(*last);
        *last = at;
        Receipt(Arc::new(self.under_way.begin(at)))
    }

    /// Would a receipt be given at what `clock` shows?
    pub(super) fn allows(&self, clock: &Clock) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now();
        last.signed_duration_since(now) <= CLOCK_SKEW_MAX
    }

    /// Waits until nothing received before `instant` is under way.
    pub(super) async fn concluded_before(&self, instant: DateTime<Utc>) {
        self.under_way.none_below(instant).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn shows(text: &str) -> Clock {
        Clock::set_to(at(text))
    }

    #[test]
    fn receipts_never_go_back() {
        let receipts = Receipts::default();
        receipts.go_on_from(at("2026-03-03T20:00:00Z"));
        receipts.go_on_from(at("2026-03-03T19:00:00Z"));
        let late = receipts.take(&shows("2026-03-03T19:59:59.5Z")).unwrap();
        assert_eq!(late.at(), at("2026-03-03T20:00:00Z"));
        assert!(receipts.allows(&shows("2026-03-03T19:59:59.5Z")));
        assert!(!receipts.allows(&shows("2026-03-03T19:59:58Z")));
        let behind = receipts.take(&shows("2026-03-03T19:59:58Z"));
        assert!(matches!(behind, Err(EngineError::ClockBehind { .. })));
        let whenever = receipts.take_whenever(&shows("2026-03-03T19:00:00Z"));
        assert_eq!(whenever.at(), at("2026-03-03T20:00:00Z"));
    }

    #[tokio::test]
    async fn a_window_waits_for_what_was_received_before_its_cutoff() {
        let receipts = Receipts::default();
        let cutoff = at("2026-03-03T20:00:00Z");
        let before = receipts.take(&shows("2026-03-03T19:59:59.999Z")).unwrap();
        let after = receipts.take(&Clock::set_to(cutoff)).unwrap();
        let copy = before.clone();
        let in_flight = receipts.under_way.clone();
        let waiting = tokio::spawn(async move { in_flight.none_below(cutoff).await });
        tokio::task::yield_now().await;
        drop(before);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(copy);
        waiting.await.unwrap();
        drop(after);
    }
}
