//! A store in memory whose appends of a chosen event wait, get lost, or lose their answer.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ledger::envelope::{Position, RecordedEvent, StreamName, Version};
use ledger::store::memory::Memory;
use ledger::store::{Append, AppendError, Appended, BoxFuture, EventStore, QueueFull, ReadError};
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
    /// The same, once the gate is opened.
    WriteLostAtGate,
    /// It is written, its answer is lost, and nothing can be read or written from then on.
    AnswerLostThenDown,
    /// It is written, and nothing can be read or written from then on.
    WrittenThenDown,
    /// Too much is waiting to be written already.
    QueueFull,
}

/// The store.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Memory,
    plan: Mutex<Option<(&'static str, Fault)>>,
    gate: Semaphore,
    waiting: AtomicUsize,
    down: AtomicBool,
    stream_reads: AtomicUsize,
    /// The most appends that came at one time.
    most_appends: AtomicUsize,
}

impl Faulty {
    /// A store without a fault.
    pub(crate) fn new() -> Self {
        let (plan, gate) = (Mutex::new(None), Semaphore::new(0));
        Self {
            inner: Memory::new(),
            plan,
            gate,
            waiting: AtomicUsize::new(0),
            down: AtomicBool::new(false),
            stream_reads: AtomicUsize::new(0),
            most_appends: AtomicUsize::new(0),
        }
    }

    /// Can nothing be read or written?
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// How often a stream was read.
    pub(crate) fn stream_reads(&self) -> usize {
        self.stream_reads.load(Ordering::SeqCst)
    }

    /// The most appends that came at one time.
    pub(crate) fn most_appends(&self) -> usize {
        self.most_appends.load(Ordering::SeqCst)
    }

    async fn pass_the_gate(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
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
            if self.down.load(Ordering::SeqCst) {
                return Err(AppendError::Unavailable("down".into()));
            }
            match self.fault_of(&append) {
                None => self.inner.append(append).await,
                Some(Fault::Waits) => {
                    self.pass_the_gate().await;
                    self.inner.append(append).await
                }
                Some(Fault::AnswerLost) => {
                    self.inner.append(append).await?;
                    Err(AppendError::Indeterminate("the answer is lost".into()))
                }
                Some(Fault::AnswerLostThenDown) => {
                    self.inner.append(append).await?;
                    self.set_down(true);
                    Err(AppendError::Indeterminate("the answer is lost".into()))
                }
                Some(Fault::WrittenThenDown) => {
                    let appended = self.inner.append(append).await;
                    self.set_down(true);
                    appended
                }
                Some(Fault::WriteLostAtGate) => {
                    self.pass_the_gate().await;
                    Err(AppendError::Indeterminate("the write is lost".into()))
                }
                Some(Fault::QueueFull) => Err(AppendError::Unavailable(QueueFull.into())),
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
            self.most_appends.fetch_max(appends.len(), Ordering::SeqCst);
            let mut outcomes = Vec::new();
            let mut failed = BTreeSet::new();
            for append in appends {
                let (stream, expected) = (append.stream().clone(), append.expected());
                let events = self.inner.read_stream(&stream, Version::EMPTY, usize::MAX).await;
                let actual = Version(u64::try_from(events.unwrap().len()).unwrap());
                // What follows an append that is not there conflicts, whatever came instead.
                if failed.contains(&stream) {
                    outcomes.push(Err(AppendError::Conflict { stream, expected, actual }));
                    continue;
                }
                let last = append.events().last().map(|event| event.id);
                outcomes.push(self.append(append).await);
                let events = self.inner.read_stream(&stream, Version::EMPTY, usize::MAX).await;
                if !events.unwrap().iter().any(|event| Some(event.id) == last) {
                    failed.insert(stream);
                }
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
        self.stream_reads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Box::pin(async { Err(ReadError::Unavailable("down".into())) });
        }
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
