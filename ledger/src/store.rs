//! The event store port: what the ledger needs of whatever keeps its events.
//!
//! The contract is the conformance suite in the acceptance package, one test per promise, run by
//! every adapter. In short: streams are numbered without gaps, the whole log is numbered without
//! gaps, an append is all or nothing, an acknowledged append is durable, and the bytes that come
//! back are the bytes that went in.

pub mod embedded;
pub mod eventstore;
pub mod memory;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::causes::with_causes;
use crate::envelope::{NewEvent, Position, RecordedEvent, StreamName, Version};

/// A boxed future: the port is used behind `dyn`, since the adapter is chosen by configuration.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The cause of a failure, kept for the log and never sent to a client.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The most events in one append.
pub const APPEND_EVENTS_MAX: usize = 1024;

/// The longest name of an event's type, in bytes.
pub(crate) const EVENT_KIND_BYTES_MAX: usize = 128;

/// The most bytes of one event: its data and its metadata together.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// What the writer believes about the stream. There is no "any": a blind write cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The stream does not exist yet.
    NoStream,
    /// The stream holds exactly so many events, at least one.
    Exactly(Version),
}

impl Expected {
    /// What a writer expects that has seen `version` events.
    pub fn after(version: Version) -> Self {
        if version == Version::EMPTY { Self::NoStream } else { Self::Exactly(version) }
    }

    /// The number of events that is expected.
    pub const fn version(self) -> Version {
        match self {
            Self::NoStream => Version::EMPTY,
            Self::Exactly(version) => version,
        }
    }
}

/// Events for one stream, to be added all or not at all.
///
/// An append that no store could take cannot be built, so a store has no failure for it.
#[derive(Debug, Clone)]
pub struct Append {
    stream: StreamName,
    expected: Expected,
    events: Vec<NewEvent>,
}

/// Why these events cannot be an append: a mistake in the program, which no retry mends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendShapeError {
    /// Nothing to add. Who has nothing to say does not append.
    #[error("an append needs at least one event")]
    Empty,
    /// More than [`APPEND_EVENTS_MAX`] events.
    #[error("{events} events in one append are more than {APPEND_EVENTS_MAX}")]
    TooManyEvents {
        /// How many there were.
        events: usize,
    },
    /// A type name that is empty or over [`EVENT_KIND_BYTES_MAX`] bytes.
    #[error("the type name of event {index} has {bytes} bytes, not 1 to {EVENT_KIND_BYTES_MAX}")]
    Kind {
        /// The place of the event in the append, from 0.
        index: usize,
        /// The length of its type name.
        bytes: usize,
    },
    /// Data and metadata over [`EVENT_BYTES_MAX`] bytes.
    #[error("event {index} has {bytes} bytes, more than {EVENT_BYTES_MAX}")]
    TooLarge {
        /// The place of the event in the append, from 0.
        index: usize,
        /// The length of its data and metadata.
        bytes: usize,
    },
}

impl Append {
    /// Takes 1 to [`APPEND_EVENTS_MAX`] events, each within its bounds.
    pub fn new(
        stream: StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Self, AppendShapeError> {
        if events.is_empty() {
            return Err(AppendShapeError::Empty);
        }
        if events.len() > APPEND_EVENTS_MAX {
            return Err(AppendShapeError::TooManyEvents { events: events.len() });
        }
        for (index, event) in events.iter().enumerate() {
            let bytes = event.kind.len();
            if bytes == 0 || bytes > EVENT_KIND_BYTES_MAX {
                return Err(AppendShapeError::Kind { index, bytes });
            }
            let bytes = event.data.len().saturating_add(event.metadata.len());
            if bytes > EVENT_BYTES_MAX {
                return Err(AppendShapeError::TooLarge { index, bytes });
            }
        }
        Ok(Self { stream, expected, events })
    }

    /// The stream.
    pub const fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// What the writer believes about the stream.
    pub const fn expected(&self) -> Expected {
        self.expected
    }

    /// What to add, in order.
    pub fn events(&self) -> &[NewEvent] {
        &self.events
    }
}

/// Which streams an append of the same request failed on: what builds on it was decided on events
/// that are not there.
#[derive(Debug, Default)]
struct Failed<'a>(std::collections::BTreeMap<&'a StreamName, Version>);

impl<'a> Failed<'a> {
    /// Notes that `append` failed.
    fn note(&mut self, append: &'a Append) {
        let expected = append.expected.version();
        let first = self.0.entry(&append.stream).or_insert(expected);
        *first = expected.min(*first);
    }

    /// Does `append` expect what a failed one would have left behind?
    fn precedes(&self, append: &Append) -> bool {
        self.0.get(&append.stream).is_some_and(|first| append.expected.version() > *first)
    }
}

/// Where the events of an append are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The place of the last event of the append.
    pub position: Position,
    /// The number of events that the stream holds now.
    pub version: Version,
}

/// Why an append has not been acknowledged. Three, because the caller does three different things.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another writer came first. Nothing was written: read again and decide again.
    #[error("stream {stream} holds {actual} events, not {}", expected.version())]
    Conflict {
        /// The stream.
        stream: StreamName,
        /// What the writer believed.
        expected: Expected,
        /// How many events it holds.
        actual: Version,
    },
    /// Nothing was written, and a retry may work.
    #[error("the event store is unavailable")]
    Unavailable(#[source] BoxError),
    /// The answer was lost: the events may be there or not. Read the stream for their ids.
    #[error("the outcome of the append is unknown")]
    Indeterminate(#[source] BoxError),
}

/// The cause of an [`AppendError::Unavailable`] of a store that has too much to write already:
/// what tells a caller to slow down from what tells it that something is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much is waiting to be written")]
pub struct QueueFull;

/// Why a read has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A retry may work.
    #[error("the event store is unavailable")]
    Unavailable(#[source] BoxError),
    /// What is stored is not what was written.
    #[error("the log is damaged at position {position}: {cause}")]
    Damaged {
        /// The first event that cannot be trusted.
        position: Position,
        /// What does not fit.
        cause: String,
    },
}

/// The event store. Cheap to share; every method may be called from many tasks at once.
pub trait EventStore: Send + Sync + std::fmt::Debug + 'static {
    /// Adds events to one stream. Acknowledged means durable. The append goes on if the caller
    /// drops the future.
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        let appending = self.append_many(vec![append]);
        Box::pin(async move {
            let unanswered = || Err(AppendError::Indeterminate("no answer".into()));
            appending.await.pop().unwrap_or_else(unanswered)
        })
    }

    /// Adds to several streams, each append for itself, in order; they may share one durable
    /// commit. A later append to the same stream expects what the earlier one leaves behind, and
    /// conflicts if that one failed, even where another writer left just as many events.
    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>>;

    /// The same, but only those to one stream are in order: a store to which each append is a round
    /// trip makes several at one time.
    fn append_apart(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        self.append_many(appends)
    }

    /// The events of `stream` whose version is above `after`, in order, at most `limit`. An unknown
    /// stream has none.
    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>>;

    /// The first events of each of several streams, at most `limit` of each: what
    /// [`read_stream`](Self::read_stream) would give from the start. A store that can read them at
    /// one go does.
    fn read_streams<'a>(
        &'a self,
        streams: &'a [StreamName],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Vec<RecordedEvent>>, ReadError>> {
        Box::pin(async move {
            let mut pages = Vec::with_capacity(streams.len());
            for stream in streams {
                pages.push(self.read_stream(stream, Version::EMPTY, limit).await?);
            }
            Ok(pages)
        })
    }

    /// The events whose position is above `after`, in order. Returns at least one if there is one,
    /// and at most `limit`.
    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>>;

    /// The position of the last durable event.
    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>>;

    /// Waits until the log holds an event above `after`, and returns its head then. Fails once the
    /// store has stopped.
    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>>;

    /// What other writers of the same log can be told, if there can be any. Where there can be,
    /// what was read before may be behind: who answers reads on first.
    fn shared(&self) -> Option<&dyn Notes> {
        None
    }
}

/// A note that the writers of one log pass among themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// How often it was written.
    pub version: Version,
    /// What it says. Empty if it was never written.
    pub text: Vec<u8>,
}

/// Notes beside the log, which are no part of it: they have no positions, no projection sees them,
/// and no copy of the log carries them.
pub trait Notes: Send + Sync + std::fmt::Debug {
    /// The note of that name, as it was written last.
    fn note<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Note, ReadError>>;

    /// Writes the note of that name anew, unless somebody did since it was at `after`.
    fn write_note<'a>(
        &'a self,
        name: &'a str,
        after: Version,
        text: &'a [u8],
    ) -> BoxFuture<'a, Result<(), AppendError>>;
}

/// Reads as [`EventStore::read_all`] does, and gives what is whole before damage: who goes on from
/// there meets the damage at once.
pub async fn read_up_to_damage(
    store: &dyn EventStore,
    after: Position,
    limit: usize,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let read = store.read_all(after, limit).await;
    let Err(ReadError::Damaged { position, .. }) = &read else { return read };
    let whole = position.0.saturating_sub(after.0).saturating_sub(1);
    match usize::try_from(whole) {
        Ok(whole) if whole > 0 && whole < limit => store.read_all(after, whole).await,
        Ok(_) | Err(_) => read,
    }
}

/// How often a shared store that does not answer yet is tried, and how long between two attempts.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// Tries again what a store that others keep does not answer yet, as long as it may come back. One
/// that nobody shares does not come back by itself.
pub async fn patiently<T, E, F>(
    store: &dyn EventStore,
    ask: impl Fn() -> F,
    is_transient: impl Fn(&E) -> bool,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: std::error::Error + From<ReadError> + 'static,
{
    for attempt in 1..ATTEMPTS {
        match ask().await {
            Err(error) if store.shared().is_some() && is_transient(&error) => {
                let error = with_causes(&error);
                tracing::warn!(attempt, error, "the event store does not answer yet");
            }
            done => return done,
        }
        // The highest position is never reached: what ends the pause early is a store that has
        // stopped for good.
        let stopped = store.wait_past(Position(u64::MAX));
        if let Ok(stopped) = tokio::time::timeout(PAUSE, stopped).await {
            stopped?;
        }
    }
    ask().await
}
