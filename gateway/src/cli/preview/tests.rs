//! The worked vectors of domain rule 1.3 as the command line prints them, and rubbish.

use super::*;
use clap::Parser as _;
use serde_json::{Value, json};

#[derive(Debug, clap::Parser)]
struct Command {
    #[command(flatten)]
    args: PreviewArgs,
    #[arg(long, value_enum, default_value = "json")]
    output: Output,
}

fn run_with(flags: &[&str]) -> String {
    let command = Command::try_parse_from([&["preview"], flags].concat()).unwrap();
    let mut out = Vec::new();
    run(&command.args, command.output, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn preview(product: &str, at: &str, date: &str) -> Value {
    let flags = ["--product", product, "--at-time", at, "--payment-date", date, "--output", "json"];
    serde_json::from_str(&run_with(&flags)).unwrap()
}

fn lines(input: &[u8]) -> Vec<Value> {
    let mut out = Vec::new();
    answer_lines(&Rulebook::built_in(), BufReader::new(input), "input", &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const VECTORS: &[(&str, &str, &str)] = &[
    ("2026-03-03T09:00:00-05:00", "2026-03-03", "15:00 2026-03-03T20:00:00Z 2026-03-04"),
    ("2026-03-03T14:59:59.999-05:00", "2026-03-03", "15:00 2026-03-03T20:00:00Z 2026-03-04"),
    ("2026-03-03T15:00:00.000-05:00", "2026-03-03", "18:00 2026-03-03T23:00:00Z 2026-03-04"),
    ("2026-03-03T17:59:59.999-05:00", "2026-03-03", "18:00 2026-03-03T23:00:00Z 2026-03-04"),
    ("2026-03-03T18:00:00.000-05:00", "2026-03-03", "CUTOFF_PASSED 2026-03-04"),
    ("2026-03-03T23:00:00Z", "2026-03-04", "15:00 2026-03-04T20:00:00Z 2026-03-05"),
    ("2026-03-04T04:59:59Z", "2026-03-03", "CUTOFF_PASSED 2026-03-04"),
    ("2026-03-04T01:00:00Z", "2026-03-07", "15:00 2026-03-07T20:00:00Z 2026-03-09"),
    ("2026-03-03T14:00:00Z", "2026-03-08", "15:00 2026-03-08T19:00:00Z 2026-03-09"),
    ("2026-03-07T15:00:00Z", "2026-03-07", "15:00 2026-03-07T20:00:00Z 2026-03-09"),
    ("2026-03-07T20:00:00Z", "2026-03-07", "18:00 2026-03-07T23:00:00Z 2026-03-09"),
    ("2026-03-07T18:00:00-05:00", "2026-03-07", "24:00 2026-03-08T05:00:00Z 2026-03-09"),
    ("2026-03-08T18:59:59Z", "2026-03-08", "15:00 2026-03-08T19:00:00Z 2026-03-09"),
    ("2026-03-08T15:00:00-04:00", "2026-03-08", "18:00 2026-03-08T22:00:00Z 2026-03-09"),
    ("2026-11-01T14:59:59-05:00", "2026-11-01", "15:00 2026-11-01T20:00:00Z 2026-11-02"),
    ("2026-06-19T16:00:00-04:00", "2026-06-19", "18:00 2026-06-19T22:00:00Z 2026-06-22"),
    ("2026-06-19T18:30:00-04:00", "2026-06-19", "24:00 2026-06-20T04:00:00Z 2026-06-22"),
    ("2026-07-03T19:00:00-04:00", "2026-07-03", "CUTOFF_PASSED 2026-07-04"),
    ("2026-11-25T19:00:00-05:00", "2026-11-26", "15:00 2026-11-26T20:00:00Z 2026-11-27"),
    ("2027-07-05T18:00:00-04:00", "2027-07-05", "24:00 2027-07-06T04:00:00Z 2027-07-06"),
    ("2026-03-03T09:00:00-05:00", "2026-03-02", "DATE_IN_PAST 2026-03-03"),
    ("2026-03-03T09:00:00-05:00", "2027-03-03", "15:00 2027-03-03T20:00:00Z 2027-03-04"),
    ("2026-03-03T09:00:00-05:00", "2027-03-04", "DATE_TOO_FAR 2026-03-03"),
];

/// An answer's facts on one line, in the order of the vectors.
fn told(answer: &Value) -> String {
    let (of, fields): (_, &[&str]) = match answer.get("accepted") {
        Some(accepted) => (accepted, &["window", "cancel_before_time", "origination_date"]),
        None => (&answer["refused"], &["reason", "earliest_date"]),
    };
    fields.iter().map(|field| of[field].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_worked_vector_is_answered_one_by_one() {
    for product in ["auto", "lease", "personal", "personal_loan"] {
        for (at, date, expected) in VECTORS {
            let answer = preview(product, at, date);
            assert_eq!(told(&answer), *expected, "{product} {at} for {date}");
            if let Some(effective_date) = answer["accepted"].get("effective_date") {
                assert_eq!(effective_date, *date);
            }
        }
    }
}

#[test]
fn every_worked_vector_is_answered_line_by_line() {
    let questions: String = (VECTORS.iter())
        .map(|(at, date, _)| json!({"product": "auto", "at": at, "date": date}).to_string() + "\n")
        .collect();
    let answers = lines(questions.as_bytes());
    assert_eq!(answers.len(), VECTORS.len());
    for (answer, (at, date, expected)) in answers.iter().zip(VECTORS) {
        assert_eq!(told(answer), *expected, "{at} for {date}");
    }
}

#[test]
fn an_answer_has_the_shape_and_the_names_of_the_contract() {
    assert_eq!(
        preview("auto", "2026-03-03T14:59:59-05:00", "2026-03-03"),
        json!({ "accepted": {
            "window": "15:00",
            "cancel_before_time": "2026-03-03T20:00:00Z",
            "effective_date": "2026-03-03",
            "origination_date": "2026-03-04",
            "warnings": [],
        }})
    );
    let refused = preview("auto", "2026-03-03T09:00:00-05:00", "2027-03-04")["refused"].take();
    assert_eq!(refused["metadata"]["latest_date"], "2027-03-03");
    let fields: Vec<_> = refused.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["earliest_date", "message", "metadata", "reason"]);
}

#[test]
fn an_unknown_product_is_told_all_names_that_are_taken() {
    let flags = ["preview", "--product", "boat", "--at", "2026-03-03T14:00:00Z", "--date", "x"];
    let told = Command::try_parse_from(flags).unwrap_err().to_string();
    for name in ["auto_loan", "auto", "lease", "personal_loan", "personal", "credit_card", "card"] {
        assert!(
            told.contains(&format!("{name},")) || told.contains(&format!("{name}\n")),
            "{told}"
        );
        answer::product_named(name).unwrap();
    }
}

#[test]
fn a_card_is_open_until_midnight() {
    let answer = preview("card", "2026-03-03T23:59:59.999-05:00", "2026-03-03");
    assert_eq!(told(&answer), "24:00 2026-03-04T05:00:00Z 2026-03-04");
}

#[test]
fn a_date_without_meaning_is_an_answer_and_such_an_instant_wrong_usage() {
    let at = "2026-03-03T23:30:00Z";
    for date in
        ["2026-02-30", "2027-02-29", "2026-13-01", "tomorrow", "", "2026-3-3", "-1", "+2026-03-03"]
    {
        let answer = preview("auto", at, date);
        assert_eq!(told(&answer), "INVALID_DATE 2026-03-04", "{date:?}");
    }
    for at in ["2026-03-03T09:00:00", "2026-03-03", "", "now", "2026-03-03T25:00:00Z", "-5"] {
        let flags = ["preview", "--product", "auto", "--at", at, "--date", "2026-03-03"];
        let command = Command::try_parse_from(flags).unwrap();
        let error = run(&command.args, command.output, &mut Vec::new()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{at:?}");
        assert!(error.to_string().starts_with("--at-time: "), "{error}");
    }
}

#[test]
fn the_ends_of_four_digit_years_are_answered() {
    for date in ["0000-01-01", "0001-01-01", "9999-12-31"] {
        for at in ["0002-01-01T00:00:00Z", "9997-12-31T23:59:60Z"] {
            let answer = preview("auto", at, date);
            assert_eq!(answer.as_object().unwrap().len(), 1, "{at} for {date}");
        }
        for at in ["0001-12-31T23:59:59Z", "9998-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59"] {
            let line = format!(r#"{{"product":"auto","at_time":"{at}","payment_date":"{date}"}}"#);
            let answer = lines(line.as_bytes()).remove(0);
            assert_eq!(answer["refused"]["reason"], "INVALID_DATE", "{at} for {date}");
        }
    }
}

#[test]
fn every_line_is_answered_whatever_is_on_it() {
    let too_long = format!("{{\"product\":\"{}\"}}", "x".repeat(200_000));
    let input = [
        b"".as_slice(),
        b"null",
        b"{",
        b"\xff\xfe",
        br#"{"product":"auto","at":"2026-03-03T14:00:00Z"}"#,
        br#"{"product":"boat","at":"2026-03-03T14:00:00Z","date":"2026-03-03"}"#,
        too_long.as_bytes(),
        br#"{"product":"auto","at":"2026-03-03T14:00:00","date":"2026-03-03"}"#,
        br#"{"product":"auto","at_time":"2026-03-03T14:00:00Z","payment_date":"2026-03-03","i":7}"#,
    ]
    .join(b"\r\n".as_slice());
    let answers = lines(&input);
    let reasons: Vec<_> =
        answers.iter().map(|answer| answer["refused"]["reason"].as_str()).collect();
    let mut expected = vec![Some("INVALID_FIELD"); 7];
    expected.extend([Some("INVALID_DATE"), None]);
    assert_eq!(reasons, expected);
    assert!(answers[5]["refused"]["message"].as_str().unwrap().contains("boat"));
}

#[test]
fn an_input_without_lines_has_no_answers() {
    assert!(lines(b"").is_empty());
}

#[test]
fn questions_come_from_a_file_too() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let question = json!({"product": "auto", "at": "2026-03-03T14:00:00Z", "date": "2026-03-03"});
    std::fs::write(file.path(), format!("{question}\n{question}")).unwrap();
    let out = run_with(&["--input", file.path().to_str().unwrap()]);
    assert_eq!(out.lines().count(), 2);

    let missing = file.path().with_extension("missing");
    let args = Command::try_parse_from(["preview", "--input", missing.to_str().unwrap()]).unwrap();
    let error = run(&args.args, args.output, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn a_question_is_whole_or_a_usage_error() {
    for flags in [
        &["--product", "boat", "--at", "2026-03-03T14:00:00Z", "--date", "2026-03-03"][..],
        &["--product", "auto", "--date", "2026-03-03"],
        &["--input", "-", "--product", "auto"],
        &["--account", "a-1", "--product", "auto", "--date", "2026-03-03"],
        &["--account", "a-1"],
        &[],
    ] {
        assert!(Command::try_parse_from([&["preview"], flags].concat()).is_err(), "{flags:?}");
    }
}

#[test]
fn a_table_names_every_fact() {
    let flags = ["--product", "auto", "--at", "2026-03-03T14:00:00Z", "--date", "2027-03-04"];
    let table = run_with(&[&flags[..], &["--output", "table"]].concat());
    for fact in ["DATE_TOO_FAR", "latest_date", "2027-03-03", "earliest_date", "2026-03-03"] {
        assert!(table.contains(fact), "{fact} in {table}");
    }
}
