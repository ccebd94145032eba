//! Whether the log's files are where they were opened. What is written to a file that was removed
//! is lost when the process ends, and what is written to one that was moved is found by nobody who
//! looks where the log was: both would be acknowledged and gone.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::file::beside;

/// Which file it is, whatever it is called.
type Identity = (u64, u64);

/// Files of a log, as they were when they were opened.
#[derive(Debug)]
pub(super) struct Place {
    files: Vec<(PathBuf, Identity)>,
}

impl Place {
    /// The log's file and its write-ahead log, if they are there now.
    pub(super) fn of(log: &Path) -> Self {
        Self::of_all([log.to_owned(), beside(log, "-wal")])
    }

    /// The log's file alone, if it is there now: the write-ahead log goes with the last connection.
    pub(super) fn of_file(log: &Path) -> Self {
        Self::of_all([log.to_owned()])
    }

    fn of_all<const COUNT: usize>(paths: [PathBuf; COUNT]) -> Self {
        let there = |path: PathBuf| identity(&path).ok().map(|identity| (path, identity));
        Self { files: paths.into_iter().filter_map(there).collect() }
    }

    /// Says which file is not there any more. One that cannot be looked at may well be.
    pub(super) fn confirm(&self) -> Result<(), String> {
        let gone = self.files.iter().find(|(path, opened)| match identity(path) {
            Ok(found) => found != *opened,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        });
        match gone {
            None => Ok(()),
            Some((path, _)) => {
                Err(format!("{} was moved, removed or replaced while in use", path.display()))
            }
        }
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}
