//! A payment from its schedule to its end, whichever end that is.

use proto::payledger::v1::{
    AssessFeeRequest, CancellationReason, Channel, FeeKind, FeeState, PaymentState,
    ReceivePaymentRequest, WaiveFeeRequest,
};
use tests::client::receive;
use tests::refusals::{reason, refused};
use tests::requests::{
    auto_loan, date, date_text, from_timestamp, funding, instant, money, request_id, text,
};
use tests::server::Town;
use tests::views::{agree, books, split, standing};

use crate::days::paid_by_ach;

#[tokio::test]
async fn a_scheduled_payment_is_applied_by_the_run_of_its_window() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let mut request = tests::client::schedule("pay", "a-1", "310.00", "2026-04-01");
    request.funding = Some(funding("vault.ba-77"));
    let answer = town.payments().schedule_payment(request).await.unwrap().into_inner();
    let scheduled = answer.payment.unwrap();
    assert_eq!(scheduled.state(), PaymentState::Scheduled);
    assert_eq!(scheduled.funding, Some(funding("vault.ba-77")));
    agree(&town).await;
    town.clock("2026-04-01T15:00:06-04:00").await;
    let run = town.run("2026-04-01", "15:00").await.unwrap();
    assert!(!run.replayed);
    let applied = town.payment("a-1", &scheduled.payment_id).await.unwrap();
    assert_eq!(applied.state(), PaymentState::Applied);
    assert_eq!(split(&applied), "62.00/248.00/0.00/0.00");
    let applied_time = from_timestamp(applied.applied_time.as_ref());
    assert_eq!(applied_time, Some(instant("2026-04-01T15:00:06-04:00")));
    assert_eq!(date_text(applied.effective_date.as_ref()), "2026-04-01");
    assert_eq!(
        standing(&town, "a-1", "2026-04-01").await,
        "principal 9752.00 interest 0.00 fees 0.00 credit 0.00 dpd 0"
    );
    assert_eq!(
        reason(town.cancel("too late", "a-1", &scheduled.payment_id).await),
        "CANCEL_WINDOW_CLOSED"
    );
    agree(&town).await;
}

#[tokio::test]
async fn a_run_after_midnight_still_counts_on_the_chosen_date() {
    let town = Town::at("2026-04-01T17:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payment = town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap();
    let payment = payment.payment.unwrap().payment_id;
    town.clock("2026-04-03T10:00:00-04:00").await;
    assert_eq!(town.run("2026-04-01", "18:00").await.unwrap().summary.unwrap().applied_count, 1);
    let applied = town.payment("a-1", &payment).await.unwrap();
    assert_eq!(split(&applied), "62.00/248.00/0.00/0.00");
    assert_eq!(date_text(applied.effective_date.as_ref()), "2026-04-01");
    agree(&town).await;
}

#[tokio::test]
async fn a_cancelled_payment_never_touches_the_books_and_stays_cancelled() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let before = books(&town).await;
    let payment = town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap();
    let payment = payment.payment.unwrap().payment_id;
    let cancelled = town.cancel("cancel", "a-1", &payment).await.unwrap();
    assert!(!cancelled.replayed);
    let cancelled = cancelled.payment.unwrap();
    assert_eq!(cancelled.state(), PaymentState::Cancelled);
    assert_eq!(cancelled.cancellation_reason(), CancellationReason::Requested);
    let again = town.cancel("cancel again", "a-1", &payment).await.unwrap();
    assert_eq!((again.replayed, again.payment.unwrap()), (false, cancelled));
    town.clock("2026-04-01T15:00:06-04:00").await;
    let run = town.run("2026-04-01", "15:00").await.unwrap().summary.unwrap();
    assert_eq!((run.applied_count, run.cancelled_count), (0, 1));
    assert_eq!(text(run.cancelled_amount.as_ref()), "310.00");
    assert_eq!(books(&town).await, before);
    let returned = refused(town.take_back("return", "a-1", &payment, "R01").await);
    assert_eq!((returned.reason.as_str(), returned.fact("state")), ("NOT_APPLIED", "cancelled"));
    agree(&town).await;
}

#[tokio::test]
async fn a_payment_that_comes_back_for_want_of_funds_costs_the_contracts_fee() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    town.clock("2026-04-03T08:30:00-04:00").await;
    assert_eq!(refused(town.reinstate("early", "a-1", &payment).await).fact("state"), "applied");
    let returned = town.take_back("return", "a-1", &payment, "R01").await.unwrap().payment.unwrap();
    assert_eq!((returned.state(), returned.return_code.as_str()), (PaymentState::Returned, "R01"));
    let after = "principal 10000.00 interest 66.00 fees 25.00 credit 0.00 dpd 2";
    assert_eq!(standing(&town, "a-1", "2026-04-03").await, after);
    agree(&town).await;
    let fees = town.account("a-1").await.unwrap().fees;
    assert_eq!(
        (fees.len(), fees[0].kind(), fees[0].state()),
        (1, FeeKind::ReturnedItem, FeeState::Assessed)
    );
    assert_eq!(fees[0].payment_id, payment);
    let twice = refused(town.take_back("again", "a-1", &payment, "R02").await);
    assert_eq!((twice.reason.as_str(), twice.fact("return_code")), ("ALREADY_RETURNED", "R01"));
    let second = paid_by_ach(&town, "a-1", "335.00", "2026-04-11").await;
    assert_eq!(split(&town.payment("a-1", &second).await.unwrap()), "82.00/228.00/25.00/0.00");
    let after = "principal 9772.00 interest 0.00 fees 0.00 credit 0.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-11").await, after);
    let expected = ["1010 -10000.00", "1020 335.00", "1100 9772.00", "4010 -82.00", "4030 -25.00"];
    assert_eq!(books(&town).await, expected);
    agree(&town).await;
}

#[tokio::test]
async fn a_contested_dishonour_takes_the_payment_back_again() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    town.clock("2026-04-03T08:30:00-04:00").await;
    let early = refused(town.take_back("early", "a-1", &payment, "R73").await);
    assert_eq!(early.reason, "RETURN_CODE_NOT_FOR_PAYMENT");
    town.take_back("return", "a-1", &payment, "R01").await.unwrap();
    town.clock("2026-04-08T08:30:00-04:00").await;
    town.reinstate("dishonoured", "a-1", &payment).await.unwrap();
    let ours = refused(town.take_back("ours", "a-1", &payment, "R68").await);
    assert_eq!(ours.reason, "RETURN_CODE_NOT_FOR_PAYMENT");
    town.clock("2026-04-10T08:30:00-04:00").await;
    let answer = town.take_back("contested", "a-1", &payment, "R73").await.unwrap();
    let returned = answer.payment.unwrap();
    assert_eq!((returned.state(), &*returned.return_code), (PaymentState::Returned, "R73"));
    // The fee for the first return was taken back with it, and is owed after all.
    let after = "principal 10000.00 interest 80.00 fees 25.00 credit 0.00 dpd 9";
    assert_eq!(standing(&town, "a-1", "2026-04-10").await, after);
    agree(&town).await;
}

#[tokio::test]
async fn an_unauthorised_return_costs_no_fee_and_moves_what_later_payments_pay() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    let second = paid_by_ach(&town, "a-1", "310.00", "2026-05-01").await;
    assert_eq!(split(&town.payment("a-1", &second).await.unwrap()), "58.51/251.49/0.00/0.00");
    let before = "principal 9500.51 interest 36.10 fees 0.00 credit 0.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-05-20").await, before);
    town.clock("2026-05-20T08:30:00-04:00").await;
    town.take_back("return", "a-1", &first, "R10").await.unwrap();
    assert_eq!(split(&town.payment("a-1", &second).await.unwrap()), "122.00/188.00/0.00/0.00");
    let after = "principal 9812.00 interest 37.29 fees 0.00 credit 0.00 dpd 19";
    assert_eq!(standing(&town, "a-1", "2026-05-20").await, after);
    let expected = ["1010 -10000.00", "1020 310.00", "1100 9812.00", "1110 37.29", "4010 -159.29"];
    assert_eq!(books(&town).await, expected);
    agree(&town).await;
    let restored = town.reinstate("restore", "a-1", &first).await.unwrap().payment.unwrap();
    assert_eq!((restored.state(), restored.return_code.as_str()), (PaymentState::Applied, ""));
    assert_eq!(restored.returned_time, None);
    assert_eq!(standing(&town, "a-1", "2026-05-20").await, before);
    agree(&town).await;
}

#[tokio::test]
async fn money_by_any_channel_counts_from_its_receipt_and_a_vendors_fee_never() {
    let channels = [
        (Channel::BillPay, "1026"),
        (Channel::Mail, "1025"),
        (Channel::PhoneVendor, "1027"),
        (Channel::DebitCardVendor, "1027"),
        (Channel::Moneygram, "1027"),
        (Channel::WesternUnion, "1027"),
        (Channel::Wire, "1010"),
    ];
    for (channel, clearing) in channels {
        let town = Town::at("2026-04-06T09:00:00-04:00").await;
        town.open(auto_loan("a-1")).await.unwrap();
        let request = ReceivePaymentRequest {
            third_party_fee: Some(money("3.45")),
            ..receive("came in", "a-1", channel, "310.00", "2026-04-01")
        };
        let answer = town.payments().receive_payment(request).await.unwrap().into_inner();
        let payment = answer.payment.unwrap();
        assert_eq!((payment.state(), payment.channel()), (PaymentState::Applied, channel));
        assert_eq!(split(&payment), "62.00/248.00/0.00/0.00");
        assert_eq!(text(payment.amount.as_ref()), "310.00");
        assert_eq!(text(payment.third_party_fee.as_ref()), "3.45");
        assert_eq!(date_text(payment.effective_date.as_ref()), "2026-04-01");
        assert_eq!((payment.window.as_str(), payment.scheduled_time), ("", None));
        assert_eq!((payment.payment_date, payment.cancel_before_time), (None, None));
        let lines = books(&town).await;
        let line = if clearing == "1010" {
            "1010 -9690.00".to_owned()
        } else {
            format!("{clearing} 310.00")
        };
        assert!(lines.contains(&line), "{channel:?}: {lines:?}");
        agree(&town).await;
    }
}

#[tokio::test]
async fn money_that_is_keyed_late_moves_what_came_after_it() {
    let town = Town::at("2026-05-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let later = paid_by_ach(&town, "a-1", "310.00", "2026-05-01").await;
    assert_eq!(split(&town.payment("a-1", &later).await.unwrap()), "122.00/188.00/0.00/0.00");
    town.clock("2026-05-04T09:00:00-04:00").await;
    let keyed = town.receive("mail", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    assert_eq!(split(&keyed.payment.unwrap()), "62.00/248.00/0.00/0.00");
    assert_eq!(split(&town.payment("a-1", &later).await.unwrap()), "58.51/251.49/0.00/0.00");
    agree(&town).await;
}

#[tokio::test]
async fn money_is_refused_by_name_where_it_cannot_be_right() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let mail = Channel::Mail;
    town.receive("cheque 7", "a-1", mail, "10.00", "2026-04-01").await.unwrap();
    let future = refused(town.receive("future", "a-1", mail, "10.00", "2026-04-02").await);
    assert_eq!(
        (future.reason.as_str(), future.fact("today")),
        ("RECEIVED_IN_FUTURE", "2026-04-01")
    );
    let early = refused(town.receive("early", "a-1", mail, "10.00", "2026-02-28").await);
    assert_eq!(
        (early.reason.as_str(), early.fact("opened_date")),
        ("BEFORE_OPENING", "2026-03-01")
    );
    let large = refused(town.receive("large", "a-1", mail, "100000000.00", "2026-04-01").await);
    assert_eq!(large.reason, "AMOUNT_TOO_LARGE");
    let mut twice = receive("cheque 7", "a-1", mail, "10.00", "2026-04-01");
    twice.request_id = request_id("cheque 7, another request");
    let refusal = refused(town.payments().receive_payment(twice.clone()).await);
    assert_eq!(refusal.reason, "POSSIBLE_DUPLICATE");
    twice.request_id = request_id("cheque 7, and meant");
    twice.allow_duplicate = true;
    town.payments().receive_payment(twice.clone()).await.unwrap();
    agree(&town).await;
}

#[tokio::test]
async fn the_same_payment_twice_is_asked_about_and_taken_if_it_is_meant() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = town.schedule("one", "a-1", "310.00", "2026-04-01").await.unwrap();
    let refusal = refused(town.schedule("two", "a-1", "310.00", "2026-04-01").await);
    assert_eq!(refusal.reason, "POSSIBLE_DUPLICATE");
    assert_eq!(refusal.fact("payment"), first.payment.unwrap().payment_id);
    let mut meant = tests::client::schedule("three", "a-1", "310.00", "2026-04-01");
    meant.allow_duplicate = true;
    town.payments().schedule_payment(meant).await.unwrap();
    town.schedule("another day", "a-1", "310.00", "2026-04-02").await.unwrap();
    town.schedule("another amount", "a-1", "310.01", "2026-04-01").await.unwrap();
    agree(&town).await;
}

#[tokio::test]
async fn a_fee_is_charged_and_waived_and_what_had_paid_it_pays_something_else() {
    let town = Town::at("2026-04-12T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let request = AssessFeeRequest {
        request_id: request_id("late fee"),
        account_id: "a-1".to_owned(),
        kind: FeeKind::Late.into(),
        amount: Some(money("15.50")),
        ..AssessFeeRequest::default()
    };
    let charged = town.accounts().assess_fee(request).await.unwrap().into_inner().fee.unwrap();
    assert_eq!((charged.kind(), charged.state()), (FeeKind::Late, FeeState::Assessed));
    assert_eq!(charged.effective_date, Some(date("2026-04-12")));
    let paid = town.receive("wire", "a-1", Channel::Wire, "400.00", "2026-04-12").await.unwrap();
    let paid = paid.payment.unwrap();
    assert_eq!(split(&paid), "84.00/300.50/15.50/0.00");
    let waive = |name: &str, fee: &str| WaiveFeeRequest {
        request_id: request_id(name),
        account_id: "a-1".to_owned(),
        fee_id: fee.to_owned(),
        preview_hash: String::new(),
    };
    let waived = town.accounts().waive_fee(waive("waive", &charged.fee_id)).await.unwrap();
    assert_eq!(waived.into_inner().fee.unwrap().state(), FeeState::Waived);
    assert_eq!(
        split(&town.payment("a-1", &paid.payment_id).await.unwrap()),
        "84.00/316.00/0.00/0.00"
    );
    town.accounts().waive_fee(waive("waive again", &charged.fee_id)).await.unwrap();
    let unknown = town.accounts().waive_fee(waive("no fee", &paid.payment_id)).await;
    assert_eq!(reason(unknown), "FEE_NOT_FOUND");
    agree(&town).await;
}
