//! Loss of power: from a record of every write, sync and change of a name, the directory as a disk
//! may have it at any moment, with what was not synced lost, torn or there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::chance::Chance;

/// How disks tear: in sectors.
const SECTOR: usize = 512;

/// One change, as the shim has recorded it.
#[derive(Debug, Clone)]
pub(super) struct Change {
    op: u8,
    file: String,
    offset: usize,
    data: Vec<u8>,
    /// Where its record ends in the trace.
    pub(super) end: u64,
}

impl Change {
    /// Does it touch the log?
    pub(super) fn is_of_log(&self) -> bool {
        self.file.starts_with("events.db")
    }
}

/// Reads a trace.
pub(super) fn changes(trace: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut at = 0;
    let number = |at: usize, bytes: usize| {
        let bytes = trace[at..at + bytes].iter().rev();
        bytes.fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    while at < trace.len() {
        let (name, offset, length) = (number(at + 1, 4), number(at + 5, 8), number(at + 13, 8));
        let (file, data) = (at + 21, at + 21 + name);
        changes.push(Change {
            op: trace[at],
            file: String::from_utf8(trace[file..data].to_vec()).unwrap(),
            offset,
            data: trace[data..data + length].to_vec(),
            end: u64::try_from(data + length).unwrap(),
        });
        at = data + length;
    }
    changes
}

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsynced {
    /// All of it is lost, changes of names too.
    Lost,
    /// All of it is there, as after a kill.
    Kept,
    /// Some of it is there, in sectors; of the names' changes the first ones.
    Torn,
}

/// A file behind a name.
#[derive(Debug, Clone, Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<(usize, Option<Vec<u8>>)>,
}

fn apply(bytes: &mut Vec<u8>, offset: usize, data: Option<&[u8]>) {
    match data {
        None => bytes.resize(offset, 0),
        Some(data) => {
            if bytes.len() < offset + data.len() {
                bytes.resize(offset + data.len(), 0);
            }
            bytes[offset..offset + data.len()].copy_from_slice(data);
        }
    }
}

/// A disk, as the changes leave it.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    contents: Vec<Content>,
    /// Names as the running system sees them.
    names: BTreeMap<String, usize>,
    /// Names in folders that were synced, and the changes since.
    durable: BTreeMap<String, usize>,
    renamed: Vec<BTreeMap<String, usize>>,
}

impl Disk {
    /// A disk that holds a directory, all of it synced.
    pub(super) fn holding(folder: &Path) -> Self {
        let mut disk = Self::default();
        for inside in ["", "read"] {
            let Ok(entries) = fs::read_dir(folder.join(inside)) else { continue };
            for entry in entries.map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    let durable = fs::read(entry.path()).unwrap();
                    let name = Path::new(inside).join(entry.file_name());
                    disk.names.insert(name.to_string_lossy().into_owned(), disk.contents.len());
                    disk.contents.push(Content { durable, pending: Vec::new() });
                }
            }
        }
        disk.durable = disk.names.clone();
        disk
    }

    /// One more change.
    pub(super) fn follow(&mut self, change: &Change) {
        let place = self.names.get(&change.file).copied();
        match (change.op, place) {
            (b'C', _) => {
                self.names.insert(change.file.clone(), self.contents.len());
                self.contents.push(Content::default());
                self.renamed.push(self.names.clone());
            }
            (b'R', Some(place)) => {
                self.names.remove(&change.file);
                let to = String::from_utf8(change.data.clone()).unwrap();
                self.names.insert(to, place);
                self.renamed.push(self.names.clone());
            }
            (b'U', Some(_)) => {
                self.names.remove(&change.file);
                self.renamed.push(self.names.clone());
            }
            (b'D', _) => {
                self.durable = self.names.clone();
                self.renamed.clear();
            }
            (b'W', Some(place)) => {
                self.contents[place].pending.push((change.offset, Some(change.data.clone())));
            }
            (b'T', Some(place)) => self.contents[place].pending.push((change.offset, None)),
            (b'S', Some(place)) => {
                let content = &mut self.contents[place];
                for (offset, data) in content.pending.drain(..) {
                    apply(&mut content.durable, offset, data.as_deref());
                }
            }
            // After a sync that failed nothing of it will ever be on the disk.
            (b'F', Some(place)) => self.contents[place].pending.clear(),
            _ => {}
        }
    }

    /// Writes down what the disk holds if the power goes now.
    pub(super) fn lose_power(&self, unsynced: Unsynced, chance: &mut Chance, folder: &Path) {
        fs::create_dir_all(folder.join("read")).unwrap();
        let names = match unsynced {
            Unsynced::Lost => &self.durable,
            Unsynced::Kept => &self.names,
            Unsynced::Torn => {
                let place = chance.below(u64::try_from(self.renamed.len()).unwrap() + 1);
                let place = usize::try_from(place).unwrap();
                place.checked_sub(1).map_or(&self.durable, |place| &self.renamed[place])
            }
        };
        for (name, place) in names {
            if name.ends_with("-shm") {
                continue;
            }
            let content = &self.contents[*place];
            let mut bytes = content.durable.clone();
            for (offset, data) in &content.pending {
                match (unsynced, data) {
                    (Unsynced::Kept, data) => apply(&mut bytes, *offset, data.as_deref()),
                    (Unsynced::Torn, None) if chance.below(2) == 0 => {
                        apply(&mut bytes, *offset, None);
                    }
                    (Unsynced::Lost, _) | (Unsynced::Torn, None) => {}
                    (Unsynced::Torn, Some(data)) => {
                        let mut at = *offset;
                        for sector in data.chunks(SECTOR) {
                            if chance.below(2) == 0 {
                                apply(&mut bytes, at, Some(sector));
                            }
                            at += sector.len();
                        }
                    }
                }
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}
