//! What time does to an account that is not paid: late fees, days past due, non-accrual; and what
//! payments that come back, or were received earlier, make of it.

use proto::payledger::v1::late_fee::Charge;
use proto::payledger::v1::{
    Channel, FeeKind, FeeState, InstalmentState, LateFee, OpenAccountRequest, ReplayEventsRequest,
    WaiveReason,
};
use serde_json::Value;
use tests::client::Client;
use tests::refusals::{field, reason};
use tests::requests::{
    auto_loan, date, date_text, lease, money, personal_loan, request_id, text, with_loan,
};
use tests::server::Town;
use tests::views::{agree, books, split};

use crate::days::paid_by_ach;

/// The loan of the examples with a late fee: 5 % of what is unpaid, ten days after the due date.
fn with_late_fee(account: &str) -> OpenAccountRequest {
    let charge = Some(Charge::Rate("0.05".to_owned()));
    let late_fee = Some(LateFee { grace_days: 10, charge, maximum: Some(money("25.00")) });
    OpenAccountRequest { late_fee, ..auto_loan(account) }
}

/// Every fee: date, amount, instalment, state.
async fn fees(town: &Client, account: &str) -> Vec<String> {
    let fees = town.account(account).await.unwrap().fees;
    let line = |fee: &proto::payledger::v1::Fee| {
        let on = date_text(fee.effective_date.as_ref());
        let state = if fee.state() == FeeState::Waived { "waived" } else { "stands" };
        format!("{on} {} {} {state}", text(fee.amount.as_ref()), fee.instalment_number)
    };
    fees.iter().map(line).collect()
}

#[tokio::test]
async fn a_late_fee_is_dated_the_day_after_grace_and_charged_once() {
    let town = Town::at("2026-04-11T23:59:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    let quiet = town.age("in grace", "a-1").await.unwrap();
    assert_eq!((quiet.fees.len(), quiet.non_accrual, quiet.replayed), (0, false, false));
    town.clock("2026-04-14T05:00:00-04:00").await;
    let aged = town.age("late", "a-1").await.unwrap();
    assert_eq!((aged.fees.len(), aged.fees[0].kind()), (1, FeeKind::Late));
    assert_eq!(fees(&town, "a-1").await, ["2026-04-12 15.50 1 stands"]);
    let again = town.age("late", "a-1").await.unwrap();
    assert_eq!((again.replayed, &again.fees), (true, &aged.fees));
    assert_eq!(town.age("once more", "a-1").await.unwrap().fees, []);
    let instalments = town.instalments("a-1", "2026-04-14").await.unwrap();
    assert_eq!(instalments[0].state(), InstalmentState::PastDue);
    assert_eq!(instalments[0].late_fee_id, aged.fees[0].fee_id);
    assert!(books(&town).await.contains(&"4020 -15.50".to_owned()));
    agree(&town).await;
}

#[tokio::test]
async fn the_last_day_of_grace_is_in_time() {
    let town = Town::at("2026-04-11T12:00:00-04:00").await;
    for (account, amount) in [("paid", "310.00"), ("nearly", "309.00"), ("short", "308.99")] {
        town.open(with_late_fee(account)).await.unwrap();
        town.receive(account, account, Channel::Mail, amount, "2026-04-11").await.unwrap();
    }
    town.clock("2026-04-12T05:00:00-04:00").await;
    for account in ["paid", "nearly", "short"] {
        town.age(&format!("age {account}"), account).await.unwrap();
    }
    assert_eq!(fees(&town, "paid").await, [""; 0]);
    assert_eq!(fees(&town, "nearly").await, [""; 0], "within the tolerance");
    assert_eq!(fees(&town, "short").await, ["2026-04-12 0.05 1 stands"]);
    let account = town.account("nearly").await.unwrap();
    assert_eq!(account.balance.unwrap().days_past_due, 0);
    agree(&town).await;
}

#[tokio::test]
async fn a_late_fee_goes_when_the_money_was_there_in_time() {
    let town = Town::at("2026-04-14T05:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    town.age("late", "a-1").await.unwrap();
    town.receive("keyed late", "a-1", Channel::Mail, "310.00", "2026-04-10").await.unwrap();
    assert_eq!(fees(&town, "a-1").await, ["2026-04-12 15.50 1 waived"]);
    let fee = town.account("a-1").await.unwrap().fees.remove(0);
    assert_eq!(fee.waive_reason(), WaiveReason::Corrected);
    assert_eq!(town.instalments("a-1", "2026-04-14").await.unwrap()[0].late_fee_id, "");
    agree(&town).await;
}

#[tokio::test]
async fn a_cheque_that_bounces_leaves_a_late_fee_that_was_there_and_paid_before_it() {
    let town = Town::at("2026-04-20T05:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    town.age("late", "a-1").await.unwrap();
    let wire = town.receive("wire", "a-1", Channel::Wire, "325.50", "2026-04-20").await.unwrap();
    let wire = wire.payment.unwrap();
    assert_eq!(split(&wire), "100.00/210.00/15.50/0.00");
    let before = town.balance("a-1", "2026-05-20").await.unwrap();
    let cheque = town.receive("keyed", "a-1", Channel::Mail, "310.00", "2026-04-09").await.unwrap();
    assert_eq!(fees(&town, "a-1").await, ["2026-04-12 15.50 1 waived"]);
    let cheque = cheque.payment.unwrap().payment_id;
    town.take_back("bounced", "a-1", &cheque, "R10").await.unwrap();
    let mut all = fees(&town, "a-1").await;
    all.sort();
    assert_eq!(all, ["2026-04-12 15.50 1 stands", "2026-04-12 15.50 1 waived"]);
    assert_eq!(town.payment("a-1", &wire.payment_id).await.unwrap().allocation, wire.allocation);
    assert_eq!(town.balance("a-1", "2026-05-20").await.unwrap(), before);
    agree(&town).await;
    town.reinstate("good", "a-1", &cheque).await.unwrap();
    let all = fees(&town, "a-1").await;
    assert!(all.iter().all(|fee| fee == "2026-04-12 15.50 1 waived"), "{all:?}");
    agree(&town).await;
}

#[tokio::test]
async fn a_late_fee_is_less_when_a_part_of_the_money_was_there_in_time() {
    let town = Town::at("2026-04-14T05:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    town.age("late", "a-1").await.unwrap();
    town.receive("keyed late", "a-1", Channel::Mail, "110.00", "2026-04-10").await.unwrap();
    let mut all = fees(&town, "a-1").await;
    all.sort();
    assert_eq!(all, ["2026-04-12 10.00 1 stands", "2026-04-12 15.50 1 waived"]);
    assert_eq!(town.age("again", "a-1").await.unwrap().fees, []);
    assert!(books(&town).await.contains(&"4020 -10.00".to_owned()));
    agree(&town).await;
}

#[tokio::test]
async fn an_old_late_fee_makes_no_new_instalment_late() {
    let town = Town::at("2026-04-14T05:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    town.age("april ends", "a-1").await.unwrap();
    let late = town.receive("april", "a-1", Channel::Mail, "310.00", "2026-04-14").await.unwrap();
    assert_eq!(split(&late.payment.unwrap()), "88.00/222.00/0.00/0.00");
    town.clock("2026-05-01T10:00:00-04:00").await;
    town.receive("may", "a-1", Channel::Mail, "310.00", "2026-05-01").await.unwrap();
    town.clock("2026-05-13T05:00:00-04:00").await;
    assert_eq!(town.age("may ends", "a-1").await.unwrap().fees, []);
    assert_eq!(fees(&town, "a-1").await, ["2026-04-12 15.50 1 stands"]);
    assert_eq!(text(town.balance("a-1", "2026-05-13").await.unwrap().fees_due.as_ref()), "15.50");
    agree(&town).await;
}

#[tokio::test]
async fn no_late_fee_comes_while_due_dates_are_moved() {
    let town = Town::at("2026-03-20T09:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    town.extend("extend", "a-1", 2, "2026-03-20").await.unwrap();
    for (day, count) in [("2026-05-13", 0), ("2026-06-11", 0), ("2026-06-12", 1)] {
        town.clock(&format!("{day}T05:00:00-04:00")).await;
        assert_eq!(town.age(day, "a-1").await.unwrap().fees.len(), count, "{day}");
    }
    assert_eq!(fees(&town, "a-1").await, ["2026-06-12 15.50 1 stands"]);
    agree(&town).await;
}

#[tokio::test]
async fn days_past_due_count_from_the_oldest_due_date() {
    let town = Town::at("2026-02-02T09:00:00-05:00").await;
    let mut request = auto_loan("a-1");
    request.opened_date = Some(date("2026-02-01"));
    request.instalment_plan.as_mut().unwrap().first_due_date = Some(date("2026-03-01"));
    town.open(request).await.unwrap();
    for (day, days) in [
        ("2026-03-01", 0),
        ("2026-03-02", 1),
        ("2026-03-30", 29),
        ("2026-03-31", 30),
        ("2026-04-30", 60),
        ("2026-05-30", 90),
        ("2026-06-29", 120),
    ] {
        let balance = town.balance("a-1", day).await.unwrap();
        assert_eq!(balance.days_past_due, days, "{day}");
    }
    town.clock("2026-06-28T05:00:00-04:00").await;
    assert!(!town.age("119 days", "a-1").await.unwrap().non_accrual);
    town.clock("2026-06-29T05:00:00-04:00").await;
    assert!(town.age("120 days", "a-1").await.unwrap().non_accrual);
    let account = town.account("a-1").await.unwrap();
    assert!(account.non_accrual);
    // What the customer owes goes on: 2.00 a day since 1 February.
    assert_eq!(text(account.balance.unwrap().accrued_interest.as_ref()), "296.00");
    assert!(town.age("and again", "a-1").await.unwrap().non_accrual);
    agree(&town).await;
    town.receive("caught up", "a-1", Channel::Wire, "1240.00", "2026-06-29").await.unwrap();
    assert!(!town.account("a-1").await.unwrap().non_accrual);
    assert!(books(&town).await.contains(&"4010 -296.00".to_owned()));
    agree(&town).await;
}

#[tokio::test]
async fn a_returned_item_fee_is_at_most_what_the_state_allows() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    for (state, fee) in [("NY", "20.00"), ("MO", "25.00"), ("FL", "40.00"), ("", "45.00")] {
        let account = format!("a-{state}");
        let mut request = auto_loan(&account);
        request.returned_item_fee = Some(money("45.00"));
        state.clone_into(&mut request.governing_state);
        town.open(request).await.unwrap();
        let payment = town.receive(&account, &account, Channel::Mail, "310.00", "2026-04-01").await;
        let payment = payment.unwrap().payment.unwrap().payment_id;
        town.take_back(&format!("return {state}"), &account, &payment, "R01").await.unwrap();
        assert_eq!(fees(&town, &account).await, [format!("2026-04-01 {fee} 0 stands")], "{state}");
    }
    agree(&town).await;
}

#[tokio::test]
async fn a_returned_payment_opens_its_instalment_again_with_grace_from_that_day() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    town.clock("2026-04-03T08:30:00-04:00").await;
    town.take_back("return", "a-1", &payment, "R01").await.unwrap();
    assert_eq!(town.balance("a-1", "2026-04-03").await.unwrap().days_past_due, 2);
    town.clock("2026-04-13T05:00:00-04:00").await;
    assert_eq!(town.age("grace from the return", "a-1").await.unwrap().fees, []);
    town.clock("2026-04-14T05:00:00-04:00").await;
    town.age("late", "a-1").await.unwrap();
    let expected = ["2026-04-03 25.00 0 stands", "2026-04-14 15.50 1 stands"];
    assert_eq!(fees(&town, "a-1").await, expected);
    agree(&town).await;
}

/// The journal of the last event of a type: `account amount` of each line, and its accounting day.
pub(crate) async fn journal(town: &Client, kind: &str) -> (Vec<String>, String) {
    let events = town.replay_of(ReplayEventsRequest::default()).await.unwrap();
    let event = events.iter().rfind(|event| event.r#type == kind).unwrap();
    let data: Value = serde_json::from_slice(&event.data).unwrap();
    let posting = &data["posting"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |line: &Value| format!("{} {}", text(&line[0]), text(&line[1]));
    let lines = posting["lines"].as_array().unwrap().iter().map(line).collect();
    (lines, text(&posting["gl_date"]))
}

#[tokio::test]
async fn an_unauthorised_return_books_its_mirror_what_moved_and_the_catch_up() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    let first = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    paid_by_ach(&town, "a-1", "310.00", "2026-05-01").await;
    town.clock("2026-05-20T05:00:00-04:00").await;
    assert_eq!(town.age("accrue", "a-1").await.unwrap().fees, []);
    town.take_back("return", "a-1", &first, "R10").await.unwrap();
    let (lines, gl_date) = journal(&town, "PaymentReturned").await;
    assert_eq!(gl_date, "2026-05-20");
    // Interest is brought up to the day in the same entry: 36.10 that the close of the days before
    // would have booked, and 2.68.
    let expected = [
        "1110 62.00",
        "1020 -310.00",
        "1100 248.00",
        "1110 -63.49",
        "1100 63.49",
        "1110 38.78",
        "4010 -38.78",
    ];
    assert_eq!(lines, expected);
    let balance = town.balance("a-1", "2026-05-20").await.unwrap();
    assert_eq!(balance.days_past_due, 19);
    // A customer who did not authorise the debit is never late for it.
    town.clock("2026-06-30T05:00:00-04:00").await;
    town.age("june", "a-1").await.unwrap();
    assert_eq!(fees(&town, "a-1").await, ["2026-06-12 15.50 3 stands"]);
    agree(&town).await;
}

#[tokio::test]
async fn a_payoff_that_nobody_authorised_excuses_what_was_due_by_its_return() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(with_late_fee("a-1")).await.unwrap();
    let payoff = paid_by_ach(&town, "a-1", "10062.00", "2026-04-01").await;
    town.clock("2026-05-20T08:30:00-04:00").await;
    town.take_back("return", "a-1", &payoff, "R10").await.unwrap();
    assert_eq!(town.balance("a-1", "2026-05-20").await.unwrap().days_past_due, 49);
    town.clock("2026-06-11T05:00:00-04:00").await;
    assert_eq!(town.age("april and may", "a-1").await.unwrap().fees, []);
    town.clock("2026-06-12T05:00:00-04:00").await;
    town.age("june", "a-1").await.unwrap();
    assert_eq!(fees(&town, "a-1").await, ["2026-06-12 15.50 3 stands"]);
    town.reinstate("good", "a-1", &payoff).await.unwrap();
    assert_eq!(fees(&town, "a-1").await, ["2026-06-12 15.50 3 waived"]);
    agree(&town).await;
}

#[tokio::test]
async fn a_personal_loan_pays_fees_after_what_is_due_and_before_more_principal() {
    let town = Town::at("2026-04-01T12:00:00-04:00").await;
    for (account, amount, expected) in [
        ("p-1", "310.00", "62.00/248.00/0.00/0.00"),
        ("p-2", "320.00", "62.00/248.00/10.00/0.00"),
        ("p-3", "400.00", "62.00/318.00/20.00/0.00"),
    ] {
        let fees_due = Some(money("20.00"));
        town.open(OpenAccountRequest { fees_due, ..personal_loan(account) }).await.unwrap();
        let paid = town.receive(account, account, Channel::Mail, amount, "2026-04-01").await;
        assert_eq!(split(&paid.unwrap().payment.unwrap()), expected, "{account}");
    }
    agree(&town).await;
}

#[tokio::test]
async fn a_rental_paid_in_part_is_split_as_it_was_billed() {
    let town = Town::at("2026-04-02T12:00:00-04:00").await;
    town.open(lease("l-1")).await.unwrap();
    let paid = town.receive("part", "l-1", Channel::Mail, "200.00", "2026-04-01").await.unwrap();
    let allocation = paid.payment.unwrap().allocation.unwrap();
    assert_eq!(text(allocation.rentals.as_ref()), "186.12");
    assert_eq!(text(allocation.tax.as_ref()), "13.88");
    let balance = town.balance("l-1", "2026-04-02").await.unwrap();
    assert_eq!(text(balance.past_due_amount.as_ref()), "189.00");
    agree(&town).await;
}

#[tokio::test]
async fn terms_of_late_fees_are_checked_and_shown() {
    let town = Town::at("2026-04-01T12:00:00-04:00").await;
    let of = |change: fn(&mut LateFee)| {
        let mut request = with_late_fee("a-1");
        change(request.late_fee.as_mut().unwrap());
        request
    };
    let cases: [(OpenAccountRequest, &str); 6] = [
        (of(|fee| fee.grace_days = 61), "late_fee.grace_days"),
        (of(|fee| fee.grace_days = -1), "late_fee.grace_days"),
        (of(|fee| fee.charge = None), "late_fee.amount"),
        (of(|fee| fee.charge = Some(Charge::Rate("1.1".to_owned()))), "late_fee.rate"),
        (
            OpenAccountRequest { governing_state: "mo".to_owned(), ..auto_loan("a-1") },
            "governing_state",
        ),
        (
            with_loan(auto_loan("a-1"), |loan| "0.01".clone_into(&mut loan.interest_carry)),
            "loan.interest_carry",
        ),
    ];
    for (request, path) in cases {
        assert_eq!(field(town.open(request).await).1, path);
    }
    let mut request =
        with_loan(with_late_fee("a-1"), |loan| "0.00451".clone_into(&mut loan.interest_carry));
    "TX".clone_into(&mut request.governing_state);
    let opened = town.open(request.clone()).await.unwrap().account.unwrap();
    assert_eq!(opened.late_fee, request.late_fee);
    assert_eq!(opened.governing_state, "TX");
    assert!(opened.shortfall_tolerance.is_some(), "what the rules say");
    let waive = proto::payledger::v1::WaiveFeeRequest {
        request_id: request_id("waive"),
        account_id: "a-1".to_owned(),
        fee_id: request_id("no fee"),
        preview_hash: String::new(),
    };
    assert_eq!(reason(town.accounts().waive_fee(waive).await), "FEE_NOT_FOUND");
}
