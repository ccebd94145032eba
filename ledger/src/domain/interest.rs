//! Simple daily interest, exact until it is posted.
//!
//! A balance that stands at the close of day `d` earns one day. What it earns is kept as sums of
//! balance x rate x days, apart by the divisor of the day, so that nothing is divided, and so
//! nothing rounded, before posting.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use super::money::{Money, Rate};
use super::words::words;

words! {
    /// How a contract counts days into years.
    #[derive(Default)]
    DayCount {
        /// Calendar days over 365, or over 366 for the days that fall in a leap year.
        #[default]
        Actual365Or366 = "actual/365-366",
        /// Calendar days over 365.
        Actual365 = "actual/365",
        /// Calendar days over 360.
        Actual360 = "actual/360",
    }
}

/// Exact interest: dollar-days at a yearly rate, by divisor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "each is a sum over its divisor")]
pub struct Accrual {
    over_360: Decimal,
    over_365: Decimal,
    over_366: Decimal,
}

impl Accrual {
    /// Adds what `principal` earns at `rate` from the close of `from` to the close of the day
    /// before `to`: `to - from` days. Nothing if `to` is not after `from`.
    pub fn add(
        &mut self,
        principal: Money,
        rate: Rate,
        count: DayCount,
        from: NaiveDate,
        to: NaiveDate,
    ) {
        if to <= from {
            return;
        }
        let a_day = principal.decimal().saturating_mul(rate.decimal());
        let earned = |days: i64| a_day.saturating_mul(Decimal::from(days));
        let days = to.signed_duration_since(from).num_days();
        match count {
            DayCount::Actual360 => self.over_360 = self.over_360.saturating_add(earned(days)),
            DayCount::Actual365 => self.over_365 = self.over_365.saturating_add(earned(days)),
            DayCount::Actual365Or366 => {
                let leap = leap_days(from, to);
                self.over_365 = self.over_365.saturating_add(earned(days.saturating_sub(leap)));
                self.over_366 = self.over_366.saturating_add(earned(leap));
            }
        }
    }

    /// The interest in dollars. Divided here and only here: the quotients carry some 17 digits
    /// after the point, and an exact value is either on a half cent or more than 10^-15 away from
    /// it, so that rounding this to the cent is rounding the exact value.
    pub fn dollars(&self) -> Decimal {
        let part = |sum: Decimal, divisor: i64| {
            sum.checked_div(Decimal::from(divisor)).unwrap_or_default()
        };
        part(self.over_360, 360)
            .saturating_add(part(self.over_365, 365))
            .saturating_add(part(self.over_366, 366))
    }
}

/// How many of the days `from .. to` (the last not counted) fall in leap years.
fn leap_days(from: NaiveDate, to: NaiveDate) -> i64 {
    leap_days_before(to).saturating_sub(leap_days_before(from))
}

/// The days before `date` that fall in leap years, counted from the year 0.
fn leap_days_before(date: NaiveDate) -> i64 {
    let past = i64::from(date.year()).saturating_sub(1);
    let leap_years = past
        .div_euclid(4)
        .saturating_sub(past.div_euclid(100))
        .saturating_add(past.div_euclid(400));
    let this_year = if is_leap_year(date.year()) { i64::from(date.ordinal0()) } else { 0 };
    leap_years.saturating_mul(366).saturating_add(this_year)
}

fn is_leap_year(year: i32) -> bool {
    NaiveDate::from_ymd_opt(year, 2, 29).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest(principal: &str, rate: &str, count: DayCount, from: &str, to: &str) -> String {
        let mut accrual = Accrual::default();
        accrual.add(
            principal.parse().unwrap(),
            rate.parse().unwrap(),
            count,
            from.parse().unwrap(),
            to.parse().unwrap(),
        );
        Money::round_half_up(accrual.dollars()).to_string()
    }

    #[test]
    fn the_worked_day_counts_hold() {
        use DayCount::{Actual360, Actual365, Actual365Or366};
        let cases = [
            ("20000", "0.0575", Actual365, "2026-06-01", "2026-07-01", "94.52"),
            ("20000", "0.0575", Actual365Or366, "2028-06-01", "2028-07-01", "94.26"),
            ("20000", "0.0575", Actual360, "2026-06-01", "2026-07-01", "95.83"),
            ("20000", "0.0575", Actual365Or366, "2027-12-20", "2028-01-19", "94.37"),
            ("912.50", "0.01", Actual365, "2026-06-01", "2026-07-01", "0.75"),
            ("18250", "0.0499", Actual365, "2026-06-01", "2026-07-01", "74.85"),
            ("12345.67", "0.0649", Actual365Or366, "2026-06-15", "2026-06-30", "32.93"),
            ("2195.32", "0.1449", Actual365Or366, "2017-08-28", "2017-12-15", "94.99"),
            ("10000", "0.073", Actual365Or366, "2026-03-01", "2026-04-01", "62.00"),
        ];
        for (principal, rate, count, from, to, expected) in cases {
            assert_eq!(interest(principal, rate, count, from, to), expected, "{principal} {from}");
        }
    }

    #[test]
    fn a_half_cent_is_seen_whatever_the_divisor() {
        // 912.50 at 1 % is exactly 0.025 a day over 365 days; 915.00 the same over 366.
        assert_eq!(
            interest("912.50", "0.01", DayCount::Actual365Or366, "2026-06-01", "2026-06-02"),
            "0.03"
        );
        assert_eq!(
            interest("915.00", "0.01", DayCount::Actual365Or366, "2028-06-01", "2028-06-02"),
            "0.03"
        );
    }

    #[test]
    fn leap_days_are_counted_as_one_by_one() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (from, to) in [
            ("2027-12-20", "2028-01-19"),
            ("2028-12-31", "2029-01-01"),
            ("2024-02-29", "2033-06-15"),
            ("1899-12-31", "1901-01-02"),
            ("1999-07-01", "2000-12-31"),
        ] {
            let (from, to) = (date(from), date(to));
            let days = from.iter_days().take_while(|day| *day < to);
            let counted = days.filter(|day| is_leap_year(day.year())).count();
            assert_eq!(leap_days(from, to), i64::try_from(counted).unwrap(), "{from} {to}");
        }
    }

    #[test]
    fn no_days_earn_nothing() {
        assert_eq!(
            interest("1000", "0.05", DayCount::Actual365, "2026-06-02", "2026-06-01"),
            "0.00"
        );
    }
}
