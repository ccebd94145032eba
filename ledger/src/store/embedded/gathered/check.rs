//! The offline check of the copy of long streams: each of its events against the log.

use std::path::Path;

use super::super::block::EventView;
use super::super::file::open_reader;
use super::super::reader::Reader;
use super::piece::{self, COLUMNS};
use super::{check_format, confirm, path};
use crate::causes::with_causes;
use crate::envelope::{Position, StreamName};
use crate::store::BoxError;

/// What the copy beside a log is, which readers of a server believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyState {
    /// There is none: streams are read from the log's blocks.
    Absent,
    /// It cannot be used, for this reason, and a server begins another one.
    LeftAside(String),
    /// It holds so many events, which are as the log has them.
    Fits(u64),
    /// It holds something else than the event at this position.
    Differs(Position),
}

/// Compares the copy in `directory` with what `log` reads.
pub(in super::super) fn check(directory: &Path, log: &Reader) -> CopyState {
    let path = path(directory);
    if !path.exists() {
        return CopyState::Absent;
    }
    let compared = compare(&path, log);
    compared.unwrap_or_else(|problem| CopyState::LeftAside(with_causes(problem.as_ref())))
}

fn compare(path: &Path, log: &Reader) -> Result<CopyState, BoxError> {
    let connection = open_reader(path, log.access)?;
    check_format(&connection)?;
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM pieces"))?;
    let mut rows = statement.query([])?;
    let (mut same, mut confirmed) = (0_u64, None);
    while let Some(row) = rows.next()? {
        let (head, events) = piece::read(row)?;
        if confirmed != Some(head) {
            confirm(log, head)?;
            confirmed = Some(head);
        }
        let Some(first) = events.first() else { continue };
        let stream = StreamName::new(first.stream)?;
        let logged = log.logged(&stream, first.version.before(), events.len())?;
        for (event, logged) in events.into_iter().zip(&logged) {
            if event != EventView::of(logged) {
                return Ok(CopyState::Differs(logged.position));
            }
            same = same.saturating_add(1);
        }
    }
    Ok(CopyState::Fits(same))
}
