//! What a read database's write-ahead log holds, by the [file format of SQLite][format]: the pages
//! that it has committed.
//!
//! [format]: https://www.sqlite.org/fileformat2.html#walformat

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::store::embedded::beside;
use rusqlite::Connection;

use crate::pages::sum;

/// The first four bytes; in a log whose own sums are over big-endian words the last bit is set.
const MAGIC: u32 = 0x377f_0682;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// How much is read at once: what the processor's caches hold.
const READ_BYTES: usize = 1 << 17;

/// How long a copy waits for those who read: longer than a page of any list takes, and rarely.
const READERS_WAIT: Duration = Duration::from_secs(1);

/// How long all else waits for somebody who has the file locked: what a connection begins with.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A read database's write-ahead log, as far as it was read.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// What it began with: it begins again with other bytes, over what it held.
    header: [u8; HEADER],
    /// The log's own sums up to the last commit.
    chain: Chain,
    frames: u32,
    sums: BTreeMap<u32, u32>,
}

impl Log {
    /// Of the database at `database`; nothing is read yet.
    pub(crate) fn of(database: &Path) -> Self {
        let path = beside(database, "-wal");
        let (header, chain) = ([0; HEADER], Chain::default());
        Self { path, header, chain, frames: 0, sums: BTreeMap::new() }
    }

    /// How many frames were read: up to the last commit.
    pub(crate) const fn frames(&self) -> u32 {
        self.frames
    }

    /// The sum of the newest version of each page that was read and not taken, by its number.
    pub(crate) const fn sums(&self) -> &BTreeMap<u32, u32> {
        &self.sums
    }

    /// The same, which is then of the pages that are read from now on.
    pub(crate) fn take_sums(&mut self) -> BTreeMap<u32, u32> {
        std::mem::take(&mut self.sums)
    }

    /// Reads what was committed since, as far as it is whole, and syncs it, so that what is noted
    /// of it is not lost.
    pub(crate) fn read_on(&mut self) -> std::io::Result<()> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.begin([0; HEADER]);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER];
        if !fills(&mut file, &mut header)? || header != self.header {
            self.begin(header);
        }
        let was_read = self.frames;
        if Chain::of_header(&header).is_some() {
            self.read_frames(&file)?;
        }
        if self.frames > was_read { file.sync_data() } else { Ok(()) }
    }

    fn begin(&mut self, header: [u8; HEADER]) {
        self.header = header;
        self.chain = Chain::of_header(&header).unwrap_or_default();
        self.frames = 0;
        self.sums.clear();
    }

    fn read_frames(&mut self, mut file: &File) -> std::io::Result<()> {
        let size = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
        let page_size = size(word(&self.header[8..]));
        let frame_size = page_size.saturating_add(FRAME_HEADER);
        let read = size(self.frames).saturating_mul(frame_size).saturating_add(HEADER);
        file.seek(SeekFrom::Start(u64::try_from(read).unwrap_or(u64::MAX)))?;
        let mut file = BufReader::with_capacity(READ_BYTES, file);
        let mut page = vec![0; page_size];
        let mut header = [0; FRAME_HEADER];
        let (mut chain, mut frames) = (self.chain, self.frames);
        let mut uncommitted = Vec::new();
        while fills(&mut file, &mut header)? && fills(&mut file, &mut page)? {
            chain.follow(&header[..8]);
            chain.follow(&page);
            if header[8..16] != self.header[16..24] || !chain.ends_as(&header[16..]) {
                break;
            }
            frames = frames.saturating_add(1);
            uncommitted.push((word(&header), sum(&page)));
            // The size of the database after a commit; 0 before.
            if word(&header[4..]) != 0 {
                self.sums.extend(uncommitted.drain(..));
                (self.chain, self.frames) = (chain, frames);
            }
        }
        Ok(())
    }
}

/// Reads so many bytes; false if there are not.
fn fills(file: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The number that the bytes begin with, as everything in the log is stored but its pages.
fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map(u32::from_be_bytes).unwrap_or_default()
}

/// The log's own sums, each of which is over all that comes before it.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    big_endian: bool,
    sums: [u32; 2],
}

impl Chain {
    /// The sums of what the log begins with, if it is whole.
    fn of_header(header: &[u8; HEADER]) -> Option<Self> {
        let magic = word(header);
        let mut chain = Self { big_endian: magic & 1 == 1, sums: [0; 2] };
        chain.follow(&header[..24]);
        (magic & !1 == MAGIC && chain.ends_as(&header[24..])).then_some(chain)
    }

    fn follow(&mut self, bytes: &[u8]) {
        let words = if self.big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        let [mut one, mut other] = self.sums;
        for pair in bytes.as_chunks::<4>().0.as_chunks::<2>().0 {
            let [first, second] = pair.map(words);
            one = one.wrapping_add(first).wrapping_add(other);
            other = other.wrapping_add(second).wrapping_add(one);
        }
        self.sums = [one, other];
    }

    fn ends_as(&self, stored: &[u8]) -> bool {
        let [one, other] = self.sums.map(u32::to_be_bytes);
        stored == [one, other].as_flattened()
    }
}

/// How far a write-ahead log is copied into its database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    /// How many frames it has committed.
    pub(crate) frames: u32,
    /// Whether all of them are in the database.
    pub(crate) all: bool,
}

/// Asks how far the log is copied.
pub(crate) fn copied(database: &Connection) -> Result<Copied, rusqlite::Error> {
    ask(database, "PRAGMA wal_checkpoint(NOOP)")
}

/// Copies all that it holds, so that it begins again with the next commit. For that it waits a
/// moment for those who read what it held before, and keeps nobody from reading meanwhile; what is
/// read longer, it leaves.
pub(crate) fn copy(database: &Connection) -> Result<Copied, rusqlite::Error> {
    database.busy_timeout(READERS_WAIT)?;
    let copied = ask(database, "PRAGMA wal_checkpoint(RESTART)");
    database.busy_timeout(BUSY_WAIT)?;
    copied
}

fn ask(database: &Connection, pragma: &str) -> Result<Copied, rusqlite::Error> {
    database.prepare_cached(pragma)?.query_row([], |row| {
        let (busy, frames, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // A database without a write-ahead log says -1 of both, and one that somebody else copies.
        // Busy is also one of which all is copied, while somebody reads it.
        let all = copied == frames && !(busy && frames < 0);
        Ok(Copied { frames: u32::try_from(frames).unwrap_or_default(), all })
    })
}
