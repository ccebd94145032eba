//! How often whoever follows by a filter is told how far the log was looked at.

use ledger::envelope::{Position, RecordedEvent};
use proto::event_store::client::streams::read_req::options::FilterOptions;
use proto::event_store::client::streams::read_req::options::filter_options::Window;

/// The window of a filter that names none, as on the server whose protocol it is.
const WINDOW_EVENTS: u32 = 32;

/// Counts the events that were looked at, whatever was sent of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// After how many events a checkpoint is due.
    every: u64,
    /// How many there were since the last one.
    looked_at: u64,
}

impl Pace {
    /// The pace that a filter asks for.
    pub(super) fn read(filter: &FilterOptions) -> Self {
        let window = match filter.window {
            Some(Window::Max(events)) => events,
            Some(Window::Count(_)) | None => WINDOW_EVENTS,
        };
        let times = filter.checkpoint_interval_multiplier;
        Self { every: u64::from(window).saturating_mul(times.into()).max(1), looked_at: 0 }
    }

    /// The places in a page behind which a checkpoint is due.
    pub(super) fn due(&mut self, page: &[RecordedEvent]) -> Vec<Position> {
        let mut due = Vec::new();
        for event in page {
            self.looked_at = self.looked_at.saturating_add(1);
            if self.looked_at >= self.every {
                self.looked_at = 0;
                due.push(event.position);
            }
        }
        due
    }
}
