//! `payledger payments execute-batch`: commands from JSON lines, many in one call.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use serde_json::json;

use super::call::{Call, make_id};
use super::connection::{Client, Connection};
use super::unary;
use crate::cli::CliError;
use crate::cli::client::failure::CallFailure;
use crate::cli::output::{Output, tell, write_json_line, write_record};
use crate::cli::render::document::Document;
use crate::cli::render::{contract, message, parse};
use crate::services::BATCH_COMMANDS_MAX;

/// How verbs show what a line is.
pub(super) const EXAMPLE: &str = r#"Example of two lines:
  {"schedule_payment":{"account_id":"a-1","amount":"310.00","payment_date":"2026-03-03"}}
  {"assess_fee":{"account_id":"a-2","kind":"late","amount":"15.00"}}
Commands: open_account, assess_fee, waive_fee, schedule_payment, cancel_payment, receive_payment,
return_payment, reinstate_payment, settle_payment, record_lien, release_lien, refund_credit,
settle_refund, return_refund, change_rate, adjust_principal, grant_extension, change_due_date,
charge_off, return_vehicle."#;

/// Where the commands are.
#[derive(Debug, clap::Args)]
pub struct ExecuteBatch {
    /// The file with the commands; "-" for standard input.
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// How many commands to send in one call at most: they share durable commits.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1000,
        value_parser = RangedU64ValueParser::<usize>::new()
            .range(1..=u64::from(BATCH_COMMANDS_MAX))
    )]
    pub batch_size: usize,
}

/// What became of the commands so far.
#[derive(Debug, Default)]
struct Tally {
    commands: u64,
    failed: u64,
    /// The exit code of the first that failed.
    exit_code: u8,
}

/// What is left undone if nobody reads the results.
const NOT_SENT: &str = "commands whose results were not read were carried out, and what comes \
                        after them was not sent; a repeat with the same request ids is safe";

/// Sends the commands in order, a full call at a time, and writes each result on a line.
pub fn run(
    connection: &Connection,
    args: &ExecuteBatch,
    form: Output,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let name = args.input.display().to_string();
    let input: Box<dyn BufRead> = if name == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&args.input).map_err(CliError::io(&name))?))
    };
    let runtime = crate::cli::runtime()?;
    let mut out = BufWriter::new(out);
    let tally = runtime.block_on(async {
        let mut client = connection.connect().await?;
        let mut tally = Tally::default();
        let mut commands = Vec::new();
        for (number, line) in (1_u64..).zip(input.lines()) {
            let line = line.map_err(CliError::io(&name))?;
            if line.trim().is_empty() {
                continue;
            }
            commands.push(command(number, &line)?);
            if commands.len() >= args.batch_size {
                let commands = std::mem::take(&mut commands);
                send(&mut client, connection, commands, form, &mut out, &mut tally).await?;
            }
        }
        if !commands.is_empty() {
            send(&mut client, connection, commands, form, &mut out, &mut tally).await?;
        }
        Ok::<_, CliError>(tally)
    })?;
    let Tally { commands, failed, exit_code } = tally;
    if failed > 0 {
        return Err(CliError::Batch { failed, commands, exit_code });
    }
    Ok(())
}

/// The command on a line, with an id.
fn command(number: u64, line: &str) -> Result<DynamicMessage, CliError> {
    let (command, made) =
        read_command(line).map_err(|cause| CliError::Usage(format!("line {number}: {cause}")))?;
    if let Some(id) = made {
        tell(&format!("line {number}: request id {id}"));
    }
    Ok(command)
}

/// Reads a line; answers with the request id if one was made for it.
fn read_command(line: &str) -> Result<(DynamicMessage, Option<String>), String> {
    let descriptor = descriptor().ok_or("the contract has no BatchCommand")?;
    let json = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let mut command = parse::message(&descriptor, &json).map_err(|error| error.to_string())?;
    let request = command.fields_mut().next().and_then(|(_, value)| value.as_message_mut());
    let request = request.ok_or("names no command")?;
    let made = make_id(request);
    Ok((command, made))
}

fn descriptor() -> Option<MessageDescriptor> {
    contract().get_message_by_name("payledger.v1.BatchCommand")
}

async fn send(
    client: &mut Client,
    connection: &Connection,
    commands: Vec<DynamicMessage>,
    form: Output,
    out: &mut impl Write,
    tally: &mut Tally,
) -> Result<(), CliError> {
    let mut call = Call::new("PaymentService.ExecuteBatch", &json!({}))?;
    let commands = commands.into_iter().map(Value::Message).collect();
    call.request.set_field_by_name("commands", Value::List(commands));
    let answer = unary(client, &call, connection).await.map_err(of_batch)?;
    let results = answer.get_field_by_name("results");
    let results = results.as_deref().and_then(Value::as_list).unwrap_or_default();
    for result in results.iter().filter_map(Value::as_message) {
        write_result(out, result, form, tally).map_err(CliError::output_at_work(NOT_SENT))?;
    }
    out.flush().map_err(CliError::output_at_work(NOT_SENT))
}

fn of_batch(error: CliError) -> CliError {
    let CliError::Call(mut failure) = error else { return error };
    failure.is_batch = true;
    CliError::Call(failure)
}

fn write_result(
    out: &mut impl Write,
    result: &DynamicMessage,
    form: Output,
    tally: &mut Tally,
) -> io::Result<()> {
    tally.commands = tally.commands.saturating_add(1);
    if let Some(failure) = CallFailure::of_result(result) {
        if tally.failed == 0 {
            tally.exit_code = failure.exit_code();
        }
        tally.failed = tally.failed.saturating_add(1);
    }
    let document = message::document(result);
    match form {
        Output::Json | Output::Jsonl => write_json_line(out, &document),
        Output::Table => writeln!(out, "{:>6}  {}", tally.commands, summary(&document)),
        Output::Csv => write_record(out, [tally.commands.to_string(), summary(&document)]),
    }
}

/// A result in a few words: what was done, to what, and where it is recorded.
fn summary(result: &Document) -> String {
    let leaves = result.leaves();
    let wanted = ["reason", "message", "payment_id", "account_id", "fee_id", "state", "position"];
    let is_wanted = |path: &str| {
        wanted
            .iter()
            .any(|name| path.ends_with(&format!(".{name}")) && path.matches('.').count() < 3)
    };
    let parts = leaves.iter().filter(|(path, _)| is_wanted(path));
    parts.map(|(path, value)| format!("{path}={value}")).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Failure, to_message};
    use prost::Message as _;
    use proto::payledger::v1::batch_command::Command;
    use proto::payledger::v1::batch_result::Outcome;
    use proto::payledger::v1::{BatchCommand, BatchResult, ErrorReason};

    #[test]
    fn a_line_is_one_command_with_an_id() {
        let request = r#"{"account_id":"a-1","amount":"310.00","payment_date":"2026-03-03"}"#;
        let line = format!(r#"{{"schedule_payment":{request}}}"#);
        let (command, made) = read_command(&line).unwrap();
        let typed = BatchCommand::decode(command.encode_to_vec().as_slice()).unwrap();
        let Some(Command::SchedulePayment(schedule)) = typed.command else {
            panic!("not the command that was given");
        };
        assert_eq!(Some(schedule.request_id), made);
        assert_eq!(schedule.amount.unwrap().units, 310);
        assert_eq!(schedule.payment_date.unwrap().day, 3);
    }

    #[test]
    fn an_id_that_was_given_stays() {
        let line = r#"{"release_lien":{"request_id":"mine","account_id":"a-1"}}"#;
        assert_eq!(read_command(line).unwrap().1, None);
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        for (line, why) in [
            ("{}", "names no command"),
            ("[]", "is not a JSON object"),
            (r#"{"pay":{}}"#, "pay: is not known here"),
            (r#"{"release_lien":{"account":"a"}}"#, "release_lien.account: is not known here"),
            (r#"{"release_lien":{},"record_lien":{}}"#, "cannot be given beside"),
            (r#"{"assess_fee":{"amount":15}}"#, "assess_fee.amount: is not money"),
        ] {
            let cause = read_command(line).unwrap_err();
            assert!(cause.contains(why), "{line}: {cause}");
        }
    }

    #[test]
    fn the_first_failure_gives_the_exit_code() {
        let failed = |reason| {
            let status = to_message(&Failure::new(reason, "no").into());
            let result = BatchResult { outcome: Some(Outcome::Error(Box::new(status))) };
            let descriptor = contract().get_message_by_name("payledger.v1.BatchResult").unwrap();
            DynamicMessage::decode(descriptor, result.encode_to_vec().as_slice()).unwrap()
        };
        let mut tally = Tally::default();
        let mut out = Vec::new();
        for reason in [ErrorReason::CutoffPassed, ErrorReason::AccountNotFound] {
            write_result(&mut out, &failed(reason), Output::Jsonl, &mut tally).unwrap();
        }
        assert_eq!((tally.commands, tally.failed, tally.exit_code), (2, 2, 5));
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(r#"{"error":{"code":"FAILED_PRECONDITION""#), "{text}");
    }
}
