//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::calendar::CalendarArgs;
use super::client::{Service, accounts, audit, books, import, operations, payments, titles};
use super::copy_log;
use super::offline::{
    backup, export, inspect, projections, promote, replay, replicate, restore, verify,
};
use super::output::Output;
use super::quote;
use super::reconcile;
use super::serve_args::{self, ServeArgs};
use crate::bench::{self, BenchArgs};
use crate::demo::DemoArgs;

/// An event-sourced payment ledger: the server, its client, and tools that need no server.
#[derive(Debug, Parser)]
#[command(
    name = "payledger",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// The form of the answer on standard output. Default: a table on a terminal, JSON elsewhere.
    #[arg(long, global = true, value_enum, value_name = "FORM", display_order = 900)]
    pub output: Option<Output>,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Money is decimal text in dollars (310.00), a date is YYYY-MM-DD, an instant RFC 3339 with an offset.
Answers go to standard output, everything else to standard error.
Exit codes: 0 done, 1 error, 2 wrong usage, 3 the log breaks a promise, 4 not found, 5 refused,
6 not allowed, 7 unavailable.";

/// A verb, or a service with verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the ledger in a data directory, until it is told to stop.
    #[command(after_help = serve_args::EXAMPLES)]
    Serve(ServeArgs),
    /// Opens accounts, shows what they owe, charges fees, and carries out what a servicer does.
    Accounts(Service<accounts::Verb>),
    /// Schedules, cancels, receives and returns payments, and looks them up.
    Payments(Service<payments::Verb>),
    /// Records liens on vehicle titles and follows them to their release.
    Titles(Service<titles::Verb>),
    /// Reads the recorded events, byte for byte, from a server.
    Audit(Service<audit::Verb>),
    /// Opens and closes accounting days, and shows what their closes have sealed.
    Books(Service<books::Verb>),
    /// Runs windows, watches and rebuilds the read models, proves the books, watches return rates,
    /// moves the clock.
    Operations(Service<operations::Verb>),
    /// Plays a month on the real service in a fresh directory, kills it in the middle, proves the
    /// books, and leaves it running to be tried.
    Demo(DemoArgs),
    /// Measures this machine: the ledger, over gRPC, beside a server of the same shape that does
    /// nothing.
    #[command(after_help = bench::EXAMPLES)]
    Bench(BenchArgs),
    /// Works out what a contract would come to, from its terms alone.
    #[command(subcommand)]
    Quote(quote::Verb),
    /// Puts a portfolio that was serviced elsewhere on the books of a server.
    Import(Service<import::Verb>),
    /// Replays somebody else's records through the ledger and compares the figures.
    #[command(subcommand)]
    Reconcile(reconcile::Verb),
    /// Shows the Federal Reserve's holidays of a year and which of them close banks.
    Calendar(CalendarArgs),
    /// Works out from the log alone what was known about accounts, at any position or instant.
    #[command(after_help = replay::EXAMPLE)]
    Replay(replay::ReplayArgs),
    /// Checks the whole log: checksums, chain, positions, versions, every event, every journal.
    ///
    /// Also every seal of a window and every close, worked out again from the log, and the read
    /// models, row for row. Needs no server, and may run beside one. The exit code is 3 if anything
    /// is wrong.
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::VerifyArgs),
    /// Shows what a log holds: a summary, one event, or the events of one account.
    #[command(after_help = inspect::EXAMPLE)]
    Inspect(inspect::InspectArgs),
    /// Compares the read models with the log that they were folded from.
    #[command(subcommand)]
    Projections(projections::Verb),
    /// Writes recorded data for other programs.
    #[command(subcommand)]
    Export(export::Verb),
    /// Copies the log into one file and checks the copy; a server may go on meanwhile.
    #[command(after_help = "Example:
  payledger backup --data-dir ./data --to /backups/")]
    Backup(backup::BackupArgs),
    /// Puts a backup into an empty data directory, all of it or up to a position, and checks both.
    ///
    /// Unless --lost-dir shows that nothing is lost, the first start records what is or may be, and
    /// holds origination until `payledger operations approve-origination`.
    #[command(after_help = "Examples:
  payledger restore --from /backups/events-1174.db --data-dir ./restored
  payledger restore --from /backups/events-1174.db --data-dir ./restored --to-position 1100
  payledger restore --from /backups/events-1174.db --data-dir ./restored --lost-dir ./data")]
    Restore(restore::RestoreArgs),
    /// Copies new commits of a data directory, which may be served meanwhile, into a standby.
    ///
    /// Copies the log's own blocks, each checked against the chain, so that both logs are the same
    /// at the same position. May be killed at any moment and run again.
    #[command(after_help = "Examples:
  payledger replicate --from ./data --to /standby            # what is new, once
  payledger replicate --from ./data --to /standby --follow   # until it is told to stop")]
    Replicate(replicate::ReplicateArgs),
    /// Turns a standby into a data directory that can be served, and states what may be lost.
    ///
    /// Unless --lost-dir shows that nothing is lost, the first start records what is or may be, and
    /// holds origination until `payledger operations approve-origination`. A source that is still
    /// served is refused.
    #[command(after_help = "Examples:
  payledger promote --data-dir /standby
  payledger promote --data-dir /standby --lost-dir ./data
  payledger promote --data-dir /standby --known-head 1174")]
    Promote(promote::PromoteArgs),
    /// Copies the log into another store, a data directory or a cluster, and compares both.
    #[command(after_help = copy_log::EXAMPLES)]
    CopyLog(copy_log::CopyLogArgs),
}

/// The variable of the environment that names the data directory.
pub const DATA_DIR_ENV: &str = "PAYLEDGER_DATA_DIR";
/// The data directory if nothing names one.
pub const DATA_DIR: &str = "./data";

/// Where a ledger is kept.
#[derive(Debug, Clone, clap::Args)]
pub struct DataDir {
    /// The data directory.
    #[arg(
        long = "data-dir",
        env = DATA_DIR_ENV,
        default_value = DATA_DIR,
        value_name = "DIRECTORY"
    )]
    pub path: PathBuf,
}

#[cfg(test)]
mod tests;
