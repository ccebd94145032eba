//! `payledger inspect`: what a log holds, at a glance or in detail.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use ledger::envelope::{Metadata, Position, RecordedEvent};
use ledger::ids::AccountId;

use super::{each_event, event_document, is_of, report_fields};
use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::client::audit::{write_event, write_heading};
use crate::cli::output::Output;
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};
use crate::convert::time::rfc3339;

/// How verbs show what can be asked.
pub(crate) const EXAMPLE: &str = "Examples:
  payledger inspect                    # what the log holds
  payledger inspect --position 42      # one event
  payledger inspect --account auto-1   # the events of one account";

/// What is looked at.
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// Shows the event at this position.
    #[arg(long, conflicts_with = "account")]
    pub position: Option<u64>,
    /// Shows the events of this account.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// The ledger to read.
    #[command(flatten)]
    pub data: DataDir,
}

/// Shows what was asked for. The log is checked on the way.
pub fn run(args: &InspectArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    if let Some(position) = args.position {
        return one_event(args, Position(position), form, out);
    }
    if let Some(account) = &args.account {
        return events_of(args, account, form, out);
    }
    summary(args, form, out)
}

fn one_event(
    args: &InspectArgs,
    position: Position,
    form: Output,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut found = None;
    each_event(&args.data.path, |event| {
        if event.position == position {
            found = Some(event_document(event));
        }
        Ok(())
    })?;
    let event = found.ok_or_else(|| {
        CliError::NotFound(format!("the log holds no event at position {position}"))
    })?;
    view::write(out, &event, View::Object, form).map_err(CliError::output())
}

fn events_of(
    args: &InspectArgs,
    account: &AccountId,
    form: Output,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut count = 0_u64;
    each_event(&args.data.path, |event| {
        if !is_of(event, Some(account)) {
            return Ok(());
        }
        if count == 0 {
            write_heading(out, form).map_err(CliError::output())?;
        }
        count = count.saturating_add(1);
        write_event(out, &event_document(event), form).map_err(CliError::output())
    })?;
    if count == 0 {
        return Err(CliError::NotFound(format!("the log holds no events of account {account}")));
    }
    Ok(())
}

/// What is counted for a summary.
#[derive(Debug, Default)]
struct Counts {
    by_type: BTreeMap<String, u64>,
    receipts: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Counts {
    fn see(&mut self, event: &RecordedEvent) {
        let count = self.by_type.entry(event.kind.clone()).or_default();
        *count = count.saturating_add(1);
        let Ok(metadata) = serde_json::from_slice::<Metadata>(&event.metadata) else { return };
        let at = metadata.received_at;
        let (first, last) = self.receipts.unwrap_or((at, at));
        self.receipts = Some((first.min(at), last.max(at)));
    }
}

fn summary(args: &InspectArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let mut counts = Counts::default();
    let report = each_event(&args.data.path, |event| {
        counts.see(event);
        Ok(())
    })?;
    let mut fields = report_fields(&report);
    if let Some((first, last)) = counts.receipts {
        fields.push(Document::field("first_received_time", rfc3339(first)));
        fields.push(Document::field("last_received_time", rfc3339(last)));
    }
    let by_type = counts.by_type.into_iter();
    let by_type = by_type.map(|(kind, count)| Document::field(&kind, count)).collect();
    fields.push(("events_by_type".to_owned(), Document::Object(by_type)));
    view::write(out, &Document::Object(fields), View::Object, form).map_err(CliError::output())
}
