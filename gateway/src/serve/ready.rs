//! Whether the service is ready, looked at again and again: what made it ready may pass.

use std::time::Duration;

use ledger::engine::Engine;
use ledger::envelope::Position;
use projections::{Progress, Projections};

use crate::scrub::LogWatch;
use crate::server::Readiness;

/// How far the read models may be behind the log: a few large batches. Reads that must not be
/// behind say so by their `min_position`.
const LAG_EVENTS_MAX: u64 = 50_000;
/// How often the service looks whether it is ready.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Says whether the service is ready, for as long as it runs. It is not before the read models hold
/// what the log held at the start.
pub(super) async fn keep_readiness(
    engine: Engine,
    models: Projections,
    log: LogWatch,
    health: Readiness,
) {
    if let Ok(head) = engine.store().head().await {
        // A feed that has stopped is seen below.
        let _ = models.wait_for(head).await;
    }
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut last_said = false;
    loop {
        looks.tick().await;
        let ready = match engine.store().head().await {
            Ok(head) => {
                let follows = is_ready(&models.progress(), head, engine.clock_is_right());
                follows && models.answers()
            }
            Err(_) => false,
        };
        if ready != last_said {
            tracing::info!(ready, "whether the service is ready has changed");
            last_said = ready;
        }
        health.set(ready).await;
        health.set_log(log.findings().damages.is_empty()).await;
    }
}

fn is_ready(reads: &Progress, head: Position, clock_is_right: bool) -> bool {
    let lag = head.0.saturating_sub(reads.position.0);
    clock_is_right && reads.failure.is_none() && lag <= LAG_EVENTS_MAX
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use projections::error::FeedError;

    use super::*;

    #[test]
    fn the_service_is_ready_while_its_clock_is_right_and_its_read_models_follow() {
        let at = |position: u64| Progress { position: Position(position), failure: None };
        let stopped = Progress { failure: Some(Arc::new(FeedError::Ended)), ..at(9) };
        let head = Position(LAG_EVENTS_MAX + 9);
        assert!(is_ready(&at(9), head, true));
        assert!(is_ready(&at(head.0), Position(9), true));
        assert!(!is_ready(&at(8), head, true));
        assert!(!is_ready(&at(head.0), head, false));
        assert!(!is_ready(&stopped, Position(9), true));
    }
}
