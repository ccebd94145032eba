//! Reads of the read protocol where the log is damaged, or a client wants to know how far it was
//! looked at.

use std::sync::Arc;

use gateway::esdb::reads::Reads;
use gateway::esdb::scale::Scale;
use gateway::server::Shutdown;
use ledger::store::EventStore;
use ledger::store::embedded::{Embedded, Options as LogOptions};
use ledger::store::memory::Memory;
use proto::event_store::client::streams::ReadReq;
use proto::event_store::client::streams::read_req::Options;
use proto::event_store::client::streams::read_req::options::{
    AllOptions, CountOption, FilterOption, FilterOptions, ReadDirection, StreamOption,
    StreamOptions, SubscriptionOptions, all_options::AllOption, filter_options,
    stream_options::RevisionOption,
};
use proto::event_store::client::streams::read_resp::Content;
use proto::event_store::client::{Empty, StreamIdentifier};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};

use crate::kit::saying;

fn all(from: AllOption, way: ReadDirection) -> Options {
    Options {
        stream_option: Some(StreamOption::All(AllOptions { all_option: Some(from) })),
        read_direction: way.into(),
        count_option: Some(CountOption::Count(u64::MAX)),
        filter_option: Some(FilterOption::NoFilter(Empty {})),
        ..Options::default()
    }
}

/// What a read sends, and the status that it ends with if it is not OK.
async fn read(store: &Arc<dyn EventStore>, options: Options) -> (Vec<Content>, Option<Status>) {
    let reads = Reads::new(Arc::clone(store), Scale::ONE, Shutdown::default());
    let mut answers = reads.read(ReadReq { options: Some(options) }).await.unwrap();
    let mut sent = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answer) => sent.extend(answer.content),
            Err(status) => return (sent, Some(status)),
        }
    }
    (sent, None)
}

/// The places of the events among what was sent.
fn places(sent: &[Content]) -> Vec<u64> {
    let events = sent.iter().filter_map(|content| {
        if let Content::Event(event) = content { event.event.as_ref() } else { None }
    });
    events.map(|event| event.commit_position).collect()
}

/// A log of 300 events in one stream, of which the block that holds the 200th is spoiled.
async fn damaged(directory: &std::path::Path) -> Arc<dyn EventStore> {
    let log = Embedded::open(directory, LogOptions::default()).unwrap();
    for version in 0..300 {
        log.append(saying("account-a", version, "x")).await.unwrap();
    }
    let file = rusqlite::Connection::open(directory.join("events.db")).unwrap();
    let spoil = "UPDATE blocks SET payload = zeroblob(40) WHERE first_position = (
        SELECT max(first_position) FROM blocks WHERE first_position <= 200)";
    assert_eq!(file.execute(spoil, []).unwrap(), 1);
    Arc::new(log)
}

#[tokio::test]
async fn whoever_reads_is_sent_what_is_whole_before_damage_and_told_of_it_in_both_directions() {
    let directory = tempfile::tempdir().unwrap();
    let log = damaged(directory.path()).await;
    let (start, end) = (AllOption::Start(Empty {}), AllOption::End(Empty {}));
    let (sent, told) = read(&log, all(start, ReadDirection::Forwards)).await;
    let below = places(&sent);
    assert!(below.iter().copied().eq(1..=below.len().try_into().unwrap()), "{below:?}");
    assert!(below.last().is_some_and(|last| (100..200).contains(last)), "{below:?}");
    assert_eq!(told.unwrap().code(), Code::DataLoss);

    let (sent, told) = read(&log, all(end, ReadDirection::Backwards)).await;
    let above = places(&sent);
    let last = *above.last().unwrap();
    assert!(above.iter().copied().eq((last..=300).rev()), "{above:?}");
    assert!((201..300).contains(&last), "{last}");
    assert_eq!(told.map(|told| told.code()), Some(Code::DataLoss));

    // What is below the damage is read as ever.
    let top = *below.last().unwrap();
    let from = proto::event_store::client::streams::read_req::options::Position {
        commit_position: top + 1,
        prepare_position: top + 1,
    };
    let (sent, told) = read(&log, all(AllOption::Position(from), ReadDirection::Backwards)).await;
    assert!(places(&sent).into_iter().eq((1..=top).rev()));
    assert!(told.is_none(), "{told:?}");
}

#[tokio::test]
async fn whoever_reads_a_stream_is_told_of_damage_in_both_directions() {
    let directory = tempfile::tempdir().unwrap();
    let log = damaged(directory.path()).await;
    for (from, way) in [
        (RevisionOption::Start(Empty {}), ReadDirection::Forwards),
        (RevisionOption::End(Empty {}), ReadDirection::Backwards),
    ] {
        let stream_identifier = Some(StreamIdentifier { stream_name: b"account-a".to_vec() });
        let options = StreamOptions { stream_identifier, revision_option: Some(from) };
        let options = Options {
            stream_option: Some(StreamOption::Stream(options)),
            ..all(AllOption::Start(Empty {}), way)
        };
        let (_, told) = read(&log, options).await;
        assert_eq!(told.map(|told| told.code()), Some(Code::DataLoss), "{way:?}");
    }
}

/// The places of the events and of the checkpoints that a subscription by a filter is sent until
/// it has caught up with a log of 1,000 events, each of which is in the stream that is named.
async fn caught_up(prefix: &str, window: u32, times: u32) -> (Vec<u64>, Vec<u64>) {
    let log = Memory::new();
    for version in 0..1000 {
        log.append(saying("account-a", version, "x")).await.unwrap();
    }
    let prefix = vec![prefix.to_owned()];
    let names = filter_options::Expression { regex: String::new(), prefix };
    let filter = FilterOptions {
        filter: Some(filter_options::Filter::StreamIdentifier(names)),
        window: Some(filter_options::Window::Max(window)),
        checkpoint_interval_multiplier: times,
    };
    let options = Options {
        count_option: Some(CountOption::Subscription(SubscriptionOptions {})),
        filter_option: Some(FilterOption::Filter(filter)),
        ..all(AllOption::Start(Empty {}), ReadDirection::Forwards)
    };
    let reads = Reads::new(Arc::new(log), Scale::ONE, Shutdown::default());
    let mut answers = reads.read(ReadReq { options: Some(options) }).await.unwrap();
    let (mut events, mut checkpoints) = (Vec::new(), Vec::new());
    let mut seen = 0;
    while let Some(answer) = answers.next().await {
        match answer.unwrap().content.unwrap() {
            Content::Event(event) => {
                let place = event.event.unwrap().commit_position;
                assert!(place > seen, "nothing is sent again behind a checkpoint");
                seen = place;
                events.push(place);
            }
            Content::Checkpoint(checkpoint) => {
                assert!(checkpoint.commit_position >= seen);
                seen = checkpoint.commit_position;
                checkpoints.push(seen);
            }
            Content::CaughtUp(_) => break,
            Content::Confirmation(_)
            | Content::StreamNotFound(_)
            | Content::FirstStreamPosition(_)
            | Content::LastStreamPosition(_)
            | Content::LastAllStreamPosition(_)
            | Content::FellBehind(_) => {}
        }
    }
    (events, checkpoints)
}

#[tokio::test]
async fn whoever_follows_by_a_filter_is_told_how_far_it_was_looked_at_whatever_is_sent() {
    let everything: Vec<u64> = (1..=1000).collect();
    for (window, times, every) in [(32, 1, 32), (32, 4, 128), (500, 1, 500)] {
        let (events, checkpoints) = caught_up("account-", window, times).await;
        assert_eq!(events, everything);
        let due: Vec<u64> = (1..=1000).filter(|place| place % every == 0).collect();
        assert_eq!(checkpoints, due, "every {every}");
    }
    let (events, checkpoints) = caught_up("books", 32, 4).await;
    assert!(events.is_empty() && checkpoints.contains(&896), "{checkpoints:?}");
    assert_eq!(checkpoints.last(), Some(&1000), "and at the end, where nothing is sent");
}

/// What a subscription says once it has caught up: the stream's revision, and the place in the log.
async fn caught_up_at(reads: &Reads, options: Options) -> (Option<i64>, Option<u64>) {
    let options = Options {
        count_option: Some(CountOption::Subscription(SubscriptionOptions {})),
        ..options
    };
    let mut answers = reads.read(ReadReq { options: Some(options) }).await.unwrap();
    loop {
        if let Content::CaughtUp(told) = answers.next().await.unwrap().unwrap().content.unwrap() {
            return (told.stream_revision, told.position.map(|place| place.commit_position));
        }
    }
}

#[tokio::test]
async fn whoever_follows_from_the_end_is_told_where_that_is_and_can_go_on_from_there() {
    let log = Memory::new();
    let forwards = |from| all(from, ReadDirection::Forwards);
    let stream = || Options {
        stream_option: Some(StreamOption::Stream(StreamOptions {
            stream_identifier: Some(StreamIdentifier { stream_name: b"account-a".to_vec() }),
            revision_option: Some(RevisionOption::End(Empty {})),
        })),
        ..forwards(AllOption::End(Empty {}))
    };
    let log: Arc<dyn EventStore> = Arc::new(log);
    let reads = Reads::new(Arc::clone(&log), Scale::ONE, Shutdown::default());
    let end = || forwards(AllOption::End(Empty {}));
    assert_eq!(caught_up_at(&reads, end()).await, (None, None), "nothing is there");
    for version in 0..3 {
        log.append(saying("account-a", version, "x")).await.unwrap();
        log.append(saying("account-b", version, "x")).await.unwrap();
    }
    assert_eq!(caught_up_at(&reads, end()).await, (None, Some(6)));
    let start = forwards(AllOption::Start(Empty {}));
    assert_eq!(caught_up_at(&reads, start).await, (None, Some(6)));
    assert_eq!(caught_up_at(&reads, stream()).await, (Some(2), None));
}
