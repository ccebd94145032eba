//! `payledger restore`: a backup becomes a data directory.

use std::io::Write;
use std::path::PathBuf;

use ledger::domain::recovery::events::{KnownBy, LossCause};
use ledger::envelope::Position;
use ledger::store::embedded;

use super::loss::{Known, LossArgs, Recovered, loss_field};
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
    /// Brings back only what was recorded up to this position, which must be the end of a request.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to_position: Option<u64>,
    /// What is known of the log beyond the backup.
    #[command(flatten)]
    pub loss: LossArgs,
    /// A directory that is empty or missing.
    #[command(flatten)]
    pub data: DataDir,
}

/// Restores, and tells what the log holds now and what is lost.
pub fn run(args: &RestoreArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let mut lost = None;
    let to = args.to_position.map(Position);
    let restored = embedded::restore(&args.from, &args.data.path, to, |restored| {
        let kept = restored.report.head;
        let cut = kept.position < restored.backup.position;
        let recovered = Recovered {
            cause: if cut { LossCause::RestoreToPosition } else { LossCause::Restore },
            kept,
            extent: restored.extent,
            from: &args.from,
            reference: &args.from,
            promoted: None,
            known: Known {
                by: KnownBy::Backup,
                head: restored.backup,
                extent: embedded::extent(&args.from)?,
            },
        };
        lost = args.loss.work_out(&recovered)?;
        Ok(lost.as_ref().map(|lost| serde_json::to_vec(&lost.record)).transpose()?)
    })?;
    let mut fields = vec![Document::field("data_dir", args.data.path.display().to_string())];
    fields.extend(report_fields(&restored.report));
    fields.push(Document::field("backup_head_position", restored.backup.position.0));
    fields.push(loss_field(lost.as_ref()));
    view::write(out, &Document::Object(fields), View::Object, form).map_err(CliError::output())
}
