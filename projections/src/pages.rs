//! Checksums of a read database's pages, which SQLite has none of: kept beside it, so that nothing
//! is answered from a page that is not as the fold has written it.
//!
//! A page in the file is changed only when the write-ahead log is copied into it, and its new sum
//! is stored before. So wherever the writer is killed, each page that the log does not hold is as
//! its sum says.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::envelope::Position;
use rusqlite::Connection;

use crate::database::checkpoint;
use crate::error::{damaged, out_of_reach};
use crate::wal::{self, Copied};

/// What the file begins with: `plpages1`, and then the position up to which events were folded when
/// the write-ahead log was copied last, of 8 bytes. What follows are the sums, of 4 bytes each; the
/// least significant byte is first.
const MAGIC: [u8; 8] = *b"plpages1";

/// How long the write-ahead log becomes before it is copied: pages that are written often go into
/// the file once. Longer by as much while readers keep it from being copied to its end.
const FRAMES_KEPT: u32 = 16_000;

/// How many pages are looked at under one lock, and how many bytes that is with the pages that
/// SQLite makes.
const PAGES_A_STEP: usize = 1024;
pub(crate) const STEP_BYTES: u64 = 4 << 20;

/// What a step of looking through a file has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// There is more, from this page on.
    On(usize),
    /// All pages are as they were written.
    Whole,
    /// This page, counted from 1, is not.
    Damaged(usize),
}

/// What is known of a read database's pages.
#[derive(Debug)]
pub(crate) struct Pages {
    /// Kept open for as long as the database is: when a process closes a file, all its locks on it
    /// go, those of SQLite among them.
    database: File,
    path: PathBuf,
    page_size: u64,
    /// One a page; 0 of one that was not looked at yet.
    sums: Vec<u32>,
    /// The pages of which the file may hold another version than the newest.
    uncopied: BTreeSet<usize>,
    /// What was folded when the write-ahead log was copied last.
    position: Position,
    /// Whether what is known is in the file of sums.
    stored: bool,
    /// How long the write-ahead log was when it was copied last, in frames.
    copied_at: u32,
}

/// What is known of the pages, for one who looks or copies.
pub(crate) fn lock(pages: &Mutex<Pages>) -> MutexGuard<'_, Pages> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file with `suffix` after its name, as SQLite names what belongs to it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The place of a page's sum.
fn place(page: u32) -> usize {
    usize::try_from(page).unwrap_or(usize::MAX).saturating_sub(1)
}

/// CRC-32, and never 0.
fn sum(page: &[u8]) -> u32 {
    crc32fast::hash(page).max(1)
}

/// A page is not as it was written.
pub(crate) fn changed(page: usize) -> rusqlite::Error {
    damaged(format!("page {page} of the read database is not as it was written"))
}

impl Pages {
    /// Of the database at `path`, which its writer has opened. Fails if what is there is older than
    /// what was copied into it: a write-ahead log that has lost its end, or is another, would cover
    /// newer pages with older ones.
    pub(crate) fn open(path: &Path, database: &Connection) -> Result<Self, rusqlite::Error> {
        let io = |error| out_of_reach(path, &error);
        let page_size: u32 = database.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let stored = match fs::read(beside(path, "-sums")) {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io(error)),
        };
        let mut pages = Self {
            database: File::open(path).map_err(io)?,
            path: path.to_owned(),
            page_size: page_size.into(),
            sums: Vec::new(),
            uncopied: BTreeSet::new(),
            position: Position::START,
            stored: true,
            copied_at: 0,
        };
        pages.take(&stored);
        let (found, copied) = (checkpoint(database)?.position, pages.position);
        if found < copied {
            return Err(damaged(format!("it is at {found}, and has been at {copied}")));
        }
        let log = wal::committed(&beside(path, "-wal")).map_err(io)?;
        pages.uncopied =
            log.map(|log| log.sums.into_keys().map(place).collect()).unwrap_or_default();
        Ok(pages)
    }

    /// Takes in what is stored, as far as it can be read: of what is missing nothing is known.
    fn take(&mut self, stored: &[u8]) {
        let Some(rest) = stored.strip_prefix(&MAGIC) else { return };
        let Some((position, sums)) = rest.split_first_chunk() else { return };
        self.position = Position(u64::from_le_bytes(*position));
        self.sums = sums.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect();
    }

    fn store(&mut self) -> Result<(), rusqlite::Error> {
        let mut stored = MAGIC.to_vec();
        stored.extend(self.position.0.to_le_bytes());
        for sum in &self.sums {
            stored.extend(sum.to_le_bytes());
        }
        let path = beside(&self.path, "-sums");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(&stored)?;
            file.sync_data()
        });
        written.map_err(|error| out_of_reach(&path, &error))?;
        self.stored = true;
        Ok(())
    }

    /// Copies the write-ahead log into the file, if it has become long since that was done last.
    pub(crate) fn copy_if_long(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        let Copied { frames, all } = wal::copied(database)?;
        if frames < self.copied_at {
            // It began again, since it was copied and nobody read it.
            self.copied_at = 0;
        }
        if !all && frames.saturating_sub(self.copied_at) >= FRAMES_KEPT {
            self.copied_at = frames;
            self.copy(database)?;
        }
        Ok(())
    }

    /// Notes what the write-ahead log holds, and copies it into the file. Gives whether all of it
    /// is there now.
    pub(crate) fn copy(&mut self, database: &Connection) -> Result<bool, rusqlite::Error> {
        let Copied { frames, all } = wal::copied(database)?;
        if frames == 0 {
            return Ok(all);
        }
        let path = beside(&self.path, "-wal");
        let log = wal::committed(&path).map_err(|error| out_of_reach(&path, &error))?;
        let Some(log) = log.filter(|log| log.frames >= frames) else {
            return Err(damaged("its write-ahead log is not as it was written".to_owned()));
        };
        for (page, sum) in log.sums {
            let place = place(page);
            if self.sums.len() <= place {
                self.sums.resize(place.saturating_add(1), 0);
            }
            if let Some(known) = self.sums.get_mut(place) {
                *known = sum.max(1);
            }
            self.uncopied.insert(place);
        }
        self.position = checkpoint(database)?.position;
        self.store()?;
        let all = wal::copy(database)?.all;
        if all {
            self.uncopied.clear();
        }
        Ok(all)
    }

    /// Looks at a file that was just filled.
    pub(crate) fn look_at_all(&mut self) -> Result<(), rusqlite::Error> {
        let mut from = 0;
        loop {
            match self.look(from)? {
                Look::On(next) => from = next,
                Look::Whole => return Ok(()),
                Look::Damaged(page) => return Err(changed(page)),
            }
        }
    }

    /// Looks at some pages of the file, beginning with the one at `from`, and takes the sum of what
    /// has none yet.
    pub(crate) fn look(&mut self, from: usize) -> Result<Look, rusqlite::Error> {
        let io = |error| out_of_reach(&self.path, &error);
        let there = self.database.metadata().map_err(io)?.len().checked_div(self.page_size);
        let there = there.and_then(|it| usize::try_from(it).ok()).unwrap_or_default();
        let known = self.sums.len().max(there);
        let page_size = usize::try_from(self.page_size).unwrap_or(usize::MAX);
        let until = from.saturating_add(PAGES_A_STEP).min(known);
        let mut bytes = vec![0; until.min(there).saturating_sub(from).saturating_mul(page_size)];
        let at = u64::try_from(from).unwrap_or(u64::MAX).saturating_mul(self.page_size);
        self.database.read_exact_at(&mut bytes, at).map_err(io)?;
        let mut found = bytes.chunks_exact(page_size).map(sum);
        self.sums.resize(known, 0);
        let looked_at = self.sums.iter_mut().enumerate().take(until).skip(from);
        for (place, expected) in looked_at {
            // None of a page that the file is too short for.
            let found = found.next();
            if self.uncopied.contains(&place) || found == Some(*expected) {
                continue;
            }
            match (found, *expected) {
                (Some(found), 0) => (*expected, self.stored) = (found, false),
                (None, 0) => {}
                (Some(_) | None, _) => return Ok(Look::Damaged(place.saturating_add(1))),
            }
        }
        if until < known {
            return Ok(Look::On(until));
        }
        if !self.stored {
            self.store()?;
        }
        Ok(Look::Whole)
    }
}
