//! How many calls may be under way at once, over all connections. Those beyond are refused at once
//! with `RESOURCE_EXHAUSTED`: a queue would only make every answer late.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::Status;
use tower::{Layer, Service};

use crate::status::Failure;

/// Health is asked for by those who decide whether to send more; it is never refused.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Wraps a service in [`Limit`]. Clones share one limit.
#[derive(Debug, Clone)]
pub struct LimitLayer {
    room: Arc<Semaphore>,
}

impl LimitLayer {
    /// Lets at most so many calls be under way. A stream counts until it begins: how many of them
    /// may stay is their service's to say.
    pub fn new(calls_max: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(calls_max)) }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limit { inner, room: Arc::clone(&self.room) }
    }
}

/// Refuses calls beyond the limit.
#[derive(Debug, Clone)]
pub struct Limit<S> {
    inner: S,
    room: Arc<Semaphore>,
}

impl<S, B, R> Service<Request<B>> for Limit<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.uri().path().starts_with(HEALTH) {
            return Box::pin(self.inner.call(request));
        }
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            let refusal = Status::from(Failure::overloaded()).into_http();
            return Box::pin(std::future::ready(Ok(refusal)));
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(place);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::Notify;
    use tonic::Code;
    use tonic::body::Body;
    use tonic_types::StatusExt;
    use tower::ServiceExt;

    use super::*;

    fn to(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::default()).unwrap()
    }

    #[tokio::test]
    async fn a_call_beyond_the_limit_is_refused_at_once_and_told_when_to_come_back() {
        let go_on = Arc::new(Notify::new());
        let gate = Arc::clone(&go_on);
        let slow = tower::service_fn(move |_: Request<Body>| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok::<_, Infallible>(Response::new(Body::default()))
            }
        });
        let service = LimitLayer::new(1).layer(slow);
        let call = |path: &str| service.clone().oneshot(to(path));

        let first = tokio::spawn(call("/payledger.v1.PaymentService/GetPayment"));
        while service.room.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = call("/payledger.v1.PaymentService/GetPayment").await.unwrap();
        let status = Status::from_header_map(second.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_error_details().retry_info().is_some());

        let health = tokio::spawn(call("/grpc.health.v1.Health/Check"));
        tokio::task::yield_now().await;
        go_on.notify_waiters();
        let healthy = health.await.unwrap().unwrap();
        assert!(Status::from_header_map(healthy.headers()).is_none());
        assert!(Status::from_header_map(first.await.unwrap().unwrap().headers()).is_none());
        assert_eq!(service.room.available_permits(), 1);
    }
}
