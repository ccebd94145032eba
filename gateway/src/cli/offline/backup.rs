//! `payledger backup`: the log in one file, checked.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use ledger::store::embedded::{self, BackupProgress, Embedded};

use super::report_fields;
use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::output::Output;
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};

/// What is backed up, and where to.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The file to make, or a directory to make it in: its name then holds the last position when
    /// it was begun. `head_position` of the answer is that of the copy, which may hold more.
    #[arg(long, value_name = "FILE|DIRECTORY")]
    pub to: PathBuf,
    /// The ledger to copy.
    #[command(flatten)]
    pub data: DataDir,
}

/// Backs up, and tells what the copy holds.
pub fn run(args: &BackupArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let log = Embedded::open_read_only(&args.data.path)?;
    embedded::refuse_pending_loss(&args.data.path)?;
    let target = if args.to.is_dir() {
        // The copy is made of what is there then, so that its name may tell a little less.
        let head = log.head_witness();
        args.to.join(format!("events-{}.db", head.position))
    } else {
        args.to.clone()
    };
    let on_terminal = io::stderr().is_terminal();
    let report = log.backup(&target, |progress| {
        if on_terminal {
            show(progress);
        }
    })?;
    let mut fields = vec![Document::field("file", target.display().to_string())];
    fields.extend(report_fields(&report));
    view::write(out, &Document::Object(fields), View::Object, form).map_err(CliError::output())
}

#[expect(clippy::print_stderr, reason = "progress, for a person at a terminal")]
fn show(progress: BackupProgress) {
    let BackupProgress { pages_done, pages_total } = progress;
    let end = if pages_done == pages_total { "\n" } else { "" };
    eprint!("\r{pages_done} of {pages_total} pages copied{end}");
}
