//! Rebuilds: beside the live generation, swapped in once they have caught up, or without a trace.

use std::pin::pin;
use std::sync::Arc;

use ledger::domain::product::Product;
use ledger::envelope::{Position, StreamName};
use ledger::store::EventStore as _;

use super::kit::{Bank, day, id};
use super::open::{followed, opened};
use crate::database::{Writer, open_reader};
use crate::error::{FeedError, Poison, ProjectionError};
use crate::fold::Batch;
use crate::generation;
use crate::queries::accounts::AccountFilter;
use crate::queries::page::Page;
use crate::rebuild::RebuildState;
use crate::schema::TABLES;
use crate::verify::Live;

#[tokio::test]
async fn a_rebuilt_read_model_is_row_for_row_the_live_one() {
    let bank = Bank::lives(1, 9, 500).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let before = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
    assert_eq!(before.difference(), None);
    assert!(before.tables.iter().filter(|table| table.rows > 0).count() >= 6, "{before:?}");
    let rebuild = projections.rebuild().unwrap();
    assert_eq!(rebuild.finished().await.unwrap(), 2);
    assert_eq!(rebuild.progress().state, RebuildState::Done);
    assert_eq!(projections.status().await.unwrap().generation, 2);
    let after = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
    assert_eq!(after.tables, before.tables);
    assert!(!generation::file(&generation::folder(folder.path()), 1).exists());
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_folded_while_it_is_verified_is_not_seen() {
    let mut bank = Bank::lives(1, 4, 100).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = opened(&bank, &folder).await;
    let (live, head) = (Live::open(folder.path()).unwrap(), bank.head().await);
    bank.open(&"a-late".parse().unwrap(), Product::AutoLoan, "100.00").await;
    projections.wait_for(bank.head().await).await.unwrap();
    let report = live.verify(bank.port()).await.unwrap();
    assert_eq!(report.difference(), None);
    assert_eq!(report.position, head);
    assert!(bank.head().await > head);
    projections.shutdown().await.unwrap();
}

/// What a file is made of, and how it is written.
fn made_of(path: &std::path::Path) -> (Vec<String>, String) {
    let database = open_reader(path).unwrap();
    let mut schema = database.prepare("SELECT sql FROM sqlite_schema ORDER BY name").unwrap();
    let schema = schema.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
    let schema = schema.map(|sql| sql.unwrap().unwrap_or_default()).collect();
    let mode = "SELECT journal_mode FROM pragma_journal_mode";
    (schema, database.query_row(mode, [], |row| row.get(0)).unwrap())
}

#[tokio::test]
async fn a_file_that_was_filled_in_bulk_is_made_of_what_a_followed_one_is() {
    let bank = Bank::lives(1, 4, 100).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let file = |number| generation::file(&generation::folder(folder.path()), number);
    let before = made_of(&file(1));
    assert_eq!(before.1, "wal");
    projections.rebuild().unwrap().finished().await.unwrap();
    assert_eq!(made_of(&file(2)), before);
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_stops_a_bulk_before_it() {
    let mut bank = Bank::new();
    bank.open(&id("a-1"), Product::PersonalLoan, "900.00").await;
    bank.schedule(&id("a-1"), "10.00", day("2026-03-05")).await.unwrap();
    let before = bank.head().await;
    let last = Position(before.0.checked_sub(1).unwrap());
    let twice = bank.store.read_all(last, 1).await.unwrap().remove(0);
    bank.append(&twice.stream, vec![(twice.kind, twice.data)]).await;
    bank.open(&id("a-2"), Product::PersonalLoan, "900.00").await;
    let (head, events) = (bank.head().await, bank.store.read_all(Position::START, 1000).await);
    let events = events.unwrap();
    // In one transaction with the first of the two, and in a later one.
    for at_once in [events.len(), usize::try_from(before.0).unwrap()] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut writer = Writer::create_in_bulk(&path, head).unwrap();
        let mut ends = events
            .chunks(at_once)
            .map(|some| writer.apply(&mut Batch::decode(some.to_vec()), |_| None));
        let error = ends.find_map(Result::err).unwrap();
        assert!(
            matches!(error, FeedError::Poisoned { cause: Poison::PaymentRepeated(_), .. }),
            "{error}"
        );
        assert_eq!(writer.position(), before);
        drop(writer);
        let followed = folder.path().join("y.db");
        drop(Writer::create(&followed).unwrap());
        assert_eq!(made_of(&path), made_of(&followed));
    }
}

/// How many rows of two files' tables are in one of them only.
fn unlike(file: &std::path::Path, other: &std::path::Path) -> Vec<(&'static str, i64)> {
    let database = open_reader(file).unwrap();
    database.execute("ATTACH ?1 AS other", [other.to_str().unwrap()]).unwrap();
    let count = |name: &str| {
        let rows = |of: &str, not: &str| {
            format!("SELECT count(*) AS n FROM (SELECT * FROM {of} EXCEPT SELECT * FROM {not})")
        };
        let (there, here) = (format!("other.{name}"), format!("main.{name}"));
        let both = format!("{} UNION ALL {}", rows(&here, &there), rows(&there, &here));
        let sum = format!("SELECT sum(n) FROM ({both})");
        database.query_row(&sum, [], |row| row.get(0)).unwrap()
    };
    let tables = TABLES.iter().map(|table| (table.name, count(table.name)));
    tables.filter(|(_, rows)| *rows > 0).collect()
}

#[tokio::test]
async fn a_bulk_that_is_stopped_holds_what_comes_before_and_nothing_twice() {
    // More accounts than rows are kept in tests, and fewer.
    for accounts in [3, 20] {
        let mut bank = Bank::lives(5, accounts, 400).await;
        bank.open(&id("late"), Product::PersonalLoan, "900.00").await;
        let last = bank.head().await;
        let opened = bank.store.read_all(Position(last.0.checked_sub(1).unwrap()), 1).await;
        let opened = opened.unwrap().remove(0);
        bank.append(&opened.stream, vec![(opened.kind, opened.data)]).await;
        bank.open(&id("later"), Product::PersonalLoan, "900.00").await;
        let folder = tempfile::tempdir().unwrap();
        let (bulk, followed) = (folder.path().join("x.db"), folder.path().join("y.db"));
        let events = bank.store.read_all(Position::START, 10_000).await.unwrap();
        let mut writers = [
            Writer::create_in_bulk(&bulk, bank.head().await).unwrap(),
            Writer::create(&followed).unwrap(),
        ];
        for writer in &mut writers {
            let mut ends = events.chunks(150).map(|some| {
                writer
                    .apply(&mut Batch::decode(some.to_vec()), |_| None)
                    .map(|()| writer.position())
            });
            let poisoned = ends.find_map(Result::err).unwrap();
            let FeedError::Poisoned { cause: Poison::AccountRepeated(_), .. } = poisoned else {
                panic!("{poisoned}");
            };
            assert_eq!(writer.position(), last);
        }
        drop(writers);
        assert_eq!(unlike(&bulk, &followed), [], "{accounts} accounts");
    }
}

#[tokio::test]
async fn the_new_generation_follows_the_log_on() {
    let mut bank = Bank::lives(2, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = opened(&bank, &folder).await;
    projections.rebuild().unwrap().finished().await.unwrap();
    bank.open(&id("later"), Product::Lease, "0.00").await;
    let head = bank.head().await;
    let found = projections.read(Some(head), |reader| reader.account(&id("later"))).await.unwrap();
    assert!(found.value.is_some());
    assert_eq!(found.read_position, head);
}

#[tokio::test]
async fn who_waits_for_a_position_waits_through_a_rebuild() {
    let mut bank = Bank::lives(2, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = opened(&bank, &folder).await;
    // An opened personal loan is one event.
    let wanted = bank.head().await.next();
    let waiting = tokio::spawn({
        let projections = projections.clone();
        async move { projections.wait_for(wanted).await }
    });
    tokio::task::yield_now().await;
    projections.rebuild().unwrap().finished().await.unwrap();
    bank.open(&id("later"), Product::PersonalLoan, "900.00").await;
    assert_eq!(waiting.await.unwrap().unwrap(), wanted);
}

#[tokio::test]
async fn who_waits_is_told_of_the_generation_that_will_be_asked() {
    let mut bank = Bank::lives(2, 3, 40).await;
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let projections = opened(&bank, &folder).await;
    let new = opened(&bank, &other).await.shared.live();
    let wanted = bank.head().await.next();
    let mut waiting = pin!(projections.wait_for(wanted));
    let mut is_told = async || {
        tokio::select! {
            biased;
            told = &mut waiting => Some(told.unwrap()),
            () = std::future::ready(()) => None,
        }
    };
    assert_eq!(is_told().await, None);
    // The new one commits nothing when it takes over, and the old one goes on for a moment.
    let held = new.feed.hold().await;
    let old = projections.shared.replace_live(Arc::clone(&new));
    bank.open(&id("later"), Product::PersonalLoan, "900.00").await;
    old.feed.wait_for(wanted).await.unwrap();
    assert_eq!(is_told().await, None);
    drop(held);
    assert_eq!(waiting.await.unwrap(), wanted);
}

#[tokio::test]
async fn a_failed_rebuild_leaves_the_live_one_serving_and_no_file() {
    let mut bank = Bank::lives(3, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = opened(&bank, &folder).await;
    let good = projections.position();
    let stream = StreamName::new("books").unwrap();
    bank.append(&stream, vec![("DayClosed".to_owned(), b"{}".to_vec())]).await;
    let rebuild = projections.rebuild().unwrap();
    rebuild.finished().await.unwrap_err();
    assert_eq!(rebuild.progress().state, RebuildState::Failed);
    let listed = projections
        .read(None, |reader| reader.accounts(AccountFilter::default(), Page::first(10)))
        .await
        .unwrap();
    assert_eq!((listed.value.rows.len(), listed.read_position), (3, good));
    let read = generation::folder(folder.path());
    assert_eq!(generation::current(&read).unwrap(), Some(1));
    assert!(!generation::file(&read, 2).exists());
}

#[tokio::test]
async fn a_cancelled_rebuild_leaves_no_file_and_another_may_start() {
    let bank = Bank::lives(4, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = opened(&bank, &folder).await;
    let rebuild = projections.rebuild().unwrap();
    assert!(matches!(projections.rebuild(), Err(ProjectionError::Rebuilding)));
    rebuild.cancel();
    let error = rebuild.finished().await.unwrap_err();
    assert!(matches!(*error, ProjectionError::Cancelled), "{error}");
    let read = generation::folder(folder.path());
    assert!(!generation::file(&read, 2).exists());
    projections.rebuild().unwrap().finished().await.unwrap();
    assert_ne!(generation::current(&read).unwrap(), Some(1));
}

#[tokio::test]
async fn what_a_broken_off_rebuild_left_is_swept_at_the_next_start() {
    let bank = Bank::lives(5, 3, 40).await;
    let folder = tempfile::tempdir().unwrap();
    opened(&bank, &folder).await.shutdown().await.unwrap();
    let left = generation::file(&generation::folder(folder.path()), 2);
    std::fs::write(&left, b"half").unwrap();
    let projections = opened(&bank, &folder).await;
    assert!(!left.exists());
    assert_eq!(projections.status().await.unwrap().generation, 1);
}
