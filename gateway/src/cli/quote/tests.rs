//! Schedules as the command line prints them, and questions without an answer.

use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::cli::args::{Cli, Command};

fn verb(flags: &str) -> Result<Verb, clap::Error> {
    let words = ["payledger", "quote", "schedule"].into_iter().chain(flags.split_whitespace());
    let Command::Quote(verb) = Cli::try_parse_from(words)?.command else {
        panic!("another command");
    };
    Ok(verb)
}

fn written(flags: &str, form: Output) -> String {
    let mut out = Vec::new();
    run(&verb(flags).unwrap(), form, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn quoted(flags: &str) -> Value {
    serde_json::from_str(&written(flags, Output::Json)).unwrap()
}

const DAILY: &str = "--principal 25000 --annual-rate 0.069 --instalment-count 60 \
                     --contract-date 2026-01-15 --first-due-date 2026-03-01 \
                     --day-count-basis actual/365-366";
const LEASE: &str = "--product lease --base 362.00 --tax 27 --term 3 --first-due 2026-01-31";

#[test]
fn a_contract_with_an_odd_first_period_is_quoted_to_the_cent() {
    let schedule = quoted(DAILY);
    assert_eq!(schedule["payment"], "495.31");
    let instalments = schedule["instalments"].as_array().unwrap();
    assert_eq!(instalments.len(), 60);
    assert_eq!(
        instalments[0],
        json!({
            "number": 1,
            "due_date": "2026-03-01",
            "days": 45,
            "payment": "495.31",
            "interest": "212.67",
            "principal": "282.64",
            "balance": "24717.36",
        })
    );
    assert_eq!(instalments[59]["payment"], "495.12");
    assert_eq!(instalments[59]["balance"], "0.00");
    let fields: Vec<_> = schedule.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["instalments", "payment", "total_interest"]);
}

#[test]
fn a_payment_that_is_given_leaves_a_balloon() {
    let schedule = quoted(&format!("{DAILY} --payment 493.85"));
    assert_eq!(schedule["payment"], "493.85");
    assert_eq!(schedule["instalments"][59]["payment"], "597.98");
}

#[test]
fn a_month_of_thirty_days_goes_by_either_name() {
    let terms = "--product personal --principal 1200 --rate 0.12 --term 6 \
                 --contract-date 2026-01-15 --first-due 2026-02-15 --basis";
    for name in ["30/360", "thirty_360"] {
        let schedule = quoted(&format!("{terms} {name}"));
        assert_eq!(schedule["payment"], "207.06");
        assert_eq!(schedule["total_interest"], "42.35");
        assert_eq!(schedule["instalments"][5]["payment"], "207.05");
    }
}

#[test]
fn a_lease_is_quoted_without_interest() {
    let schedule = quoted(&format!("{LEASE} --day-of-month 31"));
    let rental = |number: u32, due_date: &str| {
        json!({
            "number": number,
            "due_date": due_date,
            "payment": "389.00",
            "base": "362.00",
            "tax": "27.00",
        })
    };
    assert_eq!(
        schedule,
        json!({
            "payment": "389.00",
            "total_base": "1086.00",
            "total_tax": "81.00",
            "instalments": [
                rental(1, "2026-01-31"),
                rental(2, "2026-02-28"),
                rental(3, "2026-03-31"),
            ],
        })
    );
    let without_tax = quoted("--product lease --base 362 --term 1 --first-due 2026-01-31");
    assert_eq!(without_tax["instalments"][0]["tax"], "0.00");
}

#[test]
fn json_lines_are_one_instalment_a_line_and_a_table_has_the_totals() {
    let lines = written(DAILY, Output::Jsonl);
    assert_eq!(lines.lines().count(), 60);
    assert!(lines.starts_with(r#"{"number":1,"due_date":"2026-03-01","days":45,"#), "{lines}");
    let table = written(DAILY, Output::Table);
    for text in ["balance", "24717.36", "total_interest", "495.31"] {
        assert!(table.contains(text), "{text} in {table}");
    }
    assert!(written(LEASE, Output::Table).contains("total_tax"));
}

#[test]
fn half_a_contract_is_wrong_usage() {
    for flags in [
        "",
        "--term 60 --first-due 2026-03-01 --principal 25000",
        "--term 60 --first-due 2026-03-01 --principal 25000 --rate 0.069",
        &format!("{DAILY} --base 362"),
        &format!("{LEASE} --principal 25000"),
        "--product lease --tax 27 --term 36 --first-due 2026-03-01",
        &DAILY.replace("60", "0"),
        &DAILY.replace("60", "601"),
        &DAILY.replace("actual/365-366", "30/365"),
        &format!("{DAILY} --day-of-month 32"),
        &format!("{DAILY} --product boat"),
    ] {
        assert_eq!(verb(flags).unwrap_err().exit_code(), 2, "{flags}");
    }
}

#[test]
fn a_contract_that_makes_no_sense_is_refused_by_its_field() {
    for (flags, field) in [
        (DAILY.replace("25000", "-1"), "loan.principal"),
        (DAILY.replace("25000", "0"), "loan.principal"),
        (DAILY.replace("25000", "1.005"), "loan.principal"),
        (DAILY.replace("25000", "100000000"), "loan.principal"),
        (DAILY.replace("0.069", "-0.01"), "loan.annual_rate"),
        (DAILY.replace("0.069", "6.9%"), "loan.annual_rate"),
        (DAILY.replace("0.069", "10"), "loan.annual_rate"),
        (DAILY.replace("2026-01-15", "2026-03-01"), "first_due_date"),
        (DAILY.replace("2026-01-15", "1926-01-15"), "first_due_date"),
        (DAILY.replace("2026-01-15", "2026-02-30"), "loan.contract_date"),
        (DAILY.replace("2026-03-01", "2026-3-1"), "first_due_date"),
        (DAILY.replace("2026-03-01", "9999-03-01"), "first_due_date"),
        (format!("{DAILY} --day-of-month 2"), "day_of_month"),
        (format!("{DAILY} --payment 0"), "loan.payment"),
        (format!("{LEASE} --day-of-month 30"), "day_of_month"),
        (LEASE.replace("27", "-27"), "lease.tax"),
        (LEASE.replace("362.00", "0"), "lease.base"),
        (LEASE.replace("lease", "card"), "a credit card"),
        (LEASE.replace("lease", "auto"), "a loan needs"),
        (DAILY.to_owned() + " --product lease", "a lease needs"),
    ] {
        let error = run(&verb(&flags).unwrap(), Output::Json, &mut Vec::new()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{flags}");
        assert!(error.to_string().starts_with(field), "{flags}: {error}");
    }
}
