//! What a failed call tells: the message, the stable reason, its facts, and the fields at fault.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use prost::Message as _;
use prost_reflect::DynamicMessage;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::cli::render::document::Document;

/// What our own transport says when the time is over that it was given, as a cancelled call.
const TIMEOUT: &str = "Timeout expired";

/// How our own transport begins to say that the connection broke off, as an unknown error.
const BROKEN_OFF: [&str; 2] = ["h2 protocol error", "transport error"];

/// An error as the server sent it, or as the transport told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    code: Code,
    message: String,
    reason: Option<String>,
    facts: BTreeMap<String, String>,
    fields_at_fault: Vec<(String, String)>,
    retry_after: Option<Duration>,
    /// The request id that was sent, if the call changes anything.
    pub request_id: Option<String>,
    /// Whether it was a batch, whose commands have ids of their own.
    pub is_batch: bool,
}

impl From<&Status> for CallFailure {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let (reason, facts) = details.error_info().map_or((None, BTreeMap::new()), |info| {
            let facts = info.metadata.iter().map(|(name, value)| (name.clone(), value.clone()));
            (Some(info.reason.clone()), facts.collect())
        });
        let fields_at_fault = details.bad_request().map_or_else(Vec::new, |bad| {
            let fields = bad.field_violations.iter();
            fields.map(|field| (field.field.clone(), field.description.clone())).collect()
        });
        let (code, message) = match (status.code(), status.message()) {
            (Code::Cancelled, TIMEOUT) => {
                (Code::DeadlineExceeded, "no answer within --timeout".to_owned())
            }
            (Code::Unknown | Code::Internal, told)
                if reason.is_none() && BROKEN_OFF.iter().any(|sign| told.starts_with(sign)) =>
            {
                (Code::Unavailable, format!("the connection to the server broke off: {told}"))
            }
            (code, told) => (code, told.to_owned()),
        };
        Self {
            code,
            message,
            reason,
            facts,
            fields_at_fault,
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            request_id: None,
            is_batch: false,
        }
    }
}

impl CallFailure {
    /// Why a command of a batch failed, if it did.
    pub fn of_result(result: &DynamicMessage) -> Option<Self> {
        let error = result.get_field_by_name("error");
        let error = error.filter(|_| result.has_field_by_name("error"))?;
        let status = error.as_message().map(DynamicMessage::transcode_to)?.ok()?;
        Some(Self::from_message(&status))
    }

    /// The failure of one command of a batch.
    pub fn from_message(status: &proto::google::rpc::Status) -> Self {
        let code = Code::from_i32(status.code);
        let details = status.encode_to_vec().into();
        Self::from(&Status::with_details(code, status.message.clone(), details))
    }

    /// The process's exit code: what a script would do next.
    pub const fn exit_code(&self) -> u8 {
        match self.code {
            Code::Ok => 0,
            Code::InvalidArgument | Code::OutOfRange => 2,
            Code::DataLoss => 3,
            Code::NotFound => 4,
            Code::FailedPrecondition | Code::AlreadyExists => 5,
            Code::PermissionDenied | Code::Unauthenticated => 6,
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
            | Code::ResourceExhausted => 7,
            Code::Unknown | Code::Unimplemented | Code::Internal => 1,
        }
    }

    /// Is it that the account to be opened is on the books, by this request or another?
    pub fn is_known_account(&self) -> bool {
        let reason = self.reason.as_deref();
        matches!(reason, Some("ACCOUNT_EXISTS" | "REQUEST_ID_REUSED"))
    }

    /// May the call have changed something although it failed?
    const fn is_outcome_unknown(&self) -> bool {
        matches!(
            self.code,
            Code::Unknown | Code::Cancelled | Code::DeadlineExceeded | Code::Internal
        ) || (matches!(self.code, Code::Unavailable) && self.reason.is_none())
    }

    /// What may help.
    pub fn hint(&self) -> Option<String> {
        if self.is_outcome_unknown() {
            if self.is_batch {
                return Some(
                    "its commands may have been carried out or not: send them again, with the ids \
                     that they have or that were told above, and none is done twice"
                        .to_owned(),
                );
            }
            let Some(id) = &self.request_id else { return self.tls_hint() };
            return Some(format!(
                "it may have happened or not; the same call with --request-id {id} tells, and \
                 never does it twice"
            ));
        }
        let wait = self.retry_after?;
        Some(format!("the same call may work in {} ms", wait.as_millis()))
    }

    /// A server that speaks TLS, or asks for a certificate, breaks off without a word.
    fn tls_hint(&self) -> Option<String> {
        let broken = ["http2 error", "transport error"];
        (self.reason.is_none() && broken.iter().any(|sign| self.message.contains(sign))).then(
            || {
                "a server with TLS is reached by https:// and --tls-ca; one that asks for client \
                 certificates needs --tls-cert and --tls-key too"
                    .to_owned()
            },
        )
    }

    /// The fields of the failure's document.
    pub fn fields(&self) -> Vec<(String, Document)> {
        let mut fields = vec![
            Document::field("code", code_name(self.code)),
            Document::field("message", self.message.as_str()),
        ];
        fields.extend(self.reason.as_deref().map(|reason| Document::field("reason", reason)));
        if !self.facts.is_empty() {
            let facts = self.facts.iter();
            let facts = facts.map(|(name, value)| Document::field(name, value.as_str())).collect();
            fields.push(("metadata".to_owned(), Document::Object(facts)));
        }
        if !self.fields_at_fault.is_empty() {
            let at_fault = self.fields_at_fault.iter().map(|(field, description)| {
                Document::Object(vec![
                    Document::field("field", field.as_str()),
                    Document::field("description", description.as_str()),
                ])
            });
            fields.push(("field_violations".to_owned(), Document::List(at_fault.collect())));
        }
        fields.extend(self.request_id.as_deref().map(|id| Document::field("request_id", id)));
        fields
    }

    /// What follows the message, for people.
    pub fn detail_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.reason.iter().map(|reason| format!("  reason: {reason}")));
        lines.extend(self.facts.iter().map(|(name, value)| format!("  {name}: {value}")));
        let fields = self.fields_at_fault.iter();
        lines.extend(fields.map(|(field, description)| format!("  field {field}: {description}")));
        lines
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return f.write_str(&code_name(self.code));
        }
        f.write_str(&self.message)
    }
}

/// What helps where the server's certificate is refused.
pub fn certificate_hint(cause: &str) -> &'static str {
    let cause = cause.to_lowercase();
    if ["expired", "notvalidyet", "not valid yet"].iter().any(|dates| cause.contains(dates)) {
        return "the server's certificate is not valid at this time: give `payledger serve` one \
                that is and start it again; if it is, this machine's clock is wrong";
    }
    "the server's certificate must come from the authority in --tls-ca and name the host; one that \
     signed itself must not be an authority (for openssl req -x509: -addext \
     basicConstraints=critical,CA:FALSE)"
}

/// The code as the contract writes it: `FAILED_PRECONDITION`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::CliError;
    use crate::convert::FieldError;
    use crate::status::{Failure, to_message};
    use proto::payledger::v1::ErrorReason;

    #[test]
    fn a_refusal_shows_its_reason_and_facts_and_exits_with_five() {
        let refusal = Failure::new(ErrorReason::CutoffPassed, "the last cut-off has passed")
            .fact("earliest_date", "2026-03-04");
        let failure = CallFailure::from(&Status::from(refusal));
        assert_eq!(failure.exit_code(), 5);
        let error = CliError::Call(Box::new(failure));
        let lines = error.lines();
        let expected = [
            "error: the last cut-off has passed",
            "  reason: CUTOFF_PASSED",
            "  earliest_date: 2026-03-04",
        ];
        assert_eq!(lines, expected);
        let json = serde_json::to_value(error.document()).unwrap();
        assert_eq!(json["error"]["code"], "FAILED_PRECONDITION");
        assert_eq!(json["error"]["reason"], "CUTOFF_PASSED");
        assert_eq!(json["error"]["metadata"]["earliest_date"], "2026-03-04");
    }

    #[test]
    fn a_field_at_fault_is_named() {
        let failure = CallFailure::from(&Status::from(FieldError::missing("loan.principal")));
        assert_eq!(failure.exit_code(), 2);
        let lines = failure.detail_lines();
        assert!(lines.contains(&"  field loan.principal: is required".to_owned()), "{lines:?}");
    }

    #[test]
    fn a_failure_within_a_batch_says_the_same_as_alone() {
        let status = Status::from(Failure::new(ErrorReason::AccountNotFound, "no such account"));
        let alone = CallFailure::from(&status);
        assert_eq!(CallFailure::from_message(&to_message(&status)), alone);
        assert_eq!(alone.exit_code(), 4);
    }

    #[test]
    fn an_unknown_outcome_tells_how_to_find_out() {
        let mut failure = CallFailure::from(&Status::deadline_exceeded("too late"));
        assert_eq!(failure.hint(), None);
        failure.request_id = Some("0198".to_owned());
        assert!(failure.hint().unwrap().contains("--request-id 0198"));
        failure.is_batch = true;
        assert!(failure.hint().unwrap().contains("send them again"));
        let soon = CallFailure::from(&Status::from(Failure::store_unavailable()));
        assert_eq!(soon.hint().unwrap(), "the same call may work in 2000 ms");
    }

    #[test]
    fn time_that_is_over_is_called_so() {
        let failure = CallFailure::from(&Status::cancelled(TIMEOUT));
        assert_eq!(failure.to_string(), "no answer within --timeout");
        assert_eq!(failure.exit_code(), 7);
    }

    #[test]
    fn a_connection_that_breaks_off_makes_one_think_of_tls() {
        for message in ["h2 protocol error: http2 error", "transport error"] {
            let failure = CallFailure::from(&Status::unknown(message));
            assert!(failure.hint().unwrap().contains("--tls-ca"), "{message}");
        }
        let cut_off = "h2 protocol error: error reading a body from connection";
        let failure = CallFailure::from(&Status::internal(cut_off));
        assert_eq!(failure.exit_code(), 7);
        assert!(failure.to_string().starts_with("the connection to the server broke off: h2"));
        assert_eq!(CallFailure::from(&Status::unknown("else")).hint(), None);
    }

    #[test]
    fn every_code_has_its_exit_code() {
        for (status, exit_code) in [
            (Status::invalid_argument(""), 2),
            (Status::data_loss(""), 3),
            (Status::not_found(""), 4),
            (Status::already_exists(""), 5),
            (Status::permission_denied(""), 6),
            (Status::unauthenticated(""), 6),
            (Status::unavailable(""), 7),
            (Status::deadline_exceeded(""), 7),
            (Status::aborted(""), 7),
            (Status::internal(""), 1),
            (Status::unknown(""), 1),
        ] {
            let failure = CallFailure::from(&status);
            assert_eq!(failure.exit_code(), exit_code, "{status}");
            assert_eq!(failure.to_string(), code_name(status.code()));
        }
    }

    #[test]
    fn a_certificate_out_of_its_time_is_not_taken_for_one_of_another_authority() {
        let hint = |problem: rustls::CertificateError| {
            let cause = rustls::Error::InvalidCertificate(problem).to_string();
            CliError::Unreachable { server: "https://x".to_owned(), cause }.hint().unwrap()
        };
        for problem in [rustls::CertificateError::Expired, rustls::CertificateError::NotValidYet] {
            assert!(hint(problem).contains("not valid at this time"));
        }
        assert!(hint(rustls::CertificateError::UnknownIssuer).contains("--tls-ca"));
    }
}
