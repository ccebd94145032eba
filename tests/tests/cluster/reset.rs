//! A cluster that is restored from a backup which is older than what its gateways have read.

use std::sync::Arc;
use std::time::Duration;

use ledger::envelope::{NewEvent, Position, Version};
use ledger::store::eventstore::OpenError;
use ledger::store::memory::Memory;
use ledger::store::{Append, AppendError, EventStore as _, Expected, Notes as _, ReadError};
use tests::client::Client;
use tests::cluster::{Fault, Node};
use tests::requests::auto_loan;
use tokio::net::TcpListener;

use crate::kit::{Store, gateway_on, saying, store_on};

const MORNING: &str = "2026-03-03T09:00:00-05:00";

/// Some seconds are waited whether what is missing comes back.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// What a backup of `log` holds that was made when it had `count` events, all in all.
async fn backup(log: &Memory, count: usize) -> Arc<Memory> {
    let older: Arc<Memory> = Arc::default();
    for event in log.read_all(Position::START, count).await.unwrap() {
        let before = Expected::after(Version(event.version.0 - 1));
        let (id, kind, data, metadata) = (event.id, event.kind, event.data, event.metadata);
        let again = NewEvent { id, kind, data, metadata };
        older.append(Append::new(event.stream, before, vec![again]).unwrap()).await.unwrap();
    }
    older
}

/// Three events, without one of the server's own among them, and the store that has read them.
async fn read() -> (Node, Store) {
    let node = Node::start().await;
    let store = store_on(&node).await;
    for version in 0..3 {
        store.cluster.append(saying("account-a", version, "once")).await.unwrap();
    }
    (node, store)
}

/// The same node, with what another log holds.
async fn restarted(node: Node, log: Arc<Memory>) -> Node {
    let address = node.address();
    node.kill().await;
    Node::start_on(TcpListener::bind(address).await.unwrap(), log)
}

#[tokio::test]
async fn a_log_that_ends_before_what_was_read_is_told_by_both_positions() {
    for kept in [2, 0] {
        let (node, store) = read().await;
        let older = backup(node.log(), kept).await;
        let _node = restarted(node, older).await;
        let told = tokio::time::timeout(TOLD_WITHIN, store.cluster.stopped()).await;
        assert!(told.is_ok(), "it is told for good");
        let failure = store.cluster.failure().unwrap();
        let OpenError::EndMissing { known: Position(3), head } = failure else {
            panic!("{failure:?}")
        };
        assert_eq!(head, Position(kept.try_into().unwrap()));
        let read = store.cluster.head().await;
        let Err(ReadError::Damaged { position, cause }) = read else { panic!("{read:?}") };
        assert_eq!(position, head.next());
        assert!(cause.contains("but position 3 was read from it"), "{cause}");
        let written = store.cluster.append(saying("account-b", 0, "once")).await;
        assert!(matches!(written, Err(AppendError::Unavailable(_))), "{written:?}");
    }
}

/// Gateways go on to write notes, which may come to stand behind what is missing.
#[tokio::test]
async fn a_note_hides_no_missing_end() {
    for (before, behind) in [(true, false), (false, true), (true, true)] {
        let (node, store) = read().await;
        if before {
            store.cluster.write_note("turn", Version::EMPTY, b"one").await.unwrap();
            assert_eq!(store.cluster.head().await.unwrap(), Position(3));
        }
        let older = backup(node.log(), 2).await;
        if behind {
            for version in 0..9 {
                older.append(saying("payledger-turn", version, "other")).await.unwrap();
            }
        }
        let _node = restarted(node, older).await;
        let told = tokio::time::timeout(TOLD_WITHIN, store.cluster.stopped()).await;
        assert!(told.is_ok(), "it is told for good: {before}, {behind}");
        let failure = store.cluster.failure().unwrap();
        let lost = OpenError::EndMissing { known: Position(3), head: Position(2) };
        assert_eq!(failure.to_string(), lost.to_string());
    }
}

/// Where the log ends, once that is answered or told to be lost.
async fn end_of(store: &Store) -> Result<Position, ReadError> {
    loop {
        match store.cluster.head().await {
            Err(ReadError::Unavailable(_)) => tokio::task::yield_now().await,
            told => return told,
        }
    }
}

#[tokio::test]
async fn an_end_that_is_missing_for_a_moment_is_no_loss() {
    let (mut node, store) = read().await;
    // Answers that are cut off before their first event, as if there were no log at all.
    for _ in 0..12 {
        node.faults().plan_read(Fault::Ends { after: 0 });
    }
    assert_eq!(end_of(&store).await.unwrap(), Position(3));
    // A node that has not got it yet.
    let (whole, older) = (backup(node.log(), 3).await, backup(node.log(), 1).await);
    node = restarted(node, older).await;
    let lags = |read: &Result<Position, ReadError>| {
        let told = read.as_ref().err().map(|error| format!("{error:?}")).unwrap_or_default();
        told.contains("has not got what was read before")
    };
    while !lags(&store.cluster.head().await) {}
    let _node = restarted(node, whole).await;
    assert_eq!(end_of(&store).await.unwrap(), Position(3));
    store.cluster.append(saying("account-a", 3, "once")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_ends_and_says_what_its_cluster_has_lost() {
    let node = Node::start().await;
    let models = tempfile::tempdir().unwrap();
    let gateway = gateway_on(&node, models.path(), MORNING).await.unwrap();
    let client = Client::connect(gateway.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    let known = client.head().await.unwrap();
    let older = backup(node.log(), 2).await;
    let node = restarted(node, older).await;
    let ended = tokio::task::spawn_blocking(move || gateway.wait()).await.unwrap();
    let said = ended.said;
    assert_eq!(ended.status.code(), Some(3), "{said}");
    let lost = format!("ends at position 2, but position {known} was read from it");
    assert!(said.contains(&lost), "{said}");
    assert!(said.contains("restore the cluster"), "{said}");
    // Nor does it begin anew on what is left, even where no read model knows of more.
    let read = models.path().join("read");
    std::fs::remove_dir_all(&read).unwrap();
    let ended = gateway_on(&node, models.path(), MORNING).await.unwrap_err();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.said);
    assert!(ended.said.contains(&lost), "{}", ended.said);
    assert!(ended.said.contains("remove the file positions"), "{}", ended.said);
    std::fs::remove_file(models.path().join("positions")).unwrap();
    gateway_on(&node, models.path(), MORNING).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_to_a_cluster_that_the_read_models_refuse() {
    let node = Node::start().await;
    let models = tempfile::tempdir().unwrap();
    let gateway = gateway_on(&node, models.path(), MORNING).await.unwrap();
    Client::connect(gateway.address()).await.open(auto_loan("a-1")).await.unwrap();
    assert!(tokio::task::spawn_blocking(move || gateway.stop()).await.unwrap().status.success());
    // The count of the log is gone, so that the read models alone know of more.
    std::fs::remove_file(models.path().join("positions")).unwrap();
    let node = restarted(node, Arc::default()).await;
    let ended = gateway_on(&node, models.path(), MORNING).await.unwrap_err();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.said);
    assert!(ended.said.contains("read models"), "{}", ended.said);
    assert_eq!(node.log().head().await.unwrap(), Position::START);
}
