//! The smallest correct store, events in a vector: for fast tests, and the example for an adapter.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Append, AppendError, Appended, BoxFuture, EventStore, Failed, ReadError};
use crate::envelope::{Position, RecordedEvent, StreamName, Version};

/// Keeps events for as long as the process runs.
#[derive(Debug)]
pub struct Memory {
    log: Mutex<Log>,
    head: watch::Sender<Position>,
}

#[derive(Debug, Default)]
struct Log {
    events: Vec<RecordedEvent>,
    /// For each stream the places of its events in `events`, in order.
    streams: BTreeMap<StreamName, Vec<usize>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self { log: Mutex::default(), head: watch::Sender::new(Position::START) }
    }

    /// Nothing under the lock can panic half-way, so a poisoned lock still guards a whole log.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    /// Every append in order, each against what the earlier ones left behind.
    fn append_all(&mut self, appends: &[Append]) -> Vec<Result<Appended, AppendError>> {
        let mut failed = Failed::default();
        let one = |append| {
            let outcome = self.append(append, failed.precedes(append));
            if outcome.is_err() {
                failed.note(append);
            }
            outcome
        };
        appends.iter().map(one).collect()
    }

    fn append(&mut self, append: &Append, orphan: bool) -> Result<Appended, AppendError> {
        let events = self.streams.get(append.stream()).map_or(0, Vec::len);
        let mut version = Version(u64::try_from(events).unwrap_or(u64::MAX));
        if orphan || append.expected().version() != version {
            return Err(AppendError::Conflict {
                stream: append.stream().clone(),
                expected: append.expected(),
                actual: version,
            });
        }
        let mut position = self.head();
        let places = self.streams.entry(append.stream().clone()).or_default();
        for event in append.events() {
            (position, version) = (position.next(), version.next());
            places.push(self.events.len());
            self.events.push(RecordedEvent {
                position,
                stream: append.stream().clone(),
                version,
                id: event.id,
                kind: event.kind.clone(),
                data: event.data.clone(),
                metadata: event.metadata.clone(),
            });
        }
        Ok(Appended { position, version })
    }

    fn head(&self) -> Position {
        self.events.last().map_or(Position::START, |event| event.position)
    }

    fn stream(&self, stream: &StreamName, after: Version, limit: usize) -> Vec<RecordedEvent> {
        let places = self.streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        let events = places.iter().filter_map(|&place| self.events.get(place));
        events.skip_while(|event| event.version <= after).take(limit).cloned().collect()
    }

    fn all(&self, after: Position, limit: usize) -> Vec<RecordedEvent> {
        let start = self.events.partition_point(|event| event.position <= after);
        self.events.iter().skip(start).take(limit).cloned().collect()
    }
}

impl EventStore for Memory {
    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        let mut log = self.log();
        let answers = log.append_all(&appends);
        self.head.send_replace(log.head());
        drop(log);
        Box::pin(async { answers })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>> {
        Box::pin(async move { Ok(self.log().stream(stream, after, limit)) })
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        Box::pin(async move { Ok(self.log().all(after, limit)) })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(async { Ok(*self.head.borrow()) })
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>> {
        let mut head = self.head.subscribe();
        Box::pin(async move {
            let reached = head.wait_for(|head| *head > after).await;
            reached.map(|head| *head).map_err(|stopped| ReadError::Unavailable(stopped.into()))
        })
    }
}
