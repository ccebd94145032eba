//! Opening: the live generation is checked and followed; what cannot be read is built anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::envelope::Position;
use ledger::store::EventStore;
use rusqlite::ErrorCode;

use crate::database::{Checkpoint, Writer, checkpoint, open_reader};
use crate::error::{FeedError, ProjectionError, QueryError, is_damage};
use crate::feed::{Feed, LogWitness};
use crate::generation::{self, Generation};
use crate::schema::FOLD_VERSION;

/// What is followed from the start.
#[derive(Debug)]
struct Prepared {
    number: u64,
    path: PathBuf,
    writer: Writer,
    /// Whether it has to catch up before it is pointed at and served.
    anew: bool,
}

/// Opens the live generation of `folder`, or makes one, and sweeps away all others.
pub(crate) async fn open(
    folder: &Path,
    store: &Arc<dyn EventStore>,
    witness: Option<&Arc<dyn LogWitness>>,
) -> Result<Generation, ProjectionError> {
    let head = store.head().await?;
    let (place, log) = (folder.to_owned(), witness.cloned());
    let prepared = blocking(move || prepare(&place, head, log.as_deref())).await?;
    let Prepared { number, path, writer, anew } = prepared;
    let live = start(number, path, writer, store, witness)?;
    if anew {
        catch_up(&live.feed, head).await?;
    }
    let folder = folder.to_owned();
    blocking(move || {
        if anew {
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
    let anew = || in_bulk(folder, head);
    match find(folder, head, witness) {
        Ok(Found::Live(prepared)) => Ok(*prepared),
        Ok(Found::Nothing) => {
            let (number, path) = next_file(folder)?;
            let writer = Writer::create(&path)?;
            generation::point_at(folder, number)?;
            Ok(Prepared { number, path, writer, anew: false })
        }
        Ok(Found::OtherFold(found)) => {
            tracing::info!(
                found,
                expected = FOLD_VERSION,
                "the read models were folded by another version and are built anew"
            );
            anew()
        }
        Err(error) if is_unreadable(&error) => {
            tracing::warn!(%error, "the read models cannot be read and are built anew");
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
    let checkpoint = checkpoint(&open_reader(&path)?)?;
    check(&checkpoint, head, witness)?;
    if checkpoint.fold_version != i64::from(FOLD_VERSION) {
        return Ok(Found::OtherFold(checkpoint.fold_version));
    }
    let writer = Writer::open(&path)?;
    Ok(Found::Live(Box::new(Prepared { number, path, writer, anew: false })))
}

/// An empty file that catches up in bulk before it serves.
fn in_bulk(folder: &Path, head: Position) -> Result<Prepared, ProjectionError> {
    let (number, path) = next_file(folder)?;
    let writer = Writer::create_in_bulk(&path, head)?;
    Ok(Prepared { number, path, writer, anew: true })
}

fn next_file(folder: &Path) -> Result<(u64, PathBuf), ProjectionError> {
    let number = generation::next(folder)?;
    Ok((number, generation::file(folder, number)))
}

/// Is it what is stored that is wrong, so that another look at it cannot help? All of it is in the
/// log. A file that is merely locked, or out of reach, is left alone.
fn is_unreadable(error: &ProjectionError) -> bool {
    match error {
        ProjectionError::Pointer { .. } | ProjectionError::Missing(_) => true,
        ProjectionError::Database(error) => {
            let no_table = error.sqlite_error_code() == Some(ErrorCode::Unknown);
            let no_row = matches!(error, rusqlite::Error::QueryReturnedNoRows);
            is_damage(error) || no_table || no_row
        }
        ProjectionError::AheadOfLog { .. }
        | ProjectionError::LogGone(_)
        | ProjectionError::OtherLog { .. }
        | ProjectionError::FoldVersion { .. }
        | ProjectionError::Rebuilding
        | ProjectionError::Cancelled
        | ProjectionError::Feed(_)
        | ProjectionError::Log(_)
        | ProjectionError::File { .. }
        | ProjectionError::Thread(_) => false,
    }
}

/// Waits until `head` is folded. A poison event must not keep the service from starting: what is
/// before it is served, and the status says where it stopped.
async fn catch_up(feed: &Feed, head: Position) -> Result<(), ProjectionError> {
    match feed.wait_for(head).await {
        Ok(_) => Ok(()),
        Err(QueryError::Stopped { .. }) => match feed.progress().failure {
            Some(failure) if !matches!(*failure, FeedError::Poisoned { .. }) => Err(failure.into()),
            Some(_) | None => Ok(()),
        },
        Err(QueryError::Database(error)) => Err(error.into()),
        Err(QueryError::Ended) => Err(FeedError::Ended.into()),
    }
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
    let feed = Feed::start(Arc::clone(store), writer, witness.cloned())
        .map_err(|error| ProjectionError::Thread(error.to_string()))?;
    Ok(Generation::new(number, path, feed))
}
