//! All views of the ledger held against each other: what they say about one fact is the same.

use std::collections::BTreeMap;

use proto::google::r#type::Money;
use proto::payledger::v1::{
    Account, Allocation, Billing, Channel, ListAccountsRequest, ListPaymentsRequest,
    ListPendingPaymentsRequest, ListTitlesRequest, Payment, PaymentState, Product, Title,
};

use crate::client::Client;
use crate::requests::{cents, text};

/// Every account, page by page.
pub async fn all_accounts(client: &Client, min_position: u64) -> Vec<Account> {
    let mut request = ListAccountsRequest { min_position, ..ListAccountsRequest::default() };
    let mut all = Vec::new();
    loop {
        let page = client.accounts().list_accounts(request.clone()).await.unwrap().into_inner();
        all.extend(page.accounts);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// Every payment, page by page.
pub async fn all_payments(client: &Client, min_position: u64) -> Vec<Payment> {
    let mut request = ListPaymentsRequest { min_position, ..ListPaymentsRequest::default() };
    let mut all = Vec::new();
    loop {
        let page = client.payments().list_payments(request.clone()).await.unwrap().into_inner();
        all.extend(page.payments);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// Every scheduled payment, page by page.
pub async fn all_pending(client: &Client, min_position: u64) -> Vec<Payment> {
    let mut request =
        ListPendingPaymentsRequest { min_position, ..ListPendingPaymentsRequest::default() };
    let mut all = Vec::new();
    loop {
        let page = client.payments().list_pending_payments(request.clone()).await;
        let page = page.unwrap().into_inner();
        all.extend(page.payments);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// Every title, page by page.
pub async fn all_titles(client: &Client, min_position: u64) -> Vec<Title> {
    let mut request = ListTitlesRequest { min_position, ..ListTitlesRequest::default() };
    let mut all = Vec::new();
    loop {
        let page = client.titles().list_titles(request.clone()).await.unwrap().into_inner();
        all.extend(page.titles);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

fn total<'a>(parts: impl IntoIterator<Item = &'a Option<Money>>) -> i64 {
    let cents = parts.into_iter().map(|part| cents(part.as_ref()));
    cents.fold(0, |sum, part| sum.checked_add(part).unwrap())
}

/// The parts of a payment in the one ledger: a write-off is no part of it.
fn parts(allocation: &Allocation) -> i64 {
    let Allocation { interest, principal, fees, rentals, tax, .. } = allocation;
    let vehicle = [&allocation.residual, &allocation.sales_tax];
    let others = [&allocation.credit, &allocation.recovery];
    total([interest, principal, fees, rentals, tax].into_iter().chain(vehicle).chain(others))
}

/// The parts of a payment in the other ledger, with what is in no instalment.
fn satisfied(billing: &Billing, allocation: &Allocation) -> i64 {
    let instalments = total(billing.instalments.iter().map(|part| &part.amount));
    let vehicle = [&allocation.residual, &allocation.sales_tax];
    let others = [&billing.fees, &billing.ahead, &allocation.recovery, &allocation.credit];
    let rest = vehicle.into_iter().chain(others);
    instalments.checked_add(total(rest)).unwrap()
}

/// Holds the read models against the accounts' own events, and the books against both: nothing is
/// in one view and not in another, every payment is split to the cent, debits equal credits, and
/// the general ledger's principal, fees and credit are the sums over the accounts. The service must
/// be at rest.
pub async fn agree(client: &Client) {
    let head = client.head().await.unwrap();
    let accounts = all_accounts(client, head).await;
    for account in &accounts {
        assert_eq!(client.account(&account.account_id).await.as_ref().unwrap(), account);
    }
    let payments = all_payments(client, head).await;
    payments_agree(client, &payments).await;
    pending_agree(client, head, &payments).await;
    for title in all_titles(client, head).await {
        assert_eq!(client.title(&title.account_id).await.unwrap(), title);
    }
    books_agree(client, &accounts).await;
    clearing_agrees(client, &payments).await;
}

async fn payments_agree(client: &Client, payments: &[Payment]) {
    for payment in payments {
        let mut own = client.payment(&payment.account_id, &payment.payment_id).await.unwrap();
        let billing = own.billing.take();
        // Not in lists, either.
        (own.guaranteed_funds, own.paid_by_dealer) = (None, None);
        (own.returned_late, own.return_due_date) = (None, None);
        assert_eq!(&own, payment, "the account's own view against the list");
        match payment.state() {
            PaymentState::Applied => {
                let (split, amount) = (payment.allocation.as_ref().unwrap(), &payment.amount);
                assert_eq!(parts(split), cents(amount.as_ref()), "{payment:?}");
                let billing = billing.unwrap();
                assert_eq!(satisfied(&billing, split), cents(amount.as_ref()), "{billing:?}");
            }
            PaymentState::Unspecified => unreachable!("{payment:?}"),
            PaymentState::Scheduled | PaymentState::Cancelled | PaymentState::Returned => {
                assert_eq!((&payment.allocation, billing), (&None, None), "{payment:?}");
            }
        }
    }
}

async fn pending_agree(client: &Client, head: u64, payments: &[Payment]) {
    let by_id = |payments: &[&Payment]| -> BTreeMap<String, Payment> {
        payments.iter().map(|&payment| (payment.payment_id.clone(), payment.clone())).collect()
    };
    let pending = all_pending(client, head).await;
    let scheduled: Vec<&Payment> =
        payments.iter().filter(|payment| payment.state() == PaymentState::Scheduled).collect();
    assert_eq!(pending.len(), scheduled.len());
    assert_eq!(by_id(&pending.iter().collect::<Vec<_>>()), by_id(&scheduled));
}

async fn books_agree(client: &Client, accounts: &[Account]) {
    let books = client.trial_balance().await.unwrap();
    assert_eq!(books.total_debits, books.total_credits);
    let of_ledger = |number: &str| {
        let row = books.rows.iter().find(|row| row.ledger_account == number);
        row.map_or(0, |row| cents(row.balance.as_ref()))
    };
    let balances = || accounts.iter().map(|account| account.balance.as_ref().unwrap());
    let sum = |values: Vec<i64>| {
        values.into_iter().fold(0_i64, |sum, value| sum.checked_add(value).unwrap())
    };
    let principal = sum(balances().map(|balance| cents(balance.principal.as_ref())).collect());
    let leases = accounts.iter().filter(|account| account.product() == Product::Lease);
    let lease_principal = sum(leases
        .map(|lease| cents(lease.balance.as_ref().unwrap().principal.as_ref()))
        .collect());
    assert_eq!(lease_principal, 0, "a lease has no principal");
    assert_eq!(of_ledger("1100"), principal, "principal");
    let fees = sum(balances().map(|balance| cents(balance.fees_due.as_ref())).collect());
    assert_eq!(of_ledger("1120"), fees, "fees receivable");
    let credit = sum(balances().map(|balance| cents(balance.credit_balance.as_ref())).collect());
    assert_eq!(of_ledger("2110").checked_neg().unwrap(), credit, "customers' credit");
}

/// What waits on a clearing account is what is applied and not settled.
async fn clearing_agrees(client: &Client, payments: &[Payment]) {
    let books = client.trial_balance().await.unwrap();
    let waits = |payment: &&Payment| {
        payment.state() == PaymentState::Applied && payment.settlement_date.is_none()
    };
    for (number, ways) in [
        ("1020", &[Channel::OwnAch][..]),
        ("1025", &[Channel::Mail]),
        ("1026", &[Channel::BillPay]),
        (
            "1027",
            &[
                Channel::PhoneVendor,
                Channel::DebitCardVendor,
                Channel::Moneygram,
                Channel::WesternUnion,
            ],
        ),
    ] {
        let unsettled = payments.iter().filter(waits).filter(|it| ways.contains(&it.channel()));
        let row = books.rows.iter().find(|row| row.ledger_account == number);
        let held = row.map_or(0, |row| cents(row.balance.as_ref()));
        assert_eq!(held, total(unsettled.map(|payment| &payment.amount)), "{number}");
    }
}

/// The trial balance as lines "1100 9752.00", accounts at zero left out.
pub async fn books(client: &Client) -> Vec<String> {
    let books = client.trial_balance().await.unwrap();
    assert_eq!(books.total_debits, books.total_credits);
    let moved = books.rows.iter().filter(|row| cents(row.balance.as_ref()) != 0);
    moved.map(|row| format!("{} {}", row.ledger_account, text(row.balance.as_ref()))).collect()
}

/// What an account owes as of a day, in one line.
pub async fn standing(client: &Client, account: &str, day: &str) -> String {
    let balance = client.balance(account, day).await.unwrap();
    format!(
        "principal {} interest {} fees {} credit {} dpd {}",
        text(balance.principal.as_ref()),
        text(balance.accrued_interest.as_ref()),
        text(balance.fees_due.as_ref()),
        text(balance.credit_balance.as_ref()),
        balance.days_past_due
    )
}

/// What a payment pays, in one line: interest, principal, fees, credit.
pub fn split(payment: &Payment) -> String {
    let allocation = payment.allocation.as_ref().unwrap();
    format!(
        "{}/{}/{}/{}",
        text(allocation.interest.as_ref()),
        text(allocation.principal.as_ref()),
        text(allocation.fees.as_ref()),
        text(allocation.credit.as_ref())
    )
}
