//! `payledger copy-log`: a log moved from one store to another, event for event.
//!
//! A target that is not whole yet says so, and nothing serves or copies it: in a data directory by
//! a file, on a cluster by a note beside the log. The mark is there before the first event, and
//! goes when both logs were held against each other at the end.

mod target;

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::sync::Arc;

use ledger::causes::with_causes;
use ledger::envelope::{NewEvent, Position, RecordedEvent};
use ledger::store::embedded::{Embedded, StandStill, refuse_to_copy, stand_still};
use ledger::store::eventstore::{Cluster, OpenError as ClusterError};
use ledger::store::{Append, AppendError, EventStore, Expected, ReadError};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::output::Output;
use super::render::document::Document;
use super::render::view::{self, View};
use super::{CliError, runtime};
use crate::server::choose_cryptography;
use target::Target;

/// How many events are read at once.
const PAGE_EVENTS: usize = 1024;
/// How many events of one stream are written in one append.
const APPEND_EVENTS: usize = 64;

/// What is said of a target that changes meanwhile.
const ANOTHER_WRITER: &str = "another writer is at work";

/// What is shown behind the help.
pub(crate) const EXAMPLES: &str = "Example:
  payledger copy-log --from ./data --to 'esdb://admin:secret@n1:2113,n2:2113,n3:2113'

Stop what writes to either log first. The copy goes on where an earlier one stopped; until it has
come to its end the target is refused by every other verb, and a gateway that serves it ends.";

/// Which log is copied, and where to.
#[derive(Debug, clap::Args)]
pub struct CopyLogArgs {
    /// The log to copy: a data directory, or a connection string.
    #[arg(long, value_name = "DIRECTORY|CONNECTION")]
    pub from: String,
    /// The target: a data directory or a connection string. What is there already must be the
    /// beginning of the same log.
    #[arg(long, value_name = "DIRECTORY|CONNECTION")]
    pub to: String,
}

/// One of the two logs.
struct Side {
    name: String,
    store: Arc<dyn EventStore>,
    /// Where a cluster's positions are kept while it is read.
    _positions: Option<TempDir>,
    /// What is appended meanwhile would not be in the copy, and nothing would say so.
    _still: Option<StandStill>,
}

/// Copies, reads both logs again from their beginning, and tells what they hold.
pub fn run(args: &CopyLogArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let place = |named: &str| std::fs::canonicalize(named).ok();
    if args.from == args.to || place(&args.from).is_some_and(|it| Some(it) == place(&args.to)) {
        return Err(CliError::Usage("--from and --to name the same log".to_owned()));
    }
    let fields = runtime()?.block_on(async {
        let from = Side::open(&args.from).await?;
        let until = from.head().await?;
        let what = format!("{} up to position {until}", from.name);
        let mut target = Target::open(&args.to, &what).await?;
        let before = target.side.head().await?;
        compare(&from, &target.side, before).await?;
        if before < until {
            target.begin(&what, before).await?;
        }
        let copied = copy(&from, &target.side, before, until).await?;
        let to = &target.side;
        let (events, hash) = compare(&from, to, to.head().await?.max(until)).await?;
        let name = to.name.clone();
        target.end().await?;
        Ok::<_, CliError>(vec![
            Document::field("from", from.name.clone()),
            Document::field("to", name),
            Document::field("copied", copied),
            Document::field("events", events.0),
            Document::field("sha256", hash),
        ])
    })?;
    view::write(out, &Document::Object(fields), View::Object, form).map_err(CliError::output())
}

impl Side {
    /// Opens a log to read it.
    async fn open(source: &str) -> Result<Self, CliError> {
        if Cluster::is_connection_string(source) {
            let positions = positions()?;
            let name = Cluster::shown(source);
            let opened = Cluster::open(source, positions.path()).await;
            let cluster = opened.map_err(|error| unusable(&name, &error))?;
            let (store, positions) = (Arc::new(cluster), Some(positions));
            return Ok(Self { name, store, _positions: positions, _still: None });
        }
        let path = directory(source)?;
        refuse_to_copy(path)?;
        let still = Some(stand_still(path)?);
        let log = Embedded::open_read_only(path)?;
        let name = source.to_owned();
        Ok(Self { name, store: Arc::new(log), _positions: None, _still: still })
    }

    async fn head(&self) -> Result<Position, CliError> {
        self.store.head().await.map_err(|error| self.failed(&error))
    }

    async fn page(&self, after: Position) -> Result<Vec<RecordedEvent>, CliError> {
        self.store.read_all(after, PAGE_EVENTS).await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &ReadError) -> CliError {
        match error {
            ReadError::Damaged { .. } => {
                CliError::Integrity(format!("{}: {}", self.name, with_causes(error)))
            }
            ReadError::Unavailable(_) => {
                CliError::Copy(format!("{}: {}", self.name, with_causes(error)))
            }
        }
    }
}

/// A data directory: anything but what is meant for a connection string and is none.
fn directory(source: &str) -> Result<&Path, CliError> {
    if source.contains("://") {
        let message =
            format!("{source:?} is no connection string: esdb://, kurrentdb:// or kdb://");
        return Err(CliError::Usage(message));
    }
    Ok(Path::new(source))
}

/// Where the positions of a cluster are kept while it is read.
fn positions() -> Result<TempDir, CliError> {
    choose_cryptography();
    tempfile::tempdir().map_err(CliError::io("a temporary directory"))
}

/// A cluster that cannot be used now, or not before a copy into it has come to its end.
fn unusable(name: &str, error: &ClusterError) -> CliError {
    let said = format!("{name}: {}", with_causes(error));
    match error {
        ClusterError::CopyUnfinished(_) => CliError::CopyUnfinished(said),
        ClusterError::Connection(_) => CliError::Usage(said),
        ClusterError::EndMissing { .. } | ClusterError::Read(ReadError::Damaged { .. }) => {
            CliError::Integrity(said)
        }
        ClusterError::Lock(_)
        | ClusterError::Io { .. }
        | ClusterError::Read(ReadError::Unavailable(_)) => CliError::Copy(said),
    }
}

/// Holds both logs against each other up to `until`, event for event, and hashes what they say.
async fn compare(from: &Side, to: &Side, until: Position) -> Result<(Position, String), CliError> {
    let mut hash = Sha256::new();
    let (mut after, mut left, mut right) = (Position::START, Vec::new(), Vec::new());
    while after < until {
        if left.is_empty() {
            left = from.page(after).await?;
            left.reverse();
        }
        if right.is_empty() {
            right = to.page(after).await?;
            right.reverse();
        }
        after = after.next();
        match (left.pop(), right.pop()) {
            (Some(left), Some(right)) if left == right && left.position == after => {
                add(&mut hash, &left);
            }
            _ => {
                return Err(CliError::OtherTarget(format!(
                    "{} holds something else at position {after} than {}",
                    to.name, from.name
                )));
            }
        }
    }
    Ok((after, ledger::hex::lower(hash.finalize())))
}

/// Every part with its length before it, so that no two logs read the same.
fn add(hash: &mut Sha256, event: &RecordedEvent) {
    hash.update(event.position.0.to_be_bytes());
    hash.update(event.version.0.to_be_bytes());
    hash.update(event.id.uuid().as_bytes());
    let parts = [event.stream.as_str().as_bytes(), event.kind.as_bytes()];
    for part in parts.into_iter().chain([event.data.as_slice(), event.metadata.as_slice()]) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
}

/// Copies what is above `after`, up to `until`; tells how many events that were.
async fn copy(from: &Side, to: &Side, after: Position, until: Position) -> Result<u64, CliError> {
    let on_terminal = io::stderr().is_terminal();
    let mut reached = after;
    while reached < until {
        let mut page = from.page(reached).await?;
        page.retain(|event| event.position <= until);
        let Some(last) = page.last().map(|event| event.position) else { break };
        write(to, page).await?;
        reached = last;
        if on_terminal {
            show(reached, until);
        }
    }
    Ok(reached.0.saturating_sub(after.0))
}

/// Writes events where they were: in order, at the same versions, at the same positions.
async fn write(to: &Side, page: Vec<RecordedEvent>) -> Result<(), CliError> {
    let mut runs: Vec<Vec<RecordedEvent>> = Vec::new();
    for event in page {
        match runs.last_mut() {
            Some(run)
                if run.len() < APPEND_EVENTS
                    && run.last().is_some_and(|last| last.stream == event.stream) =>
            {
                run.push(event);
            }
            _ => runs.push(vec![event]),
        }
    }
    let mut places = Vec::new();
    let mut appends = Vec::new();
    for run in runs {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        places.push(last.position);
        let before = first.version.before();
        let stream = first.stream.clone();
        let events = run.into_iter().map(bare).collect();
        let append = Append::new(stream, Expected::after(before), events)
            .map_err(|error| CliError::Integrity(error.to_string()))?;
        appends.push(append);
    }
    for (outcome, place) in to.store.append_many(appends).await.into_iter().zip(places) {
        match outcome {
            Ok(appended) if appended.position == place => {}
            Ok(_) | Err(AppendError::Conflict { .. }) => {
                let said = format!("{}: {ANOTHER_WRITER}", to.name);
                return Err(CliError::OtherTarget(said));
            }
            Err(error @ (AppendError::Unavailable(_) | AppendError::Indeterminate(_))) => {
                return Err(CliError::Copy(format!("{}: {}", to.name, with_causes(&error))));
            }
        }
    }
    Ok(())
}

fn bare(event: RecordedEvent) -> NewEvent {
    NewEvent { id: event.id, kind: event.kind, data: event.data, metadata: event.metadata }
}

#[expect(clippy::print_stderr, reason = "progress, for a person at a terminal")]
fn show(reached: Position, until: Position) {
    let end = if reached >= until { "\n" } else { "" };
    eprint!("\r{reached} of {until} events copied{end}");
}
