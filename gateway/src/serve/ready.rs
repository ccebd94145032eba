//! Whether the service is ready, looked at again and again: what made it ready may pass.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::causes::with_causes;
use ledger::engine::{Engine, EngineError};
use ledger::envelope::Position;
use projections::{Progress, Projections};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::convert::time::rfc3339;
use crate::scrub::LogWatch;
use crate::server::Readiness;

/// How far the read models may be behind the log: a few large batches. Reads that must not be
/// behind say so by their `min_position`.
const LAG_EVENTS_MAX: u64 = 50_000;
/// How often the service looks whether it is ready, and for how long a start may leave it not ready
/// without a word.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why the service is not ready.
#[derive(Debug, thiserror::Error)]
enum NotReady {
    #[error("the log cannot be reached: {0}")]
    NoLog(String),
    #[error(
        "the clock shows {}, and the last recorded receipt is of {}: nothing is taken until then",
        rfc3339(*now),
        rfc3339(*last)
    )]
    ClockBehind { now: DateTime<Utc>, last: DateTime<Utc> },
    #[error("the read models have stopped at position {at}: {cause}")]
    Stopped { at: Position, cause: String },
    #[error(
        "the read models are at position {at}, and have not come to where the log ended: {head}"
    )]
    CatchingUp { at: Position, head: Position },
    #[error("the read models are at position {at}, far behind the log, which ends at {head}")]
    FarBehind { at: Position, head: Position },
    #[error("the read models are being looked at, or built anew")]
    NotAnswering,
}

/// Says whether the service is ready, for as long as it runs. It is not before the read models hold
/// what the log held at the start.
pub(super) async fn keep_readiness(
    engine: Engine,
    models: Projections,
    log: LogWatch,
    health: Readiness,
) {
    let started = Instant::now();
    // By itself: it may hold what the looks need, who wait for it between two of its steps.
    let mut first = JoinSet::new();
    let (store, reads) = (Arc::clone(engine.store()), models.clone());
    first.spawn(async move {
        if let Ok(head) = store.head().await {
            // A feed that has stopped is seen below.
            let _ = reads.wait_for(head).await;
        }
    });
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut said = None;
    loop {
        tokio::select! {
            Some(_) = first.join_next() => {}
            _ = looks.tick() => {}
        }
        let state = look(&engine, &models, first.is_empty()).await;
        let kind = state.as_ref().map(drop).map_err(discriminant);
        // What a start passes through in a moment is not worth a word.
        let is_worth_it = state.is_ok() || started.elapsed() >= LOOK_EVERY;
        if said != Some(kind) && is_worth_it {
            said = Some(kind);
            match &state {
                Ok(()) => tracing::info!("the service is ready"),
                Err(why) => tracing::warn!(reason = %why, "the service is not ready"),
            }
        }
        health.set(state.is_ok()).await;
        health.set_log(log.findings().damages.is_empty()).await;
    }
}

async fn look(engine: &Engine, models: &Projections, has_come: bool) -> Result<(), NotReady> {
    let head = engine.store().head().await;
    let head = head.map_err(|error| NotReady::NoLog(with_causes(&error)))?;
    if !engine.clock_is_right()
        && let Err(EngineError::ClockBehind { now, last }) = engine.receive()
    {
        return Err(NotReady::ClockBehind { now, last });
    }
    follow(&models.progress(), head, has_come)?;
    if models.answers() { Ok(()) } else { Err(NotReady::NotAnswering) }
}

/// Do the read models follow the log well enough?
fn follow(reads: &Progress, head: Position, has_come: bool) -> Result<(), NotReady> {
    let at = reads.position;
    if let Some(failure) = &reads.failure {
        return Err(NotReady::Stopped { at, cause: with_causes(&**failure) });
    }
    if head.0.saturating_sub(at.0) > LAG_EVENTS_MAX {
        return Err(NotReady::FarBehind { at, head });
    }
    if has_come { Ok(()) } else { Err(NotReady::CatchingUp { at, head }) }
}

#[cfg(test)]
mod tests {
    use projections::error::FeedError;

    use super::*;

    #[test]
    fn the_service_is_ready_while_its_read_models_follow() {
        let at = |position: u64| Progress { position: Position(position), failure: None };
        let stopped = Progress { failure: Some(Arc::new(FeedError::Ended)), ..at(9) };
        let head = Position(LAG_EVENTS_MAX + 9);
        assert!(follow(&at(9), head, true).is_ok());
        assert!(follow(&at(head.0), Position(9), true).is_ok());
        assert!(matches!(follow(&at(9), head, false), Err(NotReady::CatchingUp { .. })));
        let far = follow(&at(8), head, true).unwrap_err().to_string();
        assert!(far.contains("position 8") && far.contains(&head.to_string()), "{far}");
        assert!(matches!(follow(&stopped, Position(9), true), Err(NotReady::Stopped { .. })));
    }
}
