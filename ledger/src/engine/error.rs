//! Why the engine has no answer: what a caller must tell apart.

use chrono::{DateTime, Utc};

use crate::causes::with_causes;
use crate::codec::CodecError;
use crate::domain::account::Denial;
use crate::domain::account::refusal::Refusal;
use crate::domain::account::terms::TermsError;
use crate::domain::books::refusal::BooksRefusal;
use crate::domain::recovery::refusal::RecoveryRefusal;
use crate::envelope::Position;
use crate::ids::{AccountId, FeeId, PaymentId, QuoteId, RefundId, RequestId};
use crate::store::{AppendError, AppendShapeError, BoxError, QueueFull, ReadError};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Refused by the rules, and recorded.
    #[error("refused: {}", refusal.reason())]
    Refused {
        /// Why.
        #[source]
        refusal: Refusal,
        /// Where the refusal is recorded.
        position: Position,
        /// Was it refused the first time already?
        replayed: bool,
    },
    /// Refused by the accounting calendar, and recorded.
    #[error("refused: {}", refusal.reason())]
    BooksRefused {
        /// Why.
        #[source]
        refusal: BooksRefusal,
        /// Where the refusal is recorded.
        position: Position,
        /// Was it refused the first time already?
        replayed: bool,
    },
    /// Refused since an earlier approval stands, and recorded.
    #[error("refused: {}", refusal.reason())]
    RecoveryRefused {
        /// Why.
        #[source]
        refusal: RecoveryRefusal,
        /// Where the refusal is recorded.
        position: Position,
        /// Was it refused the first time already?
        replayed: bool,
    },
    /// Commits were lost, and nobody has approved yet that work goes out. Nothing was written.
    #[error("origination is on hold since the loss recorded at position {loss}")]
    OriginationOnHold {
        /// Where the loss is recorded.
        loss: Position,
    },
    /// No loss is recorded there.
    #[error("no loss is recorded at position {0}")]
    LossNotFound(Position),
    /// The request id was used for something else.
    #[error("request id {0} was used for a request with other content")]
    RequestIdReused(RequestId),
    /// The account is not on the books.
    #[error("account {0} not found")]
    AccountNotFound(AccountId),
    /// The account has no such payment.
    #[error("payment {0} not found")]
    PaymentNotFound(PaymentId),
    /// The account has no such fee.
    #[error("fee {0} not found")]
    FeeNotFound(FeeId),
    /// The account has no such payoff quote.
    #[error("payoff quote {0} not found")]
    QuoteNotFound(QuoteId),
    /// The account has no such refund.
    #[error("refund {0} not found")]
    RefundNotFound(RefundId),
    /// The terms of a new account contradict themselves.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Not decided in time. Nothing was written; it must be received anew.
    #[error("received at {received_at} and not decided in time")]
    Stale {
        /// When it was received.
        received_at: DateTime<Utc>,
    },
    /// The clock went back. Nothing was written.
    #[error("the clock shows {now}, before the last receipt at {last}")]
    ClockBehind {
        /// What the clock shows.
        now: DateTime<Utc>,
        /// The last receipt.
        last: DateTime<Utc>,
    },
    /// Other writers came first, again and again. Nothing was written.
    #[error("the account is contended")]
    Contended,
    /// Too much waits to be written already. Nothing was written; a retry may work a little later.
    #[error("too much is waiting to be written")]
    Overloaded,
    /// Nothing was written, and a retry may work.
    #[error("the event store is unavailable")]
    Unavailable(#[source] BoxError),
    /// Its events are such as no store takes: a mistake in the program, which no retry mends.
    /// Nothing was written.
    #[error("the events cannot be written")]
    Unwritable(#[source] BoxError),
    /// It may have been written or not: the same request id tells.
    #[error("the outcome is unknown")]
    Indeterminate(#[source] BoxError),
    /// What is stored cannot be trusted.
    #[error("{} at position {position}", distrust(.cause))]
    Damaged {
        /// The first event that cannot be trusted.
        position: Position,
        /// Whose history it is in, where something is worked out of many.
        account: Option<AccountId>,
        /// Why.
        #[source]
        cause: BoxError,
    },
}

/// What is said of a log that cannot be trusted. What a later version wrote may well be whole.
fn distrust(cause: &BoxError) -> &'static str {
    if later_kind(cause).is_some() { "the log cannot be read" } else { "the log is damaged" }
}

/// The type of event that only a later version knows, if that is the cause.
fn later_kind(cause: &BoxError) -> Option<&str> {
    let Some(CodecError::UnknownKind(kind)) = cause.downcast_ref() else { return None };
    Some(kind)
}

impl From<ReadError> for EngineError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(cause) => Self::Unavailable(cause),
            ReadError::Damaged { position, cause } => {
                Self::Damaged { position, account: None, cause: cause.into() }
            }
        }
    }
}

impl From<AppendError> for EngineError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } => Self::Contended,
            AppendError::Unavailable(cause) if cause.is::<QueueFull>() => Self::Overloaded,
            AppendError::Unavailable(cause) => Self::Unavailable(cause),
            AppendError::Indeterminate(cause) => Self::Indeterminate(cause),
        }
    }
}

impl From<AppendShapeError> for EngineError {
    fn from(error: AppendShapeError) -> Self {
        Self::Unwritable(error.into())
    }
}

/// Nothing is written as JSON in the engine but requests and events.
impl From<serde_json::Error> for EngineError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unwritable(error.into())
    }
}

impl EngineError {
    /// Does a later version know what this one cannot read? Then no backup helps.
    pub fn is_of_a_later_version(&self) -> bool {
        matches!(self, Self::Damaged { cause, .. } if later_kind(cause).is_some())
    }

    /// The failure to read what came of a request that is on record: not that nothing was written.
    pub(super) fn once_written(self) -> Self {
        if let Self::Unavailable(cause) = self { Self::Indeterminate(cause) } else { self }
    }

    /// The same failure for a request that it stops too: one of the store or of the clock, which
    /// another request would meet as well. None if it concerns its own request alone.
    pub(super) fn of_the_store(&self) -> Option<Self> {
        match self {
            Self::Overloaded => Some(Self::Overloaded),
            Self::Unavailable(cause) => Some(Self::Unavailable(with_causes(&**cause).into())),
            Self::Indeterminate(cause) => Some(Self::Indeterminate(with_causes(&**cause).into())),
            Self::Damaged { position, account, cause } => {
                let same = match later_kind(cause) {
                    Some(kind) => CodecError::UnknownKind(kind.to_owned()).into(),
                    None => with_causes(&**cause).into(),
                };
                let (position, account) = (*position, account.clone());
                Some(Self::Damaged { position, account, cause: same })
            }
            Self::ClockBehind { now, last } => Some(Self::ClockBehind { now: *now, last: *last }),
            Self::Refused { .. }
            | Self::BooksRefused { .. }
            | Self::RecoveryRefused { .. }
            | Self::OriginationOnHold { .. }
            | Self::LossNotFound(_)
            | Self::RequestIdReused(_)
            | Self::AccountNotFound(_)
            | Self::PaymentNotFound(_)
            | Self::FeeNotFound(_)
            | Self::QuoteNotFound(_)
            | Self::RefundNotFound(_)
            | Self::Terms(_)
            | Self::Stale { .. }
            | Self::Contended
            | Self::Unwritable(_) => None,
        }
    }

    /// What `denial` means for a request on `account`, which is at `position`.
    pub(super) fn denied(denial: Denial, account: &AccountId, position: Position) -> Self {
        match denial {
            Denial::Refused(refusal) => Self::Refused { refusal, position, replayed: false },
            Denial::Terms(error) => Self::Terms(error),
            Denial::AccountNotFound => Self::AccountNotFound(account.clone()),
            Denial::PaymentNotFound(payment) => Self::PaymentNotFound(payment),
            Denial::FeeNotFound(fee) => Self::FeeNotFound(fee),
            Denial::QuoteNotFound(quote) => Self::QuoteNotFound(quote),
            Denial::RefundNotFound(refund) => Self::RefundNotFound(refund),
        }
    }
}
