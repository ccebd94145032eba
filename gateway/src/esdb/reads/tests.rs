//! Readers that stop, on a clock that stands.

use std::time::Duration;

use ledger::envelope::{NewEvent, StreamName, Version};
use ledger::ids::{EventId, RequestId};
use ledger::store::memory::Memory;
use ledger::store::{Append, Expected};
use proto::event_store::client::Empty;
use proto::event_store::client::streams::read_req::Options;
use proto::event_store::client::streams::read_req::options::{
    AllOptions, ReadDirection, StreamOption, SubscriptionOptions, all_options::AllOption,
};
use tokio_stream::StreamExt as _;
use tonic::Code;

use super::*;

/// A log of more events than may wait for a reader.
async fn reads() -> Reads {
    let log = Memory::new();
    let name = StreamName::new("account-a").unwrap();
    let event = |index| NewEvent {
        id: EventId::derived("a test", RequestId::derived("a test", "one"), index),
        kind: "Said".to_owned(),
        data: b"{}".to_vec(),
        metadata: b"{}".to_vec(),
    };
    let events = (0..200).map(event).collect();
    let append = Append::new(name, Expected::after(Version::EMPTY), events).unwrap();
    log.append(append).await.unwrap();
    Reads::new(Arc::new(log), Scale::ONE, Shutdown::default())
}

fn everything(count: CountOption) -> ReadReq {
    let start = AllOptions { all_option: Some(AllOption::Start(Empty {})) };
    let options = Options {
        stream_option: Some(StreamOption::All(start)),
        read_direction: ReadDirection::Forwards.into(),
        count_option: Some(count),
        ..Options::default()
    };
    ReadReq { options: Some(options) }
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_for_a_minute_is_given_up_and_told_so() {
    let reads = reads().await;
    let all = || everything(CountOption::Count(u64::MAX));
    let mut stopped = Vec::new();
    for _ in 0..READS_MAX {
        stopped.push(reads.read(all()).await.unwrap());
    }
    let follower = reads.read(everything(CountOption::Subscription(SubscriptionOptions {})));
    let mut follower = follower.await.unwrap();
    tokio::time::sleep(SILENCE_MAX / 2).await;
    let slow = stopped.first_mut().unwrap();
    assert!(slow.next().await.unwrap().is_ok());
    assert_eq!(reads.read(all()).await.unwrap_err().code(), Code::ResourceExhausted);

    tokio::time::sleep(SILENCE_MAX / 2 + Duration::from_millis(1)).await;
    let whole: Vec<_> = reads.read(all()).await.unwrap().collect().await;
    assert!(whole.len() == 200 && whole.iter().all(Result::is_ok));
    let rest: Vec<_> = stopped.remove(0).collect().await;
    assert!(rest.len() == 199 && rest.iter().all(Result::is_ok), "it took one in time");
    let mut cut: Vec<_> = stopped.remove(0).collect().await;
    let told = cut.pop().unwrap().unwrap_err();
    assert_eq!(told.code(), Code::Aborted);
    assert!(cut.len() < 200 && cut.iter().all(Result::is_ok), "{told:?} is the last word");

    // Who follows is not: the confirmation, the events, and that there are no more for now.
    for _ in 0..202 {
        assert!(follower.next().await.unwrap().is_ok());
    }
}
