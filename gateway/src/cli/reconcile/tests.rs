//! The real loans that ship with the project, replayed as the command line does it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde_json::Value;

use super::*;
use crate::cli::args::{Cli, Command};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("portfolio/abs-ee").join(name)
}

fn ran(file: &Path, flags: &str, form: Output) -> (String, Result<(), CliError>) {
    let file = file.display().to_string();
    let words = ["payledger", "reconcile", "abs-ee", &file];
    let cli = Cli::try_parse_from(words.into_iter().chain(flags.split_whitespace())).unwrap();
    let Command::Reconcile(verb) = cli.command else { panic!("another command") };
    let mut out = Vec::new();
    let ended = run(&verb, form, &mut out);
    (String::from_utf8(out).unwrap(), ended)
}

fn answer(flags: &str) -> Value {
    let (text, ended) = ran(&shipped("amcar.csv"), flags, Output::Json);
    ended.unwrap();
    serde_json::from_str(&text).unwrap()
}

fn rows(answer: &Value) -> BTreeMap<(String, String), &Value> {
    let key = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = answer["loan_months"].as_array().unwrap();
    rows.iter().map(|row| ((key(row, "asset"), key(row, "month")), row)).collect()
}

/// 2,195.32 at 14.49 % from 28 August to 15 December 2017 is 109 days and 94.99.
#[test]
fn a_payment_after_109_days_pays_the_interest_of_109_days() {
    let answer = answer("");
    let rows = rows(&answer);
    let row = rows[&("0001694010 - 000088".to_owned(), "2017-12-31".to_owned())];
    assert_eq!(row["payment_day"], "2017-12-15");
    let ours = &row["ours"];
    assert_eq!((&ours["interest"], &ours["principal"]), (&json!("94.99"), &json!("40.01")));
    assert_eq!(ours["end_balance"], "2155.31");
    assert_eq!((&row["exact"], &row["reason"]), (&json!(true), &json!("exact")));
}

#[test]
fn months_that_a_daily_ledger_is_known_to_give_are_exact() {
    let answer = answer("");
    let rows = rows(&answer);
    let mut known = csv::Reader::from_path(shipped("amcar-exact.csv")).unwrap();
    let mut count = 0;
    for record in known.records().map(Result::unwrap) {
        let date = chrono::NaiveDate::parse_from_str(&record[1], "%m-%d-%Y").unwrap();
        let row = rows[&(record[0].to_owned(), date.to_string())];
        assert_eq!(row["exact"], true, "{row}");
        assert_eq!(row["ours"]["interest"], record[2], "{row}");
        count += 1;
    }
    assert_eq!(count, 66);
}

#[test]
fn the_summary_adds_up_and_every_difference_has_a_reason() {
    let answer = answer("");
    assert_eq!(answer["identities_hold"], true);
    let number = |name: &str| answer[name].as_u64().unwrap();
    assert!(number("within_one_cent") * 100 >= number("months") * 65, "{answer}");
    assert!(number("dpd_match") * 100 >= number("dpd_months") * 95, "{answer}");
    let compared: Vec<_> =
        rows(&answer).into_values().filter(|row| row["status"] == "compared").collect();
    assert_eq!(u64::try_from(compared.len()), Ok(number("months")));
    let reasons: BTreeMap<String, u64> =
        compared.into_iter().fold(BTreeMap::new(), |mut counts, row| {
            *counts.entry(row["reason"].as_str().unwrap().to_owned()).or_default() += 1;
            counts
        });
    assert_eq!(answer["reasons"], json!(reasons));
    assert_eq!(reasons["exact"], number("exact"));
}

#[test]
fn a_search_for_the_days_explains_more_and_hindsight_is_worth_little() {
    let within = |flags: &str| answer(flags)["within_one_cent"].as_u64().unwrap();
    let (plain, searched, foreseen) =
        (within(""), within("--search-dates"), within("--no-hindsight"));
    let months = answer("")["months"].as_u64().unwrap();
    assert!(searched * 100 >= months * 81 && searched > plain, "{searched} of {months}");
    assert!(foreseen * 100 >= months * 65 && foreseen <= plain, "{foreseen} of {months}");
}

#[test]
fn a_loan_that_runs_freely_is_paid_charged_off_and_recovered() {
    let answer = answer("--mode free-running");
    let rows = rows(&answer);
    let row = |month: &str| rows[&("0001801390 - 046612".to_owned(), month.to_owned())];
    assert_eq!(row("2020-06-30")["ours"]["end_balance"], "0.00");
    assert_eq!(row("2020-09-30")["status"], "recovery");
    assert_eq!(answer["identities_hold"], true);
}

#[test]
fn a_filing_as_it_is_filed_is_read() {
    let (text, ended) = ran(&shipped("one-record.xml"), "", Output::Jsonl);
    ended.unwrap();
    let row: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(row["asset"], "0001963240 - 000023");
    assert_eq!(row["reported"]["end_balance"], "3717.93");
    assert_eq!((&row["status"], &row["reported_hold"]), (&json!("boarded"), &json!(true)));
}

#[test]
fn a_bad_row_is_told_and_the_rest_is_reconciled() {
    let text = std::fs::read_to_string(shipped("amcar.csv")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let spoilt = text.replacen(",94.99,", ",94.999,", 1);
    std::fs::write(file.path(), spoilt).unwrap();
    let (text, ended) = ran(file.path(), "", Output::Json);
    let error = ended.unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (1, "1 rows were set aside"));
    let answer: Value = serde_json::from_str(&text).unwrap();
    let rejected = &answer["rejected_rows"][0];
    assert_eq!(rejected["asset"], "0001694010 - 000088");
    assert!(rejected["reason"].as_str().unwrap().starts_with("actualInterestCollectedAmount: "));
    assert!(answer["months"].as_u64().unwrap() > 60);
}

#[test]
fn all_forms_show_the_same_months() {
    let file = shipped("amcar.csv");
    let table = ran(&file, "--only-differences", Output::Table).0;
    assert!(table.contains("payoff_without_date") && table.contains("rows hold"), "{table}");
    assert!(!table.contains("2017-12-15"), "an exact month is no difference");
    let csv = ran(&file, "--csv", Output::Table).0;
    let lines = answer("")["rows"].as_u64().unwrap() + 1;
    assert_eq!(u64::try_from(csv.lines().count()), Ok(lines));
    let known = "0001694010 - 000088,2017-12,compared,2017-12-15,94.99,94.99,40.01,40.01,";
    assert!(csv.contains(known), "{csv}");
}
