//! How a call fails on the wire: one `google.rpc.Status` with exactly one `ErrorInfo`, and the
//! details that help. The one table from reason to code is here.

mod engine;

pub use engine::read_failure;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::envelope::Position;
use ledger::ids::AccountId;
use prost::Message;
use proto::payledger::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::convert::FieldError;
use crate::convert::time::rfc3339;

/// How long a client should wait where waiting helps: long enough for a group commit or a restart
/// of the read models' feed to pass, short enough for a person at a counter.
const RETRY_SOON: Duration = Duration::from_millis(200);
/// How long a client should wait for another server to take over.
const RETRY_LATER: Duration = Duration::from_secs(2);

/// The code that a reason goes out under. Exhaustive, so that a new reason must be placed.
#[expect(clippy::too_many_lines, reason = "one table, a line a reason")]
pub const fn code(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::InvalidField
        | ErrorReason::PageTokenMismatch
        | ErrorReason::ProductNotBookable
        | ErrorReason::CurrencyMismatch
        | ErrorReason::InvalidDate => Code::InvalidArgument,
        ErrorReason::AccountNotFound
        | ErrorReason::PaymentNotFound
        | ErrorReason::TitleNotFound
        | ErrorReason::FeeNotFound
        | ErrorReason::QuoteNotFound
        | ErrorReason::RefundNotFound
        | ErrorReason::LossNotFound => Code::NotFound,
        ErrorReason::AccountExists | ErrorReason::RequestIdReused => Code::AlreadyExists,
        ErrorReason::AccountPaidOff
        | ErrorReason::AmountTooLarge
        | ErrorReason::AccountChargedOff
        | ErrorReason::BalanceRemaining
        | ErrorReason::ProductHasNoPrincipal
        | ErrorReason::PrincipalExceeded
        | ErrorReason::NoCreditBalance
        | ErrorReason::RefundAlreadyReturned
        | ErrorReason::EffectiveInFuture
        | ErrorReason::ExtensionLimit
        | ErrorReason::LastDueDateTooFar
        | ErrorReason::DueDateTooFar
        | ErrorReason::DueDayChangedLater
        | ErrorReason::NoInstalmentLeft
        | ErrorReason::PreviewOutdated
        | ErrorReason::DateInPast
        | ErrorReason::DateTooFar
        | ErrorReason::CutoffPassed
        | ErrorReason::PossibleDuplicate
        | ErrorReason::CancelWindowClosed
        | ErrorReason::NotPending
        | ErrorReason::NotApplied
        | ErrorReason::AlreadyReturned
        | ErrorReason::ReturnCodeNotForPayment
        | ErrorReason::NotReturned
        | ErrorReason::AlreadySettled
        | ErrorReason::NothingToSettle
        | ErrorReason::RefundAlreadySettled
        | ErrorReason::SettlementTooEarly
        | ErrorReason::NotABankingDay
        | ErrorReason::ChannelWithholdsNothing
        | ErrorReason::WithheldTooMuch
        | ErrorReason::ReceivedInFuture
        | ErrorReason::BeforeOpening
        | ErrorReason::WindowNotClosed
        | ErrorReason::NoSuchWindow
        | ErrorReason::FundsOnHold
        | ErrorReason::NoLien
        | ErrorReason::ResidualUnknown
        | ErrorReason::VehicleNotBought
        | ErrorReason::ProductHasNoRentals
        | ErrorReason::VehicleReturned
        | ErrorReason::VehicleBought
        | ErrorReason::DueDatesMovedLater
        | ErrorReason::LienExists
        | ErrorReason::ProductHasNoTitle
        | ErrorReason::DayNotAfterCurrent
        | ErrorReason::DayInFuture
        | ErrorReason::DayNotOpened
        | ErrorReason::DayAlreadyClosed
        | ErrorReason::DayIsCurrent
        | ErrorReason::EarlierDayOpen
        | ErrorReason::DayNotSettled
        | ErrorReason::WindowsUnsealed
        | ErrorReason::MonthAlreadyClosed
        | ErrorReason::MonthHasNoDays
        | ErrorReason::MonthIsCurrent
        | ErrorReason::MonthHasOpenDay
        | ErrorReason::EarlierMonthOpen
        | ErrorReason::DayNotClosed
        | ErrorReason::MonthNotClosed
        | ErrorReason::OriginationOnHold
        | ErrorReason::OriginationAlreadyApproved
        | ErrorReason::ClockNotSettable
        | ErrorReason::ClockMovesForwardOnly => Code::FailedPrecondition,
        ErrorReason::MessageTooLarge | ErrorReason::Overloaded => Code::ResourceExhausted,
        ErrorReason::StaleRequest
        | ErrorReason::ProjectionBehind
        | ErrorReason::ShuttingDown
        | ErrorReason::StoreUnavailable
        | ErrorReason::ClockBehind => Code::Unavailable,
        ErrorReason::VersionConflict | ErrorReason::ReaderStalled => Code::Aborted,
        ErrorReason::Unspecified | ErrorReason::OutcomeUnknown => Code::Unknown,
        ErrorReason::DeadlinePassed => Code::DeadlineExceeded,
        ErrorReason::LogDamaged => Code::DataLoss,
        ErrorReason::InternalFault => Code::Internal,
    }
}

/// An error on its way to the client.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    code: Code,
    reason: ErrorReason,
    pub(crate) message: String,
    facts: BTreeMap<String, String>,
    fields: Vec<(String, String)>,
    subject: String,
    retry_after: Option<Duration>,
}

impl Failure {
    /// An error of this reason, under the code of the table. Every variable part of `message` has
    /// to be a [`fact`](Self::fact), too.
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            code: code(reason),
            reason,
            message: message.into(),
            facts: BTreeMap::new(),
            fields: Vec::new(),
            subject: String::new(),
            retry_after: None,
        }
    }

    /// The same, with one more entry of `ErrorInfo.metadata`.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl std::fmt::Display) -> Self {
        self.facts.insert(name.into(), value.to_string());
        self
    }

    /// The same, naming what stood in the way (`accounts/0001`): the subject of the
    /// `PreconditionFailure` that every `FAILED_PRECONDITION` carries.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// The same, with a `RetryInfo`.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// One or more refused fields. The first gives the reason; all are in the `BadRequest`.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let Some(first) = errors.first() else {
            return Self::new(ErrorReason::InvalidField, "the request is malformed");
        };
        let mut failure = Self::new(first.reason, first.to_string());
        let facts = first.facts.iter().map(|(&name, value)| (name.to_owned(), value.clone()));
        failure.facts = facts.chain([("field".to_owned(), first.field.clone())]).collect();
        failure.fields = errors.into_iter().map(|error| (error.field, error.message)).collect();
        failure
    }

    /// More is under way than the service takes on.
    pub fn overloaded() -> Self {
        let message = "more requests are under way than the service takes on; wait and retry";
        Self::new(ErrorReason::Overloaded, message).retry_after(RETRY_SOON)
    }

    /// The server is going down. `last` is the last checkpoint of a stream that is cut off.
    pub fn shutting_down(last: Option<Position>) -> Self {
        let failure = Self::new(ErrorReason::ShuttingDown, "the server is shutting down")
            .retry_after(RETRY_LATER);
        match last {
            Some(position) => failure.fact("position", position),
            None => failure,
        }
    }

    /// The answer would reflect less than the client asked for.
    pub fn projection_behind(read: Position, wanted: Position) -> Self {
        let message = format!("the read models are at position {read}, not yet at {wanted}");
        Self::new(ErrorReason::ProjectionBehind, message)
            .fact("read_position", read)
            .fact("min_position", wanted)
            .retry_after(RETRY_SOON)
    }

    /// The log or the read models cannot be reached; nothing was written.
    pub fn store_unavailable() -> Self {
        let message = "the store is unavailable; nothing was written";
        Self::new(ErrorReason::StoreUnavailable, message).retry_after(RETRY_LATER)
    }

    /// Commits were lost, and nobody has approved yet that work goes out.
    pub fn origination_on_hold(loss: Position) -> Self {
        let message = format!("origination is on hold since the loss recorded at position {loss}");
        let failure = Self::new(ErrorReason::OriginationOnHold, message).fact("loss", loss);
        failure.about(format!("recovery/{loss}"))
    }

    /// The answer of the log was lost.
    pub fn outcome_unknown() -> Self {
        let message = "outcome unknown: retry with the same request_id";
        Self::new(ErrorReason::OutcomeUnknown, message)
    }

    /// Other writers came first, again and again.
    pub fn version_conflict() -> Self {
        let message = "other requests on the same account came first; nothing was written";
        Self::new(ErrorReason::VersionConflict, message).retry_after(RETRY_SOON)
    }

    /// The command waited for longer than a receipt is good for.
    pub fn stale_request() -> Self {
        let message = "not decided in time after its receipt; nothing was written";
        Self::new(ErrorReason::StaleRequest, message).retry_after(RETRY_SOON)
    }

    /// The log is damaged.
    pub fn log_damaged(position: Position) -> Self {
        let message = format!("the log is damaged at position {position}");
        Self::new(ErrorReason::LogDamaged, message).fact("position", position)
    }

    /// The clock stands before the last recorded receipt.
    pub fn clock_behind(now: DateTime<Utc>, last: DateTime<Utc>) -> Self {
        let message = format!(
            "the server's clock shows {now}, before the last recorded receipt at {last}; nothing \
             was written"
        );
        Self::new(ErrorReason::ClockBehind, message)
            .fact("now", rfc3339(now))
            .fact("last_receipt", rfc3339(last))
            .retry_after(RETRY_LATER)
    }

    /// The client's deadline passed.
    pub fn deadline_passed() -> Self {
        let message = "the deadline passed, and what was asked for may be done: retry it as it \
                       was, with the request_id that it had";
        Self::new(ErrorReason::DeadlinePassed, message)
    }

    /// The message is larger than the service takes.
    pub fn message_too_large() -> Self {
        let message = "the message is larger than the service takes; send less in one call";
        Self::new(ErrorReason::MessageTooLarge, message)
    }

    /// No lien was ever recorded for the account.
    pub fn title_not_found(account: &AccountId) -> Self {
        let message = format!("account {account} has no title on record");
        Self::new(ErrorReason::TitleNotFound, message).fact("account_id", account)
    }

    /// A fault of our own. What it was is logged, never sent.
    pub fn internal_fault() -> Self {
        let message =
            "the service met a fault of its own; a retry with the same request_id is safe";
        Self::new(ErrorReason::InternalFault, message)
    }

    /// The reason on the wire.
    pub const fn reason(&self) -> ErrorReason {
        self.reason
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason.reason(), self.message)
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        Self::fields(vec![error])
    }
}

impl From<FieldError> for Status {
    fn from(error: FieldError) -> Self {
        Failure::from(error).into()
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        #[expect(
            clippy::disallowed_types,
            reason = "the details' type; a map on the wire has no order"
        )]
        let facts: std::collections::HashMap<String, String> = failure.facts.into_iter().collect();
        let reason = failure.reason.reason();
        let mut details = ErrorDetails::with_error_info(reason, proto::ERROR_DOMAIN, facts);
        for (field, message) in failure.fields {
            details.add_bad_request_violation(field, message);
        }
        if failure.code == Code::FailedPrecondition {
            details.add_precondition_failure_violation(reason, failure.subject, &failure.message);
        }
        if failure.retry_after.is_some() {
            details.set_retry_info(failure.retry_after);
        }
        Self::with_error_details(failure.code, failure.message, details)
    }
}

/// The status as a message, for a command of a batch that failed while others did not.
pub fn to_message(status: &Status) -> proto::google::rpc::Status {
    proto::google::rpc::Status::decode(status.details())
        .ok()
        .filter(|message| message.code != 0)
        .unwrap_or_else(|| proto::google::rpc::Status {
            code: i32::from(status.code()),
            message: status.message().to_owned(),
            details: Vec::new(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_error_names_the_field_in_one_bad_request() {
        let error = FieldError::new("loan.principal", "is not above zero").fact("amount", "0.00");
        let status = Status::from(error);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "loan.principal: is not above zero");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_FIELD", "payledger"));
        assert_eq!(info.metadata["amount"], "0.00");
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].field, "loan.principal");
    }

    #[test]
    fn a_refusal_carries_its_facts_and_a_precondition() {
        let failure = Failure::new(ErrorReason::CutoffPassed, "the last cut-off has passed")
            .fact("earliest_date", "2026-03-04")
            .about("accounts/a-1");
        let status = Status::from(failure);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["earliest_date"], "2026-03-04");
        let violations = &details.precondition_failure().unwrap().violations;
        assert_eq!(violations[0].r#type, "CUTOFF_PASSED");
        assert_eq!(violations[0].subject, "accounts/a-1");
        assert!(details.retry_info().is_none());
    }

    #[test]
    fn what_passes_by_itself_says_how_long_to_wait() {
        for failure in [
            Failure::overloaded(),
            Failure::shutting_down(Some(Position(7))),
            Failure::projection_behind(Position(1), Position(2)),
            Failure::store_unavailable(),
            Failure::version_conflict(),
            Failure::stale_request(),
            Failure::clock_behind(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH),
        ] {
            let reason = failure.reason();
            let details = Status::from(failure).get_error_details();
            assert!(details.retry_info().unwrap().retry_delay.is_some(), "{reason:?}");
        }
    }

    #[test]
    fn the_table_of_codes_is_the_one_that_the_contract_documents() {
        let set = prost_types::FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
        let file = set.file.iter().find(|file| file.name().ends_with("v1/errors.proto")).unwrap();
        let locations = &file.source_code_info.as_ref().unwrap().location;
        for (index, value) in file.enum_type[0].value.iter().enumerate().skip(1) {
            let path = [5, 0, 2, i32::try_from(index).unwrap()];
            let location = locations.iter().find(|location| location.path == path).unwrap();
            let reason = ErrorReason::try_from(value.number()).unwrap();
            let name = format!("{:?}", code(reason));
            let documented = location.leading_comments().replace(['_', '\n'], "").to_lowercase();
            assert!(documented.contains(&name.to_lowercase()), "{reason:?} goes out as {name}");
        }
    }

    #[test]
    fn a_status_in_a_batch_says_what_it_would_have_said_alone() {
        let status = Status::from(Failure::log_damaged(Position(12)));
        let message = to_message(&status);
        assert_eq!(message.code, i32::from(Code::DataLoss));
        assert_eq!(message.message, status.message());
        assert_eq!(message.details.len(), 1);
        let bare = to_message(&Status::not_found("nothing"));
        assert_eq!((bare.code, bare.message.as_str()), (5, "nothing"));
    }
}
