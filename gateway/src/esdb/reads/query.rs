//! A read as the caller asks for it, in the ledger's own numbers.

use ledger::envelope::StreamName;
use proto::event_store::client::streams::ReadReq;
use proto::event_store::client::streams::read_req::options::{
    AllOptions, CountOption, FilterOption, ReadDirection, StreamOption, StreamOptions, UuidOption,
    all_options::AllOption, stream_options::RevisionOption, uuid_option,
};
use tonic::Status;

use super::line::Source;
use super::pace::Pace;
use crate::esdb::filter::{Desk, Wanted};
use crate::esdb::scale::Scale;

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) source: Source,
    pub(super) wanted: Wanted,
    pub(super) extent: Extent,
    /// How often a subscription is told how far the log was looked at, if it has a filter.
    pub(super) pace: Option<Pace>,
    /// Are ids wanted in two halves, and not as text?
    pub(super) structured_ids: bool,
}

/// Which part of the line, in numbers of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What is above `after`, at most `count`.
    Forwards { after: u64, count: u64 },
    /// What is at `from` and below, at most `count`; from the last one if none is given.
    Backwards { from: Option<u64>, count: u64 },
    /// What is above `after`, and what comes; only what comes if none is given.
    Subscription { after: Option<u64> },
}

/// Where a read begins.
enum Start {
    First,
    End,
    /// At an event: the number of it, and of the last one before it.
    At {
        at: u64,
        before: u64,
    },
}

impl Query {
    /// Reads the options. A filter's expression is worked on at `desk`.
    pub(super) async fn read(request: ReadReq, scale: Scale, desk: &Desk) -> Result<Self, Status> {
        let options = request.options.ok_or_else(|| missing("options"))?;
        let direction = options.read_direction();
        let line = options.stream_option.ok_or_else(|| missing("stream_option"))?;
        let (source, start) = match line {
            StreamOption::Stream(stream) => stream_start(stream)?,
            StreamOption::All(all) => (Source::All, all_start(all, scale)),
        };
        let extent = match options.count_option.ok_or_else(|| missing("count_option"))? {
            CountOption::Subscription(_) => subscription(&source, &start, direction)?,
            CountOption::Count(count) => counted(&source, &start, direction, count),
        };
        let (wanted, pace) = match (&source, options.filter_option) {
            (Source::All, Some(FilterOption::Filter(filter))) => {
                let pace = Pace::read(&filter);
                (Wanted::read(filter, desk).await?, Some(pace))
            }
            (Source::Stream(_) | Source::Nothing(_), Some(FilterOption::Filter(_))) => {
                return Err(Status::invalid_argument("a stream is read without a filter"));
            }
            (_, Some(FilterOption::NoFilter(_)) | None) => (Wanted::Everything, None),
        };
        let structured_ids = matches!(
            options.uuid_option,
            Some(UuidOption { content: Some(uuid_option::Content::Structured(_)) })
        );
        Ok(Self { source, wanted, extent, pace, structured_ids })
    }
}

fn stream_start(options: StreamOptions) -> Result<(Source, Start), Status> {
    let identifier = options.stream_identifier.ok_or_else(|| missing("stream_identifier"))?;
    let name = identifier.stream_name;
    if name.is_empty() {
        return Err(missing("stream_name"));
    }
    // Clients take any name for one that a stream may have.
    let stream = std::str::from_utf8(&name).ok().and_then(|name| StreamName::new(name).ok());
    let source = stream.map_or(Source::Nothing(name), Source::Stream);
    let start = match options.revision_option {
        Some(RevisionOption::Revision(revision)) => {
            Start::At { at: revision.saturating_add(1), before: revision }
        }
        Some(RevisionOption::End(_)) => Start::End,
        Some(RevisionOption::Start(_)) | None => Start::First,
    };
    Ok((source, start))
}

fn all_start(options: AllOptions, scale: Scale) -> Start {
    match options.all_option {
        Some(AllOption::Position(position)) => Start::At {
            at: scale.at_or_below(position.commit_position).0,
            before: scale.below(position.commit_position).0,
        },
        Some(AllOption::End(_)) => Start::End,
        Some(AllOption::Start(_)) | None => Start::First,
    }
}

/// What a subscription was given was seen before.
fn subscription(source: &Source, start: &Start, way: ReadDirection) -> Result<Extent, Status> {
    if way == ReadDirection::Backwards {
        return Err(Status::invalid_argument("a subscription goes forwards"));
    }
    let after = match (source, start) {
        (_, Start::First) => Some(0),
        (_, Start::End) => None,
        (_, Start::At { at, .. }) => Some(*at),
    };
    Ok(Extent::Subscription { after })
}

/// A read of the whole log backwards leaves out the position that it begins at; every other read
/// takes in the event that it begins at.
fn counted(source: &Source, start: &Start, way: ReadDirection, count: u64) -> Extent {
    match (way, start) {
        (ReadDirection::Forwards, Start::First) => Extent::Forwards { after: 0, count },
        (ReadDirection::Forwards, Start::End) => Extent::Forwards { after: u64::MAX, count },
        (ReadDirection::Forwards, Start::At { before, .. }) => {
            Extent::Forwards { after: *before, count }
        }
        (ReadDirection::Backwards, Start::End) => Extent::Backwards { from: None, count },
        (ReadDirection::Backwards, Start::First) => {
            let first = u64::from(*source != Source::All);
            Extent::Backwards { from: Some(first), count }
        }
        (ReadDirection::Backwards, Start::At { at, before }) => {
            let from = if *source == Source::All { *before } else { *at };
            Extent::Backwards { from: Some(from), count }
        }
    }
}

fn missing(field: &str) -> Status {
    Status::invalid_argument(format!("{field} is missing"))
}
