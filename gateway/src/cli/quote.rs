//! `payledger quote`: what a contract would come to, worked out from its terms without a server.

use std::io::Write;

use clap::{Args, Subcommand};
use prost_reflect::DynamicMessage;
use proto::payledger::v1 as wire;
use serde::Serialize;
use wire::quote_schedule_response::Schedule as Answer;

use super::CliError;
use super::client::call::Call;
use super::client::words;
use super::output::Output;
use super::render::message;
use super::render::view::{self, View};
use crate::convert::schedule;

/// What a table of a loan's instalments shows.
const LOAN_COLUMNS: &[&str] =
    &["number", "due_date", "days", "payment", "interest", "principal", "balance"];
/// What a table of rentals shows.
const LEASE_COLUMNS: &[&str] = &["number", "due_date", "payment", "base", "tax"];

/// What is worked out.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Shows what falls due each month of a contract, and the level payment that it takes.
    ///
    /// Without --payment the level payment is computed: where every period has 30 days of 30/360,
    /// by the annuity formula, rounded half-up, and the last payment absorbs the residue; otherwise
    /// it is the smallest payment that does not leave a larger last one. Each period's interest
    /// is rounded separately, while an account's own interest carries the fraction: they may differ
    /// by a cent here and there. JSON lines are one instalment a line.
    #[command(after_help = "Examples:
  payledger quote schedule --principal 25000 --annual-rate 0.069 --instalment-count 60 \\
    --contract-date 2026-01-15 --first-due-date 2026-03-01 --day-count-basis actual/365-366
  payledger quote schedule --product lease --base 362.00 --tax 27.00 --instalment-count 36 \\
    --first-due-date 2026-03-31")]
    Schedule(Schedule),
}

/// See [`Verb::Schedule`].
#[derive(Debug, Args)]
pub struct Schedule {
    /// The kind of the contract: a loan of either kind, or a lease.
    #[arg(long, value_parser = words::product(), default_value = "auto_loan")]
    pub product: String,
    /// The terms of a loan.
    #[command(flatten)]
    pub loan: Option<Loan>,
    /// The terms of a lease.
    #[command(flatten)]
    pub lease: Option<Lease>,
    /// The due date of the first instalment, YYYY-MM-DD.
    #[arg(long, alias = "first-due", value_name = "DATE")]
    pub first_due_date: String,
    /// The day of the month on which instalments fall due. Default: that of the first.
    #[arg(long, value_name = "DAY", value_parser = clap::value_parser!(i32).range(1..=31))]
    pub day_of_month: Option<i32>,
    /// How many instalments there are, one a month: 1 to 600.
    #[arg(
        long,
        alias = "term",
        value_name = "MONTHS",
        value_parser = clap::value_parser!(i32).range(1..=600)
    )]
    pub instalment_count: i32,
}

/// The terms of a loan.
#[derive(Debug, Args, Serialize)]
#[group(id = "loan_terms", requires_all = ["principal", "annual_rate", "contract_date"])]
pub struct Loan {
    /// What is lent, in dollars. Loans only.
    #[arg(long, required = false, allow_negative_numbers = true, value_name = "AMOUNT")]
    pub principal: String,
    /// The yearly rate as a decimal fraction: 0.069 is 6.9 %. Loans only.
    #[arg(
        long,
        alias = "rate",
        required = false,
        allow_negative_numbers = true,
        value_name = "FRACTION"
    )]
    pub annual_rate: String,
    /// How days become years; `actual/365-366` and `30/360` are understood, too. Default:
    /// `actual_365_366`. Loans only.
    #[arg(long, alias = "basis", value_parser = words::day_count())]
    pub day_count_basis: Option<String>,
    /// The day from which interest runs, YYYY-MM-DD, before the first due date. Loans only.
    #[arg(long, required = false, value_name = "DATE")]
    pub contract_date: String,
    /// The level payment that the contract fixes, in dollars: the last payment is then whatever is
    /// left. Default: worked out. Loans only.
    #[arg(long, allow_negative_numbers = true, value_name = "AMOUNT")]
    pub payment: Option<String>,
}

/// The terms of a lease.
#[derive(Debug, Args, Serialize)]
#[group(id = "lease_terms", requires_all = ["base"], conflicts_with = "loan_terms")]
pub struct Lease {
    /// The base of each rental, in dollars. Leases only.
    #[arg(long, required = false, allow_negative_numbers = true, value_name = "AMOUNT")]
    pub base: String,
    /// The tax on each rental, in dollars, which comes on top. Leases only. Default: none.
    #[arg(long, allow_negative_numbers = true, value_name = "AMOUNT")]
    pub tax: Option<String>,
}

/// The same, as the contract asks for it.
#[derive(Debug, Serialize)]
struct Request<'a> {
    loan: Option<&'a Loan>,
    lease: Option<&'a Lease>,
    first_due_date: &'a str,
    day_of_month: Option<i32>,
    instalment_count: i32,
}

impl Verb {
    /// The call that a server would answer in the same way.
    pub fn call(&self) -> Result<Call, CliError> {
        let Self::Schedule(asked) = self;
        let usage = |problem: &str| CliError::Usage(problem.to_owned());
        match asked.product.as_str() {
            "credit_card" => return Err(usage("a credit card has no instalments")),
            "lease" if asked.lease.is_none() => return Err(usage("a lease needs --base")),
            "auto_loan" | "personal_loan" if asked.loan.is_none() => {
                return Err(usage("a loan needs --principal, --annual-rate and --contract-date"));
            }
            _ => {}
        }
        let request = Request {
            loan: asked.loan.as_ref(),
            lease: asked.lease.as_ref(),
            first_due_date: &asked.first_due_date,
            day_of_month: asked.day_of_month,
            instalment_count: asked.instalment_count,
        };
        Call::new("AccountService.QuoteSchedule", &request)
    }
}

/// Works the answer out and writes it.
pub fn run(verb: &Verb, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let unusable = |error: &dyn std::fmt::Display| CliError::Usage(error.to_string());
    let request: DynamicMessage = verb.call()?.request;
    let request = request.transcode_to().map_err(|error| unusable(&error))?;
    let response = schedule::answer(&request).map_err(|error| unusable(&error))?;
    let (document, columns) = match &response.schedule {
        Some(Answer::Loan(loan)) => (message::document_of("LoanSchedule", loan), LOAN_COLUMNS),
        Some(Answer::Lease(lease)) => (message::document_of("LeaseSchedule", lease), LEASE_COLUMNS),
        None => return Err(CliError::Usage("there is no schedule".to_owned())),
    };
    let view = View::List { items: "instalments", columns };
    view::write(out, &document, view, form).map_err(CliError::output())
}

#[cfg(test)]
mod tests;
