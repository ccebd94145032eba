//! Recovery: losses are recorded when the service starts, and hold origination until they are
//! approved.
//!
//! Only a start can begin a hold. Another gateway may end it, so that while there is one the
//! stream's tail is read before anything is refused for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use tokio::sync::Mutex;

use super::{ATTEMPTS_MAX, Engine, EngineError, Inner, Outcome, Receipt};
use super::{fold, new_append};
use crate::codec::Fact;
use crate::digest::Digest;
use crate::domain::recovery::events::{CommitsLost, Event, RecoveryRequestRefused};
use crate::domain::recovery::{Command, Denial, Recovery, decide};
use crate::envelope::{Metadata, Position, RecordedEvent, Version};
use crate::ids::{Actor, RequestId};
use crate::store::AppendError;
use crate::streams;

/// The recovery as its stream tells it.
#[derive(Debug, Clone, Default)]
pub struct FoldedRecovery {
    /// The losses and their approvals.
    pub recovery: Recovery,
    /// How many events it was folded from.
    pub version: Version,
    /// What came of every request: the stream itself is the memory.
    pub requests: BTreeMap<RequestId, Outcome>,
}

/// A command on the recovery on its way, with what was read at the edge.
#[derive(Debug, Clone)]
pub struct RecoveryRequest {
    /// The request's id, for ever.
    pub request_id: RequestId,
    /// Who asks.
    pub actor: Actor,
    /// When it was received.
    pub receipt: Receipt,
    /// What is asked.
    pub command: Command,
}

/// What came of a command on the recovery that was accepted, now or the first time.
#[derive(Debug, Clone)]
pub struct RecoveryAnswer {
    /// The recovery as it is now.
    pub recovery: Arc<FoldedRecovery>,
    /// Where the command's event is recorded.
    pub position: Position,
    /// Was it answered from memory of the first time?
    pub replayed: bool,
}

/// The copy of the recovery that one engine keeps.
#[derive(Debug, Default)]
pub(super) struct RecoveryCopy {
    known: SyncMutex<Arc<FoldedRecovery>>,
    /// Held while the stream is read or added to.
    turn: Mutex<()>,
}

impl RecoveryCopy {
    fn folded(&self) -> Arc<FoldedRecovery> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The loss, as the copy knows it, that holds origination.
    pub(super) fn on_hold(&self) -> Option<Position> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).recovery.on_hold()
    }
}

impl Engine {
    /// The losses and their approvals as they are now.
    pub async fn recovery(&self) -> Result<Arc<FoldedRecovery>, EngineError> {
        self.0.refresh_recovery().await?;
        Ok(self.0.recovery.folded())
    }

    /// Where the loss is recorded in spite of which origination is not approved, if it is on hold.
    pub async fn origination_on_hold(&self) -> Result<Option<Position>, EngineError> {
        self.0.look_whether_held().await?;
        Ok(self.0.recovery.on_hold())
    }

    /// Records that the log has lost commits, once however often it is said. A clock that is behind
    /// the last receipt, as that of another machine may be, does not keep it from being recorded.
    pub async fn record_loss(&self, lost: CommitsLost) -> Result<Position, EngineError> {
        let receipt = self.0.receipts.take_whenever(&self.0.clock);
        let digest = Digest::of_json(&lost)?;
        let request_id = RequestId::derived("recovery", &format!("lost-{digest}"));
        let metadata = self.0.metadata(receipt.at(), request_id, digest, Actor::runner());
        let event = Event::CommitsLost(lost);
        let _turn = self.0.recovery.turn.lock().await;
        for _ in 0..ATTEMPTS_MAX {
            self.0.read_recovery().await?;
            if let Some(outcome) = self.0.recovery.folded().requests.get(&metadata.request_id) {
                return Ok(outcome.position);
            }
            self.0.record_recovery(&event, &metadata).await?;
        }
        Err(EngineError::Contended)
    }

    /// Carries out a command on the recovery. The work goes on if the caller's future is dropped.
    pub async fn recover(&self, request: RecoveryRequest) -> Result<RecoveryAnswer, EngineError> {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.recover(&request).await })
            .await
            .unwrap_or_else(|failure| Err(EngineError::Indeterminate(failure.into())))
    }
}

impl Inner {
    /// Reads the stream's tail if origination is on hold as far as is known.
    pub(super) async fn look_whether_held(&self) -> Result<(), EngineError> {
        match self.recovery.on_hold() {
            Some(_) => self.refresh_recovery().await,
            None => Ok(()),
        }
    }

    /// Reads what was added to the stream since.
    pub(super) async fn refresh_recovery(&self) -> Result<(), EngineError> {
        let _turn = self.recovery.turn.lock().await;
        self.read_recovery().await
    }

    async fn recover(&self, request: &RecoveryRequest) -> Result<RecoveryAnswer, EngineError> {
        let (received_at, digest) = (request.receipt.at(), Digest::of_json(&request.command)?);
        let metadata =
            self.metadata(received_at, request.request_id, digest, request.actor.clone());
        let _turn = self.recovery.turn.lock().await;
        let mut written = false;
        for _ in 0..ATTEMPTS_MAX {
            let read = self.read_recovery().await;
            read.map_err(|error| if written { error.once_written() } else { error })?;
            let folded = self.recovery.folded();
            if let Some(outcome) = folded.requests.get(&metadata.request_id) {
                return self.recovered(folded.clone(), &metadata, outcome, !written).await;
            }
            self.refuse_stale(received_at)?;
            let event = match decide(&folded.recovery, &request.command) {
                Ok(event) => event,
                Err(Denial::LossNotFound(loss)) => return Err(EngineError::LossNotFound(loss)),
                Err(Denial::Refused(refusal)) => {
                    let command = request.command.name().to_owned();
                    Event::RecoveryRequestRefused(RecoveryRequestRefused { command, refusal })
                }
            };
            written = self.record_recovery(&event, &metadata).await?;
        }
        Err(EngineError::Contended)
    }

    /// The answer that is recorded for a request: a refusal if that is what is recorded.
    async fn recovered(
        &self,
        recovery: Arc<FoldedRecovery>,
        metadata: &Metadata,
        outcome: &Outcome,
        replayed: bool,
    ) -> Result<RecoveryAnswer, EngineError> {
        if outcome.digest != metadata.digest {
            return Err(EngineError::RequestIdReused(metadata.request_id));
        }
        let position = outcome.position;
        let (stream, before) = (streams::of_recovery(), outcome.last.before());
        let recorded = self.store.read_stream(&stream, before, 1).await;
        let recorded = recorded.map_err(|error| EngineError::from(error).once_written())?;
        match recorded.first().map(event_of).transpose()? {
            Some(Event::RecoveryRequestRefused(RecoveryRequestRefused { refusal, .. })) => {
                Err(EngineError::RecoveryRefused { refusal, position, replayed })
            }
            Some(Event::CommitsLost(_) | Event::OriginationApproved(_)) | None => {
                Ok(RecoveryAnswer { recovery, position, replayed })
            }
        }
    }

    /// Appends an event to the stream. Not written if another writer came first: the stream then
    /// holds what that one left behind.
    async fn record_recovery(
        &self,
        event: &Event,
        metadata: &Metadata,
    ) -> Result<bool, EngineError> {
        let stream = streams::of_recovery();
        let document = event.document();
        let version = self.recovery.folded().version;
        let append = new_append(stream, version, std::iter::once(document), metadata)?;
        match self.store.append(append).await {
            Ok(_) => Ok(true),
            Err(AppendError::Conflict { .. }) => Ok(false),
            // If the outcome is unknown, the same request id tells: the stream is read before
            // anything is decided.
            Err(error) => Err(error.into()),
        }
    }

    /// Folds what was added to the stream. The caller holds the turn.
    async fn read_recovery(&self) -> Result<(), EngineError> {
        let mut folded = self.recovery.folded();
        let stream = streams::of_recovery();
        for recorded in self.store.read_stream(&stream, folded.version, usize::MAX).await? {
            Arc::make_mut(&mut folded).follow(&recorded)?;
        }
        *self.recovery.known.lock().unwrap_or_else(PoisonError::into_inner) = folded;
        Ok(())
    }
}

impl FoldedRecovery {
    fn follow(&mut self, recorded: &RecordedEvent) -> Result<(), EngineError> {
        let metadata = fold::metadata(recorded)?;
        let (event, at) = (event_of(recorded)?, metadata.received_at);
        self.recovery.follow(&event, recorded.position, at, &metadata.actor);
        self.version = recorded.version;
        self.requests.insert(metadata.request_id, Outcome::of(recorded, &metadata));
        Ok(())
    }
}

/// The event of the recovery that a recorded event is.
fn event_of(recorded: &RecordedEvent) -> Result<Event, EngineError> {
    fold::fact_of(
        recorded,
        |fact| if let Fact::Recovery(event) = fact { Some(event) } else { None },
    )
}
