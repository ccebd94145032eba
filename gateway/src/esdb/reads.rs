//! Reads of the protocol: of a stream or of the whole log, forwards or backwards, up to a count or
//! for as long as the caller stays.

mod line;
mod pace;
mod query;

use std::sync::Arc;

use ledger::envelope::{Position, RecordedEvent};
use ledger::store::{EventStore, ReadError};
use proto::event_store::client::streams::read_req::options::CountOption;
use proto::event_store::client::streams::read_resp::{
    CaughtUp, Checkpoint, Content, Position as CommitPosition, StreamNotFound,
    SubscriptionConfirmation,
};
use proto::event_store::client::streams::{ReadReq, ReadResp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::filter::Desk;
use super::messages::{content, event, identifier, unread};
use super::scale::Scale;
use crate::outlet::{LastWord, Messages, Outlet, SILENCE_MAX, Unsent, outlet};
use crate::server::Shutdown;
use line::{Line, Source};
use query::{Extent, Query};

/// What a read answers.
pub type Responses = Messages<ReadResp>;

/// How many events are read at once.
const PAGE_EVENTS: u64 = 256;
/// How many messages may wait for a slow reader.
const MESSAGES_WAITING_MAX: usize = 64;
/// How many reads that come to an end may be under way at once.
const READS_MAX: usize = 256;
/// How many subscriptions may be open at once, which cost little while nothing comes.
const SUBSCRIPTIONS_MAX: usize = 1024;

/// Answers reads from a store.
#[derive(Debug, Clone)]
pub struct Reads {
    store: Arc<dyn EventStore>,
    scale: Scale,
    shutdown: Shutdown,
    reading: Arc<Semaphore>,
    subscribed: Arc<Semaphore>,
    desk: Desk,
}

/// Why a read ends before its time.
enum Stop {
    /// The reader has gone, or has been told all there is.
    Gone,
    /// It is told why.
    Because(Status),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Because(unread(&error))
    }
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Because(status)
    }
}

impl From<Unsent> for Stop {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Gone => Self::Gone,
            Unsent::Stalled => Self::Because(given_up()),
        }
    }
}

impl Reads {
    /// Reads from `store`, whose positions are sent on `scale`, until `shutdown`.
    pub fn new(store: Arc<dyn EventStore>, scale: Scale, shutdown: Shutdown) -> Self {
        let reading = Arc::new(Semaphore::new(READS_MAX));
        let subscribed = Arc::new(Semaphore::new(SUBSCRIPTIONS_MAX));
        Self { store, scale, shutdown, reading, subscribed, desk: Desk::default() }
    }

    /// Answers a read, in a task of its own.
    pub async fn read(&self, request: ReadReq) -> Result<Responses, Status> {
        // Taken before anything is done for it.
        let place = self.place(&request)?;
        let query = Query::read(request, self.scale, &self.desk).await?;
        let (out, last_word, responses) = outlet(MESSAGES_WAITING_MAX);
        let line = Line::new(Arc::clone(&self.store), query.source.clone());
        let reading = Reading { line, query, scale: self.scale, desk: self.desk.clone(), out };
        tokio::spawn(reading.run(last_word, self.shutdown.clone(), place));
        Ok(responses)
    }

    /// A subscription stays, and leaves the places of those who come and go to them.
    fn place(&self, request: &ReadReq) -> Result<OwnedSemaphorePermit, Status> {
        let count = request.options.as_ref().and_then(|options| options.count_option.as_ref());
        let (places, refusal) = match count {
            Some(CountOption::Subscription(_)) => (
                &self.subscribed,
                format!("{SUBSCRIPTIONS_MAX} subscriptions are open, and no more may be"),
            ),
            Some(CountOption::Count(_)) | None => {
                (&self.reading, format!("{READS_MAX} reads are under way, and no more may be"))
            }
        };
        let full = |_| Status::resource_exhausted(refusal);
        Arc::clone(places).try_acquire_owned().map_err(full)
    }
}

/// One caller's read.
struct Reading {
    line: Line,
    query: Query,
    scale: Scale,
    desk: Desk,
    out: Outlet<ReadResp>,
}

impl Reading {
    /// Reads until there is no more, the reader goes, or the server stops.
    async fn run(
        self,
        last_word: LastWord<ReadResp>,
        shutdown: Shutdown,
        place: OwnedSemaphorePermit,
    ) {
        let done = tokio::select! {
            biased;
            () = shutdown.streams_end() => Err(Status::unavailable("the server stops").into()),
            () = self.out.closed() => Err(Stop::Gone),
            done = self.all() => done,
        };
        if let Err(Stop::Because(status)) = done {
            last_word.say(status);
        }
        drop(place);
    }

    async fn all(&self) -> Result<(), Stop> {
        match self.query.extent {
            Extent::Forwards { after, count } => self.forwards(after, count).await,
            Extent::Backwards { from, count } => self.backwards(from, count).await,
            Extent::Subscription { after } => self.subscription(after).await,
        }
    }

    async fn forwards(&self, after: u64, count: u64) -> Result<(), Stop> {
        let until = self.line.end().await?;
        let (begin, mut after, mut left) = (after, after, count);
        while after < until && left > 0 {
            let page = self.line.page(after, PAGE_EVENTS).await?;
            let Some(last) = page.last() else { break };
            after = self.line.number(last);
            left = left.saturating_sub(self.send_wanted(page, left).await?);
        }
        if after == begin && self.line.is_missing().await? {
            self.tell_missing().await?;
        }
        Ok(())
    }

    async fn backwards(&self, from: Option<u64>, count: u64) -> Result<(), Stop> {
        let last = self.line.last().await?;
        if last == 0 {
            return self.tell_missing().await;
        }
        let (mut high, mut left) = (from.map_or(last, |from| from.min(last)), count);
        let mut at_once = PAGE_EVENTS;
        while high > 0 && left > 0 {
            let after = high.saturating_sub(at_once);
            let page = self.line.whole_page(after, high.saturating_sub(after)).await;
            // What is whole above the damage is sent before that is told.
            if at_once > 1 && matches!(page, Err(ReadError::Damaged { .. })) {
                at_once = 1;
                continue;
            }
            let mut page = page?;
            page.reverse();
            left = left.saturating_sub(self.send_wanted(page, left).await?);
            high = after;
        }
        Ok(())
    }

    /// Never ends by itself: clients take an end for a fault, or spin.
    async fn subscription(&self, after: Option<u64>) -> Result<(), Stop> {
        let mut after = match after {
            Some(after) => after,
            None => self.line.last().await?,
        };
        let subscription_id = ::uuid::Uuid::nil().to_string();
        let confirmation = SubscriptionConfirmation { subscription_id };
        self.send(content(Content::Confirmation(confirmation))).await?;
        let (mut caught_up, mut interval) = (false, self.query.pace);
        loop {
            // What is committed after this is looked at again.
            let seen = self.line.head().await?;
            let page = self.line.page(after, PAGE_EVENTS).await?;
            let Some(last) = page.last() else {
                if !caught_up {
                    self.send(content(Content::CaughtUp(self.caught_up(after)))).await?;
                    caught_up = true;
                }
                self.line.wait_past(seen).await?;
                continue;
            };
            let end = last.position;
            after = self.line.number(last);
            let due = interval.as_mut().map_or_else(Vec::new, |pace| pace.due(&page));
            let wanted = self.query.wanted.sift(page, usize::MAX, &self.desk).await?;
            self.send_looked_at(wanted, due, end).await?;
        }
    }

    /// Says up to where there was nothing more: who begins at the end, and is sent nothing, knows
    /// by this alone where to go on once the subscription has ended.
    fn caught_up(&self, number: u64) -> CaughtUp {
        let place = (number > 0).then_some(number);
        let (stream_revision, position) = match self.query.source {
            Source::All => {
                let commit = place.map(|number| self.scale.commit(Position(number)));
                let at =
                    |commit| CommitPosition { commit_position: commit, prepare_position: commit };
                (None, commit.map(at))
            }
            Source::Stream(_) | Source::Nothing(_) => {
                let revision = place.and_then(|version| version.checked_sub(1));
                (revision.and_then(|revision| revision.try_into().ok()), None)
            }
        };
        CaughtUp { timestamp: None, stream_revision, position }
    }

    /// Sends what is wanted of a page that ends at `end`, and how far the log was looked at: where
    /// that is due, and at the end if a filter would hide it.
    async fn send_looked_at(
        &self,
        wanted: Vec<RecordedEvent>,
        due: Vec<Position>,
        end: Position,
    ) -> Result<(), Stop> {
        let mut due = due.into_iter().peekable();
        let mut told = Position::START;
        for found in wanted {
            while let Some(checkpoint) = due.next_if(|place| *place < found.position) {
                self.checkpoint(checkpoint).await?;
            }
            told = found.position;
            self.send_event(found).await?;
        }
        for checkpoint in due {
            told = checkpoint;
            self.checkpoint(checkpoint).await?;
        }
        if told < end { self.checkpoint(end).await } else { Ok(()) }
    }

    /// Says how far the log was looked at.
    async fn checkpoint(&self, position: Position) -> Result<(), Stop> {
        let commit = self.scale.commit(position);
        let checkpoint =
            Checkpoint { commit_position: commit, prepare_position: commit, timestamp: None };
        self.send(content(Content::Checkpoint(checkpoint))).await
    }

    /// That a stream does not exist is a message of its own, and the last one.
    async fn tell_missing(&self) -> Result<(), Stop> {
        let name = match &self.query.source {
            Source::All => return Ok(()),
            Source::Stream(stream) => stream.as_str().as_bytes(),
            Source::Nothing(name) => name,
        };
        let stream_identifier = Some(identifier(name));
        self.send(content(Content::StreamNotFound(StreamNotFound { stream_identifier }))).await
    }

    /// Sends what is wanted of a page, at most `limit`; tells how many events that were.
    async fn send_wanted(&self, page: Vec<RecordedEvent>, limit: u64) -> Result<u64, Stop> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let wanted = self.query.wanted.sift(page, limit, &self.desk).await?;
        let count = u64::try_from(wanted.len()).unwrap_or(u64::MAX);
        for found in wanted {
            self.send_event(found).await?;
        }
        Ok(count)
    }

    async fn send_event(&self, found: RecordedEvent) -> Result<(), Stop> {
        let commit = self.scale.commit(found.position);
        self.send(event(found, commit, self.query.structured_ids)).await
    }

    async fn send(&self, response: ReadResp) -> Result<(), Stop> {
        match self.query.extent {
            // Who follows may take all the time there is, in a place of another kind.
            Extent::Subscription { .. } => self.out.send_patiently(response).await?,
            Extent::Forwards { .. } | Extent::Backwards { .. } => self.out.send(response).await?,
        }
        Ok(())
    }
}

fn given_up() -> Status {
    let seconds = SILENCE_MAX.as_secs();
    Status::aborted(format!("the read was given up: nothing of it was taken for {seconds} seconds"))
}

#[cfg(test)]
mod tests;
