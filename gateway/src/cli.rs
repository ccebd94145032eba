//! The command line: each verb is a function of its arguments that writes its answer to a stream.

pub mod args;
pub mod calendar;
pub mod client;
pub mod copy_log;
pub mod error;
pub mod filings;
mod instant;
pub mod offline;
pub mod output;
pub mod preview;
pub mod quote;
pub mod reconcile;
pub mod render;
pub mod serve;
pub mod serve_args;

use std::io::{self, Write};

use args::{Cli, Command};
pub use error::CliError;
use output::{Output, write_json_line};
use tokio::signal::unix::{SignalKind, signal};

/// Carries out what was said, and writes the answer.
pub fn run(cli: &Cli, out: &mut impl Write) -> Result<(), CliError> {
    let form = Output::or_default(cli.output);
    match &cli.command {
        Command::Accounts(service) => {
            client::run(&service.connection, service.verb.call()?, form, out)
        }
        Command::Payments(service) => client::payments::run(service, form, out),
        Command::Titles(service) => {
            client::run(&service.connection, service.verb.call()?, form, out)
        }
        Command::Audit(service) => {
            client::run(&service.connection, service.verb.call()?, form, out)
        }
        Command::Books(service) => client::books::run(service, form, out),
        Command::Operations(service) => {
            client::run(&service.connection, service.verb.call()?, form, out)
        }
        Command::Serve(args) => serve::run(args, out),
        Command::Projections(verb) => offline::projections::run(verb, form, out),
        Command::Demo(args) => Ok(crate::demo::run(args, out)?),
        Command::Bench(args) => Ok(crate::bench::run(args, form, out)?),
        Command::Quote(verb) => quote::run(verb, form, out),
        Command::Import(service) => client::import::run(service, form, out),
        Command::Reconcile(verb) => reconcile::run(verb, form, out),
        Command::Calendar(args) => calendar::run(args, form, out),
        Command::Replay(args) => offline::replay::run(args, form, out),
        Command::Verify(args) => offline::verify::run(args, form, out),
        Command::Inspect(args) => offline::inspect::run(args, form, out),
        Command::Export(verb) => offline::export::run(verb, cli.output, out),
        Command::Backup(args) => offline::backup::run(args, form, out),
        Command::CopyLog(args) => copy_log::run(args, form, out),
        Command::Restore(args) => offline::restore::run(args, form, out),
        Command::Replicate(args) => offline::replicate::run(args, form, out),
        Command::Promote(args) => offline::promote::run(args, form, out),
    }
}

/// The signal of a write beyond the limit of a file's size (`ulimit -f`), on all but MIPS.
const SIGXFSZ: i32 = 25;

/// Has a write beyond the limit of a file's size fail, as it does on a full disk, and be told. Left
/// alone, the signal ends the process without a word.
pub fn outlive_size_limits() {
    // The signal stays caught when the runtime that caught it is gone.
    let caught = runtime().map(|runtime| {
        let _in_runtime = runtime.enter();
        signal(SignalKind::from_raw(SIGXFSZ)).map(drop)
    });
    // Without it the process is as it would be.
    drop(caught);
}

/// A runtime for a verb that calls a server.
fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(CliError::io("the runtime"))
}

/// Says why there is no answer: as a JSON object if answers were asked for as JSON, else in words.
pub fn report(error: &CliError, asked: Option<Output>, err: &mut impl Write) -> io::Result<()> {
    if error.exit_code() == 0 {
        return Ok(());
    }
    match asked {
        Some(Output::Json | Output::Jsonl) => write_json_line(err, &error.document()),
        Some(Output::Table | Output::Csv) | None => {
            error.lines().iter().try_for_each(|line| writeln!(err, "{line}"))
        }
    }
}
