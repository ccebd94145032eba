//! What happens when something is wrong: nothing is skipped, lost, repeated or guessed.

use std::path::Path;
use std::sync::Arc;

use ledger::domain::product::Product;
use ledger::envelope::{Position, StreamName};
use ledger::store::EventStore as _;
use ledger::store::memory::Memory;

use super::kit::{Bank, day, id};
use super::open::following;
use crate::database::{Writer, checkpoint, open_reader};
use crate::error::{FeedError, Poison, ProjectionError, QueryError};
use crate::fold::Batch;
use crate::generation::{self, point_at};
use crate::verify::Live;
use crate::{LogWitness, Options, Projections};

async fn poisoned(bank: &mut Bank, stream: &str, kind: &str, data: &str) -> Arc<FeedError> {
    let good = bank.head().await;
    let stream = StreamName::new(stream).unwrap();
    bank.append(&stream, vec![(kind.to_owned(), data.as_bytes().to_vec())]).await;
    bank.open(&id("after"), Product::PersonalLoan, "900.00").await;
    let folder = tempfile::tempdir().unwrap();
    let projections = following(bank, &folder).await;
    let head = bank.head().await;
    let error = projections.wait_for(head).await.unwrap_err();
    assert!(
        matches!(
            error,
            QueryError::Stopped { position, wanted } if (position, wanted) == (good, head)
        ),
        "{error}"
    );
    let status = projections.status().await.unwrap();
    assert_eq!((status.position, status.head), (good, head));
    let after = projections.read(None, |reader| reader.account(&id("after"))).await.unwrap();
    assert_eq!((after.value, after.read_position), (None, good));
    let failure = status.failure.unwrap();
    let FeedError::Poisoned { position, .. } = &*failure else { panic!("{failure}") };
    assert_eq!(*position, good.next());
    failure
}

fn cause(failure: &FeedError) -> &Poison {
    let FeedError::Poisoned { cause, .. } = failure else { panic!("{failure}") };
    cause
}

type IsIt = fn(&Poison) -> bool;

#[tokio::test]
async fn an_event_that_cannot_be_folded_stops_the_feed_before_it() {
    let unbalanced = r#"{"fee":"6f8db6a5-6a8e-5e6a-9b63-0a8f3a1a2b3c","kind":"late",
        "amount":"15.00","effective_date":"2026-03-03","posting":{"lines":[["1120","15.00"]]}}"#;
    let cancelled = r#"{"payment":"6f8db6a5-6a8e-5e6a-9b63-0a8f3a1a2b3c","reason":"requested"}"#;
    let closed = r#"{"gl_date":"2026-03-03","position":1,"restatements":{"count":0,
        "principal_change":"0.00","interest_change":"0.00","root":""}}"#;
    let cases: [(&str, &str, &str, IsIt); 10] = [
        ("account-a-1", "PaymentTeleported", "{}", |cause| matches!(cause, Poison::Undecodable(_))),
        ("account-a-1", "LienReleased", "{}", |cause| matches!(cause, Poison::Undecodable(_))),
        ("account-a-1", "FeeAssessed", unbalanced, |cause| matches!(cause, Poison::Unbalanced)),
        ("account-a-1", "PaymentCancelled", cancelled, |cause| {
            matches!(cause, Poison::PaymentUnknown(_))
        }),
        ("account-none", "PaymentCancelled", cancelled, |cause| {
            matches!(cause, Poison::AccountUnknown(_))
        }),
        ("account-a-1", "LienReleased", r#"{"released_date":"2026-03-03"}"#, |cause| {
            matches!(cause, Poison::LienUnknown(_))
        }),
        ("shelf", "PaymentCancelled", cancelled, |cause| matches!(cause, Poison::StreamUnknown(_))),
        ("books", "PaymentCancelled", cancelled, |cause| {
            matches!(cause, Poison::WrongStream { .. })
        }),
        ("books", "DayClosed", closed, |cause| matches!(cause, Poison::DayUnknown(_))),
        ("rulebook", "PaymentCancelled", cancelled, |cause| {
            matches!(cause, Poison::WrongStream { .. })
        }),
    ];
    for (stream, kind, data, is_it) in cases {
        let mut bank = Bank::new();
        bank.open(&id("a-1"), Product::PersonalLoan, "900.00").await;
        let failure = poisoned(&mut bank, stream, kind, data).await;
        assert!(is_it(cause(&failure)), "{stream} {kind}: {failure:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_opened_twice_stops_the_feed() {
    let mut bank = Bank::new();
    bank.open(&id("a-1"), Product::PersonalLoan, "900.00").await;
    let opened = bank.store.read_all(Position::START, 1).await.unwrap().remove(0);
    let data = String::from_utf8(opened.data).unwrap();
    let failure = poisoned(&mut bank, "account-a-1", "AccountOpened", &data).await;
    assert!(matches!(cause(&failure), Poison::AccountRepeated(_)), "{failure:?}");
}

#[tokio::test]
async fn a_payment_that_is_made_twice_stops_the_feed() {
    let mut bank = Bank::new();
    bank.open(&id("a-1"), Product::PersonalLoan, "900.00").await;
    bank.schedule(&id("a-1"), "10.00", day("2026-03-05")).await.unwrap();
    let head = bank.head().await;
    let before = Position(head.0.checked_sub(1).unwrap());
    let scheduled = bank.store.read_all(before, 1).await.unwrap().remove(0);
    let data = String::from_utf8(scheduled.data).unwrap();
    let failure = poisoned(&mut bank, "account-a-1", &scheduled.kind, &data).await;
    assert!(matches!(cause(&failure), Poison::PaymentRepeated(_)), "{failure:?}");
}

#[tokio::test]
async fn a_batch_that_was_not_committed_loses_and_repeats_nothing() {
    let bank = Bank::lives(3, 6, 200).await;
    let folder = tempfile::tempdir().unwrap();
    let read = generation::folder(folder.path());
    generation::make_folder(&read).unwrap();
    let path = generation::file(&read, 1);
    let mut writer = Writer::create(&path).unwrap();
    point_at(&read, 1).unwrap();
    let events = bank.store.read_all(Position::START, 1000).await.unwrap();
    let mut size = 1;
    while writer.position() < bank.head().await {
        let done = usize::try_from(writer.position().0).unwrap();
        let next = || Batch::decode(events[done..events.len().min(done + size)].to_vec());
        drop(writer.stage(&next().events, |_| None).unwrap());
        drop(writer);
        writer = Writer::open(&path).unwrap();
        assert_eq!(usize::try_from(writer.position().0).unwrap(), done);
        writer.apply(&mut next(), |_| None).unwrap();
        size += 3;
    }
    drop(writer);
    let report = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
    assert_eq!(report.difference(), None);
    assert_eq!(report.position, bank.head().await);
}

#[tokio::test]
async fn a_missing_event_stops_the_writer() {
    let bank = Bank::lives(4, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("x.db")).unwrap();
    let mut events = bank.store.read_all(Position::START, 1000).await.unwrap();
    events.remove(10);
    let error = writer.apply(&mut Batch::decode(events), |_| None).unwrap_err();
    assert!(matches!(cause(&error), Poison::Gap { after: Position(10) }), "{error}");
    assert_eq!(writer.position(), Position(10));
}

#[tokio::test]
async fn a_read_model_that_knows_more_than_the_log_is_refused() {
    let bank = Bank::lives(5, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    let head = projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    let shorter = Arc::new(Memory::new());
    let error = Projections::open(folder.path(), shorter, Options::default()).await.unwrap_err();
    let expected = format!(
        "the read model is at position {head}, but the log ends at 0: events are missing at its end"
    );
    assert_eq!(error.to_string(), expected);
}

/// A log of a certain name.
#[derive(Debug)]
struct Named(&'static str);

impl LogWitness for Named {
    fn witness(&self, at: Position) -> Option<String> {
        Some(format!("{}@{at}", self.0))
    }

    fn confirm(&self, at: Position, witness: &str) -> Result<(), String> {
        let expected = format!("{}@{at}", self.0);
        if witness == expected { Ok(()) } else { Err(format!("{witness} is not {expected}")) }
    }
}

#[tokio::test]
async fn a_read_model_of_another_log_is_refused() {
    let bank = Bank::lives(6, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let named = |name| Options { witness: Some(Arc::new(Named(name))) };
    let projections = Projections::open(folder.path(), bank.port(), named("one")).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    let error = Projections::open(folder.path(), bank.port(), named("two")).await.unwrap_err();
    assert!(matches!(error, ProjectionError::OtherLog { .. }), "{error}");
    let projections = Projections::open(folder.path(), bank.port(), named("one")).await.unwrap();
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_changed_row_is_found_and_named_in_words() {
    let bank = Bank::lives(7, 3, 60).await;
    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    let report = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
    assert_eq!(report.difference(), None);
    let path = generation::file(&generation::folder(folder.path()), 1);
    let database = rusqlite::Connection::open(&path).unwrap();
    for (change, words) in [
        ("UPDATE account SET gl_1100_cents = 7 WHERE account_id = 'a-0'", "gl_1100_cents is 7 in"),
        (
            "DELETE FROM refusal WHERE position = (SELECT max(position) FROM refusal)",
            "is in the log, but not in the read model",
        ),
    ] {
        database.execute_batch("BEGIN").unwrap();
        assert_eq!(database.execute(change, []).unwrap(), 1, "{change}");
        database.execute_batch("COMMIT").unwrap();
        let report = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
        let found = report.tables.iter().any(|table| {
            table.difference.as_ref().is_some_and(|difference| difference.contains(words))
        });
        assert!(found, "{change}: {report:?}");
    }
}

/// Makes an index wrong while all rows stay as they are.
fn spoil_index(path: &Path, index: &str, there: &str, back: &str) {
    let database = rusqlite::Connection::open(path).unwrap();
    assert_eq!(database.execute(there, []).unwrap(), 1, "{there}");
    // Out of sight, the index does not follow.
    let hidden = format!(
        "PRAGMA writable_schema = ON; CREATE TABLE kept AS SELECT * FROM sqlite_schema \
         WHERE name = '{index}'; DELETE FROM sqlite_schema WHERE name = '{index}';"
    );
    database.execute_batch(&hidden).unwrap();
    drop(database);
    let database = rusqlite::Connection::open(path).unwrap();
    assert_eq!(database.execute(back, []).unwrap(), 1, "{back}");
    let shown = "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept; \
                 DROP TABLE kept;";
    database.execute_batch(shown).unwrap();
}

#[tokio::test]
async fn an_index_that_does_not_lead_to_its_rows_is_found() {
    let bank = Bank::lives(9, 3, 60).await;
    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    let path = generation::file(&generation::folder(folder.path()), 1);
    let first = "WHERE rowid = (SELECT min(rowid) FROM payment)";
    let moved =
        |days: &str| format!("UPDATE payment SET effective_day = effective_day {days} {first}");
    spoil_index(&path, "payment_effective", &moved("+ 1"), &moved("- 1"));
    let report = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
    assert!(report.tables.iter().all(|table| table.difference.is_none()), "{report:?}");
    assert_ne!(report.difference(), None);
    let said = report.difference().unwrap();
    assert!(said.contains("payment_effective"), "{said}");
}

#[tokio::test]
async fn a_file_of_another_fold_version_is_built_anew_before_it_serves() {
    let bank = Bank::lives(8, 3, 60).await;
    let folder = tempfile::tempdir().unwrap();
    let head = bank.head().await;
    let open = || Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open().await.unwrap();
    projections.wait_for(head).await.unwrap();
    projections.shutdown().await.unwrap();
    let old = generation::file(&generation::folder(folder.path()), 1);
    let database = rusqlite::Connection::open(&old).unwrap();
    database.execute_batch("UPDATE progress SET fold_version = 0; DROP TABLE seal;").unwrap();
    drop(database);
    let projections = open().await.unwrap();
    assert_eq!(projections.position(), head);
    assert_eq!(projections.status().await.unwrap().generation, 2);
    assert!(!old.exists());
    projections.shutdown().await.unwrap();
    let live = generation::file(&generation::folder(folder.path()), 2);
    assert_eq!(checkpoint(&open_reader(&live).unwrap()).unwrap().position, head);
}
