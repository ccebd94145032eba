//! What the cluster answers, in our words.

use super::notes::{COPY_STREAM, NOTES_PREFIX};
use crate::envelope::Version;
use crate::ids::EventId;
use crate::store::BoxError;

/// An event as the cluster gives it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its place in the order of all events, in which there are gaps.
    pub(super) commit: u64,
    pub(super) stream: String,
    pub(super) version: Version,
    pub(super) id: EventId,
    pub(super) kind: String,
    pub(super) data: Vec<u8>,
    pub(super) metadata: Vec<u8>,
}

impl Found {
    /// Is it no event of the log, but the mark of a copy into it, or the end of one?
    pub(super) fn is_mark(&self) -> bool {
        self.stream == COPY_STREAM
    }

    /// Is it a note, a mark among them? None has a position.
    pub(super) fn is_note(&self) -> bool {
        self.stream.starts_with(NOTES_PREFIX)
    }
}

/// Why a call had no answer, by what the caller can know.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The stream holds another number of events.
    #[error("the stream holds {0} events")]
    Conflict(Version),
    /// The stream was deleted for good.
    #[error("the stream was deleted for good: its name is of no use any more in this database")]
    Deleted,
    /// Nothing was written.
    #[error("the cluster did not take the call")]
    NotDone(#[source] BoxError),
    /// It could not be sent in time. Nothing was written.
    #[error("the cluster could not be reached in time")]
    NotInTime,
    /// The answer was lost.
    #[error("the cluster's answer was lost")]
    Unknown(#[source] BoxError),
}
