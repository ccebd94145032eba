//! Engines on a store that is slow, loses answers, or serves another engine too.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use gateway::convert::commands::Mutation as _;
use gateway::cycles::Cycles;
use ledger::clock::Clock;
use ledger::cycles::cutoff::WindowKey;
use ledger::domain::account::commands::Command;
use ledger::domain::product::Product;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{Answer, Engine, EngineError, Request};
use ledger::envelope::Position;
use ledger::ids::{Actor, PaymentId, RequestId};
use ledger::store::EventStore;
use projections::{Options, Projections};
use tests::requests::{auto_loan, instant};

use crate::faults::{Fault, Faulty};

const BEFORE: &str = "2026-03-03T14:59:59.900-05:00";
const STARTS: &str = "2026-03-03T15:00:06-05:00";

/// An engine on a faulty store, with an account "a-1".
struct Desk {
    store: Arc<Faulty>,
    engine: Engine,
}

async fn engine_on(store: &Arc<Faulty>, at: DateTime<Utc>) -> Engine {
    let port: Arc<dyn EventStore> = store.clone();
    Engine::start(port, Arc::new(Clock::set_to(at)), Rulebook::built_in()).await.unwrap()
}

fn asked(engine: &Engine, name: &str, command: Command) -> Request {
    Request {
        account: "a-1".parse().unwrap(),
        request_id: RequestId::derived("a test", name),
        actor: Actor::unnamed(),
        receipt: engine.receive().unwrap(),
        command,
    }
}

fn pay(amount: &str) -> Command {
    Command::SchedulePayment {
        amount: amount.parse().unwrap(),
        payment_date: "2026-03-03".parse().unwrap(),
        funding: None,
        allow_duplicate: true,
    }
}

fn payment_of(answer: &Answer) -> PaymentId {
    let mut payments = answer.account.open().unwrap().payments.keys().copied();
    payments.next_back().unwrap()
}

impl Desk {
    async fn new() -> Self {
        let store = Arc::new(Faulty::new());
        let engine = engine_on(&store, instant("2026-03-03T09:00:00-05:00")).await;
        let open = auto_loan("a-1").asked().unwrap().command;
        engine.execute(asked(&engine, "open", open)).await.unwrap();
        Self { store, engine }
    }

    async fn execute(&self, name: &str, command: Command) -> Result<Answer, EngineError> {
        self.engine.execute(asked(&self.engine, name, command)).await
    }

    async fn head(&self) -> Position {
        self.store.head().await.unwrap()
    }

    async fn count(&self, kind: &str) -> usize {
        let events = self.store.read_all(Position::START, usize::MAX).await.unwrap();
        events.iter().filter(|event| event.kind == kind).count()
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
    let folder = tempfile::tempdir().unwrap();
    let port: Arc<dyn EventStore> = desk.store.clone();
    let reads = Projections::open(folder.path(), port, Options::default()).await.unwrap();
    let cycles = Cycles::new(desk.engine.clone(), reads);
    let (product, date) = (Product::AutoLoan, "2026-03-03".parse().unwrap());
    let key = WindowKey { product, date, window: "15:00".parse().unwrap() };
    let run = tokio::spawn(async move { cycles.run_window(key).await });
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(!run.is_finished() && !cancel.is_finished());
    desk.store.open_gate();
    cancel.await.unwrap().unwrap();
    let run = run.await.unwrap().unwrap();
    let seal = run.seals.first().unwrap();
    assert_eq!((seal.applied_count, seal.cancelled_count), (0, 1));
    assert_eq!(desk.count("PaymentApplied").await, 0);
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
async fn an_answer_that_was_lost_is_found_in_the_stream() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::AnswerLost);
    let first = desk.execute("pay", pay("310.00")).await.unwrap();
    assert_eq!(first.position, desk.head().await);
    let again = desk.execute("pay", pay("310.00")).await.unwrap();
    assert_eq!((again.position, again.replayed), (first.position, true));
    assert_eq!(desk.count("PaymentScheduled").await, 1);

    desk.store.plan("RequestRefused", Fault::AnswerLost);
    let past = Command::SchedulePayment {
        amount: "1.00".parse().unwrap(),
        payment_date: "2026-03-02".parse().unwrap(),
        funding: None,
        allow_duplicate: true,
    };
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

#[tokio::test]
async fn a_batch_whose_answers_are_lost_is_settled_command_by_command() {
    let desk = Desk::new().await;
    desk.store.plan("PaymentScheduled", Fault::AnswerLost);
    let requests = (0..5).map(|n| asked(&desk.engine, &format!("pay {n}"), pay("310.00")));
    let answers = desk.engine.execute_batch(requests.collect()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(desk.count("PaymentScheduled").await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_on_one_log_never_write_past_each_other() {
    let desk = Desk::new().await;
    let other = engine_on(&desk.store, desk.engine.clock().now()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for (name, engine) in [("one", &desk.engine), ("other", &other)] {
        for lane in 0..4 {
            let engine = engine.clone();
            tasks.spawn(async move {
                for n in 0..10 {
                    // Every second request is sent through both gateways.
                    let shared = format!("shared {lane} {n}");
                    let own = format!("{name} {lane} {n}");
                    for request in [shared, own] {
                        engine.execute(asked(&engine, &request, pay("1.00"))).await.unwrap();
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
