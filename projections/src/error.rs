//! What can go wrong with a read model, told apart by what there is to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::codec::CodecError;
use ledger::envelope::{Position, StreamName};
use ledger::ids::{AccountId, AdjustmentId, ChargeOffId, FeeId, PaymentId, RefundId};
use ledger::store::ReadError;
use rusqlite::ErrorCode;

/// Why an event cannot be folded. Nothing is skipped: the feed stops before it.
#[derive(Debug, thiserror::Error)]
pub enum Poison {
    /// Its type is unknown, or its document is not of its type.
    #[error(transparent)]
    Undecodable(#[from] CodecError),
    /// What surrounds it cannot be read.
    #[error("its metadata cannot be read")]
    Metadata(#[source] serde_json::Error),
    /// No stream of this ledger has that name.
    #[error("stream {0} is unknown")]
    StreamUnknown(StreamName),
    /// An event of one kind of stream in another.
    #[error("an event of type {kind} does not belong in stream {stream}")]
    WrongStream {
        /// The event's type.
        kind: String,
        /// Where it is.
        stream: StreamName,
    },
    /// The debits of its journal are not its credits.
    #[error("the lines of its journal do not sum to zero")]
    Unbalanced,
    /// Something happened to an account that was never opened.
    #[error("account {0} was never opened")]
    AccountUnknown(AccountId),
    /// Something happened to a payment that was never made.
    #[error("payment {0} was never scheduled nor received")]
    PaymentUnknown(PaymentId),
    /// A fee was taken back that was never charged.
    #[error("fee {0} was never charged")]
    FeeUnknown(FeeId),
    /// A charge-off takes something else that was never made.
    #[error("charge-off {0} was never made")]
    ChargeOffUnknown(ChargeOffId),
    /// A correction of principal is credited otherwise that was never made.
    #[error("adjustment {0} was never made")]
    AdjustmentUnknown(AdjustmentId),
    /// A refund came back that was never sent.
    #[error("refund {0} was never sent")]
    RefundUnknown(RefundId),
    /// A day was closed that was never opened.
    #[error("{0} is no accounting day that could be closed")]
    DayUnknown(chrono::NaiveDate),
    /// A lien was released that was never recorded.
    #[error("account {0} has no lien to release")]
    LienUnknown(AccountId),
    /// An account was opened for the second time.
    #[error("account {0} was opened before")]
    AccountRepeated(AccountId),
    /// A payment was made for the second time.
    #[error("payment {0} was made before")]
    PaymentRepeated(PaymentId),
    /// What has an id of its own, such as a fee, was made for the second time.
    #[error("it repeats what is there")]
    Repeated(#[source] rusqlite::Error),
    /// The log is numbered without gaps, and this is one.
    #[error("the position after {after} is missing")]
    Gap {
        /// The last position that was folded.
        after: Position,
    },
}

impl Poison {
    /// Does the event say so only beside what events before it have left?
    const fn is_about_rows(&self) -> bool {
        match self {
            Self::Undecodable(_)
            | Self::Metadata(_)
            | Self::StreamUnknown(_)
            | Self::WrongStream { .. }
            | Self::Unbalanced
            | Self::Gap { .. } => false,
            Self::AccountUnknown(_)
            | Self::PaymentUnknown(_)
            | Self::FeeUnknown(_)
            | Self::ChargeOffUnknown(_)
            | Self::AdjustmentUnknown(_)
            | Self::RefundUnknown(_)
            | Self::DayUnknown(_)
            | Self::LienUnknown(_)
            | Self::AccountRepeated(_)
            | Self::PaymentRepeated(_)
            | Self::Repeated(_) => true,
        }
    }
}

/// Why the feed stopped. The read model keeps answering at its last position.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// An event cannot be folded.
    #[error("the event at position {position} cannot be projected")]
    Poisoned {
        /// Where it is.
        position: Position,
        /// What is wrong with it.
        #[source]
        cause: Poison,
    },
    /// The log cannot be read.
    #[error("the log cannot be followed")]
    Log(#[from] ReadError),
    /// The read database cannot be written.
    #[error("the read database cannot be written")]
    Database(#[from] rusqlite::Error),
    /// The feed is over, without a word from the log or the database.
    #[error("the feed has ended")]
    Ended,
}

/// Why a read model cannot be opened, rebuilt or verified.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The read model knows more than the log: the log has lost its end, or is an older copy.
    #[error(
        "the read model is at position {checkpoint}, but the log ends at {head}: events are \
         missing at its end"
    )]
    AheadOfLog {
        /// The read model's position.
        checkpoint: Position,
        /// The log's last position.
        head: Position,
    },
    /// The read model was folded from another log, or from one that was changed since.
    #[error("the read model at position {checkpoint} does not belong to this log: {problem}")]
    OtherLog {
        /// The read model's position.
        checkpoint: Position,
        /// What does not fit.
        problem: String,
    },
    /// The log is gone, and its read model is left.
    #[error("the log is gone, but its read model is in {}", .0.display())]
    LogGone(PathBuf),
    /// There is no read model to look at.
    #[error("there is no read model in {}", .0.display())]
    Missing(PathBuf),
    /// The pointer names no generation.
    #[error("{path} does not name a generation: {content:?}")]
    Pointer {
        /// The pointer file.
        path: PathBuf,
        /// What it holds.
        content: String,
    },
    /// The file was folded by another version.
    #[error("the read model was folded by version {found}, not {expected}")]
    FoldVersion {
        /// The version of the file.
        found: i64,
        /// The version of this program.
        expected: u32,
    },
    /// A rebuild is under way.
    #[error("a rebuild is under way")]
    Rebuilding,
    /// The rebuild was called off.
    #[error("the rebuild was cancelled")]
    Cancelled,
    /// The events could not be folded.
    #[error(transparent)]
    Feed(#[from] Arc<FeedError>),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Log(#[from] ReadError),
    /// A file cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// The read database cannot be read or written.
    #[error("the read database cannot be used")]
    Database(#[from] rusqlite::Error),
    /// A thread could not be started, or did not end well.
    #[error("a thread of the read model failed: {0}")]
    Thread(String),
}

impl From<FeedError> for ProjectionError {
    fn from(error: FeedError) -> Self {
        Arc::new(error).into()
    }
}

/// Why a question to the read model has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The feed stopped before the position that was asked for.
    #[error("the read model stopped at position {position}, before {wanted}")]
    Stopped {
        /// Where it stands.
        position: Position,
        /// What was asked for.
        wanted: Position,
    },
    /// A stored row cannot be read: the file is damaged.
    #[error("the read database cannot be read")]
    Database(#[from] rusqlite::Error),
    /// The read model was shut down, or the asker has left.
    #[error("the read model is shut down")]
    Ended,
}

impl QueryError {
    /// Is it what is stored that is wrong?
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => is_damage(error),
            Self::Stopped { .. } | Self::Ended => false,
        }
    }
}

impl ProjectionError {
    /// Is it what the read database holds that is wrong, and not that it cannot be looked at?
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Database(error) if is_damage(error))
    }
}

impl FeedError {
    /// Has the feed found that the read database is not as it was written?
    pub(crate) fn is_of_what_is_stored(&self) -> bool {
        matches!(self, Self::Database(error) if is_damage(error))
    }

    /// Is it what the read database holds that is wrong? Its header may say that it is not written
    /// to: then no later start could follow with it either.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => {
                is_damage(error) || error.sqlite_error_code() == Some(ErrorCode::ReadOnly)
            }
            Self::Poisoned { .. } | Self::Log(_) | Self::Ended => false,
        }
    }

    /// May it be that rows of the read database are wrong, or not found, and the event right?
    pub(crate) fn may_be_damage(&self) -> bool {
        match self {
            Self::Poisoned { cause, .. } => cause.is_about_rows(),
            Self::Database(_) | Self::Log(_) | Self::Ended => self.is_damage(),
        }
    }

    /// Is it only that somebody else has the read database locked, to write to it?
    pub(crate) fn is_locked(&self) -> bool {
        match self {
            Self::Database(error) => error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy),
            Self::Poisoned { .. } | Self::Log(_) | Self::Ended => false,
        }
    }
}

/// What a read database holds is wrong, as a question has found: rows that belong together do not
/// fit.
pub(crate) fn damaged(what: String) -> rusqlite::Error {
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(corrupt, Some(what))
}

/// A file beside a read database cannot be read or written.
pub(crate) fn out_of_reach(path: &Path, error: &std::io::Error) -> rusqlite::Error {
    let failed = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
    rusqlite::Error::SqliteFailure(failed, Some(format!("{}: {error}", path.display())))
}

/// Is it what a read database holds that is wrong, so that another look at it cannot help?
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        // A statement of ours is refused (`Unknown` is `SQLITE_ERROR`) if what it names is missing.
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
        ),
        None => matches!(
            error,
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)
        ),
    }
}
