//! The client's deadline: when it passes, the answer is `DEADLINE_EXCEEDED`.
//!
//! The server library answers `CANCELLED` instead, by a timer of its own around this layer. Ours
//! is set before that one and looked at before it, so that ours always speaks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tonic::Status;
use tower::{Layer, Service};

use crate::status::Failure;

/// The header that carries what is left of the client's deadline.
const GRPC_TIMEOUT: &str = "grpc-timeout";
/// The protocol allows at most eight digits.
const DIGITS_MAX: usize = 8;

/// Wraps a service in [`Deadline`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { inner }
    }
}

/// Drops a call whose deadline has passed, and says so.
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Deadline<S>
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
        let left = time_left(request.headers());
        let answer = self.inner.call(request);
        let Some(left) = left else { return Box::pin(answer) };
        let answer = tokio::time::timeout(left, answer);
        Box::pin(async move {
            match answer.await {
                Ok(answer) => answer,
                Err(_) => Ok(Status::from(Failure::deadline_passed()).into_http()),
            }
        })
    }
}

/// What is left of the deadline, if the header is there and well formed.
fn time_left(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let well_formed = digits.len() <= DIGITS_MAX && digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = well_formed.then(|| digits.parse().ok())??;
    match unit {
        "H" => count.checked_mul(3600).map(Duration::from_secs),
        "M" => count.checked_mul(60).map(Duration::from_secs),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tonic::Code;
    use tonic::body::Body;
    use tower::ServiceExt;

    use super::*;

    fn left(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, text.parse().unwrap());
        time_left(&headers)
    }

    async fn answer_after(work: Duration, timeout: &str) -> Option<Status> {
        let service = tower::service_fn(move |_: Request<Body>| async move {
            tokio::time::sleep(work).await;
            Ok::<_, Infallible>(Response::new(Body::default()))
        });
        let request = Request::builder().header(GRPC_TIMEOUT, timeout).body(Body::default());
        let answer = DeadlineLayer.layer(service).oneshot(request.unwrap()).await.unwrap();
        Status::from_header_map(answer.headers())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_outlives_its_deadline_is_told_so() {
        let status = answer_after(Duration::from_secs(60), "100m").await.unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(status.message().contains("request_id"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_within_its_deadline_is_answered() {
        assert!(answer_after(Duration::from_millis(99), "100m").await.is_none());
    }

    #[test]
    fn a_deadline_is_read_in_every_unit_of_the_protocol() {
        assert_eq!(left("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(left("3M"), Some(Duration::from_secs(180)));
        assert_eq!(left("4S"), Some(Duration::from_secs(4)));
        assert_eq!(left("5m"), Some(Duration::from_millis(5)));
        assert_eq!(left("6u"), Some(Duration::from_micros(6)));
        assert_eq!(left("99999999n"), Some(Duration::from_nanos(99_999_999)));
    }

    #[test]
    fn a_malformed_deadline_is_none() {
        for text in ["", "S", "1", "1x", "-1S", "+1S", "1.5S", "999999999S"] {
            assert_eq!(left(text), None, "{text:?}");
        }
    }
}
