//! One process per data directory: a lock on a file, which the operating system lifts if the
//! process dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::fault::OpenError;

/// The name of the lock's file.
pub(super) const LOCK_FILE: &str = "LOCK";

/// Keeps a directory from being served for as long as it is kept.
#[derive(Debug)]
pub struct StandStill {
    _lock: Option<File>,
}

/// Refuses a directory that a process serves.
pub fn refuse_in_use(directory: &Path) -> Result<(), OpenError> {
    stand_still(directory).map(drop)
}

/// Refuses a directory that a process serves, and then keeps others from serving it, which can be
/// done by many at a time. Writes nothing: a directory that was never served has no lock to take.
pub fn stand_still(directory: &Path) -> Result<StandStill, OpenError> {
    let path = directory.join(LOCK_FILE);
    let Ok(file) = File::open(&path) else { return Ok(StandStill { _lock: None }) };
    match file.try_lock_shared() {
        Ok(()) => Ok(StandStill { _lock: Some(file) }),
        Err(TryLockError::WouldBlock) => {
            let directory = directory.to_owned();
            Err(OpenError::DirectoryInUse { directory, holder: holder(file) })
        }
        Err(TryLockError::Error(source)) => Err(OpenError::io(&path)(source)),
    }
}

/// Who holds the lock, as the file says: the last one who took it for itself.
fn holder(file: File) -> String {
    if file.try_lock_shared().is_ok() {
        return "a process that reads it and wants it to stand still".to_owned();
    }
    let mut holder = String::new();
    let read = file.take(64).read_to_string(&mut holder);
    let named = read.is_ok_and(|_| !holder.trim().is_empty());
    if named { holder.trim().to_owned() } else { "a process that gave no name".to_owned() }
}

/// Held for as long as the directory is open for writing.
#[derive(Debug)]
pub(in crate::store) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock, or says who holds it.
    pub(in crate::store) fn take(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(LOCK_FILE);
        let io = |source| OpenError::io(&path)(source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let directory = directory.to_owned();
                return Err(OpenError::DirectoryInUse { directory, holder: holder(file) });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "process {}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}
