//! The file of positions, which is no more than what the cluster says: a disk may lose or change
//! any of it.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use ledger::envelope::{Position, Version};
use ledger::store::EventStore as _;
use tests::cluster::Node;

use crate::kit::{Store, open, saying, store_on};

/// More than one page of the log.
const EVENTS: u64 = 700;

/// A node whose log has events, and a store that has numbered them.
async fn filled() -> (Node, Store) {
    let node = Node::start().await;
    for event in 0..EVENTS {
        let stream = format!("account-{}", event % 7);
        node.log().append(saying(&stream, event / 7, "once")).await.unwrap();
    }
    let store = store_on(&node).await;
    (node, store)
}

/// Changes a byte of the file, whose records are all of one length, the header's too.
fn change(directory: &Path, record: u64, byte: u64, how: impl Fn(u8) -> u8) {
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).open(directory.join("positions")).unwrap();
    let length = file.metadata().unwrap().len() / (EVENTS + 1);
    let mut there = [0];
    let place = record * length + byte;
    file.read_exact_at(&mut there, place).unwrap();
    file.write_all_at(&[how(there[0])], place).unwrap();
}

/// The file is what is hurt, and the log is not: nothing is told as damage.
#[tokio::test]
async fn a_changed_bit_of_the_positions_is_counted_again_while_they_are_used() {
    let (_node, store) = filled().await;
    let before = store.cluster.read_all(Position::START, 9999).await.unwrap();
    assert!(before.iter().map(|event| event.position.0).eq(1..=EVENTS));
    let witness = store.cluster.witness(Position(350)).unwrap();
    for (record, byte, bit) in [(350, 0, 7), (1, 7, 0), (EVENTS, 8, 3), (7, 23, 1), (349, 3, 5)] {
        change(store.directory.path(), record, byte, |there| there ^ (1 << bit));
        let after = Position(record - 1);
        let there = store.cluster.read_all(after, 3).await.unwrap();
        assert_eq!(there, before[usize::try_from(after.0).unwrap()..][..there.len()]);
        let (stream, version) = (before[349].stream.clone(), before[349].version);
        let there = store.cluster.read_stream(&stream, Version::EMPTY, 999).await.unwrap();
        assert_eq!(there[usize::try_from(version.0).unwrap() - 1], before[349]);
        store.cluster.confirm(Position(350), &witness).unwrap();
    }
    // All of it, as when the disk gives back a file of zeros.
    for (record, byte) in (1..=EVENTS).flat_map(|record| (0..24).map(move |byte| (record, byte))) {
        change(store.directory.path(), record, byte, |_| 0);
    }
    assert_eq!(store.cluster.read_all(Position::START, 9999).await.unwrap(), before);
    assert_eq!(store.cluster.read_all(Position(EVENTS - 1), 9).await.unwrap().len(), 1);
    assert!(store.cluster.failure().is_none());
}

#[tokio::test]
async fn a_changed_bit_of_the_positions_is_counted_again_at_the_start() {
    let (node, store) = filled().await;
    let before = store.cluster.read_all(Position::START, 9999).await.unwrap();
    let mut cluster = store.cluster;
    for (record, byte, bit) in [(350, 0, 7), (350, 7, 0), (EVENTS, 8, 3), (0, 20, 1)] {
        drop(cluster);
        change(store.directory.path(), record, byte, |there| there ^ (1 << bit));
        cluster = open(&node, store.directory.path()).await;
        assert_eq!(cluster.head().await.unwrap(), Position(EVENTS));
        assert_eq!(cluster.read_all(Position::START, 9999).await.unwrap(), before);
    }
    let appended = cluster.append(saying("account-last", 0, "once")).await.unwrap();
    assert_eq!(appended.position, Position(EVENTS + 1));
}
