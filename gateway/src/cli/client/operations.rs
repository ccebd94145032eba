//! `payledger operations`: the verbs of `OperationsService`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::call::Call;
use super::words::{self, MinPosition, RequestId};
use crate::cli::CliError;

/// What a table of the trial balance shows.
const COLUMNS: &[&str] = &["ledger_account", "title", "debits", "credits", "balance"];

/// What a table of the return rates shows.
const RATE_COLUMNS: &[&str] = &[
    "period",
    "from_date",
    "through_date",
    "return_class",
    "debit_count",
    "return_count",
    "rate",
    "level",
    "above",
];

/// A verb of `OperationsService`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Applies the payments of one window and seals it; run again, it picks up later payments.
    #[command(after_help = "Example:
  payledger operations run-cutoff --product auto_loan --date 2026-03-03 --window 15:00")]
    RunCutoff(RunCutoff),
    /// Starts to rebuild the read models from the log, beside the live ones.
    RebuildProjection(Nothing),
    /// Shows how far the read models have followed the log, and what stopped them if anything did.
    ProjectionStatus(MinPosition),
    /// Shows where the log ends, and what the background scrub has found in it.
    LogStatus(Nothing),
    /// Shows debits and credits by ledger account; their totals are equal, or the books are wrong.
    TrialBalance(TrialBalance),
    /// Shows which part of the debits came back, beside the levels of the Nacha rules.
    ///
    /// As not authorised (0.5 %, a threshold), for administrative reasons (3 %) and in all (15 %),
    /// over 60 days and over two calendar months: what came back in that time by what was
    /// originated in it. Rates are decimal fractions: 0.0048 is 0.48 %.
    #[command(after_help = "Example:
  payledger operations return-rates --as-of-date 2026-11-30")]
    ReturnRates(ReturnRates),
    /// Shows the instant that the service takes for now.
    #[command(alias = "get-clock")]
    Clock(Nothing),
    /// Moves the clock of a server that was started with --set-clock, and does what falls due.
    ///
    /// The clock stops on the way for the run of each window, each midnight and each close, so that
    /// a month at once leaves what its days one by one leave. The answer comes when all is done
    /// that is due then. Without an answer within --timeout the clock stands on the way: the same
    /// command goes on from there.
    #[command(after_help = "Example:
  payledger operations set-clock --to 2026-03-03T15:00:10-05:00")]
    SetClock(SetClock),
    /// Shows what restores and promotions have lost, and whether origination is on hold for it.
    Recovery(MinPosition),
    /// Approves origination in spite of one loss that was looked into.
    #[command(after_help = "Example:
  payledger operations approve-origination --loss-position 4711 --note \"compared with the bank\"")]
    ApproveOrigination(ApproveOrigination),
}

/// No arguments.
#[derive(Debug, Args, Serialize)]
pub struct Nothing {}

/// See [`Verb::RunCutoff`].
#[derive(Debug, Args, Serialize)]
pub struct RunCutoff {
    /// Whose window to run.
    #[arg(long, value_parser = words::product())]
    pub product: String,
    /// The date of the window, YYYY-MM-DD, Eastern time: the first accounting day or a later one.
    #[arg(long)]
    pub date: String,
    /// The window, by its cut-off in Eastern time: 15:00.
    #[arg(long, value_name = "TIME", value_parser = words::window())]
    pub window: String,
}

/// See [`Verb::TrialBalance`].
#[derive(Debug, Args, Serialize)]
pub struct TrialBalance {
    /// Counts only journal lines of this accounting day, YYYY-MM-DD, or an earlier one.
    #[arg(long, value_name = "DATE")]
    pub through_date: Option<String>,
    /// Counts only what the log held at this position. Default: all that it holds.
    #[arg(long, value_name = "POSITION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_position: Option<u64>,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`Verb::ReturnRates`].
#[derive(Debug, Args, Serialize)]
pub struct ReturnRates {
    /// The day as of which they are told, YYYY-MM-DD. Default: the last accounting day that
    /// anything was posted to.
    #[arg(long, value_name = "DATE")]
    pub as_of_date: Option<String>,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`Verb::SetClock`].
#[derive(Debug, Args, Serialize)]
pub struct SetClock {
    /// The instant to take for now, RFC 3339 with an offset: not before the present one.
    #[arg(long = "to", value_name = "INSTANT")]
    pub now_time: String,
}

/// See [`Verb::ApproveOrigination`].
#[derive(Debug, Args, Serialize)]
pub struct ApproveOrigination {
    /// Where the loss is recorded, as `payledger operations recovery` shows it.
    #[arg(long, value_name = "POSITION")]
    pub loss_position: u64,
    /// Why it is in order; recorded for ever.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub note: String,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

impl Verb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        match self {
            Self::RunCutoff(run) => Call::new("OperationsService.RunCutoff", run),
            Self::RebuildProjection(nothing) => {
                Call::new("OperationsService.RebuildProjection", nothing)
            }
            Self::ProjectionStatus(min_position) => {
                Call::new("OperationsService.GetProjectionStatus", min_position)
            }
            Self::LogStatus(nothing) => Call::new("OperationsService.GetLogStatus", nothing),
            Self::TrialBalance(balance) => {
                Ok(Call::new("OperationsService.GetTrialBalance", balance)?
                    .listing("rows", COLUMNS))
            }
            Self::ReturnRates(rates) => Ok(Call::new("OperationsService.GetReturnRates", rates)?
                .listing("rates", RATE_COLUMNS)),
            Self::Clock(nothing) => Call::new("OperationsService.GetClock", nothing),
            Self::SetClock(set) => Call::new("OperationsService.SetClock", set),
            Self::Recovery(min_position) => {
                Call::new("OperationsService.GetRecovery", min_position)
            }
            Self::ApproveOrigination(approve) => {
                Call::new("OperationsService.ApproveOrigination", approve)
            }
        }
    }
}
