//! An engine on a faulty store, and what is asked of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use gateway::convert::commands::Mutation as _;
use ledger::clock::Clock;
use ledger::domain::account::commands::{Command, SchedulePayment};
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{Answer, Engine, EngineError, Request};
use ledger::envelope::Position;
use ledger::ids::{Actor, PaymentId, RequestId};
use ledger::store::EventStore;
use tests::requests::{auto_loan, instant};

use crate::faults::Faulty;

/// An engine on a faulty store, with an account "a-1".
pub(crate) struct Desk {
    pub(crate) store: Arc<Faulty>,
    pub(crate) engine: Engine,
}

pub(crate) async fn engine_on(store: &Arc<Faulty>, at: DateTime<Utc>) -> Engine {
    let port: Arc<dyn EventStore> = store.clone();
    Engine::start(port, Arc::new(Clock::set_to(at)), Rulebook::built_in()).await.unwrap()
}

pub(crate) fn asked(engine: &Engine, name: &str, command: Command) -> Request {
    Request {
        account: "a-1".parse().unwrap(),
        request_id: RequestId::derived("a test", name),
        actor: Actor::unnamed(),
        receipt: engine.receive().unwrap(),
        command,
    }
}

pub(crate) fn pay(amount: &str) -> Command {
    Command::SchedulePayment(SchedulePayment {
        amount: amount.parse().unwrap(),
        payment_date: "2026-03-03".parse().unwrap(),
        funding: None,
        allow_duplicate: true,
        payoff_quote: None,
    })
}

pub(crate) fn payment_of(answer: &Answer) -> PaymentId {
    answer.account.open().unwrap().payments.keys().last().unwrap()
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let store = Arc::new(Faulty::new());
        let engine = engine_on(&store, instant("2026-03-03T09:00:00-05:00")).await;
        let open = auto_loan("a-1").asked().unwrap().command;
        engine.execute(asked(&engine, "open", open)).await.unwrap();
        Self { store, engine }
    }

    pub(crate) async fn execute(
        &self,
        name: &str,
        command: Command,
    ) -> Result<Answer, EngineError> {
        self.engine.execute(asked(&self.engine, name, command)).await
    }

    pub(crate) async fn head(&self) -> Position {
        self.store.head().await.unwrap()
    }

    pub(crate) async fn count(&self, kind: &str) -> usize {
        let events = self.store.read_all(Position::START, usize::MAX).await.unwrap();
        events.iter().filter(|event| event.kind == kind).count()
    }
}
