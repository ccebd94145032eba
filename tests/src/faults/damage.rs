//! What can happen to files: cut, a bit flipped, pages or frames lost, doubled or in another order,
//! files gone, emptied or from another time.

use std::fs;
use std::path::Path;

use super::base::copy;
use crate::chance::Chance;

const LOG: &str = "events.db";
const PAGE: usize = 4096;
/// The header of a write-ahead log, and of each frame in it.
const WAL_HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;

/// One thing that happens to a copy of a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Damage {
    /// The file ends at a byte.
    Cut(String, usize),
    /// One bit is another.
    Flip(String, usize, u8),
    /// A piece is gone, and what follows moves up.
    Drop(String, usize, usize),
    /// A piece is written over another.
    Overwrite(String, usize, usize, usize),
    /// Two pieces change places.
    Swap(String, usize, usize, usize),
    /// Files are gone.
    Gone(&'static [&'static str]),
    /// Files are as they were at an earlier time.
    Older(&'static [&'static str]),
}

impl Damage {
    /// What kind it is, for the tally.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Cut(file, _) => format!("cut {}", short(file)),
            Self::Flip(file, ..) => format!("flip {}", short(file)),
            Self::Drop(file, ..) | Self::Overwrite(file, ..) | Self::Swap(file, ..) => {
                format!("pages {}", short(file))
            }
            Self::Gone(files) => format!("gone {}", files.join(" ")),
            Self::Older(files) => format!("older {}", files.join(" ")),
        }
    }

    /// Does it fall on read models only, and on nothing of the log?
    pub(super) fn is_of_read_models(&self) -> bool {
        let below = |file: &str| Path::new(file).starts_with("read");
        match self {
            Self::Cut(file, _)
            | Self::Flip(file, ..)
            | Self::Drop(file, ..)
            | Self::Overwrite(file, ..)
            | Self::Swap(file, ..) => below(file),
            Self::Gone(files) | Self::Older(files) => files.iter().all(|file| below(file)),
        }
    }

    /// Does it to a directory; `older` is as it was at an earlier time.
    pub(super) fn happen(&self, folder: &Path, older: &Path) {
        let change = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let path = folder.join(file);
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::write(path, bytes).unwrap();
        };
        match self {
            Self::Cut(file, at) => change(file, &|bytes| bytes.truncate(*at)),
            Self::Flip(file, at, bit) => change(file, &|bytes| bytes[*at] ^= 1 << bit),
            Self::Drop(file, at, length) => {
                change(file, &|bytes| drop(bytes.drain(*at..(*at + *length).min(bytes.len()))));
            }
            Self::Overwrite(file, from, to, length) => change(file, &|bytes| {
                bytes.copy_within(*from..*from + *length, *to);
            }),
            Self::Swap(file, one, other, length) => change(file, &|bytes| {
                for place in 0..*length {
                    bytes.swap(*one + place, *other + place);
                }
            }),
            Self::Gone(files) => files.iter().for_each(|file| remove(&folder.join(file))),
            Self::Older(files) => {
                for file in *files {
                    remove(&folder.join(file));
                    let old = older.join(file);
                    if old.is_dir() {
                        copy(&old, &folder.join(file));
                    } else if old.exists() {
                        fs::copy(old, folder.join(file)).unwrap();
                    }
                }
            }
        }
    }
}

fn short(file: &str) -> String {
    match file.rsplit_once('/') {
        Some((_, name)) if name.ends_with("-wal") => "read/*.db-wal".to_owned(),
        Some((_, name)) if name.ends_with("-sums") => "read/*.db-sums".to_owned(),
        Some((_, name)) if name.starts_with("gen-") => "read/*.db".to_owned(),
        _ => file.to_owned(),
    }
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

/// The files of a directory that damage may fall on, by their paths in it, with their lengths.
fn files(folder: &Path) -> Vec<(String, usize)> {
    let mut files = Vec::new();
    for inside in ["", "read"] {
        for entry in fs::read_dir(folder.join(inside)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let length = usize::try_from(entry.metadata().unwrap().len()).unwrap();
            if entry.file_type().unwrap().is_file() && !name.ends_with("-shm") && length > 0 {
                files.push((Path::new(inside).join(name).to_string_lossy().into_owned(), length));
            }
        }
    }
    files.sort();
    files
}

/// Files gone or of another time.
pub(super) fn whole_files() -> Vec<Damage> {
    let gone: &[&[&str]] = &[
        &["events.db"],
        &["events.db-wal"],
        &["events.index"],
        &["HEAD"],
        &["LOCK"],
        &["streams.db"],
        &["streams.db-wal"],
        &["read"],
        &["read/CURRENT"],
        &["read/gen-1.db"],
        &["read/gen-1.db-wal"],
        &["read/gen-1.db-sums"],
        &["events.db", "HEAD"],
        &["events.db-wal", "read"],
        &["events.db-wal", "HEAD"],
        &["events.db-wal", "HEAD", "read"],
        &["events.db", "events.db-wal"],
    ];
    let older: &[&[&str]] = &[
        &["events.db"],
        &["events.db-wal"],
        &["events.db", "events.db-wal"],
        &["events.db", "events.db-wal", "events.index", "HEAD"],
        &["events.db", "events.db-wal", "read"],
        &["events.db", "events.db-wal", "HEAD", "read"],
        &["events.index"],
        &["HEAD"],
        &["streams.db"],
        &["streams.db", "streams.db-wal"],
        &["read"],
        &["read/gen-1.db"],
        &["read/gen-1.db-wal"],
        &["read/gen-1.db-sums"],
    ];
    let gone = gone.iter().map(|files| Damage::Gone(files));
    gone.chain(older.iter().map(|files| Damage::Older(files))).collect()
}

/// Damage at the places where the format has its joints.
pub(super) fn structural(folder: &Path) -> Vec<Damage> {
    let mut all = Vec::new();
    for (file, length) in files(folder) {
        let (start, step, head) =
            if file.ends_with("-wal") { (WAL_HEADER, FRAME, 24) } else { (0, PAGE, 12) };
        for byte in 0..length.min(if start == 0 { 100 } else { WAL_HEADER }) {
            all.extend((0..8).map(|bit| Damage::Flip(file.clone(), byte, bit)));
        }
        all.extend([0, 1, 16, 99, 100].map(|at| Damage::Cut(file.clone(), at)));
        for at in (start..length).step_by(step) {
            all.extend(
                [at, at + 1, (at + step).saturating_sub(1)].map(|at| Damage::Cut(file.clone(), at)),
            );
            for byte in at..(at + head).min(length) {
                all.push(Damage::Flip(file.clone(), byte, u8::try_from(byte % 8).unwrap()));
            }
            if length >= at + 2 * step {
                all.push(Damage::Drop(file.clone(), at, step));
                all.push(Damage::Overwrite(file.clone(), at, at + step, step));
                all.push(Damage::Swap(file.clone(), at, at + step, step));
            }
        }
    }
    all.retain(|damage| !matches!(damage, Damage::Cut(file, at) if *at >= length_of(folder, file)));
    all
}

/// Damage of the log's file before a place, of kinds that leave what is behind it where it is: at
/// joints, so many evenly spread, and as many anywhere.
pub(super) fn far_back(
    folder: &Path,
    end: usize,
    count: usize,
    chance: &mut Chance,
) -> Vec<Damage> {
    let mut joints = structural(folder);
    joints.retain(|damage| match damage {
        Damage::Flip(file, at, _) => file == LOG && *at < end,
        Damage::Overwrite(file, one, other, _) | Damage::Swap(file, one, other, _) => {
            file == LOG && *one.max(other) < end
        }
        Damage::Cut(..) | Damage::Drop(..) | Damage::Gone(_) | Damage::Older(_) => false,
    });
    let mut below = |limit: usize| usize::try_from(chance.below(u64::try_from(limit).unwrap()));
    let flips = (0..count).map(|_| {
        let (at, bit) = (below(end).unwrap(), below(8).unwrap());
        Damage::Flip(LOG.to_owned(), at, u8::try_from(bit).unwrap())
    });
    let flips: Vec<_> = flips.collect();
    spread(joints, count).into_iter().chain(flips).collect()
}

/// As many as asked for, evenly spread.
pub(super) fn spread<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let total = all.len();
    let chosen = |place: usize| place * count / total != (place + 1) * count / total;
    let placed = all.into_iter().enumerate();
    placed.filter(|(place, _)| count >= total || chosen(*place)).map(|(_, it)| it).collect()
}

fn length_of(folder: &Path, file: &str) -> usize {
    usize::try_from(fs::metadata(folder.join(file)).unwrap().len()).unwrap()
}

/// Damage anywhere: the log's files twice as often as others.
pub(super) fn anywhere(folder: &Path, chance: &mut Chance) -> Damage {
    let files = files(folder);
    let logs = files.iter().filter(|(file, _)| file.starts_with("events.db"));
    let all: Vec<_> = files.iter().chain(logs).collect();
    let mut below =
        |limit: usize| usize::try_from(chance.below(u64::try_from(limit.max(1)).unwrap())).unwrap();
    let (file, length) = all[below(all.len())];
    let (start, step) = if file.ends_with("-wal") { (WAL_HEADER, FRAME) } else { (0, PAGE) };
    let pieces = length.saturating_sub(start) / step;
    let (one, other) = (start + below(pieces) * step, start + below(pieces) * step);
    let (at, bit) = (below(*length), u8::try_from(below(8)).unwrap());
    let file = file.clone();
    match below(8) {
        0 | 1 => Damage::Cut(file, at),
        2 if pieces > 1 => Damage::Drop(file, one, step),
        3 if pieces > 1 => Damage::Overwrite(file, one, other, step),
        4 if pieces > 1 => Damage::Swap(file, one, other, step),
        _ => Damage::Flip(file, at, bit),
    }
}
