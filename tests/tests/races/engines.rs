//! Engines on a store that is slow, loses answers, or serves another engine too.

use std::sync::Arc;

use chrono::Duration;
use gateway::cycles::Cycles;
use ledger::cycles::cutoff::{RunItem, RunOutcome, WindowKey};
use ledger::domain::account::commands::{Command, SchedulePayment};
use ledger::domain::product::Product;
use ledger::engine::EngineError;
use ledger::envelope::Position;
use ledger::store::EventStore;
use projections::{Options, Projections};
use proto::payledger::v1::ErrorReason;
use tempfile::TempDir;
use tests::requests::instant;
use tokio::task::JoinSet;

use crate::desk::{Desk, asked, engine_on, pay, payment_of};
use crate::faults::Fault;

const BEFORE: &str = "2026-03-03T14:59:59.900-05:00";
const STARTS: &str = "2026-03-03T15:00:06-05:00";

fn at_three() -> WindowKey {
    let (product, date) = (Product::AutoLoan, "2026-03-03".parse().unwrap());
    WindowKey { product, date, window: "15:00".parse().unwrap() }
}

/// A runner with read models of its own, and where they are.
async fn runner_of(desk: &Desk) -> (Cycles, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let port: Arc<dyn EventStore> = desk.store.clone();
    let reads = Projections::open(folder.path(), port, Options::default()).await.unwrap();
    (Cycles::new(desk.engine.clone(), reads), folder)
}

/// Lets everything that can go on do so.
async fn yield_often() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cancel_in_time_wins_over_the_run_however_late_it_commits() {
    let desk = Desk::new().await;
    let payment = payment_of(&desk.execute("pay", pay("310.00")).await.unwrap());
    desk.engine.clock().set(instant(BEFORE)).unwrap();
    desk.store.plan("PaymentCancelled", Fault::Waits);
    let request = asked(&desk.engine, "cancel", Command::CancelPayment { payment });
    let engine = desk.engine.clone();
    let cancel = tokio::spawn(async move { engine.execute(request).await });
    desk.store.somebody_waits().await;

    desk.engine.clock().set(instant(STARTS)).unwrap();
    let (cycles, _folder) = runner_of(&desk).await;
    let run = tokio::spawn(async move { cycles.run_window(at_three()).await });
    yield_often().await;
    assert!(!run.is_finished() && !cancel.is_finished());
    desk.store.open_gate();
    cancel.await.unwrap().unwrap();
    let run = run.await.unwrap().unwrap();
    let seal = run.seals.first().unwrap();
    assert_eq!((seal.applied_count, seal.cancelled_count), (0, 1));
    assert_eq!(desk.count("PaymentApplied").await, 0);
}

/// What is sealed after payments were applied may be all that is missing.
#[tokio::test]
async fn a_run_that_applied_payments_and_broke_off_does_not_say_that_nothing_was_written() {
    let desk = Desk::new().await;
    desk.execute("pay", pay("310.00")).await.unwrap();
    desk.engine.clock().set(instant(STARTS)).unwrap();
    let (cycles, _folder) = runner_of(&desk).await;
    desk.store.plan("PaymentApplied", Fault::WrittenThenDown);
    let failure = cycles.run_window(at_three()).await.unwrap_err();
    assert_eq!(failure.reason(), ErrorReason::OutcomeUnknown);
    // Of one that comes to no payment it is true.
    let failure = cycles.run_window(at_three()).await.unwrap_err();
    assert_eq!(failure.reason(), ErrorReason::StoreUnavailable);
    desk.store.set_down(false);
    let run = cycles.run_window(at_three()).await.unwrap();
    assert_eq!(run.seals.first().unwrap().applied_count, 1);
    assert_eq!(desk.count("PaymentApplied").await, 1);
}

#[tokio::test]
async fn a_command_that_is_not_decided_in_time_is_refused_and_writes_nothing() {
    let desk = Desk::new().await;
    for (age, taken) in [(Duration::seconds(5), true), (Duration::milliseconds(5001), false)] {
        let name = format!("pay after {age}");
        let request = asked(&desk.engine, &name, pay("310.00"));
        let now = desk.engine.clock().now() + age;
        desk.engine.clock().set(now).unwrap();
        let head = desk.head().await;
        match desk.engine.execute(request).await {
            Ok(_) => assert!(taken && desk.head().await > head),
            Err(error) => {
                assert!(!taken && matches!(error, EngineError::Stale { .. }), "{error}");
                assert_eq!(desk.head().await, head);
            }
        }
        assert!(desk.execute(&name, pay("310.00")).await.is_ok(), "received anew");
    }
}

#[tokio::test]
async fn a_repeat_is_answered_however_old_its_receipt_is() {
    let desk = Desk::new().await;
    desk.execute("pay", pay("310.00")).await.unwrap();
    let request = asked(&desk.engine, "pay", pay("310.00"));
    let later = desk.engine.clock().now() + Duration::minutes(1);
    desk.engine.clock().set(later).unwrap();
    assert!(desk.engine.execute(request).await.unwrap().replayed);
}

#[tokio::test]
async fn who_hangs_up_before_his_turn_takes_it_along_and_after_it_changes_nothing() {
    // A command alone, a batch, and a batch that has a thread of its own.
    for count in [1, 2, 64] {
        let desk = Desk::new().await;
        let early = |n| asked(&desk.engine, &format!("early {n}"), pay("1.00"));
        let early: Vec<_> = (0..20 * count).map(early).collect();
        let later = instant("2026-03-03T09:00:01-05:00");
        desk.engine.clock().set(later).unwrap();
        desk.store.plan("PaymentScheduled", Fault::Waits);
        let mut calls = JoinSet::new();
        let (engine, first) = (desk.engine.clone(), asked(&desk.engine, "first", pay("1.00")));
        calls.spawn(async move { vec![engine.execute(first).await] });
        desk.store.somebody_waits().await;
        for requests in early.chunks(count) {
            let (engine, mut requests) = (desk.engine.clone(), requests.to_vec());
            calls.spawn(async move {
                if count == 1 {
                    vec![engine.execute(requests.remove(0)).await]
                } else {
                    engine.execute_batch(requests).await
                }
            });
        }
        drop(early);
        let engine = desk.engine.clone();
        let settled = tokio::spawn(async move { engine.concluded_before(later).await });
        yield_often().await;
        assert!(!settled.is_finished());
        calls.shutdown().await;
        yield_often().await;
        assert!(settled.is_finished(), "nothing that was given up is waited for");
        desk.store.open_gate();
        desk.execute("last", pay("1.00")).await.unwrap();
        assert_eq!(desk.count("PaymentScheduled").await, 2, "the first and the last, of {count}");
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_in_the_stream() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::AnswerLost);
    let first = desk.execute("pay", pay("310.00")).await.unwrap();
    assert_eq!(first.position, desk.head().await);
    let again = desk.execute("pay", pay("310.00")).await.unwrap();
    assert_eq!((again.position, again.replayed), (first.position, true));
    assert_eq!(desk.count("PaymentScheduled").await, 1);

    desk.store.plan("RequestRefused", Fault::AnswerLost);
    let past = Command::SchedulePayment(SchedulePayment {
        amount: "1.00".parse().unwrap(),
        payment_date: "2026-03-02".parse().unwrap(),
        funding: None,
        allow_duplicate: true,
        payoff_quote: None,
    });
    let refused = desk.execute("refused", past).await.unwrap_err();
    assert!(matches!(refused, EngineError::Refused { .. }), "{refused}");
    assert_eq!(desk.count("RequestRefused").await, 1);
}

#[tokio::test]
async fn a_write_that_was_lost_is_unknown_and_its_retry_writes_it_once() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::WriteLost);
    let head = desk.head().await;
    let unknown = desk.execute("pay", pay("310.00")).await.unwrap_err();
    assert!(matches!(unknown, EngineError::Indeterminate(_)), "{unknown}");
    assert_eq!(desk.head().await, head);
    assert!(!desk.execute("pay", pay("310.00")).await.unwrap().replayed);
    assert_eq!(desk.count("PaymentScheduled").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_on_one_log_never_write_past_each_other() {
    let desk = Desk::new().await;
    let other = engine_on(&desk.store, desk.engine.clock().now()).await;
    let mut tasks = JoinSet::new();
    for (name, engine) in [("one", &desk.engine), ("other", &other)] {
        for lane in 0..4 {
            let engine = engine.clone();
            tasks.spawn(async move {
                for n in 0..10 {
                    // Every second request is sent through both gateways.
                    let shared = format!("shared {lane} {n}");
                    let own = format!("{name} {lane} {n}");
                    for request in [shared, own] {
                        // One that lost every attempt to the other gateway wrote nothing, and is
                        // sent again as its contract says.
                        while let Err(error) =
                            engine.execute(asked(&engine, &request, pay("1.00"))).await
                        {
                            assert!(matches!(error, EngineError::Contended), "{error:?}");
                        }
                    }
                }
            });
        }
    }
    tasks.join_all().await;
    assert_eq!(desk.count("PaymentScheduled").await, 4 * 10 * 3);
    let events = desk.store.read_all(Position::START, usize::MAX).await.unwrap();
    let versions = events.iter().filter(|event| event.stream.to_string() == "account-a-1");
    assert!(versions.map(|event| event.version.0).eq(1..=121));
    let fresh = engine_on(&desk.store, desk.engine.clock().now()).await;
    let account = fresh.account(&"a-1".parse().unwrap(), None).await.unwrap().unwrap();
    assert_eq!(account.open().unwrap().payments.len(), 120);
}

#[tokio::test]
async fn a_window_is_not_sealed_again_over_items_read_before_its_last_seal() {
    let desk = Desk::new().await;
    let (product, date) = (Product::AutoLoan, "2026-03-03".parse().unwrap());
    let key = WindowKey { product, date, window: "15:00".parse().unwrap() };
    let item = RunItem {
        payment: "5b0f7d8e-6f5c-5a39-9d0c-0f1a2b3c4d5e".parse().unwrap(),
        outcome: RunOutcome::Applied,
        amount: "310.00".parse().unwrap(),
    };
    let (first, position) = desk.engine.seal_window(key, 0, vec![item]).await.unwrap();
    let again = desk.engine.seal_window(key, 0, vec![item]).await;
    assert!(matches!(again, Err(EngineError::Contended)), "{again:?}");
    let unchanged = desk.engine.seal_window(key, 1, Vec::new()).await.unwrap();
    assert_eq!(unchanged, (first.clone(), position));
    assert_eq!(desk.engine.window_seals(&key).await.unwrap(), [first]);
}

#[tokio::test]
async fn a_full_queue_is_told_as_such_and_costs_no_new_reading() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::QueueFull);
    let reads = desk.store.stream_reads();
    let head = desk.head().await;
    let refused = desk.execute("pay", pay("310.00")).await;
    assert!(matches!(refused, Err(EngineError::Overloaded)), "{refused:?}");
    assert_eq!(desk.head().await, head);
    assert!(!desk.execute("pay", pay("310.00")).await.unwrap().replayed);
    assert_eq!((desk.store.stream_reads(), desk.count("PaymentScheduled").await), (reads, 1));
}

#[tokio::test]
async fn a_command_that_is_too_old_opens_no_accounting_day() {
    let desk = Desk::new().await;
    desk.engine.clock().set(instant("2026-03-04T09:00:00-05:00")).unwrap();
    let request = asked(&desk.engine, "pay", pay("310.00"));
    desk.engine.clock().set(instant("2026-03-04T09:00:06-05:00")).unwrap();
    let head = desk.head().await;
    let refused = desk.engine.execute(request).await;
    assert!(matches!(refused, Err(EngineError::Stale { .. })), "{refused:?}");
    assert_eq!(desk.head().await, head);
}
