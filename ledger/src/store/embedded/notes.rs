//! Small files beside the log that say what the directory is and knows: where its log ends, that it
//! is a standby, a log that lost commits and has not recorded it yet, one into which another is
//! being copied, or one that another took the place of. The last line of each is a checksum of what
//! is before it; earlier builds wrote some of them without.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::fault::OpenError;
use super::file::{LOG_FILE, RESTORED_FILE, beside, open_to_inspect, sync_directory};

/// Names a commit that the log is known to hold.
pub(super) const HEAD_FILE: &str = "HEAD";

/// Marks a directory as a standby: what it was copied from, and how far that was seen.
pub(super) const STANDBY_FILE: &str = "STANDBY";

/// What is to be recorded in the log before it is served: that it has lost commits.
pub(super) const LOSS_FILE: &str = "LOSS";

/// Marks a log that another one is being copied into: what is copied, and up to where.
const COPY_FILE: &str = "COPY";

/// Marks a log that another one took the place of: where that is.
const SUPERSEDED_FILE: &str = "SUPERSEDED";

/// Replaces the file `name` by `content`, durably: it is the old one or the new one, never half.
pub(super) fn write(directory: &Path, name: &str, content: &[u8]) -> Result<(), OpenError> {
    replace(directory, name, content)?;
    sync_directory(directory)
}

/// Replaces the file `name`. After a power cut it may be as it was before.
pub(super) fn replace(directory: &Path, name: &str, content: &[u8]) -> Result<(), OpenError> {
    let path = directory.join(name);
    let fresh = beside(&path, ".new");
    let written = File::create(&fresh).and_then(|mut file| {
        let lines = [content, b"\n"].concat();
        file.write_all(&lines)?;
        file.write_all(checksum_line(&lines).as_bytes())?;
        file.sync_all()
    });
    written.map_err(OpenError::io(&fresh))?;
    fs::rename(&fresh, &path).map_err(OpenError::io(&path))
}

/// The content of the file `name`, if there is one. One that is not as it was written is refused.
pub(super) fn read(directory: &Path, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
    let path = directory.join(name);
    let mut lines = match fs::read(&path) {
        Ok(lines) => lines,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io(&path)(error)),
    };
    if is_of_an_earlier_build(name, &lines) {
        return Ok(Some(lines));
    }
    let last = lines.split_off(lines.len().saturating_sub(checksum_line(&[]).len()));
    match lines.strip_suffix(b"\n") {
        Some(content) if last == checksum_line(&lines).as_bytes() => Ok(Some(content.to_vec())),
        Some(_) | None => Err(OpenError::NoteUnreadable { path }),
    }
}

/// Is it one that a build wrote which knew of no checksums? It holds no line feed then, of which
/// one with a checksum holds two, so that no flipped bit makes one of the other.
///
/// Something cut can look like it, and nothing is lost by that. JSON is whole only where all of it
/// is there: what is believed is what was written. `COPY` counts by being there, and its words are
/// for people: `copy-log` compares all that both logs hold, whatever they say.
fn is_of_an_earlier_build(name: &str, content: &[u8]) -> bool {
    if content.contains(&b'\n') {
        return false;
    }
    match name {
        STANDBY_FILE | LOSS_FILE => serde_json::from_slice::<Map<String, Value>>(content).is_ok(),
        COPY_FILE => !content.is_empty(),
        _ => false,
    }
}

fn checksum_line(lines: &[u8]) -> String {
    format!("crc32 {:08x}\n", crc32fast::hash(lines))
}

/// Removes the file `name`, durably.
pub(super) fn remove(directory: &Path, name: &str) -> Result<(), OpenError> {
    let path = directory.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(OpenError::io(&path)(error)),
        Ok(()) | Err(_) => sync_directory(directory),
    }
}

/// What a restore or a promotion has left to be recorded in the log of `directory`: the document
/// that its caller made.
pub fn pending_loss(directory: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    read(directory, LOSS_FILE)
}

/// Removes what [`pending_loss`] gives, once it is recorded.
pub fn clear_pending_loss(directory: &Path) -> Result<(), OpenError> {
    remove(directory, LOSS_FILE)
}

/// Refuses a directory whose log has not recorded yet what it has lost: a copy would not know.
pub fn refuse_pending_loss(directory: &Path) -> Result<(), OpenError> {
    match pending_loss(directory)? {
        Some(_) => Err(OpenError::LossPending { directory: directory.to_owned() }),
        None => Ok(()),
    }
}

/// Refuses to copy events from or to a directory whose log lacks what its files know: a standby, or
/// a log that has not recorded yet what it has lost.
pub fn refuse_to_copy(directory: &Path) -> Result<(), OpenError> {
    refuse_pending_loss(directory)?;
    refuse_unready(directory)
}

/// Marks the log of `directory` as one that `what` is being copied into.
pub fn begin_copy(directory: &Path, what: &str) -> Result<(), OpenError> {
    write(directory, COPY_FILE, what.as_bytes())
}

/// Removes that mark, once the copy has come to its end and was checked.
pub fn end_copy(directory: &Path) -> Result<(), OpenError> {
    remove(directory, COPY_FILE)
}

/// What is being copied into the log of `directory`, if a copy was begun and has not come to its
/// end.
pub fn unfinished_copy(directory: &Path) -> Result<Option<String>, OpenError> {
    let mark = read(directory, COPY_FILE)?;
    Ok(mark.map(|what| String::from_utf8_lossy(&what).into_owned()))
}

/// Refuses a directory whose log is a part of the one that is being copied into it, and may even
/// end in the middle of what one request caused.
pub fn refuse_unfinished_copy(directory: &Path) -> Result<(), OpenError> {
    match unfinished_copy(directory)? {
        Some(what) => Err(OpenError::CopyUnfinished { directory: directory.to_owned(), what }),
        None => Ok(()),
    }
}

/// Marks the log of `directory`, which must be there and be `log_id`, as one that the log in `by`
/// takes the place of. Who promotes keeps others from serving it meanwhile: see
/// [`super::stand_still`].
pub fn supersede(directory: &Path, log_id: Uuid, by: &Path) -> Result<(), OpenError> {
    let path = directory.join(LOG_FILE);
    let (_, _, found) = open_to_inspect(&path)?;
    if found != log_id {
        let cause = format!("it is of the log {found}, and not of {log_id}");
        return Err(OpenError::NotALog { path, cause });
    }
    write(directory, SUPERSEDED_FILE, name_of(by).as_bytes())
}

/// How a directory is named in `STANDBY` and `SUPERSEDED`.
pub(super) fn name_of(directory: &Path) -> String {
    let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    directory.display().to_string()
}

/// Refuses to let `by` take the place of `directory` after another one did: each of the two would
/// give out the next positions. Its own mark is that of a promotion that was cut off.
pub fn refuse_second_place(directory: &Path, by: &Path) -> Result<(), OpenError> {
    match refuse_superseded(directory) {
        Err(OpenError::Superseded { by: first, .. }) if first == name_of(by) => Ok(()),
        refused => refused,
    }
}

/// Refuses a directory that another took the place of: both would give out the next positions.
pub fn refuse_superseded(directory: &Path) -> Result<(), OpenError> {
    match read(directory, SUPERSEDED_FILE)? {
        Some(by) => Err(OpenError::Superseded {
            directory: directory.to_owned(),
            by: String::from_utf8_lossy(&by).into_owned(),
        }),
        None => Ok(()),
    }
}

/// Refuses a directory that is not to be written to: a standby, one that was promoted away from, or
/// what a restore that did not come to its end has left.
pub(super) fn refuse_unready(directory: &Path) -> Result<(), OpenError> {
    refuse_superseded(directory)?;
    if read(directory, STANDBY_FILE)?.is_some() {
        return Err(OpenError::Standby { directory: directory.to_owned() });
    }
    refuse_unfinished_restore(directory)
}

/// Refuses what a restore that did not come to its end has left.
pub(super) fn refuse_unfinished_restore(directory: &Path) -> Result<(), OpenError> {
    let is_half_restored =
        directory.join(RESTORED_FILE).exists() || read(directory, LOSS_FILE)?.is_some();
    if !directory.join(LOG_FILE).exists() && is_half_restored {
        return Err(OpenError::Unfinished { directory: directory.to_owned() });
    }
    Ok(())
}
