//! The scrub: everything that an opening takes on trust is looked at again, a little at a time.
//!
//! It goes through all blocks as an opening without an index does, and compares what it saw with
//! the index: both sides add up a number for every event, made of its stream, version and position.
//! Damage does not end it: what follows is looked at as well, so that one pass finds all there is.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use super::Embedded;
use super::chain::{ChainHash, Head, ROW_COLUMNS, Row, sql_position};
use super::fault::Fault;
use super::reader::Reader;
use crate::envelope::Position;
use crate::store::ReadError;

/// How many streams of the index are added up in one step.
const STREAMS_A_STEP: usize = 4096;

/// How far what follows is looked for where the file itself cannot be read on: no block has more
/// events. Twice as far each time that this does not help.
const SKIP_EVENTS: u64 = 64;

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
    /// Was anything wrong so far?
    damaged: bool,
    /// After damage the next block is where it says, and its chain is what it says.
    lost_track: bool,
    /// How far to look for a block that can be read.
    skip: u64,
}

/// What a pass has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrubStep {
    /// There is more to look at.
    More,
    /// All of it is as it was written.
    Whole,
    /// There is no more to look at; the damage was told on the way.
    Damaged,
}

impl Embedded {
    /// Begins a pass over everything that the log holds now, to find damage before a reader does.
    pub fn scrub(&self) -> Scrub {
        Scrub::new(Arc::clone(&self.reader), *self.head.borrow())
    }

    /// Tells whenever a read has met damage, and where: what a scrub has not found yet.
    pub fn damage_met(&self) -> watch::Receiver<Option<Position>> {
        self.met.subscribe()
    }
}

impl Scrub {
    fn new(reader: Arc<Reader>, through: Head) -> Self {
        let chain = ChainHash::genesis(reader.log_id);
        let at = Head { position: Position::START, chain };
        let (damaged, lost_track, skip) = (false, false, SKIP_EVENTS);
        let (log_sum, index_sum, streams) = (0, 0, 0);
        Self { reader, at, through, log_sum, index_sum, streams, damaged, lost_track, skip }
    }

    /// The last position that was looked at.
    pub const fn position(&self) -> Position {
        self.at.position
    }

    /// The position that the pass ends with.
    pub const fn through(&self) -> Position {
        self.through.position
    }

    /// Looks at blocks of about `bytes`, or at some of the index once all blocks are seen. Blocks
    /// meanwhile. Damage is an error, after which the pass may go on with what follows.
    pub fn step(&mut self, bytes: usize) -> Result<ScrubStep, ReadError> {
        let step = self.look(bytes);
        self.damaged |= matches!(step, Err(ReadError::Damaged { .. }));
        step
    }

    fn look(&mut self, bytes: usize) -> Result<ScrubStep, ReadError> {
        if self.at.position < self.through.position {
            let reader = Arc::clone(&self.reader);
            reader.with_connection(|connection| self.blocks(connection, bytes))?;
            return Ok(ScrubStep::More);
        }
        if self.damaged {
            return Ok(ScrubStep::Damaged);
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
            Position::START if !self.lost_track => i64::MIN,
            position => sql_position(position),
        };
        let at = |head: Head| move |error| Fault::reading(head.position.next(), error);
        let mut statement = match connection.prepare_cached(&sql) {
            Ok(statement) => statement,
            Err(error) => return self.unreadable(at(self.at)(error)),
        };
        let mut rows = statement.query([after]).map_err(Fault::Sqlite)?;
        let mut seen = 0_usize;
        while seen < bytes && self.at.position < self.through.position {
            let stored = match rows.next() {
                Ok(Some(stored)) => stored,
                Ok(None) => return self.no_more(),
                Err(error) => return self.unreadable(at(self.at)(error)),
            };
            let key = stored.get::<_, i64>(0).unwrap_or_default();
            let row = Row::read(stored).map_err(at(self.at));
            let looked = row.and_then(|row| {
                seen = seen.saturating_add(row.payload.len());
                self.block(&row)
            });
            if matches!(looked, Err(Fault::Damaged { .. })) {
                self.lost_track = true;
                let here = Position(u64::try_from(key).unwrap_or_default());
                self.at.position = self.at.position.max(here);
            }
            looked?;
        }
        Ok(())
    }

    /// Looks at one block; if it is whole, it is what the pass goes on from.
    fn block(&mut self, row: &Row<'_>) -> Result<(), Fault> {
        let events = row.events()?;
        if self.lost_track {
            self.at = Head { position: row.last(), chain: row.chain };
        } else {
            let missing_before = row.first != self.at.position.next();
            let followed = self.at.follow(row);
            if missing_before && followed.is_err() {
                // What is missing is told; the block itself may be as it was written.
                self.at = Head { position: row.last(), chain: row.chain };
            }
            followed?;
        }
        (self.lost_track, self.skip) = (false, SKIP_EVENTS);
        let index = self.reader.index.read().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let mark = index.mark(event.stream.as_bytes(), event.version, event.position);
            self.log_sum = self.log_sum.wrapping_add(mark);
        }
        Ok(())
    }

    /// The blocks end before the log does.
    fn no_more(&mut self) -> Result<(), Fault> {
        let position = self.at.position.next();
        let told = self.skip > SKIP_EVENTS;
        self.at.position = self.through.position;
        if told {
            return Ok(());
        }
        Err(Fault::Damaged { position, cause: "no block holds the event".to_owned() })
    }

    /// A page of the file cannot be read: what comes behind it may be.
    fn unreadable(&mut self, fault: Fault) -> Result<(), Fault> {
        let Fault::Damaged { .. } = &fault else { return Err(fault) };
        let told = self.skip > SKIP_EVENTS;
        let behind = self.at.position.0.saturating_add(self.skip);
        self.at.position = Position(behind.min(self.through.position.0));
        (self.lost_track, self.skip) = (true, self.skip.saturating_mul(2));
        if told { Ok(()) } else { Err(fault) }
    }
}
