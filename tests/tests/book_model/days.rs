//! Days and months, counted one by one.

use chrono::{Datelike, Days, NaiveDate, Weekday};

pub(crate) fn after(date: NaiveDate, days: i64) -> NaiveDate {
    let count = Days::new(days.unsigned_abs());
    if days < 0 { date.checked_sub_days(count) } else { date.checked_add_days(count) }.unwrap()
}

/// Days from one date to another; below zero if the other is earlier.
pub(crate) fn between(from: NaiveDate, to: NaiveDate) -> i64 {
    to.signed_duration_since(from).num_days()
}

pub(crate) fn in_leap_year(date: NaiveDate) -> bool {
    let year = date.year();
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

/// The day `anchor` of the month that is so many months after that of `date`, or the last day of a
/// month that does not have it.
pub(crate) fn day_of_month(date: NaiveDate, months_later: i32, anchor: u32) -> NaiveDate {
    let total = date.year() * 12 + i32::try_from(date.month0()).unwrap() + months_later;
    let (year, month0) = (total.div_euclid(12), total.rem_euclid(12));
    let first = NaiveDate::from_ymd_opt(year, u32::try_from(month0 + 1).unwrap(), 1).unwrap();
    let length = match month0 {
        1 if in_leap_year(first) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    after(first, i64::from(anchor.min(length)) - 1)
}

/// Days of months of thirty days, on the bond basis.
pub(crate) fn thirty_360(from: NaiveDate, to: NaiveDate) -> i64 {
    let start = i64::from(from.day()).min(30);
    let end = i64::from(to.day());
    let end = if end == 31 && start == 30 { 30 } else { end };
    let months =
        i64::from(to.year() - from.year()) * 12 + i64::from(to.month()) - i64::from(from.month());
    months * 30 + end - start
}

#[test]
fn months_of_thirty_days_are_counted_as_the_rules_work_them_out() {
    for (from, to, days) in [
        ("2026-01-31", "2026-02-28", 28),
        ("2026-02-28", "2026-03-31", 33),
        ("2026-01-15", "2026-03-01", 46),
        ("2026-01-30", "2026-03-31", 60),
    ] {
        assert_eq!(thirty_360(from.parse().unwrap(), to.parse().unwrap()), days, "{from} {to}");
    }
}

#[test]
fn the_anchor_day_comes_back_after_a_short_month() {
    let start = "2027-10-31".parse().unwrap();
    let days: Vec<_> = (0..6).map(|n| day_of_month(start, n, 31).to_string()).collect();
    let expected =
        ["2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"];
    assert_eq!(days, expected);
    assert_eq!(day_of_month(start, -11, 30).to_string(), "2026-11-30");
}

/// The days after `date` on which banks are open.
pub(crate) fn open_days(date: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    (1..).map(move |days| after(date, days)).filter(|day| banks_are_open(*day))
}

/// Are banks open? Not at weekends, nor on the holidays of the Federal Reserve, of which those on a
/// Sunday are kept on the Monday.
pub(crate) fn banks_are_open(date: NaiveDate) -> bool {
    let (month, day, weekday) = (date.month(), date.day(), date.weekday());
    let of_date = |date: NaiveDate| {
        let fixed = [(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)];
        fixed.contains(&(date.month(), date.day()))
    };
    let of_week = match (month, weekday) {
        (1 | 2, Weekday::Mon) => (15..=21).contains(&day),
        (5, Weekday::Mon) => day >= 25,
        (9, Weekday::Mon) => day <= 7,
        (10, Weekday::Mon) => (8..=14).contains(&day),
        (11, Weekday::Thu) => (22..=28).contains(&day),
        _ => false,
    };
    let kept = weekday == Weekday::Mon && of_date(after(date, -1));
    let weekend = weekday == Weekday::Sat || weekday == Weekday::Sun;
    !(weekend || of_date(date) || kept || of_week)
}
