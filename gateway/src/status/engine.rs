//! The one table from the engine's answers to the wire. Causes are logged here, and never sent.

use ledger::clock::ClockError;
use ledger::cycles::cutoff::RunRefusal;
use ledger::domain::account::refusal::Refusal;
use ledger::domain::account::terms::TermsError;
use ledger::engine::EngineError;
use ledger::store::ReadError;
use projections::error::QueryError;
use proto::payledger::v1::ErrorReason;

use super::Failure;
use crate::convert::FieldError;

const fn reason(refusal: &Refusal) -> ErrorReason {
    match refusal {
        Refusal::AccountExists { .. } => ErrorReason::AccountExists,
        Refusal::CancelWindowClosed { .. } => ErrorReason::CancelWindowClosed,
        Refusal::NotPending { .. } => ErrorReason::NotPending,
        Refusal::WindowNotClosed { .. } => ErrorReason::WindowNotClosed,
        Refusal::AccountPaidOff { .. } => ErrorReason::AccountPaidOff,
        Refusal::AmountTooLarge { .. } => ErrorReason::AmountTooLarge,
        Refusal::DateInPast { .. } => ErrorReason::DateInPast,
        Refusal::DateTooFar { .. } => ErrorReason::DateTooFar,
        Refusal::CutoffPassed { .. } => ErrorReason::CutoffPassed,
        Refusal::PossibleDuplicate { .. } => ErrorReason::PossibleDuplicate,
        Refusal::ReceivedInFuture { .. } => ErrorReason::ReceivedInFuture,
        Refusal::BeforeOpening { .. } => ErrorReason::BeforeOpening,
        Refusal::NotApplied { .. } => ErrorReason::NotApplied,
        Refusal::AlreadyReturned { .. } => ErrorReason::AlreadyReturned,
        Refusal::NotReturned { .. } => ErrorReason::NotReturned,
        Refusal::ProductHasNoTitle { .. } => ErrorReason::ProductHasNoTitle,
        Refusal::LienExists { .. } => ErrorReason::LienExists,
        Refusal::NoLien => ErrorReason::NoLien,
        Refusal::BalanceRemaining { .. } => ErrorReason::BalanceRemaining,
        Refusal::FundsOnHold { .. } => ErrorReason::FundsOnHold,
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::new(reason(&refusal), refusal.to_string());
        refusal.facts().into_iter().fold(failure, |failure, (name, value)| failure.fact(name, value))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused { refusal, position, replayed } => {
                let failure = Self::from(refusal).fact("position", position);
                if replayed { failure.fact("replayed", true) } else { failure }
            }
            EngineError::RequestIdReused(request) => {
                let message = format!(
                    "request_id {request} was used for a request with other content; \
                     a new request takes a new id"
                );
                Self::new(ErrorReason::RequestIdReused, message).fact("request_id", request)
            }
            EngineError::AccountNotFound(account) => {
                let message = format!("there is no account {account}");
                Self::new(ErrorReason::AccountNotFound, message).fact("account_id", account)
            }
            EngineError::PaymentNotFound(payment) => {
                let message = format!("the account has no payment {payment}");
                Self::new(ErrorReason::PaymentNotFound, message).fact("payment_id", payment)
            }
            EngineError::FeeNotFound(fee) => {
                let message = format!("the account has no fee {fee}");
                Self::new(ErrorReason::FeeNotFound, message).fact("fee_id", fee)
            }
            EngineError::Terms(error) => error.into(),
            EngineError::Stale { .. } => Self::stale_request(),
            EngineError::ClockBehind { now, last } => {
                tracing::error!(%now, %last, "the clock went back");
                Self::clock_behind()
            }
            EngineError::Contended => Self::version_conflict(),
            EngineError::Unavailable(cause) => {
                tracing::error!(error = chain(cause.as_ref()), "the store is unavailable");
                Self::store_unavailable()
            }
            EngineError::Indeterminate(cause) => {
                tracing::error!(error = chain(cause.as_ref()), "the outcome of a write is unknown");
                Self::outcome_unknown()
            }
            EngineError::Damaged { position, cause } => {
                let error = chain(cause.as_ref());
                tracing::error!(%position, error, "the log is damaged");
                Self::log_damaged(position)
            }
        }
    }
}

impl From<TermsError> for Failure {
    fn from(error: TermsError) -> Self {
        match error {
            TermsError::ProductNotBookable(product) => {
                let message = format!("accounts of product {product} cannot be opened yet");
                Self::new(ErrorReason::ProductNotBookable, message).fact("product", product)
            }
            TermsError::Invalid { field, problem } => FieldError::new(field, problem).into(),
        }
    }
}

impl From<RunRefusal> for Failure {
    fn from(refusal: RunRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            RunRefusal::NoSuchWindow { product, date, window, windows } => {
                Self::new(ErrorReason::NoSuchWindow, message)
                    .fact("product", product)
                    .fact("date", date)
                    .fact("window", window)
                    .fact("windows", windows)
            }
            RunRefusal::WindowNotClosed { cutoff_at, starts_at } => {
                Self::new(ErrorReason::WindowNotClosed, message)
                    .fact("cutoff_at", cutoff_at.to_rfc3339())
                    .fact("starts_at", starts_at.to_rfc3339())
            }
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ClockError> for Failure {
    fn from(error: ClockError) -> Self {
        let message = error.to_string();
        match error {
            ClockError::NotSettable => Self::new(ErrorReason::ClockNotSettable, message),
            ClockError::MovesForwardOnly { now } => {
                Self::new(ErrorReason::ClockMovesForwardOnly, message)
                    .fact("now", now.to_rfc3339())
            }
        }
    }
}

/// What the read models' errors are on the wire.
pub fn read_failure(error: QueryError) -> Failure {
    match error {
        QueryError::Stopped { position, wanted } => Failure::projection_behind(position, wanted),
        QueryError::Database(_) | QueryError::Ended => {
            tracing::error!(error = chain(&error), "the read models failed");
            Failure::store_unavailable()
        }
    }
}

/// An error with its causes, for the log.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
