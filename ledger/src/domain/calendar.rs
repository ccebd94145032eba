//! Banking days: Federal Reserve holidays by rule for any year, overrides, and arithmetic on them.
//!
//! The Federal Reserve is not the federal office next door: a fixed-date holiday on a Sunday closes
//! the Monday after it, one on a Saturday closes nothing, and the Friday before stays open (domain
//! rule 2.1). Every operation is total and saturates at chrono's first and last date.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

/// The last date that can be told: dates of the contract (`google.type.Date`) and of stored JSON
/// (`format: date`, RFC 3339) have years of four digits.
pub const LAST_DATE: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(date) => date,
    None => NaiveDate::MAX,
};

/// When, within a year, a holiday falls.
#[derive(Debug, Clone, Copy)]
enum When {
    /// The same day of the same month; moves to Monday when it is a Sunday.
    Fixed { month: u32, day: u32 },
    /// The n-th such weekday of the month, counted from one.
    Nth { month: u32, weekday: Weekday, n: u8 },
    /// The last Monday of the month.
    LastMonday { month: u32 },
}

/// One holiday's rule.
struct Rule {
    name: &'static str,
    /// The first year in which it holds, if it is newer than the other rules.
    since: Option<i32>,
    when: When,
}

const fn rule(name: &'static str, when: When) -> Rule {
    Rule { name, since: None, when }
}

const fn fixed(month: u32, day: u32) -> When {
    When::Fixed { month, day }
}

const fn nth(n: u8, weekday: Weekday, month: u32) -> When {
    When::Nth { month, weekday, n }
}

/// In the order of the year. Juneteenth is a holiday since 2021 (Pub. L. 117-17); the other rules
/// are taken to have been always as they are, so that years before 1986, in which no account of
/// ours was open, are answered by today's rules and not by history.
const RULES: &[Rule] = &[
    rule("New Year's Day", fixed(1, 1)),
    rule("Birthday of Martin Luther King, Jr.", nth(3, Weekday::Mon, 1)),
    rule("Washington's Birthday", nth(3, Weekday::Mon, 2)),
    rule("Memorial Day", When::LastMonday { month: 5 }),
    Rule { name: "Juneteenth National Independence Day", since: Some(2021), when: fixed(6, 19) },
    rule("Independence Day", fixed(7, 4)),
    rule("Labor Day", nth(1, Weekday::Mon, 9)),
    rule("Columbus Day", nth(2, Weekday::Mon, 10)),
    rule("Veterans Day", fixed(11, 11)),
    rule("Thanksgiving Day", nth(4, Weekday::Thu, 11)),
    rule("Christmas Day", fixed(12, 25)),
];

impl Rule {
    fn holds_in(&self, year: i32) -> bool {
        self.since.is_none_or(|since| year >= since)
    }

    /// The holiday itself, before it moves to a Monday. `None` only in years that chrono lacks.
    fn date_in(&self, year: i32) -> Option<NaiveDate> {
        match self.when {
            When::Fixed { month, day } => NaiveDate::from_ymd_opt(year, month, day),
            When::Nth { month, weekday, n } => {
                NaiveDate::from_weekday_of_month_opt(year, month, weekday, n)
            }
            When::LastMonday { month } => {
                let monday = |n| NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Mon, n);
                monday(5).or_else(|| monday(4))
            }
        }
    }

    fn closes(&self, date: NaiveDate) -> bool {
        self.date_in(date.year()).and_then(observed) == Some(date)
    }
}

/// The weekday on which banks close for a holiday: none when it falls on a Saturday.
///
/// A Sunday's Monday is always in the same month, since no fixed holiday is on a month's last day.
fn observed(date: NaiveDate) -> Option<NaiveDate> {
    match date.weekday() {
        Weekday::Sat => None,
        Weekday::Sun => date.succ_opt(),
        Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => Some(date),
    }
}

/// One holiday of one year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holiday {
    /// The Federal Reserve's name for it.
    pub name: &'static str,
    /// The day itself.
    pub date: NaiveDate,
    /// The weekday on which it is kept: the day itself, or the Monday for a Sunday. `None` when it
    /// falls on a Saturday.
    pub observed_date: Option<NaiveDate>,
    /// Whether a weekday closes for it. False for a Saturday, and when an override opens that day.
    pub closes_banks: bool,
}

/// What an override makes of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayState {
    /// A banking day, whatever the rules say.
    Open,
    /// No banking day, whatever the rules say.
    Closed,
}

/// A day on which the rules do not hold, such as an emergency closure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarOverride {
    /// The day.
    pub date: NaiveDate,
    /// What it is instead.
    pub state: DayState,
    /// Why, in words for a person.
    pub reason: String,
    /// Where that is announced.
    pub source: String,
}

/// Which days are banking days.
///
/// ```
/// use ledger::domain::calendar::Calendar;
/// let calendar = Calendar::default();
/// let friday = "2026-07-03".parse().unwrap();
/// // 4 July 2026 is a Saturday, and the Federal Reserve does not close the day before.
/// assert!(calendar.is_banking_day(friday));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    overrides: BTreeMap<NaiveDate, CalendarOverride>,
}

impl Calendar {
    /// The rules with exceptions. Of two overrides for one date the later in the list counts.
    pub fn new(overrides: impl IntoIterator<Item = CalendarOverride>) -> Self {
        Self { overrides: overrides.into_iter().map(|day| (day.date, day)).collect() }
    }

    /// The exceptions, in order of date.
    pub fn overrides(&self) -> impl Iterator<Item = &CalendarOverride> {
        self.overrides.values()
    }

    /// Monday to Friday, not a Federal Reserve holiday, unless an override says otherwise.
    pub fn is_banking_day(&self, date: NaiveDate) -> bool {
        match self.overrides.get(&date) {
            Some(day) => day.state == DayState::Open,
            None => !is_weekend(date) && closed_for(date).is_none(),
        }
    }

    /// The first banking day strictly after `date`; chrono's last date if there is none.
    pub fn next_banking_day(&self, date: NaiveDate) -> NaiveDate {
        date.succ_opt().map_or(date, |next| self.banking_day_on_or_after(next))
    }

    /// The last banking day strictly before `date`; chrono's first date if there is none.
    pub fn previous_banking_day(&self, date: NaiveDate) -> NaiveDate {
        let mut day = date;
        while let Some(before) = day.pred_opt() {
            day = before;
            if self.is_banking_day(day) {
                break;
            }
        }
        day
    }

    /// `date` itself when it is a banking day, else the next one.
    pub fn banking_day_on_or_after(&self, date: NaiveDate) -> NaiveDate {
        let mut day = date;
        while !self.is_banking_day(day) {
            let Some(next) = day.succ_opt() else { break };
            day = next;
        }
        day
    }

    /// The `count`-th banking day strictly after `date`; for zero, `date` or the banking day after
    /// it.
    pub fn add_banking_days(&self, date: NaiveDate, count: u16) -> NaiveDate {
        if count == 0 {
            return self.banking_day_on_or_after(date);
        }
        (0..count).fold(date, |day, _| self.next_banking_day(day))
    }

    /// Every holiday of a year in order of date, those on a Saturday included.
    pub fn holidays(&self, year: i32) -> Vec<Holiday> {
        let rules = RULES.iter().filter(|rule| rule.holds_in(year));
        rules
            .filter_map(|rule| Some((rule.name, rule.date_in(year)?)))
            .map(|(name, date)| {
                let observed_date = observed(date);
                let closes_banks = observed_date.is_some_and(|day| !self.is_banking_day(day));
                Holiday { name, date, observed_date, closes_banks }
            })
            .collect()
    }

    /// The overrides of one year, in order of date.
    pub fn overrides_in(&self, year: i32) -> Vec<&CalendarOverride> {
        self.overrides().filter(|day| day.date.year() == year).collect()
    }
}

fn is_weekend(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// The holiday for which the rules close `date`, by name.
fn closed_for(date: NaiveDate) -> Option<&'static str> {
    RULES.iter().find(|rule| rule.holds_in(date.year()) && rule.closes(date)).map(|rule| rule.name)
}

#[cfg(test)]
mod tests;
