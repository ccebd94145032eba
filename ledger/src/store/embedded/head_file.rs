//! `HEAD`: what the data directory itself remembers of the log, apart from the log.
//!
//! A log that has lost its end is whole up to where it ends. This file knows better: it names a
//! commit that was acknowledged. It is written about once a second while the log grows, at every
//! opening and at an orderly stop; so it may be behind the log, and is never ahead of it. Whoever
//! puts another log, or less of one, into a directory writes it anew.

use std::path::{Path, PathBuf};

use super::fault::OpenError;
use super::file::{LOG_FILE, open_to_inspect};
use super::notes::{self, HEAD_FILE};
use super::recovery::block_end;
use super::witness::Witness;
use crate::envelope::Position;

/// The first line, which names the format.
const TITLE: &str = "payledger head 1";

/// Where the witness of the log in `directory` is.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(HEAD_FILE)
}

/// What is remembered in `directory`; nothing if the file is not there. One that cannot be read is
/// refused: it may have known more than the log holds.
pub fn read(directory: &Path) -> Result<Option<Witness>, OpenError> {
    let Some(lines) = notes::read(directory, HEAD_FILE)? else { return Ok(None) };
    let witness = parse(&String::from_utf8_lossy(&lines));
    witness.map(Some).ok_or_else(|| OpenError::NoteUnreadable { path: path(directory) })
}

/// Remembers `witness`. After a power cut the file may be as it was before.
pub(super) fn write(directory: &Path, witness: &Witness) -> Result<(), OpenError> {
    notes::replace(directory, HEAD_FILE, text(witness).as_bytes())
}

/// Gives what `look` finds of the log at the path that it gets, unless what `directory` remembers
/// is not in that log, of which `look` tells the head as well.
pub(super) fn confirmed<T>(
    directory: &Path,
    look: impl FnOnce(&Path) -> Result<(T, Witness), OpenError>,
) -> Result<T, OpenError> {
    // Read first: what is appended meanwhile is not looked for.
    let known = read(directory)?;
    let log = directory.join(LOG_FILE);
    let looked = look(&log).map_err(|error| or_gone(directory, known.as_ref(), error));
    let (found, head) = looked?;
    if let Some(known) = known {
        check(directory, &known, &head, |at| {
            let (connection, _, log_id) = open_to_inspect(&log)?;
            let end = block_end(&connection, log_id, at);
            Ok(end.map_err(|fault| fault.into_open(&log))?.witness(log_id))
        })?;
    }
    Ok(found)
}

/// Refuses a log that ends at `head` if `known`, from the file in `directory`, is not in it.
/// `found` gives the end of the last block at or before a position.
pub(super) fn check(
    directory: &Path,
    known: &Witness,
    head: &Witness,
    found: impl FnOnce(Position) -> Result<Witness, OpenError>,
) -> Result<(), OpenError> {
    let path = path(directory);
    if known.log_id != head.log_id {
        let problem = format!("it is of the log {}, and this is {}", known.log_id, head.log_id);
        return Err(OpenError::HeadDiffers { path, position: known.position, problem });
    }
    if known.position > head.position {
        let (known, head) = (known.position, head.position);
        return Err(OpenError::EndMissing { path, known, head });
    }
    if found(known.position)? == *known {
        return Ok(());
    }
    let problem = "the log up to there is not what it was".to_owned();
    Err(OpenError::HeadDiffers { path, position: known.position, problem })
}

/// Why a log cannot be opened: no file, or one that is no log, is a log that is gone where `HEAD`
/// knows of one.
pub(super) fn or_gone(directory: &Path, known: Option<&Witness>, error: OpenError) -> OpenError {
    match (error, known) {
        (OpenError::NotALog { .. } | OpenError::Missing { .. }, Some(known)) => {
            OpenError::LogGone { path: path(directory), known: known.position }
        }
        (error, _) => error,
    }
}

fn text(witness: &Witness) -> String {
    let Witness { log_id, position, chain } = witness;
    format!("{TITLE}\nlog_id {log_id}\nposition {position}\nchain {chain}")
}

fn parse(stored: &str) -> Option<Witness> {
    let mut lines = stored.lines().skip(1).map(|line| line.split_once(' ').map(|(_, value)| value));
    let log_id = lines.next()??.parse().ok()?;
    let position = Position(lines.next()??.parse().ok()?);
    let chain = lines.next()??.parse().ok()?;
    let witness = Witness { log_id, position, chain };
    // One form alone is right.
    (text(&witness) == stored).then_some(witness)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;
    use uuid::Uuid;

    use super::*;
    use crate::store::embedded::ChainHash;

    #[test]
    fn what_is_remembered_is_read_again_and_any_other_form_is_refused() {
        let directory = tempdir().unwrap();
        let at = directory.path();
        assert_eq!(read(at).unwrap(), None);
        let (log_id, chain) = (Uuid::from_u128(7), ChainHash([0xab; 32]));
        let witness = Witness { log_id, position: Position(41), chain };
        write(at, &witness).unwrap();
        assert_eq!(read(at).unwrap(), Some(witness));
        let text = fs::read(path(at)).unwrap();
        for place in 0..text.len() {
            let mut changed = text.clone();
            changed[place] ^= 1;
            fs::write(path(at), &changed).unwrap();
            assert!(matches!(read(at), Err(OpenError::NoteUnreadable { .. })), "{place}");
            fs::write(path(at), &text[..place]).unwrap();
            assert!(matches!(read(at), Err(OpenError::NoteUnreadable { .. })), "{place}");
        }
    }
}
