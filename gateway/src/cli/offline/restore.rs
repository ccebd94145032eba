//! `payledger restore`: a backup becomes a data directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use ledger::causes::with_causes;
use ledger::domain::recovery::events::{KnownBy, LossCause};
use ledger::envelope::Position;
use ledger::store::embedded::{self, OpenError};
use uuid::Uuid;

use super::loss::{Known, LossArgs, Recovered, loss_field};
use super::report_fields;
use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::output::{Output, tell};
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
    let (mut lost, mut superseded) = (None, None);
    let (directory, lost_dir) = (&args.data.path, args.loss.lost_dir.as_deref());
    let to = args.to_position.map(Position);
    let restored = embedded::restore(&args.from, directory, to, |restored| {
        // Two that go on from here would both give out the next positions.
        let _still = lost_dir.map(embedded::stand_still).transpose().map_err(CliError::from)?;
        let kept = restored.report.head;
        let cut = kept.position < restored.backup.position;
        let recovered = Recovered {
            cause: if cut { LossCause::RestoreToPosition } else { LossCause::Restore },
            kept,
            extent: restored.extent,
            from: &args.from,
            reference: &args.from,
            into: directory,
            known: Known {
                by: KnownBy::Backup,
                head: restored.backup,
                extent: embedded::extent(&args.from)?,
            },
        };
        lost = args.loss.work_out(&recovered)?;
        superseded = lost_dir.map(|lost_dir| retire(lost_dir, kept.log_id, directory));
        Ok(lost.as_ref().map(|lost| serde_json::to_vec(&lost.record)).transpose()?)
    })?;
    let mut fields = vec![Document::field("data_dir", directory.display().to_string())];
    fields.extend(report_fields(&restored.report));
    fields.push(Document::field("backup_head_position", restored.backup.position.0));
    if let Some(retired) = superseded {
        fields.push(Document::field("lost_dir_superseded", retired.is_ok()));
        if let Err(error) = retired {
            let cause = with_causes(&error);
            tell(&format!("--lost-dir could not be marked, so see that nobody serves it: {cause}"));
        }
    }
    fields.push(loss_field(lost.as_ref()));
    view::write(out, &Document::Object(fields), View::Object, form).map_err(CliError::output())
}

/// Keeps the lost log from being served: another goes on in its place, this one or one before.
fn retire(lost_dir: &Path, log_id: Uuid, by: &Path) -> Result<(), OpenError> {
    match embedded::refuse_second_place(lost_dir, by) {
        Err(OpenError::Superseded { .. }) => Ok(()),
        unmarked => unmarked.and_then(|()| embedded::supersede(lost_dir, log_id, by)),
    }
}
