//! Two engines on one store: what one of them did or knows, the other has to look for.

use std::sync::Arc;

use super::super::{Engine, EngineError, RecoveryRequest};
use super::{at, engine, instant, lost, receive, request};
use crate::clock::Clock;
use crate::domain::account::commands::Command;
use crate::domain::recovery::Command as RecoveryCommand;
use crate::domain::rulebook::Rulebook;
use crate::ids::{Actor, RequestId};

async fn another(engine: &Engine, clock: &str) -> Engine {
    let (store, clock) = (Arc::clone(engine.store()), Arc::new(Clock::set_to(instant(clock))));
    Engine::start(store, clock, Rulebook::built_in()).await.unwrap()
}

#[tokio::test]
async fn a_batch_asks_whether_another_gateway_has_ended_the_hold() {
    let one = engine().await;
    let loss = one.record_loss(lost()).await.unwrap();
    let other = another(&one, "2026-03-01T09:00:00-05:00").await;
    let release = async |name: &str| {
        let release = request(name, other.receive().unwrap(), Command::ReleaseLien);
        other.execute_batch(vec![release]).await.remove(0)
    };
    let held = release("held").await;
    assert!(matches!(held, Err(EngineError::OriginationOnHold { .. })), "{held:?}");
    let approval = RecoveryRequest {
        request_id: RequestId::derived("a test", "approve"),
        actor: Actor::unnamed(),
        receipt: one.receive().unwrap(),
        command: RecoveryCommand::ApproveOrigination { loss, note: "looked at".to_owned() },
    };
    one.recover(approval).await.unwrap();
    // There is no lien to release: it was decided.
    let decided = release("decided").await;
    assert!(matches!(decided, Err(EngineError::Refused { .. })), "{decided:?}");
}

#[tokio::test]
async fn a_loss_is_recorded_whatever_the_clock_shows() {
    let one = engine().await;
    at(&one, "2026-03-03T09:00:00-05:00");
    one.open_today().await.unwrap();
    let behind = another(&one, "2026-03-02T09:00:00-05:00").await;
    assert!(!behind.clock_is_right());
    let loss = behind.record_loss(lost()).await.unwrap();
    assert_eq!(behind.origination_on_hold().await.unwrap(), Some(loss));
}

#[tokio::test]
async fn a_batch_is_told_of_a_clock_that_is_behind_as_a_command_is() {
    let one = engine().await;
    at(&one, "2026-03-03T09:00:00-05:00");
    one.open_today().await.unwrap();
    let behind = another(&one, "2026-03-02T09:00:00-05:00").await;
    at(&one, "2026-03-04T09:00:00-05:00");
    // Its day is to be opened first, which needs a receipt of its own.
    let pay = |name: &str| request(name, one.receive().unwrap(), receive("310.00", "2026-03-03"));
    let mut told = behind.execute_batch(vec![pay("first"), pay("second")]).await;
    told.push(behind.execute(pay("third")).await);
    for told in told {
        assert!(matches!(told, Err(EngineError::ClockBehind { .. })), "{told:?}");
    }
}
