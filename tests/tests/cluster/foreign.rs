//! A database in which others keep something too: the ledger's positions are its own.

use ledger::envelope::{Position, Version};
use ledger::store::{AppendError, EventStore as _, Notes as _};
use tests::cluster::Node;
use tests::requests::auto_loan;
use tests::server::Town;
use tests::views::agree;

use crate::kit::{saying, store_on};

const MORNING: &str = "2026-03-03T09:00:00-05:00";

/// Streams that are none of the ledger's, however close their names come.
const FOREIGN: [&str; 7] = [
    "hello",
    "bookshop",
    "rulebook-2",
    "my-account-1",
    "Account-1",
    "payledger-runner",
    "payledger-copy-2",
];

/// What an operator or another program writes, past every gateway.
async fn written_by_others(node: &Node, version: u64) {
    for stream in FOREIGN {
        node.log().append(saying(stream, version, "a test")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_keep_in_the_database_stops_no_gateway_and_takes_no_position() {
    let node = Node::start().await;
    written_by_others(&node, 0).await;
    let one = Town::on_cluster(&node.connection(), MORNING).await;
    one.open(auto_loan("a-1")).await.unwrap();
    let before = one.head().await.unwrap();
    written_by_others(&node, 1).await;
    let paid = one.schedule("pay", "a-1", "310.00", "2026-03-03").await.unwrap();
    assert_eq!(paid.position, before + 1);
    let other = Town::on_cluster(&node.connection(), MORNING).await;
    let again = other.schedule("pay", "a-1", "310.00", "2026-03-03").await.unwrap();
    assert_eq!((again.position, again.replayed), (paid.position, true));
    assert_eq!(one.replay().await.unwrap(), other.replay().await.unwrap());
    agree(&one).await;
    agree(&other).await;
}

#[tokio::test]
async fn an_append_to_a_stream_that_is_not_counted_is_refused_by_name() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    for stream in FOREIGN {
        let many = [("account-a", 0), (stream, 0), ("account-a", 1)];
        let many = many.map(|(stream, version)| saying(stream, version, "once"));
        let first = many[0].stream().clone();
        let foreign = many[1].stream().clone();
        let outcomes = store.cluster.append_many(many.to_vec()).await;
        let Err(AppendError::Unavailable(refusal)) = &outcomes[1] else { panic!("{outcomes:?}") };
        let refusal = refusal.to_string();
        assert!(refusal.contains(&format!("stream {stream} is none of the ledger's")), "{refusal}");
        assert!(node.log().read_stream(&foreign, Version::EMPTY, 9).await.unwrap().is_empty());
        // Those beside it are carried out, or were before.
        let there = store.cluster.read_stream(&first, Version::EMPTY, 9).await.unwrap();
        assert_eq!(there.len(), 2);
    }
    assert_eq!(store.cluster.head().await.unwrap(), Position(2));
}

#[tokio::test]
async fn what_is_kept_for_later_has_positions_already() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    let names = ["customer-1", "remittance-1", "file-1", "cutoff-1", "books", "recovery"];
    for (position, name) in (1..).zip(names) {
        let appended = one.cluster.append(saying(name, 0, "once")).await.unwrap();
        assert_eq!(appended.position, Position(position));
    }
    assert_eq!(other.cluster.head().await.unwrap(), Position(6));
}

/// A look at the log passes over all that others wrote since its beginning.
#[tokio::test]
async fn a_look_at_the_log_begins_at_the_last_note_and_not_at_the_last_event() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    store.cluster.append(saying("account-a", 0, "once")).await.unwrap();
    written_by_others(&node, 0).await;
    let look = async || {
        assert_eq!(store.cluster.head().await.unwrap(), Position(1));
        node.log_read_from()
    };
    let event = look().await;
    for version in 0..2 {
        store.cluster.write_note("runner-2", Version(version), b"turn").await.unwrap();
        written_by_others(&node, version + 1).await;
        // The first look finds it.
        look().await;
    }
    let last = look().await;
    assert!(last > event, "{last}, {event}");
    // None of it has a position.
    let appended = store.cluster.append(saying("account-a", 1, "once")).await.unwrap();
    assert_eq!(appended.position, Position(2));
    let fresh = store_on(&node).await;
    assert_eq!(fresh.cluster.head().await.unwrap(), Position(2));
    let there = fresh.cluster.read_all(Position::START, 9).await.unwrap();
    assert_eq!(there.len(), 2);
}
