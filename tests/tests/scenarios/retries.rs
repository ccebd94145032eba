//! A request id has one outcome for ever: the same answer to the same request, however late.

use ledger::ids::RequestId;
use proto::payledger::v1::{BatchCommand, Channel, PaymentState, batch_command, batch_result};
use tests::client::{cancel, receive, schedule};
use tests::refusals::{Refused, reason, refused};
use tests::requests::{auto_loan, lien, money, request_id};
use tests::server::Town;
use tests::views::agree;

use crate::days::paid_by_ach;

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_writes_nothing() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    let opened = town.open(auto_loan("a-1")).await.unwrap();
    let scheduled = town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap();
    let payment = scheduled.payment.clone().unwrap().payment_id;
    let cancelled = town.cancel("cancel", "a-1", &payment).await.unwrap();
    let nothing = town.cancel("cancel, changing nothing", "a-1", &payment).await.unwrap();
    assert!(
        ![opened.replayed, scheduled.replayed, cancelled.replayed, nothing.replayed]
            .contains(&true)
    );
    let head = town.head().await.unwrap();
    assert_eq!(nothing.position, head, "that nothing changed is recorded too");

    // Later events, another day, and a restart do not change what was answered.
    paid_by_ach(&town, "a-1", "400.00", "2026-04-02").await;
    let town = town.restart().await;
    let head = town.head().await.unwrap();
    let again = town.open(auto_loan("a-1")).await.unwrap();
    assert_eq!(
        (again.account, again.position, again.replayed),
        (opened.account, opened.position, true)
    );
    let again = town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap();
    assert_eq!(
        (again.payment, again.position, again.replayed),
        (scheduled.payment, scheduled.position, true)
    );
    let again = town.cancel("cancel", "a-1", &payment).await.unwrap();
    assert_eq!(
        (&again.payment, again.position, again.replayed),
        (&cancelled.payment, cancelled.position, true)
    );
    let again = town.cancel("cancel, changing nothing", "a-1", &payment).await.unwrap();
    assert_eq!(
        (again.payment, again.position, again.replayed),
        (nothing.payment, nothing.position, true)
    );
    assert_eq!(town.head().await.unwrap(), head);
    agree(&town).await;
}

#[tokio::test]
async fn every_kind_of_write_is_answered_from_memory_the_second_time() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    let mut request = auto_loan("a-1");
    request.lien = Some(lien("TX"));
    town.open(request).await.unwrap();
    let first = town.receive("wire", "a-1", Channel::Wire, "10062.00", "2026-04-01").await.unwrap();
    let payment = first.payment.clone().unwrap().payment_id;
    let again = town.receive("wire", "a-1", Channel::Wire, "10062.00", "2026-04-01").await.unwrap();
    assert_eq!((again.payment, again.replayed), (first.payment, true));
    let first = town.release("release", "a-1").await.unwrap();
    let returned = town.take_back("return", "a-1", &payment, "R06").await.unwrap();
    let reinstated = town.reinstate("reinstate", "a-1", &payment).await.unwrap();
    let again = town.release("release", "a-1").await.unwrap();
    assert_eq!((again.title, again.replayed), (first.title, true));
    let again = town.take_back("return", "a-1", &payment, "R06").await.unwrap();
    assert_eq!((again.payment.as_ref(), again.replayed), (returned.payment.as_ref(), true));
    assert_eq!(again.payment.unwrap().state(), PaymentState::Returned);
    let again = town.reinstate("reinstate", "a-1", &payment).await.unwrap();
    assert_eq!((again.payment, again.replayed), (reinstated.payment, true));
    agree(&town).await;
}

fn without_replayed(mut refused: Refused) -> Refused {
    refused.facts.remove("replayed").unwrap();
    refused
}

#[tokio::test]
async fn a_refusal_is_remembered_with_its_facts_even_when_it_would_be_taken_now() {
    let town = Town::at("2026-03-03T18:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = refused(town.schedule("late", "a-1", "310.00", "2026-03-03").await);
    assert_eq!((first.reason.as_str(), first.fact("replayed")), ("CUTOFF_PASSED", "false"));
    assert_eq!(first.fact("position"), town.head().await.unwrap().to_string());
    let other = town.schedule("for tomorrow", "a-1", "310.00", "2026-03-04").await.unwrap();
    let payment = other.payment.unwrap().payment_id;
    town.clock("2026-03-04T15:00:00-05:00").await;
    let closed = refused(town.cancel("cancel", "a-1", &payment).await);
    town.clock("2026-03-05T15:00:00-05:00").await;
    let town = town.restart().await;
    let head = town.head().await.unwrap();
    let again = refused(town.schedule("late", "a-1", "310.00", "2026-03-03").await);
    assert_eq!(again.fact("replayed"), "true");
    assert_eq!(without_replayed(again), without_replayed(first));
    let again = refused(town.cancel("cancel", "a-1", &payment).await);
    assert_eq!(without_replayed(again), without_replayed(closed));
    assert_eq!(town.head().await.unwrap(), head);
}

#[tokio::test]
async fn the_same_id_with_other_content_is_refused_by_name() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let scheduled = town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap();
    let payment = scheduled.payment.unwrap().payment_id;
    let late = town.schedule("refused", "a-1", "310.00", "2026-03-31").await;
    assert_eq!(reason(late), "DATE_IN_PAST");
    let head = town.head().await.unwrap();
    for answer in [
        town.schedule("pay", "a-1", "310.01", "2026-04-01").await,
        town.schedule("pay", "a-1", "310.00", "2026-04-02").await,
        town.schedule("refused", "a-1", "310.00", "2026-04-01").await,
    ] {
        let refused = refused(answer);
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (tonic::Code::AlreadyExists, "REQUEST_ID_REUSED")
        );
    }
    assert_eq!(reason(town.cancel("pay", "a-1", &payment).await), "REQUEST_ID_REUSED");
    let mut allowed = schedule("pay", "a-1", "310.00", "2026-04-01");
    allowed.allow_duplicate = true;
    assert_eq!(reason(town.payments().schedule_payment(allowed).await), "REQUEST_ID_REUSED");
    assert_eq!(town.head().await.unwrap(), head);
    assert_eq!(town.payment("a-1", &payment).await.unwrap().state(), PaymentState::Scheduled);
}

#[tokio::test]
async fn one_request_id_on_two_accounts_makes_two_payments() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.open(auto_loan("a-2")).await.unwrap();
    let one = town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap();
    let two = town.schedule("pay", "a-2", "310.00", "2026-04-01").await.unwrap();
    assert!(!two.replayed);
    assert_ne!(one.payment.unwrap().payment_id, two.payment.unwrap().payment_id);
    agree(&town).await;
}

#[tokio::test]
async fn an_account_is_opened_once() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let mut other = auto_loan("a-1");
    other.request_id = request_id("another opening");
    let refused = refused(town.open(other).await);
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (tonic::Code::AlreadyExists, "ACCOUNT_EXISTS")
    );
    assert_eq!(refused.fact("opened_date"), "2026-03-01");
}

#[tokio::test]
async fn what_was_malformed_or_unknown_leaves_the_id_free() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    assert_eq!(
        reason(town.schedule("pay", "a-1", "310.00", "2026-04-01").await),
        "ACCOUNT_NOT_FOUND"
    );
    town.open(auto_loan("a-1")).await.unwrap();
    let mut bad = schedule("pay", "a-1", "310.00", "2026-04-01");
    bad.amount = Some(money("0.00"));
    assert_eq!(reason(town.payments().schedule_payment(bad).await), "INVALID_FIELD");
    let mut derived = schedule("pay", "a-1", "310.00", "2026-04-01");
    derived.request_id = RequestId::derived("release-a-1", "2026-04-01").to_string();
    let refused = refused(town.payments().schedule_payment(derived).await);
    assert_eq!(
        (refused.reason.as_str(), refused.fields),
        ("INVALID_FIELD", vec!["request_id".into()])
    );
    assert!(!town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap().replayed);
}

#[tokio::test]
async fn a_batch_answers_repeats_refusals_and_rubbish_one_by_one() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = town.schedule("pay", "a-1", "310.00", "2026-04-01").await.unwrap();
    let payment = first.payment.clone().unwrap().payment_id;
    let pay = |name: &str, amount: &str| schedule(name, "a-1", amount, "2026-04-01");
    let mut rubbish = pay("rubbish", "1.00");
    rubbish.account_id = "no such id!".to_owned();
    let commands = [
        Some(batch_command::Command::SchedulePayment(pay("pay", "310.00"))),
        Some(batch_command::Command::SchedulePayment(pay("pay", "311.00"))),
        Some(batch_command::Command::SchedulePayment(rubbish)),
        None,
        Some(batch_command::Command::CancelPayment(cancel("cancel", "a-1", &payment))),
        Some(batch_command::Command::SchedulePayment(pay("once more", "310.00"))),
        Some(batch_command::Command::SchedulePayment(pay("once more", "310.00"))),
        Some(batch_command::Command::SchedulePayment(schedule(
            "unknown",
            "nobody",
            "1.00",
            "2026-04-01",
        ))),
        Some(batch_command::Command::OpenAccount(Box::new(auto_loan("a-2")))),
        Some(batch_command::Command::ReceivePayment(receive(
            "wire",
            "a-2",
            Channel::Wire,
            "310.00",
            "2026-04-01",
        ))),
    ];
    let commands = commands.into_iter().map(|command| BatchCommand { command }).collect();
    let request = proto::payledger::v1::ExecuteBatchRequest { commands };
    let answer = town.payments().execute_batch(request).await.unwrap().into_inner();
    let told: Vec<String> =
        answer.results.iter().map(|result| told(result.outcome.as_ref().unwrap())).collect();
    let expected = [
        "scheduled, replayed",
        "REQUEST_ID_REUSED",
        "INVALID_FIELD",
        "INVALID_FIELD",
        "cancelled",
        "scheduled",
        "scheduled, replayed",
        "ACCOUNT_NOT_FOUND",
        "opened",
        "received",
    ];
    assert_eq!(told, expected);
    assert_eq!(answer.position, town.head().await.unwrap());
    agree(&town).await;
}

#[tokio::test]
async fn a_batch_of_nothing_but_refusals_says_where_they_are_recorded() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let pay = |name: &str, day| {
        batch_command::Command::SchedulePayment(schedule(name, "a-1", "310.00", day))
    };
    let answer = town.batch(vec![pay("past", "2026-03-31")]).await.unwrap();
    let Some(batch_result::Outcome::Error(status)) = &answer.results[0].outcome else {
        unreachable!("{answer:?}")
    };
    let refused = Refused::of_command(status);
    assert_eq!(
        (refused.reason.as_str(), refused.subject.as_str()),
        ("DATE_IN_PAST", "accounts/a-1")
    );
    assert_eq!(answer.position, town.head().await.unwrap());
    assert_eq!(refused.fact("position"), answer.position.to_string());
    let unknown = receive("wire", "nobody", Channel::Wire, "1.00", "2026-04-01");
    let unknown = town.batch(vec![batch_command::Command::ReceivePayment(unknown)]).await.unwrap();
    assert_eq!(unknown.position, 0);
}

fn told(outcome: &batch_result::Outcome) -> String {
    use batch_result::Outcome;
    let replayed =
        |word: &str, replayed: bool| format!("{word}{}", if replayed { ", replayed" } else { "" });
    match outcome {
        Outcome::Error(status) => Refused::of_command(status).reason,
        Outcome::OpenAccount(answer) => replayed("opened", answer.replayed),
        Outcome::SchedulePayment(answer) => replayed("scheduled", answer.replayed),
        Outcome::CancelPayment(answer) => replayed("cancelled", answer.replayed),
        Outcome::ReceivePayment(answer) => replayed("received", answer.replayed),
        other @ (Outcome::AssessFee(_)
        | Outcome::WaiveFee(_)
        | Outcome::ReturnPayment(_)
        | Outcome::ReinstatePayment(_)
        | Outcome::RecordLien(_)
        | Outcome::ReleaseLien(_)
        | Outcome::RefundCredit(_)
        | Outcome::SettlePayment(_)
        | Outcome::SettleRefund(_)
        | Outcome::ReturnRefund(_)
        | Outcome::ChangeRate(_)
        | Outcome::AdjustPrincipal(_)
        | Outcome::GrantExtension(_)
        | Outcome::ChangeDueDate(_)
        | Outcome::ChargeOff(_)
        | Outcome::ReturnVehicle(_)) => {
            unreachable!("{other:?}")
        }
    }
}
