//! The log as a stream of messages: what is there, then, if the caller stays, what comes.

use ledger::engine::Engine;
use ledger::envelope::{Position, RecordedEvent, StreamName, Version};
use ledger::store::{ReadError, read_up_to_damage};
use proto::payledger::v1::{self as wire, ErrorReason};
use tokio::sync::OwnedSemaphorePermit;

use crate::convert::ids::{account_id, stream_name};
use crate::convert::{Field, FieldError};
use crate::outlet::{LastWord, Outlet, Unsent};
use crate::server::Shutdown;
use crate::status::Failure;

/// How many events are read at once.
const READ_EVENTS: usize = 1024;
/// The same for one who has caught up. Many more may stay than may read what there is, and if they
/// stop, each holds in memory what it was to get.
const FOLLOWED_EVENTS: usize = 64;
/// The most bytes of events in one message.
const MESSAGE_EVENT_BYTES_MAX: usize = 1 << 20;
/// How many messages may wait for a slow reader.
pub(super) const MESSAGES_WAITING_MAX: usize = 4;

/// Which events are asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    stream: Option<StreamName>,
    kinds: Vec<String>,
}

impl Wanted {
    /// Reads a filter; none wants everything.
    pub(super) fn read(filter: Option<&wire::EventFilter>) -> Field<Self> {
        use wire::event_filter::Source;
        let Some(filter) = filter else { return Ok(Self { stream: None, kinds: Vec::new() }) };
        let stream = match &filter.source {
            None => None,
            Some(Source::AccountId(id)) => {
                Some(ledger::streams::of_account(&account_id("filter.account_id", id)?))
            }
            Some(Source::Stream(name)) => Some(stream_name("filter.stream", name)?),
        };
        for kind in &filter.event_types {
            if !ledger::codec::KINDS.contains(&kind.as_str()) {
                let problem = format!("{kind:?} is not an event type of this ledger");
                return Err(FieldError::new("filter.event_types", problem));
            }
        }
        Ok(Self { stream, kinds: filter.event_types.clone() })
    }

    fn wants(&self, event: &RecordedEvent) -> bool {
        self.stream.as_ref().is_none_or(|stream| *stream == event.stream)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }
}

/// A message of either stream of the contract.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) events: Vec<wire::RecordedEvent>,
    pub(super) checkpoint: Position,
    pub(super) caught_up: bool,
}

/// One caller's reading of the log.
pub(super) struct Reading {
    pub(super) engine: Engine,
    pub(super) wanted: Wanted,
    /// Up to where events were sent, or left out by the filter.
    pub(super) after: Position,
    pub(super) until: Option<Position>,
    pub(super) out: Outlet<Message>,
    pub(super) shutdown: Shutdown,
}

/// What a reading takes of the room for readers.
pub(super) struct Places {
    /// A place among those who read what there is, until it has caught up.
    pub(super) reads: OwnedSemaphorePermit,
    /// A place among those who stay for what comes, if it does.
    pub(super) stays: Option<OwnedSemaphorePermit>,
}

/// Why there is no more.
enum Stop {
    /// The reader has gone.
    Gone,
    /// It is told why.
    Because(Failure),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Because(error.into())
    }
}

impl From<Unsent> for Stop {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Gone => Self::Gone,
            Unsent::Stalled => {
                let message = "nothing of the stream was taken for a minute";
                Self::Because(Failure::new(ErrorReason::ReaderStalled, message))
            }
        }
    }
}

impl Reading {
    /// Sends what the log holds up to where it ends now, or to `until`, and then says that it has
    /// caught up; then, who stays, what comes, in its other place. Ends when there is no more, the
    /// reader goes or takes nothing, or the server stops.
    pub(super) async fn run(mut self, last_word: LastWord<Message>, places: Places) {
        let (shutdown, out) = (self.shutdown.clone(), self.out.clone());
        let Places { reads, stays } = places;
        let reading = async {
            self.catch_up().await?;
            if stays.is_none() {
                return Ok(());
            }
            self.out.emptied().await?;
            drop(reads);
            self.follow().await
        };
        let ended = tokio::select! {
            biased;
            () = shutdown.streams_end() => Err(Stop::Because(Failure::shutting_down(None))),
            // A quiet log would not show that the reader has gone.
            () = out.closed() => Err(Stop::Gone),
            ended = reading => ended,
        };
        if let Err(Stop::Because(failure)) = ended {
            last_word.say(self.placed(failure).into());
        }
    }

    async fn catch_up(&mut self) -> Result<(), Stop> {
        let head = self.engine.store().head().await?;
        let until = self.until.map_or(head, |until| until.min(head));
        match self.wanted.stream.clone() {
            Some(stream) => self.stream_until(&stream, until).await?,
            None => self.all_until(until, READ_EVENTS).await?,
        }
        self.send(Vec::new(), self.after.max(until), true).await
    }

    /// A single stream is read by itself: its history costs what it is long, not what the log is.
    async fn stream_until(&mut self, stream: &StreamName, until: Position) -> Result<(), Stop> {
        let mut version = Version::EMPTY;
        loop {
            let events = self.engine.store().read_stream(stream, version, READ_EVENTS).await?;
            let Some(last) = events.last() else { return Ok(()) };
            version = last.version;
            let after = self.after;
            let in_range =
                |event: &RecordedEvent| event.position > after && event.position <= until;
            let events = events.into_iter().filter(in_range).collect();
            self.send_events(events).await?;
        }
    }

    async fn all_until(&mut self, until: Position, at_once: usize) -> Result<(), Stop> {
        while self.after < until {
            let left = usize::try_from(until.0.saturating_sub(self.after.0)).unwrap_or(at_once);
            let store = self.engine.store().as_ref();
            let events = read_up_to_damage(store, self.after, left.min(at_once)).await?;
            self.send_events(events).await?;
        }
        Ok(())
    }

    /// Waits for more only once all was taken: while nothing is sent, a reader who takes nothing
    /// would not show.
    async fn follow(&mut self) -> Result<(), Stop> {
        loop {
            let head = self.engine.store().wait_past(self.after).await?;
            self.all_until(head, FOLLOWED_EVENTS).await?;
            self.send(Vec::new(), self.after, true).await?;
            self.out.emptied().await?;
        }
    }

    /// Sends events in messages of bounded size; each says up to where it has looked. Only what a
    /// message was sent for counts as sent, should the reading be cut off meanwhile.
    async fn send_events(&mut self, events: Vec<RecordedEvent>) -> Result<(), Stop> {
        let mut message = Vec::new();
        let mut bytes = 0_usize;
        let Some(last) = events.last().map(|event| event.position) else { return Ok(()) };
        let mut looked_at = self.after;
        for event in events {
            let position = event.position;
            if self.wanted.wants(&event) {
                let size = event.data.len().saturating_add(event.metadata.len());
                if bytes.saturating_add(size) > MESSAGE_EVENT_BYTES_MAX && !message.is_empty() {
                    self.send(std::mem::take(&mut message), looked_at, false).await?;
                    bytes = 0;
                }
                bytes = bytes.saturating_add(size);
                message.push(to_wire(event));
            }
            looked_at = looked_at.max(position);
        }
        if message.is_empty() {
            self.after = self.after.max(last);
            return Ok(());
        }
        self.send(message, self.after.max(last), false).await
    }

    async fn send(
        &mut self,
        events: Vec<wire::RecordedEvent>,
        checkpoint: Position,
        caught_up: bool,
    ) -> Result<(), Stop> {
        let message = Message { events, checkpoint, caught_up };
        self.out.send(message).await?;
        self.after = checkpoint;
        Ok(())
    }

    /// Why there is no more, and where to go on; a damaged log says where the damage is.
    fn placed(&self, failure: Failure) -> Failure {
        if failure.reason() == ErrorReason::LogDamaged {
            return failure;
        }
        failure.fact("position", self.after)
    }
}

fn to_wire(event: RecordedEvent) -> wire::RecordedEvent {
    wire::RecordedEvent {
        position: event.position.0,
        stream: event.stream.to_string(),
        version: event.version.0,
        event_id: event.id.to_string(),
        r#type: event.kind,
        data: event.data,
        metadata: event.metadata,
    }
}

#[cfg(test)]
mod tests;
