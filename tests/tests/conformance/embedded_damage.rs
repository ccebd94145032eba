//! Promises of the embedded store about damage: it is found, and the position is named.

use std::fs;

use ledger::envelope::{Position, Version};
use ledger::store::embedded::{Embedded, OpenError, verify, verify_with};
use ledger::store::{EventStore, ReadError};
use rusqlite::Connection;

use super::kit::{Directory, OPTIONS, event, one, some, stream};

fn damaged_at(refusal: &OpenError) -> u64 {
    let OpenError::Damaged { position, .. } = refusal else { panic!("not damage: {refusal:?}") };
    position.0
}

/// Opening, looking and verifying all refuse the log, and name `position`.
#[track_caller]
fn assert_damaged(directory: &Directory, position: u64) {
    assert_eq!(damaged_at(&directory.refusal()), position);
    assert_eq!(damaged_at(&Embedded::open_read_only(directory.path()).unwrap_err()), position);
    assert_eq!(damaged_at(&verify(directory.path()).unwrap_err()), position);
}

fn sql(directory: &Directory, statement: &str) {
    let connection = Connection::open(directory.log()).unwrap();
    assert!(connection.execute(statement, []).unwrap() > 0, "{statement}");
}

#[tokio::test]
async fn a_flipped_bit_in_an_event_refuses_opening() {
    for number in [1, 7, 20] {
        let directory = Directory::with_appends(20).await;
        let mut bytes = fs::read(directory.log()).unwrap();
        let data = event("account-1", number).data;
        let places: Vec<_> =
            (0..bytes.len()).filter(|&place| bytes[place..].starts_with(&data)).collect();
        // Pages that SQLite has rearranged may still hold an old copy, which means nothing.
        assert!(!places.is_empty(), "the event is in the file as it was given");
        for place in places {
            bytes[place + 3] ^= 0x10;
        }
        fs::write(directory.log(), &bytes).unwrap();
        assert_damaged(&directory, number);
    }
}

#[tokio::test]
async fn whatever_is_changed_in_a_block_refuses_opening() {
    for column in [
        "payload = CAST(substr(payload, 1, length(payload) - 1) AS BLOB)",
        "payload = CAST(payload || x'00' AS BLOB)",
        "payload = (SELECT payload FROM blocks WHERE first_position = 4)",
        "payload = zeroblob(10000)",
        "payload = x''",
        "crc32 = crc32 + 1",
        "crc32 = -1",
        "chain = zeroblob(32)",
        "chain = x''",
        "events = 2",
        "events = 0",
        "events = 1 << 40",
    ] {
        let directory = Directory::with_appends(8).await;
        sql(&directory, &format!("UPDATE blocks SET {column} WHERE first_position = 5"));
        assert_damaged(&directory, 5);
    }
}

#[tokio::test]
async fn a_block_that_is_gone_moved_or_copied_refuses_opening() {
    for (statement, position) in [
        ("DELETE FROM blocks WHERE first_position = 1", 1),
        ("DELETE FROM blocks WHERE first_position = 5", 5),
        ("UPDATE blocks SET first_position = 50 WHERE first_position = 5", 5),
        ("UPDATE blocks SET first_position = 50 WHERE first_position = 8", 50),
        ("UPDATE blocks SET first_position = -3 WHERE first_position = 5", 1),
        (
            "INSERT INTO blocks SELECT 9, events, crc32, chain, payload FROM blocks
             WHERE first_position = 8",
            9,
        ),
    ] {
        let directory = Directory::with_appends(8).await;
        sql(&directory, statement);
        assert_damaged(&directory, position);
    }
}

#[tokio::test]
async fn a_log_under_another_id_refuses_opening() {
    let directory = Directory::with_appends(2).await;
    let id = "00000000-0000-4000-8000-000000000000";
    sql(&directory, &format!("UPDATE meta SET value = '{id}' WHERE name = 'log_id'"));
    assert_damaged(&directory, 1);
}

#[tokio::test]
async fn a_file_cut_short_refuses_opening() {
    let directory = Directory::new();
    let store = directory.open();
    for round in 0..10 {
        store.append(some("account-1", round * 100, 100)).await.unwrap();
    }
    drop(store);
    let whole = fs::read(directory.log()).unwrap();
    for length in [whole.len() - 4096, whole.len() - 1, whole.len() / 2, 3 * 4096] {
        fs::write(directory.log(), &whole[..length]).unwrap();
        let position = damaged_at(&directory.refusal());
        assert!((1..=1000).contains(&position), "{position} with {length} bytes left");
        assert!(verify(directory.path()).is_err());
    }
    fs::write(directory.log(), &whole).unwrap();
    assert_eq!(verify(directory.path()).unwrap().events, 1000);
}

#[tokio::test]
async fn a_log_that_is_gone_beside_its_write_ahead_log_is_not_begun_anew() {
    let directory = Directory::new();
    fs::write(directory.path().join("events.db-wal"), "left").unwrap();
    assert_eq!(damaged_at(&directory.refusal()), 1);
    assert!(!directory.log().exists());
}

#[tokio::test]
async fn damage_that_comes_later_is_found_by_the_read_that_meets_it() {
    let directory = Directory::with_appends(8).await;
    let store = directory.open();
    sql(&directory, "UPDATE blocks SET payload = zeroblob(40) WHERE first_position = 5");
    let name = stream("account-1");
    let reads = [
        store.read_all(Position(2), 100).await,
        store.read_stream(&name, Version(2), 100).await,
        store.read_stream(&name, Version(4), 1).await,
    ];
    for read in reads {
        match read {
            Err(ReadError::Damaged { position, .. }) => assert_eq!(position, Position(5)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.read_all(Position(5), 100).await.unwrap().len(), 3);
    assert_eq!(store.read_stream(&name, Version::EMPTY, 4).await.unwrap().len(), 4);
    sql(&directory, "DELETE FROM blocks WHERE first_position = 7");
    for read in
        [store.read_all(Position(5), 9).await, store.read_stream(&name, Version(6), 1).await]
    {
        match read {
            Err(ReadError::Damaged { position, .. }) => assert_eq!(position, Position(7)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn verifying_tells_what_it_saw() {
    let directory = Directory::new();
    let store = Embedded::open(directory.path(), OPTIONS).unwrap();
    store.append(some("a", 0, 65)).await.unwrap();
    store.append(one("b", 0)).await.unwrap();
    let report = verify(directory.path()).unwrap();
    assert_eq!((report.events, report.blocks, report.streams), (66, 3, 2));
    assert_eq!(report.head, store.head_witness());
}

#[tokio::test]
async fn verifying_hands_every_event_to_further_checks() {
    let directory = Directory::with_appends(8).await;
    let mut seen = 0;
    let report = verify_with(directory.path(), |_| {
        seen += 1;
        Ok(())
    });
    assert_eq!((report.unwrap().events, seen), (8, 8));
    let refusal = verify_with(directory.path(), |event| {
        if event.version == Version(6) {
            Err("the journal does not balance".into())
        } else {
            Ok(())
        }
    });
    assert_eq!(damaged_at(&refusal.unwrap_err()), 6);
}

#[tokio::test]
async fn metadata_that_nobody_can_read_is_found_by_verifying() {
    let directory = Directory::new();
    let store = directory.open();
    let mut odd = event("a", 2);
    odd.metadata = b"{}".to_vec();
    let events = vec![event("a", 1), odd];
    let expected = ledger::store::Expected::NoStream;
    let append = ledger::store::Append::new(stream("a"), expected, events).unwrap();
    store.append(append).await.unwrap();
    assert_eq!(damaged_at(&verify(directory.path()).unwrap_err()), 2);
}
