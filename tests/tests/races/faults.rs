//! A store in memory whose appends of a chosen event wait, get lost, or lose their answer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ledger::envelope::{Position, RecordedEvent, StreamName, Version};
use ledger::store::memory::Memory;
use ledger::store::{Append, AppendError, Appended, BoxFuture, EventStore, ReadError};
use tokio::sync::Semaphore;

/// What happens to an append that holds the chosen event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It waits until the gate is opened.
    Waits,
    /// It is written, and its answer is lost.
    AnswerLost,
    /// It is not written, and nobody can say so.
    WriteLost,
}

/// The store.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Memory,
    plan: Mutex<Option<(&'static str, Fault)>>,
    gate: Semaphore,
    waiting: AtomicUsize,
}

impl Faulty {
    /// A store without a fault.
    pub(crate) fn new() -> Self {
        let (plan, gate) = (Mutex::new(None), Semaphore::new(0));
        Self { inner: Memory::new(), plan, gate, waiting: AtomicUsize::new(0) }
    }

    /// The next append with an event of this kind meets the fault.
    pub(crate) fn plan(&self, kind: &'static str, fault: Fault) {
        *self.plan.lock().unwrap() = Some((kind, fault));
    }

    /// Lets one append go on that waits.
    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1);
    }

    /// Comes back once an append waits at the gate.
    pub(crate) async fn somebody_waits(&self) {
        while self.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }

    fn fault_of(&self, append: &Append) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let (kind, fault) = (*plan)?;
        let meets = append.events().iter().any(|event| event.kind == kind);
        if meets {
            *plan = None;
        }
        meets.then_some(fault)
    }
}

impl EventStore for Faulty {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        Box::pin(async move {
            match self.fault_of(&append) {
                None => self.inner.append(append).await,
                Some(Fault::Waits) => {
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                    self.gate.acquire().await.unwrap().forget();
                    self.inner.append(append).await
                }
                Some(Fault::AnswerLost) => {
                    self.inner.append(append).await?;
                    Err(AppendError::Indeterminate("the answer is lost".into()))
                }
                Some(Fault::WriteLost) => {
                    Err(AppendError::Indeterminate("the write is lost".into()))
                }
            }
        })
    }

    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        Box::pin(async move {
            let mut outcomes = Vec::new();
            for append in appends {
                outcomes.push(self.append(append).await);
            }
            outcomes
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>> {
        self.inner.read_stream(stream, after, limit)
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        self.inner.read_all(after, limit)
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.inner.head()
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.inner.wait_past(after)
    }
}
