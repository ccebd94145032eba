//! The read models agree with the accounts' own fold, and with the general ledger.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use ledger::domain::account::book::Entry;
use ledger::domain::account::commands::{Command, GrantExtension, ReceivePayment};
use ledger::domain::account::events::{ChargeOffReason, ExtensionKind};
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::cutoff::eastern_date;
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::total;
use ledger::domain::product::{Channel, Product};

use super::kit::{Bank, Dice, day, id, money};
use super::open::{followed, opened};
use crate::Projections;
use crate::queries::accounts::{AccountFilter, AccountRow, AccountState};
use crate::queries::page::Page;
use crate::queries::payments::PaymentFilter;
use crate::queries::trial_balance::TrialBalanceRow;

fn open_accounts(bank: &Bank) -> impl Iterator<Item = (&str, &OpenAccount)> {
    bank.accounts.iter().filter_map(|(id, account)| match account {
        Account::Open(open) => Some((id.as_str(), &**open)),
        Account::Absent => None,
    })
}

/// The account as if everything of it counted by `day`: rows know of nothing that is to come.
fn known_on(open: &OpenAccount, day: NaiveDate) -> OpenAccount {
    let by_then = |entry: &Entry| Entry { effective: entry.effective.min(day), ..entry.clone() };
    let mut known = open.clone();
    known.book = open.book.with_entries(open.book.entries().iter().map(by_then).collect());
    known
}

/// The row that an account's own fold would have on `today`; what it knows nothing of is taken from
/// `row`.
fn expected(row: &AccountRow, open: &OpenAccount, today: NaiveDate) -> AccountRow {
    let (book, standing) = (&open.book, open.book.final_standing());
    let paid_off_date = open.paid_off.as_ref().map(|paid_off| paid_off.paid_off_date);
    let state = match (paid_off_date, open.charged_off) {
        (Some(_), _) => AccountState::PaidOff,
        (None, Some(_)) => AccountState::ChargedOff,
        (None, None) => AccountState::Open,
    };
    let balance = |account| book.ledger_balance(account);
    let rentals = balance(LedgerAccount::RentalsReceivable);
    AccountRow {
        account: row.account.clone(),
        product: open.terms().product,
        state,
        opened_date: open.terms().opened_date,
        annual_rate: book.rate_on(today),
        principal: standing.principal,
        interest_receivable: balance(LedgerAccount::AccruedInterest),
        fees_due: standing.fees_due,
        rentals_receivable: rentals + balance(LedgerAccount::LeaseTaxReceivable),
        credit_balance: standing.credit,
        charged_off: standing.charged_off,
        recovered: -balance(LedgerAccount::Recoveries),
        instalments_paid: standing.billed,
        instalment: open.terms().instalments.amount,
        accrued_through_date: book.accrued_through(),
        oldest_unpaid_due_date: open
            .standing(today)
            .oldest_unpaid_due_date
            .filter(|_| paid_off_date.is_none()),
        next_due_date: known_on(open, book.accrued_through())
            .next_due_date(book.accrued_through())
            .filter(|_| paid_off_date.is_none()),
        maturity_date: book.instalments().maturity_date(),
        non_accrual_since: row.non_accrual_since.filter(|_| book.is_non_accrual()),
        charged_off_date: open.charged_off,
        paid_off_date,
        opened_position: row.opened_position,
        last_position: row.last_position,
    }
}

async fn all_agree(bank: &Bank, projections: &Projections, which: &str) {
    let listed = projections
        .read(None, |reader| reader.accounts(AccountFilter::default(), Page::first(100)))
        .await;
    let rows = listed.unwrap().value.rows;
    let rows: BTreeMap<_, AccountRow> =
        rows.into_iter().map(|row| (row.account.as_str().to_owned(), row)).collect();
    for (id, open) in open_accounts(bank) {
        let row = &rows[id];
        assert_eq!(row, &expected(row, open, eastern_date(bank.now)), "{which} {id}");
        assert_eq!(row.non_accrual_since.is_some(), open.book.is_non_accrual(), "{which} {id}");
    }
}

#[tokio::test]
async fn balances_are_those_of_the_accounts_own_fold() {
    for seed in 0..12 {
        let mut bank = Bank::lives(seed, 6, 170).await;
        let folder = tempfile::tempdir().unwrap();
        let projections = followed(&bank, &folder).await;
        all_agree(&bank, &projections, &format!("{seed}")).await;
        projections.shutdown().await.unwrap();
        bank.live_on(&mut Dice::new(seed + 1000), 80).await;
        let projections = opened(&bank, &folder).await;
        all_agree(&bank, &projections, &format!("{seed} read back")).await;
        projections.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_lease_that_ends_before_its_first_rental_owes_none_of_them() {
    let mut bank = Bank::new();
    let (lease, effective_date) = (id("lease"), day("2026-03-02"));
    bank.open(&lease, Product::Lease, "0.00").await;
    let extension = Command::GrantExtension(GrantExtension {
        kind: ExtensionKind::Extension,
        months: 1,
        effective_date,
        allow_over_limit: false,
        preview: None,
    });
    let returned = Command::ReturnVehicle { effective_date, charges: Vec::new(), preview: None };
    let reason = ChargeOffReason::Other;
    let charged_off = Command::ChargeOff { principal: None, reason, effective_date, preview: None };
    for command in [extension, returned, charged_off] {
        bank.command(&lease, command).await;
    }
    let Account::Open(open) = &bank.accounts[&lease] else { panic!() };
    let standing = open.book.final_standing();
    assert_eq!((standing.charged_off, standing.oldest_unpaid_due_date), (money("15.00"), None));
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    all_agree(&bank, &projections, "ended").await;
}

#[tokio::test]
async fn what_the_instalments_leave_falls_due_with_the_last_one() {
    let mut bank = Bank::new();
    bank.open(&id("like-it"), Product::PersonalLoan, "1000.00").await;
    let Account::Open(like_it) = &bank.accounts[&id("like-it")] else { panic!() };
    let mut terms = like_it.terms().clone();
    terms.annual_rate = "0".parse().unwrap();
    (terms.unpaid_interest, terms.unpaid_fees) = (money("0.00"), money("0.00"));
    terms.instalments.first_due_date = day("2026-04-01");
    (terms.instalments.first_amount_due, terms.instalments.count) = (None, 3);
    let loan = id("loan");
    bank.command(&loan, Command::OpenAccount { terms, lien: None }).await;
    let all_instalments = Command::ReceivePayment(ReceivePayment {
        channel: Channel::Wire,
        amount: "930.00".parse().unwrap(),
        received_date: day("2026-03-02"),
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: false,
        payoff_quote: None,
        preview: None,
    });
    bank.command(&loan, all_instalments).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    all_agree(&bank, &projections, "paid").await;
    let row = projections.read(None, move |reader| reader.account(&loan)).await.unwrap();
    let row = row.value.unwrap();
    assert_eq!(row.principal, money("70.00"));
    assert_eq!(row.oldest_unpaid_due_date, Some(day("2026-06-01")));
    assert_eq!(row.next_due_date, Some(day("2026-06-01")));
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
        "VehicleReturned",
        "NonAccrualStarted",
        "AccrualResumed",
        "PayoffQuoted",
        "CreditRefunded",
        "RefundReturned",
        "PaymentSettled",
        "RefundSettled",
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
    let projections = followed(&bank, &folder).await;
    let mut seen = 0;
    for (id, open) in open_accounts(&bank) {
        let filter = PaymentFilter { account: Some(id.parse().unwrap()), ..Default::default() };
        let page = Page::first(1000);
        let listed = projections.read(None, move |reader| reader.payments(&filter, page)).await;
        let rows = listed.unwrap().value.rows;
        assert_eq!(rows.len(), open.payments.len());
        assert!(rows.iter().map(|row| row.first_position).is_sorted(), "{id}");
        for row in rows {
            let expected = open.payments.get(&row.payment).unwrap();
            assert_eq!(row.account.as_str(), id);
            assert_eq!(row.state.as_str(), expected.progress.name());
            assert_eq!(row.split, expected.split);
            assert_eq!(row.applied_at, expected.applied_at);
            assert_eq!(row.amount, expected.amount);
            assert_eq!(row.effective_date, expected.effective_date);
            let settlement = expected.settlement;
            assert_eq!(row.settlement_date, settlement.map(|it| it.date));
            assert_eq!(row.withheld, settlement.and_then(|it| it.withheld));
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
        let projections = followed(&bank, &folder).await;
        let listed = projections.read(None, |reader| reader.titles(None, Page::first(100)));
        let titles = listed.await.unwrap().value.rows;
        assert_eq!(titles.len(), 4, "all but personal loans have a title");
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
        let projections = followed(&bank, &folder).await;
        let mut day = day("2026-03-01");
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
            let on_account = rows.iter().filter(|row| row.account == *account);
            let found = total(on_account.map(TrialBalanceRow::net));
            let expected =
                total(open_accounts(&bank).map(|(_, open)| open.book.ledger_balance(*account)));
            assert_eq!(found, expected, "{seed} {account}");
        }
    }
}
