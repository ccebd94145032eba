//! What an engine reads and records before it takes its first request.

use super::{EngineError, Inner, fold};
use crate::envelope::Position;
use crate::store::patiently;

/// How many of the last events are asked for their receipts.
const RECEIPTS_READ: u64 = 1024;

impl Inner {
    /// Learns the last receipt and what was lost, and records the adoption of the rules and the
    /// first accounting day if they are not there.
    ///
    /// Each step reads first and writes only what is missing, so that a lost answer is settled by
    /// doing it all again.
    pub(super) async fn begin(&self) -> Result<(), EngineError> {
        let is_transient = |error: &EngineError| {
            matches!(error, EngineError::Indeterminate(_) | EngineError::Unavailable(_))
        };
        patiently(self.store.as_ref(), || self.try_to_begin(), is_transient).await
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
