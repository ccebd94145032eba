//! Promises of the embedded store about failure: nothing is acknowledged that is not durable, and
//! after a failed write nothing is taken.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use ledger::envelope::{NewEvent, Position};
use ledger::store::embedded::{Embedded, Options, QUEUE_BYTES_MAX, verify};
use ledger::store::{Append, AppendError, EVENT_BYTES_MAX, EventStore, Expected, ReadError};
use rusqlite::Connection;

use super::kit::{Directory, OPTIONS, all, event, one, some, stream};

/// Appends to a log with room for about 60 pages until it is refused; says how many were taken.
async fn fill(store: &Embedded) -> (u64, AppendError) {
    for round in 0.. {
        if let Err(refusal) = store.append(some("a", round * 10, 10)).await {
            return (round * 10, refusal);
        }
    }
    unreachable!("a log of bounded size takes a bounded number of events");
}

fn unavailable(outcome: &Result<ledger::store::Appended, AppendError>) -> bool {
    matches!(outcome, Err(AppendError::Unavailable(_)))
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_half_written_and_reopening_recovers() {
    let directory = Directory::new();
    let bounded = Options { pages_max: Some(60), ..OPTIONS };
    let store = Arc::new(Embedded::open(directory.path(), bounded).unwrap());
    let (taken, refusal) = fill(&store).await;
    assert!(taken > 10);
    assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal:?}");
    let cause = store.failure().unwrap().to_string();
    assert!(cause.contains("full"), "{cause}");

    // The writer is done for, even for what would fit.
    assert!(unavailable(&store.append(one("b", 0)).await));
    let many = store.append_many(vec![one("b", 0), one("c", 0)]).await;
    assert!(many.len() == 2 && many.iter().all(unavailable));
    store.stopped().await;
    let waited = store.wait_past(Position(taken)).await;
    assert!(matches!(waited, Err(ReadError::Unavailable(_))), "{waited:?}");
    assert_eq!(all(&*store).await.len() as u64, taken, "what is there can be read");
    drop(store);

    assert_eq!(verify(directory.path()).unwrap().events, taken);
    let store = directory.open();
    store.append(one("a", taken)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), Position(taken + 1));
}

#[tokio::test]
async fn all_that_shared_a_failed_commit_is_refused() {
    let directory = Directory::new();
    let bounded = Options { pages_max: Some(12), ..OPTIONS };
    let store = Embedded::open(directory.path(), bounded).unwrap();
    let many = vec![one("a", 0), some("b", 0, 1024), one("a", 0), one("a", 1)];
    let answers = store.append_many(many).await;
    assert!(answers.iter().all(unavailable), "{answers:?}");
    assert_eq!(store.head().await.unwrap(), Position::START);
    drop(store);
    assert_eq!(verify(directory.path()).unwrap().events, 0);
}

#[tokio::test]
async fn a_log_that_is_no_longer_where_it_was_opened_acknowledges_nothing() {
    for (name, replaced) in [("events.db", false), ("events.db", true), ("events.db-wal", false)] {
        let directory = Directory::new();
        let store = directory.open();
        store.append(some("a", 0, 3)).await.unwrap();
        let (place, away) = (directory.path().join(name), directory.path().join("away"));
        fs::rename(&place, &away).unwrap();
        if replaced {
            fs::copy(&away, &place).unwrap();
        }
        let refused = store.append(one("a", 3)).await;
        assert!(unavailable(&refused), "{name}: {refused:?}");
        let cause = store.failure().unwrap().to_string();
        assert!(cause.contains(name) && cause.contains("moved"), "{cause}");
        store.stopped().await;
        drop(store);

        fs::rename(&away, &place).unwrap();
        assert_eq!(verify(directory.path()).unwrap().events, 3);
        directory.open().append(one("a", 3)).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_in_its_directorys_place_by_now_is_not_taken_for_the_log() {
    let folder = Directory::new();
    let [first, second, name] = ["first", "second", "name"].map(|it| folder.path().join(it));
    drop(Embedded::open(&second, OPTIONS).unwrap());
    fs::create_dir(&first).unwrap();
    symlink(&first, &name).unwrap();
    let store = Embedded::open(&name, OPTIONS).unwrap();
    store.append(some("a", 0, 3)).await.unwrap();
    // At once, so that `HEAD` of the log that grew is still to be written.
    fs::remove_file(&name).unwrap();
    symlink(&second, &name).unwrap();
    assert!(unavailable(&store.append(one("a", 3)).await));
    drop(store);
    drop(Embedded::open(&name, OPTIONS).unwrap());
    drop(Embedded::open(&first, OPTIONS).unwrap());
}

#[tokio::test]
async fn a_full_queue_refuses_and_what_it_took_is_written() {
    let directory = Directory::new();
    let store = directory.open();
    // Somebody else's lock keeps the writer waiting.
    let other = Connection::open(directory.log()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let large = |number: u32| {
        let name = format!("account-{number}");
        let data = vec![b'x'; EVENT_BYTES_MAX - 1000];
        let event = NewEvent { data, ..event(&name, 1) };
        Append::new(stream(&name), Expected::NoStream, vec![event]).unwrap()
    };
    let fitting = QUEUE_BYTES_MAX / u32::try_from(EVENT_BYTES_MAX).unwrap();
    let mut taken: Vec<_> = (0..fitting).map(|number| store.append(large(number))).collect();
    let refused = store.append(large(fitting)).await;
    assert!(unavailable(&refused), "{refused:?}");
    assert!(store.failure().is_none(), "a full queue is no failure");
    other.execute_batch("COMMIT").unwrap();
    for append in taken.drain(..) {
        append.await.unwrap();
    }
    assert_eq!(store.head().await.unwrap(), Position(u64::from(fitting)));
    store.append(one("b", 0)).await.unwrap();
}

#[tokio::test]
async fn dropping_the_store_writes_what_was_taken() {
    let directory = Directory::new();
    let store = directory.open();
    assert!(all(&*store).await.is_empty());
    for number in 0..200 {
        drop(store.append(one(&format!("account-{number}"), 0)));
    }
    drop(store);
    let wal = directory.path().join("events.db-wal");
    assert!(!wal.exists(), "the file alone holds everything");
    assert_eq!(verify(directory.path()).unwrap().events, 200);
}

#[tokio::test]
async fn the_write_ahead_log_stays_bounded() {
    let directory = Directory::new();
    let store = directory.open();
    let mut longest = 0;
    // Ten times what makes a checkpoint due.
    for round in 0..400_u64 {
        let data = vec![b'x'; 100_000];
        let event = NewEvent { data, ..event("a", round + 1) };
        let append = Append::new(stream("a"), super::kit::after(round), vec![event]).unwrap();
        store.append(append).await.unwrap();
        let wal = fs::metadata(directory.path().join("events.db-wal")).unwrap().len();
        longest = longest.max(wal);
    }
    assert!(longest < 32 * 1024 * 1024, "{longest} bytes");
}
