//! Lines of the log that would come by the thousand: one a minute, which counts the others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long after a line the next of its kind may come.
const EVERY: Duration = Duration::from_secs(60);

/// One kind of line.
#[derive(Debug, Default)]
pub(super) struct Sparingly(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl Sparingly {
    /// Says a line, if it is time, given how many were left out since the last one.
    pub(super) fn say(&self, line: impl FnOnce(u64)) {
        if let Some(left_out) = self.due() {
            line(left_out);
        }
    }

    fn due(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| last.elapsed() < EVERY) {
            state.left_out = state.left_out.saturating_add(1);
            return None;
        }
        state.last = Some(Instant::now());
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_comes_once_a_minute_and_counts_those_left_out() {
        let kind = Sparingly::default();
        assert_eq!((kind.due(), kind.due(), kind.due()), (Some(0), None, None));
        tokio::time::sleep(EVERY).await;
        assert_eq!((kind.due(), kind.due()), (Some(2), None));
    }
}
