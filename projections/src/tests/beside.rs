//! Others who have the live file open: a job that writes to it, and one that reads for long.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::timeout;

use super::kit::Bank;
use super::open::followed;
use crate::database::Writer;
use crate::feed::Feed;
use crate::generation;
use crate::pages::lock;

/// A read database that a job has locked, whose writer is told so at once.
fn locked(folder: &TempDir) -> rusqlite::Result<(Writer, Connection)> {
    let path = folder.path().join("gen-1.db");
    let writer = Writer::create(&path)?;
    writer.database().busy_timeout(Duration::ZERO)?;
    let job = Connection::open(&path)?;
    job.execute_batch("BEGIN IMMEDIATE")?;
    Ok((writer, job))
}

#[tokio::test]
async fn somebody_elses_lock_is_waited_for_and_nothing_is_lost_or_repeated() {
    let bank = Bank::lives(11, 3, 60).await;
    let folder = tempfile::tempdir().unwrap();
    let (writer, job) = locked(&folder).unwrap();
    let feed = Feed::start(bank.port(), writer, None).unwrap();
    // Time for a few attempts, the first of which would end a feed that does not wait.
    let mut progress = feed.subscribe();
    let failed = progress.wait_for(|progress| progress.failure.is_some());
    assert!(timeout(Duration::from_secs(1), failed).await.is_err());
    job.execute_batch("ROLLBACK").unwrap();
    let head = bank.head().await;
    assert_eq!(feed.wait_for(head).await.unwrap(), head);
    feed.stop().await.unwrap();
}

#[tokio::test]
async fn a_feed_ends_while_somebody_else_has_the_lock() {
    let bank = Bank::lives(12, 1, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let (writer, _job) = locked(&folder).unwrap();
    let feed = Feed::start(bank.port(), writer, None).unwrap();
    feed.stop().await.unwrap();
    assert!(feed.progress().failure.is_none());
}

#[test]
fn what_a_long_reader_made_the_write_ahead_log_grow_to_is_given_back() {
    const MIB: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gen-1.db");
    let writer = Writer::create(&path).unwrap();
    let grown = || fs::metadata(path.with_extension("db-wal")).unwrap().len();
    let copy = || lock(writer.pages().unwrap()).copy_if_long(writer.database()).unwrap();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM progress").unwrap();
    let filled = "CREATE TABLE job (content BLOB); INSERT INTO job VALUES (zeroblob(100000000))";
    writer.database().execute_batch(filled).unwrap();
    copy();
    let more = "INSERT INTO job VALUES (zeroblob(120000000))";
    writer.database().execute_batch(more).unwrap();
    assert!(grown() > 190 * MIB, "{}", grown());
    reader.execute_batch("COMMIT").unwrap();
    // One transaction copies what is there into the file, and the next one starts over.
    copy();
    writer.database().execute_batch("UPDATE progress SET position = position + 1").unwrap();
    assert!(grown() <= 128 * MIB, "{}", grown());
}

#[tokio::test]
async fn what_was_stopped_in_order_is_one_file() {
    let bank = Bank::lives(12, 3, 60).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    projections.read(None, |reader| reader.account_ids(None, 10)).await.unwrap();
    projections.shutdown().await.unwrap();
    let file = generation::file(&generation::folder(folder.path()), 1);
    assert!(file.exists());
    for beside in ["db-wal", "db-shm"] {
        assert!(!file.with_extension(beside).exists(), "{beside}");
    }
}
