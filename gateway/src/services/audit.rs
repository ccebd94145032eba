//! `AuditService`: history as it was recorded.

use std::pin::Pin;
use std::sync::Arc;

use ledger::envelope::Position;
use proto::payledger::v1 as wire;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};
use wire::audit_service_server::AuditService;

use super::events::{MESSAGES_WAITING_MAX, Message, Places, Reading, Wanted};
use super::{Gateway, above_head};
use crate::convert::FieldError;
use crate::convert::ids::position_if_set;
use crate::outlet::{self, outlet};
use crate::status::Failure;

/// How many callers may read what the log holds at once. Each may hold a few messages of 1 MiB in
/// memory.
const READINGS_MAX: usize = 64;
/// How many may stay and wait for what comes, which costs little while nothing does. A watcher
/// stays for as long as it likes.
const WATCHERS_MAX: usize = 1024;

/// Room for readers of the log: they stay for longer than the call that started them.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    reading: Arc<Semaphore>,
    watching: Arc<Semaphore>,
}

impl Default for Readers {
    fn default() -> Self {
        let (reading, watching) = (Semaphore::new(READINGS_MAX), Semaphore::new(WATCHERS_MAX));
        Self { reading: Arc::new(reading), watching: Arc::new(watching) }
    }
}

impl Readers {
    /// Takes what one more takes, unless there are too many.
    fn places(&self, stays: bool) -> Result<Places, Failure> {
        let stays = stays.then(|| one_of(&self.watching)).transpose()?;
        Ok(Places { reads: one_of(&self.reading)?, stays })
    }
}

fn one_of(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
    Arc::clone(places).try_acquire_owned().map_err(|_full| Failure::overloaded())
}

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AuditService for Gateway {
    type ReplayEventsStream = Messages<wire::ReplayEventsResponse>;
    type WatchEventsStream = Messages<wire::WatchEventsResponse>;

    async fn replay_events(
        &self,
        request: Request<wire::ReplayEventsRequest>,
    ) -> Result<Response<Self::ReplayEventsStream>, Status> {
        let request = request.into_inner();
        let wanted = Wanted::read(request.filter.as_ref())?;
        let from = Position(request.from_position);
        let until = position_if_set(request.to_position);
        if until.is_some_and(|until| until < from) {
            return Err(FieldError::new("to_position", "is before from_position").into());
        }
        let messages = self.read_log(wanted, from, until, false).await?;
        let to_wire = |message: Message| wire::ReplayEventsResponse {
            events: message.events,
            checkpoint_position: message.checkpoint.0,
            caught_up: message.caught_up,
        };
        Ok(Response::new(Box::pin(messages.map(move |message| message.map(to_wire)))))
    }

    async fn watch_events(
        &self,
        request: Request<wire::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let request = request.into_inner();
        let wanted = Wanted::read(request.filter.as_ref())?;
        let from = Position(request.from_position);
        let messages = self.read_log(wanted, from, None, true).await?;
        let to_wire = |message: Message| wire::WatchEventsResponse {
            events: message.events,
            checkpoint_position: message.checkpoint.0,
            caught_up: message.caught_up,
        };
        Ok(Response::new(Box::pin(messages.map(move |message| message.map(to_wire)))))
    }

    async fn explain_amount(
        &self,
        request: Request<wire::ExplainAmountRequest>,
    ) -> Result<Response<wire::ExplainAmountResponse>, Status> {
        self.explained(request.get_ref()).await.map(Response::new)
    }
}

impl Gateway {
    /// Begins to read the log, in a task of its own, unless too many do. A reader that knows a
    /// later position than the log's last has read another log, or one that has lost its end: what
    /// comes next would not be what it misses, and what is there would not be all up to where it
    /// asks.
    async fn read_log(
        &self,
        wanted: Wanted,
        from: Position,
        until: Option<Position>,
        stays: bool,
    ) -> Result<outlet::Messages<Message>, Failure> {
        let head = self.engine.store().head().await?;
        for (field, position) in [("from_position", Some(from)), ("to_position", until)] {
            if let Some(position) = position.filter(|position| *position > head) {
                return Err(above_head(field, position, head).into());
            }
        }
        let places = self.readers.places(stays)?;
        let (out, last_word, messages) = outlet(MESSAGES_WAITING_MAX);
        let (engine, shutdown) = (self.engine.clone(), self.shutdown.clone());
        let reading = Reading { engine, wanted, after: from, until, out, shutdown };
        tokio::spawn(reading.run(last_word, places));
        Ok(messages)
    }
}
