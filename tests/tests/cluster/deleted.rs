//! Streams that somebody deletes for good, with the server's own tools.

use ledger::envelope::{Position, Version};
use ledger::store::eventstore::COPY_NOTE;
use ledger::store::{AppendError, EventStore as _, Notes as _, ReadError};
use proto::event_store::client::StreamIdentifier;
use proto::event_store::client::streams::TombstoneReq;
use proto::event_store::client::streams::streams_client::StreamsClient;
use proto::event_store::client::streams::tombstone_req::Options;
use tests::cluster::Node;
use tests::requests::auto_loan;
use tests::server::Town;
use tests::views::agree;

use crate::copies::copy;
use crate::kit::{open, saying, store_on};

const MORNING: &str = "2026-03-03T09:00:00-05:00";

async fn delete_for_good(node: &Node, stream: &str) {
    let mut client = StreamsClient::connect(format!("http://{}", node.address())).await.unwrap();
    let stream_identifier = Some(StreamIdentifier { stream_name: stream.as_bytes().to_vec() });
    let options = Some(Options { stream_identifier, expected_stream_revision: None });
    client.tombstone(TombstoneReq { options }).await.unwrap();
}

#[tokio::test]
async fn a_mark_that_was_deleted_for_good_is_none() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    store.cluster.append(saying("account-a", 0, "once")).await.unwrap();
    store.cluster.write_note(COPY_NOTE, Version::EMPTY, b"of elsewhere").await.unwrap();
    drop(store.cluster);
    delete_for_good(&node, "payledger-copy").await;
    let cluster = open(&node, store.directory.path()).await;
    assert_eq!(cluster.head().await.unwrap(), Position(1));
    let appended = cluster.append(saying("account-a", 1, "again")).await.unwrap();
    assert_eq!(appended.position, Position(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_goes_on_without_its_notes_and_a_copy_into_the_database_says_what_to_do() {
    let source = Town::at(MORNING).await;
    source.open(auto_loan("a-1")).await.unwrap();
    let source = source.stop().await;
    let node = Node::start().await;
    let town = Town::on_cluster(&node.connection(), MORNING).await;
    for stream in ["payledger-copy", "payledger-runner"] {
        delete_for_good(&node, stream).await;
    }
    town.open(auto_loan("a-1")).await.unwrap();
    let other = Town::on_cluster(&node.connection(), MORNING).await;
    assert!(other.open(auto_loan("a-1")).await.unwrap().replayed);
    agree(&town).await;
    agree(&other).await;

    let fresh = Node::start().await;
    delete_for_good(&fresh, "payledger-copy").await;
    let refused = copy(source.path().to_str().unwrap(), &fresh.connection()).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(7), "{said}");
    assert!(said.contains("stream payledger-copy was deleted for good"), "{said}");
    assert!(said.contains("into a fresh database"), "{said}");
    let store = store_on(&fresh).await;
    assert_eq!(store.cluster.head().await.unwrap(), Position::START, "nothing was written");
}

/// What is lost with a stream of the ledger is not for a gateway to decide.
#[tokio::test]
async fn a_stream_of_the_ledger_that_was_deleted_for_good_is_not_taken_for_an_empty_one() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    let append = saying("account-a", 0, "once");
    store.cluster.append(append.clone()).await.unwrap();
    delete_for_good(&node, "account-a").await;
    let read = store.cluster.read_stream(append.stream(), Version::EMPTY, 9).await;
    let Err(ReadError::Unavailable(cause)) = read else { panic!("{read:?}") };
    assert!(cause.to_string().contains("deleted for good"), "{cause}");
    let refused = store.cluster.append(saying("account-a", 1, "again")).await;
    let Err(AppendError::Unavailable(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("deleted for good"), "{cause}");
}
