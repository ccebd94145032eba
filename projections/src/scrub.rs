//! Looking at all pages of the live read models: at the start, before anything is answered from
//! them, and in the background.

use std::num::NonZeroU64;
use std::sync::Weak;
use std::time::Duration;

use ledger::causes::with_causes;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::ProjectionError;
use crate::generation::Generation;
use crate::opening::blocking;
use crate::pages::{Look, STEP_BYTES, changed};
use crate::projections::{Projections, Shared};

/// Looks at all pages of `generation`, so many bytes a second or as fast as it can, and says of it
/// what was found. Damaged, it is built anew. Ends early if it is not needed any more.
pub(crate) async fn pass(
    shared: Weak<Shared>,
    generation: Weak<Generation>,
    bytes_a_second: Option<NonZeroU64>,
) {
    let found = look_at_all(&generation, bytes_a_second).await;
    let Some(generation) = generation.upgrade() else { return };
    match found {
        Ok(None) => generation.seen(true),
        Ok(Some(page)) => {
            generation.seen(false);
            if let Some(shared) = shared.upgrade() {
                let cause = with_causes(&changed(page));
                Projections::of(shared).replace_damaged(&generation, &cause);
            }
        }
        Err(error) => {
            // The look was whole: what cannot be read counts as damaged. Its sums are not stored.
            let error = with_causes(&error);
            tracing::warn!(error, "the look at the pages of the read models did not end in order");
            generation.seen(true);
        }
    }
}

/// Gives the number of the first page that is not as it was written.
async fn look_at_all(
    generation: &Weak<Generation>,
    bytes_a_second: Option<NonZeroU64>,
) -> Result<Option<usize>, ProjectionError> {
    let mut steps = bytes_a_second.map(|rate| {
        let nanos = STEP_BYTES.saturating_mul(1_000_000_000).div_ceil(rate.get());
        let mut steps = interval(Duration::from_nanos(nanos));
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        steps
    });
    let mut from = 0;
    loop {
        if let Some(steps) = &mut steps {
            steps.tick().await;
        }
        let generation = Weak::clone(generation);
        let look = blocking(move || match generation.upgrade() {
            Some(generation) => generation.look(from),
            None => Ok(Look::Whole),
        });
        match look.await? {
            Look::On(next) => from = next,
            Look::Whole => return Ok(None),
            Look::Damaged(page) => return Ok(Some(page)),
        }
    }
}
