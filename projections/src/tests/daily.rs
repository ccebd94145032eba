//! The accounts that the daily run looks at: all that need it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ledger::domain::account::commands::{Command, ReceivePayment};
use ledger::domain::account::events::Event;
use ledger::domain::account::state::{Account, Progress};
use ledger::domain::cutoff::eastern_date;
use ledger::domain::product::{Channel, Product};
use ledger::envelope::Position;
use ledger::ids::AccountId;

use super::kit::{Bank, day, id, money};
use crate::{Options, Projections};

async fn to_age(bank: &Bank, since: &str, chunk: usize) -> BTreeSet<AccountId> {
    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    let (since, today) = (day(since), eastern_date(bank.now));
    let (mut found, mut after) = (BTreeSet::new(), Position::START);
    loop {
        let rows = projections
            .read(None, move |reader| reader.accounts_to_age((since, today), after, chunk))
            .await;
        let rows = rows.unwrap().value;
        let Some(last) = rows.last() else { return found };
        after = last.opened_position;
        found.extend(rows.into_iter().map(|row| row.account));
    }
}

fn receipt(amount: &str, on: &str) -> Command {
    Command::ReceivePayment(ReceivePayment {
        channel: Channel::Mail,
        amount: amount.parse().unwrap(),
        received_date: day(on),
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: true,
        payoff_quote: None,
        preview: None,
    })
}

#[tokio::test]
async fn whoever_has_something_to_be_done_is_looked_at() {
    let mut needed = 0;
    for seed in 60..100 {
        let bank = Bank::lives(seed, 6, 120).await;
        let found = to_age(&bank, "2026-03-02", 2).await;
        let today = eastern_date(bank.now);
        for (account, state) in &bank.accounts {
            let Account::Open(open) = state else { continue };
            let waits = open.payments.values().any(|payment| {
                payment.progress == Progress::Scheduled && payment.effective_date < today
            });
            if !waits && !bank.preview(account, &Command::AgeAccount).is_empty() {
                assert!(found.contains(account), "{seed} {account}");
                needed += 1;
            }
        }
    }
    assert!(needed > 5, "{needed}");
}

#[tokio::test]
async fn an_instalment_that_was_met_before_the_run_came_is_still_charged_for() {
    let mut bank = Bank::new();
    let account = id("a-1");
    bank.open(&account, Product::PersonalLoan, "2400.00").await;
    assert_eq!(
        to_age(&bank, "2026-03-02", 10).await.len(),
        1,
        "an instalment of the day before is past due"
    );
    bank.now += TimeDelta::days(20);
    bank.command(&account, receipt("500.00", "2026-03-21")).await;
    assert_eq!(to_age(&bank, "2026-03-02", 10).await, BTreeSet::from([account.clone()]));
    let charged = bank.command(&account, Command::AgeAccount).await;
    assert!(matches!(charged.as_slice(), [Event::FeeAssessed(_)]), "{charged:?}");
    assert_eq!(to_age(&bank, "2026-03-23", 10).await, BTreeSet::new(), "it was recorded before");
    assert_eq!(bank.preview(&account, &Command::AgeAccount), []);
}

#[tokio::test]
async fn an_account_whose_payment_waits_for_its_run_is_not_judged() {
    let mut bank = Bank::new();
    let account = id("a-1");
    bank.open(&account, Product::AutoLoan, "2400.00").await;
    bank.schedule(&account, "110.00", day("2026-03-02")).await.unwrap();
    assert_eq!(to_age(&bank, "2026-03-02", 10).await.len(), 1, "its window is of today");
    bank.now += TimeDelta::days(1);
    assert_eq!(to_age(&bank, "2026-03-02", 10).await.len(), 0);
}

#[tokio::test]
async fn credit_balances_are_found_from_the_least_that_is_asked_for() {
    let mut bank = Bank::new();
    for (account, over) in [("a-1", "2500.00"), ("a-2", "3000.00"), ("a-3", "100.00")] {
        bank.open(&id(account), Product::PersonalLoan, "2400.00").await;
        bank.command(&id(account), receipt(over, "2026-03-02")).await;
    }
    let Account::Open(open) = &bank.accounts[&id("a-1")] else { panic!() };
    let credit = open.book.final_standing().credit;
    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    for (least, expected) in [
        (money("0.00"), vec!["a-1", "a-2"]),
        (credit, vec!["a-1", "a-2"]),
        (credit + money("0.01"), vec!["a-2"]),
    ] {
        let found = projections
            .read(None, move |reader| reader.credit_balances(least, Position::START, 10))
            .await;
        let found = found.unwrap().value;
        let found: Vec<_> = found.iter().map(|row| row.account.as_str()).collect();
        assert_eq!(found, expected, "{least}");
    }
}
