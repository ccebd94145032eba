//! What surrounds an event: its place, its ids, and who asked for it when.

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::digest::Digest;
use crate::ids::{Actor, EventId, RequestId};

/// A number of events, and what it is before the first of them.
macro_rules! number_of_events {
    ($(#[$about:meta])* $name:ident, $(#[$about_none:meta])* $none:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub struct $name(pub u64);

        impl $name {
            $(#[$about_none])*
            pub const $none: Self = Self(0);

            /// One event later.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// One event earlier.
            #[must_use]
            pub const fn before(self) -> Self {
                Self(self.0.saturating_sub(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_of_events! {
    /// A place in the whole log: the first event is at 1, and there are no gaps.
    Position,
    /// Before the first event.
    START
}

number_of_events! {
    /// How many events a stream holds; as the version of an event, how many it holds with that
    /// event.
    Version,
    /// An empty stream.
    EMPTY
}

/// The longest stream name.
pub const STREAM_NAME_BYTES_MAX: usize = 128;

/// The name of a stream: `account-{account_id}`, `cutoff-{product}-{date}-{window}`, `rulebook`,
/// `books`, `recovery`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamName(SmolStr);

/// A text that cannot name a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream name: 1 to 128 printable ASCII characters without spaces")]
pub struct StreamNameError(String);

impl StreamName {
    /// Takes 1 to 128 printable ASCII characters without spaces.
    pub fn new(name: impl Into<SmolStr>) -> Result<Self, StreamNameError> {
        let name = name.into();
        let safe = !name.is_empty()
            && name.len() <= STREAM_NAME_BYTES_MAX
            && name.bytes().all(|b| b.is_ascii_graphic());
        if safe { Ok(Self(name)) } else { Err(StreamNameError(name.into())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event as it is handed to a store: named bytes that the store keeps and never reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Derived from the request; unique in the log.
    pub id: EventId,
    /// The stored name of the event's type.
    pub kind: String,
    /// The event: a compact JSON document.
    pub data: Vec<u8>,
    /// What surrounds it: a compact JSON document, [`Metadata`].
    pub metadata: Vec<u8>,
}

/// An event as a store gives it back, byte for byte as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place in the whole log.
    pub position: Position,
    /// The stream that holds it.
    pub stream: StreamName,
    /// The number of events in the stream up to and with it.
    pub version: Version,
    /// Derived from the request; unique in the log.
    pub id: EventId,
    /// The stored name of the event's type.
    pub kind: String,
    /// The event: a compact JSON document.
    pub data: Vec<u8>,
    /// What surrounds it: a compact JSON document, [`Metadata`].
    pub metadata: Vec<u8>,
}

/// What is recorded beside every event. The stored names are short because every event has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// When the request was received: the instant that decided. Receipts never decrease; their
    /// events may be recorded in another order, by as much as a command may take to decide.
    #[serde(rename = "at", with = "crate::iso")]
    #[schemars(with = "DateTime<Utc>")]
    pub received_at: DateTime<Utc>,
    /// The request that caused the event.
    #[serde(rename = "req")]
    pub request_id: RequestId,
    /// SHA-256 of the request's content, first 16 bytes in hex: tells a repeat from a reuse.
    #[serde(rename = "dig")]
    #[schemars(with = "String")]
    pub digest: Digest,
    /// Who asked.
    #[serde(rename = "by")]
    #[schemars(with = "String")]
    pub actor: Actor,
    /// The version of the rules that decided; its content is in the `rulebook` stream.
    #[serde(rename = "rules")]
    pub rules: String,
}
