//! How what is under way ends when the server stops: calls are answered, and streams that would go
//! on for as long as their client stays are ended.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{Drained, Shutdown};
use crate::status::Failure;

type Bytes = <Body as http_body::Body>::Data;

/// Streams of the library's services, which hear of no end: health that is watched, reflection.
const UNENDING: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// Streams that hear of the end themselves, and tell it to whoever reads them.
const STREAMS: [&str; 3] = [
    "/payledger.v1.AuditService/ReplayEvents",
    "/payledger.v1.AuditService/WatchEvents",
    "/event_store.client.streams.Streams/Read",
];

/// How long clients may read nothing of what streams had still to say, once nothing else is under
/// way. Who does not read at all would hold the server for as long as it lets calls end.
const UNREAD_MAX: Duration = Duration::from_secs(1);
/// How long connections that are cut off may take to be gone.
const CUT_OFF_MAX: Duration = Duration::from_secs(1);

/// What is under way. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct UnderWay {
    shutdown: Shutdown,
    calls: TaskTracker,
    /// How often something went out over any connection.
    written: Arc<AtomicU64>,
    cut_off: CancellationToken,
}

impl UnderWay {
    pub(super) fn new(shutdown: Shutdown) -> Self {
        let (calls, written) = (TaskTracker::new(), Arc::default());
        Self { shutdown, calls, written, cut_off: CancellationToken::new() }
    }

    /// Ends when connections are cut off, for good.
    pub(super) fn cut_off(&self) -> WaitForCancellationFutureOwned {
        self.cut_off.clone().cancelled_owned()
    }

    /// Notes that something went out.
    pub(super) fn note_written(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends when no call is under way, and nothing has gone out for a while.
    async fn unread(&self) {
        self.calls.wait().await;
        loop {
            let before = self.written.load(Ordering::Relaxed);
            sleep(UNREAD_MAX).await;
            if self.written.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    /// Lets calls and streams end for as long as `drain_max`, but streams only while they are read;
    /// then cuts off the connections, which would keep hold of the log.
    pub(super) async fn drain<E>(
        &self,
        serving: impl Future<Output = Result<(), E>>,
        drain_max: Duration,
    ) -> Result<Drained, E> {
        let mut serving = pin!(serving);
        self.calls.close();
        let drained = tokio::select! {
            biased;
            stopped = &mut serving => return stopped.map(|()| Drained::Fully),
            () = self.unread() => Drained::Fully,
            () = sleep(drain_max) => Drained::CutOff,
        };
        self.cut_off.cancel();
        let _gone = timeout(CUT_OFF_MAX, serving).await;
        Ok(drained)
    }
}

impl<S> Layer<S> for UnderWay {
    type Service = Ending<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Ending { inner, under_way: self.clone() }
    }
}

/// Counts the calls under way, and ends what would not end.
#[derive(Debug, Clone)]
pub(super) struct Ending<S> {
    inner: S,
    under_way: UnderWay,
}

impl<S, B, R> Service<Request<B>> for Ending<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        if STREAMS.contains(&path) {
            let answer = self.inner.call(request);
            return Box::pin(async move { Ok(answer.await?.map(Body::new)) });
        }
        let unending = UNENDING.iter().any(|prefix| path.starts_with(prefix));
        let (end, call): (Option<End>, _) = if unending {
            let shutdown = self.under_way.shutdown.clone();
            (Some(Box::pin(async move { shutdown.streams_end().await })), None)
        } else {
            (None, Some(self.under_way.calls.token()))
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| Body::new(Answer { body: Body::new(body), end, _call: call })))
        })
    }
}

/// Comes when a stream has to end.
type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer on its way out.
struct Answer {
    body: Body,
    /// What ends it, if it would not end by itself.
    end: Option<End>,
    /// Held until all of it has gone out.
    _call: Option<TaskTrackerToken>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // What the stream had still to say comes first, such as that the server is not ready.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let Some(end) = &mut self.end else { return Poll::Pending };
        ready!(end.as_mut().poll(context));
        (self.end, self.body) = (None, Body::empty());
        let mut trailers = HeaderMap::new();
        let told = Status::from(Failure::shutting_down(None)).add_header(&mut trailers);
        Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_stream_of_the_contract_is_known_as_one() {
        let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut streams = Vec::new();
        for file in &set.file {
            for service in &file.service {
                let methods = service.method.iter().filter(|method| method.server_streaming());
                let path = |name: &str| format!("/{}.{}/{name}", file.package(), service.name());
                streams.extend(methods.map(|method| path(method.name())));
            }
        }
        assert!(!streams.is_empty());
        for stream in streams {
            assert!(STREAMS.contains(&stream.as_str()), "{stream}");
        }
    }
}
