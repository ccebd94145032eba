//! A log that ends before what was read from it: for a moment, as told by a node that does not know
//! yet that another one leads, or by an answer that was cut off; or for good, when the cluster was
//! restored from a backup that is older than what this gateway knows.

use std::time::Duration;

use tokio::time::Instant;

use super::broken::Broken;
use super::{Follower, place_of, unavailable};
use crate::envelope::Position;
use crate::store::ReadError;
use crate::store::eventstore::answers::{Failure, Found};
use crate::store::eventstore::ours::Taken;
use crate::store::eventstore::places::Place;

/// For how long the log has to end before what was read, at every look, until that is believed:
/// longer than a leader that was cut off takes to notice.
const BELIEVED_AFTER: Duration = Duration::from_secs(5);

/// Why there is no answer while it may be for a moment only.
pub(super) fn lags() -> ReadError {
    let cause = "the node that answers has not got what was read before";
    ReadError::Unavailable(cause.into())
}

impl Follower {
    /// What is told if the log has nothing from `seen` on, which was read last.
    pub(super) async fn falls_short(&self, seen: Place) -> ReadError {
        let end = match self.wire.end(Taken::Log).await {
            Ok(end) => end,
            Err(failure) => return self.unanswered(failure),
        };
        let is_short = end.as_ref().is_none_or(|end| end.commit < seen.commit);
        let known = {
            let mut numbered = self.numbered();
            match numbered.short_since {
                _ if !is_short => {
                    numbered.short_since = None;
                    return lags();
                }
                None => {
                    numbered.short_since = Some(Instant::now());
                    // The next look is by a connection of its own, to whoever leads then.
                    self.wire.renew();
                    return lags();
                }
                Some(since) if since.elapsed() < BELIEVED_AFTER => return lags(),
                Some(_) => numbered.places.head(),
            }
        };
        match self.position_of_end(end.as_ref()) {
            Some(head) => self.break_off(Broken::EndMissing { known, head }),
            None => self.differs(known),
        }
    }

    /// A look without an answer says nothing, and what was seen before it counts no more.
    pub(super) fn unanswered(&self, failure: Failure) -> ReadError {
        self.numbered().short_since = None;
        unavailable(failure)
    }

    /// The position of the log's last event, if it is one that was read.
    fn position_of_end(&self, end: Option<&Found>) -> Option<Position> {
        let Some(end) = end else { return Some(Position::START) };
        let numbered = self.numbered();
        let position = numbered.places.find(end.commit).ok().flatten()?;
        let there = numbered.places.get(position).ok().flatten();
        (there == Some(place_of(end))).then_some(position)
    }
}
