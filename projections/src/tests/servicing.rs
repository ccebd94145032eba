//! The views of what a servicer does are what the accounts' own folds say.

use std::collections::BTreeMap;

use ledger::domain::account::book::Movement;
use ledger::domain::account::events::ChargedOff;
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::money::{Money, total};
use rusqlite::Connection;

use super::kit::{Bank, day};
use crate::database::open_reader;
use crate::generation;
use crate::{Options, Projections};

/// Lives that come to everything, and their views.
async fn lived(seed: u64) -> (Bank, Connection, tempfile::TempDir) {
    let bank = Bank::lives(seed, 6, 250).await;
    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections.shutdown().await.unwrap();
    let path = generation::file(&generation::folder(folder.path()), 1);
    (bank, open_reader(&path).unwrap(), folder)
}

fn open_accounts(bank: &Bank) -> impl Iterator<Item = (&str, &OpenAccount)> {
    bank.accounts.iter().filter_map(|(id, account)| match account {
        Account::Open(open) => Some((id.as_str(), &**open)),
        Account::Absent => None,
    })
}

/// The rows of a query, each as its columns joined by a space.
fn rows(database: &Connection, sql: &str) -> Vec<String> {
    let mut select = database.prepare(sql).unwrap();
    let width = select.column_count();
    let text = |value: rusqlite::types::Value| match value {
        rusqlite::types::Value::Null => "-".to_owned(),
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Real(_) | rusqlite::types::Value::Blob(_) => {
            panic!("neither is in a view")
        }
    };
    let found = select.query_map([], |row| {
        let columns: Result<Vec<_>, _> = (0..width).map(|column| row.get(column)).collect();
        Ok(columns?.into_iter().map(text).collect::<Vec<_>>().join(" "))
    });
    let mut found: Vec<String> = found.unwrap().collect::<Result<_, _>>().unwrap();
    found.sort();
    found
}

fn sorted(expected: impl Iterator<Item = String>) -> Vec<String> {
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    expected
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[tokio::test]
async fn fees_quotes_and_refunds_are_those_of_the_accounts() {
    let (mut fees, mut quotes, mut refunds) = (0, 0, 0);
    for seed in 0..6 {
        let (bank, database, _folder) = lived(seed).await;
        let expected = sorted(open_accounts(&bank).flat_map(|(id, open)| {
            open.fees.iter().map(move |(fee, it)| {
                let (kind, state, amount) = (it.kind.as_str(), it.state().as_str(), it.amount);
                let (on, instalment) = (it.effective_date, or_none(it.instalment));
                let (payment, why) = (or_none(it.payment), or_none(it.waived));
                format!("{fee} {id} {kind} {state} {amount} {on} {instalment} {payment} {why}")
            })
        }));
        let found = "SELECT fee_id, account_id, kind, state, amount, effective_date, instalment, \
                     payment_id, waive_reason FROM fees";
        assert_eq!(rows(&database, found), expected, "{seed}");
        fees += expected.len();
        let expected = sorted(open_accounts(&bank).flat_map(|(id, open)| {
            open.quotes.iter().map(move |(quote, it)| {
                let it = &it.quoted;
                let (on, parts) = (it.good_through_date, [it.principal, it.interest, it.fees]);
                let [principal, interest, due] = parts;
                let (amount, a_day) = (it.amount, &it.per_diem);
                let vehicle = format!("{} {} {}", it.rentals_ahead, it.residual, it.sales_tax);
                let parts = format!("{principal} {interest} {due} {} {vehicle}", it.rentals);
                format!("{quote} {id} {on} {amount} {parts} {a_day}")
            })
        }));
        let found = "SELECT quote_id, account_id, good_through_date, amount, principal, interest, \
                     fees, rentals, rentals_ahead, residual, sales_tax, per_diem \
                     FROM payoff_quotes";
        assert_eq!(rows(&database, found), expected, "{seed}");
        quotes += expected.len();
        let expected = sorted(open_accounts(&bank).flat_map(|(id, open)| {
            open.refunds.iter().map(move |(refund, it)| {
                let state = if it.returned { "returned" } else { "sent" };
                let (amount, method) = (it.amount, it.method.as_str());
                let (payment, on) = (or_none(it.payment), it.effective_date);
                format!("{refund} {id} {state} {amount} {method} {payment} {on}")
            })
        }));
        let found = "SELECT refund_id, account_id, state, amount, method, payment_id, \
                     effective_date FROM refunds";
        assert_eq!(rows(&database, found), expected, "{seed}");
        refunds += expected.len();
    }
    assert!(fees > 20 && quotes > 20 && refunds > 3, "{fees} {quotes} {refunds}");
}

#[tokio::test]
async fn charge_offs_take_what_the_accounts_timelines_say() {
    let (mut whole, mut parts) = (0, 0);
    for seed in 0..12 {
        let (bank, database, _folder) = lived(seed).await;
        let expected = sorted(open_accounts(&bank).flat_map(|(id, open)| {
            open.book.entries().iter().filter_map(move |entry| {
                let Movement::ChargeOff { id: charge_off, part, taken } = &entry.what else {
                    return None;
                };
                let (partial, on) = (u8::from(part.is_some()), entry.effective);
                let ChargedOff { principal, interest, late_fees, .. } = *taken;
                let ChargedOff { rentals, rentals_ahead, rental_tax, .. } = *taken;
                let (amount, returned) = (taken.total(), taken.returned_item_fees);
                Some(format!(
                    "{charge_off} {id} {partial} {on} {amount} {principal} {interest} \
                     {late_fees} {returned} {rentals} {rentals_ahead} {rental_tax}"
                ))
            })
        }));
        let found = "SELECT charge_off_id, account_id, is_partial, effective_date, amount, \
                     principal, interest, late_fees, returned_item_fees, rentals, rentals_ahead, \
                     rental_tax FROM charge_offs";
        assert_eq!(rows(&database, found), expected, "{seed}");
        parts += expected.iter().filter(|row| row.contains(" 1 20")).count();
        whole += expected.iter().filter(|row| row.contains(" 0 20")).count();
        let owed: i64 = database
            .query_row(
                "SELECT (SELECT sum(amount_cents) FROM charge_offs) \
                 - (SELECT sum(recovered_cents + charged_off_cents) FROM balances)",
                [],
                |row| row.get::<_, Option<i64>>(0).map(Option::unwrap_or_default),
            )
            .unwrap();
        assert_eq!(owed, 0, "{seed}");
    }
    assert!(whole > 3 && parts > 3, "{whole} {parts}");
}

#[tokio::test]
async fn principal_adds_up_from_the_opening() {
    let (mut adjusted, mut credited) = (0, 0);
    for seed in 0..24 {
        let (bank, database, _folder) = lived(seed).await;
        let expected = sorted(open_accounts(&bank).flat_map(|(id, open)| {
            open.book.entries().iter().filter_map(move |entry| {
                let Movement::Principal { id: adjustment, change, credited } = entry.what else {
                    return None;
                };
                let (principal, on) = (change + credited, entry.effective);
                Some(format!("{adjustment} {id} {on} {change} {principal} {credited}"))
            })
        }));
        let found = "SELECT adjustment_id, account_id, effective_date, change, principal, credited \
                     FROM principal_adjustments WHERE reason = 'a correction'";
        assert_eq!(rows(&database, found), expected, "{seed}");
        adjusted += expected.len();
        credited += expected.iter().filter(|row| !row.ends_with(" 0.00")).count();
        let apart = "WITH moved AS (\
             SELECT account_id, principal_cents AS cents FROM principal_adjustments UNION ALL \
             SELECT account_id, -principal_cents FROM charge_offs UNION ALL \
             SELECT account_id, -principal_cents - coalesce(written_off_principal_cents, 0) \
             FROM payments WHERE state = 'applied') \
             SELECT account_id FROM accounts JOIN balances USING (account_id) \
             WHERE opening_principal_cents + coalesce((SELECT sum(cents) FROM moved \
             WHERE moved.account_id = accounts.account_id), 0) <> principal_cents";
        assert_eq!(rows(&database, apart), Vec::<String>::new(), "{seed}");
    }
    assert!(adjusted > 20 && credited > 0, "{adjusted} {credited}");
}

#[tokio::test]
async fn delinquency_is_by_days_past_due_on_the_last_accounting_day() {
    let mut buckets_seen = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let (bank, database, _folder) = lived(seed).await;
        let as_of: String =
            database.query_row("SELECT max(gl_date) FROM journal", [], |row| row.get(0)).unwrap();
        let mut expected: BTreeMap<(String, &str), Vec<&OpenAccount>> = BTreeMap::new();
        for (_, open) in open_accounts(&bank) {
            if open.paid_off.is_some() || open.charged_off.is_some() {
                continue;
            }
            let days = open.days_past_due(day(&as_of));
            let bucket = match days {
                0 => "current",
                1..30 => "1-29",
                30..60 => "30-59",
                60..90 => "60-89",
                90..120 => "90-119",
                _ => "120+",
            };
            let product = open.terms().product.to_string();
            expected.entry((product, bucket)).or_default().push(open);
        }
        buckets_seen.extend(expected.keys().map(|(_, bucket)| *bucket));
        let expected = sorted(expected.into_iter().map(|((product, bucket), accounts)| {
            let standings = || accounts.iter().map(|open| open.book.final_standing());
            let principal: Money = total(standings().map(|standing| standing.principal));
            let fees: Money = total(standings().map(|standing| standing.fees_due));
            let stopped = accounts.iter().filter(|open| open.book.is_non_accrual()).count();
            let on = day(&as_of);
            let due = total(accounts.iter().map(|open| open.standing(on).rentals_due));
            let late = total(accounts.iter().map(|open| open.standing(on).past_due));
            let late = or_none((product == "lease").then_some(late));
            let count = accounts.len();
            format!("{as_of} {product} {bucket} {count} {principal} {fees} {due} {late} {stopped}")
        }));
        let found = "SELECT as_of_date, product, bucket, accounts, principal, fees_due, \
                     rentals_receivable, CASE product WHEN 'lease' THEN past_due END, \
                     non_accrual_accounts FROM delinquency";
        assert_eq!(rows(&database, found), expected, "{seed}");
    }
    assert!(buckets_seen.len() > 4, "{buckets_seen:?}");
}
