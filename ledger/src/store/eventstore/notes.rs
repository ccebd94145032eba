//! Notes: what gateways tell each other beside the log, each in a stream of its own that is not
//! counted. One of them marks the log as the target of a copy.

use uuid::Uuid;

use super::Cluster;
use super::answers::Failure;
use super::follow::unavailable;
use super::wire::Wire;
use crate::envelope::{NewEvent, StreamName, Version};
use crate::ids::{EventId, name_based};
use crate::store::{AppendError, BoxFuture, Expected, Note, Notes, ReadError};

/// The note that a copy of another log into this one leaves until it has come to its end.
pub const COPY_NOTE: &str = "copy";

/// What the names of their streams begin with.
pub(super) const NOTES_PREFIX: &str = "payledger-";

/// The stream of that note: everybody who follows the log meets the mark where it is in the order
/// of all events, before the first that is copied.
pub(super) const COPY_STREAM: &str = "payledger-copy";

/// Why a note cannot be written any more.
#[derive(Debug, thiserror::Error)]
#[error(
    "stream {0} was deleted for good, and nothing can be written to it any more: copy the log into \
     a fresh database with `payledger copy-log`, and use that one"
)]
struct DeletedForGood(String);

/// The note of that name, as it was written last. One whose stream was deleted is none, whether for
/// good or not: that is how somebody who knows better takes it away.
pub(super) async fn read_note(wire: &Wire, name: &str) -> Result<Note, ReadError> {
    let last = match wire.last(&note_stream(name)).await {
        Err(Failure::Deleted) => None,
        last => last.map_err(unavailable)?,
    };
    let note = last.map(|last| Note { version: last.version, text: last.data });
    Ok(note.unwrap_or_default())
}

/// The stream of a note: outside what is counted as the log.
fn note_stream(name: &str) -> String {
    format!("{NOTES_PREFIX}{name}")
}

/// The namespace of the ids of notes.
const NOTES: Uuid = Uuid::from_u128(0x6e07_e5b1_58a1_5a5e_9d01_43a6_66b1_0c2f);

impl Notes for Cluster {
    fn note<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Note, ReadError>> {
        Box::pin(read_note(&self.wire, name))
    }

    fn write_note<'a>(
        &'a self,
        name: &'a str,
        after: Version,
        text: &'a [u8],
    ) -> BoxFuture<'a, Result<(), AppendError>> {
        Box::pin(async move {
            let stream = note_stream(name);
            let id = [stream.as_bytes(), &after.0.to_be_bytes(), text].concat();
            let event = NewEvent {
                id: EventId::from_uuid(name_based(&NOTES, &id)),
                kind: "Note".to_owned(),
                data: text.to_vec(),
                metadata: Vec::new(),
            };
            let expected = Expected::after(after);
            match self.wire.append(&stream, expected, &[event], None).await {
                Ok(_) => Ok(()),
                Err(Failure::Conflict(actual)) => {
                    let stream = StreamName::new(stream)
                        .map_err(|error| AppendError::Unavailable(error.into()))?;
                    Err(AppendError::Conflict { stream, expected, actual })
                }
                Err(Failure::Deleted) => {
                    Err(AppendError::Unavailable(DeletedForGood(stream).into()))
                }
                Err(Failure::Unknown(cause)) => Err(AppendError::Indeterminate(cause)),
                Err(Failure::NotDone(cause)) => Err(AppendError::Unavailable(cause)),
                Err(late @ Failure::NotInTime) => Err(AppendError::Unavailable(late.into())),
            }
        })
    }
}
