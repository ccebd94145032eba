//! Copies into a cluster that a gateway serves meanwhile: it ends, and nothing that it acknowledged
//! is left in a log that nobody serves.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use tempfile::TempDir;
use tests::client::Client;
use tests::cluster::{Fault, Node};
use tests::process::{Ended, Process};
use tests::refusals::reason;
use tests::requests::{auto_loan, instant};
use tests::server::{Town, settings};
use tests::views::agree;

use crate::copies::{copy, said};
use crate::kit::gateway_on;

const MORNING: &str = "2026-03-03T09:00:00-05:00";
const DAY: &str = "2026-03-03";

/// A log, a node that holds its beginning, and a gateway that serves that node.
struct Place {
    source: Arc<TempDir>,
    /// Where the log ends.
    head: u64,
    node: Node,
    gateway: Process,
    client: Client,
    _models: TempDir,
}

impl Place {
    async fn make() -> Self {
        let town = Town::at(MORNING).await;
        town.open(auto_loan("a-1")).await.unwrap();
        let source = town.stop().await;
        let node = Node::start().await;
        said(&copy(text(source.path()), &node.connection()).await);
        let town = Town::with(source.clone(), settings(source.path(), instant(MORNING))).await;
        town.open(auto_loan("a-2")).await.unwrap();
        town.schedule("at the source", "a-2", "2.00", DAY).await.unwrap();
        let head = town.head().await.unwrap();
        town.stop().await;
        let models = tempfile::tempdir().unwrap();
        let gateway = gateway_on(&node, models.path(), MORNING).await.unwrap();
        let client = Client::connect(gateway.address()).await;
        assert!(client.open(auto_loan("a-1")).await.unwrap().replayed);
        Self { source, head, node, gateway, client, _models: models }
    }

    fn copying(&self) -> impl Future<Output = Output> + use<> {
        let (from, to) = (text(self.source.path()).to_owned(), self.node.connection());
        async move { copy(&from, &to).await }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits until a gateway has ended by itself: because of a copy, by name.
async fn ends(gateway: Process, source: &TempDir, head: u64) {
    let ended = tokio::task::spawn_blocking(move || gateway.wait()).await.unwrap();
    refused(&ended, source, head);
}

fn refused(Ended { status, said }: &Ended, source: &TempDir, head: u64) {
    assert_eq!(status.code(), Some(5), "{said}");
    let of = text(source.path());
    let of = format!("has not come to its end: of {of} up to position {head}");
    assert!(said.contains(&of), "{said}");
    assert!(said.contains("run `payledger copy-log` again"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_ends_by_name_when_its_cluster_is_copied_into() {
    let place = Place::make().await;
    let copied = said(&place.copying().await);
    assert_eq!(copied["events"], place.head);
    ends(place.gateway, &place.source, place.head).await;
    let served = Town::on_cluster(&place.node.connection(), MORNING).await;
    assert!(served.schedule("at the source", "a-2", "2.00", DAY).await.unwrap().replayed);
    agree(&served).await;
}

/// The copy has looked at what the cluster holds, and not marked it yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_the_mark_is_served_as_before() {
    let place = Place::make().await;
    place.node.faults().plan_for("Note", Fault::Slow);
    let copying = tokio::spawn(place.copying());
    place.node.faults().waits_at_gate(1).await;
    let paid = place.client.schedule("here", "a-1", "1.00", DAY).await.unwrap();
    place.node.faults().open_gate();
    let refused = copying.await.unwrap();
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("another writer is at work; nothing was copied"), "{told}");
    ends(place.gateway, &place.source, place.head).await;
    let served = Town::on_cluster(&place.node.connection(), MORNING).await;
    let again = served.schedule("here", "a-1", "1.00", DAY).await.unwrap();
    assert_eq!((again.position, again.replayed), (paid.position, true));
    assert_eq!(served.head().await.unwrap(), paid.position);
    agree(&served).await;
}

/// An append is under way when the copy marks the cluster, and lands behind the mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lands_behind_the_mark_is_acknowledged_to_nobody() {
    let Place { source, head, node, gateway, client, _models } = Place::make().await;
    node.faults().plan_for("PaymentScheduled", Fault::Slow);
    node.faults().plan_for("AccountOpened", Fault::Slow);
    let (from, to) = (text(source.path()).to_owned(), node.connection());
    let paying = tokio::spawn(async move { client.schedule("here", "a-1", "1.00", DAY).await });
    node.faults().waits_at_gate(1).await;
    let copying = tokio::spawn(async move { copy(&from, &to).await });
    // The second is the copy's first event.
    node.faults().waits_at_gate(2).await;
    node.faults().open_gate();
    assert_eq!(reason(paying.await.unwrap()), "OUTCOME_UNKNOWN");
    ends(gateway, &source, head).await;
    node.faults().open_gate();
    let copied = copying.await.unwrap();
    let told = String::from_utf8_lossy(&copied.stderr).into_owned();
    if copied.status.success() {
        // It was so slow that its client gave it up before it passed the gate.
        assert_eq!(said(&copied)["events"], head);
        return;
    }
    assert!(told.contains("another writer is at work"), "{told}");
    let models = tempfile::tempdir().unwrap();
    let ended = gateway_on(&node, models.path(), MORNING).await.unwrap_err();
    refused(&ended, &source, head);
}
