//! Checksums of a read database's pages, which SQLite has none of: kept beside it, so that nothing
//! is answered from a page that is not as the fold has written it.
//!
//! A page in the file is changed only when the write-ahead log is copied into it, and its new sum
//! is stored before, if the page was until then as the old one says: what the fold made of another
//! one must not become right by that. So wherever the writer is killed, each page is as its sum
//! says, but for those that the log holds if it was killed while it copied.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ledger::envelope::Position;
use ledger::store::embedded::beside;
use rusqlite::Connection;

use crate::database::checkpoint;
use crate::error::{damaged, out_of_reach};
use crate::wal::{self, Copied, Log};

/// What the file begins with: `plpages1`; the position up to which events were folded when the
/// write-ahead log was copied last, of 8 bytes; and 1, of 4 bytes, while it may not be copied
/// whole. What follows are the sums, of 4 bytes each; the least significant byte is first.
const MAGIC: [u8; 8] = *b"plpages1";
const COPYING_AT: u64 = 16;

/// How long the write-ahead log becomes before it is copied: pages that are written often go into
/// the file once. In bytes that is just less than what is kept of it, `database::LIVE`, and it
/// grows beyond that only while somebody reads for longer than a copy waits.
const FRAMES_KEPT: u32 = 32_000;

/// After how many frames those that are new are read and synced beside the writer, so that little
/// is left to do when the log is copied.
const FRAMES_AHEAD: u32 = 2_000;

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
    /// The write-ahead log, which a thread of its own may be reading.
    log: Arc<Mutex<Log>>,
    /// How long the log was when it was copied last, in frames.
    copied_at: u32,
    /// How much longer it becomes until it is copied again.
    pub(crate) frames_kept: u32,
}

/// What is known of the pages or of the log, for one who looks or copies.
pub(crate) fn lock<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of a page's sum.
fn place(page: u32) -> usize {
    usize::try_from(page).unwrap_or(usize::MAX).saturating_sub(1)
}

/// CRC-32, and never 0.
pub(crate) fn sum(page: &[u8]) -> u32 {
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
            log: Arc::new(Mutex::new(Log::of(path))),
            copied_at: 0,
            frames_kept: FRAMES_KEPT,
        };
        let found = checkpoint(database)?.position;
        let was_copying = pages.take(&stored).unwrap_or_else(|| {
            // What is new, and holds nothing, cannot have any.
            if found > Position::START {
                let path = path.display();
                tracing::warn!(%path, "the read models' pages have no sums: they are taken now");
            }
            false
        });
        let copied = pages.position;
        if found < copied {
            return Err(damaged(format!("it is at {found}, and has been at {copied}")));
        }
        if was_copying {
            let mut log = lock(&pages.log);
            log.read_on().map_err(io)?;
            pages.uncopied = log.sums().keys().copied().map(place).collect();
        }
        Ok(pages)
    }

    /// Takes in what is stored. Gives whether the write-ahead log may have been copied in part.
    fn take(&mut self, stored: &[u8]) -> Option<bool> {
        let rest = stored.strip_prefix(&MAGIC)?;
        let (position, rest) = rest.split_first_chunk()?;
        let (copying, sums) = rest.split_first_chunk()?;
        self.position = Position(u64::from_le_bytes(*position));
        self.sums = sums.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect();
        Some(u32::from_le_bytes(*copying) != 0)
    }

    fn store(&mut self) -> Result<(), rusqlite::Error> {
        let mut stored = MAGIC.to_vec();
        stored.extend(self.position.0.to_le_bytes());
        stored.extend(u32::from(!self.uncopied.is_empty()).to_le_bytes());
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
    /// Until then it is read now and then on a thread of its own.
    pub(crate) fn copy_if_long(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        let Copied { frames, all } = wal::copied(database)?;
        if frames < self.copied_at {
            // It began again, since it was copied and nobody read it.
            self.copied_at = 0;
        }
        if all {
            return Ok(());
        }
        if frames.saturating_sub(self.copied_at) >= self.frames_kept {
            // One that fails is tried again with the next batch.
            self.copy(database)?;
            self.copied_at = frames;
        } else if let Ok(log) = self.log.try_lock()
            && frames.abs_diff(log.frames()) >= FRAMES_AHEAD
        {
            let log = Arc::clone(&self.log);
            // What it fails to read, whoever copies reads again.
            let _ = thread::Builder::new().spawn(move || lock(&log).read_on());
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
        let log = Arc::clone(&self.log);
        let mut log = lock(&log);
        log.read_on().map_err(|error| out_of_reach(&self.path, &error))?;
        if log.frames() < frames {
            return Err(damaged("its write-ahead log is not as it was written".to_owned()));
        }
        for place in log.sums().keys().copied().map(place) {
            self.look_before_it_changes(place)?;
        }
        for (page, sum) in log.take_sums() {
            let place = place(page);
            if self.sums.len() <= place {
                self.sums.resize(place.saturating_add(1), 0);
            }
            if let Some(known) = self.sums.get_mut(place) {
                *known = sum;
            }
            self.uncopied.insert(place);
        }
        self.position = checkpoint(database)?.position;
        self.store()?;
        let all = wal::copy(database)?.all;
        if all {
            self.uncopied.clear();
            let path = beside(&self.path, "-sums");
            let file = File::options().write(true).open(&path);
            let written = file.and_then(|file| file.write_all_at(&[0; 4], COPYING_AT));
            written.map_err(|error| out_of_reach(&path, &error))?;
        }
        Ok(all)
    }

    fn look_before_it_changes(&self, place: usize) -> Result<(), rusqlite::Error> {
        let known = self.sums.get(place).copied().unwrap_or_default();
        if known == 0 || self.uncopied.contains(&place) {
            return Ok(());
        }
        let mut page = vec![0; usize::try_from(self.page_size).unwrap_or(usize::MAX)];
        let at = u64::try_from(place).unwrap_or(u64::MAX).saturating_mul(self.page_size);
        let read = self.database.read_exact_at(&mut page, at);
        let is_as_written = read.is_ok() && sum(&page) == known;
        if is_as_written { Ok(()) } else { Err(changed(place.saturating_add(1))) }
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
        if let Err(error) = self.database.read_exact_at(&mut bytes, at) {
            // What the disk does not give back is not as it was written either.
            tracing::error!(%error, page = from, "pages of the read models cannot be read");
            return Ok(Look::Damaged(from.saturating_add(1)));
        }
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
