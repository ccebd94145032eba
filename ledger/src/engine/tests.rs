//! The engine on a store in memory and a clock that is set.

mod explain;
mod gateways;
mod known;
mod older;
mod previews;
mod unreadable;
mod written;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Answer, Engine, EngineError, Receipt, Request};
use crate::clock::Clock;
use crate::domain::account::commands::{Command, ReceivePayment};
use crate::domain::account::scenarios::loan;
use crate::domain::product::Channel;
use crate::domain::recovery::events::{CommitsLost, KnownBy, LossCause};
use crate::domain::rulebook::Rulebook;
use crate::envelope::Position;
use crate::ids::{AccountId, Actor, RequestId};
use crate::store::memory::Memory;

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn account_id() -> AccountId {
    "a-1".parse().unwrap()
}

/// An engine with the loan of the worked examples, opened on 1 March 2026 as "a-1".
async fn engine() -> Engine {
    let clock = Arc::new(Clock::set_to(instant("2026-03-01T09:00:00-05:00")));
    let engine = Engine::start(Arc::new(Memory::new()), clock, Rulebook::built_in()).await.unwrap();
    execute(&engine, "open", Command::OpenAccount { terms: loan(), lien: None }).await.unwrap();
    engine
}

fn request(name: &str, receipt: Receipt, command: Command) -> Request {
    let request_id = RequestId::derived("a test", name);
    Request { account: account_id(), request_id, actor: Actor::unnamed(), receipt, command }
}

async fn execute(engine: &Engine, name: &str, command: Command) -> Result<Answer, EngineError> {
    engine.execute(request(name, engine.receive()?, command)).await
}

fn at(engine: &Engine, text: &str) {
    engine.clock().set(instant(text)).unwrap();
}

fn receive(amount: &str, on: &str) -> Command {
    Command::ReceivePayment(ReceivePayment {
        channel: Channel::Mail,
        amount: amount.parse().unwrap(),
        received_date: on.parse().unwrap(),
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: false,
        payoff_quote: None,
        preview: None,
    })
}

fn lost() -> CommitsLost {
    CommitsLost {
        cause: LossCause::Restore,
        position: Position(3),
        chain: String::new(),
        known_position: Position(4),
        known_chain: None,
        known_by: KnownBy::Operator,
        source: "a backup".to_owned(),
        affected: None,
    }
}
