//! The scrub: everything that an opening takes on trust is looked at again, a little at a time.
//!
//! It goes through all blocks as an opening without an index does, and compares what it saw with
//! the index: both sides add up a number for every event, made of its stream, version and position.

use std::sync::{Arc, PoisonError};

use super::chain::{ChainHash, Head, ROW_COLUMNS, Row, sql_position};
use super::fault::Fault;
use super::reader::Reader;
use crate::envelope::Position;
use crate::store::ReadError;

/// How many streams of the index are added up in one step.
const STREAMS_A_STEP: usize = 4096;

/// One pass over everything that the log held when it began.
#[derive(Debug)]
pub struct Scrub {
    reader: Arc<Reader>,
    at: Head,
    through: Head,
    /// Over the events seen so far.
    log_sum: u64,
    /// Over the streams of the index seen so far.
    index_sum: u64,
    streams: usize,
}

/// What a pass has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrubStep {
    /// There is more to look at.
    More,
    /// All of it is as it was written.
    Whole,
}

impl Scrub {
    pub(super) fn new(reader: Arc<Reader>, through: Head) -> Self {
        let chain = ChainHash::genesis(reader.log_id);
        let at = Head { position: Position::START, chain };
        Self { reader, at, through, log_sum: 0, index_sum: 0, streams: 0 }
    }

    /// The last position that was found whole.
    pub const fn position(&self) -> Position {
        self.at.position
    }

    /// The position that the pass ends with.
    pub const fn through(&self) -> Position {
        self.through.position
    }

    /// Looks at blocks of about `bytes`, or at some of the index once all blocks are seen. Blocks
    /// meanwhile. After damage the pass is over.
    pub fn step(&mut self, bytes: usize) -> Result<ScrubStep, ReadError> {
        if self.at.position < self.through.position {
            let reader = Arc::clone(&self.reader);
            reader.with_connection(|connection| self.blocks(connection, bytes))?;
            return Ok(ScrubStep::More);
        }
        if self.at.chain != self.through.chain {
            let cause = "the log up to there is not what it was".to_owned();
            return Err(ReadError::Damaged { position: self.at.position, cause });
        }
        let index = self.reader.index.read().unwrap_or_else(PoisonError::into_inner);
        let sum = index.sum(self.streams, STREAMS_A_STEP, self.through.position);
        self.index_sum = self.index_sum.wrapping_add(sum);
        self.streams = self.streams.saturating_add(STREAMS_A_STEP);
        if self.streams < index.streams() {
            return Ok(ScrubStep::More);
        }
        if self.index_sum == self.log_sum {
            return Ok(ScrubStep::Whole);
        }
        let cause = "the index does not lead to the events of the log, which are whole: stop, \
                     remove events.index, and start again";
        Err(ReadError::Damaged { position: Position::START.next(), cause: cause.to_owned() })
    }

    fn blocks(&mut self, connection: &rusqlite::Connection, bytes: usize) -> Result<(), Fault> {
        let sql = format!(
            "SELECT {ROW_COLUMNS} FROM blocks WHERE first_position > ?1 ORDER BY first_position"
        );
        let after = match self.at.position {
            // A block below position 1 is damage.
            Position::START => i64::MIN,
            position => sql_position(position),
        };
        let at = |head: Head| move |error| Fault::reading(head.position.next(), error);
        let mut statement = connection.prepare_cached(&sql).map_err(at(self.at))?;
        let mut rows = statement.query([after]).map_err(at(self.at))?;
        let mut seen = 0_usize;
        while seen < bytes && self.at.position < self.through.position {
            let Some(row) = rows.next().map_err(at(self.at))? else {
                let cause = "no block holds the event".to_owned();
                return Err(Fault::Damaged { position: self.at.position.next(), cause });
            };
            let row = Row::read(row).map_err(at(self.at))?;
            let events = row.events()?;
            self.at.follow(&row)?;
            seen = seen.saturating_add(row.payload.len());
            let index = self.reader.index.read().unwrap_or_else(PoisonError::into_inner);
            for event in events {
                let mark = index.mark(event.stream.as_bytes(), event.version, event.position);
                self.log_sum = self.log_sum.wrapping_add(mark);
            }
        }
        Ok(())
    }
}
