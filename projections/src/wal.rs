//! What a read database's write-ahead log holds, by the [file format of SQLite][format]: the pages
//! that it has committed.
//!
//! [format]: https://www.sqlite.org/fileformat2.html#walformat

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use rusqlite::Connection;

use crate::pages::sum;

/// The first four bytes; in a log whose own sums are over big-endian words the last bit is set.
const MAGIC: u32 = 0x377f_0682;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// How much is read at once.
const READ_BYTES: usize = 1 << 20;

/// The pages that a write-ahead log has committed.
#[derive(Debug)]
pub(crate) struct Committed {
    /// How many frames there are up to the last commit.
    pub(crate) frames: u32,
    /// The sum of the newest version of each page, by the page's number.
    pub(crate) sums: BTreeMap<u32, u32>,
}

/// Reads the log at `path` as far as it is whole, and syncs it, so that what is noted of it is not
/// lost. None if it is not there, or its beginning is not.
pub(crate) fn committed(path: &Path) -> std::io::Result<Option<Committed>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    file.sync_data()?;
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    let Some((mut chain, salts, page_size)) = beginning(&mut file)? else { return Ok(None) };
    let mut committed = Committed { frames: 0, sums: BTreeMap::new() };
    let (mut header, mut page) = ([0; FRAME_HEADER], vec![0; page_size]);
    let (mut uncommitted, mut frames) = (Vec::new(), 0_u32);
    while fills(&mut file, &mut header)? && fills(&mut file, &mut page)? {
        chain.follow(&header[..8]);
        chain.follow(&page);
        if header[8..16] != salts || !chain.ends_as(&header[16..]) {
            break;
        }
        frames = frames.saturating_add(1);
        uncommitted.push((word(&header), sum(&page)));
        // The size of the database after a commit; 0 before.
        if word(&header[4..]) != 0 {
            committed.sums.extend(uncommitted.drain(..));
            committed.frames = frames;
        }
    }
    Ok(Some(committed))
}

/// The sums so far, what tells one filling of the log from the next, and the size of a page, if
/// the log's beginning is whole.
fn beginning(file: &mut impl Read) -> std::io::Result<Option<(Chain, [u8; 8], usize)>> {
    let mut header = [0; HEADER];
    if !fills(file, &mut header)? {
        return Ok(None);
    }
    let magic = word(&header);
    let mut chain = Chain { big_endian: magic & 1 == 1, sums: [0; 2] };
    chain.follow(&header[..24]);
    let is_whole = magic & !1 == MAGIC && chain.ends_as(&header[24..]);
    let mut salts = [0; 8];
    salts.copy_from_slice(&header[16..24]);
    let page_size = usize::try_from(word(&header[8..])).unwrap_or_default();
    Ok(is_whole.then_some((chain, salts, page_size)))
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
struct Chain {
    big_endian: bool,
    sums: [u32; 2],
}

impl Chain {
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

/// Copies what no reader is in the way of, and waits for none.
pub(crate) fn copy(database: &Connection) -> Result<Copied, rusqlite::Error> {
    ask(database, "PRAGMA wal_checkpoint(PASSIVE)")
}

fn ask(database: &Connection, pragma: &str) -> Result<Copied, rusqlite::Error> {
    database.prepare_cached(pragma)?.query_row([], |row| {
        let (busy, frames, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // A database without a write-ahead log says -1 of both, and one that somebody else copies.
        let all = !busy && copied == frames;
        Ok(Copied { frames: u32::try_from(frames).unwrap_or_default(), all })
    })
}
