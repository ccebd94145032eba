//! What the bank does with money, as its interface tells: settled, taken back, given again.

use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::batch_result::Outcome;
use proto::payledger::v1::{
    Channel, ListRefundsRequest, Payment, PaymentState, Product, RecordedEvent, RefundState,
    ReplayEventsRequest, SettlePaymentRequest,
};
use serde_json::Value;
use tests::client::{Client, schedule};
use tests::refusals::{Refused, field, reason, refused};
use tests::requests::{
    auto_loan, date, date_text, funding, lease, money, quoted_loan, request_id, text,
};
use tests::server::Town;
use tests::servicing::{refund_settlement, settlement};
use tests::views::{agree, books, standing};

use crate::books::{audited, close_day, closes_hold, feed, restatements, row};
use crate::days::paid_by_ach;

/// The journal of the last event of a type: `account amount`, and a line's date if it has its own.
async fn journal(town: &Client, kind: &str) -> Vec<String> {
    let events = town.replay_of(ReplayEventsRequest::default()).await.unwrap();
    let event: &RecordedEvent = events.iter().rfind(|event| event.r#type == kind).unwrap();
    let data: Value = serde_json::from_slice(&event.data).unwrap();
    let lines = data["posting"]["lines"].as_array().unwrap().iter();
    let words = |line: &Value| {
        line.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    lines.map(words).map(|words: Vec<String>| words.join(" ")).collect()
}

/// Settles a payment of `a-1` on a day, and tells what it is then.
async fn settled(town: &Client, name: &str, payment: &str, day: &str) -> Payment {
    town.settle(settlement(name, "a-1", payment, day)).await.unwrap().payment.unwrap()
}

async fn received(town: &Client, way: Channel, day: &str) -> String {
    let name = format!("{way:?} {day}");
    let answer = town.receive(&name, "a-1", way, "310.00", day).await.unwrap();
    answer.payment.unwrap().payment_id
}

#[tokio::test]
async fn a_payment_that_is_applied_settled_and_returned_is_booked_as_worked_out() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    town.clock("2026-04-02T08:00:00-04:00").await;
    let before = standing(&town, "a-1", "2026-04-02").await;
    let told = settled(&town, "settled", &payment, "2026-04-02").await;
    assert_eq!(date_text(told.settlement_date.as_ref()), "2026-04-02");
    assert_eq!((told.state(), &told.withheld), (PaymentState::Applied, &None));
    assert_eq!(journal(&town, "PaymentSettled").await, ["1010 310.00", "1020 -310.00"]);
    assert_eq!(standing(&town, "a-1", "2026-04-02").await, before);
    agree(&town).await;

    town.clock("2026-04-03T08:30:00-04:00").await;
    let back = town.take_back("back", "a-1", &payment, "R01").await.unwrap().payment.unwrap();
    assert_eq!(date_text(back.settlement_date.as_ref()), "2026-04-02", "it was settled once");
    assert_eq!(
        journal(&town, "PaymentReturned").await,
        [
            "1110 62.00",
            "1020 -310.00",
            "1100 248.00",
            "1110 4.00 2026-04-03",
            "4010 -4.00 2026-04-03",
            "1020 310.00 2026-04-03",
            "1010 -310.00 2026-04-03",
        ]
    );
    assert_eq!(journal(&town, "FeeAssessed").await, ["1120 25.00", "4030 -25.00"]);
    agree(&town).await;
    let second = paid_by_ach(&town, "a-1", "335.00", "2026-04-11").await;
    town.clock("2026-04-13T08:00:00-04:00").await;
    settled(&town, "settled too", &second, "2026-04-13").await;
    let expected = ["1010 -9665.00", "1100 9772.00", "4010 -82.00", "4030 -25.00"];
    assert_eq!(books(&town).await, expected);
    agree(&town).await;
}

#[tokio::test]
async fn a_late_return_of_settled_money_empties_the_clearing_account() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    town.clock("2026-04-02T08:00:00-04:00").await;
    settled(&town, "April", &first, "2026-04-02").await;
    let second = paid_by_ach(&town, "a-1", "310.00", "2026-05-01").await;
    town.clock("2026-05-20T08:30:00-04:00").await;
    settled(&town, "May", &second, "2026-05-04").await;
    let before = books(&town).await;
    town.take_back("back", "a-1", &first, "R10").await.unwrap();
    let lines = journal(&town, "PaymentReturned").await;
    let bank = &lines[lines.len() - 2..];
    assert_eq!(bank, ["1020 310.00 2026-05-20", "1010 -310.00 2026-05-20"]);
    let expected = ["1010 -9690.00", "1100 9812.00", "1110 37.29", "4010 -159.29"];
    assert_eq!(books(&town).await, expected);
    agree(&town).await;

    // To and fro, and the balances are what they were, but for the interest of the days since.
    town.reinstate("good", "a-1", &first).await.unwrap();
    let lines = journal(&town, "PaymentReinstated").await;
    let bank = &lines[lines.len() - 2..];
    assert_eq!(bank, ["1010 310.00 2026-05-20", "1020 -310.00 2026-05-20"]);
    let after = books(&town).await;
    let of = |lines: &[String], account: &str| {
        lines.iter().find(|line| line.starts_with(account)).cloned()
    };
    for account in ["1010", "1020", "1100"] {
        assert_eq!(of(&after, account), of(&before, account), "{account}");
    }
    let again = refused(town.settle(settlement("twice", "a-1", &first, "2026-05-20")).await);
    assert_eq!(
        (again.reason.as_str(), again.fact("settlement_date")),
        ("ALREADY_SETTLED", "2026-04-02")
    );
    agree(&town).await;
}

#[tokio::test]
async fn a_return_before_settlement_nets_out_and_what_is_good_again_can_be_settled() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    town.take_back("back", "a-1", &payment, "R10").await.unwrap();
    let mirror = ["1110 62.00", "1020 -310.00", "1100 248.00"];
    assert_eq!(journal(&town, "PaymentReturned").await, mirror);
    assert!(!books(&town).await.iter().any(|line| line.starts_with("1020")));
    town.clock("2026-04-06T09:00:00-04:00").await;
    let early = refused(town.settle(settlement("early", "a-1", &payment, "2026-04-02")).await);
    assert_eq!((early.reason.as_str(), early.fact("return_code")), ("ALREADY_RETURNED", "R10"));
    town.reinstate("good", "a-1", &payment).await.unwrap();
    agree(&town).await;
    settled(&town, "now", &payment, "2026-04-06").await;
    let lines = books(&town).await;
    assert!(lines.contains(&"1010 -9690.00".to_owned()), "{lines:?}");
    agree(&town).await;
}

#[tokio::test]
async fn deposits_are_matched_payment_by_payment_and_what_a_vendor_kept_is_a_loss() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    for (way, clearing) in [
        (Channel::Mail, "1025"),
        (Channel::BillPay, "1026"),
        (Channel::PhoneVendor, "1027"),
        (Channel::DebitCardVendor, "1027"),
        (Channel::WesternUnion, "1027"),
    ] {
        let payment = received(&town, way, "2026-04-01").await;
        settled(&town, &format!("{way:?} settled"), &payment, "2026-04-01").await;
        let matched = ["1010 310.00".to_owned(), format!("{clearing} -310.00")];
        assert_eq!(journal(&town, "PaymentSettled").await, matched);
        town.take_back(&format!("{way:?} back"), "a-1", &payment, "R10").await.unwrap();
    }
    agree(&town).await;
    let payment = received(&town, Channel::Moneygram, "2026-04-01").await;
    let mut less = settlement("less", "a-1", &payment, "2026-04-01");
    less.withheld = Some(money("3.45"));
    let told = town.settle(less.clone()).await.unwrap().payment.unwrap();
    assert_eq!(text(told.withheld.as_ref()), "3.45");
    let net = ["1010 306.55", "1027 -310.00", "5030 3.45"];
    assert_eq!(journal(&town, "PaymentSettled").await, net);
    // It is sent again with another fee: no second settlement.
    less.withheld = Some(money("3.46"));
    assert_eq!(reason(town.settle(less).await), "REQUEST_ID_REUSED");
    town.take_back("back", "a-1", &payment, "R10").await.unwrap();
    town.reinstate("good", "a-1", &payment).await.unwrap();
    let lines = books(&town).await;
    assert!(lines.contains(&"1010 -9693.45".to_owned()), "{lines:?}");
    assert!(lines.contains(&"5030 3.45".to_owned()), "{lines:?}");
    agree(&town).await;
}

#[tokio::test]
async fn a_refund_is_paid_out_and_may_come_back() {
    let town = Town::at("2026-06-15T09:00:00-04:00").await;
    town.open(quoted_loan("a-1")).await.unwrap();
    let mut order = schedule("pay", "a-1", "12403.60", "2026-06-26");
    order.funding = Some(funding("vault.ba-1"));
    let payment = town.payments().schedule_payment(order).await.unwrap().into_inner().payment;
    town.clock("2026-06-26T15:00:06-04:00").await;
    town.run("2026-06-26", "15:00").await.unwrap();
    town.clock("2026-07-06T09:00:00-04:00").await;
    settled(&town, "payoff", &payment.unwrap().payment_id, "2026-06-29").await;
    let refund = town.refund("refund", "a-1").await.unwrap().refund.unwrap();
    assert_eq!(journal(&town, "CreditRefunded").await, ["2110 8.78", "2120 -8.78"]);
    let id = refund.refund_id.as_str();
    let before = books(&town).await;
    for (name, day, reason) in [
        ("early", "2026-07-05", "SETTLEMENT_TOO_EARLY"),
        ("future", "2026-07-07", "EFFECTIVE_IN_FUTURE"),
    ] {
        let answer = town.settle_refund(refund_settlement(name, "a-1", id, day)).await;
        assert_eq!(refused(answer).reason, reason);
    }
    let request = refund_settlement("paid", "a-1", id, "2026-07-06");
    let paid = town.settle_refund(request.clone()).await.unwrap();
    let told = paid.refund.clone().unwrap();
    assert_eq!(date_text(told.settlement_date.as_ref()), "2026-07-06");
    assert_eq!(told.state(), RefundState::Sent);
    assert_eq!(journal(&town, "RefundSettled").await, ["2120 8.78", "1010 -8.78"]);
    let again = town.settle_refund(request).await.unwrap();
    assert_eq!((again.replayed, again.refund), (true, paid.refund));
    let twice = town.settle_refund(refund_settlement("twice", "a-1", id, "2026-07-06")).await;
    let twice = refused(twice);
    assert_eq!(
        (twice.reason.as_str(), twice.fact("settlement_date")),
        ("REFUND_ALREADY_SETTLED", "2026-07-06")
    );
    agree(&town).await;

    town.clock("2026-07-09T09:00:00-04:00").await;
    town.take_refund_back("back", "a-1", id).await.unwrap();
    assert_eq!(
        journal(&town, "RefundReturned").await,
        ["1010 8.78 2026-07-09", "2120 -8.78 2026-07-09", "2120 8.78", "2110 -8.78"]
    );
    let after = books(&town).await;
    assert!(after.contains(&"2110 -8.78".to_owned()), "{after:?}");
    assert!(!after.iter().any(|line| line.starts_with("2120")), "{after:?}");
    assert_eq!(after[0], before[0], "cash is what it was");
    let gone = town.settle_refund(refund_settlement("gone", "a-1", id, "2026-07-09")).await;
    assert_eq!(reason(gone), "REFUND_ALREADY_RETURNED");
    let nowhere = refund_settlement("none", "a-1", &request_id("no refund"), "2026-07-09");
    assert_eq!(reason(town.settle_refund(nowhere).await), "REFUND_NOT_FOUND");
    let request =
        ListRefundsRequest { account_id: "a-1".to_owned(), ..ListRefundsRequest::default() };
    let listed = town.accounts().list_refunds(request).await.unwrap().into_inner().refunds;
    assert_eq!(listed[0].state(), RefundState::Returned);
    assert_eq!(date_text(listed[0].settlement_date.as_ref()), "2026-07-06");
    agree(&town).await;
}

#[tokio::test]
async fn what_cannot_be_settled_is_refused_by_name_and_changes_nothing() {
    let town = Town::at("2026-04-02T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let pending = town.schedule("later", "a-1", "310.00", "2026-04-20").await.unwrap();
    let pending = pending.payment.unwrap().payment_id;
    let mail = received(&town, Channel::Mail, "2026-04-02").await;
    let wire = received(&town, Channel::Wire, "2026-04-02").await;
    let vendor = received(&town, Channel::PhoneVendor, "2026-04-02").await;
    town.clock("2026-04-06T09:00:00-04:00").await;
    let before = books(&town).await;
    let nobody = request_id("no payment");
    let day = "2026-04-06";
    for (payment, on, withheld, reason, fact, value) in [
        (&pending, day, None, "NOT_APPLIED", "state", "scheduled"),
        (&wire, day, None, "NOTHING_TO_SETTLE", "channel", "wire"),
        (&mail, "2026-04-01", None, "SETTLEMENT_TOO_EARLY", "effective_date", "2026-04-02"),
        (&mail, "2026-04-07", None, "EFFECTIVE_IN_FUTURE", "today", "2026-04-06"),
        (&mail, "2026-04-04", None, "NOT_A_BANKING_DAY", "date", "2026-04-04"),
        (&mail, day, Some("1.00"), "CHANNEL_WITHHOLDS_NOTHING", "channel", "mail"),
        (&vendor, day, Some("310.00"), "WITHHELD_TOO_MUCH", "amount", "310.00"),
        (&nobody, day, None, "PAYMENT_NOT_FOUND", "payment_id", nobody.as_str()),
    ] {
        let request = SettlePaymentRequest {
            withheld: withheld.map(money),
            ..settlement(reason, "a-1", payment, on)
        };
        let told = refused(town.settle(request.clone()).await);
        assert_eq!((told.reason.as_str(), told.fact(fact)), (reason, value));
        // A refusal by the rules is an outcome: it is the same for ever.
        let again = refused(town.settle(request).await);
        assert_eq!(again.fact("position"), told.fact("position"), "{reason}");
    }
    let unset =
        SettlePaymentRequest { settlement_date: None, ..settlement("?", "a-1", &mail, day) };
    let wrong = ("INVALID_FIELD".to_owned(), "settlement_date".to_owned());
    assert_eq!(field(town.settle(unset).await), wrong);
    let mut euros = settlement("?", "a-1", &vendor, day);
    euros.withheld =
        Some(proto::google::r#type::Money { currency_code: "EUR".to_owned(), ..money("1.00") });
    assert_eq!(field(town.settle(euros).await).0, "CURRENCY_MISMATCH");
    assert_eq!(books(&town).await, before);
    agree(&town).await;
}

#[tokio::test]
async fn a_banks_file_is_a_batch_and_is_settled_once_however_often_it_is_sent() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    let mut file = Vec::new();
    for number in 0..40 {
        let account = format!("a-{number}");
        let open = if number % 4 == 0 { lease(&account) } else { auto_loan(&account) };
        town.open(open).await.unwrap();
        let paid = town.receive(&account, &account, Channel::Mail, "310.00", "2026-04-01").await;
        let payment = paid.unwrap().payment.unwrap().payment_id;
        let line = settlement(&format!("file {number}"), &account, &payment, "2026-04-01");
        file.push(Command::SettlePayment(line));
    }
    let unknown = settlement("unknown", "a-1", &request_id("no payment"), "2026-04-01");
    file.push(Command::SettlePayment(unknown));
    let told = |outcome: Option<Outcome>| {
        if let Some(Outcome::SettlePayment(answer)) = &outcome {
            return format!("settled, {}", answer.replayed);
        }
        let Some(Outcome::Error(status)) = outcome else { unreachable!("{outcome:?}") };
        Refused::of_command(&status).reason
    };
    let first = town.batch(file.clone()).await.unwrap();
    let first: Vec<_> = first.results.into_iter().map(|result| told(result.outcome)).collect();
    assert_eq!(first[..40], vec!["settled, false"; 40]);
    assert_eq!(first[40], "PAYMENT_NOT_FOUND");
    let lines = books(&town).await;
    assert!(!lines.iter().any(|line| line.starts_with("1025")), "{lines:?}");
    agree(&town).await;
    let town = town.restart().await;
    let head = town.head().await.unwrap();
    let again = town.batch(file).await.unwrap().results.into_iter();
    let again: Vec<_> = again.map(|result| told(result.outcome)).collect();
    assert_eq!(again[..40], vec!["settled, true"; 40]);
    assert_eq!((town.head().await.unwrap(), books(&town).await), (head, lines));
    agree(&town).await;
}

#[tokio::test]
async fn what_settled_yesterday_is_fed_to_the_open_day_and_is_no_restatement() {
    let town = Town::at("2026-04-06T09:00:00-04:00").await;
    let mut fresh = auto_loan("a-1");
    fresh.opened_date = Some(date("2026-04-06"));
    town.open(fresh).await.unwrap();
    let payment = received(&town, Channel::Mail, "2026-04-06").await;
    let early = received(&town, Channel::BillPay, "2026-04-06").await;
    settled(&town, "the same day", &early, "2026-04-06").await;
    town.clock("2026-04-07T09:00:00-04:00").await;
    settled(&town, "the day before", &payment, "2026-04-06").await;
    town.clock("2026-04-08T09:00:00-04:00").await;
    town.receive("opens the day", "a-1", Channel::Mail, "1.00", "2026-04-08").await.unwrap();
    town.clock("2026-04-08T09:00:06-04:00").await;
    close_day(&town, "6", "2026-04-06").await.unwrap();
    close_day(&town, "7", "2026-04-07").await.unwrap();
    for (day, clearing) in [("2026-04-06", "1026"), ("2026-04-07", "1025")] {
        let journals = feed(&town, day).await.journals.into_iter();
        let settled: Vec<_> = journals.filter(|it| it.event_type == "PaymentSettled").collect();
        assert_eq!((settled.len(), settled[0].product()), (1, Product::AutoLoan), "{day}");
        let lines: Vec<_> = settled[0].lines.iter().map(row).collect();
        assert_eq!(lines, ["1010 310.00 0.00".to_owned(), format!("{clearing} 0.00 310.00")]);
    }
    assert_eq!(restatements(&town, "2026-04-07", 100).await, []);
    assert_eq!(closes_hold(&town).await, ["2026-04-06", "2026-04-07"]);
    agree(&town).await;
    audited(town).await;
}
