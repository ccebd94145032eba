//! A clock that is set by hand, moved from one instant to a later one as time would have gone.
//!
//! It stops wherever something is due, and goes on once that is done: so a month in one go leaves
//! what thirty days one by one leave. A real service that was down for a month leaps; it opens one
//! accounting day for all of them, since nobody was there on the others.

use chrono::{DateTime, Utc};
use ledger::cycles::cutoff::WindowKey;
use ledger::domain::cutoff::{Window, eastern_date, instant_of};
use ledger::engine::EngineError;

use super::{Cycles, Runs};
use crate::convert::time::rfc3339;
use crate::status::Failure;

impl Cycles {
    /// Moves the clock to `wanted` and does all that falls due on the way. What fails leaves the
    /// clock where it happened, as does a caller who drops the future; the same call goes on from
    /// there. Where the runner is off, the clock is set and nothing else is done.
    pub async fn move_clock(
        &self,
        wanted: DateTime<Utc>,
    ) -> Result<(DateTime<Utc>, Runs), Failure> {
        let _alone = self.moving.lock().await;
        let clock = self.engine.clock();
        if self.by_hand || !clock.is_settable() || wanted < clock.now() {
            return Ok((clock.set(wanted)?, Runs::ByHand));
        }
        if let Err(EngineError::ClockBehind { last, .. }) = self.engine.receive() {
            // Until then time has gone by once, and nothing is due.
            clock.set(last.min(wanted))?;
        }
        loop {
            let now = clock.now();
            let stood = |failure| on_the_way(failure, now);
            let runs = self.settle().await.map_err(stood)?;
            let stop = self.next_stop(now, wanted).await.map_err(stood)?;
            if clock.set(stop)? == now {
                return Ok((now, runs));
            }
        }
    }

    /// Does all that is due now, and waits until the read models show it.
    async fn settle(&self) -> Result<Runs, Failure> {
        drop(self.engine.receive()?);
        self.daily.lock().await.try_again();
        let runs = loop {
            let look = self.run_due().await?;
            if let Some(failure) = look.failed {
                return Err(failure);
            }
            if !look.more {
                break look.runs;
            }
        };
        self.keep_books_due().await?;
        self.catch_up().await?;
        Ok(runs)
    }

    /// The first instant after `now`, and at most `wanted`, at which something falls due: the run
    /// of a window, the close of a day, or midnight.
    async fn next_stop(
        &self,
        now: DateTime<Utc>,
        wanted: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, Failure> {
        let windows = self.ask(move |reader| reader.unsealed_windows(wanted)).await?;
        let runs = windows.iter().map(WindowKey::starts_at).filter(|at| *at > now);
        let midnight = instant_of(eastern_date(now), Window::END_OF_DAY);
        let stops = runs.chain([midnight]).chain(self.closes_at().await?);
        Ok(stops.fold(wanted, DateTime::min))
    }
}

/// The same, and where the clock has stopped for it.
fn on_the_way(mut failure: Failure, now: DateTime<Utc>) -> Failure {
    let now = rfc3339(now);
    failure.message = format!("{}; the clock stands at {now}", failure.message);
    failure.fact("now", now)
}
