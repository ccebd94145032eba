//! Why the accounting calendar says no. One variant a reason, each with its facts.

use crate::domain::facts::facts_of;
use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::month::Month;
use crate::envelope::Position;

/// A refusal. It is recorded in the stream of the books, and reaches the wire under the name it is
/// stored by. The variants of a command stand in the order in which they are tested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BooksRefusal {
    /// Days are opened in order.
    #[error("{gl_date} is not after the open accounting day, {current}")]
    DayNotAfterCurrent {
        /// The day asked for.
        gl_date: NaiveDate,
        /// The day that postings go to.
        current: NaiveDate,
    },
    /// A day is not opened before it has come.
    #[error("{gl_date} is after today, {today}")]
    DayInFuture {
        /// The day asked for.
        gl_date: NaiveDate,
        /// Today in Eastern time.
        today: NaiveDate,
    },
    /// It never was an accounting day.
    #[error("{gl_date} was never opened")]
    DayNotOpened {
        /// The day asked for.
        gl_date: NaiveDate,
    },
    /// It is closed.
    #[error("{gl_date} was closed at position {closed_position}")]
    DayAlreadyClosed {
        /// The day asked for.
        gl_date: NaiveDate,
        /// Where its close is recorded.
        closed_position: Position,
    },
    /// Postings go to it until a later day is opened.
    #[error("{gl_date} is the day that postings go to; open a later one first")]
    DayIsCurrent {
        /// The day asked for.
        gl_date: NaiveDate,
    },
    /// Days are closed in order.
    #[error("{gl_date} cannot be closed before {earlier}, which is open")]
    EarlierDayOpen {
        /// The day asked for.
        gl_date: NaiveDate,
        /// The oldest open day.
        earlier: NaiveDate,
    },
    /// What was decided on that day may not be written yet.
    #[error("{gl_date} can be closed from {closes_at}")]
    DayNotSettled {
        /// The day asked for.
        gl_date: NaiveDate,
        /// From when on it can be closed.
        closes_at: DateTime<Utc>,
    },
    /// Its 24:00 runs still post to it.
    #[error("{gl_date} has windows that are not sealed: {windows}")]
    WindowsUnsealed {
        /// The day asked for.
        gl_date: NaiveDate,
        /// The windows by name.
        windows: String,
    },
    /// The month is closed.
    #[error("{month} was closed at position {closed_position}")]
    MonthAlreadyClosed {
        /// The month asked for.
        month: Month,
        /// Where its close is recorded.
        closed_position: Position,
    },
    /// No day of it was ever opened.
    #[error("no day of {month} was an accounting day")]
    MonthHasNoDays {
        /// The month asked for.
        month: Month,
    },
    /// Postings go to it until a day of a later month is opened.
    #[error("{current} is the day that postings go to, so that {month} is not over")]
    MonthIsCurrent {
        /// The month asked for.
        month: Month,
        /// The day that postings go to.
        current: NaiveDate,
    },
    /// A day of it, or before it, is open.
    #[error("{month} cannot be closed before {gl_date}, which is open")]
    MonthHasOpenDay {
        /// The month asked for.
        month: Month,
        /// The oldest open day.
        gl_date: NaiveDate,
    },
    /// Months are closed in order.
    #[error("{month} cannot be closed before {earlier}, which is open")]
    EarlierMonthOpen {
        /// The month asked for.
        month: Month,
        /// The oldest open month.
        earlier: Month,
    },
}

impl BooksRefusal {
    /// The stable name, as it is stored and sent.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::DayNotAfterCurrent { .. } => "DAY_NOT_AFTER_CURRENT",
            Self::DayInFuture { .. } => "DAY_IN_FUTURE",
            Self::DayNotOpened { .. } => "DAY_NOT_OPENED",
            Self::DayAlreadyClosed { .. } => "DAY_ALREADY_CLOSED",
            Self::DayIsCurrent { .. } => "DAY_IS_CURRENT",
            Self::EarlierDayOpen { .. } => "EARLIER_DAY_OPEN",
            Self::DayNotSettled { .. } => "DAY_NOT_SETTLED",
            Self::WindowsUnsealed { .. } => "WINDOWS_UNSEALED",
            Self::MonthAlreadyClosed { .. } => "MONTH_ALREADY_CLOSED",
            Self::MonthHasNoDays { .. } => "MONTH_HAS_NO_DAYS",
            Self::MonthIsCurrent { .. } => "MONTH_IS_CURRENT",
            Self::MonthHasOpenDay { .. } => "MONTH_HAS_OPEN_DAY",
            Self::EarlierMonthOpen { .. } => "EARLIER_MONTH_OPEN",
        }
    }

    /// The facts of the refusal by name, in order of name, as they are stored.
    pub fn facts(&self) -> Vec<(String, String)> {
        facts_of(self)
    }
}
