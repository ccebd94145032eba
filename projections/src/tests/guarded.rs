//! A log whose reading is in a test's hands.

use std::fmt;
use std::sync::Arc;

use ledger::envelope::{Position, RecordedEvent, StreamName, Version};
use ledger::store::{Append, AppendError, Appended, BoxFuture, EventStore, ReadError};

/// How many events a read may give, or why it fails, when the guard likes.
type Allowed = BoxFuture<'static, Result<usize, ReadError>>;

/// Is asked at every read behind a position.
type Guard = dyn Fn(Position) -> Allowed + Send + Sync;

/// The log, and who guards it.
pub(super) struct Guarded(Arc<dyn EventStore>, Box<Guard>);

impl Guarded {
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        guard: impl Fn(Position) -> Allowed + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self(store, Box::new(guard)))
    }

    /// Reads up to `last`, and behind it fails.
    pub(super) fn up_to(
        last: Position,
        store: Arc<dyn EventStore>,
        failure: fn(Position) -> ReadError,
    ) -> Arc<Self> {
        Self::new(store, move |after| {
            let left = last.0.saturating_sub(after.0);
            let failure = (left == 0).then(|| failure(after.next()));
            Box::pin(async move { failure.map_or_else(|| Ok(usize::try_from(left).unwrap()), Err) })
        })
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.0).finish_non_exhaustive()
    }
}

impl EventStore for Guarded {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        self.0.append(append)
    }

    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        self.0.append_many(appends)
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>> {
        self.0.read_stream(stream, after, limit)
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        let allowed = (self.1)(after);
        Box::pin(async move { self.0.read_all(after, limit.min(allowed.await?)).await })
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.0.head()
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.0.wait_past(after)
    }
}
