//! Which streams of a cluster are the log: the ledger's own, by their names. Whatever else is in
//! the database is nobody's business here, and takes no position.

use super::notes::{COPY_STREAM, NOTES_PREFIX};
use crate::envelope::{STREAM_NAME_BYTES_MAX, StreamName};
use crate::streams::{self, FAMILIES, SINGLES};

/// Why an append is not sent: its stream is not counted, so that it would never have a position.
#[derive(Debug, thiserror::Error)]
#[error("stream {0} is none of the ledger's, and only those are counted on a cluster")]
pub(super) struct NotOurs(StreamName);

/// Is the stream part of the log?
pub(super) fn check(stream: &StreamName) -> Result<(), NotOurs> {
    if streams::is_ours(stream) { Ok(()) } else { Err(NotOurs(stream.clone())) }
}

/// Which streams a read of the whole log takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The ledger's, and the mark of a copy.
    Log,
    /// Every note, too: whoever begins at the last of them passes over less of what is not ours.
    LogAndNotes,
}

impl Taken {
    /// The names of the streams as the server looks for them: a regular expression without
    /// look-around, which takes nothing that is no name of a stream here.
    pub(super) fn filter(self) -> String {
        let family = |family: &str| {
            let rest = STREAM_NAME_BYTES_MAX.saturating_sub(family.len());
            format!("{family}[!-~]{{0,{rest}}}")
        };
        let families = FAMILIES.map(family).join("|");
        let notes = match self {
            Self::Log => COPY_STREAM.to_owned(),
            Self::LogAndNotes => family(NOTES_PREFIX),
        };
        format!(r"^(?:{families}|{}|{notes})\z", SINGLES.join("|"))
    }
}
