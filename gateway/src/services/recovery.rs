//! Recovery: what was lost, and the approval to go on.

use ledger::engine::RecoveryRequest;
use proto::payledger::v1 as wire;
use tonic::{Request, Status};

use super::{Gateway, actor};
use crate::convert::recovery::{approve, loss_to_wire};
use crate::status::Failure;

impl Gateway {
    /// The recovery as it stands.
    pub(super) async fn recovery(
        &self,
        request: &wire::GetRecoveryRequest,
    ) -> Result<wire::GetRecoveryResponse, Status> {
        let read_position = self.log_position(request.min_position).await?.0;
        let folded = self.engine.recovery().await.map_err(Failure::from)?;
        let losses = folded.recovery.losses().iter();
        Ok(wire::GetRecoveryResponse {
            origination_on_hold: folded.recovery.on_hold().is_some(),
            losses: losses.map(|(position, loss)| loss_to_wire(*position, loss)).collect(),
            read_position,
            read_time: Some(self.read_time()),
        })
    }

    /// Carries out one approval.
    pub(super) async fn approve(
        &self,
        request: &Request<wire::ApproveOriginationRequest>,
    ) -> Result<wire::ApproveOriginationResponse, Status> {
        let (request_id, command) = approve(request.get_ref())?;
        let actor = actor(request.metadata())?;
        let receipt = self.engine.receive().map_err(Failure::from)?;
        let asked = RecoveryRequest { request_id, actor, receipt, command };
        let loss = request.get_ref().loss_position;
        let answer = self.engine.recover(asked).await.map_err(|error| {
            tracing::info!(%request_id, loss, %error, "origination is not approved");
            Failure::from(error).about(format!("recovery/{loss}"))
        })?;
        tracing::info!(%request_id, loss, replayed = answer.replayed, "origination is approved");
        self.cycles.wake();
        let recovery = &answer.recovery.recovery;
        let found = recovery.losses().iter().find(|(position, _)| position.0 == loss);
        Ok(wire::ApproveOriginationResponse {
            loss: found.map(|(position, loss)| loss_to_wire(*position, loss)),
            origination_on_hold: recovery.on_hold().is_some(),
            position: answer.position.0,
            replayed: answer.replayed,
        })
    }
}
