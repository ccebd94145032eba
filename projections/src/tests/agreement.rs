//! The read models agree with the accounts' own fold, and with the general ledger.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::cutoff::eastern_date;
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::{Money, total};

use super::kit::{Bank, Dice};
use crate::queries::accounts::{AccountFilter, AccountRow, AccountState};
use crate::queries::page::Page;
use crate::queries::payments::PaymentFilter;
use crate::queries::trial_balance::TrialBalanceRow;
use crate::{Options, Projections};

fn open_accounts(bank: &Bank) -> impl Iterator<Item = (&str, &OpenAccount)> {
    bank.accounts.iter().filter_map(|(id, account)| match account {
        Account::Open(open) => Some((id.as_str(), &**open)),
        Account::Absent => None,
    })
}

async fn projected(bank: &Bank, folder: &tempfile::TempDir) -> Projections {
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    projections
}

/// Every figure of an account's row is what its own fold says on `today`.
fn agrees(row: &AccountRow, open: &OpenAccount, today: NaiveDate, which: &str) {
    let (book, standing) = (&open.book, open.book.final_standing());
    assert_eq!(row.principal, standing.principal, "{which}");
    assert_eq!(row.fees_due, standing.fees_due, "{which}");
    assert_eq!(row.credit_balance, standing.credit, "{which}");
    assert_eq!(row.charged_off, standing.charged_off, "{which}");
    assert_eq!(row.instalments_paid, standing.billed, "{which}");
    let receivable = book.ledger_balance(LedgerAccount::AccruedInterest);
    assert_eq!(row.interest_receivable, receivable, "{which}");
    assert_eq!(row.accrued_through_date, book.accrued_through(), "{which}");
    assert_eq!(row.annual_rate, book.rate_on(today), "{which}");
    assert_eq!(row.maturity_date, book.instalments().maturity_date(), "{which}");
    assert_eq!(row.non_accrual_since.is_some(), book.is_non_accrual(), "{which}");
    assert_eq!(row.charged_off_date, open.charged_off, "{which}");
    let paid_off_date = open.paid_off.as_ref().map(|paid_off| paid_off.paid_off_date);
    assert_eq!(row.paid_off_date, paid_off_date, "{which}");
    let unpaid = book.oldest_unpaid_due_date(today).filter(|_| open.paid_off.is_none());
    assert_eq!(row.oldest_unpaid_due_date, unpaid, "{which}");
    let state = match (paid_off_date, open.charged_off) {
        (Some(_), _) => AccountState::PaidOff,
        (None, Some(_)) => AccountState::ChargedOff,
        (None, None) => AccountState::Open,
    };
    assert_eq!(row.state, state, "{which}");
    let instalments = book.instalments();
    let next = (instalments.covered_count(standing.billed)..instalments.plan().count)
        .map(|index| instalments.due_date(index))
        .find(|due| *due >= row.accrued_through_date)
        .filter(|_| state == AccountState::Open);
    assert_eq!(row.next_due_date, next, "{which}");
}

async fn all_agree(bank: &Bank, projections: &Projections, which: &str) {
    let listed = projections
        .read(None, |reader| reader.accounts(AccountFilter::default(), Page::first(100)))
        .await;
    let rows = listed.unwrap().value.rows;
    let rows: BTreeMap<_, AccountRow> =
        rows.into_iter().map(|row| (row.account.as_str().to_owned(), row)).collect();
    for (id, open) in open_accounts(bank) {
        agrees(&rows[id], open, eastern_date(bank.now), &format!("{which} {id}"));
    }
}

#[tokio::test]
async fn balances_are_those_of_the_accounts_own_fold() {
    for seed in 0..12 {
        let mut bank = Bank::lives(seed, 6, 170).await;
        let folder = tempfile::tempdir().unwrap();
        let projections = projected(&bank, &folder).await;
        all_agree(&bank, &projections, &format!("{seed}")).await;
        projections.shutdown().await.unwrap();
        bank.live_on(&mut Dice::new(seed + 1000), 80).await;
        let projections = projected(&bank, &folder).await;
        all_agree(&bank, &projections, &format!("{seed} read back")).await;
        projections.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn random_lives_come_to_everything_that_a_servicer_does() {
    let mut seen = BTreeSet::new();
    for seed in 0..12 {
        seen.extend(Bank::lives(seed, 6, 250).await.recorded);
    }
    for kind in [
        "RateChanged",
        "PrincipalAdjusted",
        "ExtensionGranted",
        "DueDateChanged",
        "AccountChargedOff",
        "NonAccrualStarted",
        "AccrualResumed",
        "PayoffQuoted",
        "CreditRefunded",
        "RefundReturned",
        "FeeWaived",
        "PayoffReversed",
    ] {
        assert!(seen.contains(kind), "{kind}");
    }
}

#[tokio::test]
async fn payments_are_those_of_the_accounts_own_fold() {
    let bank = Bank::lives(11, 6, 400).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = projected(&bank, &folder).await;
    let mut seen = 0;
    for (id, open) in open_accounts(&bank) {
        for (payment, expected) in &open.payments {
            let payment = *payment;
            let found = projections.read(None, move |reader| reader.payment(payment)).await;
            let row = found.unwrap().value.unwrap();
            assert_eq!(row.account.as_str(), id);
            assert_eq!(row.state.as_str(), expected.progress.name());
            assert_eq!(row.split, expected.split);
            assert_eq!(row.applied_at, expected.applied_at);
            assert_eq!(row.amount, expected.amount);
            assert_eq!(row.effective_date, expected.effective_date);
            let schedule = expected.schedule.as_ref();
            assert_eq!(row.cutoff_at, schedule.map(|schedule| schedule.cutoff_at));
            assert_eq!(row.window, schedule.map(|schedule| schedule.window));
            seen += 1;
        }
    }
    let filter = PaymentFilter::default();
    let all = projections.read(None, move |reader| reader.payments(&filter, Page::first(1000)));
    assert_eq!(all.await.unwrap().value.rows.len(), seen);
    assert!(seen > 50, "{seen}");
}

#[tokio::test]
async fn titles_are_those_of_the_accounts_own_fold() {
    let mut released = 0;
    for seed in 20..28 {
        let bank = Bank::lives(seed, 6, 250).await;
        let folder = tempfile::tempdir().unwrap();
        let projections = projected(&bank, &folder).await;
        let listed = projections.read(None, |reader| reader.titles(None, Page::first(100)));
        let titles = listed.await.unwrap().value.rows;
        assert_eq!(titles.len(), 2, "every third account is an auto loan");
        for title in titles {
            let Account::Open(open) = &bank.accounts[&title.account] else { panic!() };
            assert_eq!(title.state, open.title_state(), "{seed} {}", title.account);
            released += usize::from(title.released_date.is_some());
            let state = title.state;
            let same = projections
                .read(None, move |reader| reader.titles(Some(state), Page::first(100)))
                .await;
            assert!(same.unwrap().value.rows.contains(&title));
        }
    }
    assert!(released > 0, "no life came to a release");
}

#[tokio::test]
async fn debits_equal_credits_after_random_lives_on_every_day() {
    for seed in 40..46 {
        let bank = Bank::lives(seed, 6, 250).await;
        let folder = tempfile::tempdir().unwrap();
        let projections = projected(&bank, &folder).await;
        let mut day = super::kit::day("2026-03-01");
        let last = eastern_date(bank.now);
        while day <= last {
            let rows = projections.read(None, move |reader| reader.trial_balance(Some(day))).await;
            let rows = rows.unwrap().value;
            let debits = total(rows.iter().map(|row| row.debits));
            let credits = total(rows.iter().map(|row| row.credits));
            assert_eq!(debits, credits, "{seed} {day}");
            day = day.succ_opt().unwrap();
        }
        let rows = projections.read(None, |reader| reader.trial_balance(None)).await.unwrap().value;
        for account in LedgerAccount::ALL {
            let row = rows.iter().find(|row| row.account == *account);
            let expected =
                total(open_accounts(&bank).map(|(_, open)| open.book.ledger_balance(*account)));
            assert_eq!(row.map_or(Money::ZERO, TrialBalanceRow::net), expected, "{seed} {account}");
        }
    }
}
