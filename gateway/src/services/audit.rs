//! `AuditService`: history as it was recorded.

use std::pin::Pin;
use std::sync::Arc;

use ledger::envelope::Position;
use proto::payledger::v1 as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};
use wire::audit_service_server::AuditService;

use super::events::{MESSAGES_WAITING_MAX, Message, Reading, Wanted};
use super::{Gateway, above_head};
use crate::convert::FieldError;
use crate::convert::ids::position_if_set;
use crate::status::Failure;

/// How many callers may read the log at once. Each may hold a few messages of 1 MiB in memory, and
/// a watcher stays for as long as it likes.
pub(super) const READINGS_MAX: usize = 64;

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
        let (reading, messages) = self.reading(wanted, from, until).await?;
        tokio::spawn(reading.replay());
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
        let (reading, messages) = self.reading(wanted, from, None).await?;
        tokio::spawn(reading.watch());
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
    /// A reading of the log, unless too many are under way. A reader that knows a later position
    /// than the log's last has read another log, or one that has lost its end: what comes next
    /// would not be what it misses, and what is there would not be all up to where it asks.
    async fn reading(
        &self,
        wanted: Wanted,
        from: Position,
        until: Option<Position>,
    ) -> Result<(Reading, ReceiverStream<Result<Message, Status>>), Failure> {
        let head = self.engine.store().head().await?;
        for (field, position) in [("from_position", Some(from)), ("to_position", until)] {
            if let Some(position) = position.filter(|position| *position > head) {
                return Err(above_head(field, position, head).into());
            }
        }
        let place = Arc::clone(&self.readings).try_acquire_owned();
        let place = place.map_err(|_full| Failure::overloaded())?;
        let (out, messages) = mpsc::channel(MESSAGES_WAITING_MAX);
        let reading = Reading {
            engine: self.engine.clone(),
            wanted,
            after: from,
            until,
            out,
            shutdown: self.shutdown.clone(),
            place,
        };
        Ok((reading, ReceiverStream::new(messages)))
    }
}
