//! What the promises are written with: stores to run them on, and events to append.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::digest::Digest;
use ledger::envelope::{Metadata, NewEvent, Position, RecordedEvent, StreamName, Version};
use ledger::ids::{Actor, EventId, RequestId};
use ledger::store::embedded::{Embedded, OpenError, Options};
use ledger::store::eventstore::Cluster;
use ledger::store::memory::Memory;
use ledger::store::{Append, AppendError, Appended, EventStore, Expected};
use tempfile::TempDir;
use tests::cluster::Node;
use uuid::Uuid;

/// Runs promises, which are functions of a store, on every adapter.
macro_rules! on_every_store {
    ($($promise:ident),+ $(,)?) => {
        mod memory {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(crate::kit::memory()).await;
                }
            )+
        }

        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let directory = crate::kit::Directory::new();
                    super::$promise(directory.open()).await;
                }
            )+
        }

        mod cluster {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let directory = crate::kit::Directory::new();
                    let node = tests::cluster::Node::start().await;
                    super::$promise(crate::kit::cluster(&node, directory.path()).await).await;
                }
            )+
        }
    };
}
pub(crate) use on_every_store;

/// A fresh store in memory.
pub(crate) fn memory() -> Arc<dyn EventStore> {
    Arc::new(Memory::new())
}

/// A store over a node of a cluster, by a real connection.
pub(crate) async fn cluster(node: &Node, directory: &Path) -> Arc<dyn EventStore> {
    Arc::new(Cluster::open(&node.connection(), directory).await.unwrap())
}

/// The id of every log of these tests, so that two runs write the same bytes.
pub(crate) const LOG_ID: Uuid = Uuid::from_u128(0x1060_1d00_0000_4000_8000_0000_0000_0001);

/// How these tests open a log.
pub(crate) const OPTIONS: Options =
    Options { log_id: Some(LOG_ID), pages_max: None, tail_events: 65_536 };

/// A data directory that goes away with the test.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.path().join("events.db")
    }

    pub(crate) fn open(&self) -> Arc<Embedded> {
        Arc::new(Embedded::open(self.path(), OPTIONS).unwrap())
    }

    /// Opens the log so that its index counts for all but the last `tail_events`.
    pub(crate) fn open_with_tail(&self, tail_events: u64) -> Arc<Embedded> {
        Arc::new(Embedded::open(self.path(), Options { tail_events, ..OPTIONS }).unwrap())
    }

    /// Another file of the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a process that is killed leaves behind: the files as they are, and no lock. The
    /// witness is copied first, so that it is not ahead of the log.
    pub(crate) fn left_behind(&self) -> Self {
        let left = Self::new();
        for name in ["HEAD", "events.index", "events.db", "events.db-wal"] {
            if self.file(name).exists() {
                std::fs::copy(self.file(name), left.file(name)).unwrap();
            }
        }
        left
    }

    /// Changes how far back the index on the disk says that the event before `position` is in its
    /// stream, under a checksum that is right.
    pub(crate) fn forge_link(&self, position: usize, back: u8) {
        let path = self.file("events.index");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 4);
        // Links of five bytes come after a header of 80.
        bytes[80 + position * 5 - 1] = back;
        let sum = crc32(&bytes);
        bytes.extend(sum.to_be_bytes());
        std::fs::write(path, bytes).unwrap();
    }

    /// What opening is refused with.
    pub(crate) fn refusal(&self) -> OpenError {
        Embedded::open(self.path(), OPTIONS).unwrap_err()
    }

    /// A directory whose log holds `count` appends of one event each, and nobody serves.
    pub(crate) async fn with_appends(count: u64) -> Self {
        let directory = Self::new();
        let store = directory.open();
        for version in 0..count {
            store.append(one("account-1", version)).await.unwrap();
        }
        directory
    }
}

/// CRC-32, bit by bit.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

pub(crate) fn stream(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

fn metadata() -> Vec<u8> {
    let metadata = Metadata {
        received_at: "2026-03-03T19:59:59Z".parse().unwrap(),
        request_id: RequestId::derived("conformance", "1"),
        digest: Digest::of(b"a test"),
        actor: Actor::runner(),
        rules: "2026-01-01".to_owned(),
    };
    serde_json::to_vec(&metadata).unwrap()
}

/// An event whose id and data tell which it is.
pub(crate) fn event(stream: &str, number: u64) -> NewEvent {
    let request = RequestId::derived(stream, &number.to_string());
    NewEvent {
        id: EventId::derived(stream, request, 0),
        kind: "payment-scheduled".to_owned(),
        data: format!(r#"{{"stream":"{stream}","number":{number}}}"#).into_bytes(),
        metadata: metadata(),
    }
}

pub(crate) fn after(version: u64) -> Expected {
    Expected::after(Version(version))
}

/// `count` events for a stream that holds `version` events.
pub(crate) fn some(name: &str, version: u64, count: u64) -> Append {
    let events = (0..count).map(|index| event(name, version + index + 1)).collect();
    Append::new(stream(name), after(version), events).unwrap()
}

/// One event for a stream that holds `version` events.
pub(crate) fn one(name: &str, version: u64) -> Append {
    some(name, version, 1)
}

/// Events and where they are expected to be.
pub(crate) fn appended(position: u64, version: u64) -> Appended {
    Appended { position: Position(position), version: Version(version) }
}

/// The version that a conflict names; panics on any other outcome.
#[track_caller]
pub(crate) fn conflict(outcome: Result<Appended, AppendError>) -> Version {
    match outcome {
        Err(AppendError::Conflict { actual, .. }) => actual,
        other => panic!("not a conflict: {other:?}"),
    }
}

/// Everything in the store, read in pages of 7.
pub(crate) async fn all(store: &dyn EventStore) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let last = events.last().map_or(Position::START, |event| event.position);
        let page = store.read_all(last, 7).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// Everything in one stream.
pub(crate) async fn whole(store: &dyn EventStore, name: &str) -> Vec<RecordedEvent> {
    store.read_stream(&stream(name), Version::EMPTY, usize::MAX).await.unwrap()
}

/// The places and versions of events, which is what most promises are about.
pub(crate) fn places(events: &[RecordedEvent]) -> Vec<(u64, &str, u64)> {
    let place = |event: &'_ RecordedEvent| (event.position.0, event.version.0);
    let named = events.iter().map(|event| (place(event), event.stream.as_str()));
    named.map(|((position, version), stream)| (position, stream, version)).collect()
}
