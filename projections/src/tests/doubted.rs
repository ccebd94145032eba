//! What goes into the log for ever is not taken from read models that are wrong, and whose pages'
//! sums do not show it: they are counted again first.

use std::path::Path;

use ledger::cycles::cutoff::WindowKey;
use ledger::domain::account::commands::Command;
use ledger::domain::cutoff::Window;
use ledger::domain::product::Product;
use ledger::envelope::Position;
use rusqlite::Connection;
use tempfile::TempDir;

use super::kit::{Bank, day, id};
use super::open::without_sums;
use crate::error::QueryError;
use crate::queries::windows::Unsealed;
use crate::verify::Live;
use crate::{Options, Projections, Reader, generation};

/// A bank with a window that has a payment of each kind: cancelled, applied, and one that waits.
async fn bank_with_a_window() -> (Bank, WindowKey) {
    let mut bank = Bank::new();
    let account = id("a-1");
    bank.open(&account, Product::AutoLoan, "9000.00").await;
    let (date, window) = (day("2026-03-03"), "15:00".parse::<Window>().unwrap());
    let key = WindowKey { product: Product::AutoLoan, date, window };
    let mut payments = Vec::new();
    for amount in ["10.00", "20.00", "30.00"] {
        payments.push(bank.schedule(&account, amount, date).await.unwrap());
    }
    bank.command(&account, Command::CancelPayment { payment: payments[0] }).await;
    bank.now = key.starts_at();
    bank.command(&account, Command::ApplyPayment { payment: payments[1] }).await;
    (bank, key)
}

async fn open(bank: &Bank, folder: &TempDir) -> Projections {
    let opened = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = opened.await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections
}

async fn unsealed(projections: &Projections, key: WindowKey) -> Result<Unsealed, QueryError> {
    projections.read(None, move |reader| reader.unsealed(&key)).await.map(|answer| answer.value)
}

async fn rebuilt(projections: &Projections) {
    let rebuild = projections.shared.rebuild.lock().unwrap().clone().unwrap();
    rebuild.finished().await.unwrap();
}

/// Moves an entry of the index of what waits to the next day. The table is as it was.
fn misplace_entry(file: &Path) {
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    Connection::open(file).unwrap().query_row(checkpoint, [], |_| Ok(())).unwrap();
    let mut bytes = std::fs::read(file).unwrap();
    let days = u16::try_from(crate::columns::day(day("2026-03-03"))).unwrap();
    // The product, the day, and 15:00 as minutes after midnight: so they stand in no row.
    let minutes = 900_u16;
    let product = Product::AutoLoan.as_str();
    let entry = [product.as_bytes(), &days.to_be_bytes(), &minutes.to_be_bytes()].concat();
    // The lower byte of the day.
    let day = product.len().saturating_add(1);
    let starts: Vec<_> = bytes.windows(entry.len()).map(|it| it == entry).collect();
    let mut moved = 0_u32;
    for (place, _) in starts.iter().enumerate().filter(|(_, starts)| **starts) {
        bytes[place.saturating_add(day)] ^= 1;
        moved = moved.saturating_add(1);
    }
    assert_ne!(moved, 0);
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_seal_is_not_made_from_rows_that_are_not_as_they_were_counted() {
    let (bank, key) = bank_with_a_window().await;
    let changes = [
        "UPDATE payment SET amount_cents = amount_cents + 4096 WHERE settled_position IS NOT NULL",
        "UPDATE payment SET amount_cents = amount_cents + 1 WHERE state = 'scheduled'",
        "UPDATE payment SET payment_id = zeroblob(15) || x'01' WHERE state = 'applied'",
        "UPDATE payment SET cancelled_nanos = 1 WHERE state = 'applied'",
        "UPDATE payment SET settled_position = settled_position + 1 WHERE state = 'applied'",
        "UPDATE payment SET settled_position = NULL WHERE state = 'applied'",
        "UPDATE payment SET effective_day = effective_day + 1 WHERE state = 'cancelled'",
        "UPDATE payment SET product = 'lease' WHERE state = 'applied'",
        "UPDATE payment SET window_minutes = 1080 WHERE state = 'applied'",
        "UPDATE payment SET state = 'applied' WHERE state = 'scheduled'",
        "DELETE FROM payment WHERE state = 'cancelled'",
        "UPDATE run_window SET pending_count = 0",
        "UPDATE run_window SET settled_count = 0",
        "UPDATE run_window SET sealed_count = 1",
        "UPDATE run_window SET seals = 1",
        "UPDATE run_window SET sealed_position = 1",
        "UPDATE run_window SET payments_check = payments_check + 1",
        "DELETE FROM run_window",
    ];
    for case in changes.into_iter().map(Some).chain([None]) {
        let folder = tempfile::tempdir().unwrap();
        let projections = open(&bank, &folder).await;
        let expected = unsealed(&projections, key).await.unwrap();
        assert_eq!(expected.items.len(), 2);
        projections.shutdown().await.unwrap();
        let file = generation::file(&generation::folder(folder.path()), 1);
        match case {
            Some(sql) => assert_ne!(Connection::open(&file).unwrap().execute(sql, []).unwrap(), 0),
            None => misplace_entry(&file),
        }
        without_sums(&file);

        let projections = open(&bank, &folder).await;
        let error = unsealed(&projections, key).await.unwrap_err();
        assert!(error.is_damage(), "{case:?}: {error}");
        rebuilt(&projections).await;
        assert_eq!(unsealed(&projections, key).await.unwrap(), expected, "{case:?}");
        projections.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn read_models_that_differ_from_the_log_are_built_anew_once_they_are_compared() {
    let (bank, _) = bank_with_a_window().await;
    let folder = tempfile::tempdir().unwrap();
    let projections = open(&bank, &folder).await;
    let whole = projections.verify().await.unwrap();
    assert_eq!((whole.difference(), whole.generation), (None, 1));
    let file = generation::file(&generation::folder(folder.path()), 1);
    let sql = "UPDATE account SET gl_1100_cents = gl_1100_cents + 4096";
    Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let found = projections.verify().await.unwrap();
    assert!(found.difference().unwrap().contains("gl_1100_cents"), "{found:?}");
    rebuilt(&projections).await;
    let again = projections.verify().await.unwrap();
    assert_eq!((again.difference(), again.generation), (None, 2));
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_index_that_is_missing_is_named_and_made_anew_for_whoever_asks_by_it() {
    let (bank, key) = bank_with_a_window().await;
    for index in ["payment_pending", "payment_effective"] {
        let folder = tempfile::tempdir().unwrap();
        let projections = open(&bank, &folder).await;
        let expected = unsealed(&projections, key).await.unwrap();
        projections.shutdown().await.unwrap();
        let file = generation::file(&generation::folder(folder.path()), 1);
        let drop = format!("DROP INDEX {index}");
        Connection::open(&file).unwrap().execute_batch(&drop).unwrap();
        let found = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
        assert_eq!(found.difference(), Some(&*format!("the index {index} is missing")));
        without_sums(&file);

        let projections = open(&bank, &folder).await;
        assert!(unsealed(&projections, key).await.unwrap_err().is_damage(), "{index}");
        rebuilt(&projections).await;
        assert_eq!(unsealed(&projections, key).await.unwrap(), expected, "{index}");
        projections.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn read_models_whose_header_says_that_nobody_writes_to_them_are_built_anew() {
    let (mut bank, _) = bank_with_a_window().await;
    let folder = tempfile::tempdir().unwrap();
    open(&bank, &folder).await.shutdown().await.unwrap();
    let file = generation::file(&generation::folder(folder.path()), 1);
    let mut bytes = std::fs::read(&file).unwrap();
    // The version of the format that a writer has to know.
    bytes[18] ^= 4;
    std::fs::write(&file, bytes).unwrap();
    without_sums(&file);

    let projections = open(&bank, &folder).await;
    bank.open(&id("a-2"), Product::AutoLoan, "9000.00").await;
    assert!(projections.wait_for(bank.head().await).await.is_err());
    rebuilt(&projections).await;
    projections.wait_for(bank.head().await).await.unwrap();
    assert_eq!(projections.verify().await.unwrap().difference(), None);
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_payment_whose_account_is_not_found_is_not_left_out_of_its_run() {
    let (bank, key) = bank_with_a_window().await;
    let folder = tempfile::tempdir().unwrap();
    open(&bank, &folder).await.shutdown().await.unwrap();
    let file = generation::file(&generation::folder(folder.path()), 1);
    Connection::open(&file).unwrap().execute_batch("DELETE FROM account").unwrap();
    without_sums(&file);
    let projections = open(&bank, &folder).await;
    let due = async || {
        let ask = move |reader: &Reader<'_>| reader.due_payments(&key, Position::START, 10);
        projections.read(None, ask).await
    };
    assert!(due().await.unwrap_err().is_damage());
    rebuilt(&projections).await;
    assert_eq!(due().await.unwrap().value.len(), 1);
    projections.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_event_that_does_not_fit_the_rows_that_are_there_has_them_built_anew_once() {
    let (mut bank, _) = bank_with_a_window().await;
    let folder = tempfile::tempdir().unwrap();
    open(&bank, &folder).await.shutdown().await.unwrap();
    let file = generation::file(&generation::folder(folder.path()), 1);
    Connection::open(&file).unwrap().execute_batch("DELETE FROM account").unwrap();
    without_sums(&file);
    let projections = open(&bank, &folder).await;
    bank.schedule(&id("a-1"), "40.00", day("2026-03-04")).await.unwrap();
    let stopped = projections.wait_for(bank.head().await).await.unwrap_err();
    assert!(matches!(stopped, QueryError::Stopped { .. }), "{stopped}");
    rebuilt(&projections).await;
    projections.wait_for(bank.head().await).await.unwrap();
    assert_eq!(projections.verify().await.unwrap().difference(), None);
    projections.shutdown().await.unwrap();
}

/// How long a frame of a write-ahead log is, and what comes before the first one.
const FRAME: usize = 24 + 4096;
const WAL_HEADER: usize = 32;

#[tokio::test]
async fn read_models_of_which_only_the_beginning_was_kept_answer() {
    let (bank, key) = bank_with_a_window().await;
    let made = tempfile::tempdir().unwrap();
    let empty = Bank::new();
    let projections = open(&empty, &made).await;
    let from = generation::folder(made.path());
    let file = generation::file(&from, 1);
    let wal = file.with_extension("db-wal");
    let written = std::fs::read(&wal).unwrap();
    let frames = written.len().saturating_sub(WAL_HEADER) / FRAME;
    assert!(frames > 20, "{frames}");
    for kept in 0..=frames {
        let folder = tempfile::tempdir().unwrap();
        let to = generation::folder(folder.path());
        std::fs::create_dir(&to).unwrap();
        for path in [&file, &from.join("CURRENT")] {
            std::fs::copy(path, to.join(path.file_name().unwrap())).unwrap();
        }
        let end = WAL_HEADER.saturating_add(kept.saturating_mul(FRAME));
        std::fs::write(to.join(wal.file_name().unwrap()), &written[..end]).unwrap();
        let cut = open(&bank, &folder).await;
        assert_eq!(unsealed(&cut, key).await.unwrap().items.len(), 2, "{kept} of {frames}");
        assert_eq!(cut.verify().await.unwrap().difference(), None, "{kept} of {frames}");
        cut.shutdown().await.unwrap();
    }
    projections.shutdown().await.unwrap();
}
