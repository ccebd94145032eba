//! `payledger export`: recorded data for other programs.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use ledger::ids::AccountId;

use super::{each_event, event_document, is_of, reached};
use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::output::{Output, write_json_line};

/// What is exported.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Writes the recorded events in the order of the log, one JSON object a line.
    ///
    /// The bytes of data and metadata are those that were recorded. Needs no server, and may run
    /// beside one. The log is checked on the way; if it is damaged, no file is made.
    #[command(after_help = "Example:
  payledger export events --account auto-1 --out auto-1.jsonl")]
    Events(EventsArgs),
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Jsonl,
}

/// Which events, and where to.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// The form of the export.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The first position to write, at most the one after the log's last. Inclusive, unlike `audit
    /// replay-events --from-position`. Default: the first of the log.
    #[arg(
        long = "from-position",
        alias = "from",
        value_name = "POSITION",
        default_value_t = 1,
        hide_default_value = true
    )]
    pub from: u64,
    /// The last position to write, which the log must reach. Default: the last of the log.
    #[arg(long = "to-position", alias = "to", value_name = "POSITION")]
    pub to: Option<u64>,
    /// Only events of this account.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// The file to make. Default: standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The ledger to read.
    #[command(flatten)]
    pub data: DataDir,
}

/// Exports.
pub fn run(verb: &Verb, asked: Option<Output>, out: &mut impl Write) -> Result<(), CliError> {
    let Verb::Events(args) = verb;
    if matches!(asked, Some(Output::Table | Output::Csv)) {
        let message = "events are exported as JSON lines, not as --output says";
        return Err(CliError::Usage(message.to_owned()));
    }
    if let Some(to) = args.to.filter(|to| *to < args.from) {
        let message = format!("--to-position {to} is before --from-position {}", args.from);
        return Err(CliError::Usage(message));
    }
    match &args.out {
        None => write_events(args, "standard output", out),
        Some(path) => write_file(args, path),
    }
}

/// Makes the file under another name first, so that what is there under its own is whole.
fn write_file(args: &EventsArgs, path: &Path) -> Result<(), CliError> {
    let name = path.display().to_string();
    if path.try_exists().map_err(CliError::io(&name))? {
        return Err(CliError::TargetExists(name));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut file = File::create(&partial).map_err(CliError::io(&name))?;
    let written = write_events(args, &name, &mut file).and_then(|()| {
        file.sync_all().map_err(CliError::io(&name))?;
        fs::rename(&partial, path).map_err(CliError::io(&name))
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _gone = fs::remove_file(&partial);
    }
    written
}

fn write_events(args: &EventsArgs, name: &str, out: &mut impl Write) -> Result<(), CliError> {
    let mut out = BufWriter::new(out);
    let last = args.to.unwrap_or(u64::MAX);
    let mut is_known = false;
    let report = each_event(&args.data.path, |event| {
        if !is_of(event, args.account.as_ref()) {
            return Ok(());
        }
        is_known = true;
        if !(args.from..=last).contains(&event.position.0) {
            return Ok(());
        }
        write_json_line(&mut out, &event_document(event)).map_err(CliError::io(name))
    })?;
    out.flush().map_err(CliError::io(name))?;
    let head = report.head.position;
    reached("--from-position", args.from.saturating_sub(1), head)?;
    reached("--to-position", args.to.unwrap_or_default(), head)?;
    match &args.account {
        Some(account) if !is_known => {
            Err(CliError::NotFound(format!("the log holds no events of account {account}")))
        }
        Some(_) | None => Ok(()),
    }
}
