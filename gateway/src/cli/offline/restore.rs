//! `payledger restore`: a backup becomes a data directory.

use std::io::Write;
use std::path::PathBuf;

use ledger::store::embedded;

use super::report_fields;
use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::output::Output;
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};

/// What is restored, and where to.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup's file.
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// A directory that is empty or missing.
    #[command(flatten)]
    pub data: DataDir,
}

/// Restores, and tells what the log holds now.
pub fn run(args: &RestoreArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let report = embedded::restore(&args.from, &args.data.path)?;
    let mut fields = vec![Document::field("data_dir", args.data.path.display().to_string())];
    fields.extend(report_fields(&report));
    view::write(out, &Document::Object(fields), View::Object, form).map_err(CliError::output())
}
