//! The views are what reporting jobs may rely on: documented, and exact.

use std::collections::BTreeSet;

use ledger::domain::account::state::{Account, Progress};
use ledger::domain::money::{Money, total};
use rusqlite::Connection;
use tempfile::TempDir;

use super::kit::Bank;
use crate::database::open_reader;
use crate::generation;
use crate::schema::{TABLES, tables, views};
use crate::{Options, Projections};

const DOCUMENT: &str = include_str!("../../SCHEMA.md");

fn empty() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(&tables()).unwrap();
    database.execute_batch(&views()).unwrap();
    database
}

/// The read database in `folder`, once it holds what the bank has recorded.
async fn followed(bank: &Bank, folder: &TempDir) -> Connection {
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    open_reader(&generation::file(&generation::folder(folder.path()), 1)).unwrap()
}

fn names(database: &Connection, kind: &str) -> BTreeSet<String> {
    let mut select = database.prepare("SELECT name FROM sqlite_schema WHERE type = ?1").unwrap();
    let rows = select.query_map([kind], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// The views that reporting jobs may rely on.
const VIEWS: &[&str] = &[
    "accounts",
    "balances",
    "payments",
    "pending_payments",
    "unsettled_payments",
    "fees",
    "charge_offs",
    "principal_adjustments",
    "payoff_quotes",
    "refunds",
    "delinquency",
    "return_rates",
    "titles",
    "trial_balance",
    "journal",
    "accounting_days",
    "ledger_journals",
    "accounting_months",
    "window_seals",
    "refusals",
    "checkpoint",
];

/// The document's columns by view: rows of the table under a heading with the view's name.
fn documented(view: &str) -> Vec<String> {
    let heading = format!("### {view}\n");
    let (_, rest) = DOCUMENT.split_once(&heading).unwrap_or_else(|| panic!("{view} is missing"));
    let section = rest.split("\n### ").next().unwrap().split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `"));
    cells.map(|cell| cell.split('`').next().unwrap().to_owned()).collect()
}

#[test]
fn every_view_and_column_is_documented() {
    let database = empty();
    assert_eq!(names(&database, "view"), VIEWS.iter().map(|&view| view.to_owned()).collect());
    for view in VIEWS {
        let select = database.prepare(&format!("SELECT * FROM {view}")).unwrap();
        assert_eq!(documented(view), select.column_names().collect::<Vec<_>>(), "{view}");
    }
}

#[test]
fn every_folded_table_is_verified() {
    let mut compared: BTreeSet<_> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    compared.insert("progress".to_owned());
    assert_eq!(names(&empty(), "table"), compared);
}

#[test]
fn the_documents_examples_run() {
    let database = empty();
    let mut examples = 0;
    for block in DOCUMENT.split("```sql\n").skip(1) {
        let sql = block.split("```").next().unwrap();
        database.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        examples += 1;
    }
    assert!(examples >= 4, "{examples}");
}

#[tokio::test]
async fn amounts_dates_and_instants_are_exact_text() {
    let bank = Bank::lives(31, 6, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let database = followed(&bank, &folder).await;
    let mut compared = 0;
    for account in bank.accounts.values() {
        let Account::Open(open) = account else { continue };
        for payment in open.payments.values() {
            let row: (String, String, Option<String>, Option<String>, Option<String>) = database
                .query_row(
                    "SELECT amount, effective_date, cancel_before, window, principal FROM payments \
                     WHERE payment_id = ?1",
                    [payment.id.to_string()],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
                )
                .unwrap();
            let schedule = payment.schedule.as_ref();
            let cutoff = schedule.map(|schedule| {
                schedule.cutoff_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            });
            assert_eq!(row.0, payment.amount.to_string());
            assert_eq!(row.1, payment.effective_date.to_string());
            assert_eq!(row.2, cutoff);
            assert_eq!(row.3, schedule.map(|schedule| schedule.window.to_string()));
            assert_eq!(
                row.4,
                payment.split.map(|split| format!("{:.2}", split.principal.decimal()))
            );
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

#[tokio::test]
async fn the_journal_and_the_trial_balance_are_two_sums_of_the_same_lines() {
    let bank = Bank::lives(32, 6, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let database = followed(&bank, &folder).await;
    let sums = |sql: &str| -> Vec<(String, String, i64)> {
        let mut select = database.prepare(sql).unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let journal = sums(
        "SELECT gl_account, gl_date, sum(amount_cents) FROM journal GROUP BY 1, 2 ORDER BY 1, 2",
    );
    let trial = sums(
        "SELECT gl_account, gl_date, sum(net_cents) FROM trial_balance GROUP BY 1, 2 ORDER BY 1, 2",
    );
    assert_eq!(journal, trial);
    assert!(!journal.is_empty());
    let paid = |account: &Account| match account {
        Account::Open(open) => total(
            open.payments
                .values()
                .filter(|payment| payment.progress == Progress::Applied)
                .filter_map(|payment| payment.split)
                .map(|split| split.interest),
        ),
        Account::Absent => Money::ZERO,
    };
    let shown: i64 = database
        .query_row("SELECT sum(interest_paid_cents) FROM balances", [], |row| row.get(0))
        .unwrap();
    assert_eq!(Money::from_cents(shown), total(bank.accounts.values().map(paid)));
    assert!(shown > 0);
}

#[tokio::test]
async fn what_is_unsettled_is_what_the_clearing_accounts_hold() {
    let bank = Bank::lives(33, 6, 400).await;
    let folder = tempfile::tempdir().unwrap();
    let database = followed(&bank, &folder).await;
    let sums = |sql: &str| -> Vec<(String, i64)> {
        let mut select = database.prepare(sql).unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let unsettled = sums(
        "SELECT gl_account, sum(amount_cents) FROM unsettled_payments GROUP BY 1 UNION ALL \
         SELECT '2120', -sum(amount_cents) FROM refunds \
         WHERE state = 'sent' AND settlement_date IS NULL HAVING count(*) > 0 ORDER BY 1",
    );
    let held = sums(
        "SELECT gl_account, sum(net_cents) FROM trial_balance \
         WHERE gl_account IN ('1020', '1025', '1026', '1027', '2120') \
         GROUP BY 1 HAVING sum(net_cents) <> 0 ORDER BY 1",
    );
    assert_eq!(unsettled, held);
    assert!(held.len() > 3, "{held:?}");
    let count = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert!(count("SELECT count(*) FROM payments WHERE settlement_date IS NOT NULL") > 10);
    let of_another_age = "SELECT count(*) FROM unsettled_payments WHERE age_days IS NOT \
                          julianday(as_of_date) - julianday(effective_date)";
    assert_eq!(count(of_another_age), 0);
}
