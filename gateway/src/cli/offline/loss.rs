//! What a restore or a promotion loses, as far as anybody or anything knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ledger::causes::with_causes;
use ledger::domain::recovery::events::{Affected, CommitsLost, KnownBy, LossCause};
use ledger::envelope::Position;
use ledger::store::embedded::{
    ChainHash, ChainHashError, Embedded, Extent, LOG_FILE, OpenError, Standby, Witness,
    WitnessError, extent, pending_loss, refuse_in_use, refuse_second_place, remembered_head,
    standby,
};
use uuid::Uuid;

use super::affected::{Told, joined, of_log, of_read_models};
use crate::cli::CliError;
use crate::cli::output::tell;
use crate::cli::render::document::Document;

/// What is known of the log beyond what is brought back.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LossArgs {
    /// A position that is known to have been recorded, with the chain's value there if that is
    /// known too.
    #[arg(long, value_name = "POSITION[:CHAIN]")]
    pub known_head: Option<KnownHead>,
    /// The directory of the lost log, or what is left of it: its log and its read models tell how
    /// far it had come, and which payments are affected. A whole log that nobody serves shows that
    /// nothing is lost, if it ends where this one does; but not a standby's, nor one that another
    /// was promoted in the place of, nor one that was brought back itself and not served since. A
    /// restore marks it, so that it is served no more.
    #[arg(long, value_name = "DIRECTORY")]
    pub lost_dir: Option<PathBuf>,
}

/// The last position that a log can have.
const POSITION_MAX: u64 = i64::MAX.unsigned_abs();

/// A position that somebody knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHead {
    position: Position,
    chain: Option<ChainHash>,
}

impl FromStr for KnownHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (position, chain) = match text.split_once(':') {
            Some((position, chain)) => (position, Some(chain)),
            None => (text, None),
        };
        let position = position.parse().ok().filter(|position| *position <= POSITION_MAX);
        let position = position.ok_or("a position is a whole number, at most 2^63 - 1")?;
        let chain = chain.map(str::parse).transpose();
        let chain = chain.map_err(|error: ChainHashError| error.to_string())?;
        Ok(Self { position: Position(position), chain })
    }
}

/// The end of the log as something knew it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) by: KnownBy,
    pub(super) head: Witness,
    /// All of the log up to there.
    pub(super) extent: Extent,
}

/// What is lost.
#[derive(Debug)]
pub(super) struct Lost {
    /// As it is recorded.
    pub(super) record: CommitsLost,
    /// In bytes of events as they were stored, if the log is left that ended there, or was seen.
    bytes: Option<u64>,
}

/// What is brought back.
#[derive(Debug)]
pub(super) struct Recovered<'a> {
    pub(super) cause: LossCause,
    /// Its end.
    pub(super) kept: Witness,
    /// All of it.
    pub(super) extent: Extent,
    /// What it is brought back from, for the record.
    pub(super) from: &'a Path,
    /// The log's file that others' knowledge is compared with.
    pub(super) reference: &'a Path,
    /// The directory in which it goes on.
    pub(super) into: &'a Path,
    /// What the backup or the standby itself knew.
    pub(super) known: Known,
}

/// A position that was known, and by what.
type Candidate = (Position, Option<ChainHash>, KnownBy);

/// How much a log holds up to a position, for each that is known.
type Extents = BTreeMap<Position, Extent>;

/// What was found that knows of the log.
#[derive(Debug)]
struct Found {
    candidates: Vec<Candidate>,
    extents: Extents,
    affected: Vec<Affected>,
    /// May something that cannot be read have known of more?
    is_unreadable: bool,
}

impl LossArgs {
    /// What is lost. None if it is known that nothing is: where nothing is known, something may be.
    pub(super) fn work_out(&self, recovered: &Recovered<'_>) -> Result<Option<Lost>, CliError> {
        let Known { by, head, extent: known_extent } = recovered.known;
        let kept = recovered.kept;
        let mut found = Found {
            candidates: vec![(head.position, Some(head.chain), by)],
            extents: Extents::from([(head.position, known_extent)]),
            affected: Vec::new(),
            is_unreadable: false,
        };
        if recovered.cause == LossCause::RestoreToPosition {
            found.affected.extend(of_log(recovered.reference, kept.position).affected);
        }
        let reference = Embedded::open_file_read_only(recovered.reference.to_owned())?;
        if let Some(KnownHead { position, chain }) = self.known_head {
            if let Some(chain) = chain {
                compare(&reference, position, chain, "--known-head")?;
            }
            found.candidates.push((position, chain, KnownBy::Operator));
        }
        let mut ended_at = None;
        if let Some(lost_dir) = &self.lost_dir {
            ended_at = look_at(lost_dir, &reference, recovered, &mut found)?;
        }
        let Found { candidates, extents, affected, .. } = found;
        // Of those who know as far, the first one who knows the chain.
        let furthest = candidates
            .into_iter()
            .rev()
            .max_by_key(|(position, chain, _)| (*position, chain.is_some()));
        let Some((known_position, known_chain, known_by)) = furthest else { return Ok(None) };
        if known_position <= kept.position && ended_at == Some(kept.position) {
            return Ok(None);
        }
        // Of those that go as far a log, which comes first and tells the most.
        let widest = affected.into_iter().rev().max_by_key(|affected| affected.through_position);
        let bytes = extents.get(&known_position).map(|all| all.beyond(recovered.extent).bytes);
        let record = CommitsLost {
            cause: recovered.cause,
            position: kept.position,
            chain: kept.chain.to_string(),
            known_position,
            known_chain: known_chain.map(|chain| chain.to_string()),
            known_by,
            source: recovered.from.display().to_string(),
            affected: widest.filter(|affected| affected.through_position > kept.position),
        };
        Ok(Some(Lost { record, bytes }))
    }
}

/// What is left of the lost log: its own blocks as far as they can be read, the files beside it,
/// and its read models. Gives where it ended, if it is whole, and the last that there was.
fn look_at(
    lost_dir: &Path,
    reference: &Embedded,
    recovered: &Recovered<'_>,
    found: &mut Found,
) -> Result<Option<Position>, CliError> {
    // What goes on is not lost, and ends nowhere.
    refuse_in_use(lost_dir)?;
    let kept = recovered.kept;
    let Told { head, through, affected } = of_log(&lost_dir.join(LOG_FILE), kept.position);
    if let Some(head) = head {
        same_log(head.log_id, kept.log_id, lost_dir)?;
        compare(reference, head.position, head.chain, "--lost-dir")?;
        if head.position > reference.head_witness().position {
            let lost = Embedded::open_file_read_only(lost_dir.join(LOG_FILE))?;
            let ours = reference.head_witness();
            compare(&lost, ours.position, ours.chain, "--lost-dir")?;
        }
        found.candidates.push((head.position, Some(head.chain), KnownBy::LostLog));
        found.extents.insert(head.position, extent(&lost_dir.join(LOG_FILE))?);
    } else if through > Position::START {
        found.candidates.push((through, None, KnownBy::LostLog));
    }
    let remembered = remembered_head(lost_dir).map_err(CliError::from);
    let remembered = readable(remembered, &mut found.is_unreadable);
    if let Some(head) = remembered {
        same_log(head.log_id, kept.log_id, lost_dir)?;
        compare(reference, head.position, head.chain, "--lost-dir")?;
        found.candidates.push((head.position, Some(head.chain), KnownBy::LostLog));
    }
    let is_the_last = look_beside(lost_dir, reference, recovered, affected, found)?;
    let models = of_read_models(lost_dir, kept.position);
    let models = readable(models, &mut found.is_unreadable);
    // What cannot be read may have known of more than the log holds.
    let ended_at = head.filter(|_| is_the_last && !found.is_unreadable).map(|head| head.position);
    let is_empty = remembered.is_none() && models.is_none() && through == Position::START;
    if is_empty && head.is_none() && !found.is_unreadable {
        let lost_dir = lost_dir.display();
        let message = format!("--lost-dir: {lost_dir} holds no log, and no read models");
        return Err(CliError::NotFound(message));
    }
    let Some((witness, told)) = models else { return Ok(ended_at) };
    let through = told.through_position;
    if let Some(witness) = witness {
        same_log(witness.log_id, kept.log_id, lost_dir)?;
        compare(reference, witness.position, witness.chain, "--lost-dir")?;
        let chain = (witness.position == through).then_some(witness.chain);
        found.candidates.push((through, chain, KnownBy::LostReadModels));
    } else if through > Position::START {
        found.candidates.push((through, None, KnownBy::LostReadModels));
    }
    found.affected.push(told);
    Ok(ended_at)
}

/// What the files beside a lost log know of what comes after it; `affected` is what the log tells
/// itself. Says whether the log may be the last that there was: a standby ends where it was cut
/// off, another may have gone on in the log's place, and one that was brought back itself has lost
/// what only `LOSS` knows until its first start records it.
fn look_beside(
    lost_dir: &Path,
    reference: &Embedded,
    recovered: &Recovered<'_>,
    affected: Option<Affected>,
    found: &mut Found,
) -> Result<bool, CliError> {
    let mut is_the_last = true;
    let followed = standby(lost_dir).map_err(CliError::from);
    if let Some(Standby { log_id, seen, .. }) = readable(followed, &mut found.is_unreadable) {
        same_log(log_id, recovered.kept.log_id, lost_dir)?;
        compare(reference, seen.position, seen.chain, "--lost-dir")?;
        found.candidates.push((seen.position, Some(seen.chain), KnownBy::Standby));
        found.extents.insert(seen.position, seen.extent);
        is_the_last = false;
    }
    let mut lost_before = None;
    if let Some(lost) = readable(loss_of(lost_dir), &mut found.is_unreadable) {
        let chain = lost.known_chain.and_then(|chain| chain.parse().ok());
        if let Some(chain) = chain {
            compare(reference, lost.known_position, chain, "--lost-dir")?;
        }
        found.candidates.push((lost.known_position, chain, lost.known_by));
        lost_before = lost.affected;
        is_the_last = false;
    }
    found.affected.extend(joined(affected, lost_before, recovered.kept.position));
    match refuse_second_place(lost_dir, recovered.into) {
        Err(OpenError::Superseded { .. }) => is_the_last = false,
        other => {
            readable(other.map(Some).map_err(CliError::from), &mut found.is_unreadable);
        }
    }
    Ok(is_the_last)
}

/// What a restore or a promotion into the lost directory has left to be recorded.
fn loss_of(lost_dir: &Path) -> Result<Option<CommitsLost>, CliError> {
    let Some(document) = pending_loss(lost_dir)? else { return Ok(None) };
    serde_json::from_slice(&document).map(Some).map_err(|error| {
        CliError::Integrity(format!("the file LOSS in {}: {error}", lost_dir.display()))
    })
}

/// What can be read of a lost directory, which stops nothing.
fn readable<T>(read: Result<Option<T>, CliError>, is_unreadable: &mut bool) -> Option<T> {
    read.unwrap_or_else(|error| {
        *is_unreadable = true;
        tell(&format!("warning: {error}; what it knew of the lost log is not counted"));
        None
    })
}

fn same_log(found: Uuid, wanted: Uuid, lost_dir: &Path) -> Result<(), CliError> {
    if found == wanted {
        return Ok(());
    }
    let lost_dir = lost_dir.display();
    Err(CliError::Integrity(format!("{lost_dir} is of log {found}, not of {wanted}")))
}

/// What somebody else knows must be in the log, as far as that goes.
fn compare(
    reference: &Embedded,
    position: Position,
    chain: ChainHash,
    whose: &str,
) -> Result<(), CliError> {
    let witness = Witness { log_id: reference.log_id(), position, chain };
    match reference.confirm(&witness) {
        Ok(()) | Err(WitnessError::Ahead { .. }) => Ok(()),
        Err(error) => Err(CliError::Integrity(format!("{whose}: {}", with_causes(&error)))),
    }
}

const fn known_by(known_by: KnownBy) -> &'static str {
    match known_by {
        KnownBy::Backup => "backup",
        KnownBy::Operator => "operator",
        KnownBy::Standby => "standby",
        KnownBy::LostLog => "lost_log",
        KnownBy::LostReadModels => "lost_read_models",
    }
}

/// What nothing tells of a loss.
const UNKNOWN: &str = "unknown";

/// What is lost, as restore and promotion tell it. Every loss has the same fields; what nothing
/// tells is null.
pub(super) fn loss_field(lost: Option<&Lost>) -> (String, Document) {
    let Some(Lost { record: lost, bytes }) = lost else {
        let nothing = Document::Null("nothing: the lost log is whole and ends here");
        return ("lost".to_owned(), nothing);
    };
    let (kept, known) = (lost.position.0, lost.known_position.0);
    let events = known.checked_sub(kept).filter(|events| *events > 0);
    let affected = lost.affected.as_ref();
    let is_known = events.is_some();
    let number = |name, number| Document::number_if_known(name, number, UNKNOWN);
    let why_not = "unknown: nothing tells whether there was more";
    let by = if is_known { known_by(lost.known_by).into() } else { Document::Null("nothing") };
    let fields = vec![
        Document::field("from_position", lost.position.next().0),
        Document::number_if_known("to_position", is_known.then_some(known), why_not),
        number("events", events),
        number("bytes", bytes.filter(|_| is_known)),
        ("known_by".to_owned(), by),
        number("looked_at_through", affected.map(|affected| affected.through_position.0)),
        number("payments", affected.map(|affected| affected.payments_count)),
        number("refunds", affected.map(|affected| affected.refunds_count)),
        number("lien_releases", affected.and_then(|affected| affected.lien_releases_count)),
        Document::field("origination", "on hold until it is approved"),
    ];
    ("lost".to_owned(), Document::Object(fields))
}
