//! What an engine reads and records before it takes its first request.

use std::time::Duration;

use super::{EngineError, Inner, fold};
use crate::causes::with_causes;
use crate::envelope::Position;

/// How often a beginning that a shared store did not answer is tried, and how long between two
/// attempts: for as long as opening the store waits.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// How many of the last events are asked for their receipts.
const RECEIPTS_READ: u64 = 1024;

impl Inner {
    /// Learns the last receipt and what was lost, and records the adoption of the rules and the
    /// first accounting day if they are not there.
    ///
    /// Each step reads first and writes only what is missing, so that a lost answer is settled by
    /// doing it all again. A store that nobody shares does not come back by itself.
    pub(super) async fn begin(&self) -> Result<(), EngineError> {
        let mut attempt = 1;
        loop {
            match self.try_to_begin().await {
                Err(error @ (EngineError::Indeterminate(_) | EngineError::Unavailable(_)))
                    if self.store.shared().is_some() && attempt < ATTEMPTS =>
                {
                    let error = with_causes(&error);
                    tracing::warn!(attempt, error, "no answer yet to what comes first");
                }
                done => return done,
            }
            attempt = attempt.saturating_add(1);
            // The highest position is never reached: what ends the pause early is a store that has
            // stopped for good.
            let stopped = self.store.wait_past(Position(u64::MAX));
            if let Ok(stopped) = tokio::time::timeout(PAUSE, stopped).await {
                stopped?;
            }
        }
    }

    async fn try_to_begin(&self) -> Result<(), EngineError> {
        self.learn_last_receipt().await?;
        self.refresh_recovery().await?;
        self.adopt_rules().await?;
        self.open_first_day().await
    }

    async fn learn_last_receipt(&self) -> Result<(), EngineError> {
        let head = self.store.head().await?;
        // Events are not recorded in the order of their receipts, but not far from it.
        let before = Position(head.0.saturating_sub(RECEIPTS_READ));
        for event in self.store.read_all(before, usize::MAX).await? {
            self.receipts.go_on_from(fold::metadata(&event)?.received_at);
        }
        Ok(())
    }
}
