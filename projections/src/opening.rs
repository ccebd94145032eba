//! Opening: the live generation is checked and followed, or one is made; what cannot be read is
//! built anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use ledger::causes::with_causes;
use ledger::envelope::Position;
use ledger::store::{EventStore, ReadError, patiently};

use crate::database::{Checkpoint, Writer, checkpoint, open_reader};
use crate::error::{FeedError, ProjectionError, QueryError, is_damage};
use crate::feed::{Feed, LogWitness, Progress};
use crate::generation::{self, Generation, Served};
use crate::pages::Pages;
use crate::projections::Shared;
use crate::schema::FOLD_VERSION;

/// What is followed from the start.
#[derive(Debug)]
struct Prepared {
    number: u64,
    path: PathBuf,
    writer: Writer,
    kind: Kind,
}

/// How a generation comes to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is the live one, and goes on.
    Live,
    /// It is the first of a log: while it catches up commands are answered, and questions wait.
    First,
    /// It replaces one that was served, and catches up before the opening is done.
    Anew,
}

/// Opens the live generation of `folder`, or makes one, and sweeps away all others. The first one
/// is not served yet: [`finish_first`].
pub(crate) async fn open(
    folder: &Path,
    store: &Arc<dyn EventStore>,
    witness: Option<&Arc<dyn LogWitness>>,
) -> Result<Generation, ProjectionError> {
    let is_transient = |error: &ReadError| matches!(error, ReadError::Unavailable(_));
    let head = patiently(store.as_ref(), || store.head(), is_transient).await?;
    let (place, log) = (folder.to_owned(), witness.cloned());
    let prepared = blocking(move || prepare(&place, head, log.as_deref())).await?;
    let Prepared { number, path, writer, kind } = prepared;
    let live = start(number, path, writer, store, witness)?;
    match kind {
        Kind::Live => live.serve(Served::Unseen),
        Kind::First => live.serve(Served::NotYet(head)),
        Kind::Anew => catch_up(&live.feed, head).await?,
    }
    let folder = folder.to_owned();
    blocking(move || {
        if kind == Kind::Anew {
            generation::point_at(&folder, number)?;
        }
        generation::sweep(&folder, number)
    })
    .await?;
    Ok(live)
}

/// Does what blocks on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProjectionError> + Send + 'static,
) -> Result<T, ProjectionError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ProjectionError::Thread(error.to_string())))
}

/// Finds the generation that is live, or makes an empty one. Blocks.
fn prepare(
    folder: &Path,
    head: Position,
    witness: Option<&dyn LogWitness>,
) -> Result<Prepared, ProjectionError> {
    generation::make_folder(folder)?;
    let anew = || in_bulk(folder, head, Kind::Anew);
    match find(folder, head, witness) {
        Ok(Found::Live(prepared)) => Ok(*prepared),
        Ok(Found::Nothing) if head == Position::START => anew(),
        Ok(Found::Nothing) => in_bulk(folder, head, Kind::First),
        Ok(Found::OtherFold(found)) => {
            tracing::info!(
                found,
                expected = FOLD_VERSION,
                "the read models were folded by another version and are built anew"
            );
            anew()
        }
        Err(error) if is_unreadable(&error) => {
            let error = with_causes(&error);
            tracing::warn!(error, "the read models cannot be read and are built anew");
            anew()
        }
        Err(error) => Err(error),
    }
}

/// What is in the folder.
#[derive(Debug)]
enum Found {
    Nothing,
    OtherFold(i64),
    Live(Box<Prepared>),
}

fn find(
    folder: &Path,
    head: Position,
    witness: Option<&dyn LogWitness>,
) -> Result<Found, ProjectionError> {
    let Some(number) = generation::current(folder)? else { return Ok(Found::Nothing) };
    let path = generation::file(folder, number);
    if !path.exists() {
        return Err(ProjectionError::Missing(path));
    }
    let reader = open_reader(&path)?;
    let checkpoint = checkpoint(&reader)?;
    if let Err(refused) = check(&checkpoint, head, witness) {
        // A page that is not as it was written says nothing of the log.
        let looked = Pages::open(&path, &reader).and_then(|mut pages| pages.look_at_all());
        let damage = looked.err().filter(is_damage);
        return Err(damage.map_or(refused, ProjectionError::from));
    }
    drop(reader);
    if checkpoint.fold_version != i64::from(FOLD_VERSION) {
        return Ok(Found::OtherFold(checkpoint.fold_version));
    }
    let writer = Writer::open(&path)?;
    Ok(Found::Live(Box::new(Prepared { number, path, writer, kind: Kind::Live })))
}

/// An empty file that catches up in bulk before it serves.
fn in_bulk(folder: &Path, head: Position, kind: Kind) -> Result<Prepared, ProjectionError> {
    let number = generation::next(folder)?;
    let path = generation::file(folder, number);
    let writer = Writer::create_in_bulk(&path, head)?;
    Ok(Prepared { number, path, writer, kind })
}

/// Is it what is stored that is wrong, so that another look at it cannot help? All of it is in the
/// log. A file that is merely locked, or out of reach, is left alone.
fn is_unreadable(error: &ProjectionError) -> bool {
    if let ProjectionError::Database(error) = error {
        return is_damage(error) || matches!(error, rusqlite::Error::QueryReturnedNoRows);
    }
    matches!(error, ProjectionError::Pointer { .. } | ProjectionError::Missing(_))
}

/// Waits until `head` is folded. A poison event must not keep the service from starting: what is
/// before it is served, and the status says where it stopped.
async fn catch_up(feed: &Feed, head: Position) -> Result<(), ProjectionError> {
    let Err(error) = feed.wait_for(head).await else { return Ok(()) };
    let error = cause(feed, error);
    let is_poison = matches!(&error, ProjectionError::Feed(failure)
        if matches!(**failure, FeedError::Poisoned { .. }));
    if is_poison { Ok(()) } else { Err(error) }
}

/// What kept a feed from coming as far as was asked: of one that stopped, why it stopped.
pub(crate) fn cause(feed: &Feed, error: QueryError) -> ProjectionError {
    match error {
        QueryError::Stopped { .. } => match feed.progress().failure {
            Some(failure) => failure.into(),
            None => FeedError::Ended.into(),
        },
        QueryError::Database(error) => error.into(),
        QueryError::Ended => FeedError::Ended.into(),
    }
}

/// Points at the first generation of a log once it holds `head`, and lets it be asked. One that
/// fails before stays unseen, and the next opening begins again.
pub(crate) async fn finish_first(shared: Weak<Shared>, first: Weak<Generation>, head: Position) {
    let Some(mut progress) = first.upgrade().map(|first| first.feed.subscribe()) else { return };
    let ended = |progress: &Progress| progress.position >= head || progress.failure.is_some();
    let failure = progress.wait_for(ended).await.map(|now| now.failure.clone());
    let (Some(shared), Some(first)) = (shared.upgrade(), first.upgrade()) else { return };
    // What is before a poison event is served.
    let whole = failure.is_ok_and(|failure| {
        failure.is_none_or(|failure| matches!(*failure, FeedError::Poisoned { .. }))
    });
    if !whole {
        return first.serve(Served::Never);
    }
    // A rebuild that takes its place does so before or after, and never between.
    let _held = first.feed.hold().await;
    if Arc::ptr_eq(&first, &shared.live()) {
        let (folder, number) = (shared.folder.clone(), first.number);
        if let Err(error) = blocking(move || generation::point_at(&folder, number)).await {
            // What it holds is right all the same.
            let error = with_causes(&error);
            tracing::error!(error, "the next start will build the read models again");
        }
    }
    first.serve(Served::Yes);
}

/// A read model must not know more than the log, nor something else.
pub(crate) fn check(
    checkpoint: &Checkpoint,
    head: Position,
    witness: Option<&dyn LogWitness>,
) -> Result<(), ProjectionError> {
    let position = checkpoint.position;
    if position > head {
        return Err(ProjectionError::AheadOfLog { checkpoint: position, head });
    }
    if let (Some(log), Some(remembered)) = (witness, &checkpoint.witness) {
        log.confirm(position, remembered)
            .map_err(|problem| ProjectionError::OtherLog { checkpoint: position, problem })?;
    }
    Ok(())
}

/// Starts a generation's feed.
pub(crate) fn start(
    number: u64,
    path: PathBuf,
    writer: Writer,
    store: &Arc<dyn EventStore>,
    witness: Option<&Arc<dyn LogWitness>>,
) -> Result<Generation, ProjectionError> {
    let pages = writer.pages().cloned();
    let feed = Feed::start(Arc::clone(store), writer, witness.cloned())
        .map_err(|error| ProjectionError::Thread(error.to_string()))?;
    Ok(Generation::new(number, path, feed, pages))
}
