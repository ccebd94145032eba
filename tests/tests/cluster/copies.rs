//! Logs moved between stores by `payledger copy-log`.

use std::path::Path;
use std::process::{Command, Output};

use ledger::envelope::{Position, RecordedEvent};
use ledger::store::EventStore;
use tests::cluster::{Fault, Node};
use tests::process::binary;
use tests::requests::auto_loan;
use tests::server::Town;
use tests::views::agree;

use crate::kit::{saying, store_on};

const MORNING: &str = "2026-03-03T09:00:00-05:00";

/// Runs the verb while the node goes on serving.
pub(crate) async fn copy(from: &str, to: &str) -> Output {
    let mut command = Command::new(binary());
    command.args(["copy-log", "--output", "json", "--from", from, "--to", to]);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn said(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn all(store: &dyn EventStore) -> Vec<RecordedEvent> {
    store.read_all(Position::START, usize::MAX).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_goes_to_a_cluster_and_back_event_for_event() {
    let town = Town::at(MORNING).await;
    for number in 0..40 {
        let account = format!("a-{number}");
        town.open(auto_loan(&account)).await.unwrap();
        town.schedule(&account, &account, "310.00", "2026-03-03").await.unwrap();
    }
    let events = town.replay().await.unwrap();
    let source = town.stop().await;
    let node = Node::start().await;
    // The first attempt stops half-way; the second one goes on.
    for _ in 0..30 {
        node.faults().plan(Fault::Slow);
        node.faults().open_gate();
    }
    node.faults().plan(Fault::AnswerLost);
    let broken = copy(text(source.path()), &node.connection()).await;
    assert_eq!(broken.status.code(), Some(7), "{broken:?}");
    let itself = copy(text(source.path()), text(&source.path().join("."))).await;
    assert_eq!(itself.status.code(), Some(2), "{itself:?}");
    let first = said(&copy(text(source.path()), &node.connection()).await);
    let copied: usize = first["copied"].as_u64().unwrap().try_into().unwrap();
    assert!(copied > 0 && copied < events.len(), "{first}");
    let again = said(&copy(text(source.path()), &node.connection()).await);
    assert_eq!(again["copied"], 0);
    assert_eq!(again["events"], events.len());
    assert_eq!(again["sha256"], first["sha256"]);

    let back = tempfile::tempdir().unwrap();
    let third = said(&copy(&node.connection(), text(back.path())).await);
    assert_eq!(third["sha256"], first["sha256"]);
    let store = store_on(&node).await;
    let there = all(&*store.cluster).await;
    let copy = ledger::store::embedded::Embedded::open_read_only(back.path()).unwrap();
    assert_eq!(there, all(&copy).await);
    drop((store, copy));
    let as_sent = there.iter().map(|event| (event.position.0, event.version.0, &event.data));
    assert!(as_sent.eq(events.iter().map(|event| (event.position, event.version, &event.data))));

    // A gateway goes on where the log was moved to.
    let moved = Town::on_cluster(&node.connection(), MORNING).await;
    let repeated = moved.schedule("a-7", "a-7", "310.00", "2026-03-03").await.unwrap();
    assert!(repeated.replayed);
    agree(&moved).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_holds_something_else_is_refused() {
    let town = Town::at(MORNING).await;
    town.open(auto_loan("a-1")).await.unwrap();
    let source = town.stop().await;
    let node = Node::start().await;
    let store = store_on(&node).await;
    store.cluster.append(saying("account-other", 0, "something else")).await.unwrap();
    let refused = copy(text(source.path()), &node.connection()).await;
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("holds something else at position 1"), "{said}");
    assert!(!said.contains("admin"), "no credentials");
    assert_eq!(store.cluster.head().await.unwrap(), Position(1), "nothing was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_running_gateway_is_copied_over_its_read_protocol() {
    let (town, address) = Town::with_eventstore(MORNING).await;
    town.open(auto_loan("a-1")).await.unwrap();
    let back = tempfile::tempdir().unwrap();
    let done = copy(&tests::cluster::connection(address), text(back.path())).await;
    assert_eq!(said(&done)["events"], town.head().await.unwrap());
}
