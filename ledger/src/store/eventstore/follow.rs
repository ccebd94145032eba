//! Follows the cluster's log and numbers it: the ledger's events have positions without gaps, the
//! cluster's have gaps. The order is the same for everybody, and so is the numbering.
//!
//! Who appends waits here until its events are numbered, and learns whether they are its own: the
//! server takes an append whose event ids are there already for a repeat and says that it is
//! written, even if what was written is something else.

mod broken;
mod mend;
mod shortfall;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use broken::Broken;
use shortfall::lags;

use super::OpenError;
use super::answers::{Failure, Found};
use super::ours::Taken;
use super::places::{Place, Places};
use super::wire::Wire;
use crate::causes::with_causes;
use crate::envelope::{NewEvent, Position, StreamName, Version};
use crate::store::{Append, BoxError, ReadError};

/// How many events are read at once.
const PAGE_EVENTS: usize = 512;

/// What became of an append that the server took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its events are in the log; the last of them is here.
    Own(Position),
    /// Other events are in their place, or they had been there before.
    Others,
}

/// The numbered log.
#[derive(Debug)]
pub(super) struct Follower {
    wire: Arc<Wire>,
    numbered: Mutex<Numbered>,
    head: watch::Sender<Position>,
    /// Why the log cannot be followed any more.
    broken: watch::Sender<Option<Broken>>,
    /// Is the log followed no further than to the mark of a copy?
    heeds_marks: AtomicBool,
    /// Held by whoever reads on.
    turn: tokio::sync::Mutex<()>,
    /// How many rounds of reading have begun, the last of them that came to its end, and the last
    /// that had no answer, with its cause.
    begun: AtomicU64,
    done: AtomicU64,
    unanswered: Mutex<(u64, String)>,
}

#[derive(Debug)]
struct Numbered {
    places: Places,
    /// The last that was read: the last place, or a note behind it.
    seen: Option<Place>,
    /// Since when the log was seen to end before that, again and again.
    short_since: Option<Instant>,
    waiting: BTreeMap<StreamName, Vec<Waiter>>,
    next_waiter: u64,
}

/// An append under way.
#[derive(Debug)]
struct Waiter {
    id: u64,
    first: Version,
    events: Vec<NewEvent>,
    /// Is everything seen so far its own?
    own: bool,
    answer: oneshot::Sender<Verdict>,
}

/// The wait of one append for its events to be numbered.
#[derive(Debug)]
pub(super) struct Wait {
    follower: Arc<Follower>,
    stream: StreamName,
    id: u64,
    pub(super) answer: oneshot::Receiver<Verdict>,
    /// Up to where the log was numbered when the wait began.
    pub(super) since: u64,
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut numbered = self.follower.numbered();
        if let Some(waiters) = numbered.waiting.get_mut(&self.stream) {
            waiters.retain(|waiter| waiter.id != self.id);
            if waiters.is_empty() {
                numbered.waiting.remove(&self.stream);
            }
        }
    }
}

impl Follower {
    /// Goes on from what is numbered already.
    pub(super) fn new(wire: Arc<Wire>, places: Places) -> Self {
        let head = watch::Sender::new(places.head());
        let (waiting, seen) = (BTreeMap::new(), places.last());
        let numbered = Numbered { places, seen, short_since: None, waiting, next_waiter: 0 };
        let numbered = Mutex::new(numbered);
        let (broken, turn) = (watch::Sender::new(None), tokio::sync::Mutex::default());
        let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let (heeds_marks, unanswered) = (AtomicBool::new(false), Mutex::default());
        Self { wire, numbered, head, broken, heeds_marks, turn, begun, done, unanswered }
    }

    /// From now on the log is followed no further than to the mark that another one is being copied
    /// into it: what is behind the mark is answered for by nobody.
    pub(super) fn heed_marks(&self) {
        self.heeds_marks.store(true, Ordering::SeqCst);
    }

    /// Is it followed so: by a gateway, and not by who copies a log?
    pub(super) fn is_heeding(&self) -> bool {
        self.heeds_marks.load(Ordering::SeqCst)
    }

    /// Numbers what the log holds now. Many who ask at once are served by two rounds of reading,
    /// also where these have no answer: a node that hangs is not waited for by one after another.
    pub(super) async fn read_on(&self) -> Result<(), ReadError> {
        let asked = self.begun.load(Ordering::SeqCst);
        let _turn = self.turn.lock().await;
        // A round that began after this call saw everything that this call is about.
        if self.done.load(Ordering::SeqCst) > asked {
            return Ok(());
        }
        if let (round, cause) = &*self.last_failure()
            && *round > asked
        {
            return Err(ReadError::Unavailable(cause.as_str().into()));
        }
        let round = self.begun.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let read = self.read_round().await;
        match &read {
            Ok(()) => self.done.store(round, Ordering::SeqCst),
            Err(ReadError::Unavailable(cause)) => {
                *self.last_failure() = (round, with_causes(&**cause));
            }
            // The log is broken, which everybody is told.
            Err(ReadError::Damaged { .. }) => {}
        }
        read
    }

    fn last_failure(&self) -> MutexGuard<'_, (u64, String)> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_round(&self) -> Result<(), ReadError> {
        loop {
            let seen = self.check()?.seen;
            let limit = PAGE_EVENTS.saturating_add(1);
            // From a note on, if one was read last: gateways that run write one every some seconds,
            // and however much others write, no look has to pass over more than came since.
            let from = seen.map(|seen| seen.commit);
            let page = self.wire.read_log(Taken::LogAndNotes, from, limit).await;
            let page = page.map_err(|failure| self.unanswered(failure))?;
            let is_there = page.first().map(place_of) == seen;
            if !is_there && self.was_note(seen) {
                continue;
            }
            // A note behind the lost end of a log does not hide that it is lost.
            let is_beside = |found: &Found| found.is_note() && !found.is_mark();
            match seen {
                Some(seen) if !is_there && page.iter().all(is_beside) => {
                    return Err(self.falls_short(seen).await);
                }
                Some(_) | None => self.numbered().short_since = None,
            }
            let read = page.len();
            self.take(page, seen)?;
            if read < limit {
                return Ok(());
            }
        }
    }

    /// Begins to wait for the events of an append, before it is sent.
    pub(super) fn wait_for(self: &Arc<Self>, append: &Append) -> Wait {
        let (answer, verdict) = oneshot::channel();
        let mut numbered = self.numbered();
        let id = numbered.next_waiter;
        numbered.next_waiter = id.wrapping_add(1);
        let first = append.expected().version().next();
        let events = append.events().to_vec();
        let waiter = Waiter { id, first, events, own: true, answer };
        numbered.waiting.entry(append.stream().clone()).or_default().push(waiter);
        let since = numbered.places.last().map_or(0, |last| last.commit);
        drop(numbered);
        let (follower, stream) = (Arc::clone(self), append.stream().clone());
        Wait { follower, stream, id, answer: verdict, since }
    }

    /// The last position.
    pub(super) fn head(&self) -> Position {
        *self.head.borrow()
    }

    /// Up to where the log is numbered.
    pub(super) fn commit(&self) -> u64 {
        self.numbered().places.last().map_or(0, |last| last.commit)
    }

    /// Waits until the log is numbered past `after`.
    pub(super) async fn wait_past(&self, after: Position) -> Result<Position, ReadError> {
        let mut head = self.head.subscribe();
        let mut broken = self.broken.subscribe();
        tokio::select! {
            reached = head.wait_for(|head| *head > after) => {
                reached.map(|head| *head).map_err(|stopped| ReadError::Unavailable(stopped.into()))
            }
            _ = broken.wait_for(Option::is_some) => {
                let closed = || ReadError::Unavailable("the store is closed".into());
                Err(self.broken().map_or_else(closed, ReadError::from))
            }
        }
    }

    /// Why the log cannot be followed any more, if that is so.
    pub(super) fn failure(&self) -> Option<OpenError> {
        self.broken().map(OpenError::from)
    }

    fn broken(&self) -> Option<Broken> {
        self.broken.borrow().clone()
    }

    fn numbered(&self) -> MutexGuard<'_, Numbered> {
        self.numbered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places, unless the log is broken.
    fn check(&self) -> Result<MutexGuard<'_, Numbered>, ReadError> {
        match self.broken() {
            Some(broken) => Err(broken.into()),
            None => Ok(self.numbered()),
        }
    }

    fn break_off(&self, broken: Broken) -> ReadError {
        tracing::error!(cause = %broken, "the log cannot be followed any more");
        self.broken.send_replace(Some(broken.clone()));
        broken.into()
    }

    /// Follows the log no further: it has something else where `position` was.
    pub(super) fn differs(&self, position: Position) -> ReadError {
        let cause = "the cluster no longer holds the event that was read there: its log was \
                     truncated, or it is another cluster"
            .to_owned();
        self.break_off(Broken::Differs { position, cause })
    }

    /// Was it a note that was read last? Notes may be removed from the cluster: then it is read on
    /// from the last event of the log.
    fn was_note(&self, seen: Option<Place>) -> bool {
        let mut numbered = self.numbered();
        numbered.seen = numbered.places.last();
        numbered.seen != seen
    }

    /// Numbers a page, whose first event is the last that was read already.
    fn take(&self, page: Vec<Found>, seen: Option<Place>) -> Result<(), ReadError> {
        let mut numbered = self.numbered();
        let mut events = self.unread(page, seen, numbered.places.head())?;
        let heeds = self.is_heeding();
        let stops = |found: &Found| heeds && found.is_mark() && !found.data.is_empty();
        let mark = events.iter().position(stops);
        let beyond = mark.map(|place| events.split_off(place));
        let seen = events.last().map(place_of).or(seen);
        events.retain(|found| !found.is_note());
        let places: Vec<_> = events.iter().map(place_of).collect();
        let mut position = numbered.places.head();
        let kept = numbered.places.extend(&places);
        kept.map_err(|error| ReadError::Unavailable(error.into()))?;
        numbered.seen = seen;
        for found in events {
            position = position.next();
            numbered.tell(&found, position);
        }
        // Under the lock: the head never goes back.
        self.head.send_replace(position);
        match beyond.as_ref().and_then(|beyond| beyond.first()) {
            None => Ok(()),
            Some(mark) => {
                let what = String::from_utf8_lossy(&mark.data).into_owned();
                Err(self.break_off(Broken::Copied(what)))
            }
        }
    }

    /// What a page has behind the last that was read already, which is its first: in order, and the
    /// same as before.
    fn unread(
        &self,
        page: Vec<Found>,
        seen: Option<Place>,
        position: Position,
    ) -> Result<Vec<Found>, ReadError> {
        let mut events = page.into_iter();
        if let Some(seen) = seen {
            let Some(again) = events.next() else { return Err(lags()) };
            if place_of(&again) != seen {
                return Err(self.differs(position));
            }
        }
        let events: Vec<_> = events.collect();
        let mut before = seen.map_or(0, |seen| seen.commit);
        for found in &events {
            if found.commit <= before {
                let cause = format!("two events are at commit position {}", found.commit);
                return Err(self.break_off(Broken::Differs { position, cause }));
            }
            before = found.commit;
        }
        Ok(events)
    }
}

impl Numbered {
    /// Tells whoever waits for this event. Of several who wait for the same one, one gets it.
    fn tell(&mut self, found: &Found, position: Position) {
        let Ok(stream) = StreamName::new(found.stream.as_str()) else { return };
        let Some(waiters) = self.waiting.remove(&stream) else { return };
        let mut taken = false;
        let mut still = Vec::with_capacity(waiters.len());
        for mut waiter in waiters {
            let Some(index) = found.version.0.checked_sub(waiter.first.0) else {
                still.push(waiter);
                continue;
            };
            let event = usize::try_from(index).ok().and_then(|index| waiter.events.get(index));
            waiter.own &= event.is_some_and(|event| is_same(event, found));
            let last = index.saturating_add(1) >= u64::try_from(waiter.events.len()).unwrap_or(0);
            if !last {
                still.push(waiter);
                continue;
            }
            let own = waiter.own && !taken;
            taken |= own;
            // Nobody may be there to hear it.
            let _heard =
                waiter.answer.send(if own { Verdict::Own(position) } else { Verdict::Others });
        }
        if !still.is_empty() {
            self.waiting.insert(stream, still);
        }
    }
}

fn is_same(event: &NewEvent, found: &Found) -> bool {
    event.id == found.id
        && event.kind == found.kind
        && event.data == found.data
        && event.metadata == found.metadata
}

pub(super) const fn place_of(found: &Found) -> Place {
    Place { commit: found.commit, id: found.id }
}

/// A read that failed changed nothing.
pub(super) fn unavailable(failure: Failure) -> ReadError {
    let cause: BoxError = match failure {
        Failure::NotDone(cause) | Failure::Unknown(cause) => cause,
        failure @ (Failure::Conflict(_) | Failure::Deleted | Failure::NotInTime) => failure.into(),
    };
    ReadError::Unavailable(cause)
}
