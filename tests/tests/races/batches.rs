//! Batches on a store that loses answers and writes, is full, goes down, or has another writer.

use ledger::engine::{Answer, EngineError, ROUND_COMMANDS};

use crate::desk::{Desk, asked, engine_on, pay};
use crate::faults::Fault;

type Outcome = Result<Answer, EngineError>;

impl Desk {
    /// Schedules `count` payments in one batch, always under the same names.
    async fn pay_all(&self, count: usize) -> Vec<Outcome> {
        let requests = (0..count).map(|n| asked(&self.engine, &format!("pay {n}"), pay("310.00")));
        self.engine.execute_batch(requests.collect()).await
    }
}

#[tokio::test]
async fn a_batch_whose_answers_are_lost_is_settled_command_by_command() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::AnswerLost);
    let requests = (0..5).map(|n| asked(&desk.engine, &format!("pay {n}"), pay("310.00")));
    let answers = desk.engine.execute_batch(requests.collect()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(desk.count("PaymentScheduled").await, 5);
}

#[tokio::test]
async fn a_batch_whose_answers_are_lost_for_good_is_not_told_that_nothing_was_written() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::AnswerLostThenDown);
    let answers = desk.pay_all(1).await;
    assert!(matches!(answers[..], [Err(EngineError::Indeterminate(_))]), "{answers:?}");
    desk.store.set_down(false);
    let answers = desk.pay_all(1).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().replayed), "{answers:?}");
    assert_eq!(desk.count("PaymentScheduled").await, 1);
}

#[tokio::test]
async fn what_follows_a_lost_write_is_not_decided_while_that_may_still_arrive() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::WriteLost);
    let head = desk.head().await;
    let answers = desk.pay_all(2 * ROUND_COMMANDS).await;
    let unknown = |answer: &Outcome| matches!(answer, Err(EngineError::Indeterminate(_)));
    assert!(answers.len() == 2 * ROUND_COMMANDS && answers.iter().all(unknown), "{answers:?}");
    assert_eq!(desk.head().await, head);
    let answers = desk.pay_all(2 * ROUND_COMMANDS).await;
    assert!(answers.iter().all(|answer| !answer.as_ref().unwrap().replayed), "{answers:?}");
    assert_eq!(desk.count("PaymentScheduled").await, 2 * ROUND_COMMANDS);
}

#[tokio::test]
async fn a_lost_write_that_another_writer_overtook_is_decided_again_and_so_is_what_follows() {
    let desk = Desk::new().await;
    let other = engine_on(&desk.store, desk.engine.clock().now()).await;
    desk.store.plan("PaymentScheduled", Fault::WriteLostAtGate);
    let requests: Vec<_> =
        (0..3).map(|n| asked(&desk.engine, &format!("pay {n}"), pay("310.00"))).collect();
    let engine = desk.engine.clone();
    let batch = tokio::spawn(async move { engine.execute_batch(requests).await });
    desk.store.somebody_waits().await;
    other.execute(asked(&other, "other", pay("1.00"))).await.unwrap();
    desk.store.open_gate();
    let answers = batch.await.unwrap();
    let positions: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().unwrap().position).collect();
    assert!(positions.is_sorted() && positions.len() == 3, "{positions:?}");
    assert_eq!(desk.count("PaymentScheduled").await, 4);
}

#[tokio::test]
async fn a_batch_that_the_store_does_not_take_is_refused_and_not_tried_one_by_one() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::QueueFull);
    let (head, reads) = (desk.head().await, desk.store.stream_reads());
    let answers = desk.pay_all(2 * ROUND_COMMANDS).await;
    let full = |answer: &Outcome| matches!(answer, Err(EngineError::Overloaded));
    assert!(answers.len() == 2 * ROUND_COMMANDS && answers.iter().all(full), "{answers:?}");
    assert_eq!((desk.head().await, desk.store.stream_reads()), (head, reads));
    assert!(desk.pay_all(2 * ROUND_COMMANDS).await.iter().all(Result::is_ok));
    assert_eq!(desk.store.stream_reads(), reads, "what is cached is right still");
}

#[tokio::test]
async fn a_long_batch_on_one_account_goes_in_rounds_and_in_order() {
    let desk = Desk::new().await;
    let count = 3 * ROUND_COMMANDS + 1;
    let answers = desk.pay_all(count).await;
    let head = desk.head().await;
    let payments =
        |answer: &Outcome| answer.as_ref().unwrap().account.open().unwrap().payments.len();
    let seen: Vec<_> = answers.iter().map(payments).collect();
    assert_eq!(seen, (1..=count).collect::<Vec<_>>(), "each sees those before it, and itself");
    assert_eq!(answers.last().unwrap().as_ref().unwrap().position, head);
    assert_eq!(desk.store.most_appends(), ROUND_COMMANDS);
    let again = desk.pay_all(count).await;
    for (first, again) in answers.iter().zip(&again) {
        let (first, again) = (first.as_ref().unwrap(), again.as_ref().unwrap());
        assert!(again.replayed && again.position == first.position);
    }
}

#[test]
fn large_batches_leave_threads_to_read_what_they_wait_for() {
    // More batches than threads, of which those that wait for an account hold one each.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(20).build().unwrap();
    runtime.block_on(async {
        let desk = Desk::new().await;
        let cold = engine_on(&desk.store, desk.engine.clock().now()).await;
        let mut batches = tokio::task::JoinSet::new();
        for batch in 0..40 {
            let pay = |n| asked(&cold, &format!("pay {batch} {n}"), pay("1.00"));
            let mut requests: Vec<_> = (0..64).map(pay).collect();
            for request in &mut requests[1..] {
                request.account = "nobody".parse().unwrap();
            }
            let cold = cold.clone();
            batches.spawn(async move { cold.execute_batch(requests).await });
        }
        let answers = batches.join_all().await;
        assert_eq!(answers.iter().flatten().filter(|answer| answer.is_ok()).count(), 40);
        assert_eq!(desk.count("PaymentScheduled").await, 40);
    });
}

#[tokio::test]
async fn a_batch_tells_its_outcomes_by_place_however_they_came_about() {
    let desk = Desk::new().await;
    let mut requests: Vec<_> =
        ["a", "b", "a"].map(|name| asked(&desk.engine, name, pay("310.00"))).into();
    requests[1].account = "nobody".parse().unwrap();
    let told = desk.engine.execute_batch_with(requests, |place, _, outcome| {
        (place, outcome.map(|answer| answer.replayed).map_err(|error| error.to_string()))
    });
    let missing = Err("account nobody not found".to_owned());
    assert_eq!(told.await.unwrap(), [(0, Ok(false)), (1, missing), (2, Ok(true))]);
}
