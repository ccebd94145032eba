//! `payledger reconcile`: what the ledger makes of somebody else's records, next to theirs.

use std::io::{self, Write};

use ledger::causes::with_causes;
use serde::Serialize;
use serde_json::json;

use super::CliError;
use super::filings::{FILES, Files, all_read};
use super::output::{
    Output, tell, write_columns, write_csv, write_json, write_json_line, write_table,
};
use crate::absee::reader::Rejected;
use crate::absee::reconciliation::{Mode, Question, Reason, Row, Status, reconcile};
use crate::absee::replay::issuers_rules;
use crate::absee::summary::Summary;

/// What is reconciled.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Replays real auto loans from the SEC's asset-level data and compares interest, principal,
    /// end balance and days past due with what was reported, loan by loan and month by month.
    ///
    /// Needs no server: the ledger's own code decides every command. Each month is boarded from the
    /// report of the month before it; then its payment, extension, rate change, adjustment or
    /// charge-off is played as ordinary commands. Nothing is copied from what it is compared with.
    /// What filings leave out is inferred from the interest they report: where interest counts
    /// from when an earlier payment was not made on its reported day, and the remainder below a
    /// cent. The month itself and later ones help to choose; --no-hindsight infers from earlier
    /// months alone. With --output csv the answer is the months, and the summary goes to standard
    /// error.
    #[command(after_help = format!("{FILES}\n\n{EXAMPLES}"))]
    AbsEe(Box<AbsEe>),
}

const EXAMPLES: &str = "\
Examples:
  payledger reconcile abs-ee 2017-*.xml --output json
  payledger reconcile abs-ee months.csv --search-dates --only-differences --output table";

/// See [`Verb::AbsEe`].
#[derive(Debug, clap::Args)]
pub struct AbsEe {
    /// The files.
    #[command(flatten)]
    pub files: Files,
    /// Board every month again, which isolates it, or once, which shows how far a loan drifts.
    #[arg(long, value_enum, default_value_t)]
    pub mode: Mode,
    /// Try other days of the month, or two payments, where the reported day does not give the
    /// reported interest.
    #[arg(long)]
    pub search_dates: bool,
    /// Infer the day from which a month's interest counts without that month and later ones.
    #[arg(long, conflicts_with = "search_dates")]
    pub no_hindsight: bool,
    /// Show only months in which something differs.
    #[arg(long)]
    pub only_differences: bool,
}

/// The answer as one document.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    mode: Mode,
    search_dates: bool,
    hindsight: bool,
    #[serde(flatten)]
    summary: &'a Summary,
    rejected: usize,
    rejected_rows: &'a [Rejected],
    loan_months: &'a [Row],
}

/// Reads, replays, compares, and writes.
pub fn run(verb: &Verb, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let Verb::AbsEe(args) = verb;
    let (loans, rejected) = args.files.read()?;
    let rules = issuers_rules().map_err(|error| CliError::Integrity(with_causes(&error)))?;
    let question = Question {
        mode: args.mode,
        search_dates: args.search_dates,
        hindsight: !args.no_hindsight,
        rules,
    };
    let mut rows: Vec<Row> = loans.iter().flat_map(|loan| reconcile(loan, &question)).collect();
    let summary = Summary::of(&loans, &rows);
    if args.only_differences {
        rows.retain(differs);
    }
    let answer = Answer {
        mode: args.mode,
        search_dates: args.search_dates,
        hindsight: !args.no_hindsight,
        summary: &summary,
        rejected: rejected.len(),
        rejected_rows: &rejected,
        loan_months: &rows,
    };
    write_answer(out, &answer, form).map_err(CliError::output())?;
    all_read(&rejected)
}

fn differs(row: &Row) -> bool {
    let replayed = matches!(row.status, Status::Compared | Status::NoPayment);
    replayed && (!row.exact || row.days_match == Some(false))
}

fn write_answer(out: &mut impl Write, answer: &Answer<'_>, form: Output) -> io::Result<()> {
    match form {
        Output::Json => write_json(out, answer),
        Output::Jsonl => {
            for row in answer.loan_months {
                write_json_line(out, row)?;
            }
            write_json_line(out, &json!({"summary": answer.summary, "rejected": answer.rejected}))
        }
        Output::Csv => {
            for [name, value] in lines(answer) {
                tell(&format!("{name}: {value}"));
            }
            write_csv(out, &CSV_HEADING, answer.loan_months.iter().map(record))
        }
        Output::Table => {
            let cells = answer.loan_months.iter().map(cells).collect();
            write_columns(out, HEADING, cells)?;
            write_table(out, ["reconciliation", ""], lines(answer))
        }
    }
}

const HEADING: &[&str] = &[
    "asset",
    "month",
    "paid on",
    "interest",
    "reported",
    "principal",
    "reported",
    "end balance",
    "reported",
    "past due",
    "reported",
    "reason",
];

fn cells(row: &Row) -> Vec<String> {
    let none = String::new;
    let word = |value: serde_json::Value| value.as_str().map_or_else(none, str::to_owned);
    let mut cells = vec![
        row.asset.clone(),
        row.month.format("%Y-%m").to_string(),
        row.payment_day.map_or_else(none, |day| day.to_string()),
    ];
    let reported = row.reported;
    for (ours, reported) in [
        (row.ours.map(|ours| ours.interest), reported.interest),
        (row.ours.map(|ours| ours.principal), reported.principal),
        (row.ours.map(|ours| ours.end_balance), reported.end_balance),
    ] {
        cells.extend([ours.map_or_else(none, |ours| ours.to_string()), reported.to_string()]);
    }
    cells.push(row.ours.map_or_else(none, |ours| ours.days_past_due.to_string()));
    cells.push(reported.days_past_due.to_string());
    cells.push(match (row.reason, &row.refused) {
        (_, Some(refused)) => format!("refused: {refused}"),
        (Some(reason), None) if row.status == Status::Compared => reason.as_str().to_owned(),
        _ => word(json!(row.status)),
    });
    cells
}

/// A month as a record: the cells of the table with the judgements, and names as in JSON.
fn record(row: &Row) -> Vec<String> {
    let mut record = cells(row);
    // The reason has a column of its own here.
    record.truncate(11);
    record.insert(2, json!(row.status).as_str().unwrap_or_default().to_owned());
    record.push(row.exact.to_string());
    record.push(row.within_one_cent.to_string());
    record.push(row.days_match.map_or_else(String::new, |matches| matches.to_string()));
    record.push(row.reason.map_or("", Reason::as_str).to_owned());
    record
}

const CSV_HEADING: [&str; 16] = [
    "asset",
    "month",
    "status",
    "payment_day",
    "interest",
    "reported_interest",
    "principal",
    "reported_principal",
    "end_balance",
    "reported_end_balance",
    "days_past_due",
    "reported_days_past_due",
    "exact",
    "within_one_cent",
    "days_match",
    "reason",
];

/// The summary for people.
fn lines(answer: &Answer<'_>) -> Vec<[String; 2]> {
    let sum = answer.summary;
    let share = |part: usize, percent: &dyn std::fmt::Display| format!("{part} ({percent} %)");
    let line = |name: &str, value: String| [name.to_owned(), value];
    let mut lines = vec![
        line("loans", sum.loans.to_string()),
        line("loan-months", sum.rows.to_string()),
        line("rows set aside", answer.rejected.to_string()),
        line(
            "identities",
            format!(
                "{} of {} rows hold",
                sum.identities_checked.saturating_sub(sum.identities_broken),
                sum.identities_checked
            ),
        ),
        line("months with a payment, replayed", sum.months.to_string()),
        line("exact", share(sum.exact, &sum.exact_percent)),
        line("within one cent", share(sum.within_one_cent, &sum.within_one_cent_percent)),
        line("days past due compared", sum.dpd_months.to_string()),
        line("days past due the same", share(sum.dpd_match, &sum.dpd_match_percent)),
    ];
    let reasons =
        sum.reasons.iter().map(|(reason, count)| line(&format!("  {reason}"), count.to_string()));
    lines.extend(reasons);
    if sum.whole_days.months > 0 {
        let whole = sum.whole_days;
        lines.push(line(
            "first months: whole days give the interest",
            format!("{} of {}", whole.fit, whole.months),
        ));
    }
    lines
}

#[cfg(test)]
mod tests;
