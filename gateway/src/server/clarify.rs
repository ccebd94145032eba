//! Errors that arise below the services, said as the services say theirs: a message too large, a
//! message that is none or does not come, a panic.

use std::any::Any;

use http::Response;
use proto::payledger::v1::ErrorReason;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::status::Failure;

/// How the library's complaint about bytes that are no message begins.
const NO_MESSAGE: &str = "failed to decode Protobuf message";

/// The library's complaint about a message that has not come in time.
const NOT_IN_TIME: &str = "data was not received within the designated timeout";

/// The answer with its reason, if it is an error that has none.
pub(super) fn clarified<B: Default>(answer: Response<B>) -> Response<B> {
    match answer.extensions().get::<Status>().and_then(clear) {
        Some(failure) => Status::from(failure).into_http(),
        None => answer,
    }
}

/// What a bare error of the library means to a client.
fn clear(status: &Status) -> Option<Failure> {
    if !status.details().is_empty() {
        return None;
    }
    if status.code() == Code::Unknown && status.message() == NOT_IN_TIME {
        let message = "the request's message did not come in time; nothing was written";
        return Some(Failure::new(ErrorReason::DeadlinePassed, message));
    }
    // No service of ours uses OUT_OF_RANGE, nor RESOURCE_EXHAUSTED without details: these are the
    // library's for a message that is over the limit, as sent or as decompressed.
    if matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted) {
        return Some(Failure::message_too_large());
    }
    if status.code() == Code::Internal && status.message().starts_with(NO_MESSAGE) {
        let message = "the request's bytes are not a message of this method";
        return Some(Failure::new(ErrorReason::InvalidField, message));
    }
    None
}

/// The answer to a call whose handler panicked; the panic itself is in the log.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!(reason = ErrorReason::InternalFault.reason(), "a handler panicked");
    Status::from(Failure::internal_fault()).into_http()
}
