//! Events decoded ahead of the fold, so that decoding and writing run side by side.

use ledger::codec::{Fact, decode};
use ledger::envelope::{Metadata, Position, RecordedEvent};
use ledger::streams::Stream;

use crate::error::Poison;

/// An event whose documents could be read.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) position: Position,
    pub(super) stream: Stream,
    pub(super) fact: Fact,
    pub(super) metadata: Metadata,
    /// As it was recorded, to say what an event was.
    pub(super) recorded: RecordedEvent,
}

/// Events in order, up to the first that cannot be read.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Decoded>,
    /// What is wrong with the event behind them.
    pub(crate) poison: Option<Poison>,
}

impl Batch {
    pub(crate) fn decode(recorded: Vec<RecordedEvent>) -> Self {
        let mut events = Vec::with_capacity(recorded.len());
        for event in recorded {
            match Decoded::new(event) {
                Ok(decoded) => events.push(decoded),
                Err(poison) => return Self { events, poison: Some(poison) },
            }
        }
        Self { events, poison: None }
    }
}

impl Decoded {
    fn new(recorded: RecordedEvent) -> Result<Self, Poison> {
        let fact = decode(&recorded.kind, &recorded.data)?;
        let metadata = serde_json::from_slice(&recorded.metadata).map_err(Poison::Metadata)?;
        let (position, stream) = (recorded.position, Stream::of(&recorded.stream));
        Ok(Self { position, stream, fact, metadata, recorded })
    }
}
