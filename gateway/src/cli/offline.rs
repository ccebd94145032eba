//! The tools that need no server: they read the log's file, and may run beside a server.

mod affected;
pub mod backup;
pub mod export;
pub mod inspect;
pub mod loss;
pub mod projections;
pub mod promote;
pub mod replay;
pub mod replicate;
pub mod restore;
pub mod verify;

use std::path::Path;

use ledger::causes::with_causes;
use ledger::codec::{self, Fact};
use ledger::envelope::{Metadata, Position, RecordedEvent};
use ledger::ids::AccountId;
use ledger::store::embedded::{self, Report};
use ledger::streams;

use super::CliError;
use super::render::document::Document;
use super::render::message;

/// Reads the log from its beginning, and checks on the way what the store promises: checksums, the
/// chain, positions and versions without gaps. The first error ends it.
fn each_event(
    directory: &Path,
    mut see: impl FnMut(&RecordedEvent) -> Result<(), CliError>,
) -> Result<Report, CliError> {
    let mut stopped = None;
    let read = embedded::verify_with(directory, |event| {
        see(&event).map_err(|error| {
            let cause = error.to_string();
            stopped = Some(error);
            cause
        })
    });
    match stopped {
        Some(error) => Err(error),
        None => Ok(read?),
    }
}

/// What an event says, and what surrounds it.
fn decoded(event: &RecordedEvent) -> Result<(Metadata, Fact), CliError> {
    let broken = |cause: &dyn std::fmt::Display| {
        CliError::Integrity(format!("the event at position {}: {cause}", event.position))
    };
    let metadata = serde_json::from_slice(&event.metadata).map_err(|error| broken(&error))?;
    let fact =
        codec::decode(&event.kind, &event.data).map_err(|error| broken(&with_causes(&error)))?;
    Ok((metadata, fact))
}

/// An event as it was recorded, as the server sends it.
fn event_document(event: &RecordedEvent) -> Document {
    Document::Object(vec![
        Document::field("position", event.position.0),
        Document::field("stream", event.stream.as_str()),
        Document::field("version", event.version.0),
        Document::field("event_id", event.id.to_string()),
        Document::field("type", event.kind.as_str()),
        ("data".to_owned(), message::recorded(&event.data)),
        ("metadata".to_owned(), message::recorded(&event.metadata)),
    ])
}

/// Does the event belong to `account`? To any, if none is named.
fn is_of(event: &RecordedEvent, account: Option<&AccountId>) -> bool {
    account.is_none_or(|account| event.stream == streams::of_account(account))
}

/// Refuses a position that the log, which ends at `head`, does not reach: it is another log than is
/// asked about, or has lost its end.
fn reached(flag: &str, position: u64, head: Position) -> Result<(), CliError> {
    if position > head.0 {
        return Err(CliError::Usage(format!("{flag} is above the head of the log, {head}")));
    }
    Ok(())
}

/// What a log that was found whole holds.
fn report_fields(report: &Report) -> Vec<(String, Document)> {
    vec![
        Document::field("log_id", report.head.log_id.to_string()),
        Document::field("format", u64::from(embedded::FORMAT)),
        Document::field("head_position", report.head.position.0),
        Document::field("chain", report.head.chain.to_string()),
        Document::field("events", report.events),
        Document::field("blocks", report.blocks),
        Document::field("streams", u64::try_from(report.streams).unwrap_or(u64::MAX)),
    ]
}

#[cfg(test)]
mod tests;
