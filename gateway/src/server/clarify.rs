//! Errors that arise below the services, said as the services say theirs: a message too large, a
//! message that is none, a panic.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use proto::payledger::v1::ErrorReason;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::status::Failure;

/// How the library's complaint about bytes that are no message begins.
const NO_MESSAGE: &str = "failed to decode Protobuf message";

/// Wraps a service in [`Clarify`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ClarifyLayer;

impl<S> Layer<S> for ClarifyLayer {
    type Service = Clarify<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Clarify { inner }
    }
}

/// Gives bare errors their reason.
#[derive(Debug, Clone)]
pub struct Clarify<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Clarify<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            match answer.extensions().get::<Status>().and_then(clear) {
                Some(failure) => Ok(Status::from(failure).into_http()),
                None => Ok(answer),
            }
        })
    }
}

/// What a bare error of the library means to a client.
fn clear(status: &Status) -> Option<Failure> {
    if !status.details().is_empty() {
        return None;
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
