//! Read models that cannot be read are built anew; what else is wrong is told.

use std::path::Path;

use ledger::envelope::Position;
use ledger::store::ReadError;
use rusqlite::Connection;

use super::guarded::Guarded;
use super::kit::{Bank, Dice, id};
use super::open::{opened, without_sums};
use crate::error::{FeedError, ProjectionError, QueryError};
use crate::verify::Live;
use crate::{Options, Projections, generation};

fn overwrite(path: &Path, place: std::ops::Range<usize>) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[place].fill(0xff);
    std::fs::write(path, bytes).unwrap();
}

fn statement(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

type Spoil = fn(&Path, &Path);

#[tokio::test]
async fn a_read_model_that_cannot_be_read_is_built_anew_before_it_serves() {
    let cases: [(&str, Spoil); 10] = [
        ("header", |_, file| overwrite(file, 0..100)),
        ("schema", |_, file| overwrite(file, 100..4000)),
        ("text", |_, file| std::fs::write(file, "x".repeat(9000)).unwrap()),
        ("empty", |_, file| std::fs::write(file, b"").unwrap()),
        ("gone", |_, file| std::fs::remove_file(file).unwrap()),
        ("no row", |_, file| statement(file, "DELETE FROM progress")),
        ("no table", |_, file| statement(file, "DROP VIEW checkpoint; DROP TABLE progress")),
        ("ahead", |_, file| statement(file, "UPDATE progress SET position = position + 1000")),
        ("pointer", |folder, _| std::fs::write(folder.join("CURRENT"), "gen-one.db").unwrap()),
        ("bytes", |folder, _| std::fs::write(folder.join("CURRENT"), [0xff, 0x00]).unwrap()),
    ];
    let bank = Bank::lives(41, 3, 60).await;
    let head = bank.head().await;
    for (case, spoil) in cases {
        let folder = tempfile::tempdir().unwrap();
        let open = || Projections::open(folder.path(), bank.port(), Options::default());
        let projections = open().await.unwrap();
        projections.wait_for(head).await.unwrap();
        projections.shutdown().await.unwrap();
        let read = generation::folder(folder.path());
        let file = generation::file(&read, 1);
        spoil(&read, &file);
        let projections = open().await.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(projections.position(), head, "{case}");
        let number = projections.status().await.unwrap().generation;
        assert_eq!(generation::current(&read).unwrap(), Some(number), "{case}");
        assert_eq!(file.exists(), number == 1, "{case}");
        let report = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
        assert_eq!((report.difference(), report.position), (None, head), "{case}");
        projections.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_read_model_that_is_out_of_reach_is_left_alone() {
    let bank = Bank::lives(42, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let open = || Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open().await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    let file = generation::file(&generation::folder(folder.path()), 1);
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    let error = open().await.unwrap_err();
    assert!(matches!(error, ProjectionError::Database(_)), "{error}");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(open().await.unwrap().status().await.unwrap().generation, 1);
}

#[tokio::test]
async fn a_feed_whose_reading_panics_is_known_to_have_failed() {
    let mut bank = Bank::lives(43, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    opened(&bank, &folder).await.shutdown().await.unwrap();
    let last = bank.head().await;
    bank.live_on(&mut Dice::new(44), 20).await;
    let store = Guarded::up_to(last, bank.port(), |_| panic!("the log is not read any further"));
    let projections = Projections::open(folder.path(), store, Options::default()).await.unwrap();
    let head = bank.head().await;
    let error = projections.wait_for(head).await.unwrap_err();
    assert!(matches!(error, QueryError::Stopped { position, .. } if position == last), "{error}");
    let failure = projections.progress().failure.unwrap();
    assert!(matches!(*failure, FeedError::Ended), "{failure}");
    let found = projections.read(None, |reader| reader.account(&id("a-0"))).await.unwrap();
    assert!(found.value.is_some());
    assert_eq!(found.read_position, last);
}

#[tokio::test]
async fn damage_that_is_met_before_anything_is_served_is_told_as_what_it_is() {
    let bank = Bank::lives(45, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let open = |store| Projections::open(folder.path(), store, Options::default());
    let projections = open(bank.port()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    let file = generation::file(&generation::folder(folder.path()), 1);
    std::fs::remove_file(&file).unwrap();
    let damage = |position| ReadError::Damaged { position, cause: "a bit".to_owned() };
    let error = open(Guarded::up_to(Position(7), bank.port(), damage)).await.unwrap_err();
    let ProjectionError::Feed(cause) = &error else { panic!("{error}") };
    let FeedError::Log(ReadError::Damaged { position, .. }) = &**cause else { panic!("{error}") };
    assert_eq!(*position, Position(8));
    // It is there again once the log is.
    assert_eq!(open(bank.port()).await.unwrap().position(), bank.head().await);
}

#[tokio::test]
async fn a_feed_that_is_ended_on_purpose_has_not_failed() {
    let bank = Bank::lives(44, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    assert!(projections.progress().failure.is_none());
    let beyond = projections.wait_for(bank.head().await.next()).await.unwrap_err();
    assert!(matches!(beyond, QueryError::Ended), "{beyond}");
}

/// Overwrites the first page of the accounts, and no other.
fn overwrite_accounts(data: &Path) {
    let path = generation::file(&generation::folder(data), 1);
    let database = Connection::open(&path).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'account'";
    let root: u32 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    let [start, end] = [root.saturating_sub(1), root]
        .map(|page| usize::try_from(page).unwrap().saturating_mul(4096));
    drop(database);
    overwrite(&path, start..end);
}

#[tokio::test]
async fn read_models_that_cannot_go_on_are_built_anew_for_who_waits() {
    let mut bank = Bank::lives(47, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let open = || Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open().await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    overwrite_accounts(folder.path());
    without_sums(&generation::file(&generation::folder(folder.path()), 1));
    // Nothing of what an opening looks at is damaged.
    let projections = open().await.unwrap();
    let before = bank.head().await;
    bank.live_on(&mut Dice::new(48), 20).await;
    let head = bank.head().await;
    let stopped = projections.wait_for(head).await.unwrap_err();
    assert!(matches!(stopped, QueryError::Stopped { position, .. } if position == before));
    let rebuild = projections.shared.rebuild.lock().unwrap().clone().unwrap();
    rebuild.finished().await.unwrap();
    assert_eq!(projections.wait_for(head).await.unwrap(), head);
    assert_eq!(projections.status().await.unwrap().generation, 2);
    assert!(projections.progress().failure.is_none());
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn read_models_that_a_question_finds_damaged_are_built_anew() {
    let bank = Bank::lives(46, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    overwrite_accounts(folder.path());
    let ask = || projections.read(None, |reader| reader.account(&id("a-0")));
    let damaged = ask().await.unwrap_err();
    assert!(matches!(damaged, QueryError::Database(_)), "{damaged}");
    let rebuild = projections.shared.rebuild.lock().unwrap().clone().unwrap();
    rebuild.finished().await.unwrap();
    assert!(ask().await.unwrap().value.is_some());
    assert_eq!(projections.status().await.unwrap().generation, 2);
    projections.shutdown().await.unwrap();
}
