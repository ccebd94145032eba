//! What can go wrong with the log's file, as the caller sees it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::envelope::Position;
use crate::store::ReadError;

/// Why a log cannot be opened, verified or restored.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory open for writing.
    #[error("{} is in use by {holder}", directory.display())]
    DirectoryInUse {
        /// The data directory.
        directory: PathBuf,
        /// Who holds it, as it said itself: `process 4711`.
        holder: String,
    },
    /// The directory or a file in it cannot be made, read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// The cause, as the operating system gives it.
        #[source]
        source: io::Error,
    },
    /// There is no log, and the caller did not ask for a new one.
    #[error("there is no log at {}", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is not a payledger log.
    #[error("{} is not a payledger log: {cause}", path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
        /// What tells.
        cause: String,
    },
    /// The log has a format that this build does not know.
    #[error("{} has format {found}, and this build knows {known} only", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format that the file names.
        found: String,
        /// The format that this build reads and writes.
        known: u32,
    },
    /// What is stored is not what was written.
    #[error("the log is damaged at position {position}: {cause}")]
    Damaged {
        /// The first event that cannot be trusted.
        position: Position,
        /// What does not fit.
        cause: String,
    },
    /// The log has lost its end, or is an older copy: something else remembers more of it.
    #[error(
        "the log ends at position {head}, but {} knows of position {known}: what was acknowledged \
         after {head} is missing",
        path.display()
    )]
    EndMissing {
        /// What remembers more.
        path: PathBuf,
        /// The last position that it knows of.
        known: Position,
        /// The last position of the log.
        head: Position,
    },
    /// The log is not the one that the directory remembers.
    #[error("{} knows position {position} of the log otherwise: {problem}", path.display())]
    HeadDiffers {
        /// What remembers.
        path: PathBuf,
        /// The position that it knows of.
        position: Position,
        /// What does not fit.
        problem: String,
    },
    /// A file that says what the directory is, or knows of the log, is not as it was written:
    /// `HEAD`, which may know of more than the log holds, `STANDBY`, `LOSS`, `COPY` or
    /// `SUPERSEDED`.
    #[error("{} is not as it was written: its checksum does not fit", path.display())]
    NoteUnreadable {
        /// The file.
        path: PathBuf,
    },
    /// The log is gone, and what the directory remembers of it is left.
    #[error("the log is gone, but {} knows of position {known}", path.display())]
    LogGone {
        /// What remembers.
        path: PathBuf,
        /// The last position that it knows of.
        known: Position,
    },
    /// No room is left on the disk, or within the size that was allowed.
    #[error("no room is left to write {}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The target of a restore holds something already.
    #[error("{} is not empty", directory.display())]
    NotEmpty {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory is a standby: only what replicates writes to it.
    #[error("{} is a standby, which is promoted before it is served", directory.display())]
    Standby {
        /// The data directory.
        directory: PathBuf,
    },
    /// A standby or a backup of the log goes on in its place.
    #[error(
        "{} is served no more: {by} was promoted in its place, or restored",
        directory.display()
    )]
    Superseded {
        /// The data directory.
        directory: PathBuf,
        /// The directory that took its place.
        by: String,
    },
    /// A restore into the directory did not come to its end.
    #[error("a restore into {} did not come to its end: run it again", directory.display())]
    Unfinished {
        /// The data directory.
        directory: PathBuf,
    },
    /// A copy of another log into this one did not come to its end: it is a part of that one.
    #[error("a copy into {} has not come to its end: of {what}", directory.display())]
    CopyUnfinished {
        /// The data directory.
        directory: PathBuf,
        /// What is copied, and up to where.
        what: String,
    },
    /// The log has lost commits, which is not recorded in it yet: a copy would not know.
    #[error(
        "the log in {} has lost commits, which its first start records: serve it once first",
        directory.display()
    )]
    LossPending {
        /// The data directory.
        directory: PathBuf,
    },
    /// SQLite refused for another reason.
    #[error("SQLite cannot use {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The cause, as SQLite gives it.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// Names the path that an operation of the file system failed on.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::StorageFull {
                Self::Full { path }
            } else {
                Self::Io { path, source }
            }
        }
    }

    /// Names the file that SQLite failed on.
    pub(super) fn sqlite(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self + '_ {
        move |source| {
            let path = path.to_owned();
            match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => Self::NotALog { path, cause: source.to_string() },
                // Outside the blocks, so that nothing in them can be found for certain.
                Some(ErrorCode::DatabaseCorrupt) => {
                    let position = Position::START.next();
                    Self::Damaged { position, cause: source.to_string() }
                }
                Some(ErrorCode::DiskFull) => Self::Full { path },
                _ => Self::Sqlite { path, source },
            }
        }
    }
}

/// What a look at stored blocks can end with, before it is known who asked.
#[derive(Debug)]
pub(super) enum Fault {
    Damaged { position: Position, cause: String },
    Sqlite(rusqlite::Error),
}

impl Fault {
    /// Tells damage from a failure to read: the block at `position` was next.
    pub(super) fn reading(position: Position, error: rusqlite::Error) -> Self {
        let not_as_written = matches!(
            &error,
            rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        );
        let damaged = not_as_written
            || matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            );
        if damaged {
            Self::Damaged { position, cause: error.to_string() }
        } else {
            Self::Sqlite(error)
        }
    }

    /// As the answer to opening the log at `path`.
    pub(super) fn into_open(self, path: &Path) -> OpenError {
        match self {
            Self::Damaged { position, cause } => OpenError::Damaged { position, cause },
            Self::Sqlite(error) => OpenError::sqlite(path)(error),
        }
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged { position, cause } => Self::Damaged { position, cause },
            Fault::Sqlite(error) => Self::Unavailable(error.into()),
        }
    }
}
