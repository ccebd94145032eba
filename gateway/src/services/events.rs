//! The log as a stream of messages: what is there, then, if the caller stays, what comes.

use ledger::engine::Engine;
use ledger::envelope::{Position, RecordedEvent, StreamName, Version};
use ledger::store::read_up_to_damage;
use proto::payledger::v1::{self as wire, ErrorReason};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tonic::Status;

use crate::convert::ids::{account_id, stream_name};
use crate::convert::{Field, FieldError};
use crate::server::Shutdown;
use crate::status::Failure;

/// How many events are read at once.
const READ_EVENTS: usize = 1024;
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
    pub(super) out: mpsc::Sender<Result<Message, Status>>,
    pub(super) shutdown: Shutdown,
    /// Counts the reading among those under way, until it ends.
    pub(super) place: OwnedSemaphorePermit,
}

/// The reader has gone, or was told why there is no more.
struct Ended;

impl Reading {
    /// Sends what the log holds up to where it ends now, or to `until`, and then says that it has
    /// caught up.
    pub(super) async fn replay(self) {
        self.read(false).await;
    }

    /// The same, and then what comes.
    pub(super) async fn watch(self) {
        self.read(true).await;
    }

    /// Reads until the reader goes or the server stops, should it still be catching up then.
    async fn read(mut self, stays: bool) {
        let (shutdown, out) = (self.shutdown.clone(), self.out.clone());
        let reading = async {
            self.catch_up().await?;
            if stays { self.follow().await } else { Ok(()) }
        };
        tokio::select! {
            biased;
            () = shutdown.streams_end() => {
                let last = Failure::shutting_down(Some(self.after));
                let _ = self.out.send(Err(last.into())).await;
            }
            // A quiet log would not show that the reader has gone.
            () = out.closed() => {}
            _ = reading => {}
        }
        drop(self.place);
    }

    async fn catch_up(&mut self) -> Result<(), Ended> {
        let head = match self.engine.store().head().await {
            Ok(head) => head,
            Err(error) => return self.fail(Failure::from(error)).await,
        };
        let until = self.until.map_or(head, |until| until.min(head));
        match self.wanted.stream.clone() {
            Some(stream) => self.stream_until(&stream, until).await?,
            None => self.all_until(until).await?,
        }
        self.send(Vec::new(), self.after.max(until), true).await
    }

    /// A single stream is read by itself: its history costs what it is long, not what the log is.
    async fn stream_until(&mut self, stream: &StreamName, until: Position) -> Result<(), Ended> {
        let mut version = Version::EMPTY;
        loop {
            let store = self.engine.store();
            let events = match store.read_stream(stream, version, READ_EVENTS).await {
                Ok(events) => events,
                Err(error) => return self.fail(Failure::from(error)).await,
            };
            let Some(last) = events.last() else { return Ok(()) };
            version = last.version;
            let after = self.after;
            let in_range =
                |event: &RecordedEvent| event.position > after && event.position <= until;
            let events = events.into_iter().filter(in_range).collect();
            self.send_events(events).await?;
        }
    }

    async fn all_until(&mut self, until: Position) -> Result<(), Ended> {
        while self.after < until {
            let left = usize::try_from(until.0.saturating_sub(self.after.0)).unwrap_or(READ_EVENTS);
            let store = self.engine.store().as_ref();
            match read_up_to_damage(store, self.after, left.min(READ_EVENTS)).await {
                Ok(events) => self.send_events(events).await?,
                Err(error) => return self.fail(Failure::from(error)).await,
            }
        }
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), Ended> {
        loop {
            match self.engine.store().wait_past(self.after).await {
                Ok(head) => self.all_until(head).await?,
                Err(error) => return self.fail(Failure::from(error)).await,
            }
            self.send(Vec::new(), self.after, true).await?;
        }
    }

    /// Sends events in messages of bounded size; each says up to where it has looked. Only what a
    /// message was sent for counts as sent, should the reading be cut off meanwhile.
    async fn send_events(&mut self, events: Vec<RecordedEvent>) -> Result<(), Ended> {
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
    ) -> Result<(), Ended> {
        let message = Message { events, checkpoint, caught_up };
        self.out.send(Ok(message)).await.map_err(|_| Ended)?;
        self.after = checkpoint;
        Ok(())
    }

    /// Tells why there is no more, and where to go on; a damaged log says where the damage is.
    async fn fail(&self, failure: Failure) -> Result<(), Ended> {
        let failure = if failure.reason() == ErrorReason::LogDamaged {
            failure
        } else {
            failure.fact("position", self.after)
        };
        let _ = self.out.send(Err(failure.into())).await;
        Err(Ended)
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
