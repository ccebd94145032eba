//! Which events were appended together. An append is all or nothing, and half of one is never
//! restored or replicated.

use super::block::EventView;

/// What caused an event: neighbours in one stream with the same metadata are of one append, since
/// that names the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    stream: String,
    metadata: Vec<u8>,
}

impl Cause {
    pub(super) fn of(event: &EventView<'_>) -> Self {
        Self { stream: event.stream.to_owned(), metadata: event.metadata.to_vec() }
    }

    /// Did it cause this event, too, which comes next?
    pub(super) fn goes_on_with(&self, event: &EventView<'_>) -> bool {
        self.stream == event.stream && self.metadata == event.metadata
    }
}
