//! Why a log is not followed any more, and how that is told.

use crate::envelope::Position;
use crate::store::ReadError;
use crate::store::eventstore::OpenError;

/// Why a log is not followed any more.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Broken {
    /// It said what cannot be.
    #[error("at position {position}: {cause}")]
    Differs { position: Position, cause: String },
    /// It ends before what was read from it.
    #[error("the log ends at position {head}, but position {known} was read from it")]
    EndMissing { known: Position, head: Position },
    /// Another one is being copied into it.
    #[error("another log is being copied into it: {0}")]
    Copied(String),
}

impl From<Broken> for OpenError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Differs { position, cause } => ReadError::Damaged { position, cause }.into(),
            Broken::EndMissing { known, head } => Self::EndMissing { known, head },
            Broken::Copied(what) => Self::CopyUnfinished(what),
        }
    }
}

impl From<Broken> for ReadError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Differs { position, cause } => Self::Damaged { position, cause },
            missing @ Broken::EndMissing { head, .. } => {
                Self::Damaged { position: head.next(), cause: OpenError::from(missing).to_string() }
            }
            copied @ Broken::Copied(_) => Self::Unavailable(OpenError::from(copied).into()),
        }
    }
}
