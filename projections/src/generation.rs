//! Generations: one file each, never renamed; a pointer names the live one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ledger::envelope::Position;
use ledger::store::embedded::beside;
use tokio::sync::watch;

use crate::error::{ProjectionError, QueryError, damaged};
use crate::feed::Feed;
use crate::pages::{Look, Pages, lock};
use crate::readers::Readers;

const POINTER: &str = "CURRENT";

/// The folder of read databases in a data directory.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("read")
}

/// The file of a generation.
pub(crate) fn file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("gen-{number}.db"))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> ProjectionError {
    let path = path.to_owned();
    move |source| ProjectionError::File { path, source }
}

/// Makes the folder.
pub(crate) fn make_folder(folder: &Path) -> Result<(), ProjectionError> {
    fs::create_dir_all(folder).map_err(failed(folder))
}

/// The number of a generation's file, or of one of its side files.
fn number_of(name: &str) -> Option<u64> {
    let rest = name.strip_prefix("gen-")?;
    let (number, suffix) = rest.split_once('.')?;
    matches!(suffix, "db" | "db-wal" | "db-shm" | "db-sums").then(|| number.parse().ok()).flatten()
}

/// The live generation, if one was ever made.
pub(crate) fn current(folder: &Path) -> Result<Option<u64>, ProjectionError> {
    let path = folder.join(POINTER);
    let content = match fs::read(&path) {
        Ok(content) => String::from_utf8_lossy(&content).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ProjectionError::File { path, source }),
    };
    let number = content
        .trim_end()
        .strip_suffix(".db")
        .and_then(|name| name.strip_prefix("gen-").and_then(|number| number.parse().ok()));
    number.map(Some).ok_or(ProjectionError::Pointer { path, content })
}

/// Points at another generation, durably: the pointer is the old one or the new one, never half.
pub(crate) fn point_at(folder: &Path, number: u64) -> Result<(), ProjectionError> {
    let (path, draft) = (folder.join(POINTER), folder.join("CURRENT.new"));
    let mut file = File::create(&draft).map_err(failed(&draft))?;
    file.write_all(format!("gen-{number}.db\n").as_bytes()).map_err(failed(&draft))?;
    file.sync_all().map_err(failed(&draft))?;
    fs::rename(&draft, &path).map_err(failed(&path))?;
    let folder_file = File::open(folder).map_err(failed(folder))?;
    folder_file.sync_all().map_err(failed(folder))
}

/// The numbers of all generations that have files.
fn numbers(folder: &Path) -> Result<Vec<u64>, ProjectionError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let name = entry.map_err(failed(folder))?.file_name();
        numbers.extend(name.to_str().and_then(number_of));
    }
    Ok(numbers)
}

/// A number that no generation has had a file of.
pub(crate) fn next(folder: &Path) -> Result<u64, ProjectionError> {
    let named = match current(folder) {
        Err(ProjectionError::Pointer { .. }) => None,
        named => named?,
    };
    let last = numbers(folder)?.into_iter().chain(named).max();
    Ok(last.unwrap_or_default().saturating_add(1))
}

/// Removes a generation's files.
pub(crate) fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-sums"] {
        let name = beside(path, suffix);
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(file = %name.display(), %error, "an old read model stays behind");
            }
        }
    }
}

/// Removes what rebuilds that did not end have left, all but the generation `keep`.
pub(crate) fn sweep(folder: &Path, keep: u64) -> Result<(), ProjectionError> {
    for number in numbers(folder)? {
        if number != keep {
            remove(&file(folder, number));
        }
    }
    Ok(())
}

/// Whether questions are answered from a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// Not before it holds this.
    NotYet(Position),
    /// It failed before it had.
    Never,
    /// Not before its pages were looked at.
    Unseen,
    /// A page of it is not as it was written.
    Damaged,
    /// They are.
    Yes,
}

/// A generation that is served, or is being built. Once retired, its files go when its last reader
/// has.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) readers: Readers,
    pub(crate) feed: Feed,
    served: watch::Sender<Served>,
    retired: AtomicBool,
    /// Let go after the readers are closed.
    pages: Option<Arc<Mutex<Pages>>>,
}

impl Generation {
    pub(crate) fn new(
        number: u64,
        path: PathBuf,
        feed: Feed,
        pages: Option<Arc<Mutex<Pages>>>,
    ) -> Self {
        let readers = Readers::new(path.clone());
        let served = watch::Sender::new(Served::Yes);
        Self { number, path, readers, feed, served, retired: AtomicBool::new(false), pages }
    }

    /// Says whether questions are answered from it. Until something is said, they are.
    pub(crate) fn serve(&self, served: Served) {
        self.served.send_replace(served);
    }

    /// What it has to hold before questions are answered from it, if they are not yet.
    pub(crate) fn waits_for(&self) -> Option<Position> {
        match *self.served.borrow() {
            Served::NotYet(position) => Some(position),
            Served::Never | Served::Unseen | Served::Damaged | Served::Yes => None,
        }
    }

    /// Are questions answered from it?
    pub(crate) fn answers(&self) -> bool {
        *self.served.borrow() == Served::Yes
    }

    /// Looks at some pages of its file, from one on; at none while it is filled in bulk, since what
    /// is written then is looked at in the end. Blocks.
    pub(crate) fn look(&self, from: usize) -> Result<Look, ProjectionError> {
        match &self.pages {
            Some(pages) if self.waits_for().is_none() => Ok(lock(pages).look(from)?),
            Some(_) | None => Ok(Look::Whole),
        }
    }

    /// Says what came of looking at its pages. One that is still being filled is not served yet.
    pub(crate) fn seen(&self, whole: bool) {
        self.served.send_if_modified(|served| {
            let seen = if whole { Served::Yes } else { Served::Damaged };
            let changes = matches!(served, Served::Unseen | Served::Yes) && *served != seen;
            if changes {
                *served = seen;
            }
            changes
        });
    }

    /// Waits until questions are answered from it, and it holds `position`.
    pub(crate) async fn wait_for(&self, position: Position) -> Result<Position, QueryError> {
        if self.feed.progress().failure.is_some_and(|failure| failure.is_of_what_is_stored()) {
            self.seen(false);
        }
        let mut served = self.served.subscribe();
        let decided = |served: &Served| !matches!(served, Served::NotYet(_) | Served::Unseen);
        let served = *served.wait_for(decided).await.map_err(|_closed| QueryError::Ended)?;
        let least = match served {
            Served::Damaged => {
                let cause = "its pages are not as they were written";
                return Err(damaged(cause.to_owned()).into());
            }
            Served::Yes => Position::START,
            // Its feed has ended, and the error tells why.
            Served::Never | Served::NotYet(_) | Served::Unseen => self.feed.position().next(),
        };
        let wanted = position.max(least);
        self.feed.wait_for(wanted).await
    }

    /// Marks it as no longer needed.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            self.readers.close();
            remove(&self.path);
        }
    }
}
