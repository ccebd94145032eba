//! Load: calls one after the other in each of many lanes, or at a rate whatever the answers do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::BenchError;
use super::report::per_second;

/// The longest time that is told apart, in microseconds.
const MICROS_MAX: u64 = 120_000_000;
/// How many calls an open loop has under way at most, and so how many callers it needs; what is due
/// beyond waits, which counts.
pub(super) const OPEN_CALLS_MAX: usize = 768;
/// How often an open loop sends what is due.
const TICK: Duration = Duration::from_millis(1);

/// What a load came to.
#[derive(Debug)]
pub(super) struct Measured {
    /// How many units of work were done: commands, not calls.
    pub(super) done: u64,
    /// From the first call to the last answer.
    pub(super) took: Duration,
    /// How long each call took, in microseconds.
    pub(super) times: Histogram<u64>,
}

impl Measured {
    pub(super) fn per_second(&self) -> u64 {
        per_second(self.done, self.took)
    }
}

/// Times that many tasks add to.
#[derive(Debug, Clone)]
pub(super) struct Times(Arc<Mutex<Histogram<u64>>>);

impl Times {
    fn new() -> Result<Self, BenchError> {
        Ok(Self(Arc::new(Mutex::new(histogram()?))))
    }

    fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.saturating_record(micros.clamp(1, MICROS_MAX));
    }

    fn take(&self) -> Histogram<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Empty times.
pub(super) fn histogram() -> Result<Histogram<u64>, BenchError> {
    let made = Histogram::new_with_bounds(1, MICROS_MAX, 3);
    made.map_err(|error| BenchError::Settings(error.to_string()))
}

/// Does some work by one call, and says how much it was.
pub(super) trait Caller: Send + 'static {
    /// One call.
    fn call(&mut self) -> impl Future<Output = Result<u64, BenchError>> + Send;
}

/// Every caller calls again as soon as it is answered, for so long.
pub(super) async fn closed<C: Caller>(
    callers: Vec<C>,
    lasts: Duration,
) -> Result<Measured, BenchError> {
    let times = Times::new()?;
    let begun = Instant::now();
    let end = begun.checked_add(lasts).unwrap_or(begun);
    let mut lanes = JoinSet::new();
    for mut caller in callers {
        let times = times.clone();
        lanes.spawn(async move {
            let mut done = 0_u64;
            loop {
                let sent = Instant::now();
                if sent >= end {
                    return Ok::<_, BenchError>(done);
                }
                done = done.saturating_add(caller.call().await?);
                times.add(sent.elapsed());
            }
        });
    }
    let mut done = 0_u64;
    while let Some(lane) = lanes.join_next().await {
        done = done.saturating_add(lane.map_err(broke_off)??);
    }
    Ok(Measured { done, took: begun.elapsed(), times: times.take() })
}

/// Calls are due at `rate` a second, in bursts a millisecond apart, and counted from when they
/// were due: a server that falls behind is charged for every call that had to wait.
pub(super) async fn open<C: Caller>(
    callers: Vec<C>,
    rate: u64,
    lasts: Duration,
) -> Result<Measured, BenchError> {
    let times = Times::new()?;
    let begun = Instant::now();
    let room = Arc::new(Semaphore::new(OPEN_CALLS_MAX));
    let idle = Arc::new(Mutex::new(callers));
    let mut calls: JoinSet<Result<u64, BenchError>> = JoinSet::new();
    let (mut sent, mut done) = (0_u64, 0_u64);
    let mut due = begun;
    while due.saturating_duration_since(begun) < lasts {
        tokio::time::sleep_until(due).await;
        let micros = due.saturating_duration_since(begun).saturating_add(TICK).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let wanted = rate.saturating_mul(micros).checked_div(1_000_000).unwrap_or_default();
        while sent < wanted {
            let place = Arc::clone(&room).acquire_owned().await;
            let Some(mut caller) = idle.lock().unwrap_or_else(PoisonError::into_inner).pop() else {
                return Err(BenchError::Settings("more calls than callers".to_owned()));
            };
            let (times, idle) = (times.clone(), Arc::clone(&idle));
            calls.spawn(async move {
                let done = caller.call().await?;
                times.add(due.elapsed());
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(caller);
                drop(place);
                Ok(done)
            });
            sent = sent.saturating_add(1);
            while let Some(call) = calls.try_join_next() {
                done = done.saturating_add(call.map_err(broke_off)??);
            }
        }
        due = due.checked_add(TICK).unwrap_or(due);
    }
    while let Some(call) = calls.join_next().await {
        done = done.saturating_add(call.map_err(broke_off)??);
    }
    Ok(Measured { done, took: begun.elapsed(), times: times.take() })
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn broke_off(fault: tokio::task::JoinError) -> BenchError {
    BenchError::Server(format!("a lane of the load broke off: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 10_000;
    const LASTS: Duration = Duration::from_millis(400);
    const STALLS_FOR: Duration = Duration::from_millis(200);

    /// Answers at once, but for a while at first not at all.
    struct Stalled {
        until: Instant,
    }

    impl Caller for Stalled {
        async fn call(&mut self) -> Result<u64, BenchError> {
            if Instant::now() < self.until {
                tokio::time::sleep_until(self.until).await;
            }
            Ok(1)
        }
    }

    /// The clock is the test's own, and moves only while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_call_that_could_not_be_sent_while_the_server_stalls_has_waited_since_it_was_due() {
        let until = Instant::now().checked_add(STALLS_FOR).unwrap();
        let callers = (0..OPEN_CALLS_MAX).map(|_| Stalled { until }).collect();
        let measured = open(callers, RATE, LASTS).await.unwrap();
        assert_eq!(measured.done, 4000);
        // Ten calls are due each millisecond: those of the last five wait for no longer than that.
        let waited = measured.times.count_between(5_000, MICROS_MAX);
        assert!((1_900..=2_000).contains(&waited), "{waited}, and {OPEN_CALLS_MAX} were under way");
        let answered = measured.times.value_at_quantile(0.45);
        assert!(answered <= 2_000, "calls that were due after the stall: {answered} us");
    }
}
