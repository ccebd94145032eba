//! `payledger bench`: the real server as a second process, driven over gRPC, beside a server of the
//! same shape that does nothing.

mod batches;
mod cutoff;
mod disk;
mod echo;
mod error;
mod history;
mod load;
mod process;
mod queries;
mod report;
mod restarts;
mod singles;
mod stage;
mod traffic;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum as _;
use tokio::signal::unix::{SignalKind, signal};

pub use error::BenchError;

use crate::cli::output::{Output, tell};
use stage::Stage;

/// What is shown behind the help.
pub(crate) const EXAMPLES: &str = "Examples:
  payledger bench --quick                                  # small sizes, to try it
  payledger bench --only single,batch --output json
  payledger bench --only open --rate 20000   # latency at a rate, from when calls were due
  payledger bench --data-dir /mnt/disk/bench               # the whole of it, on that disk

Everything runs on this machine: the client takes its share of the cores, and so it does beside the
ceiling. Leave the machine alone meanwhile.";

/// Measures this machine: the ledger beside a server of the same shape that does nothing.
///
/// Starts both as processes of their own on loopback and drives them over gRPC, with all rules of
/// business on and every answer durable. Each figure is the median of its rounds, with the lowest
/// and the highest. The ledger's clock stands still, so that only what is asked for happens.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchArgs {
    /// Which sections are measured. Default: all of them.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SECTIONS")]
    pub only: Vec<Section>,
    /// Small sizes and short rounds: to try it, not to quote it.
    #[arg(long)]
    pub quick: bool,
    /// Where the ledger is kept; empty, or not there yet. It is left there. Default: a temporary
    /// directory that is removed at the end.
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// How many rounds each figure has. Default: 5, or 2 if quick.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rounds: Option<u64>,
    /// How long a round lasts, in milliseconds. Default: 1000, or 200 if quick.
    #[arg(long, value_name = "MILLIS", value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub round_millis: Option<u64>,
    /// How many accounts are on the books. Default: 1,000,000, or 2000 if quick.
    #[arg(long, value_name = "COUNT", value_parser = count().range(16..=5_000_000))]
    pub accounts: Option<u64>,
    /// How many payments the cut-off run applies. Default: 1,000,000, or 2000 if quick.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub payments: Option<u64>,
    /// How many events the log holds at least when it is replayed, the read models are rebuilt and
    /// the server is killed. Default: 10,000,000, or 10,000 if quick.
    #[arg(long, value_name = "COUNT", value_parser = count().range(1..=50_000_000))]
    pub events: Option<u64>,
    /// Calls a second in the open loop. Default: 1000, 10,000 and 20,000.
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rate: Vec<u64>,
    /// As `payledger serve --threads`, for both servers.
    #[arg(long, value_name = "COUNT", value_parser = crate::cli::serve_args::threads)]
    pub threads: Option<usize>,
    /// Writes the table in Markdown, whatever `--output` says.
    #[arg(long)]
    pub markdown: bool,
    /// Serves the echo, which is what the ceiling is measured on.
    #[arg(long, hide = true)]
    pub echo: bool,
}

/// Reads a count.
fn count() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64)
}

/// A part of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Section {
    /// Single commands, each sent once the one before it is answered: 1 to 256 in flight.
    Single,
    /// Single commands at a rate, whatever the answers do.
    Open,
    /// `ExecuteBatch` of 10 to 8000 commands.
    Batch,
    /// Questions, alone and while others write.
    Query,
    /// A restart, and the run of a window.
    Cutoff,
    /// Replay, rebuild of the read models, and balances as of the past.
    History,
    /// Durable writes without a ledger, the size of the log, and memory.
    Disk,
    /// Starts on the long log after `kill -9` in the midst of a load: until the server listens, and
    /// until its health says that it is ready.
    Restart,
}

/// How much is measured.
#[derive(Debug, Clone)]
struct Sizes {
    rounds: u64,
    round: Duration,
    accounts: u64,
    /// How many of them are kept busy at a time: so many as the server keeps in memory.
    busy: u64,
    payments: u64,
    events: u64,
    rates: Vec<u64>,
}

impl Sizes {
    fn of(args: &BenchArgs) -> Self {
        let pick = |asked: Option<u64>, whole: u64, quick: u64| {
            asked.unwrap_or(if args.quick { quick } else { whole })
        };
        let accounts = pick(args.accounts, 1_000_000, 2000);
        let rates = if args.rate.is_empty() {
            if args.quick { vec![1000] } else { vec![1000, 10_000, 20_000] }
        } else {
            args.rate.clone()
        };
        Self {
            rounds: pick(args.rounds, 5, 2),
            round: Duration::from_millis(pick(args.round_millis, 1000, 200)),
            accounts,
            busy: accounts.min(16_000),
            payments: pick(args.payments, 1_000_000, 2000),
            events: pick(args.events, 10_000_000, 10_000),
            rates,
        }
    }
}

/// Measures, and writes what came of it.
pub fn run(args: &BenchArgs, form: Output, out: &mut impl Write) -> Result<(), BenchError> {
    if args.echo {
        let runtime = crate::cli::serve::runtime(args.threads);
        return runtime.map_err(BenchError::io("the runtime"))?.block_on(echo::serve(out));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.map_err(BenchError::io("the runtime"))?.block_on(measure(args))?;
    let written = if args.markdown { report.write_markdown(out) } else { report.write(form, out) };
    written.map_err(BenchError::io("standard output"))
}

async fn measure(args: &BenchArgs) -> Result<report::Report, BenchError> {
    let temporary = match args.data_dir {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(BenchError::io("a temporary directory"))?),
    };
    let chosen = args.data_dir.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let data_dir = chosen.ok_or_else(|| BenchError::Settings("no directory".to_owned()))?;
    refuse_used(data_dir)?;
    // SIGTERM comes to us alone: unheard, it would leave both servers and the directory behind.
    let terminate = signal(SignalKind::terminate());
    let mut terminate = terminate.map_err(BenchError::io("signals"))?;
    tokio::select! {
        report = all(args, data_dir) => report,
        _ = terminate.recv() => Err(BenchError::Interrupted),
        asked = tokio::signal::ctrl_c() => {
            asked.map_err(BenchError::io("signals"))?;
            Err(BenchError::Interrupted)
        }
    }
}

async fn all(args: &BenchArgs, data_dir: &Path) -> Result<report::Report, BenchError> {
    let mut stage = Stage::set_up(args, data_dir).await?;
    for section in Section::value_variants() {
        if args.only.is_empty() || args.only.contains(section) {
            let name = section.to_possible_value();
            tell(&format!("{} …", name.as_ref().map_or("", |name| name.get_name())));
            stage.measure(*section).await?;
        }
    }
    stage.end().await
}

/// A measurement never adds to a ledger that somebody may need.
fn refuse_used(data_dir: &Path) -> Result<(), BenchError> {
    let shown = data_dir.display().to_string();
    match std::fs::read_dir(data_dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(BenchError::Settings(format!("{shown} is not empty: choose another"))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BenchError::io(shown)(error)),
    }
}
