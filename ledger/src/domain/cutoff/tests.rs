//! The decision table and the worked vectors of domain rules 1.2 to 1.5, and what is true of all
//! instructions.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the dates and instants made up here are centuries from the ends of the calendar"
)]

use super::*;
use chrono::Duration;
use proptest::prelude::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn policy(cutoffs: &[&str], nonbanking_end_of_day: bool, after: AfterLastCutoff) -> CutoffPolicy {
    let cutoffs = cutoffs.iter().map(|text| text.parse().unwrap()).collect();
    CutoffPolicy::new(cutoffs, nonbanking_end_of_day, after, 365).unwrap()
}

fn auto() -> CutoffPolicy {
    policy(&["15:00", "18:00"], true, AfterLastCutoff::Reject)
}

fn card() -> CutoffPolicy {
    policy(&["24:00"], true, AfterLastCutoff::Reject)
}

/// An answer as one line: window, cancel-before, origination date; or reason and earliest date.
fn answer(policy: &CutoffPolicy, at: &str, on: &str) -> String {
    match place(policy, &Calendar::default(), instant(at), date(on)) {
        Ok(slot) => {
            assert_eq!(slot.effective_date, date(on));
            let cutoff = slot.cutoff_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
            format!("{} < {} eed {}", slot.window, cutoff, slot.origination_date)
        }
        Err(refusal) => format!("{} earliest {}", refusal.reason(), refusal.earliest_date()),
    }
}

#[test]
fn every_worked_vector_holds() {
    let vectors = [
        ("2026-03-03T14:00:00Z", "2026-03-03", "15:00 < 2026-03-03T20:00:00Z eed 2026-03-04"),
        ("2026-03-03T19:59:59.999Z", "2026-03-03", "15:00 < 2026-03-03T20:00:00Z eed 2026-03-04"),
        ("2026-03-03T20:00:00Z", "2026-03-03", "18:00 < 2026-03-03T23:00:00Z eed 2026-03-04"),
        ("2026-03-03T22:59:59.999Z", "2026-03-03", "18:00 < 2026-03-03T23:00:00Z eed 2026-03-04"),
        ("2026-03-03T23:00:00Z", "2026-03-03", "CUTOFF_PASSED earliest 2026-03-04"),
        ("2026-03-03T23:00:00Z", "2026-03-04", "15:00 < 2026-03-04T20:00:00Z eed 2026-03-05"),
        ("2026-03-04T04:59:59Z", "2026-03-03", "CUTOFF_PASSED earliest 2026-03-04"),
        ("2026-03-04T01:00:00Z", "2026-03-07", "15:00 < 2026-03-07T20:00:00Z eed 2026-03-09"),
        ("2026-03-03T14:00:00Z", "2026-03-08", "15:00 < 2026-03-08T19:00:00Z eed 2026-03-09"),
        ("2026-03-07T15:00:00Z", "2026-03-07", "15:00 < 2026-03-07T20:00:00Z eed 2026-03-09"),
        ("2026-03-07T20:00:00Z", "2026-03-07", "18:00 < 2026-03-07T23:00:00Z eed 2026-03-09"),
        ("2026-03-07T23:00:00Z", "2026-03-07", "24:00 < 2026-03-08T05:00:00Z eed 2026-03-09"),
        ("2026-03-08T18:59:59Z", "2026-03-08", "15:00 < 2026-03-08T19:00:00Z eed 2026-03-09"),
        ("2026-03-08T19:00:00Z", "2026-03-08", "18:00 < 2026-03-08T22:00:00Z eed 2026-03-09"),
        ("2026-11-01T19:59:59Z", "2026-11-01", "15:00 < 2026-11-01T20:00:00Z eed 2026-11-02"),
        ("2026-06-19T20:00:00Z", "2026-06-19", "18:00 < 2026-06-19T22:00:00Z eed 2026-06-22"),
        ("2026-06-19T22:30:00Z", "2026-06-19", "24:00 < 2026-06-20T04:00:00Z eed 2026-06-22"),
        ("2026-07-03T23:00:00Z", "2026-07-03", "CUTOFF_PASSED earliest 2026-07-04"),
        ("2026-11-26T00:00:00Z", "2026-11-26", "15:00 < 2026-11-26T20:00:00Z eed 2026-11-27"),
        ("2027-07-05T22:00:00Z", "2027-07-05", "24:00 < 2027-07-06T04:00:00Z eed 2027-07-06"),
        ("2026-03-03T14:00:00Z", "2026-03-02", "DATE_IN_PAST earliest 2026-03-03"),
        ("2026-03-03T14:00:00Z", "2027-03-03", "15:00 < 2027-03-03T20:00:00Z eed 2027-03-04"),
        ("2026-03-03T14:00:00Z", "2027-03-04", "DATE_TOO_FAR earliest 2026-03-03"),
    ];
    for (at, on, expected) in vectors {
        assert_eq!(answer(&auto(), at, on), expected, "{at} for {on}");
    }
}

#[test]
fn every_row_of_the_decision_table_holds() {
    let rows = [
        (1, "2026-03-03T15:00:00Z", "2026-03-03", "15:00 < 2026-03-03T20:00:00Z eed 2026-03-04"),
        (
            2,
            "2026-03-03T20:00:00.000Z",
            "2026-03-03",
            "18:00 < 2026-03-03T23:00:00Z eed 2026-03-04",
        ),
        (3, "2026-03-03T21:00:00Z", "2026-03-03", "18:00 < 2026-03-03T23:00:00Z eed 2026-03-04"),
        (4, "2026-03-03T23:00:00.001Z", "2026-03-03", "CUTOFF_PASSED earliest 2026-03-04"),
        (5, "2026-03-03T23:30:00Z", "2026-03-05", "15:00 < 2026-03-05T20:00:00Z eed 2026-03-06"),
        (6, "2026-03-03T15:00:00Z", "2026-03-06", "15:00 < 2026-03-06T20:00:00Z eed 2026-03-09"),
        (7, "2026-03-03T15:00:00Z", "2026-03-07", "15:00 < 2026-03-07T20:00:00Z eed 2026-03-09"),
        (8, "2026-03-03T15:00:00Z", "2026-05-25", "15:00 < 2026-05-25T19:00:00Z eed 2026-05-26"),
        (9, "2026-05-25T13:00:00Z", "2026-05-25", "15:00 < 2026-05-25T19:00:00Z eed 2026-05-26"),
        (10, "2026-05-25T19:00:00Z", "2026-05-25", "18:00 < 2026-05-25T22:00:00Z eed 2026-05-26"),
        (
            11,
            "2026-05-26T03:59:59.999Z",
            "2026-05-25",
            "24:00 < 2026-05-26T04:00:00Z eed 2026-05-26",
        ),
        (12, "2026-03-03T23:30:00Z", "2026-03-02", "DATE_IN_PAST earliest 2026-03-04"),
        (13, "2026-03-03T23:30:00Z", "2027-03-04", "DATE_TOO_FAR earliest 2026-03-04"),
        (
            15,
            "2026-11-01T22:59:59.999Z",
            "2026-11-01",
            "18:00 < 2026-11-01T23:00:00Z eed 2026-11-02",
        ),
        (15, "2026-11-01T23:00:00Z", "2026-11-01", "24:00 < 2026-11-02T05:00:00Z eed 2026-11-02"),
        (15, "2026-03-08T22:00:00Z", "2026-03-08", "24:00 < 2026-03-09T04:00:00Z eed 2026-03-09"),
    ];
    for (row, at, on, expected) in rows {
        assert_eq!(answer(&auto(), at, on), expected, "row {row}: {at} for {on}");
    }
}

#[test]
fn the_hour_that_happens_twice_is_one_date() {
    for at in ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"] {
        assert_eq!(
            answer(&auto(), at, "2026-11-01"),
            "15:00 < 2026-11-01T20:00:00Z eed 2026-11-02"
        );
    }
}

#[test]
fn a_customer_out_west_is_a_day_ahead_in_new_york() {
    let half_past_nine_pacific = "2026-03-03T21:30:00-08:00";
    assert_eq!(
        answer(&auto(), half_past_nine_pacific, "2026-03-03"),
        "DATE_IN_PAST earliest 2026-03-04"
    );
}

#[test]
fn a_card_is_credited_the_same_day_until_midnight() {
    let vectors = [
        ("2026-03-03T14:00:00Z", "2026-03-03", "24:00 < 2026-03-04T05:00:00Z eed 2026-03-04"),
        ("2026-03-04T04:59:59.999Z", "2026-03-03", "24:00 < 2026-03-04T05:00:00Z eed 2026-03-04"),
        ("2026-03-04T05:00:00Z", "2026-03-03", "DATE_IN_PAST earliest 2026-03-04"),
        ("2026-03-07T23:00:00Z", "2026-03-07", "24:00 < 2026-03-08T05:00:00Z eed 2026-03-09"),
        ("2026-03-03T14:00:00Z", "2026-03-08", "24:00 < 2026-03-09T04:00:00Z eed 2026-03-09"),
    ];
    for (at, on, expected) in vectors {
        assert_eq!(answer(&card(), at, on), expected, "{at} for {on}");
    }
}

#[test]
fn both_switches_decide_the_evening() {
    let closed_weekend = policy(&["15:00", "18:00"], false, AfterLastCutoff::Reject);
    assert_eq!(
        answer(&closed_weekend, "2026-03-07T23:00:00Z", "2026-03-07"),
        "CUTOFF_PASSED earliest 2026-03-08"
    );
    let open_evening = policy(&["15:00", "18:00"], false, AfterLastCutoff::EndOfDay);
    assert_eq!(
        answer(&open_evening, "2026-03-03T23:00:00Z", "2026-03-03"),
        "24:00 < 2026-03-04T05:00:00Z eed 2026-03-04"
    );
    assert_eq!(
        answer(&open_evening, "2026-03-07T23:00:00Z", "2026-03-07"),
        "CUTOFF_PASSED earliest 2026-03-08"
    );
}

#[test]
fn a_refusal_knows_when_the_last_window_closed() {
    let refusal =
        place(&auto(), &Calendar::default(), instant("2026-07-03T23:00:00Z"), date("2026-07-03"));
    assert_eq!(
        refusal,
        Err(CutoffRefusal::CutoffPassed {
            requested: date("2026-07-03"),
            last_cutoff_at: instant("2026-07-03T22:00:00Z"),
            earliest_date: date("2026-07-04"),
        })
    );
}

#[test]
fn a_day_lists_its_windows() {
    let windows = |policy: &CutoffPolicy, day: &str| -> Vec<String> {
        let found = windows_of(policy, &Calendar::default(), date(day));
        found.iter().map(Window::to_string).collect()
    };
    assert_eq!(windows(&auto(), "2026-07-03"), ["15:00", "18:00"]);
    assert_eq!(windows(&auto(), "2026-07-04"), ["15:00", "18:00", "24:00"]);
    assert_eq!(windows(&card(), "2026-07-04"), ["24:00"]);
}

#[test]
fn a_policy_without_an_order_or_a_horizon_cannot_be_built() {
    let parse = |json: &str| serde_json::from_str::<CutoffPolicy>(json);
    let with = |cutoffs: &str, days: u16| {
        format!(
            r#"{{"cutoffs":{cutoffs},"nonbanking_end_of_day":true,"after_last_cutoff":"reject","max_days_ahead":{days}}}"#
        )
    };
    assert_eq!(parse(&with(r#"["15:00","18:00"]"#, 365)).unwrap(), auto());
    for cutoffs in ["[]", r#"["18:00","15:00"]"#, r#"["15:00","15:00"]"#, r#"["3 pm"]"#] {
        assert!(parse(&with(cutoffs, 365)).is_err(), "{cutoffs}");
    }
    assert!(parse(&with(r#"["15:00"]"#, 0)).is_err());
}

#[test]
fn summer_time_is_known_far_ahead() {
    let three = "15:00".parse().unwrap();
    for (day, expected) in [
        ("2037-07-01", "2037-07-01T19:00:00Z"),
        ("2038-07-01", "2038-07-01T19:00:00Z"),
        ("2099-07-01", "2099-07-01T19:00:00Z"),
        ("2099-01-05", "2099-01-05T20:00:00Z"),
    ] {
        assert_eq!(instant_of(date(day), three), instant(expected), "{day}");
    }
}

#[test]
fn a_cutoff_in_a_skipped_or_doubled_hour_is_an_instant_all_the_same() {
    let half_past = |hour: &str| format!("{hour}:30").parse::<Window>().unwrap();
    assert_eq!(instant_of(date("2026-03-08"), half_past("02")), instant("2026-03-08T07:30:00Z"));
    assert_eq!(instant_of(date("2026-11-01"), half_past("01")), instant("2026-11-01T06:30:00Z"));
}

#[test]
fn the_ends_of_time_are_answered() {
    let dates = [NaiveDate::MIN, date("0001-01-01"), date("9999-12-31"), NaiveDate::MAX];
    let instants = [
        DateTime::<Utc>::MIN_UTC,
        instant("0001-01-01T00:00:00Z"),
        instant("9999-12-31T23:59:59.999Z"),
        DateTime::<Utc>::MAX_UTC,
    ];
    for policy in [auto(), card()] {
        for at in instants {
            for on in dates {
                let answer = place(&policy, &Calendar::default(), at, on);
                assert!(answer.is_err() || answer.is_ok_and(|slot| slot.effective_date == on));
            }
        }
    }
    assert!(!tz_database_version().is_empty());
}

fn policies() -> impl Strategy<Value = CutoffPolicy> {
    let after = prop_oneof![Just(AfterLastCutoff::Reject), Just(AfterLastCutoff::EndOfDay)];
    (any::<bool>(), any::<bool>(), after).prop_map(|(is_card, end_of_day, after)| {
        let cutoffs: &[&str] = if is_card { &["24:00"] } else { &["15:00", "18:00"] };
        policy(cutoffs, end_of_day, after)
    })
}

/// Instants of the years 1990 to 2090, half of them within two milliseconds of an hour.
fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    let hours = 175_320_i64..1_052_000;
    let offset = prop_oneof![-2_i64..=2, 0_i64..3_600_000];
    (hours, offset).prop_map(|(hours, millis)| {
        DateTime::UNIX_EPOCH + Duration::hours(hours) + Duration::milliseconds(millis)
    })
}

proptest! {
    #[test]
    fn an_accepted_instruction_is_open_and_keeps_its_date(
        policy in policies(), at in instants(), days in -3_i64..370,
    ) {
        let calendar = Calendar::default();
        let requested = eastern_date(at) + Duration::days(days);
        if let Ok(slot) = place(&policy, &calendar, at, requested) {
            prop_assert!(slot.cutoff_at > at);
            prop_assert_eq!(slot.effective_date, requested);
            prop_assert!(slot.origination_date > requested);
            prop_assert!(calendar.is_banking_day(slot.origination_date));
            prop_assert!(windows_of(&policy, &calendar, requested).contains(&slot.window));
            let before = slot.cutoff_at - Duration::milliseconds(1);
            prop_assert_eq!(eastern_date(before), requested);
        }
    }

    #[test]
    fn the_earliest_date_of_a_refusal_is_the_first_that_is_accepted(
        policy in policies(), at in instants(), days in -3_i64..370,
    ) {
        let calendar = Calendar::default();
        let today = eastern_date(at);
        if let Err(refusal) = place(&policy, &calendar, at, today + Duration::days(days)) {
            let earliest = refusal.earliest_date();
            prop_assert!(place(&policy, &calendar, at, earliest).is_ok());
            let mut sooner = today;
            while sooner < earliest {
                prop_assert!(place(&policy, &calendar, at, sooner).is_err());
                sooner = sooner.succ_opt().unwrap();
            }
        }
    }
}

#[test]
fn the_release_of_the_tz_database_is_a_year_and_a_letter() {
    let version = tz_database_version();
    let (year, letter) = version.split_at(4);
    assert!(year.parse::<u32>().is_ok_and(|year| year >= 2024), "{version}");
    assert_eq!(letter.len(), 1, "{version}");
}
