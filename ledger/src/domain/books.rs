//! The accounting calendar: which days postings go to.

use chrono::NaiveDate;

/// The accounting days that are open for postings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountingDays {
    /// The day that postings go to.
    pub current: NaiveDate,
    /// The day before it, while its 24:00 run may still post to it.
    pub closing: Option<NaiveDate>,
}

impl AccountingDays {
    /// The days of books that are opened and closed with the calendar: today, and yesterday's 24:00
    /// run still to come.
    pub fn of_calendar(today: NaiveDate) -> Self {
        Self { current: today, closing: today.pred_opt() }
    }
}
