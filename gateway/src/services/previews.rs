//! What a change would mean, before anything is written.

use ledger::engine::EngineError;
use proto::payledger::v1 as wire;
use tonic::Status;

use super::{Gateway, failed_on};
use crate::convert::answers;
use crate::convert::previews::{Previewed, refused};
use crate::status::Failure;

/// What came of a preview, and what it reflects.
pub(super) struct Told<O> {
    pub(super) outcome: Option<O>,
    pub(super) read_position: u64,
    pub(super) read_time: Option<prost_types::Timestamp>,
}

impl Gateway {
    /// Previews the change that `request` asks about. A refusal is an answer.
    pub(super) async fn preview_change_of<O>(
        &self,
        request: &impl Previewed,
        min_position: u64,
        accepted: fn(Box<wire::ChangePreview>) -> O,
        not_accepted: fn(wire::PreviewRefused) -> O,
    ) -> Result<Told<O>, Status> {
        let asked = request.change()?;
        let head = self.log_position(min_position).await?;
        let (outcome, position) =
            match self.engine.preview_change(&asked.account, &asked.command).await {
                Ok(preview) => {
                    let told = answers::preview(&preview).ok_or_else(Failure::internal_fault)?;
                    (accepted(Box::new(told)), preview.position)
                }
                Err(EngineError::Refused { refusal, position, .. }) => {
                    (not_accepted(refused(&refusal)), position)
                }
                Err(error) => return Err(failed_on(&asked.account, error).into()),
            };
        Ok(Told {
            outcome: Some(outcome),
            read_position: head.max(position).0,
            read_time: Some(self.read_time()),
        })
    }
}

macro_rules! previews {
    ($($name:ident: $request:ident => $response:ident in $outcome:ident,)+) => {
        impl Gateway {
            $(
                /// Answers the call of that name.
                pub(super) async fn $name(
                    &self,
                    request: wire::$request,
                ) -> Result<wire::$response, Status> {
                    use wire::$outcome::Outcome;
                    let least = request.min_position;
                    let told = self
                        .preview_change_of(&request, least, Outcome::Accepted, Outcome::Refused)
                        .await?;
                    let Told { outcome, read_position, read_time } = told;
                    Ok(wire::$response { outcome, read_position, read_time })
                }
            )+
        }
    };
}

previews! {
    return_preview: PreviewReturnRequest => PreviewReturnResponse in preview_return_response,
    receive_preview: PreviewReceiveRequest => PreviewReceiveResponse in preview_receive_response,
    reinstatement_preview: PreviewReinstatementRequest => PreviewReinstatementResponse
        in preview_reinstatement_response,
    change_preview: PreviewChangeRequest => PreviewChangeResponse in preview_change_response,
}
