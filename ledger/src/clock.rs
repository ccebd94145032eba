//! The one reader of the wall clock.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};

use crate::domain::cutoff::{NotReceivable, receivable};

/// What time it is: the system's, or one that is set by hand for rehearsals and tests.
#[derive(Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Stands still until it is set, and moves forwards only.
    Set(Mutex<DateTime<Utc>>),
}

/// Why a clock cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// It is the system's.
    #[error("the clock is the system's and cannot be set")]
    NotSettable,
    /// Time does not go back.
    #[error("the clock stands at {now} and moves forwards only")]
    MovesForwardOnly {
        /// Where it stands.
        now: DateTime<Utc>,
    },
    /// Dates that follow from a receipt at that time could not be told.
    #[error(transparent)]
    OutsideCalendar(#[from] NotReceivable),
}

impl Clock {
    /// A clock that stands at `instant` until it is set.
    pub fn set_to(instant: DateTime<Utc>) -> Self {
        Self::Set(Mutex::new(instant.trunc_subsecs(3)))
    }

    /// The time in whole milliseconds, rounded down, so that a receipt a moment before a cut-off
    /// stays before it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => DateTime::<Utc>::from(std::time::SystemTime::now()).trunc_subsecs(3),
            Self::Set(instant) => *instant.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Can it be set?
    pub const fn is_settable(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// Sets the clock to `instant`, which must not be before the time it shows.
    pub fn set(&self, instant: DateTime<Utc>) -> Result<DateTime<Utc>, ClockError> {
        let Self::Set(current) = self else { return Err(ClockError::NotSettable) };
        let instant = receivable(instant)?.trunc_subsecs(3);
        let mut now = current.lock().unwrap_or_else(PoisonError::into_inner);
        if instant < *now {
            return Err(ClockError::MovesForwardOnly { now: *now });
        }
        *now = instant;
        Ok(instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_stands_still_and_never_goes_back() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let clock = Clock::set_to(at("2026-03-03T19:59:59.9999Z"));
        assert_eq!(clock.now(), at("2026-03-03T19:59:59.999Z"));
        assert_eq!(clock.set(at("2026-03-03T20:00:00Z")), Ok(at("2026-03-03T20:00:00Z")));
        let now = at("2026-03-03T20:00:00Z");
        let earlier = at("2026-03-03T19:00:00Z");
        assert_eq!(clock.set(earlier), Err(ClockError::MovesForwardOnly { now }));
        assert_eq!(Clock::System.set(earlier), Err(ClockError::NotSettable));
        assert_eq!(
            clock.set(at("9998-01-01T00:00:00Z")),
            Err(ClockError::OutsideCalendar(NotReceivable))
        );
        let last = at("9997-12-31T23:59:59Z");
        assert_eq!(clock.set(last), Ok(last));
    }
}
