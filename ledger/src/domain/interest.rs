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
        /// Months of 30 days over 360: the 30/360 bond basis. Days counted in parts are not always
        /// the days of the whole.
        Thirty360 = "30/360",
    }
}

impl DayCount {
    /// The days that earn from `from` to `to`, the last not counted. None if `to` is not after
    /// `from`.
    pub fn days(self, from: NaiveDate, to: NaiveDate) -> i64 {
        if to <= from {
            return 0;
        }
        match self {
            Self::Actual365Or366 | Self::Actual365 | Self::Actual360 => {
                to.signed_duration_since(from).num_days()
            }
            Self::Thirty360 => thirty_360_days(from, to),
        }
    }
}

/// Days that earn over one divisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first day that earns.
    pub from: NaiveDate,
    /// The day after the last.
    pub to: NaiveDate,
    /// How many they are, by the contract's count.
    pub count: i64,
    /// What they are divided by.
    pub divisor: u32,
}

impl DayCount {
    /// The days that earn from `from` to `to`, the last not counted, apart where their divisor
    /// changes. [`Accrual::add`] adds the same days.
    pub fn by_divisor(self, from: NaiveDate, to: NaiveDate) -> Vec<Days> {
        let whole = |divisor| Days { from, to, count: self.days(from, to), divisor };
        let mut days = match self {
            Self::Actual360 | Self::Thirty360 => vec![whole(360)],
            Self::Actual365 => vec![whole(365)],
            Self::Actual365Or366 => by_kind_of_year(from, to),
        };
        days.retain(|days| days.count > 0);
        days
    }
}

/// The days `from .. to`, apart where a leap year begins or ends.
fn by_kind_of_year(from: NaiveDate, to: NaiveDate) -> Vec<Days> {
    let mut apart: Vec<Days> = Vec::new();
    let mut start = from;
    while start < to {
        let next_year = NaiveDate::from_ymd_opt(start.year().saturating_add(1), 1, 1);
        let end = next_year.map_or(to, |year| year.min(to));
        let divisor = if start.leap_year() { 366 } else { 365 };
        let count = end.signed_duration_since(start).num_days();
        match apart.last_mut().filter(|last| last.divisor == divisor) {
            Some(last) => {
                last.to = end;
                last.count = last.count.saturating_add(count);
            }
            None => apart.push(Days { from: start, to: end, count, divisor }),
        }
        start = end;
    }
    apart
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
    /// before `to`: `count.days(from, to)` days. Nothing if `to` is not after `from`.
    ///
    /// Under 30/360 the parts of a stretch do not add up to it, so that a stretch in which neither
    /// principal nor rate changes must be added in one call.
    pub fn add(
        &mut self,
        principal: Money,
        rate: Rate,
        count: DayCount,
        from: NaiveDate,
        to: NaiveDate,
    ) {
        let a_day = principal.decimal().saturating_mul(rate.decimal());
        let earned = |days: i64| a_day.saturating_mul(Decimal::from(days));
        let days = count.days(from, to);
        match count {
            DayCount::Actual360 | DayCount::Thirty360 => {
                self.over_360 = self.over_360.saturating_add(earned(days));
            }
            DayCount::Actual365 => self.over_365 = self.over_365.saturating_add(earned(days)),
            DayCount::Actual365Or366 => {
                let leap = leap_days(from, to.max(from));
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

/// The 30/360 bond basis (ISDA 2006, section 4.16(f)): every month has 30 days. A 31st counts as
/// the 30th, but as the last day only if the first is a 30th or 31st. February's end stays.
fn thirty_360_days(from: NaiveDate, to: NaiveDate) -> i64 {
    let first = from.day().min(30);
    let last = if first == 30 { to.day().min(30) } else { to.day() };
    let year = |date: NaiveDate| i64::from(date.year()).saturating_mul(360);
    let month = |date: NaiveDate| i64::from(date.month0()).saturating_mul(30);
    let number = |date: NaiveDate, day: u32| {
        year(date).saturating_add(month(date)).saturating_add(i64::from(day))
    };
    number(to, last).saturating_sub(number(from, first))
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
    let this_year = if date.leap_year() { i64::from(date.ordinal0()) } else { 0 };
    leap_years.saturating_mul(366).saturating_add(this_year)
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
            ("25000", "0.069", Actual365Or366, "2026-01-15", "2026-01-30", "70.89"),
            // Of the years that end a century every fourth is a leap year.
            ("10000", "0.366", Actual365Or366, "2000-01-01", "2001-01-01", "3660.00"),
            ("10000", "0.365", Actual365Or366, "2100-01-01", "2101-01-01", "3650.00"),
            // Nothing is earned backwards.
            ("10000", "0.073", Actual365Or366, "2028-03-01", "2028-02-01", "0.00"),
        ];
        for (principal, rate, count, from, to, expected) in cases {
            assert_eq!(interest(principal, rate, count, from, to), expected, "{principal} {from}");
        }
    }

    #[test]
    fn months_of_the_bond_basis_have_thirty_days() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (from, to, days) in [
            ("2026-01-31", "2026-02-28", 28),
            ("2026-02-28", "2026-03-31", 33),
            ("2026-01-15", "2026-03-01", 46),
            ("2026-01-30", "2026-03-31", 60),
            ("2026-01-15", "2026-02-15", 30),
            ("2026-12-15", "2027-01-15", 30),
            ("2028-02-29", "2029-02-28", 359),
            ("2026-01-30", "2026-01-31", 0),
            ("2026-01-31", "2026-01-30", 0),
        ] {
            assert_eq!(DayCount::Thirty360.days(date(from), date(to)), days, "{from} {to}");
        }
        assert_eq!(DayCount::Actual360.days(date("2026-01-15"), date("2026-03-01")), 45);
        let basis = DayCount::Thirty360;
        assert_eq!(interest("25000", "0.069", basis, "2026-01-15", "2026-02-15"), "143.75");
        assert_eq!(interest("25000", "0.069", basis, "2026-01-15", "2026-03-01"), "220.42");
    }

    #[test]
    fn the_parts_of_a_stretch_are_not_its_whole_on_the_bond_basis() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = |from: &str, to: &str| DayCount::Thirty360.days(date(from), date(to));
        assert_eq!(days("2026-01-31", "2026-03-31"), 60);
        assert_eq!(days("2026-01-31", "2026-02-28") + days("2026-02-28", "2026-03-31"), 61);
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
            let counted = days.filter(NaiveDate::leap_year).count();
            assert_eq!(leap_days(from, to), i64::try_from(counted).unwrap(), "{from} {to}");
        }
    }

    #[test]
    fn days_are_apart_where_the_divisor_changes() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let apart = |count: DayCount, from: &str, to: &str| -> Vec<String> {
            let days = count.by_divisor(date(from), date(to));
            let text = |it: Days| format!("{}..{} {}/{}", it.from, it.to, it.count, it.divisor);
            days.into_iter().map(text).collect()
        };
        let by_year = DayCount::Actual365Or366;
        assert_eq!(
            apart(by_year, "2026-12-20", "2029-01-19"),
            [
                "2026-12-20..2028-01-01 377/365",
                "2028-01-01..2029-01-01 366/366",
                "2029-01-01..2029-01-19 18/365"
            ]
        );
        assert_eq!(apart(by_year, "2028-01-01", "2028-01-01"), Vec::<String>::new());
        let bond = ["2027-12-31..2028-02-29 59/360"];
        assert_eq!(apart(DayCount::Thirty360, "2027-12-31", "2028-02-29"), bond);
        for count in DayCount::ALL {
            let (from, to) = (date("2023-05-31"), date("2033-03-31"));
            let apart = count.by_divisor(from, to);
            let sum = apart.iter().fold(0, |sum, days| sum + days.count);
            assert_eq!(sum, count.days(from, to), "{count}");
            assert_eq!(count.by_divisor(from, from), [], "{count}");
            assert_eq!(count.by_divisor(to, from), [], "{count}");
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
