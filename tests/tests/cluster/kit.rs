//! Stores over a node, and events to append.

use std::path::Path;
use std::sync::Arc;

use ledger::envelope::{NewEvent, StreamName, Version};
use ledger::ids::{EventId, RequestId};
use ledger::store::eventstore::Cluster;
use ledger::store::{Append, Expected};
use tempfile::TempDir;
use tests::cluster::Node;
use tests::process::{Ended, Process};

/// A store over a node, and the directory that keeps its positions.
pub(crate) struct Store {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) directory: TempDir,
}

pub(crate) async fn store_on(node: &Node) -> Store {
    let directory = tempfile::tempdir().unwrap();
    let cluster = open(node, directory.path()).await;
    Store { cluster, directory }
}

pub(crate) async fn open(node: &Node, directory: &Path) -> Arc<Cluster> {
    Arc::new(Cluster::open(&node.connection(), directory).await.unwrap())
}

/// A gateway of its own process over a node. The node answers in this one, which waits for the
/// gateway beside the threads that it has for that.
pub(crate) async fn gateway_on(node: &Node, models: &Path, clock: &str) -> Result<Process, Ended> {
    let (connection, models) = (node.connection(), models.to_owned());
    let clock = clock.to_owned();
    let start = move || Process::start_on_cluster(&connection, &models, &clock);
    tokio::task::spawn_blocking(start).await.unwrap()
}

/// An append of one event to a stream that holds `version` events. What it says is not part of the
/// event's id, as with the instant at which a request was received.
pub(crate) fn saying(stream: &str, version: u64, says: &str) -> Append {
    let request = RequestId::derived(stream, &version.to_string());
    let event = NewEvent {
        id: EventId::derived(stream, request, 0),
        kind: "Said".to_owned(),
        data: format!(r#"{{"says":"{says}"}}"#).into_bytes(),
        metadata: b"{}".to_vec(),
    };
    let name = StreamName::new(stream).unwrap();
    Append::new(name, Expected::after(Version(version)), vec![event]).unwrap()
}
