//! The log that another one is copied into, and the mark that it is not whole yet.

use std::path::PathBuf;
use std::sync::Arc;

use ledger::causes::with_causes;
use ledger::envelope::{Position, Version};
use ledger::store::embedded::{
    Embedded, Options, begin_copy, end_copy, refuse_to_copy, unfinished_copy,
};
use ledger::store::eventstore::{COPY_NOTE, Cluster};
use ledger::store::{AppendError, Notes as _};

use super::{ANOTHER_WRITER, Side, directory, positions, unusable};
use crate::cli::CliError;

/// The log that is copied to.
pub(super) struct Target {
    pub(super) side: Side,
    mark: Mark,
    is_marked: bool,
}

/// Where it stands that a copy has not come to its end.
enum Mark {
    /// In a file of the data directory.
    File(PathBuf),
    /// In a note of the cluster, which was written so often.
    Note(Arc<Cluster>, Version),
}

impl Target {
    /// Opens the log at `target` to copy `what` into it, or to go on with that.
    pub(super) async fn open(target: &str, what: &str) -> Result<Self, CliError> {
        if Cluster::is_connection_string(target) {
            let positions = positions()?;
            let name = Cluster::shown(target);
            let opened = Cluster::open_copy(target, positions.path()).await;
            let (cluster, note) = opened.map_err(|error| unusable(&name, &error))?;
            let cluster = Arc::new(cluster);
            let store = cluster.clone();
            let side = Side { name, store, _positions: Some(positions), _still: None };
            let mark = Mark::Note(cluster, note.version);
            return Ok(Self { side, mark, is_marked: !note.text.is_empty() });
        }
        let path = directory(target)?;
        refuse_to_copy(path)?;
        let log = Embedded::open_copy(path, Options::default(), what)?;
        let is_marked = unfinished_copy(path)?.is_some();
        let (name, store) = (target.to_owned(), Arc::new(log));
        let side = Side { name, store, _positions: None, _still: None };
        Ok(Self { side, mark: Mark::File(path.to_owned()), is_marked })
    }

    /// Marks it, before the first event is copied. It held `before` until then: if it holds more
    /// by now, somebody was served by it, and it is left to them as it was.
    pub(super) async fn begin(&mut self, what: &str, before: Position) -> Result<(), CliError> {
        let goes_on = self.is_marked;
        self.mark(what).await?;
        if self.side.head().await? == before {
            return Ok(());
        }
        let said = format!("{}: {ANOTHER_WRITER}; nothing was copied", self.side.name);
        if !goes_on {
            self.end().await?;
        }
        Err(CliError::OtherTarget(said))
    }

    async fn mark(&mut self, what: &str) -> Result<(), CliError> {
        self.is_marked = true;
        match &mut self.mark {
            Mark::File(directory) => Ok(begin_copy(directory, what)?),
            Mark::Note(cluster, version) => {
                write(&self.side.name, cluster, *version, what.as_bytes()).await?;
                *version = version.next();
                Ok(())
            }
        }
    }

    /// Takes the mark away, now that the target is what was copied.
    pub(super) async fn end(&mut self) -> Result<(), CliError> {
        if !self.is_marked {
            return Ok(());
        }
        self.is_marked = false;
        match &self.mark {
            Mark::File(directory) => Ok(end_copy(directory)?),
            Mark::Note(cluster, version) => write(&self.side.name, cluster, *version, b"").await,
        }
    }
}

async fn write(name: &str, cluster: &Cluster, at: Version, text: &[u8]) -> Result<(), CliError> {
    cluster.write_note(COPY_NOTE, at, text).await.map_err(|error| match error {
        AppendError::Conflict { .. } => {
            CliError::OtherTarget(format!("{name}: another copy into it is at work"))
        }
        error @ (AppendError::Unavailable(_) | AppendError::Indeterminate(_)) => {
            CliError::Copy(format!("{name}: {}", with_causes(&error)))
        }
    })
}
