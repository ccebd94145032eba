//! Promises of the embedded store about `HEAD`: a log that lost its end is refused, even where
//! nobody else remembers it.

use std::fs;

use chrono::DateTime;
use ledger::envelope::Position;
use ledger::store::EventStore;
use ledger::store::embedded::{
    Embedded, OpenError, Options, Replica, ReplicaError, verify, verify_with_derived,
};
use rusqlite::Connection;
use uuid::Uuid;

use super::kit::{Directory, OPTIONS, one};

fn head(directory: &Directory) -> String {
    fs::read_to_string(directory.file("HEAD")).unwrap()
}

/// What whoever opens, looks at, verifies or follows the log is told.
#[track_caller]
fn refusals(directory: &Directory) -> [OpenError; 5] {
    let looked_at = Embedded::open_read_only(directory.path()).unwrap_err();
    let verified = verify(directory.path()).unwrap_err();
    let with_index = verify_with_derived(directory.path(), |_| Ok(())).unwrap_err();
    let standby = Directory::new();
    let followed = Replica::open(directory.path(), standby.path(), DateTime::UNIX_EPOCH);
    let ReplicaError::Source(followed) = followed.unwrap_err() else { panic!("not the source") };
    [directory.refusal(), looked_at, verified, with_index, followed]
}

/// All are told that the log ends at `head` and that `known` was in it.
#[track_caller]
fn assert_end_missing(directory: &Directory, known: u64, head: u64) {
    for refusal in refusals(directory) {
        let OpenError::EndMissing { path, known: named, head: found } = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!((path, named, found), (directory.file("HEAD"), Position(known), Position(head)));
    }
}

/// All are told that the log is gone.
#[track_caller]
fn assert_gone(directory: &Directory) {
    for refusal in refusals(directory) {
        let OpenError::LogGone { known, .. } = refusal else { panic!("{refusal:?}") };
        assert_eq!(known, Position(5));
    }
}

#[tokio::test]
async fn the_directory_remembers_where_the_log_ends() {
    let directory = Directory::new();
    let store = directory.open();
    assert!(head(&directory).contains("position 0\n"));
    for version in 0..5 {
        store.append(one("account-1", version)).await.unwrap();
    }
    let known = store.head_witness();
    drop(store);
    let text = head(&directory);
    for line in [
        format!("log_id {}\n", known.log_id),
        "position 5\n".to_owned(),
        format!("chain {}\n", known.chain),
    ] {
        assert!(text.contains(&line), "{text}");
    }
    directory.open().confirm(&known).unwrap();
}

#[tokio::test]
async fn it_remembers_while_the_log_grows_and_after_a_kill_it_is_not_ahead() {
    let directory = Directory::new();
    let store = directory.open();
    store.append(one("account-1", 0)).await.unwrap();
    while !head(&directory).contains("position 1\n") {
        tokio::task::yield_now().await;
    }
    store.append(one("account-1", 1)).await.unwrap();
    let left = directory.left_behind();
    assert_eq!(left.open().head().await.unwrap(), Position(2));
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_refused() {
    let directory = Directory::with_appends(5).await;
    let connection = Connection::open(directory.log()).unwrap();
    connection.execute("DELETE FROM blocks WHERE first_position >= 4", []).unwrap();
    drop(connection);
    assert_end_missing(&directory, 5, 3);
    assert_end_missing(&directory, 5, 3);
    // Whoever knows better takes the witness away, and it is made anew.
    fs::remove_file(directory.file("HEAD")).unwrap();
    drop(directory.open());
    assert!(head(&directory).contains("position 3\n"));
}

#[tokio::test]
async fn a_log_that_was_cut_to_nothing_is_gone_and_not_another_file() {
    let directory = Directory::with_appends(5).await;
    fs::write(directory.log(), "").unwrap();
    assert_gone(&directory);
}

#[tokio::test]
async fn an_older_copy_of_the_log_is_refused() {
    let directory = Directory::with_appends(5).await;
    let older = fs::read(directory.log()).unwrap();
    directory.open().append(one("account-1", 5)).await.unwrap();
    fs::write(directory.log(), older).unwrap();
    assert_end_missing(&directory, 6, 5);
}

#[tokio::test]
async fn a_write_ahead_log_that_is_gone_after_a_kill_is_noticed() {
    let directory = Directory::with_appends(5).await;
    let store = directory.open();
    store.append(one("account-1", 5)).await.unwrap();
    while !head(&directory).contains("position 6\n") {
        tokio::task::yield_now().await;
    }
    let left = directory.left_behind();
    fs::remove_file(left.file("events.db-wal")).unwrap();
    assert_end_missing(&left, 6, 5);
}

#[tokio::test]
async fn a_witness_that_is_missing_or_older_is_brought_up_to_date() {
    let directory = Directory::with_appends(5).await;
    let older = head(&directory);
    directory.open().append(one("account-1", 5)).await.unwrap();
    let newest = head(&directory);
    fs::write(directory.file("HEAD"), older).unwrap();
    drop(directory.open());
    assert_eq!(head(&directory), newest);
    fs::remove_file(directory.file("HEAD")).unwrap();
    drop(directory.open());
    assert_eq!(head(&directory), newest);
    assert_eq!(verify(directory.path()).unwrap().events, 6);
}

#[tokio::test]
async fn a_witness_of_another_log_refuses_opening() {
    let directory = Directory::with_appends(5).await;
    let other = Directory::new();
    let options = Options { log_id: Some(Uuid::from_u128(9)), ..OPTIONS };
    let store = Embedded::open(other.path(), options).unwrap();
    store.append(one("account-1", 0)).await.unwrap();
    drop(store);
    fs::copy(other.file("HEAD"), directory.file("HEAD")).unwrap();
    for refusal in [directory.refusal(), verify(directory.path()).unwrap_err()] {
        let OpenError::HeadDiffers { position, problem, .. } = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(position, Position(1));
        assert!(problem.contains("00000009"), "{problem}");
    }
}

#[tokio::test]
async fn a_log_that_went_another_way_is_refused() {
    let directory = Directory::with_appends(5).await;
    let other = Directory::new();
    let store = other.open();
    store.append(one("account-2", 0)).await.unwrap();
    drop(store);
    fs::copy(other.file("HEAD"), directory.file("HEAD")).unwrap();
    let refusal = directory.refusal();
    let OpenError::HeadDiffers { position: Position(1), .. } = refusal else {
        panic!("{refusal:?}")
    };
}

#[tokio::test]
async fn a_witness_that_cannot_be_read_refuses_opening() {
    let directory = Directory::with_appends(5).await;
    let whole = head(&directory);
    for text in
        ["", "rubbish", &whole[..whole.len() - 1], &whole.replace("position 5", "position 4")]
    {
        fs::write(directory.file("HEAD"), text).unwrap();
        for refusal in [directory.refusal(), verify(directory.path()).unwrap_err()] {
            assert!(matches!(refusal, OpenError::NoteUnreadable { .. }), "{text}: {refusal:?}");
        }
        assert_eq!(head(&directory), *text, "it is left for somebody to look at");
    }
}

#[tokio::test]
async fn a_log_that_is_gone_is_not_begun_anew_beside_its_witness() {
    let directory = Directory::with_appends(5).await;
    fs::remove_file(directory.log()).unwrap();
    assert_gone(&directory);
    assert!(!directory.log().exists());
}
