//! Events in a line, numbered from 1 without gaps: those of a stream by their versions, or all of
//! them by their positions.

use std::sync::Arc;

use ledger::envelope::{Position, RecordedEvent, StreamName, Version};
use ledger::store::{EventStore, ReadError, read_up_to_damage};

/// Which line is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// One stream.
    Stream(StreamName),
    /// What no stream here can be called: there is nothing in it, and never will be.
    Nothing(Vec<u8>),
    /// The whole log.
    All,
}

/// The line.
#[derive(Debug)]
pub(super) struct Line {
    store: Arc<dyn EventStore>,
    source: Source,
}

impl Line {
    pub(super) const fn new(store: Arc<dyn EventStore>, source: Source) -> Self {
        Self { store, source }
    }

    /// The number of an event.
    pub(super) const fn number(&self, event: &RecordedEvent) -> u64 {
        match self.source {
            Source::Stream(_) | Source::Nothing(_) => event.version.0,
            Source::All => event.position.0,
        }
    }

    /// The events whose number is above `after`, at most `limit`. Damage among them ends the page
    /// before it: who goes on from there meets it.
    pub(super) async fn page(
        &self,
        after: u64,
        limit: u64,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        if self.source != Source::All {
            return self.whole_page(after, limit).await;
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        read_up_to_damage(self.store.as_ref(), Position(after), limit).await
    }

    /// The same, and damage anywhere among them is met at once.
    pub(super) async fn whole_page(
        &self,
        after: u64,
        limit: u64,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match &self.source {
            Source::Stream(stream) => self.store.read_stream(stream, Version(after), limit).await,
            Source::Nothing(_) => Ok(Vec::new()),
            Source::All => self.store.read_all(Position(after), limit).await,
        }
    }

    /// The number up to which a read forwards goes: that of the last event of the log now. A stream
    /// does not know its length, and is read until it has no more.
    pub(super) async fn end(&self) -> Result<u64, ReadError> {
        match &self.source {
            Source::Stream(_) | Source::Nothing(_) => Ok(u64::MAX),
            Source::All => Ok(self.store.head().await?.0),
        }
    }

    /// Is it a stream that does not exist?
    pub(super) async fn is_missing(&self) -> Result<bool, ReadError> {
        Ok(self.source != Source::All && !self.has(1).await?)
    }

    /// The number of the last event, 0 if there is none. That of a stream is found in as many steps
    /// as it has binary digits, twice: only who reads from there asks for it.
    pub(super) async fn last(&self) -> Result<u64, ReadError> {
        if self.source == Source::All {
            return Ok(self.store.head().await?.0);
        }
        let mut high: u64 = 1;
        while self.has(high).await? {
            high = high.saturating_mul(2);
        }
        // The last one is at `low` or above it, and below `high`.
        let mut low = high / 2;
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            if self.has(middle).await? { low = middle } else { high = middle }
        }
        Ok(low)
    }

    async fn has(&self, number: u64) -> Result<bool, ReadError> {
        Ok(!self.page(number.saturating_sub(1), 1).await?.is_empty())
    }

    /// The last position of the whole log.
    pub(super) async fn head(&self) -> Result<Position, ReadError> {
        self.store.head().await
    }

    /// Waits until the log has grown past `position`.
    pub(super) async fn wait_past(&self, position: Position) -> Result<(), ReadError> {
        self.store.wait_past(position).await.map(|_| ())
    }
}
