//! Losses and their approvals, as the wire carries them.

use ledger::domain::recovery::events::{
    Affected, AffectedLienRelease, AffectedPayment, AffectedRefund, KnownBy, LossCause,
};
use ledger::domain::recovery::{Approval, Command, Loss, NOTE_CHARS_MAX};
use ledger::envelope::Position;
use ledger::ids::RequestId;
use proto::payledger::v1 as wire;

use super::money::to_wire;
use super::time::instant_to_wire;
use super::{Field, FieldError, ids, text};

/// Reads a request to approve origination.
pub fn approve(request: &wire::ApproveOriginationRequest) -> Field<(RequestId, Command)> {
    let request_id = ids::request_id(&request.request_id)?;
    let loss = ids::position_if_set(request.loss_position)
        .ok_or_else(|| FieldError::missing("loss_position"))?;
    let note = text("note", &request.note, NOTE_CHARS_MAX)?;
    Ok((request_id, Command::ApproveOrigination { loss, note }))
}

/// A loss on record.
pub fn loss_to_wire(position: Position, loss: &Loss) -> wire::CommitsLoss {
    let commits = &loss.lost;
    wire::CommitsLoss {
        position: position.0,
        recorded_time: Some(instant_to_wire(loss.recorded_at)),
        cause: cause(commits.cause).into(),
        kept_position: commits.position.0,
        kept_chain: commits.chain.clone(),
        known_position: commits.known_position.0,
        known_chain: commits.known_chain.clone().unwrap_or_default(),
        known_by: known_by(commits.known_by).into(),
        source: commits.source.clone(),
        affected: commits.affected.as_ref().map(affected),
        approval: loss.approval.as_ref().map(approval),
    }
}

const fn cause(cause: LossCause) -> wire::LossCause {
    match cause {
        LossCause::Restore => wire::LossCause::Restore,
        LossCause::RestoreToPosition => wire::LossCause::RestoreToPosition,
        LossCause::Promotion => wire::LossCause::Promotion,
    }
}

const fn known_by(known_by: KnownBy) -> wire::LossKnownBy {
    match known_by {
        KnownBy::Backup => wire::LossKnownBy::Backup,
        KnownBy::Operator => wire::LossKnownBy::Operator,
        KnownBy::Standby => wire::LossKnownBy::Standby,
        KnownBy::LostLog => wire::LossKnownBy::LostLog,
        KnownBy::LostReadModels => wire::LossKnownBy::LostReadModels,
    }
}

fn affected(affected: &Affected) -> wire::LossAffected {
    let payment = |payment: &AffectedPayment| wire::AffectedPayment {
        account_id: payment.account.to_string(),
        payment_id: payment.payment.to_string(),
        state: payment.state.clone(),
        position: payment.position.0,
    };
    let refund = |refund: &AffectedRefund| wire::AffectedRefund {
        account_id: refund.account.to_string(),
        refund_id: refund.refund.to_string(),
        amount: refund.amount.map(to_wire),
        returned: refund.returned,
        position: refund.position.0,
    };
    let released = |released: &AffectedLienRelease| wire::AffectedLienRelease {
        account_id: released.account.to_string(),
        position: released.position.0,
    };
    wire::LossAffected {
        through_position: affected.through_position.0,
        payment_count: affected.payments_count,
        payments: affected.payments.iter().map(payment).collect(),
        refund_count: affected.refunds_count,
        refunds: affected.refunds.iter().map(refund).collect(),
        lien_release_count: affected.lien_releases_count,
        lien_releases: affected.lien_releases.iter().map(released).collect(),
    }
}

fn approval(approval: &Approval) -> wire::OriginationApproval {
    wire::OriginationApproval {
        position: approval.position.0,
        received_time: Some(instant_to_wire(approval.at)),
        actor: approval.actor.to_string(),
        note: approval.note.clone(),
    }
}
