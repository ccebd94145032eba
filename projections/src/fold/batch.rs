//! Events decoded ahead of the fold, so that decoding and writing run side by side.

use ledger::codec::{Fact, decode};
use ledger::envelope::{Metadata, Position, RecordedEvent, StreamName};
use ledger::streams::Stream;

use crate::error::Poison;

/// An event whose documents could be read.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) position: Position,
    pub(super) stream: Stream,
    pub(super) fact: Fact,
    pub(super) metadata: Metadata,
    /// To say what an event was.
    pub(super) kind: String,
    pub(super) name: StreamName,
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
        let RecordedEvent { position, stream: name, kind, data, metadata, .. } = recorded;
        let fact = decode(&kind, &data)?;
        let metadata = serde_json::from_slice(&metadata).map_err(Poison::Metadata)?;
        Ok(Self { position, stream: Stream::of(&name), fact, metadata, kind, name })
    }
}
