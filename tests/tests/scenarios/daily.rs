//! What the runner does day by day: late fees, interest income that stops, refunds. Once each, and
//! nothing in the log where there is nothing to do.

use proto::payledger::v1::{
    Channel, Fee, LateFee, ListRefundsRequest, OpenAccountRequest, Refund, RefundMethod, late_fee,
};
use tests::client::Client;
use tests::requests::{
    auto_loan, date, date_text, interest_free, lease, money, personal_loan, text,
};
use tests::server::Town;
use tests::views::{agree, books};

use crate::days::paid_by_ach;

/// The account whose contract charges 15.00 for an instalment that is ten days late.
pub(crate) fn charging(request: OpenAccountRequest) -> OpenAccountRequest {
    let charge = late_fee::Charge::Amount(money("15.00"));
    let late_fee = LateFee { grace_days: 10, charge: Some(charge), ..LateFee::default() };
    OpenAccountRequest { late_fee: Some(late_fee), ..request }
}

/// An account whose first instalment falls due on another day, by whose fee a pass is noticed.
fn due_first_on(account: &str, day: &str) -> OpenAccountRequest {
    let mut request = charging(personal_loan(account));
    request.instalment_plan.as_mut().unwrap().first_due_date = Some(date(day));
    request
}

async fn fees(town: &Client, account: &str) -> Vec<Fee> {
    town.account(account).await.unwrap().fees
}

fn in_words(fees: &[Fee]) -> Vec<String> {
    let words = |fee: &Fee| {
        let (number, on) = (fee.instalment_number, date_text(fee.effective_date.as_ref()));
        format!("{number} on {on} {}", text(fee.amount.as_ref()))
    };
    fees.iter().map(words).collect()
}

async fn until_fees(town: &Client, account: &str, count: usize) {
    town.until(async |town| fees(town, account).await.len() >= count).await;
}

async fn refunds(town: &Client, account: &str) -> Vec<Refund> {
    let request =
        ListRefundsRequest { account_id: account.to_owned(), ..ListRefundsRequest::default() };
    town.accounts().list_refunds(request).await.unwrap().into_inner().refunds
}

/// No request of the runner came to nothing.
async fn no_noise(town: &Client) {
    let events = town.replay().await.unwrap();
    let noise = ["NothingChanged", "RequestRefused"];
    let found = events.iter().find(|event| noise.contains(&event.r#type.as_str()));
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_late_fee_appears_on_the_day_after_the_grace_period_and_once() {
    let town = Town::with_runner("2026-03-02T09:00:00-05:00").await;
    town.open(charging(auto_loan("a-1"))).await.unwrap();
    town.open(due_first_on("b-1", "2026-03-31")).await.unwrap();
    // The pass of the last day of grace is known to be over by the other account's fee.
    town.clock("2026-04-11T00:00:01-04:00").await;
    until_fees(&town, "b-1", 1).await;
    assert_eq!(in_words(&fees(&town, "a-1").await), [""; 0]);
    town.clock("2026-04-12T00:00:01-04:00").await;
    until_fees(&town, "a-1", 1).await;
    assert_eq!(in_words(&fees(&town, "a-1").await), ["1 on 2026-04-12 15.00"]);
    let town = town.restart_with_runner().await;
    town.clock("2026-05-12T08:00:00-04:00").await;
    until_fees(&town, "a-1", 2).await;
    until_fees(&town, "b-1", 2).await;
    let expected = ["1 on 2026-04-12 15.00", "2 on 2026-05-12 15.00"];
    assert_eq!(in_words(&fees(&town, "a-1").await), expected);
    no_noise(&town).await;
    agree(&town).await;
}

#[tokio::test]
async fn days_on_which_nothing_ran_are_made_up_for() {
    let town = Town::at("2026-03-02T09:00:00-05:00").await;
    for account in ["a-1", "a-2", "a-3"] {
        town.open(charging(auto_loan(account))).await.unwrap();
    }
    // Two are met when the runner comes: one in time, one after the grace period.
    paid_by_ach(&town, "a-2", "310.00", "2026-04-11").await;
    town.clock("2026-04-15T09:00:00-04:00").await;
    town.receive("late", "a-3", Channel::Wire, "310.00", "2026-04-15").await.unwrap();
    let town = town.restart_with_runner().await;
    until_fees(&town, "a-1", 1).await;
    until_fees(&town, "a-3", 1).await;
    for account in ["a-1", "a-3"] {
        assert_eq!(in_words(&fees(&town, account).await), ["1 on 2026-04-12 15.00"], "{account}");
    }
    assert_eq!(in_words(&fees(&town, "a-2").await), [""; 0]);
    no_noise(&town).await;
    agree(&town).await;
}

#[tokio::test]
async fn a_payment_that_waits_for_its_run_is_never_judged_late() {
    let town = Town::with_runner("2026-03-02T09:00:00-05:00").await;
    town.open(charging(auto_loan("a-1"))).await.unwrap();
    town.open(charging(personal_loan("b-1"))).await.unwrap();
    town.open(due_first_on("c-1", "2026-04-02")).await.unwrap();
    // The last day of grace is a Saturday; the window that ends it is run after midnight.
    town.clock("2026-04-11T20:00:00-04:00").await;
    town.schedule("last minute", "a-1", "310.00", "2026-04-11").await.unwrap();
    town.clock("2026-04-12T00:00:06-04:00").await;
    until_fees(&town, "b-1", 1).await;
    let days = async |town: &Client| town.balance("a-1", "2026-04-12").await.unwrap().days_past_due;
    town.until(async |town| days(town).await == 0).await;
    town.clock("2026-04-13T00:00:06-04:00").await;
    until_fees(&town, "c-1", 1).await;
    assert_eq!(in_words(&fees(&town, "a-1").await), [""; 0]);
    no_noise(&town).await;
    agree(&town).await;
}

#[tokio::test]
async fn interest_income_stops_at_120_days_and_comes_back_with_the_money() {
    let town = Town::with_runner("2026-03-02T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.open(lease("l-1")).await.unwrap();
    let mut control = due_first_on("b-1", "2026-07-18");
    control.late_fee.as_mut().unwrap().grace_days = 10;
    town.open(control).await.unwrap();
    town.clock("2026-07-29T06:00:00-04:00").await;
    until_fees(&town, "b-1", 1).await;
    assert!(!town.account("a-1").await.unwrap().non_accrual, "119 days past due");
    town.clock("2026-07-30T00:00:01-04:00").await;
    town.until(async |town| town.account("a-1").await.unwrap().non_accrual).await;
    assert!(!town.account("l-1").await.unwrap().non_accrual, "a lease accrues no interest");
    town.receive("all of it", "a-1", Channel::Wire, "1240.00", "2026-07-30").await.unwrap();
    assert!(!town.account("a-1").await.unwrap().non_accrual);
    let events = town.replay().await.unwrap();
    let stops = events.iter().filter(|event| event.r#type == "NonAccrualStarted");
    assert_eq!(stops.count(), 1);
    no_noise(&town).await;
    agree(&town).await;
}

#[tokio::test]
async fn an_overpaid_payoff_is_refunded_once_its_funds_are_good() {
    let town = Town::with_runner("2026-03-02T09:00:00-05:00").await;
    for (account, over) in [("a-1", "1050.00"), ("a-2", "1000.99"), ("a-3", "1000.00")] {
        town.open(interest_free(account, "1000.00")).await.unwrap();
        town.receive(account, account, Channel::Mail, over, "2026-03-02").await.unwrap();
    }
    // Another account's cheque was ten days old a day earlier: its refund tells of that pass.
    town.open(interest_free("b-1", "1000.00")).await.unwrap();
    town.receive("b-1", "b-1", Channel::Mail, "1010.00", "2026-03-01").await.unwrap();
    town.clock("2026-03-11T00:00:01-04:00").await;
    town.until(async |town| !refunds(town, "b-1").await.is_empty()).await;
    assert_eq!(refunds(&town, "a-1").await, [], "the cheque may come back still");
    town.clock("2026-03-12T00:00:01-04:00").await;
    town.until(async |town| !refunds(town, "a-1").await.is_empty()).await;
    let refund = refunds(&town, "a-1").await.remove(0);
    assert_eq!(text(refund.amount.as_ref()), "50.00");
    assert_eq!(refund.method(), RefundMethod::Cheque);
    assert_eq!(date_text(refund.effective_date.as_ref()), "2026-03-12");
    assert_eq!(refunds(&town, "a-2").await, [], "99 cents are not sent back unasked");
    let town = town.restart_with_runner().await;
    town.open(charging(auto_loan("c-1"))).await.unwrap();
    town.clock("2026-04-12T00:00:01-04:00").await;
    until_fees(&town, "c-1", 1).await;
    assert_eq!(refunds(&town, "a-1").await.len(), 1);
    let books = books(&town).await;
    assert!(books.contains(&"2110 -0.99".to_owned()), "{books:?}");
    assert!(books.contains(&"2120 -60.00".to_owned()), "{books:?}");
    no_noise(&town).await;
    agree(&town).await;
}
