//! Why a command on the recovery is refused. The words are derived.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::facts::facts_of;
use crate::envelope::Position;

/// A refusal; each is recorded in the stream `recovery` and reaches the wire under the name it is
/// stored by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecoveryRefusal {
    /// Another request has approved it.
    #[error(
        "origination in spite of the loss at position {loss} was approved at {approved_position}"
    )]
    OriginationAlreadyApproved {
        /// Where the loss is recorded.
        loss: Position,
        /// Where its approval is recorded.
        approved_position: Position,
    },
}

impl RecoveryRefusal {
    /// The stable name, as it is stored and sent.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::OriginationAlreadyApproved { .. } => "ORIGINATION_ALREADY_APPROVED",
        }
    }

    /// The facts of the refusal by name, in order of name, as they are stored.
    pub fn facts(&self) -> Vec<(String, String)> {
        facts_of(self)
    }
}
