//! Promises of the embedded store about the index that it writes down: it saves time, and is never
//! trusted over the log.

use std::fs;

use ledger::envelope::{Position, RecordedEvent, Version};
use ledger::store::embedded::{Embedded, IndexState, OpenError, Options, verify_with_derived};
use ledger::store::{EventStore, ReadError};
use rusqlite::Connection;
use uuid::Uuid;

use super::kit::{Directory, OPTIONS, all, one, stream, whole};

/// So many events at the log's end are checked whatever the index says.
const TAIL: u64 = 4;

const STREAMS: u64 = 3;

async fn append(store: &Embedded, from: u64, to: u64) {
    for number in from..to {
        let name = format!("account-{}", number % STREAMS);
        store.append(one(&name, number / STREAMS)).await.unwrap();
    }
}

/// A log of `events` events in three streams, with its index beside it.
async fn indexed(events: u64) -> Directory {
    let directory = Directory::new();
    let store = directory.open_with_tail(TAIL);
    append(&store, 0, events).await;
    drop(store);
    assert!(directory.file("events.index").exists());
    directory
}

/// All events, as read in order and stream by stream.
async fn views(store: &Embedded) -> (Vec<RecordedEvent>, Vec<Vec<RecordedEvent>>) {
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        streams.push(whole(store, &format!("account-{number}")).await);
    }
    (all(store).await, streams)
}

/// The log answers as it would without an index, and goes on.
async fn assert_answers(directory: &Directory, events: u64) {
    let seen = Embedded::open_read_only(directory.path()).unwrap();
    let store = directory.open_with_tail(TAIL);
    assert_eq!(store.head().await.unwrap(), Position(events));
    assert_eq!(views(&store).await, views(&seen).await);
    assert_eq!(store.head_witness().chain, seen.head_witness().chain);
    append(&store, events, events + 1).await;
}

fn spoil(directory: &Directory, position: i64) {
    let connection = Connection::open(directory.log()).unwrap();
    let sql = "UPDATE blocks SET payload = zeroblob(40) WHERE first_position = ?1";
    assert_eq!(connection.execute(sql, [position]).unwrap(), 1);
}

fn damaged<T: std::fmt::Debug>(read: Result<T, ReadError>) -> u64 {
    match read {
        Err(ReadError::Damaged { position, .. }) => position.0,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_the_index_covers_is_not_read_again_and_its_damage_is_found_by_whoever_needs_it() {
    let directory = indexed(40).await;
    spoil(&directory, 5);
    let store = directory.open_with_tail(TAIL);
    // The event at position 5 is the second one of its stream.
    assert_eq!(damaged(store.read_stream(&stream("account-1"), Version(0), 100).await), 5);
    assert_eq!(damaged(store.read_all(Position(2), 100).await), 5);
    assert_eq!(whole(&*store, "account-0").await.len(), 14);
    append(&store, 40, 42).await;
    drop(store);
    // What is at the end is always looked at, and without an index everything is.
    let OpenError::Damaged { position, .. } = directory.refusal() else { panic!("not damage") };
    assert_eq!(position, Position(5));
    fs::remove_file(directory.file("events.index")).unwrap();
    let options = Options { tail_events: TAIL, ..OPTIONS };
    assert!(Embedded::open(directory.path(), options).is_err());
}

#[tokio::test]
async fn damage_at_the_end_is_found_though_the_index_covers_it() {
    for position in 37..=40_i64 {
        let directory = indexed(40).await;
        spoil(&directory, position);
        let options = Options { tail_events: TAIL, ..OPTIONS };
        let refusal = Embedded::open(directory.path(), options).unwrap_err();
        let OpenError::Damaged { position: found, .. } = refusal else { panic!("{refusal:?}") };
        assert_eq!(i64::try_from(found.0), Ok(position));
    }
}

#[tokio::test]
async fn after_a_kill_the_index_is_continued_from_the_log() {
    let directory = indexed(40).await;
    let store = directory.open_with_tail(TAIL);
    append(&store, 40, 55).await;
    let left = directory.left_behind();
    assert_answers(&left, 55).await;
    assert_answers(&left, 56).await;
}

#[tokio::test]
async fn an_index_that_was_changed_is_left_aside() {
    let directory = indexed(40).await;
    let index = directory.file("events.index");
    let bytes = fs::read(&index).unwrap();
    for (events, place) in (40..).zip((0..bytes.len()).step_by(7)) {
        let mut changed = bytes.clone();
        if place % 2 == 0 {
            changed[place] ^= 0x04;
        } else {
            changed.truncate(place);
        }
        fs::write(&index, changed).unwrap();
        assert_answers(&directory, events).await;
    }
}

#[tokio::test]
async fn an_index_of_another_log_is_left_aside() {
    let directory = indexed(40).await;
    let other = Directory::new();
    let options = Options { log_id: Some(Uuid::from_u128(9)), tail_events: TAIL, ..OPTIONS };
    let store = Embedded::open(other.path(), options).unwrap();
    append(&store, 0, 40).await;
    drop(store);
    fs::copy(other.file("events.index"), directory.file("events.index")).unwrap();
    assert_answers(&directory, 40).await;
}

#[tokio::test]
async fn an_index_of_a_log_that_went_another_way_is_left_aside() {
    let directory = indexed(40).await;
    let other = Directory::new();
    let store = other.open_with_tail(TAIL);
    for version in 0..30 {
        store.append(one("account-0", version)).await.unwrap();
    }
    drop(store);
    fs::copy(other.file("events.index"), directory.file("events.index")).unwrap();
    assert_answers(&directory, 40).await;
}

#[tokio::test]
async fn an_index_that_is_older_than_the_log_is_continued() {
    let directory = indexed(20).await;
    let older = fs::read(directory.file("events.index")).unwrap();
    append(&directory.open_with_tail(TAIL), 20, 40).await;
    fs::write(directory.file("events.index"), older).unwrap();
    assert_answers(&directory, 40).await;
}

#[tokio::test]
async fn an_index_that_is_newer_than_the_log_is_left_aside() {
    let directory = indexed(20).await;
    let older = fs::read(directory.log()).unwrap();
    append(&directory.open_with_tail(TAIL), 20, 40).await;
    fs::write(directory.log(), older).unwrap();
    // Somebody has decided that the older log is right.
    fs::remove_file(directory.file("HEAD")).unwrap();
    assert_answers(&directory, 20).await;
}

#[tokio::test]
async fn an_index_that_leads_to_the_wrong_event_is_never_an_answer() {
    let directory = indexed(40).await;
    // The event at position 10 follows the one at 7; now it is said to follow the one at 8, which
    // is another stream's, or the one at 4, which is the stream's own but not the one before.
    for back in [2, 6] {
        directory.forge_link(10, back);
        let store = directory.open_with_tail(TAIL);
        damaged(store.read_stream(&stream("account-0"), Version(0), 100).await);
        assert_eq!(whole(&*store, "account-1").await.len(), 13);
    }
}

#[tokio::test]
async fn an_index_that_does_not_lead_to_the_logs_end_is_left_aside() {
    let directory = indexed(40).await;
    // The last event is the fourteenth of its stream, and is said to follow the first.
    directory.forge_link(40, 39);
    assert_answers(&directory, 40).await;
}

#[test]
fn a_short_log_needs_no_index() {
    let directory = Directory::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(append(&directory.open(), 0, 40));
    assert!(!directory.file("events.index").exists());
}

#[tokio::test]
async fn a_check_of_the_log_looks_at_the_index_too() {
    let checked = |directory: &Directory| {
        let (report, derived) = verify_with_derived(directory.path(), |_| Ok(())).unwrap();
        (report.events, derived.index)
    };
    let directory = indexed(30).await;
    assert_eq!(checked(&directory), (30, IndexState::Fits(Position(30))));
    // Beside a server that has gone on since it was written down.
    let store = directory.open_with_tail(TAIL);
    append(&store, 30, 33).await;
    assert_eq!(checked(&directory), (33, IndexState::Fits(Position(30))));
    drop(store);
    let fits = fs::read(directory.file("events.index")).unwrap();
    directory.forge_link(10, 6);
    assert_eq!(checked(&directory), (33, IndexState::Differs(Position(10))));
    fs::write(directory.file("events.index"), &fits[..fits.len() - 1]).unwrap();
    assert!(matches!(checked(&directory).1, IndexState::LeftAside(_)));
    fs::remove_file(directory.file("events.index")).unwrap();
    assert_eq!(checked(&directory), (33, IndexState::Absent));
    // Of a log that went further.
    fs::write(directory.file("events.index"), &fits).unwrap();
    let log = Connection::open(directory.log()).unwrap();
    log.execute("DELETE FROM blocks WHERE first_position > 29", []).unwrap();
    fs::remove_file(directory.file("HEAD")).unwrap();
    assert!(matches!(checked(&directory).1, IndexState::LeftAside(_)));
}
