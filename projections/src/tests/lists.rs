//! Lists: stable while events arrive; and what the runner asks for.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ledger::cycles::cutoff::WindowKey;
use ledger::domain::account::commands::{Command, ReceivePayment};
use ledger::domain::product::Product;
use ledger::envelope::Position;
use ledger::ids::PaymentId;
use rusqlite::StatementStatus;

use super::kit::{Bank, day, id};
use super::open::followed;
use crate::Projections;
use crate::database::{Writer, open_reader};
use crate::queries::accounts::{AccountFilter, AccountState};
use crate::queries::page::{Listed, Page, PageStart};
use crate::queries::payments::{PaymentFilter, PaymentRow, PaymentState, PendingFilter};
use crate::queries::windows::Unsealed;

async fn pending(
    projections: &Projections,
    at: Position,
    filter: &PendingFilter,
    page: Page,
) -> Listed<PaymentRow> {
    let filter = filter.clone();
    let ask = projections.read(Some(at), move |reader| reader.pending_payments(&filter, page));
    ask.await.unwrap().value
}

fn window(date: &str, window: &str) -> WindowKey {
    let product = Product::AutoLoan;
    WindowKey { product, date: day(date), window: window.parse().unwrap() }
}

#[tokio::test]
async fn pages_neither_repeat_nor_miss_while_payments_arrive() {
    let mut bank = Bank::new();
    let account = id("a-1");
    bank.open(&account, Product::AutoLoan, "9000.00").await;
    let mut early = BTreeSet::new();
    for cents in 10..35 {
        let date = day("2026-03-04").checked_add_days(chrono::Days::new(cents % 3)).unwrap();
        let payment = bank.schedule(&account, &format!("1.{cents}"), date).await;
        early.insert(payment.unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    for of_account in [false, true] {
        let filter = PendingFilter {
            account: of_account.then(|| account.clone()),
            ..PendingFilter::default()
        };
        let payments =
            PaymentFilter { account: filter.account.clone(), ..PaymentFilter::default() };
        let head = bank.head().await;
        let (mut waiting, mut all) = (Vec::<PaymentId>::new(), Vec::<PaymentId>::new());
        let (mut page, mut other) = (Page::first(4), Page::first(7));
        let mut expected: BTreeSet<_> = BTreeSet::new();
        if of_account {
            expected.extend(all_pending(&projections, head).await);
        } else {
            expected.clone_from(&early);
        }
        loop {
            let listed = pending(&projections, bank.head().await, &filter, page).await;
            waiting.extend(listed.rows.iter().map(|row| row.payment));
            bank.schedule(&account, "2.00", day("2026-03-05")).await.unwrap();
            let Some(start) = listed.next else { break };
            page.start = Some(start);
        }
        let filter = payments.clone();
        let first = projections.read(Some(head), move |reader| reader.payments(&filter, other));
        let mut listed = first.await.unwrap().value;
        while let Some(start) = listed.next {
            all.extend(listed.rows.iter().map(|row| row.payment));
            bank.schedule(&account, "3.00", day("2026-03-05")).await.unwrap();
            other.start = Some(start);
            let filter = payments.clone();
            let next = projections
                .read(Some(bank.head().await), move |reader| reader.payments(&filter, other));
            listed = next.await.unwrap().value;
        }
        all.extend(listed.rows.iter().map(|row| row.payment));
        assert_eq!(waiting.len(), expected.len());
        assert_eq!(waiting.iter().copied().collect::<BTreeSet<_>>(), expected);
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
        assert!(all.len() >= expected.len());
    }
}

async fn all_pending(projections: &Projections, at: Position) -> Vec<PaymentId> {
    let listed = pending(projections, at, &PendingFilter::default(), Page::first(1000)).await;
    listed.rows.iter().map(|row| row.payment).collect()
}

#[tokio::test]
async fn nothing_is_listed_after_a_start_that_is_no_payments() {
    let mut bank = Bank::new();
    bank.open(&id("a-1"), Product::AutoLoan, "9000.00").await;
    bank.schedule(&id("a-1"), "2.00", day("2026-03-05")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let head = bank.head().await;
    assert_eq!(all_pending(&projections, head).await.len(), 1);
    let start = PageStart { snapshot: head, after: Position(1) };
    let page = Page { start: Some(start), ..Page::first(10) };
    let listed = pending(&projections, head, &PendingFilter::default(), page).await;
    assert_eq!((listed.rows, listed.next), (Vec::new(), None));
}

#[tokio::test]
async fn a_filter_leaves_out_what_it_does_not_ask_for() {
    let bank = Bank::lives(9, 6, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let head = bank.head().await;
    let every = projections
        .read(Some(head), |reader| reader.payments(&PaymentFilter::default(), Page::first(1000)))
        .await
        .unwrap()
        .value
        .rows;
    let states = [
        PaymentState::Scheduled,
        PaymentState::Cancelled,
        PaymentState::Applied,
        PaymentState::Returned,
    ];
    for state in states {
        let filter = PaymentFilter {
            state: Some(state),
            account: Some(id("a-0")),
            effective_from: Some(day("2026-03-20")),
            effective_to: Some(day("2026-06-30")),
            ..PaymentFilter::default()
        };
        let expected: Vec<_> = every
            .iter()
            .filter(|row| {
                row.state == state
                    && row.account == id("a-0")
                    && (day("2026-03-20")..=day("2026-06-30")).contains(&row.effective_date)
            })
            .cloned()
            .collect();
        let found = projections
            .read(Some(head), move |reader| reader.payments(&filter, Page::first(1000)))
            .await;
        assert_eq!(found.unwrap().value.rows, expected, "{state:?}");
    }
    let mut accounts = 0;
    for state in [AccountState::Open, AccountState::PaidOff] {
        for product in [Product::AutoLoan, Product::Lease, Product::PersonalLoan] {
            let filter = AccountFilter { product: Some(product), state: Some(state) };
            let found =
                projections.read(None, move |reader| reader.accounts(filter, Page::first(10)));
            let rows = found.await.unwrap().value.rows;
            assert!(rows.iter().all(|row| row.product == product && row.state == state));
            accounts += rows.len();
        }
    }
    assert_eq!(accounts, 6);
}

#[tokio::test]
async fn a_window_is_due_until_everything_it_settled_is_sealed() {
    let mut bank = Bank::new();
    let account = id("a-1");
    bank.open(&account, Product::AutoLoan, "9000.00").await;
    let mut payments = Vec::new();
    for amount in ["10.00", "20.00", "30.00"] {
        payments.push(bank.schedule(&account, amount, day("2026-03-03")).await.unwrap());
    }
    let cancelled = payments[2];
    bank.command(&account, Command::CancelPayment { payment: cancelled }).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let key = window("2026-03-03", "15:00");
    let due = |at: Position, now| {
        let projections = projections.clone();
        async move {
            let ask = projections.read(Some(at), move |reader| {
                let unsealed = reader.unsealed(&key)?;
                let due = reader.due_payments(&key, Position::START, 10)?;
                Ok((reader.unsealed_windows(now)?, unsealed, due))
            });
            ask.await.unwrap().value
        }
    };
    let cutoff = key.cutoff_at();
    let (early, _, _) = due(bank.head().await, cutoff - TimeDelta::nanoseconds(1)).await;
    assert_eq!(early, []);
    let (windows, unsealed, waiting) = due(bank.head().await, cutoff).await;
    assert_eq!((windows, unsealed.pending), (vec![key], 2));
    let settled: Vec<_> = unsealed.items.iter().map(|item| item.payment).collect();
    assert_eq!((settled, unsealed.seals), (vec![cancelled], 0));
    assert_eq!(waiting.iter().map(|due| due.payment).collect::<Vec<_>>(), payments[..2]);

    bank.now = key.starts_at();
    bank.command(&account, Command::ApplyPayment { payment: payments[0] }).await;
    let (windows, unsealed, waiting) = due(bank.head().await, cutoff).await;
    assert_eq!((windows, unsealed.pending, unsealed.seals), (vec![key], 1, 0));
    assert_eq!(unsealed.items.len(), 2);
    assert_eq!(waiting.len(), 1);

    // A run that was broken off before its seal finds what it had settled.
    bank.command(&account, Command::ApplyPayment { payment: payments[1] }).await;
    let (windows, unsealed, waiting) = due(bank.head().await, cutoff).await;
    assert_eq!((windows, unsealed.pending), (vec![key], 0));
    let settled: Vec<_> = unsealed.items.iter().map(|item| item.payment).collect();
    assert_eq!(settled, [cancelled, payments[0], payments[1]]);
    assert_eq!(waiting, []);

    let sealed = ledger::cycles::cutoff::WindowSealed::of(key, 0, unsealed.items);
    let fact = ledger::codec::Fact::WindowSealed(sealed.clone());
    bank.record(&ledger::streams::of_window(&key), vec![fact]).await;
    let (windows, unsealed, _) = due(bank.head().await, cutoff).await;
    assert_eq!(
        (windows, unsealed),
        (Vec::new(), Unsealed { seals: 1, pending: 0, items: Vec::new() })
    );
    let shown = projections.read(None, |reader| {
        let sql = "SELECT applied_count, applied_total, cancelled_count, cancelled_total, root \
                   FROM window_seals WHERE date = '2026-03-03' AND window = '15:00'";
        reader.database.query_row(sql, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
    });
    let of_the_seal = (2, "30.00".to_owned(), 1, "30.00".to_owned(), sealed.root);
    assert_eq!(shown.await.unwrap().value, of_the_seal);
    let other = window("2026-03-03", "18:00");
    for (key, known) in [(key, true), (other, false)] {
        let has = projections.read(None, move |reader| reader.has_window(&key)).await;
        assert_eq!(has.unwrap().value, known, "{key:?}");
    }
}

#[tokio::test]
async fn a_lien_is_releasable_from_its_release_date() {
    let mut bank = Bank::new();
    let account = id("a-1");
    bank.open(&account, Product::AutoLoan, "200.00").await;
    let pay = |amount: &str| {
        Command::ReceivePayment(ReceivePayment {
            channel: ledger::domain::product::Channel::Mail,
            amount: amount.parse().unwrap(),
            received_date: day("2026-03-02"),
            reference: None,
            third_party_fee: None,
            guaranteed_funds: false,
            paid_by_dealer: false,
            allow_duplicate: false,
            payoff_quote: None,
            preview: None,
        })
    };
    bank.command(&account, pay("500.00")).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let head = bank.head().await;
    let title = projections
        .read(Some(head), |reader| reader.title(&id("a-1")))
        .await
        .unwrap()
        .value
        .unwrap();
    let release = title.release_date.unwrap();
    for (on, expected) in [(release.pred_opt().unwrap(), 0), (release, 1)] {
        let found = projections.read(None, move |reader| reader.releasable_titles(on, 10)).await;
        assert_eq!(found.unwrap().value.len(), expected, "{on}");
    }
    let due = |at: Position| {
        let projections = projections.clone();
        async move {
            let ask =
                projections.read(Some(at), move |reader| reader.releasable_titles(release, 10));
            ask.await.unwrap().value
        }
    };
    let changed = due(head).await[0].last_position;
    assert_eq!(changed, head);
    bank.command(&account, Command::ReleaseLien).await;
    let refused = bank.head().await;
    assert!(refused > changed);
    assert_eq!(due(refused).await[0].last_position, changed, "a refusal changes nothing");
    bank.command(&account, pay("5.00")).await;
    let paid = bank.head().await;
    assert_eq!(due(paid).await[0].last_position, paid);
    bank.now += TimeDelta::days(60);
    bank.command(&account, Command::ReleaseLien).await;
    let head = bank.head().await;
    let found =
        projections.read(Some(head), move |reader| reader.releasable_titles(release, 10)).await;
    assert_eq!(found.unwrap().value, []);
}

#[test]
fn a_statement_is_planned_once_whatever_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read.db");
    let writer = Writer::create(&path).unwrap();
    let reader = open_reader(&path).unwrap();
    for database in [writer.database(), &reader] {
        let sql = "SELECT account_id FROM account JOIN account_position USING (account_key) \
                   WHERE account_id = ?1";
        for account in ["a-1", "a-2"] {
            // Put back, it forgets what was bound.
            let mut statement = database.prepare_cached(sql).unwrap();
            assert!(!statement.exists([account]).unwrap());
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
