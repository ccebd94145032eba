//! A group commit: which of the waiting appends hold, and the blocks that they become.

#![expect(clippy::disallowed_types, reason = "looked up by name only; the order is never seen")]

use std::collections::HashMap;

use rusqlite::Connection;

use super::block::{BlockBuilder, EventView};
use super::chain::{ChainHash, Head, Row};
use super::index::Index;
use super::writer::{Answers, Job};
use crate::envelope::{NewEvent, Position, StreamName, Version};
use crate::store::{Append, AppendError, Appended, Failed};

/// The events of one commit, in the order in which they will stand in the log.
pub(super) struct Group<'a> {
    events: Vec<Planned<'a>>,
    blocks: Vec<Block>,
    head: Head,
}

struct Planned<'a> {
    stream: &'a StreamName,
    version: Version,
    position: Position,
    event: &'a NewEvent,
}

struct Block {
    first: Position,
    count: u32,
    /// The chain's value at its end.
    chain: ChainHash,
    payload: Vec<u8>,
}

impl<'a> Group<'a> {
    /// Decides every append in order, each against what the earlier ones will have left behind,
    /// and gives the answers that hold once the group is committed.
    pub(super) fn plan(jobs: &'a [Job], index: &Index, head: Head) -> (Self, Vec<Answers>) {
        let mut group = Self { events: Vec::new(), blocks: Vec::new(), head };
        let mut versions = HashMap::new();
        let mut last = head.position;
        let answers = jobs
            .iter()
            .map(|job| {
                let mut failed = Failed::default();
                let one = |append: &'a Append| {
                    let version = versions.entry(append.stream());
                    let version =
                        version.or_insert_with(|| index.version(append.stream().as_str()));
                    let answer = group.take(append, failed.precedes(append), version, &mut last);
                    if answer.is_err() {
                        failed.note(append);
                    }
                    answer
                };
                job.appends.iter().map(one).collect()
            })
            .collect();
        group.build_blocks();
        (group, answers)
    }

    /// Takes an append in, unless it conflicts. An orphan builds on one that failed.
    fn take(
        &mut self,
        append: &'a Append,
        orphan: bool,
        version: &mut Version,
        last: &mut Position,
    ) -> Result<Appended, AppendError> {
        let stream = append.stream();
        if orphan || append.expected().version() != *version {
            return Err(AppendError::Conflict {
                stream: stream.clone(),
                expected: append.expected(),
                actual: *version,
            });
        }
        for event in append.events() {
            *version = version.next();
            *last = last.next();
            self.events.push(Planned { stream, version: *version, position: *last, event });
        }
        Ok(Appended { position: *last, version: *version })
    }

    fn build_blocks(&mut self) {
        let mut builder = BlockBuilder::default();
        let mut events = self.events.iter().peekable();
        while let Some(planned) = events.next() {
            let Planned { stream, version, position, event } = *planned;
            builder.push(EventView::new(position, stream, version, event));
            let next = events.peek();
            if next.is_some_and(|next| builder.has_room(next.stream, next.event)) {
                continue;
            }
            let first = self.head.position.next();
            let count = u32::try_from(builder.count()).unwrap_or(u32::MAX);
            let payload = builder.payload();
            let chain = self.head.chain.after(first, count, &payload);
            self.head = Head { position: planned.position, chain };
            self.blocks.push(Block { first, count, chain, payload });
            builder = BlockBuilder::default();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The log's head once the group is committed.
    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// How many bytes the blocks have.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().fold(0, |bytes, block| bytes.saturating_add(block.payload.len()))
    }

    /// Writes the blocks, inside the transaction that the caller has begun.
    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.blocks.iter().try_for_each(|Block { first, count, chain, payload }| {
            Row::new(*first, *count, *chain, payload).insert(connection)
        })
    }

    /// Adds the events to the index, after the commit.
    pub(super) fn add_to(&self, index: &mut Index) -> Result<(), String> {
        self.events.iter().try_for_each(|planned| {
            index.add(planned.stream.as_str(), planned.version, planned.position)
        })
    }
}
