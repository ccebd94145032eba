//! What others remember of the log, so that a log that lost its end or was exchanged is noticed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain::ChainHash;
use crate::envelope::Position;
use crate::store::ReadError;

/// The end of one block of one log, and the chain's value there.
///
/// A reader that stopped at a position inside a block keeps the end of the last whole block at or
/// before it, which [`super::Embedded::witness`] gives, beside its own position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The log.
    pub log_id: Uuid,
    /// The last event of a block, or the start.
    pub position: Position,
    /// The chain's value there.
    pub chain: ChainHash,
}

/// Why a log is not the one that a [`Witness`] was taken from, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// It is another log.
    #[error("the log is {found}, not {expected}")]
    OtherLog {
        /// The log that the witness was taken from.
        expected: Uuid,
        /// The log that is there.
        found: Uuid,
    },
    /// The log has lost its end, or is an older copy.
    #[error("the log ends at {head}, but {witness} was known to be in it")]
    Ahead {
        /// The position that was known.
        witness: Position,
        /// The last position that is there.
        head: Position,
    },
    /// The log holds something else up to that position.
    #[error("the log up to position {position} is not what it was")]
    Different {
        /// The position that was known.
        position: Position,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}
