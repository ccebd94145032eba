//! `AuditService`: history as it was recorded.

use std::pin::Pin;

use ledger::envelope::Position;
use proto::payledger::v1 as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};
use wire::audit_service_server::AuditService;

use super::events::{MESSAGES_WAITING_MAX, Message, Reading, Wanted, until};
use super::{Gateway, above_head};
use crate::status::Failure;

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
        let until = until(request.to_position);
        let (reading, messages) = self.reading(wanted, request.from_position, until).await?;
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
        let (reading, messages) = self.reading(wanted, request.from_position, None).await?;
        tokio::spawn(reading.watch());
        let to_wire = |message: Message| wire::WatchEventsResponse {
            events: message.events,
            checkpoint_position: message.checkpoint.0,
            caught_up: message.caught_up,
        };
        Ok(Response::new(Box::pin(messages.map(move |message| message.map(to_wire)))))
    }
}

impl Gateway {
    /// A reader that knows a later position than the log's last has read another log, or one that
    /// has lost its end: what comes next would not be what it misses.
    async fn reading(
        &self,
        wanted: Wanted,
        from: u64,
        until: Option<Position>,
    ) -> Result<(Reading, ReceiverStream<Result<Message, Status>>), Status> {
        let head = self.engine.store().head().await.map_err(Failure::from)?;
        if Position(from) > head {
            return Err(above_head("from_position", Position(from), head));
        }
        let (out, messages) = mpsc::channel(MESSAGES_WAITING_MAX);
        let reading = Reading {
            engine: self.engine.clone(),
            wanted,
            after: Position(from),
            until,
            out,
            shutdown: self.shutdown.clone(),
        };
        Ok((reading, ReceiverStream::new(messages)))
    }
}
