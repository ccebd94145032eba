//! The worked vectors of the cut-offs: previewed, scheduled, and cancelled to the millisecond.

use chrono::{DateTime, Duration, Utc};
use proto::payledger::v1::preview_payment_request::Subject;
use proto::payledger::v1::preview_payment_response::Outcome;
use proto::payledger::v1::{PaymentState, PaymentWarning, PreviewPaymentRequest, Product};
use tests::refusals::{field, refused};
use tests::requests::{
    auto_loan, date, date_text, from_timestamp, instant, lease, money, personal_loan, text,
    timestamp,
};
use tests::server::Town;

/// What becomes of a payment that is asked for at an instant.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// Window, end of the cancel, origination date.
    Accepted(&'static str, &'static str, &'static str),
    /// Reason, earliest date.
    Refused(&'static str, &'static str),
}
use Expect::{Accepted, Refused};

/// Received at (Eastern time with its offset), date asked for, what becomes of it.
const VECTORS: &[(&str, &str, Expect)] = &[
    (
        "2026-03-03T09:00:00-05:00",
        "2026-03-03",
        Accepted("15:00", "2026-03-03T20:00:00Z", "2026-03-04"),
    ),
    (
        "2026-03-03T14:59:59.999-05:00",
        "2026-03-03",
        Accepted("15:00", "2026-03-03T20:00:00Z", "2026-03-04"),
    ),
    (
        "2026-03-03T15:00:00-05:00",
        "2026-03-03",
        Accepted("18:00", "2026-03-03T23:00:00Z", "2026-03-04"),
    ),
    (
        "2026-03-03T17:59:59.999-05:00",
        "2026-03-03",
        Accepted("18:00", "2026-03-03T23:00:00Z", "2026-03-04"),
    ),
    ("2026-03-03T18:00:00-05:00", "2026-03-03", Refused("CUTOFF_PASSED", "2026-03-04")),
    (
        "2026-03-03T18:00:00-05:00",
        "2026-03-04",
        Accepted("15:00", "2026-03-04T20:00:00Z", "2026-03-05"),
    ),
    ("2026-03-03T23:59:59-05:00", "2026-03-03", Refused("CUTOFF_PASSED", "2026-03-04")),
    (
        "2026-03-03T20:00:00-05:00",
        "2026-03-07",
        Accepted("15:00", "2026-03-07T20:00:00Z", "2026-03-09"),
    ),
    (
        "2026-03-03T09:00:00-05:00",
        "2026-03-08",
        Accepted("15:00", "2026-03-08T19:00:00Z", "2026-03-09"),
    ),
    (
        "2026-03-07T10:00:00-05:00",
        "2026-03-07",
        Accepted("15:00", "2026-03-07T20:00:00Z", "2026-03-09"),
    ),
    (
        "2026-03-07T15:00:00-05:00",
        "2026-03-07",
        Accepted("18:00", "2026-03-07T23:00:00Z", "2026-03-09"),
    ),
    (
        "2026-03-07T18:00:00-05:00",
        "2026-03-07",
        Accepted("24:00", "2026-03-08T05:00:00Z", "2026-03-09"),
    ),
    (
        "2026-03-08T14:59:59-04:00",
        "2026-03-08",
        Accepted("15:00", "2026-03-08T19:00:00Z", "2026-03-09"),
    ),
    (
        "2026-03-08T15:00:00-04:00",
        "2026-03-08",
        Accepted("18:00", "2026-03-08T22:00:00Z", "2026-03-09"),
    ),
    (
        "2026-11-01T14:59:59-05:00",
        "2026-11-01",
        Accepted("15:00", "2026-11-01T20:00:00Z", "2026-11-02"),
    ),
    (
        "2026-06-19T16:00:00-04:00",
        "2026-06-19",
        Accepted("18:00", "2026-06-19T22:00:00Z", "2026-06-22"),
    ),
    (
        "2026-06-19T18:30:00-04:00",
        "2026-06-19",
        Accepted("24:00", "2026-06-20T04:00:00Z", "2026-06-22"),
    ),
    ("2026-07-03T19:00:00-04:00", "2026-07-03", Refused("CUTOFF_PASSED", "2026-07-04")),
    (
        "2026-11-25T19:00:00-05:00",
        "2026-11-26",
        Accepted("15:00", "2026-11-26T20:00:00Z", "2026-11-27"),
    ),
    (
        "2027-07-05T18:00:00-04:00",
        "2027-07-05",
        Accepted("24:00", "2027-07-06T04:00:00Z", "2027-07-06"),
    ),
    ("2026-03-03T09:00:00-05:00", "2026-03-02", Refused("DATE_IN_PAST", "2026-03-03")),
    (
        "2026-03-03T09:00:00-05:00",
        "2027-03-03",
        Accepted("15:00", "2027-03-03T20:00:00Z", "2027-03-04"),
    ),
    ("2026-03-03T09:00:00-05:00", "2027-03-04", Refused("DATE_TOO_FAR", "2026-03-03")),
];

/// What is done at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    CancelInTime,
    CancelTooLate,
    Schedule,
}

fn timeline() -> Vec<(DateTime<Utc>, Act, usize)> {
    let mut acts = Vec::new();
    for (index, (at, _, expect)) in VECTORS.iter().enumerate() {
        acts.push((instant(at), Act::Schedule, index));
        if let Accepted(_, cancel_before, _) = expect {
            let cutoff = instant(cancel_before);
            acts.push((cutoff - Duration::milliseconds(1), Act::CancelInTime, index));
            acts.push((cutoff, Act::CancelTooLate, index));
        }
    }
    // At one instant it does not matter which comes first, but for what the test still needs.
    acts.sort_by_key(|&(at, act, index)| (at, act != Act::Schedule, act, index));
    acts
}

#[tokio::test]
async fn every_worked_vector_is_scheduled_and_cancelled_as_written() {
    let town = Town::at("2026-03-01T09:00:00-05:00").await;
    for index in 0..VECTORS.len() {
        for copy in ["early", "late"] {
            town.open(auto_loan(&format!("v{index}-{copy}"))).await.unwrap();
        }
    }
    let mut payments = vec![(String::new(), String::new()); VECTORS.len()];
    for (at, act, index) in timeline() {
        town.set_clock(at).await.unwrap();
        let (early, late) = (format!("v{index}-early"), format!("v{index}-late"));
        match act {
            Act::Schedule => payments[index] = schedule_both(&town, index).await,
            Act::CancelInTime => {
                let answer = town.cancel(&early, &early, &payments[index].0).await.unwrap();
                let payment = answer.payment.unwrap();
                assert_eq!(payment.state(), PaymentState::Cancelled, "{index}");
                assert_eq!(from_timestamp(payment.cancelled_time.as_ref()), Some(at));
            }
            Act::CancelTooLate => {
                let refused = refused(town.cancel(&late, &late, &payments[index].1).await);
                assert_eq!(refused.reason, "CANCEL_WINDOW_CLOSED", "{index}");
                assert_eq!(instant(refused.fact("cutoff_at")), at);
                assert_eq!(instant(refused.fact("received_at")), at);
            }
        }
    }
}

/// Schedules the payment of a vector on both of its accounts and holds the answers to it.
async fn schedule_both(town: &Town, index: usize) -> (String, String) {
    let (at, day, expect) = VECTORS[index];
    let mut ids = Vec::new();
    for copy in ["early", "late"] {
        let account = format!("v{index}-{copy}");
        let name = format!("schedule {account}");
        let answer = town.schedule(&name, &account, "310.00", day).await;
        match expect {
            Refused(reason, earliest) => {
                let refused = refused(answer);
                assert_eq!(
                    (refused.reason.as_str(), refused.fact("earliest_date")),
                    (reason, earliest)
                );
                ids.push(String::new());
            }
            Accepted(window, cancel_before, origination) => {
                let payment = answer.unwrap().payment.unwrap();
                assert_eq!(payment.state(), PaymentState::Scheduled);
                assert_eq!(payment.window, window, "{at} {day}");
                let cancel_before_time = from_timestamp(payment.cancel_before_time.as_ref());
                assert_eq!(cancel_before_time, Some(instant(cancel_before)));
                assert_eq!(date_text(payment.payment_date.as_ref()), day);
                assert_eq!(date_text(payment.effective_date.as_ref()), day);
                assert_eq!(date_text(payment.origination_date.as_ref()), origination);
                let scheduled = from_timestamp(payment.scheduled_time.as_ref());
                assert_eq!(scheduled, Some(instant(at)));
                ids.push(payment.payment_id);
            }
        }
    }
    let late = ids.pop().unwrap();
    (ids.pop().unwrap(), late)
}

fn about(subject: Subject, at: &str, day: &str) -> PreviewPaymentRequest {
    PreviewPaymentRequest {
        subject: Some(subject),
        amount: Some(money("310.00")),
        payment_date: Some(date(day)),
        at_time: Some(timestamp(instant(at))),
        min_position: 0,
    }
}

async fn preview(town: &Town, subject: Subject, at: &str, day: &str) -> Outcome {
    let request = about(subject, at, day);
    town.payments().preview_payment(request).await.unwrap().into_inner().outcome.unwrap()
}

#[tokio::test]
async fn a_preview_is_of_an_instant_from_which_dates_can_be_told() {
    let town = Town::at("2026-03-01T09:00:00-05:00").await;
    let auto = || Subject::Product(Product::AutoLoan.into());
    for at in ["0001-01-01T00:00:00Z", "0001-12-31T23:59:59Z", "9998-01-01T00:00:00Z"] {
        let told = town.payments().preview_payment(about(auto(), at, "2026-03-02")).await;
        assert_eq!(field(told), ("INVALID_FIELD".to_owned(), "at_time".to_owned()), "{at}");
    }
    for (at, earliest) in
        [("0002-01-01T12:00:00Z", "0002-01-01"), ("9997-12-31T23:59:59Z", "9998-01-01")]
    {
        match preview(&town, auto(), at, "9999-12-31").await {
            Outcome::Refused(said) => {
                let told = (said.reason.as_str(), said.metadata["earliest_date"].as_str());
                assert_eq!(told, ("DATE_TOO_FAR", earliest));
                assert_eq!(date_text(said.earliest_date.as_ref()), earliest);
            }
            Outcome::Accepted(said) => unreachable!("{at}: {said:?}"),
        }
    }
}

#[tokio::test]
async fn a_preview_says_what_scheduling_would_say_and_writes_nothing() {
    let town = Town::at("2026-03-01T09:00:00-05:00").await;
    for request in [auto_loan("auto"), personal_loan("personal"), lease("lease")] {
        town.open(request).await.unwrap();
    }
    let head = town.head().await.unwrap();
    for (at, day, expect) in VECTORS {
        let subjects = [
            Subject::Product(Product::AutoLoan.into()),
            Subject::Product(Product::PersonalLoan.into()),
            Subject::Product(Product::Lease.into()),
            Subject::AccountId("auto".to_owned()),
            Subject::AccountId("personal".to_owned()),
            Subject::AccountId("lease".to_owned()),
        ];
        for subject in subjects {
            match (preview(&town, subject.clone(), at, day).await, *expect) {
                (Outcome::Accepted(said), Accepted(window, cancel_before, origination)) => {
                    assert_eq!(said.window, window, "{subject:?} {at}");
                    let before = from_timestamp(said.cancel_before_time.as_ref());
                    assert_eq!(before, Some(instant(cancel_before)));
                    assert_eq!(date_text(said.effective_date.as_ref()), *day);
                    assert_eq!(date_text(said.origination_date.as_ref()), origination);
                }
                (Outcome::Refused(said), Refused(reason, earliest)) => {
                    assert_eq!(said.reason, reason, "{subject:?} {at}");
                    assert_eq!(date_text(said.earliest_date.as_ref()), earliest);
                    assert_eq!(said.metadata["earliest_date"], earliest);
                }
                (said, expected) => unreachable!("{at} {day}: {said:?}, not {expected:?}"),
            }
        }
    }
    assert_eq!(town.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_card_is_credited_on_its_day_until_midnight() {
    let town = Town::at("2026-03-01T09:00:00-05:00").await;
    for (at, day, cancel_before) in [
        ("2026-03-03T17:00:00-05:00", "2026-03-03", "2026-03-04T05:00:00Z"),
        ("2026-03-03T23:59:59.999-05:00", "2026-03-03", "2026-03-04T05:00:00Z"),
        ("2026-03-03T23:59:59.999-05:00", "2026-03-08", "2026-03-09T04:00:00Z"),
    ] {
        let card = Subject::Product(Product::CreditCard.into());
        match preview(&town, card, at, day).await {
            Outcome::Accepted(said) => {
                assert_eq!(said.window, "24:00");
                let before = from_timestamp(said.cancel_before_time.as_ref());
                assert_eq!(before, Some(instant(cancel_before)));
                assert_eq!(date_text(said.effective_date.as_ref()), day);
            }
            Outcome::Refused(said) => unreachable!("{at} {day}: {said:?}"),
        }
    }
}

#[tokio::test]
async fn a_preview_warns_of_more_than_is_owed_and_of_what_may_be_mistyped() {
    let (now, day) = ("2026-04-01T09:00:00-04:00", "2026-04-01");
    let town = Town::at(now).await;
    town.open(auto_loan("a-1")).await.unwrap();
    let payoff = town.balance("a-1", day).await.unwrap().payoff_amount;
    assert_eq!(text(payoff.as_ref()), "10062.00");
    let warnings = async |subject: Subject, amount: Option<&str>| {
        let request =
            PreviewPaymentRequest { amount: amount.map(money), ..about(subject, now, day) };
        let answer = town.payments().preview_payment(request).await.unwrap().into_inner();
        let outcome = answer.outcome.unwrap();
        let Outcome::Accepted(said) = outcome else { panic!("{outcome:?}") };
        said.warnings().collect::<Vec<_>>()
    };
    let account = || Subject::AccountId("a-1".to_owned());
    let product = || Subject::Product(Product::AutoLoan.into());
    let (above_payoff, above_soft_max) =
        (PaymentWarning::AbovePayoff, PaymentWarning::AboveSoftMax);
    assert_eq!(warnings(account(), None).await, []);
    assert_eq!(warnings(account(), Some("10062.00")).await, []);
    assert_eq!(warnings(account(), Some("10062.01")).await, [above_payoff]);
    assert_eq!(warnings(account(), Some("100000.01")).await, [above_payoff, above_soft_max]);
    assert_eq!(warnings(product(), Some("100000.00")).await, []);
    assert_eq!(warnings(product(), Some("100000.01")).await, [above_soft_max]);
    // It is taken all the same.
    town.schedule("much", "a-1", "100000.01", day).await.unwrap();
}
