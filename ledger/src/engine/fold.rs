//! An account as its stream tells it: state, and the outcome of every request so far.

#![expect(clippy::disallowed_types, reason = "looked up by id only; the order is never seen")]

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{EngineError, Request};
use crate::codec::{self, Fact};
use crate::digest::Digest;
use crate::domain::account::events::Event;
use crate::domain::account::evolve;
use crate::domain::account::state::{Account, OpenAccount};
use crate::envelope::{Metadata, Position, RecordedEvent, StreamName, Version};
use crate::ids::RequestId;
use crate::store::{BoxError, EventStore};

/// How many events are read at once.
const PAGE_EVENTS: usize = 512;

/// An account folded from its stream.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// The state. Whoever answers with it shares it.
    pub account: Arc<Account>,
    /// How many events it was folded from.
    pub version: Version,
    /// The version of the last of them that had an effect.
    pub changed: Version,
    /// The place of the last of them in the log.
    pub position: Position,
    /// What came of every request: the stream itself is the memory.
    pub requests: HashMap<RequestId, Outcome>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The digest of its content.
    pub digest: Digest,
    /// The version of its last event.
    pub last: Version,
    /// The place of that event in the log.
    pub position: Position,
}

impl Outcome {
    /// What came of the request whose last event is `recorded`.
    pub(super) fn of(recorded: &RecordedEvent, metadata: &Metadata) -> Self {
        let (last, position) = (recorded.version, recorded.position);
        Self { digest: metadata.digest, last, position }
    }
}

/// What an account was before requests were followed that may come to nothing.
#[derive(Debug)]
pub(super) struct Mark {
    account: Arc<Account>,
    version: Version,
    changed: Version,
    position: Position,
}

impl Folded {
    /// The account, if it is on the books.
    pub fn open(&self) -> Option<&OpenAccount> {
        self.account.open()
    }

    /// Follows the events of a request, the last of which is at `position`.
    pub(super) fn follow_request(
        &mut self,
        events: &[Event],
        request: &Request,
        digest: Digest,
        position: Position,
    ) {
        for event in events {
            let version = self.version.next();
            self.follow_event(event, version, request.receipt.at());
        }
        self.position = position;
        let outcome = Outcome { digest, last: self.version, position };
        self.requests.insert(request.request_id, outcome);
    }

    /// What [`undo`](Self::undo) needs.
    pub(super) fn mark(&self) -> Mark {
        let (version, changed, position) = (self.version, self.changed, self.position);
        Mark { account: Arc::clone(&self.account), version, changed, position }
    }

    /// Forgets `requests`, which are all that were followed since `mark`.
    pub(super) fn undo(&mut self, mark: Mark, requests: &[RequestId]) {
        (self.account, self.position) = (mark.account, mark.position);
        (self.version, self.changed) = (mark.version, mark.changed);
        for request in requests {
            self.requests.remove(request);
        }
    }

    /// Writes down where the events of a batch's requests on this account are, in order, once that
    /// is known.
    pub(super) fn place(&mut self, written: &[(RequestId, Position)]) {
        for (request, position) in written {
            self.position = *position;
            if let Some(outcome) = self.requests.get_mut(request) {
                outcome.position = *position;
            }
        }
    }

    fn follow(&mut self, recorded: &RecordedEvent, metadata: &Metadata, event: &Event) {
        self.follow_event(event, recorded.version, metadata.received_at);
        self.position = recorded.position;
        self.requests.insert(metadata.request_id, Outcome::of(recorded, metadata));
    }

    fn follow_event(&mut self, event: &Event, version: Version, received_at: DateTime<Utc>) {
        let account = Arc::make_mut(&mut self.account);
        *account = evolve(std::mem::take(account), event, received_at);
        self.version = version;
        if event.has_effect() {
            self.changed = version;
        }
    }
}

/// The metadata of a recorded event.
pub(super) fn metadata(recorded: &RecordedEvent) -> Result<Metadata, EngineError> {
    codec::read(&recorded.metadata).map_err(|cause| {
        let (position, cause) = (recorded.position, cause.into());
        EngineError::Damaged { position, account: None, cause }
    })
}

/// What `pick` takes of the fact that a recorded event is: damage if that is another one than its
/// stream holds, or none that can be read.
pub(super) fn fact_of<T>(
    recorded: &RecordedEvent,
    pick: impl FnOnce(Fact) -> Option<T>,
) -> Result<T, EngineError> {
    let RecordedEvent { stream, kind, position, .. } = recorded;
    let other = || format!("a {kind} in the stream {stream}").into();
    codec::decode(kind, &recorded.data)
        .map_err(BoxError::from)
        .and_then(|fact| pick(fact).ok_or_else(other))
        .map_err(|cause| EngineError::Damaged { position: *position, account: None, cause })
}

/// The event of an account that a recorded event is.
pub(super) fn account_event(recorded: &RecordedEvent) -> Result<Event, EngineError> {
    fact_of(recorded, |fact| if let Fact::Account(event) = fact { Some(event) } else { None })
}

/// Up to when the log is taken into account: what was known then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAt {
    /// Events up to this position count.
    Position(Position),
    /// Events count whose request was received at or before this instant, wherever they stand:
    /// receipts may be recorded in another order, by as much as a command may take to decide.
    Time(DateTime<Utc>),
}

/// Which events of a stream are folded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    /// All of them.
    All,
    /// The first so many.
    Version(Version),
    /// Those that were known.
    Known(KnownAt),
}

impl Counted {
    /// Does nothing that counts come from `recorded` on?
    fn ends_before(self, recorded: &RecordedEvent) -> bool {
        match self {
            Self::All | Self::Known(KnownAt::Time(_)) => false,
            Self::Version(last) => recorded.version > last,
            Self::Known(KnownAt::Position(last)) => recorded.position > last,
        }
    }

    fn holds(self, metadata: &Metadata) -> bool {
        match self {
            Self::Known(KnownAt::Time(last)) => metadata.received_at <= last,
            Self::All | Self::Version(_) | Self::Known(KnownAt::Position(_)) => true,
        }
    }
}

/// Folds the events of `stream` that count.
pub(super) async fn fold_stream(
    store: &dyn EventStore,
    stream: &StreamName,
    counted: Counted,
) -> Result<Folded, EngineError> {
    fold_with(store, stream, counted, |_| {}).await
}

/// Does what may take a while on a thread that may be busy for so long.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| EngineError::Unavailable(fault.into()))
}

/// Folds several streams whole: they are read at one go, and folded on a thread that may be busy
/// for a while. Fails whole; who wants to know which stream it was folds them one by one.
pub(super) async fn fold_streams(
    store: &dyn EventStore,
    streams: &[StreamName],
) -> Result<Vec<Folded>, EngineError> {
    let pages = store.read_streams(streams, PAGE_EVENTS).await?;
    let fold = move || -> Result<Vec<_>, EngineError> {
        let fold_page = |page: Vec<RecordedEvent>| {
            let mut folded = Folded::default();
            fold_page(&mut folded, &page, Counted::All, &mut |_| {})?;
            Ok((folded, page.len() < PAGE_EVENTS))
        };
        pages.into_iter().map(fold_page).collect()
    };
    let folded = beside(fold).await??;
    let mut whole = Vec::with_capacity(folded.len());
    for (stream, (folded, is_whole)) in streams.iter().zip(folded) {
        let folded =
            if is_whole { folded } else { fold_stream(store, stream, Counted::All).await? };
        whole.push(folded);
    }
    Ok(whole)
}

/// An event that was folded, and the account after it.
pub(super) struct Seen<'a> {
    pub(super) recorded: &'a RecordedEvent,
    pub(super) metadata: &'a Metadata,
    pub(super) event: &'a Event,
    pub(super) after: &'a Folded,
}

/// Folds the events of `stream` that count, and shows each to `see`.
pub(super) async fn fold_with(
    store: &dyn EventStore,
    stream: &StreamName,
    counted: Counted,
    see: impl FnMut(Seen<'_>),
) -> Result<Folded, EngineError> {
    fold_from(store, stream, Folded::default(), counted, see).await
}

/// The account with what its stream holds beyond what it was folded from: one read, if nothing is.
pub(super) async fn fold_on(
    store: &dyn EventStore,
    stream: &StreamName,
    folded: &Arc<Folded>,
) -> Result<Arc<Folded>, EngineError> {
    if store.read_stream(stream, folded.version, 1).await?.is_empty() {
        return Ok(Arc::clone(folded));
    }
    let before = Folded::clone(folded);
    Ok(Arc::new(fold_from(store, stream, before, Counted::All, |_| {}).await?))
}

async fn fold_from(
    store: &dyn EventStore,
    stream: &StreamName,
    mut folded: Folded,
    counted: Counted,
    mut see: impl FnMut(Seen<'_>),
) -> Result<Folded, EngineError> {
    let mut read = folded.version;
    loop {
        let page = store.read_stream(stream, read, PAGE_EVENTS).await?;
        let goes_on = fold_page(&mut folded, &page, counted, &mut see)?;
        let Some(last) = page.last().filter(|_| goes_on && page.len() == PAGE_EVENTS) else {
            return Ok(folded);
        };
        read = last.version;
    }
}

/// Folds one page of events. False if nothing that counts comes after it.
fn fold_page(
    folded: &mut Folded,
    page: &[RecordedEvent],
    counted: Counted,
    see: &mut impl FnMut(Seen<'_>),
) -> Result<bool, EngineError> {
    for recorded in page {
        if counted.ends_before(recorded) {
            return Ok(false);
        }
        let metadata = metadata(recorded)?;
        if !counted.holds(&metadata) {
            continue;
        }
        let event = account_event(recorded)?;
        folded.follow(recorded, &metadata, &event);
        let (metadata, event) = (&metadata, &event);
        see(Seen { recorded, metadata, event, after: folded });
    }
    Ok(true)
}
