//! The offline check of a whole log: what an auditor runs.

use std::path::Path;

use super::block::EventView;
use super::chain::scan;
use super::fault::OpenError;
use super::file::{LOG_FILE, open_to_inspect};
use super::head_file;
use super::index::Index;
use super::recovery::block_end;
use super::witness::Witness;
use crate::envelope::{Metadata, RecordedEvent};

/// What a log holds that was found whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// How many events.
    pub events: u64,
    /// In how many blocks.
    pub blocks: u64,
    /// In how many streams.
    pub streams: usize,
    /// The log's id, its last position, and the chain's value there: it stands for all of it.
    pub head: Witness,
}

/// Checks the log in a data directory: the checksum and the chain of every block, positions and
/// versions without gaps, and metadata that can be read. Writes nothing, and takes no lock: a
/// process may serve the directory meanwhile. A log that `HEAD` knows more of, or otherwise, is
/// refused.
///
/// The first damage is the answer, since nothing after it can be trusted.
pub fn verify(directory: &Path) -> Result<Report, OpenError> {
    in_directory(directory, |_| Ok(()))
}

/// Checks a log that lies elsewhere, such as a backup, as [`verify`] does.
pub fn verify_file(path: &Path) -> Result<Report, OpenError> {
    check(path, |_| Ok(()))
}

/// Checks the log in a data directory as [`verify`] does, and hands every event to `check`, whose
/// error is taken for damage at that event's position.
pub fn verify_with(
    directory: &Path,
    check: impl FnMut(RecordedEvent) -> Result<(), String>,
) -> Result<Report, OpenError> {
    in_directory(directory, recorded(check))
}

/// Checks a log that lies elsewhere, such as a backup, as [`verify_with`] does.
pub fn verify_file_with(
    path: &Path,
    check: impl FnMut(RecordedEvent) -> Result<(), String>,
) -> Result<Report, OpenError> {
    self::check(path, recorded(check))
}

fn recorded(
    mut check: impl FnMut(RecordedEvent) -> Result<(), String>,
) -> impl FnMut(EventView<'_>) -> Result<(), String> {
    move |event| event.to_recorded().map_err(|error| error.to_string()).and_then(&mut check)
}

fn in_directory(
    directory: &Path,
    see: impl FnMut(EventView<'_>) -> Result<(), String>,
) -> Result<Report, OpenError> {
    // Read first: what is appended meanwhile is not looked for.
    let known = head_file::read(directory)?;
    let path = directory.join(LOG_FILE);
    let report = check(&path, see)?;
    if let Some(known) = known {
        head_file::check(directory, &known, &report.head, |at| {
            let (connection, _, log_id) = open_to_inspect(&path)?;
            let end = block_end(&connection, log_id, at);
            Ok(end.map_err(|fault| fault.into_open(&path))?.witness(log_id))
        })?;
    }
    Ok(report)
}

/// Checks the log at `path`, and hands every event to `check`.
pub(super) fn check(
    path: &Path,
    mut check: impl FnMut(EventView<'_>) -> Result<(), String>,
) -> Result<Report, OpenError> {
    let (connection, _, log_id) = open_to_inspect(path)?;
    let mut index = Index::default();
    let scanned = scan(&connection, log_id, |event| {
        index.add(event.stream, event.version, event.position)?;
        let metadata = serde_json::from_slice::<Metadata>(event.metadata);
        metadata.map_err(|error| format!("the metadata cannot be read: {error}"))?;
        check(event)
    });
    let (head, blocks) = scanned.map_err(|fault| fault.into_open(path))?;
    let streams = index.streams();
    Ok(Report { events: head.position.0, blocks, streams, head: head.witness(log_id) })
}
