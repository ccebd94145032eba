//! `payledger promote`: a standby becomes a data directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use ledger::causes::with_causes;
use ledger::domain::recovery::events::{KnownBy, LossCause};
use ledger::store::embedded::{self, Extent, Standby, Witness};

use super::loss::{Known, LossArgs, Recovered, loss_field};
use super::report_fields;
use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::output::{Output, tell};
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};
use crate::convert::time::rfc3339;

/// What is promoted.
#[derive(Debug, clap::Args)]
pub struct PromoteArgs {
    /// What is known of the log beyond the standby.
    #[command(flatten)]
    pub loss: LossArgs,
    /// The standby.
    #[command(flatten)]
    pub data: DataDir,
}

/// Promotes, and tells what the log holds and what is lost.
pub fn run(args: &PromoteArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let directory = &args.data.path;
    let log = directory.join(embedded::LOG_FILE);
    let (mut lost, mut superseded) = (None, Vec::new());
    let promoted = embedded::promote(directory, |promoted| {
        // Two that go on from here would both give out the next positions. The log may have come
        // through other standbys, from one that is served.
        let source = Path::new(&promoted.standby.source);
        let sources = embedded::sources(&promoted.standby);
        let mut still = Vec::new();
        for source in &sources {
            still.push(embedded::stand_still(source).map_err(CliError::from)?);
            embedded::refuse_second_place(source, directory).map_err(CliError::from)?;
        }
        let seen = promoted.standby.seen;
        let log_id = promoted.report.head.log_id;
        let recovered = Recovered {
            cause: LossCause::Promotion,
            kept: promoted.report.head,
            extent: promoted.extent,
            from: source,
            reference: &log,
            into: directory,
            known: Known {
                by: KnownBy::Standby,
                head: Witness { log_id, position: seen.position, chain: seen.chain },
                extent: seen.extent,
            },
        };
        lost = args.loss.work_out(&recovered)?;
        // First: a promotion that is cut off then is done again, and none is served meanwhile.
        let supersede = |source: &PathBuf| embedded::supersede(source, log_id, directory);
        superseded = sources.iter().map(supersede).collect();
        Ok(lost.as_ref().map(|lost| serde_json::to_vec(&lost.record)).transpose()?)
    })?;
    let mut fields = vec![Document::field("data_dir", directory.display().to_string())];
    fields.extend(report_fields(&promoted.report));
    fields.extend(standby_fields(&promoted.standby, promoted.extent));
    fields.push(Document::field("source_superseded", superseded.iter().all(Result::is_ok)));
    for error in superseded.iter().filter_map(|marked| marked.as_ref().err()) {
        let cause = with_causes(error);
        tell(&format!("the source could not be marked, so see that nobody serves it: {cause}"));
    }
    fields.push(loss_field(lost.as_ref()));
    view::write(out, &Document::Object(fields), View::Object, form).map_err(CliError::output())
}

/// What a standby had seen of its source, and what it had not received of that.
pub(super) fn standby_fields(standby: &Standby, own: Extent) -> Vec<(String, Document)> {
    let seen = &standby.seen;
    let mut fields = vec![
        Document::field("source", standby.source.as_str()),
        Document::field("source_head_position", seen.position.0),
        Document::field("source_chain", seen.chain.to_string()),
        Document::field("source_seen_time", rfc3339(seen.seen_time)),
    ];
    fields.extend(lag_fields(seen.extent.beyond(own)));
    fields
}

/// What would be lost with the source.
pub(super) fn lag_fields(lag: Extent) -> Vec<(String, Document)> {
    vec![
        Document::field("lag_blocks", lag.blocks),
        Document::field("lag_events", lag.events),
        Document::field("lag_bytes", lag.bytes),
    ]
}

#[cfg(test)]
mod tests {
    use ledger::envelope::Position;
    use ledger::store::embedded::{ChainHash, SourceHead};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn when_the_source_was_seen_is_told_as_every_instant_is() {
        let at = "2026-03-03T15:00:00.125Z";
        let (position, chain, extent) = (Position(7), ChainHash([7; 32]), Extent::default());
        let seen = SourceHead { position, chain, extent, seen_time: at.parse().unwrap() };
        let standby = Standby { log_id: Uuid::nil(), source: "./data".to_owned(), seen };
        let told = format!("{:?}", standby_fields(&standby, extent));
        assert!(told.contains(at), "{told}");
    }
}
