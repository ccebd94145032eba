//! What a failed call is held to: code, reason, facts, field.

use std::collections::BTreeMap;
use std::fmt::Debug;

use prost::Message as _;
use proto::payledger::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a failed call said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The code.
    pub code: Code,
    /// The reason of its one `ErrorInfo`.
    pub reason: String,
    /// The metadata of its `ErrorInfo`.
    pub facts: BTreeMap<String, String>,
    /// The fields of its `BadRequest`.
    pub fields: Vec<String>,
    /// What stood in the way, by its `PreconditionFailure`; empty if it has none.
    pub subject: String,
    /// Whether it says how long to wait.
    pub retry_info: bool,
    /// The message.
    pub message: String,
}

impl Refused {
    /// Reads a status, and holds it to what every error of the service keeps: one `ErrorInfo` of
    /// our domain with a reason of the contract.
    pub fn read(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| no_info(status));
        assert_eq!(info.domain, proto::ERROR_DOMAIN);
        assert!(ErrorReason::from_reason(&info.reason).is_some(), "{}", info.reason);
        let fields = details.bad_request().map(|bad| bad.field_violations.as_slice());
        let fields: Vec<_> =
            fields.unwrap_or_default().iter().map(|violation| violation.field.clone()).collect();
        let code = status.code();
        let subject = details.precondition_failure().and_then(|failure| failure.violations.first());
        let subject = subject.map_or_else(String::new, |violation| violation.subject.clone());
        assert_eq!(code == Code::InvalidArgument, !fields.is_empty(), "{status:?}");
        assert_eq!(code == Code::FailedPrecondition, !subject.is_empty(), "{status:?}");
        Self {
            code,
            reason: info.reason.clone(),
            facts: info.metadata.clone().into_iter().collect(),
            fields,
            subject,
            retry_info: details.retry_info().is_some(),
            message: status.message().to_owned(),
        }
    }

    /// Reads what one command of a batch failed with.
    pub fn of_command(status: &proto::google::rpc::Status) -> Self {
        let details = status.encode_to_vec().into();
        Self::read(&Status::with_details(Code::from(status.code), status.message.clone(), details))
    }

    /// A fact, or "unset".
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("unset", String::as_str)
    }
}

#[expect(clippy::panic, reason = "an error without ErrorInfo breaks the contract")]
fn no_info(status: &Status) -> ! {
    panic!("an error without ErrorInfo: {status:?}")
}

/// What a call that must fail said.
pub fn refused<T: Debug>(answer: Result<T, Status>) -> Refused {
    Refused::read(&answer.unwrap_err())
}

/// The reason of a call that must fail.
pub fn reason<T: Debug>(answer: Result<T, Status>) -> String {
    refused(answer).reason
}

/// The reason and the field of a call that must fail with `INVALID_ARGUMENT`.
pub fn field<T: Debug>(answer: Result<T, Status>) -> (String, String) {
    let refused = refused(answer);
    assert_eq!(refused.code, Code::InvalidArgument, "{refused:?}");
    (refused.reason, refused.fields.join(" "))
}
