//! Appends as the real server takes them: by the expected revision, and for repeats by their ids.

use std::sync::Arc;

use ledger::envelope::{NewEvent, Position, StreamName, Version};
use ledger::ids::EventId;
use ledger::store::memory::Memory;
use ledger::store::{Append, EventStore, Expected};
use proto::event_store::client::streams::append_req::options::ExpectedStreamRevision;
use proto::event_store::client::streams::append_req::{Content, Options, ProposedMessage};
use proto::event_store::client::streams::append_resp::wrong_expected_version::{
    CurrentRevisionOption, ExpectedRevisionOption,
};
use proto::event_store::client::streams::append_resp::{
    Position as Committed, Result as Outcome, Success, WrongExpectedVersion, success,
};
use proto::event_store::client::streams::{AppendReq, AppendResp};
use proto::event_store::client::{Empty, Uuid, uuid::Value};
use tonic::{Status, Streaming};

use super::SCALE;

/// How often an event of the server's own comes between the others.
const OWN_EVERY: u64 = 5;

/// An append as it came over the wire.
#[derive(Debug)]
pub(super) struct Asked {
    stream: StreamName,
    expected: ExpectedStreamRevision,
    events: Vec<NewEvent>,
}

impl Asked {
    pub(super) async fn receive(mut messages: Streaming<AppendReq>) -> Result<Self, Status> {
        let (mut options, mut events) = (None, Vec::new());
        while let Some(message) = messages.message().await? {
            match message.content {
                Some(Content::Options(first)) => options = Some(first),
                Some(Content::ProposedMessage(event)) => events.push(proposed(event)?),
                None => return Err(Status::invalid_argument("an empty message")),
            }
        }
        let options: Options = options.ok_or_else(|| Status::invalid_argument("no options"))?;
        let name = options.stream_identifier.unwrap_or_default().stream_name;
        let stream = StreamName::new(String::from_utf8_lossy(&name));
        let stream = stream.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let expected = options.expected_stream_revision;
        let expected = expected.ok_or_else(|| Status::invalid_argument("no expected revision"))?;
        Ok(Self { stream, expected, events })
    }

    pub(super) fn stream(&self) -> &str {
        self.stream.as_str()
    }

    pub(super) fn kinds(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.kind.as_str()).collect()
    }
}

fn proposed(event: ProposedMessage) -> Result<NewEvent, Status> {
    let id = match event.id.and_then(|Uuid { value }| value) {
        Some(Value::String(id)) => id.parse().ok(),
        Some(Value::Structured(id)) => Some(uuid::Uuid::from_u64_pair(
            id.most_significant_bits.cast_unsigned(),
            id.least_significant_bits.cast_unsigned(),
        )),
        None => None,
    };
    let kind = event.metadata.get("type").cloned().unwrap_or_default();
    Ok(NewEvent {
        id: EventId::from_uuid(id.ok_or_else(|| Status::invalid_argument("no id"))?),
        kind,
        data: event.data,
        metadata: event.custom_metadata,
    })
}

/// The writing side of a node.
#[derive(Debug)]
pub(super) struct Appending {
    log: Arc<Memory>,
    taken: u64,
}

impl Appending {
    pub(super) const fn new(log: Arc<Memory>) -> Self {
        Self { log, taken: 0 }
    }

    /// What it writes to.
    pub(super) const fn log(&self) -> &Arc<Memory> {
        &self.log
    }

    /// Takes an append, or says what the stream holds instead.
    pub(super) async fn append(&mut self, asked: Asked) -> Result<AppendResp, Status> {
        self.event_of_its_own().await;
        let there = self.log.read_stream(&asked.stream, Version::EMPTY, usize::MAX).await.unwrap();
        let current = u64::try_from(there.len()).unwrap();
        let expected = match asked.expected {
            ExpectedStreamRevision::Revision(revision) => revision.saturating_add(1),
            ExpectedStreamRevision::NoStream(Empty {}) => 0,
            ExpectedStreamRevision::Any(Empty {}) | ExpectedStreamRevision::StreamExists(_) => {
                return Err(Status::invalid_argument("an append names what it expects"));
            }
        };
        if expected == current {
            let before = Expected::after(Version(current));
            let append = Append::new(asked.stream, before, asked.events)
                .map_err(|error| Status::invalid_argument(error.to_string()))?;
            let appended = self.log.append(append).await.unwrap();
            return Ok(success(appended.version, appended.position));
        }
        // The events are there already, by their ids: it is taken for a repeat, and so answered.
        let place = usize::try_from(expected).unwrap_or(usize::MAX);
        let again = there.get(place..).and_then(|after| after.get(..asked.events.len()));
        match again {
            Some(again) if again.iter().map(|it| it.id).eq(asked.events.iter().map(|it| it.id)) => {
                let last = again.last().unwrap();
                Ok(success(last.version, last.position))
            }
            Some(_) | None => Ok(wrong(current, asked.expected)),
        }
    }

    /// The last event of a stream that is deleted for good says so, in the order of all events too.
    pub(super) async fn end_for_good(&mut self, stream: &str) {
        let stream = StreamName::new(stream).unwrap();
        let there = self.log.read_stream(&stream, Version::EMPTY, usize::MAX).await.unwrap();
        let before = Version(u64::try_from(there.len()).unwrap());
        let event = NewEvent {
            id: EventId::from_uuid(uuid::Uuid::from_u64_pair(u64::MAX - 1, before.0)),
            kind: "$streamDeleted".to_owned(),
            data: Vec::new(),
            metadata: Vec::new(),
        };
        self.log
            .append(Append::new(stream, Expected::after(before), vec![event]).unwrap())
            .await
            .unwrap();
    }

    async fn event_of_its_own(&mut self) {
        self.taken = self.taken.saturating_add(1);
        if !self.taken.is_multiple_of(OWN_EVERY) {
            return;
        }
        let stream = StreamName::new("$stats-127.0.0.1:2113").unwrap();
        let version = self.taken.checked_div(OWN_EVERY).unwrap().saturating_sub(1);
        let event = NewEvent {
            id: EventId::from_uuid(uuid::Uuid::from_u64_pair(u64::MAX, version)),
            kind: "$statsCollected".to_owned(),
            data: b"{}".to_vec(),
            metadata: Vec::new(),
        };
        let append = Append::new(stream, Expected::after(Version(version)), vec![event]).unwrap();
        // A node that was started again on its log begins to count anew, and finds them there.
        let _there = self.log.append(append).await;
    }
}

fn success(version: Version, position: Position) -> AppendResp {
    let commit = SCALE.commit(position);
    let position = Committed { commit_position: commit, prepare_position: commit };
    let revision = version.0.saturating_sub(1);
    AppendResp {
        result: Some(Outcome::Success(Success {
            current_revision_option: Some(success::CurrentRevisionOption::CurrentRevision(
                revision,
            )),
            position_option: Some(success::PositionOption::Position(position)),
        })),
    }
}

fn wrong(current: u64, expected: ExpectedStreamRevision) -> AppendResp {
    let current = match current.checked_sub(1) {
        Some(revision) => CurrentRevisionOption::CurrentRevision(revision),
        None => CurrentRevisionOption::CurrentNoStream(Empty {}),
    };
    let expected = match expected {
        ExpectedStreamRevision::Revision(revision) => {
            ExpectedRevisionOption::ExpectedRevision(revision)
        }
        ExpectedStreamRevision::NoStream(empty) => ExpectedRevisionOption::ExpectedNoStream(empty),
        ExpectedStreamRevision::Any(empty) => ExpectedRevisionOption::ExpectedAny(empty),
        ExpectedStreamRevision::StreamExists(empty) => {
            ExpectedRevisionOption::ExpectedStreamExists(empty)
        }
    };
    let answer = WrongExpectedVersion {
        current_revision_option: Some(current),
        expected_revision_option: Some(expected),
        ..WrongExpectedVersion::default()
    };
    AppendResp { result: Some(Outcome::WrongExpectedVersion(answer)) }
}
