//! The accounting calendar: which day a command posts to, and the commands on the calendar itself.
//!
//! A copy of the calendar is kept in memory. A command takes its day from it and counts as under
//! way on that day until its append is concluded, and a close waits for what is under way on its
//! day: so nothing is posted to a day after its close, however long an append takes. Another
//! gateway may open a day too: a copy that is older than [`COPY_AGE_MAX`] is not decided on before
//! the stream's tail is read.

mod audit;
mod gather;
mod keep;
mod read;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard as SyncMutexGuard, PoisonError};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use tokio::sync::{Mutex, MutexGuard};

use super::in_flight::{Flight, InFlight};
use super::{ATTEMPTS_MAX, Engine, EngineError, Inner, Outcome, fold, new_append};
use crate::codec::Fact;
use crate::digest::Digest;
use crate::domain::books::events::{DayOpened, Event};
use crate::domain::books::{AccountingDays, Books};
use crate::domain::cutoff::eastern_date;
use crate::envelope::{Metadata, Position, RecordedEvent, Version};
use crate::ids::{Actor, RequestId};
use crate::store::{AppendError, EventStore};
use crate::streams;
pub use audit::{BooksAudit, Difference, audit};
pub use gather::AccountPages;
pub use keep::{BooksAnswer, BooksRequest};
pub use read::RestatementRow;

/// How old the copy of the calendar may be that a command is decided on.
pub const COPY_AGE_MAX: Duration = Duration::seconds(3);

/// How many events of the stream are read at once: a close is some kilobytes.
const PAGE_EVENTS: usize = 64;

/// Who opens accounting days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BooksMode {
    /// The engine: the day of a command's receipt, Eastern time, is opened before it is decided.
    #[default]
    Automatic,
    /// The operator, by requests. Only the first day is opened by the engine.
    Manual,
}

/// The books as their stream tells them.
#[derive(Debug, Clone, Default)]
pub struct FoldedBooks {
    /// The calendar and what is sealed.
    pub books: Books,
    /// How many events it was folded from.
    pub version: Version,
    /// The place of the last of them in the log.
    pub position: Position,
    /// What came of every request: the stream itself is the memory.
    pub requests: BTreeMap<RequestId, Outcome>,
}

/// What is known of the calendar.
#[derive(Debug, Default)]
struct Known {
    folded: Arc<FoldedBooks>,
    /// When the stream's tail was read. Never, at first.
    read_at: Option<DateTime<Utc>>,
    /// A day whose close was begun: it is posted to no more, whatever becomes of that.
    sealing: Option<NaiveDate>,
}

impl Known {
    /// The open days, as commands are to see them.
    fn days(&self) -> Option<AccountingDays> {
        let AccountingDays { current, closing } = self.folded.books.open_days()?;
        Some(AccountingDays { current, closing: closing.filter(|day| self.sealing != Some(*day)) })
    }

    /// Is the copy young enough at `now` to be decided on? Nobody knows how old one is that was
    /// read later than now: the clock went back.
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let age = self.read_at.map(|read_at| now.signed_duration_since(read_at));
        age.is_some_and(|age| (Duration::zero()..=COPY_AGE_MAX).contains(&age))
    }
}

/// The copy of the calendar that one engine keeps.
#[derive(Debug)]
pub(super) struct BooksCopy {
    mode: BooksMode,
    /// Held for moments only. Who changes what is known holds `guard`, too.
    known: SyncMutex<Known>,
    /// Held while the stream is read or added to.
    guard: Mutex<()>,
    /// Closes of days, which take long, wait for each other.
    turn: Mutex<()>,
    /// Commands under way, by the oldest day that they may post to.
    posting: InFlight<NaiveDate>,
}

/// The right to change what is known of the calendar.
#[derive(Debug)]
struct BooksGuard<'a>(#[expect(dead_code, reason = "held, not read")] MutexGuard<'a, ()>);

impl BooksCopy {
    pub(super) fn new(mode: BooksMode) -> Self {
        Self {
            mode,
            known: SyncMutex::default(),
            guard: Mutex::default(),
            turn: Mutex::default(),
            posting: InFlight::default(),
        }
    }

    fn known(&self) -> SyncMutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folded(&self) -> Arc<FoldedBooks> {
        Arc::clone(&self.known().folded)
    }

    async fn guard(&self) -> BooksGuard<'_> {
        BooksGuard(self.guard.lock().await)
    }

    /// The day that is to be opened before a command received at `received_at` is decided.
    fn due(&self, books: &Books, received_at: DateTime<Utc>) -> Option<NaiveDate> {
        let today = eastern_date(received_at);
        match (books.current(), self.mode) {
            (None, _) => Some(today),
            (Some(current), BooksMode::Automatic) => (current < today).then_some(today),
            (Some(_), BooksMode::Manual) => None,
        }
    }

    /// The days for a command received at `received_at`, which counts as under way from here on.
    /// None if the copy is too old at `now`, or a day is to be opened first.
    fn hold(&self, received_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DaysHeld> {
        let known = self.known();
        let days = known.days().filter(|_| known.is_fresh(now))?;
        if self.due(&known.folded.books, received_at).is_some() {
            return None;
        }
        // Begun before the copy is let go: a close sees it.
        let posting = self.posting.begin(days.closing.unwrap_or(days.current));
        Some(DaysHeld { days, _posting: posting })
    }
}

/// The open days of a command. While it is held, no day that the command may post to is closed.
#[derive(Debug)]
pub(super) struct DaysHeld {
    pub(super) days: AccountingDays,
    _posting: Flight<NaiveDate>,
}

impl Engine {
    /// The books as they are now.
    pub async fn books(&self) -> Result<Arc<FoldedBooks>, EngineError> {
        let guard = self.0.books.guard().await;
        self.0.refresh(&guard).await?;
        Ok(self.0.books.folded())
    }

    /// Who opens accounting days.
    pub fn books_mode(&self) -> BooksMode {
        self.0.books.mode
    }

    /// Opens today's accounting day if the engine is to open days and has not: what the first
    /// command of the day does otherwise.
    pub async fn open_today(&self) -> Result<(), EngineError> {
        let now = self.0.clock.now();
        self.0.days(now).await.map(drop)
    }
}

impl Inner {
    /// Opens the first day of a log that has none.
    pub(super) async fn open_first_day(&self) -> Result<(), EngineError> {
        let guard = self.books.guard().await;
        self.refresh(&guard).await?;
        if self.books.folded().books.current().is_some() {
            return Ok(());
        }
        self.open_due_day(&guard, self.clock.now()).await
    }

    /// The accounting days for a command received at `received_at`, held: what is decided on them
    /// must be concluded before they are let go.
    pub(super) async fn days(&self, received_at: DateTime<Utc>) -> Result<DaysHeld, EngineError> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(held) = self.books.hold(received_at, self.clock.now()) {
                return Ok(held);
            }
            let guard = self.books.guard().await;
            // Whoever had the guard before may have done it.
            if let Some(held) = self.books.hold(received_at, self.clock.now()) {
                return Ok(held);
            }
            self.refresh(&guard).await?;
            self.open_due_day(&guard, received_at).await?;
        }
        Err(EngineError::Contended)
    }

    /// The days that a command received at `at` would see, for a preview: nothing is held.
    pub(super) async fn days_at(&self, at: DateTime<Utc>) -> Result<AccountingDays, EngineError> {
        if !self.books.known().is_fresh(self.clock.now()) {
            let guard = self.books.guard().await;
            self.refresh(&guard).await?;
        }
        let known = self.books.known();
        let due = self.books.due(&known.folded.books, at);
        Ok(match (known.days(), due) {
            (Some(days), None) => days,
            (days, Some(due)) => {
                AccountingDays { current: due, closing: days.map(|days| days.current) }
            }
            (None, None) => AccountingDays { current: eastern_date(at), closing: None },
        })
    }

    /// Opens the day that a command received at `received_at` is to be decided on, unless it is
    /// open.
    async fn open_due_day(
        &self,
        guard: &BooksGuard<'_>,
        received_at: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        for _ in 0..ATTEMPTS_MAX {
            if self.books.due(&self.books.folded().books, received_at).is_none() {
                return Ok(());
            }
            // A receipt of its own: the time that a day has to settle counts from here.
            let receipt = self.receipts.take(&self.clock)?;
            let gl_date = eastern_date(receipt.at()).max(eastern_date(received_at));
            let request_id = RequestId::derived("books", &format!("open-{gl_date}"));
            let digest = Digest::of(gl_date.to_string().as_bytes());
            let metadata = self.metadata(receipt.at(), request_id, digest, Actor::runner());
            self.record(guard, &Event::DayOpened(DayOpened { gl_date }), &metadata).await?;
        }
        Err(EngineError::Contended)
    }

    /// Appends an event to the stream of the books and folds it. None if another writer came
    /// first: the copy then holds what that one left behind.
    async fn record(
        &self,
        guard: &BooksGuard<'_>,
        event: &Event,
        metadata: &Metadata,
    ) -> Result<Option<Position>, EngineError> {
        let stream = streams::of_books();
        let document = event.document();
        let version = self.books.folded().version;
        let append = new_append(stream, version, std::iter::once(document), metadata)?;
        match self.store.append(append).await {
            Ok(_) => {
                // It is there: the copy is not decided on before the stream is read.
                self.books.known().read_at = None;
                self.refresh(guard).await.map_err(EngineError::once_written)?;
            }
            Err(AppendError::Conflict { .. }) => self.refresh(guard).await?,
            Err(error @ AppendError::Unavailable(_)) => return Err(error.into()),
            Err(error @ AppendError::Indeterminate(_)) => {
                // It may be there: the copy is not decided on before the stream is read.
                self.books.known().read_at = None;
                let read = self.refresh(guard).await;
                let folded = self.books.folded();
                if read.is_err() || !folded.requests.contains_key(&metadata.request_id) {
                    return Err(error.into());
                }
            }
        }
        let folded = self.books.folded();
        Ok(folded.requests.get(&metadata.request_id).map(|outcome| outcome.position))
    }

    /// Reads what was added to the stream since.
    async fn refresh(&self, _guard: &BooksGuard<'_>) -> Result<(), EngineError> {
        // Taken before reading: the copy is at least as young.
        let now = self.clock.now();
        let folded = fold_on(self.store.as_ref(), self.books.folded(), |_, _| {}).await?;
        let mut known = self.books.known();
        known.sealing = known.sealing.filter(|day| folded.is_open(*day));
        known.folded = folded;
        known.read_at = Some(now);
        Ok(())
    }
}

impl FoldedBooks {
    fn is_open(&self, gl_date: NaiveDate) -> bool {
        self.books.days().get(&gl_date).is_some_and(|day| day.closed.is_none())
    }

    fn follow(&mut self, recorded: &RecordedEvent, event: &Event) -> Result<(), EngineError> {
        let metadata = fold::metadata(recorded)?;
        self.books.follow(event, recorded.position, metadata.received_at);
        self.version = recorded.version;
        self.position = recorded.position;
        self.requests.insert(metadata.request_id, Outcome::of(recorded, &metadata));
        Ok(())
    }
}

/// The event of the books that a recorded event is.
fn event_of(recorded: &RecordedEvent) -> Result<Event, EngineError> {
    fold::fact_of(recorded, |fact| if let Fact::Books(event) = fact { Some(event) } else { None })
}

/// The books with what their stream holds beyond what they were folded from; each event is shown to
/// `see` first.
async fn fold_on(
    store: &dyn EventStore,
    mut folded: Arc<FoldedBooks>,
    mut see: impl FnMut(&RecordedEvent, &Event),
) -> Result<Arc<FoldedBooks>, EngineError> {
    let stream = streams::of_books();
    loop {
        let page = store.read_stream(&stream, folded.version, PAGE_EVENTS).await?;
        for recorded in &page {
            let event = event_of(recorded)?;
            see(recorded, &event);
            Arc::make_mut(&mut folded).follow(recorded, &event)?;
        }
        if page.len() < PAGE_EVENTS {
            return Ok(folded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_fresh_for_three_seconds_and_not_before_it_was_read() {
        let read_at = "2026-03-03T09:00:00Z".parse().unwrap();
        let known = Known { read_at: Some(read_at), ..Known::default() };
        let fresh_after = |age| known.is_fresh(read_at + Duration::milliseconds(age));
        assert_eq!([-1, 0, 3000, 3001].map(fresh_after), [false, true, true, false]);
        assert!(!Known::default().is_fresh(read_at));
    }
}
