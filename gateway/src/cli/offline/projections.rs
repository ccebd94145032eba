//! `payledger projections verify`: the read models against the log they were folded from.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use clap::Subcommand;
use ledger::causes::with_causes;
use ledger::store::embedded::{Embedded, refuse_unfinished_copy};
use projections::error::ProjectionError;
use projections::verify::{Live, Report};

use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::output::Output;
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};

/// What is done with read models.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Folds the log again, beside the live read models, compares them row for row, and checks that
    /// every index leads to its rows.
    ///
    /// Needs no server, and may run beside one. The exit code is 3 if anything differs.
    Verify(VerifyArgs),
}

/// What is verified.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The ledger to read.
    #[command(flatten)]
    pub data: DataDir,
}

/// Carries out the verb.
pub fn run(verb: &Verb, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let Verb::Verify(args) = verb;
    let report = compare(&args.data.path)?;
    let answer = document(&report);
    let told = view::write(out, &answer, View::Object, form).map_err(CliError::output());
    // Whoever does not read to the end is told all the same by the exit code.
    difference(&report).map_or(told, |difference| Err(CliError::Integrity(difference)))
}

/// Folds the log of a data directory again and compares.
pub(super) fn compare(data_dir: &Path) -> Result<Report, CliError> {
    refuse_unfinished_copy(data_dir)?;
    // The rows first: a log that grows meanwhile holds all that they were folded from.
    let live = Live::open(data_dir).map_err(failed)?;
    let log = Arc::new(Embedded::open_read_only(data_dir)?);
    let runtime = crate::cli::runtime()?;
    runtime.block_on(live.verify(log)).map_err(failed)
}

fn failed(error: ProjectionError) -> CliError {
    match error {
        ProjectionError::Missing(folder) => {
            CliError::NotFound(format!("there are no read models in {}", folder.display()))
        }
        // Of another build, whose next start builds them anew.
        error @ ProjectionError::FoldVersion { .. } => {
            CliError::NotFound(format!("there is nothing to compare: {error}"))
        }
        ProjectionError::File { path, source } => {
            CliError::Io { subject: path.display().to_string(), error: source }
        }
        error @ ProjectionError::Database(_) if !error.is_damage() => {
            CliError::Io { subject: "the read models".to_owned(), error: io::Error::other(error) }
        }
        error @ (ProjectionError::AheadOfLog { .. }
        | ProjectionError::LogGone(_)
        | ProjectionError::OtherLog { .. }
        | ProjectionError::Pointer { .. }
        | ProjectionError::Rebuilding
        | ProjectionError::Cancelled
        | ProjectionError::Feed(_)
        | ProjectionError::Log(_)
        | ProjectionError::Database(_)
        | ProjectionError::Thread(_)) => CliError::Integrity(with_causes(&error)),
    }
}

/// The first row that differs, in words, or what is wrong with the file.
pub(super) fn difference(report: &Report) -> Option<String> {
    let of_rows = report.tables.iter().find_map(|table| {
        let difference = table.difference.as_ref()?;
        Some(format!("read model table {}: {difference}", table.table))
    });
    of_rows.or_else(|| Some(format!("read model file: {}", report.structure.as_ref()?)))
}

/// What was compared.
pub(super) fn document(report: &Report) -> Document {
    let rows = report.tables.iter().map(|table| Document::field(table.table, table.rows));
    let digests =
        report.tables.iter().map(|table| Document::field(table.table, table.digest.as_str()));
    Document::Object(vec![
        Document::field("generation", report.generation),
        Document::field("position", report.position.0),
        Document::field("equal", difference(report).is_none()),
        Document::field("file", report.structure.as_deref().unwrap_or("whole")),
        ("rows".to_owned(), Document::Object(rows.collect())),
        ("sha256".to_owned(), Document::Object(digests.collect())),
    ])
}
