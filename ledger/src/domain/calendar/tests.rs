//! The check list of domain rule 2.1, and its property over every year from 1990 to 2100.

use std::collections::BTreeSet;

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn calendar() -> Calendar {
    Calendar::default()
}

fn all_days(year: i32) -> impl Iterator<Item = NaiveDate> {
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap().iter_days().take_while(move |d| d.year() == year)
}

fn weekday_closures(year: i32) -> Vec<String> {
    let closed = |day: &NaiveDate| !is_weekend(*day) && !calendar().is_banking_day(*day);
    all_days(year).filter(closed).map(|day| day.to_string()).collect()
}

#[test]
fn the_closures_of_2026_are_the_published_ones() {
    assert_eq!(
        weekday_closures(2026),
        [
            "2026-01-01",
            "2026-01-19",
            "2026-02-16",
            "2026-05-25",
            "2026-06-19",
            "2026-09-07",
            "2026-10-12",
            "2026-11-11",
            "2026-11-26",
            "2026-12-25",
        ]
    );
}

#[test]
fn sundays_move_to_monday_and_saturdays_move_nowhere() {
    let check_list: [(i32, &[&str], &[&str]); 8] = [
        (2021, &["2021-07-05"], &["2021-06-19", "2021-12-25"]),
        (2022, &["2022-06-20", "2022-12-26"], &["2022-01-01"]),
        (2023, &["2023-01-02"], &["2023-11-11"]),
        (2024, &[], &[]),
        (2025, &[], &[]),
        (2026, &[], &["2026-07-04"]),
        (2027, &["2027-07-05"], &["2027-06-19", "2027-12-25"]),
        (2028, &[], &["2028-01-01", "2028-11-11"]),
    ];
    for (year, moved, saturdays) in check_list {
        let holidays = calendar().holidays(year);
        let text = |days: Vec<NaiveDate>| -> Vec<String> {
            days.into_iter().map(|day| day.to_string()).collect()
        };
        let moves = holidays
            .iter()
            .filter_map(|h| h.observed_date.filter(|observed| *observed != h.date))
            .collect();
        assert_eq!(text(moves), moved, "{year}");
        let unkept =
            holidays.iter().filter(|h| !h.closes_banks).map(|holiday| holiday.date).collect();
        assert_eq!(text(unkept), saturdays, "{year}");
    }
}

#[test]
fn the_friday_before_a_saturday_holiday_is_a_banking_day() {
    for friday in ["2026-07-03", "2027-12-24", "2027-12-31", "2021-12-31", "2021-06-18"] {
        assert!(calendar().is_banking_day(date(friday)), "{friday}");
    }
}

#[test]
fn federal_office_holidays_are_banking_days() {
    let open = [
        ("Inauguration Day", "2025-01-20", false),
        ("Inauguration Day on a Tuesday", "2009-01-20", true),
        ("Good Friday", "2026-04-03", true),
        ("day after Thanksgiving", "2026-11-27", true),
        ("Christmas Eve by executive order", "2024-12-24", true),
        ("day of mourning", "2025-01-09", true),
    ];
    for (name, day, is_open) in open {
        assert_eq!(calendar().is_banking_day(date(day)), is_open, "{name}");
    }
}

#[test]
fn a_year_has_eleven_closures_less_its_saturdays() {
    for year in 1..=2100 {
        let holidays = calendar().holidays(year);
        let expected = if year < 2021 { 10 } else { 11 };
        assert_eq!(holidays.len(), expected, "{year}");
        assert!(holidays.is_sorted_by_key(|holiday| holiday.date), "{year}");

        let saturdays = holidays.iter().filter(|h| h.date.weekday() == Weekday::Sat).count();
        let observed: BTreeSet<_> = holidays.iter().filter_map(|h| h.observed_date).collect();
        assert_eq!(observed.len(), expected - saturdays, "{year}: two closures on one date");
        assert_eq!(weekday_closures(year).len(), expected - saturdays, "{year}");
    }
    assert_eq!(weekday_closures(2021).len(), 9);
    assert_eq!(weekday_closures(2027).len(), 9);
}

#[test]
fn only_juneteenth_has_a_first_year() {
    let known = [
        ("2020-06-19", true, "no Juneteenth before 2021"),
        ("2021-06-18", true, "19 June 2021 was a Saturday"),
        ("2022-06-20", false, "the first weekday closure for Juneteenth"),
        ("1971-02-15", false, "the third Monday of February"),
        ("1944-11-23", false, "the fourth of five Thursdays"),
        ("1900-01-15", false, "the rules of today, for any year"),
    ];
    for (day, open, why) in known {
        assert_eq!(calendar().is_banking_day(date(day)), open, "{day}: {why}");
    }
}

#[test]
fn counting_banking_days_skips_weekends_and_holidays() {
    let counted = [
        ("2026-03-02", 2, "2026-03-04"),
        ("2026-11-25", 2, "2026-11-30"),
        ("2026-12-24", 2, "2026-12-29"),
        ("2026-02-13", 2, "2026-02-18"),
        ("2026-07-03", 1, "2026-07-06"),
        ("2027-07-02", 1, "2027-07-06"),
        ("2026-03-07", 0, "2026-03-09"),
        ("2026-03-09", 0, "2026-03-09"),
    ];
    for (from, count, to) in counted {
        assert_eq!(calendar().add_banking_days(date(from), count), date(to), "{from} + {count}");
    }
    assert_eq!(calendar().previous_banking_day(date("2027-07-06")), date("2027-07-02"));
}

#[test]
fn an_override_wins_over_the_rules_both_ways() {
    let exception = |day: &str, state| CalendarOverride {
        date: date(day),
        state,
        reason: "exercise".to_owned(),
        source: "test".to_owned(),
    };
    let calendar = Calendar::new([
        exception("2026-03-04", DayState::Closed),
        exception("2026-11-26", DayState::Open),
    ]);
    assert!(!calendar.is_banking_day(date("2026-03-04")));
    assert_eq!(calendar.next_banking_day(date("2026-03-03")), date("2026-03-05"));
    assert!(calendar.is_banking_day(date("2026-11-26")));
    let thanksgiving = calendar.holidays(2026).into_iter().find(|h| h.date == date("2026-11-26"));
    assert!(!thanksgiving.unwrap().closes_banks);
    assert_eq!(calendar.overrides_in(2026).len(), 2);
    assert_eq!(calendar.overrides_in(2027).len(), 0);
}

#[test]
fn the_ends_of_the_calendar_saturate() {
    let calendar = calendar();
    assert_eq!(calendar.next_banking_day(NaiveDate::MAX), NaiveDate::MAX);
    assert_eq!(calendar.add_banking_days(NaiveDate::MAX, u16::MAX), NaiveDate::MAX);
    assert_eq!(calendar.previous_banking_day(NaiveDate::MIN), NaiveDate::MIN);
    assert!(calendar.next_banking_day(NaiveDate::MIN) > NaiveDate::MIN);
    for year in [i32::MIN, i32::MAX] {
        assert!(calendar.holidays(year).is_empty(), "{year}");
    }
    for year in [1, 9999, NaiveDate::MIN.year(), NaiveDate::MAX.year()] {
        assert!(!calendar.holidays(year).is_empty(), "{year}");
    }
}
