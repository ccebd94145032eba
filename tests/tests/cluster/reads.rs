//! How often a read over the protocol of EventStoreDB asks the log, which may be far away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway::esdb::reads::Reads;
use gateway::esdb::scale::Scale;
use gateway::server::Shutdown;
use ledger::envelope::{Position, RecordedEvent, StreamName, Version};
use ledger::store::memory::Memory;
use ledger::store::{Append, AppendError, Appended, BoxFuture, EventStore, ReadError};
use proto::event_store::client::streams::ReadReq;
use proto::event_store::client::streams::read_req::Options;
use proto::event_store::client::streams::read_req::options::{
    CountOption, FilterOption, ReadDirection, StreamOption, StreamOptions,
    stream_options::RevisionOption,
};
use proto::event_store::client::streams::read_resp::Content;
use proto::event_store::client::{Empty, StreamIdentifier};
use tokio_stream::StreamExt as _;

use crate::kit::saying;

/// A log that counts how often a stream of it is read.
#[derive(Debug, Default)]
struct Counting {
    log: Memory,
    reads: AtomicU64,
}

impl EventStore for Counting {
    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        self.log.append_many(appends)
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.log.read_stream(stream, after, limit)
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        self.log.read_all(after, limit)
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.log.head()
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.log.wait_past(after)
    }
}

/// How many events a read of a stream answers, whether it says that the stream is not there, and
/// how often it asked the log.
async fn read(log: &Arc<Counting>, stream: &str, way: ReadDirection) -> (usize, bool, u64) {
    let before = log.reads.load(Ordering::SeqCst);
    let reads = Reads::new(log.clone(), Scale::ONE, Shutdown::default());
    let revision = match way {
        ReadDirection::Forwards => RevisionOption::Start(Empty {}),
        ReadDirection::Backwards => RevisionOption::End(Empty {}),
    };
    let stream_identifier = Some(StreamIdentifier { stream_name: stream.as_bytes().to_vec() });
    let options = StreamOptions { stream_identifier, revision_option: Some(revision) };
    let options = Options {
        stream_option: Some(StreamOption::Stream(options)),
        read_direction: way.into(),
        count_option: Some(CountOption::Count(u64::MAX)),
        filter_option: Some(FilterOption::NoFilter(Empty {})),
        ..Options::default()
    };
    let mut answers = reads.read(ReadReq { options: Some(options) }).await.unwrap();
    let (mut events, mut is_missing) = (0, false);
    while let Some(answer) = answers.next().await {
        let content = answer.unwrap().content.unwrap();
        is_missing |= matches!(content, Content::StreamNotFound(_));
        events += usize::from(matches!(content, Content::Event(_)));
    }
    (events, is_missing, log.reads.load(Ordering::SeqCst) - before)
}

#[tokio::test]
async fn a_stream_is_read_forwards_without_asking_for_its_length_and_backwards_asking_once() {
    let log = Arc::new(Counting::default());
    for version in 0..1000 {
        log.append(saying("account-a", version, "once")).await.unwrap();
    }
    let (forwards, backwards) = (ReadDirection::Forwards, ReadDirection::Backwards);
    // Four pages, and one that is empty.
    assert_eq!(read(&log, "account-a", forwards).await, (1000, false, 5));
    // Four pages, and two times ten digits for the length.
    let (events, is_missing, asked) = read(&log, "account-a", backwards).await;
    assert_eq!((events, is_missing), (1000, false));
    assert!(asked <= 4 + 20, "{asked}");
    // Nothing, and whether there is anything.
    assert_eq!(read(&log, "account-b", forwards).await, (0, true, 2));
    assert_eq!(read(&log, "account-b", backwards).await, (0, true, 1));
}
