//! What happens to the recovery. These shapes are the storage format: they stay for ever.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusal::RecoveryRefusal;
use crate::domain::money::Amount;
use crate::envelope::Position;
use crate::ids::{AccountId, PaymentId, RefundId};

/// An event of the stream `recovery`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The log has lost its end, or may have.
    CommitsLost(CommitsLost),
    /// Origination goes on in spite of a loss.
    OriginationApproved(OriginationApproved),
    /// A request was refused: evidence, without effect.
    RecoveryRequestRefused(RecoveryRequestRefused),
}

/// The log has lost its end, or may have: a restore or a promotion has not brought back all that
/// was known to have been recorded, or nothing tells whether it has. The positions after `position`
/// are given anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommitsLost {
    /// What has lost it.
    pub cause: LossCause,
    /// The last position that is kept.
    pub position: Position,
    /// The chain's value there, in hex.
    pub chain: String,
    /// The last position that is known to have been in the log. There may have been more; if it is
    /// `position`, that is all that is known.
    pub known_position: Position,
    /// The chain's value at that one, in hex, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_chain: Option<String>,
    /// What knew it.
    pub known_by: KnownBy,
    /// The file or directory that the log was brought back from.
    pub source: String,
    /// What was in the lost range, as far as something is left that tells. None: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affected: Option<Affected>,
}

/// What has lost commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// A backup was restored that was made before.
    Restore,
    /// A backup was restored up to a position that somebody chose.
    RestoreToPosition,
    /// A standby was promoted that had not received all.
    Promotion,
}

/// What knew of a later position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// The backup itself, beyond the position that it was restored to.
    Backup,
    /// Whoever restored or promoted.
    Operator,
    /// The standby, which had seen the end of the log that it followed.
    Standby,
    /// The lost log, or what is left of it.
    LostLog,
    /// The read models of the lost log.
    LostReadModels,
}

/// What was in the lost range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Affected {
    /// The last position of the lost range that was looked at: what came after it is unknown.
    pub through_position: Position,
    /// How many payments were scheduled or changed.
    pub payments_count: u64,
    /// The payments, the first ones if there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<AffectedPayment>,
    /// How many refunds were sent or came back.
    pub refunds_count: u64,
    /// The refunds, the first ones if there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<AffectedRefund>,
    /// How many liens were released. None if nothing is left that tells: read models do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lien_releases_count: Option<u64>,
    /// The releases, the first ones if there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lien_releases: Vec<AffectedLienRelease>,
}

/// A payment that was scheduled or changed in the lost range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AffectedPayment {
    /// The account.
    #[schemars(with = "String")]
    pub account: AccountId,
    /// The payment.
    pub payment: PaymentId,
    /// What it was at the end of the lost range.
    pub state: String,
    /// Where its last change was recorded.
    pub position: Position,
}

/// A refund that was sent or came back in the lost range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AffectedRefund {
    /// The account.
    #[schemars(with = "String")]
    pub account: AccountId,
    /// The refund.
    pub refund: RefundId,
    /// What was sent, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// Had it come back?
    pub returned: bool,
    /// Where its last change was recorded.
    pub position: Position,
}

/// A lien that was released in the lost range: the title may be with its owner, and the account
/// looks as if it were not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AffectedLienRelease {
    /// The account.
    #[schemars(with = "String")]
    pub account: AccountId,
    /// Where the release was recorded.
    pub position: Position,
}

/// Somebody has looked into a loss: origination goes on in spite of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OriginationApproved {
    /// Where the loss is recorded.
    pub loss: Position,
    /// Why it is in order, in the approver's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A request was refused: evidence, without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryRequestRefused {
    /// What was asked.
    pub command: String,
    /// Why not, with its facts.
    pub refusal: RecoveryRefusal,
}
