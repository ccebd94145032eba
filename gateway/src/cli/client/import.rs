//! `payledger import`: puts a portfolio that was serviced elsewhere on the books of a server.

mod messages;

use std::collections::BTreeMap;
use std::io::Write;

use chrono::NaiveDate;
use ledger::domain::money::{Money, total};
use ledger::domain::rulebook::Rulebook;
use prost_reflect::{DynamicMessage, Value};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::call::Call;
use super::connection::{Client, Connection};
use super::failure::CallFailure;
use super::{Service, unary};
use crate::absee::portfolio::{Entry, Imported, import};
use crate::cli::CliError;
use crate::cli::filings::{FILES, Files, all_read};
use crate::cli::output::{Output, tell, write_csv, write_json, write_json_line, write_table};
use crate::cli::render::message;

/// How many failures are told one by one.
const TOLD_MAX: u64 = 20;

/// What is imported.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Boards real auto loans from the SEC's asset-level data and plays their later months.
    ///
    /// Each loan is boarded as of one month, with its asset number without blanks as account id;
    /// every month after it is played as ordinary commands: fees and payments, extensions, rate
    /// changes, adjustments, charge-offs, recoveries. What was paid for fees is charged on the day
    /// of the payment and is part of it; the server's rules say what a payment pays first. Request
    /// ids derive from asset, month and step, so that a second import of the same files
    /// repeats the first and changes nothing, and later months can be added by importing them with
    /// the earlier ones. The totals of old and new are compared; if they differ, the exit code is
    /// 3.
    #[command(after_help = format!("{FILES}\n\n{EXAMPLES}"))]
    AbsEe(AbsEe),
}

const EXAMPLES: &str = "\
Examples:
  payledger import abs-ee 2017-*.xml
  payledger import abs-ee months.csv --as-of 2017-08-31 --output table";

/// See [`Verb::AbsEe`].
#[derive(Debug, clap::Args)]
pub struct AbsEe {
    /// The files.
    #[command(flatten)]
    pub files: Files,
    /// Board each loan as of its first month that ends on this day or later, YYYY-MM-DD. Default:
    /// the month that the most months follow without a gap.
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<NaiveDate>,
}

/// A control total.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Control<T> {
    /// As the files have it.
    in_files: T,
    /// As the books have it now.
    on_books: T,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Totals {
    /// Loans in the files.
    loans: usize,
    /// Loans without a month that they could be boarded as of.
    not_boardable: usize,
    /// Accounts to board, and on the books now.
    accounts: Control<u64>,
    /// Principal reported for them, and on the books at their boarding.
    principal: Control<Money>,
    /// Are both the same in the files and on the books?
    agree: bool,
    /// Commands that were carried out now.
    carried_out: u64,
    /// Commands that had been carried out before.
    replayed: u64,
    /// Commands that failed; each was told.
    failed: u64,
    /// Months that are not played: before the boarding, or after a month that is missing.
    months_left_out: usize,
    /// Rows that could not be read.
    rejected: usize,
}

/// Reads the files, sends the commands, and compares the totals.
pub fn run(service: &Service<Verb>, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let Verb::AbsEe(args) = &service.verb;
    let (loans, rejected) = args.files.read()?;
    let rules = Rulebook::built_in();
    let imported: Vec<Imported> =
        loans.iter().filter_map(|loan| import(loan, args.as_of, &rules)).collect();
    let accounts = u64::try_from(imported.len()).unwrap_or(u64::MAX);
    let mut totals = Totals {
        loans: loans.len(),
        not_boardable: loans.len().saturating_sub(imported.len()),
        accounts: Control { in_files: accounts, on_books: 0 },
        principal: Control {
            in_files: total(imported.iter().map(|loan| loan.principal)),
            on_books: Money::ZERO,
        },
        months_left_out: imported
            .iter()
            .fold(0_usize, |sum, loan| sum.saturating_add(loan.left_out)),
        rejected: rejected.len(),
        ..Totals::default()
    };
    let mut sending = Sending { connection: &service.connection, totals: &mut totals, failure: 0 };
    let runtime = crate::cli::runtime()?;
    let failure = runtime.block_on(async {
        let mut client = service.connection.connect().await?;
        sending.send(&mut client, &imported).await?;
        Ok::<_, CliError>(sending.failure)
    })?;
    totals.agree = totals.accounts.agrees() && totals.principal.agrees();
    write(out, &totals, form).map_err(CliError::output())?;
    if !totals.agree {
        let message = "the control totals of what was boarded differ from those of the files";
        return Err(CliError::Integrity(message.to_owned()));
    }
    if totals.failed > 0 {
        let commands = totals.failed.saturating_add(totals.carried_out);
        let commands = commands.saturating_add(totals.replayed);
        return Err(CliError::Batch { failed: totals.failed, commands, exit_code: failure });
    }
    all_read(&rejected)
}

fn write(out: &mut impl Write, totals: &Totals, form: Output) -> std::io::Result<()> {
    match form {
        Output::Json => write_json(out, totals),
        Output::Jsonl => write_json_line(out, totals),
        Output::Table | Output::Csv => {
            let fields = serde_json::to_value(totals).unwrap_or_default();
            let fields = fields.as_object().into_iter().flatten();
            let rows = fields.flat_map(|(name, value)| cells(name, value));
            match form {
                Output::Csv => write_csv(out, &["field", "value"], rows.map(Vec::from)),
                Output::Table | Output::Json | Output::Jsonl => {
                    write_table(out, ["import", ""], rows)
                }
            }
        }
    }
}

/// The rows of a value: its own, or one for each of its members under its path.
fn cells(name: &str, value: &Json) -> Vec<[String; 2]> {
    match value {
        Json::Object(members) => members
            .iter()
            .flat_map(|(member, value)| cells(&format!("{name}.{member}"), value))
            .collect(),
        Json::String(text) => vec![[name.to_owned(), text.clone()]],
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => {
            vec![[name.to_owned(), value.to_string()]]
        }
    }
}

struct Sending<'a> {
    connection: &'a Connection,
    totals: &'a mut Totals,
    /// The exit code of the first failure.
    failure: u8,
}

impl Sending<'_> {
    /// Sends the n-th command of every loan before the next of any, many in a call: those of one
    /// account stay in order. An account that is not on the books gets nothing after that.
    async fn send(&mut self, client: &mut Client, loans: &[Imported]) -> Result<(), CliError> {
        let rounds = loans.iter().map(|loan| loan.entries.len()).max().unwrap_or(0);
        let mut boarded: BTreeMap<&str, bool> = BTreeMap::new();
        for round in 0..rounds {
            let mut batch = Vec::new();
            for loan in loans {
                let Some(entry) = loan.entries.get(round) else { continue };
                if round > 0 && boarded.get(loan.asset.as_str()) != Some(&true) {
                    continue;
                }
                batch.push((loan, entry, messages::request(loan, entry)?));
            }
            for part in batch.chunks(1000) {
                for (loan, found) in self.batch(client, part).await? {
                    if round == 0 {
                        self.totals.board(found);
                        boarded.insert(&loan.asset, found.is_some());
                    }
                }
            }
            tell(&format!("step {} of {rounds}", round.saturating_add(1)));
        }
        Ok(())
    }

    /// Sends commands in one call. Answers with the principal of those accounts that were opened,
    /// or were before.
    async fn batch<'a>(
        &mut self,
        client: &mut Client,
        part: &[(&'a Imported, &Entry, DynamicMessage)],
    ) -> Result<Vec<(&'a Imported, Option<Money>)>, CliError> {
        let mut call = Call::new("PaymentService.ExecuteBatch", &json!({}))?;
        let commands = part.iter().map(|(.., command)| Value::Message(command.clone())).collect();
        call.request.set_field_by_name("commands", Value::List(commands));
        let answer = unary(client, &call, self.connection).await?;
        let results = answer.get_field_by_name("results");
        let results = results.as_deref().and_then(Value::as_list).unwrap_or_default();
        let mut found = Vec::new();
        for ((loan, entry, _), result) in part.iter().zip(results) {
            let Some(result) = result.as_message() else { continue };
            if let Some(failure) = CallFailure::of_result(result) {
                // Boarded by an earlier import that had fewer months, or knew less.
                let known = entry.step.name == "board" && failure.is_known_account();
                if known {
                    self.count(true);
                } else {
                    self.failed(loan, entry, &failure);
                }
                found.push((*loan, known.then_some(loan.principal)));
                continue;
            }
            let document = message::document(result);
            let replayed = document
                .leaves()
                .iter()
                .any(|(path, value)| path.ends_with(".replayed") && value == "true");
            self.count(replayed);
            let principal = document.at("open_account.account.balance.principal");
            found.push((*loan, principal.and_then(|money| money.cell().parse().ok())));
        }
        Ok(found)
    }

    fn count(&mut self, replayed: bool) {
        let count = if replayed { &mut self.totals.replayed } else { &mut self.totals.carried_out };
        *count = count.saturating_add(1);
    }

    fn failed(&mut self, loan: &Imported, entry: &Entry, failure: &CallFailure) {
        if self.totals.failed == 0 {
            self.failure = failure.exit_code();
        }
        self.totals.failed = self.totals.failed.saturating_add(1);
        if self.totals.failed <= TOLD_MAX {
            let (asset, month, name) = (&loan.asset, entry.month, entry.step.name);
            tell(&format!("{asset}, {month}, {name}: {failure}"));
        }
    }
}

impl<T: PartialEq> Control<T> {
    fn agrees(&self) -> bool {
        self.in_files == self.on_books
    }
}

impl Totals {
    fn board(&mut self, found: Option<Money>) {
        if let Some(boarded) = found {
            let accounts = &mut self.accounts.on_books;
            *accounts = accounts.saturating_add(1);
            self.principal.on_books += boarded;
        }
    }
}

#[cfg(test)]
mod tests;
