//! The index as it is written down beside the log, so that an opening need not read all of it.
//!
//! The layout is in `ledger/DESIGN.md`, "The embedded log on disk". The file is derived: whatever
//! is wrong with it, it is left aside and the log is read instead.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, IntoInnerError, Read, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::chain::{ChainHash, Head};
use super::index::{Index, LINKS, Link, Rows};
use crate::envelope::{Position, STREAM_NAME_BYTES_MAX};

/// The index's file in the data directory.
const INDEX_FILE: &str = "events.index";

const MAGIC: &[u8; 16] = b"payledger index\n";

/// The format that this build reads and writes.
const FORMAT: u32 = 1;

/// Magic, format, log, position, chain and the number of streams.
const HEADER_BYTES: u64 = 16 + 4 + 16 + 8 + 32 + 4;

const LINK_BYTES: u64 = 5;

/// A stream without its name.
const STREAM_BYTES_MIN: u64 = 1 + 4 + 8;

const CHECKSUM_BYTES: u64 = 4;

/// How much is read or written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// How much is written between two syncs.
const SYNC_BYTES: usize = 4 << 20;

/// Why there is no index to be had from the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("there is none")]
    Missing,
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Content(String),
}

impl From<&str> for Unusable {
    fn from(problem: &str) -> Self {
        Self::Content(problem.to_owned())
    }
}

/// Where the index of the log in `directory` is.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(INDEX_FILE)
}

/// Writes down the index of the log `log_id` up to `head`. The file appears whole or not at all.
pub(super) fn write(directory: &Path, log_id: Uuid, head: Head, rows: &Rows) -> io::Result<()> {
    let path = path(directory);
    let fresh = super::file::beside(&path, ".new");
    let out = Out { file: File::create(&fresh)?, crc: crc32fast::Hasher::new(), unsynced: 0 };
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let streams = u32::try_from(rows.streams.len()).map_err(io::Error::other)?;
    out.write_all(MAGIC)?;
    out.write_all(&FORMAT.to_be_bytes())?;
    out.write_all(log_id.as_bytes())?;
    out.write_all(&head.position.0.to_be_bytes())?;
    out.write_all(&head.chain.0)?;
    out.write_all(&streams.to_be_bytes())?;
    for links in rows.links.pieces() {
        out.write_all(links.as_flattened())?;
    }
    for stream in rows.streams.pieces().flatten() {
        let name = rows.name(stream);
        out.write_all(&[u8::try_from(name.len()).map_err(io::Error::other)?])?;
        out.write_all(name)?;
        out.write_all(&stream.events.to_be_bytes())?;
        out.write_all(&stream.last.to_be_bytes())?;
    }
    let Out { mut file, crc, .. } = out.into_inner().map_err(IntoInnerError::into_error)?;
    file.write_all(&crc.finalize().to_be_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, &path)
}

/// Reads what was written down of the log `log_id`: the index, and the head that it reaches to.
pub(super) fn read(directory: &Path, log_id: Uuid) -> Result<(Index, Head), Unusable> {
    let file = match File::open(path(directory)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Unusable::Missing),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len().checked_sub(CHECKSUM_BYTES).ok_or("it is cut short")?;
    let summing = Summing::new(file.take(length));
    let mut from = BufReader::with_capacity(BUFFER_BYTES, summing);
    let content = content(&mut from, log_id, length);
    // The sum is over all of it, whatever was made of it.
    io::copy(&mut from, &mut io::sink())?;
    let Summing { inner, crc } = from.into_inner();
    let mut stored = [0; 4];
    inner.into_inner().read_exact(&mut stored)?;
    if u32::from_be_bytes(stored) != crc.finalize() {
        return Err("its checksum does not match".into());
    }
    content
}

fn content(from: &mut impl Read, log_id: Uuid, length: u64) -> Result<(Index, Head), Unusable> {
    if &bytes::<16>(from)? != MAGIC {
        return Err("it is no index of a payledger log".into());
    }
    let format = u32::from_be_bytes(bytes(from)?);
    if format != FORMAT {
        return Err(Unusable::Content(format!("it has format {format}, not {FORMAT}")));
    }
    let found = Uuid::from_bytes(bytes(from)?);
    if found != log_id {
        return Err(Unusable::Content(format!("it is of the log {found}")));
    }
    let position = Position(u64::from_be_bytes(bytes(from)?));
    let head = Head { position, chain: ChainHash(bytes(from)?) };
    let streams = u32::from_be_bytes(bytes(from)?);
    // So that nothing is allocated that the file cannot hold.
    let links = position.0.saturating_mul(LINK_BYTES);
    let needed = u64::from(streams).saturating_mul(STREAM_BYTES_MIN).saturating_add(links);
    if needed.saturating_add(HEADER_BYTES) > length {
        return Err("it is cut short".into());
    }
    let mut index = Index::with_room(usize::try_from(streams).unwrap_or_default());
    let mut links_left = usize::try_from(position.0).map_err(|_| "it is too long")?;
    while links_left > 0 {
        let mut links = vec![Link::default(); links_left.min(LINKS)];
        from.read_exact(links.as_flattened_mut())?;
        links_left = links_left.saturating_sub(links.len());
        index.load_links(links).map_err(Unusable::Content)?;
    }
    let mut events = 0_u64;
    let mut name = [0; STREAM_NAME_BYTES_MAX];
    for _ in 0..streams {
        let [bytes_of_name] = bytes(from)?;
        let name = name.get_mut(..usize::from(bytes_of_name)).ok_or("a name is too long")?;
        from.read_exact(name)?;
        let name = str::from_utf8(name).map_err(|_| "a name is not UTF-8")?;
        let of_stream = u32::from_be_bytes(bytes(from)?);
        let last = u64::from_be_bytes(bytes(from)?);
        index.load_stream(name, last, of_stream).map_err(Unusable::Content)?;
        events = events.saturating_add(u64::from(of_stream));
    }
    if events != position.0 {
        return Err("its streams do not hold the events that it has".into());
    }
    Ok((index, head))
}

fn bytes<const COUNT: usize>(from: &mut impl Read) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Adds up what is read.
struct Summing<T> {
    inner: T,
    crc: crc32fast::Hasher,
}

impl<T> Summing<T> {
    fn new(inner: T) -> Self {
        Self { inner, crc: crc32fast::Hasher::new() }
    }
}

impl<T: Read> Read for Summing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Adds up what is written, and syncs it a little at a time: a sync of all of it at once would hold
/// up those of the log, which shares the disk.
struct Out {
    file: File,
    crc: crc32fast::Hasher,
    unsynced: usize,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.crc.update(bytes.get(..written).unwrap_or_default());
        self.unsynced = self.unsynced.saturating_add(written);
        if self.unsynced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::tempdir;

    use super::*;
    use crate::envelope::Version;

    const LOG: Uuid = Uuid::from_u128(7);

    /// An index of `events` events in seven streams, and its head.
    fn index(events: u64) -> (Index, Head) {
        let mut index = Index::default();
        let mut versions = [Version::EMPTY; 7];
        for (stream, _) in (0..7).cycle().zip(0..events) {
            versions[stream] = versions[stream].next();
            let position = index.position().next();
            index.add(&format!("account-{stream}"), versions[stream], position).unwrap();
        }
        (index, Head { position: Position(events), chain: ChainHash([3; 32]) })
    }

    fn written(events: u64) -> (tempfile::TempDir, Vec<u8>) {
        let directory = tempdir().unwrap();
        let (index, head) = index(events);
        write(directory.path(), LOG, head, &index.rows()).unwrap();
        let bytes = fs::read(path(directory.path())).unwrap();
        (directory, bytes)
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        for events in [0, 1, 7, 100_000] {
            let (directory, _) = written(events);
            let (read, head) = read(directory.path(), LOG).unwrap();
            let (index, expected) = index(events);
            assert_eq!(head, expected);
            assert_eq!((read.streams(), read.position()), (index.streams(), index.position()));
            for stream in ["account-0", "account-6", "nobody"] {
                let positions =
                    [&read, &index].map(|it| it.positions(stream, Version::EMPTY, usize::MAX));
                assert_eq!(positions[0], positions[1]);
            }
        }
    }

    #[test]
    fn the_index_of_another_log_is_left_aside() {
        let (directory, _) = written(9);
        let refused = read(directory.path(), Uuid::from_u128(8)).unwrap_err().to_string();
        assert!(refused.contains("of the log 0000"), "{refused}");
        assert!(matches!(read(&directory.path().join("x"), LOG), Err(Unusable::Missing)));
    }

    proptest! {
        #[test]
        fn a_file_that_was_changed_is_left_aside(
            events in 0..60_u64, at in any::<prop::sample::Index>(), bit in 0..8_u32, cut: bool,
        ) {
            let (directory, mut bytes) = written(events);
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << bit;
            }
            fs::write(path(directory.path()), &bytes).unwrap();
            prop_assert!(read(directory.path(), LOG).is_err());
        }

        #[test]
        fn rubbish_under_a_right_checksum_is_no_panic(
            events in 1..60_u64, at in any::<prop::sample::Index>(), byte: u8,
        ) {
            let (directory, mut bytes) = written(events);
            bytes.truncate(bytes.len().saturating_sub(4));
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let sum = crc32fast::hash(&bytes);
            bytes.extend(sum.to_be_bytes());
            fs::write(path(directory.path()), &bytes).unwrap();
            if let Ok((index, _)) = read(directory.path(), LOG) {
                for number in 0..7 {
                    let name = format!("account-{number}");
                    index.positions(&name, Version::EMPTY, usize::MAX);
                }
            }
        }
    }
}
