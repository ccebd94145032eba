//! The offline check of a whole log: what an auditor runs.

use std::path::Path;

use super::block::EventView;
use super::chain::scan;
use super::fault::OpenError;
use super::file::{end_text, noted_end, open_to_inspect};
use super::gathered::{self, CopyState};
use super::head_file;
use super::index::{Index, Rows};
use super::index_file::{self, Unusable};
use super::reader::Reader;
use super::recovery::block_end;
use super::witness::Witness;
use crate::causes::with_causes;
use crate::envelope::{Metadata, Position, RecordedEvent};

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

/// What the index beside a log is, which an opening believes if it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexState {
    /// There is none: the next opening reads the whole log.
    Absent,
    /// It cannot be used, for this reason, and the next opening makes another one.
    LeftAside(String),
    /// It leads to the events of the log up to this position.
    Fits(Position),
    /// It would be believed, and leads elsewhere than to the event at this position.
    Differs(Position),
}

/// What lies beside a log and was derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// `events.index`: where the events of each stream are.
    pub index: IndexState,
    /// `streams.db`: long streams, gathered.
    pub streams: CopyState,
}

/// Checks the log in a data directory: the checksum and the chain of every block, positions and
/// versions without gaps, and metadata that can be read. Writes nothing, and takes no lock: a
/// process may serve the directory meanwhile. A log that `HEAD` knows more of, or otherwise, is
/// refused, and so is one that another is being copied into.
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

/// Checks the log in a data directory as [`verify_with`] does, and what was derived from it and
/// lies beside it.
pub fn verify_with_derived(
    directory: &Path,
    check: impl FnMut(RecordedEvent) -> Result<(), String>,
) -> Result<(Report, Derived), OpenError> {
    head_file::confirmed(directory, |path| {
        let (connection, access, log_id) = open_to_inspect(path)?;
        // Read before the log, which may go on, and may have another index by then.
        let stored = match index_file::read(directory, log_id) {
            Ok(stored) => Ok(stored),
            Err(Unusable::Missing) => Err(IndexState::Absent),
            Err(problem) => Err(IndexState::LeftAside(with_causes(&problem))),
        };
        let up_to = stored.as_ref().ok().map(|(_, end)| end.position);
        let Indexed { report, index: own, rows } = indexed(path, up_to, recorded(check))?;
        let index = match (stored, rows) {
            (Err(state), _) => state,
            (Ok((index, end)), Some(rows)) => {
                let found = block_end(&connection, log_id, end.position);
                if found.map_err(|fault| fault.into_open(path))? == end {
                    let differs = index.rows().difference(&rows);
                    differs.map_or(IndexState::Fits(end.position), IndexState::Differs)
                } else {
                    let position = end.position;
                    let problem = format!("the log has no such block at position {position}");
                    IndexState::LeftAside(problem)
                }
            }
            (Ok((_, end)), None) => {
                let (known, head) = (end.position, report.head.position);
                IndexState::LeftAside(format!("it goes to position {known}, and the log to {head}"))
            }
        };
        let log = Reader::new(path.to_owned(), access, log_id, own);
        let streams = gathered::check(directory, &log);
        Ok(((report, Derived { index, streams }), report.head))
    })
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
    head_file::confirmed(directory, |path| {
        let report = check(path, see)?;
        Ok((report, report.head))
    })
}

/// Checks the log at `path`, and hands every event to `check`.
pub(super) fn check(
    path: &Path,
    check: impl FnMut(EventView<'_>) -> Result<(), String>,
) -> Result<Report, OpenError> {
    indexed(path, None, check).map(|indexed| indexed.report)
}

/// A log that was found whole.
struct Indexed {
    report: Report,
    index: Index,
    /// What the index held at the position that was asked for, if the log goes so far.
    rows: Option<Rows>,
}

/// The same, and what comes of it besides.
fn indexed(
    path: &Path,
    up_to: Option<Position>,
    mut check: impl FnMut(EventView<'_>) -> Result<(), String>,
) -> Result<Indexed, OpenError> {
    let (connection, _, log_id) = open_to_inspect(path)?;
    let (mut index, mut rows) = (Index::default(), None);
    let scanned = scan(&connection, log_id, |event| {
        if up_to == Some(index.position()) {
            rows = Some(index.rows());
        }
        index.add(event.stream, event.version, event.position)?;
        let metadata = serde_json::from_slice::<Metadata>(event.metadata);
        metadata.map_err(|error| format!("the metadata cannot be read: {error}"))?;
        check(event)
    });
    let (head, blocks) = scanned.map_err(|fault| fault.into_open(path))?;
    if let Some((known, noted)) = noted_end(&connection, path)? {
        if known > head.position {
            let (path, head) = (path.to_owned(), head.position);
            return Err(OpenError::EndMissing { path, known, head });
        }
        let end = block_end(&connection, log_id, known).map_err(|fault| fault.into_open(path))?;
        if end_text(&end) != noted {
            let problem = "it was copied with another end".to_owned();
            return Err(OpenError::HeadDiffers { path: path.to_owned(), position: known, problem });
        }
    }
    if up_to == Some(index.position()) {
        rows = Some(index.rows());
    }
    let streams = index.streams();
    let report = Report { events: head.position.0, blocks, streams, head: head.witness(log_id) };
    Ok(Indexed { report, index, rows })
}
