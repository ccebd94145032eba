//! Rules that hold from a date until the next one does.

use chrono::{Days, Months, NaiveDate};
use serde::Deserialize;

use crate::domain::calendar::Calendar;

/// One rule, the first date on which it holds, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dated<T> {
    /// The first date on which the rule holds.
    pub valid_from: NaiveDate,
    /// Where the rule is written: a section of the domain rules, a statute, a network's rule.
    pub source: String,
    /// The rule.
    pub rule: T,
}

/// A timeline that no date could be looked up in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// There must be a rule for every date.
    #[error("a timeline needs at least one rule")]
    Empty,
    /// Two rules from one date, or a later one before an earlier one.
    #[error("rules must stand in strictly ascending order of valid_from, and {0} does not")]
    Unordered(NaiveDate),
}

/// One rule or more in order of validity, so that every date has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Dated<T>>", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Timeline<T> {
    first: Dated<T>,
    later: Vec<Dated<T>>,
}

impl<T> Timeline<T> {
    /// The rule that holds on `date`. Dates before the first rule get the first rule.
    pub fn at(&self, date: NaiveDate) -> &Dated<T> {
        self.later.iter().rev().find(|dated| dated.valid_from <= date).unwrap_or(&self.first)
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Dated<T>> {
        std::iter::once(&self.first).chain(&self.later)
    }
}

impl<T> TryFrom<Vec<Dated<T>>> for Timeline<T> {
    type Error = TimelineError;

    fn try_from(rules: Vec<Dated<T>>) -> Result<Self, Self::Error> {
        let mut rules = rules.into_iter();
        let first = rules.next().ok_or(TimelineError::Empty)?;
        let later: Vec<_> = rules.collect();
        let mut before = first.valid_from;
        for dated in &later {
            if dated.valid_from <= before {
                return Err(TimelineError::Unordered(dated.valid_from));
            }
            before = dated.valid_from;
        }
        Ok(Self { first, later })
    }
}

/// What a period is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodUnit {
    /// Banking days. State laws say "business days", whose holidays may be fewer by one or two;
    /// where they are more, the banking calendar makes a deadline earlier, never later.
    BankingDays,
    /// Every day counts.
    CalendarDays,
    /// Whole hours, counted as whole days in the statute's favour: a part of a day is dropped.
    Hours,
    /// Calendar months; the last day of a shorter month.
    Months,
}

/// A length of time as a rule states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// How many.
    pub count: u16,
    /// Of what.
    pub unit: PeriodUnit,
}

impl Period {
    /// The last day of the period that begins after `start`; saturates at chrono's last date.
    pub fn after(self, start: NaiveDate, calendar: &Calendar) -> NaiveDate {
        let days = |count: u16| start.checked_add_days(Days::new(count.into()));
        let end = match self.unit {
            // None at all is the day itself, open or not.
            PeriodUnit::BankingDays if self.count == 0 => Some(start),
            PeriodUnit::BankingDays => Some(calendar.add_banking_days(start, self.count)),
            PeriodUnit::CalendarDays => days(self.count),
            PeriodUnit::Hours => days(self.count.div_euclid(24)),
            PeriodUnit::Months => start.checked_add_months(Months::new(self.count.into())),
        };
        end.unwrap_or(NaiveDate::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(dates: &[&str]) -> Result<Timeline<usize>, TimelineError> {
        let rule_from = |(rule, date): (usize, &&str)| Dated {
            valid_from: date.parse().unwrap(),
            source: "test".to_owned(),
            rule,
        };
        Timeline::try_from(dates.iter().enumerate().map(rule_from).collect::<Vec<_>>())
    }

    #[test]
    fn a_rule_holds_from_its_first_day_until_the_next_ones() {
        let timeline = timeline(&["2020-01-01", "2022-03-18"]).unwrap();
        for (date, rule) in [
            ("1999-12-31", 0),
            ("2020-01-01", 0),
            ("2022-03-17", 0),
            ("2022-03-18", 1),
            ("2999-01-01", 1),
        ] {
            assert_eq!(timeline.at(date.parse().unwrap()).rule, rule, "{date}");
        }
        assert_eq!(timeline.iter().count(), 2);
    }

    #[test]
    fn an_empty_or_unordered_timeline_cannot_be_built() {
        assert_eq!(timeline(&[]), Err(TimelineError::Empty));
        assert!(timeline(&["2022-01-01", "2020-01-01"]).is_err());
        assert!(timeline(&["2022-01-01", "2022-01-01"]).is_err());
        // After the first, but not after the one before it.
        let unordered = timeline(&["2020-01-01", "2024-01-01", "2022-01-01"]);
        assert_eq!(unordered, Err(TimelineError::Unordered("2022-01-01".parse().unwrap())));
    }

    #[test]
    fn a_period_is_counted_in_its_own_unit() {
        let calendar = Calendar::default();
        for (count, unit, end) in [
            (5, PeriodUnit::BankingDays, "2026-07-10"),
            (0, PeriodUnit::BankingDays, "2026-07-04"),
            (10, PeriodUnit::CalendarDays, "2026-07-14"),
            (72, PeriodUnit::Hours, "2026-07-07"),
            (1, PeriodUnit::Months, "2026-08-04"),
        ] {
            let saturday_holiday = "2026-07-04".parse().unwrap();
            let period = Period { count, unit };
            assert_eq!(period.after(saturday_holiday, &calendar), end.parse().unwrap());
        }
        let end = Period { count: 1, unit: PeriodUnit::Months };
        assert_eq!(end.after(NaiveDate::MAX, &calendar), NaiveDate::MAX);
    }
}
