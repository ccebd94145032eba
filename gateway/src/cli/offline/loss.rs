//! What a restore or a promotion loses, as far as anybody or anything knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ledger::causes::with_causes;
use ledger::domain::recovery::events::{Affected, CommitsLost, KnownBy, LossCause};
use ledger::envelope::Position;
use ledger::store::embedded::{
    ChainHash, ChainHashError, Embedded, Extent, LOG_FILE, Witness, WitnessError, extent,
    refuse_in_use, remembered_head,
};
use uuid::Uuid;

use super::affected::{Told, of_log, of_read_models};
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
    /// nothing is lost, if it ends where this one does.
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
    /// What the backup or the standby itself knew.
    pub(super) known: Known,
}

/// A position that was known, and by what.
type Candidate = (Position, Option<ChainHash>, KnownBy);

/// How much a log holds up to a position, for each that is known.
type Extents = BTreeMap<Position, Extent>;

impl LossArgs {
    /// What is lost. None if it is known that nothing is: where nothing is known, something may be.
    pub(super) fn work_out(&self, recovered: &Recovered<'_>) -> Result<Option<Lost>, CliError> {
        let Known { by, head, extent: known_extent } = recovered.known;
        let mut extents = Extents::from([(head.position, known_extent)]);
        let kept = recovered.kept;
        let mut candidates: Vec<Candidate> = vec![(head.position, Some(head.chain), by)];
        let mut affected = Vec::new();
        if recovered.cause == LossCause::RestoreToPosition {
            affected.extend(of_log(recovered.reference, kept.position).affected);
        }
        let reference = Embedded::open_file_read_only(recovered.reference.to_owned())?;
        if let Some(KnownHead { position, chain }) = self.known_head {
            if let Some(chain) = chain {
                compare(&reference, position, chain, "--known-head")?;
            }
            candidates.push((position, chain, KnownBy::Operator));
        }
        let mut ended_at = None;
        if let Some(lost_dir) = &self.lost_dir {
            ended_at = look_at(lost_dir, &reference, kept, &mut candidates, &mut affected)?;
            if let Some(end) = ended_at {
                extents.insert(end, extent(&lost_dir.join(LOG_FILE))?);
            }
        }
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

/// What is left of the lost log: its own blocks as far as they can be read, and its read models.
/// Gives where it ended, if it is whole.
fn look_at(
    lost_dir: &Path,
    reference: &Embedded,
    kept: Witness,
    candidates: &mut Vec<Candidate>,
    affected: &mut Vec<Affected>,
) -> Result<Option<Position>, CliError> {
    // What goes on is not lost, and ends nowhere.
    refuse_in_use(lost_dir)?;
    let told = of_log(&lost_dir.join(LOG_FILE), kept.position);
    let Told { head, through, .. } = told;
    if let Some(head) = head {
        same_log(head.log_id, kept.log_id, lost_dir)?;
        compare(reference, head.position, head.chain, "--lost-dir")?;
        if head.position > reference.head_witness().position {
            let lost = Embedded::open_file_read_only(lost_dir.join(LOG_FILE))?;
            let ours = reference.head_witness();
            compare(&lost, ours.position, ours.chain, "--lost-dir")?;
        }
        candidates.push((head.position, Some(head.chain), KnownBy::LostLog));
    } else if through > Position::START {
        candidates.push((through, None, KnownBy::LostLog));
    }
    affected.extend(told.affected);
    let mut is_unreadable = false;
    let remembered = remembered_head(lost_dir).map_err(CliError::from);
    let remembered = readable(remembered, &mut is_unreadable);
    if let Some(head) = remembered {
        same_log(head.log_id, kept.log_id, lost_dir)?;
        compare(reference, head.position, head.chain, "--lost-dir")?;
        candidates.push((head.position, Some(head.chain), KnownBy::LostLog));
    }
    let models = readable(of_read_models(lost_dir, kept.position), &mut is_unreadable);
    // What cannot be read may have known of more than the log holds.
    let ended_at = head.filter(|_| !is_unreadable).map(|head| head.position);
    let is_empty = remembered.is_none() && models.is_none() && through == Position::START;
    if is_empty && head.is_none() && !is_unreadable {
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
        candidates.push((through, chain, KnownBy::LostReadModels));
    } else if through > Position::START {
        candidates.push((through, None, KnownBy::LostReadModels));
    }
    affected.push(told);
    Ok(ended_at)
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

/// What is lost, as restore and promotion tell it.
pub(super) fn loss_field(lost: Option<&Lost>) -> (String, Document) {
    let Some(Lost { record: lost, bytes }) = lost else {
        return Document::field("lost", "nothing: the lost log is whole and ends here");
    };
    let mut fields = vec![Document::field("from_position", lost.position.next().0)];
    if lost.known_position > lost.position {
        fields.push(Document::field("to_position", lost.known_position.0));
        let events = lost.known_position.0.saturating_sub(lost.position.0);
        fields.push(Document::field("events", events));
        fields.push(match bytes {
            Some(bytes) => Document::field("bytes", *bytes),
            None => Document::field("bytes", "unknown"),
        });
        fields.push(Document::field("known_by", known_by(lost.known_by)));
    } else {
        let unknown = "unknown: nothing tells whether there was more";
        fields.push(Document::field("to_position", unknown));
    }
    match &lost.affected {
        None => fields.push(Document::field("payments", "unknown")),
        Some(affected) => {
            fields.push(Document::field("looked_at_through", affected.through_position.0));
            fields.push(Document::field("payments", affected.payments_count));
            fields.push(Document::field("refunds", affected.refunds_count));
            fields.push(match affected.lien_releases_count {
                Some(count) => Document::field("lien_releases", count),
                None => Document::field("lien_releases", "unknown"),
            });
        }
    }
    fields.push(Document::field("origination", "on hold until it is approved"));
    ("lost".to_owned(), Document::Object(fields))
}
