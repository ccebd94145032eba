//! Where the events of each stream are: derived from the blocks, in memory, never stored.

#![expect(clippy::disallowed_types, reason = "looked up by name only; the order is never seen")]

use std::collections::HashMap;

use crate::envelope::{Position, Version};

/// For each stream the positions of its events. Eight bytes an event, about a hundred a stream.
#[derive(Debug, Default)]
pub(super) struct Index {
    streams: HashMap<Box<str>, Vec<u64>>,
}

impl Index {
    /// How many events the stream holds.
    pub(super) fn version(&self, stream: &str) -> Version {
        let events = self.streams.get(stream).map_or(0, Vec::len);
        Version(u64::try_from(events).unwrap_or(u64::MAX))
    }

    /// How many streams there are.
    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Takes the next event of a stream, if its version follows without a gap.
    pub(super) fn add(
        &mut self,
        stream: &str,
        version: Version,
        position: Position,
    ) -> Result<(), String> {
        let positions = self.streams.get_mut(stream);
        let events = positions.as_ref().map_or(0, |positions| positions.len());
        let expected = Version(u64::try_from(events).unwrap_or(u64::MAX)).next();
        if version != expected {
            return Err(format!("stream {stream} continues with {version}, not {expected}"));
        }
        if let Some(positions) = positions {
            positions.push(position.0);
        } else {
            self.streams.insert(stream.into(), vec![position.0]);
        }
        Ok(())
    }

    /// The positions of the events above `after`, at most `limit`.
    pub(super) fn positions(&self, stream: &str, after: Version, limit: usize) -> Vec<Position> {
        let positions = self.streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        let start = usize::try_from(after.0).unwrap_or(usize::MAX);
        positions.iter().skip(start).take(limit).copied().map(Position).collect()
    }
}
