//! Cut-offs: a receipt instant and a requested date make a window, or a refusal by name.
//!
//! A window is frozen at its cut-off: what is received before belongs to it, what is received at
//! that very instant belongs to the next (half-open intervals, domain rule 1.2). All cut-offs are
//! local times in New York, turned into instants one by one, never by adding hours.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::calendar::Calendar;

mod eastern;
mod window;

pub use eastern::{eastern_date, instant_of, tz_database_version};
pub use window::{Window, WindowError};

/// The years in which something can be received: every date that follows from it, such as that of a
/// payment a year ahead and the banking day after, can be told, since it has a year of 1 to 9999.
const RECEIPT_YEARS: RangeInclusive<i32> = 2..=9997;

/// An instant at which nothing can be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be of a year from {} to {}", RECEIPT_YEARS.start(), RECEIPT_YEARS.end())]
pub struct NotReceivable;

/// The instant, if something can be received then.
pub fn receivable(instant: DateTime<Utc>) -> Result<DateTime<Utc>, NotReceivable> {
    if RECEIPT_YEARS.contains(&instant.year()) { Ok(instant) } else { Err(NotReceivable) }
}

/// What becomes of a same-day instruction after the last cut-off of a banking day (domain rule
/// 1.4, A2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterLastCutoff {
    /// It is refused, and the refusal names the earliest date. The date is never moved in silence:
    /// the customer authorised one date.
    Reject,
    /// It is taken into a window that ends with the day.
    EndOfDay,
}

/// A policy that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutoffPolicyError {
    /// A day needs at least one cut-off, and they stand in ascending order.
    #[error("cut-offs must be one or more local times in ascending order")]
    CutoffsUnordered,
    /// With zero days ahead an instruction after the last cut-off could not be given for any date.
    #[error("max_days_ahead must be at least 1")]
    NoDaysAhead,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCutoffPolicy {
    cutoffs: Vec<Window>,
    nonbanking_end_of_day: bool,
    after_last_cutoff: AfterLastCutoff,
    max_days_ahead: u16,
}

/// When the windows of a product close, and how far ahead a date may lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawCutoffPolicy")]
pub struct CutoffPolicy {
    cutoffs: Vec<Window>,
    nonbanking_end_of_day: bool,
    after_last_cutoff: AfterLastCutoff,
    max_days_ahead: u16,
}

impl CutoffPolicy {
    /// A policy for one product. `nonbanking_end_of_day` adds a window until midnight on weekends
    /// and holidays, `after_last_cutoff` decides the same for banking days.
    pub fn new(
        cutoffs: Vec<Window>,
        nonbanking_end_of_day: bool,
        after_last_cutoff: AfterLastCutoff,
        max_days_ahead: u16,
    ) -> Result<Self, CutoffPolicyError> {
        if cutoffs.is_empty() || !cutoffs.is_sorted_by(|a, b| a < b) {
            return Err(CutoffPolicyError::CutoffsUnordered);
        }
        if max_days_ahead == 0 {
            return Err(CutoffPolicyError::NoDaysAhead);
        }
        Ok(Self { cutoffs, nonbanking_end_of_day, after_last_cutoff, max_days_ahead })
    }

    /// The last date that may be asked for on `today`.
    pub fn latest_date(&self, today: NaiveDate) -> NaiveDate {
        today.checked_add_days(Days::new(self.max_days_ahead.into())).unwrap_or(NaiveDate::MAX)
    }

    /// Has any day a window with this cut-off?
    pub fn has_window(&self, window: Window) -> bool {
        let ends = [true, false].iter().any(|&banking_day| self.has_end_of_day(banking_day));
        self.cutoffs.contains(&window) || (ends && window == Window::END_OF_DAY)
    }

    fn has_end_of_day(&self, banking_day: bool) -> bool {
        if banking_day {
            self.after_last_cutoff == AfterLastCutoff::EndOfDay
        } else {
            self.nonbanking_end_of_day
        }
    }
}

impl TryFrom<RawCutoffPolicy> for CutoffPolicy {
    type Error = CutoffPolicyError;

    fn try_from(raw: RawCutoffPolicy) -> Result<Self, Self::Error> {
        Self::new(raw.cutoffs, raw.nonbanking_end_of_day, raw.after_last_cutoff, raw.max_days_ahead)
    }
}

/// Where an accepted instruction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The window's cut-off as a local time.
    pub window: Window,
    /// The date asked for, which is the ledger's value date.
    pub effective_date: NaiveDate,
    /// The cut-off as an instant: the payment can be cancelled strictly before it.
    pub cutoff_at: DateTime<Utc>,
    /// The ACH effective entry date without Same Day: the banking day after the effective date.
    pub origination_date: NaiveDate,
}

/// Why an instruction has no window, in the order in which the rules are tested. Every refusal
/// names the first date for which an instruction received at that instant would be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CutoffRefusal {
    /// The date is before today in New York.
    #[error(
        "{requested} is before today, {today} in New York; the earliest date is {earliest_date}"
    )]
    DateInPast {
        /// The date asked for.
        requested: NaiveDate,
        /// The date in New York at the instant of receipt.
        today: NaiveDate,
        /// The first date that would be accepted.
        earliest_date: NaiveDate,
    },
    /// The date is further ahead than the policy allows.
    #[error("{requested} is after {latest_date}, the latest date that can be asked for")]
    DateTooFar {
        /// The date asked for.
        requested: NaiveDate,
        /// The date in New York at the instant of receipt.
        today: NaiveDate,
        /// The last date that would be accepted.
        latest_date: NaiveDate,
        /// The first date that would be accepted.
        earliest_date: NaiveDate,
    },
    /// The last window of today has closed.
    #[error(
        "the last cut-off of {requested} was {last_cutoff_at}; the earliest date is {earliest_date}"
    )]
    CutoffPassed {
        /// The date asked for, which is today in New York.
        requested: NaiveDate,
        /// When the last window of that date closed.
        last_cutoff_at: DateTime<Utc>,
        /// The first date that would be accepted.
        earliest_date: NaiveDate,
    },
}

impl CutoffRefusal {
    /// The stable reason.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::DateInPast { .. } => "DATE_IN_PAST",
            Self::DateTooFar { .. } => "DATE_TOO_FAR",
            Self::CutoffPassed { .. } => "CUTOFF_PASSED",
        }
    }

    /// The first date for which an instruction received at the same instant would be accepted.
    pub const fn earliest_date(&self) -> NaiveDate {
        match self {
            Self::DateInPast { earliest_date, .. }
            | Self::DateTooFar { earliest_date, .. }
            | Self::CutoffPassed { earliest_date, .. } => *earliest_date,
        }
    }
}

/// Every window that `date` has, in order of cut-off; never empty.
pub fn windows_of(policy: &CutoffPolicy, calendar: &Calendar, date: NaiveDate) -> Vec<Window> {
    let mut windows = policy.cutoffs.clone();
    let end_of_day = policy.has_end_of_day(calendar.is_banking_day(date));
    if end_of_day && windows.last() != Some(&Window::END_OF_DAY) {
        windows.push(Window::END_OF_DAY);
    }
    windows
}

/// Finds the window of an instruction, or the name of what is wrong with it.
///
/// A future date takes the first window of that date, whatever the hour of receipt. Today takes
/// the first window whose cut-off is strictly after the receipt.
pub fn place(
    policy: &CutoffPolicy,
    calendar: &Calendar,
    received_at: DateTime<Utc>,
    requested: NaiveDate,
) -> Result<Slot, CutoffRefusal> {
    let today = eastern_date(received_at);
    if requested > today && requested <= policy.latest_date(today) {
        return Ok(first_slot(policy, calendar, requested));
    }

    let earliest_date = earliest_date(policy, calendar, received_at);
    if requested < today {
        return Err(CutoffRefusal::DateInPast { requested, today, earliest_date });
    }
    if requested > today {
        let latest_date = policy.latest_date(today);
        return Err(CutoffRefusal::DateTooFar { requested, today, latest_date, earliest_date });
    }
    open_slot(policy, calendar, received_at).ok_or_else(|| {
        let last = slots(policy, calendar, today).last();
        let last_cutoff_at = last.map_or(received_at, |slot| slot.cutoff_at);
        CutoffRefusal::CutoffPassed { requested, last_cutoff_at, earliest_date }
    })
}

/// The first date for which an instruction received at that instant is accepted: today in New York
/// while one of its windows is open, else tomorrow.
pub fn earliest_date(
    policy: &CutoffPolicy,
    calendar: &Calendar,
    received_at: DateTime<Utc>,
) -> NaiveDate {
    let today = eastern_date(received_at);
    match open_slot(policy, calendar, received_at) {
        Some(_) => today,
        None => today.succ_opt().unwrap_or(today),
    }
}

/// The first window of today that is still open.
fn open_slot(
    policy: &CutoffPolicy,
    calendar: &Calendar,
    received_at: DateTime<Utc>,
) -> Option<Slot> {
    slots(policy, calendar, eastern_date(received_at)).find(|slot| slot.cutoff_at > received_at)
}

fn first_slot(policy: &CutoffPolicy, calendar: &Calendar, date: NaiveDate) -> Slot {
    // A policy has at least one cut-off, so that the fall-back never decides anything.
    let window = policy.cutoffs.first().copied().unwrap_or(Window::END_OF_DAY);
    slot(calendar, date, window)
}

fn slots(
    policy: &CutoffPolicy,
    calendar: &Calendar,
    date: NaiveDate,
) -> impl Iterator<Item = Slot> {
    windows_of(policy, calendar, date).into_iter().map(move |window| slot(calendar, date, window))
}

fn slot(calendar: &Calendar, date: NaiveDate, window: Window) -> Slot {
    Slot {
        window,
        effective_date: date,
        cutoff_at: instant_of(date, window),
        origination_date: calendar.next_banking_day(date),
    }
}

#[cfg(test)]
mod tests;
