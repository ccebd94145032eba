//! Promises of the embedded store about its directory: what stays, and who may have it.

use std::fs;
use std::sync::Arc;

use ledger::envelope::{NewEvent, Position};
use ledger::store::embedded::{Embedded, OpenError, verify};
use ledger::store::{Append, AppendError, EventStore};
use rusqlite::Connection;

use super::kit::{
    Directory, LOG_ID, OPTIONS, after, all, appended, event, one, some, stream, whole,
};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let directory = Directory::new();
    let store = directory.open();
    store.append(some("a", 0, 100)).await.unwrap();
    store.append(one("b", 0)).await.unwrap();
    let (before, head) = (all(&*store).await, store.head_witness());
    drop(store);
    let store = directory.open();
    assert_eq!(all(&*store).await, before);
    assert_eq!(store.head_witness(), head);
    assert_eq!(store.append(one("a", 100)).await.unwrap(), appended(102, 101));
    assert_eq!(whole(&*store, "a").await.len(), 101);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let directory = Directory::new();
    let store = directory.open();
    for version in 0..50 {
        store.append(one("a", version)).await.unwrap();
    }
    // What a process that is killed leaves behind: the files as they are, and no lock.
    let left = Directory::new();
    for name in ["events.db", "events.db-wal"] {
        fs::copy(directory.path().join(name), left.path().join(name)).unwrap();
    }
    let recovered = left.open();
    assert_eq!(all(&*recovered).await, all(&*store).await);
    assert_eq!(recovered.head_witness().chain, store.head_witness().chain);
    assert_eq!(recovered.append(one("a", 50)).await.unwrap(), appended(51, 51));
}

#[tokio::test]
async fn a_commit_cut_off_in_the_write_ahead_log_is_not_there_and_the_rest_is() {
    let directory = Directory::new();
    let store = directory.open();
    for version in 0..50 {
        store.append(one("a", version)).await.unwrap();
    }
    let left = Directory::new();
    fs::copy(directory.log(), left.log()).unwrap();
    let wal = fs::read(directory.path().join("events.db-wal")).unwrap();
    fs::write(left.path().join("events.db-wal"), &wal[..wal.len() - 100]).unwrap();
    let recovered = left.open();
    assert_eq!(all(&*recovered).await, all(&*store).await[..49]);
    assert_eq!(recovered.append(one("a", 49)).await.unwrap(), appended(50, 50));
}

#[tokio::test]
async fn a_log_keeps_the_id_it_was_made_with() {
    let directory = Directory::with_appends(1).await;
    let store = Embedded::open(directory.path(), ledger::store::embedded::Options::default());
    assert_eq!(store.unwrap().log_id(), LOG_ID);
    let [one, other] = [Directory::new(), Directory::new()].map(|directory| {
        let options = ledger::store::embedded::Options::default();
        Embedded::open(directory.path(), options).unwrap().log_id()
    });
    assert_ne!(one, other, "two logs can be told apart");
}

#[tokio::test]
async fn a_second_opener_is_refused_and_told_who_holds_the_directory() {
    let directory = Directory::new();
    let store = directory.open();
    let refusal = directory.refusal();
    let OpenError::DirectoryInUse { directory: named, holder } = refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!(named, directory.path());
    assert_eq!(holder, format!("process {}", std::process::id()));
    store.append(one("a", 0)).await.unwrap();
    drop(store);
    assert_eq!(directory.open().head().await.unwrap(), Position(1));
}

#[tokio::test]
async fn a_log_can_be_looked_at_while_it_is_served_and_is_not_changed() {
    let directory = Directory::new();
    let store = directory.open();
    store.append(some("a", 0, 3)).await.unwrap();
    let seen = Arc::new(Embedded::open_read_only(directory.path()).unwrap());
    assert_eq!(all(&*seen).await, all(&*store).await);
    assert_eq!(verify(directory.path()).unwrap().head, store.head_witness());
    store.append(one("a", 3)).await.unwrap();
    assert_eq!(all(&*seen).await.len(), 3, "it is looked at as it was");
    let refused = seen.append(one("b", 0)).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.head().await.unwrap(), Position(4));
}

#[tokio::test]
async fn looking_at_a_log_that_nobody_serves_leaves_its_bytes_alone() {
    let directory = Directory::with_appends(5).await;
    let before = fs::read(directory.log()).unwrap();
    let report = verify(directory.path()).unwrap();
    assert_eq!((report.events, report.streams), (5, 1));
    drop(Embedded::open_read_only(directory.path()).unwrap());
    assert_eq!(fs::read(directory.log()).unwrap(), before);
}

#[test]
fn a_directory_without_a_log_has_nothing_to_look_at() {
    let directory = Directory::new();
    let refusal = Embedded::open_read_only(directory.path()).unwrap_err();
    assert!(matches!(refusal, OpenError::Missing { .. }), "{refusal:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "and nothing is made");
}

#[test]
fn missing_directories_are_made() {
    let directory = Directory::new();
    let deep = directory.path().join("a/b c/d?e#f%");
    drop(Embedded::open(&deep, OPTIONS).unwrap());
    assert_eq!(verify(&deep).unwrap().events, 0);
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_by_name() {
    let directory = Directory::new();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    // Below a file nobody can make anything; below /proc not even the superuser can.
    for unwritable in [file.join("data"), "/proc/self/task".into()] {
        let refusal = Embedded::open(&unwritable, OPTIONS).unwrap_err();
        let OpenError::Io { path, .. } = refusal else { panic!("{refusal:?}") };
        assert!(path.starts_with(&unwritable), "{path:?}");
    }
}

#[tokio::test]
async fn a_format_of_another_version_is_refused_by_name() {
    let directory = Directory::with_appends(1).await;
    let connection = Connection::open(directory.log()).unwrap();
    connection.execute("UPDATE meta SET value = '2' WHERE name = 'format'", []).unwrap();
    drop(connection);
    let looked_at = Embedded::open_read_only(directory.path()).unwrap_err();
    for refusal in [directory.refusal(), looked_at] {
        let OpenError::Format { found, known, .. } = refusal else { panic!("{refusal:?}") };
        assert_eq!((&*found, known), ("2", 1));
    }
}

#[test]
fn a_file_that_is_no_log_is_refused_and_left_alone() {
    for rubbish in [Vec::new(), b"rubbish".to_vec(), vec![0x55; 100_000]] {
        let directory = Directory::new();
        fs::write(directory.log(), &rubbish).unwrap();
        let refusal = directory.refusal();
        assert!(matches!(refusal, OpenError::NotALog { .. }), "{refusal:?}");
        assert_eq!(fs::read(directory.log()).unwrap(), rubbish);
    }
}

#[test]
fn a_database_of_another_application_is_refused() {
    let directory = Directory::new();
    let connection = Connection::open(directory.log()).unwrap();
    connection.execute_batch("CREATE TABLE blocks (x); CREATE TABLE meta (x);").unwrap();
    drop(connection);
    let refusal = directory.refusal();
    assert!(matches!(refusal, OpenError::NotALog { .. }), "{refusal:?}");
}

#[tokio::test]
async fn the_bytes_of_the_format_are_what_they_were() {
    let directory = Directory::new();
    let store = directory.open();
    let append = |name, version, count: u64| {
        let events = (1..=count).map(|index| NewEvent {
            metadata: format!(r#"{{"request":{}}}"#, index / 3).into_bytes(),
            ..event(name, version + index)
        });
        Append::new(stream(name), after(version), events.collect()).unwrap()
    };
    store.append(append("account-1", 0, 70)).await.unwrap();
    store.append_many(vec![append("books", 0, 1), append("account-1", 70, 2)]).await;
    // The chain is over every byte of every block: another value is another format.
    assert_eq!(
        store.head_witness().chain.to_string(),
        "2641bcd8b81fa6c7cfe50c2bf20ccfc702ef745927c8879256055073e496d922"
    );
}
