//! Recovery: what a restore or a promotion has lost, and the hold on origination that it brings.
//!
//! Payments that were cancelled, returned or refunded in what is lost look as they did before. So
//! nothing that hands money or work to others is done until somebody who has looked into it
//! approves.

pub mod events;
pub mod refusal;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::envelope::Position;
use crate::ids::Actor;
use events::{CommitsLost, Event, OriginationApproved};
use refusal::RecoveryRefusal;

/// The longest note of an approval, in characters.
pub const NOTE_CHARS_MAX: usize = 1000;

/// A command on the recovery. Its serialised form is what tells a repeat from a reuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Approves origination in spite of one loss.
    ApproveOrigination {
        /// Where the loss is recorded.
        loss: Position,
        /// Why it is in order, in the approver's words.
        note: String,
    },
}

impl Command {
    /// The command by name, as refusals record it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ApproveOrigination { .. } => "ApproveOrigination",
        }
    }
}

/// A loss on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What was lost.
    pub lost: CommitsLost,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who has approved origination in spite of it.
    pub approval: Option<Approval>,
}

/// An approval on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Where it is recorded.
    pub position: Position,
    /// When it was received.
    pub at: DateTime<Utc>,
    /// Who gave it.
    pub actor: Actor,
    /// Why it is in order.
    pub note: String,
}

/// Why a command on the recovery is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// No loss is recorded there.
    LossNotFound(Position),
    /// Refused, which is recorded.
    Refused(RecoveryRefusal),
}

/// What the stream `recovery` says: its fold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    losses: BTreeMap<Position, Loss>,
}

impl Recovery {
    /// All losses, by where they are recorded.
    pub const fn losses(&self) -> &BTreeMap<Position, Loss> {
        &self.losses
    }

    /// The first loss in spite of which origination is not approved: while there is one, it is on
    /// hold.
    pub fn on_hold(&self) -> Option<Position> {
        let held = self.losses.iter().find(|(_, loss)| loss.approval.is_none());
        held.map(|(position, _)| *position)
    }

    /// Folds one event, recorded at `position` for a request of `actor` received at `at`. Never
    /// refuses.
    pub fn follow(&mut self, event: &Event, position: Position, at: DateTime<Utc>, actor: &Actor) {
        match event {
            Event::CommitsLost(lost) => {
                let (lost, recorded_at) = (lost.clone(), at);
                self.losses.insert(position, Loss { lost, recorded_at, approval: None });
            }
            Event::OriginationApproved(OriginationApproved { loss, note }) => {
                if let Some(loss) = self.losses.get_mut(loss) {
                    let (actor, note) = (actor.clone(), note.clone());
                    loss.approval.get_or_insert(Approval { position, at, actor, note });
                }
            }
            Event::RecoveryRequestRefused(_) => {}
        }
    }
}

/// Chooses the event that `command` causes, or says why not.
pub fn decide(recovery: &Recovery, command: &Command) -> Result<Event, Denial> {
    let Command::ApproveOrigination { loss, note } = command;
    let Some(found) = recovery.losses.get(loss) else { return Err(Denial::LossNotFound(*loss)) };
    if let Some(approval) = &found.approval {
        let (loss, approved_position) = (*loss, approval.position);
        let refusal = RecoveryRefusal::OriginationAlreadyApproved { loss, approved_position };
        return Err(Denial::Refused(refusal));
    }
    let (loss, note) = (*loss, note.clone());
    Ok(Event::OriginationApproved(OriginationApproved { loss, note }))
}

#[cfg(test)]
mod tests {
    use super::events::{KnownBy, LossCause};
    use super::*;

    fn lost(position: u64, known: u64) -> Event {
        Event::CommitsLost(CommitsLost {
            cause: LossCause::Restore,
            position: Position(position),
            chain: "00".to_owned(),
            known_position: Position(known),
            known_chain: None,
            known_by: KnownBy::Operator,
            source: "backup.db".to_owned(),
            affected: None,
        })
    }

    fn approve(loss: u64) -> Command {
        Command::ApproveOrigination { loss: Position(loss), note: String::new() }
    }

    #[test]
    fn every_loss_is_approved_by_itself_and_once() {
        let (at, actor) = (DateTime::<Utc>::UNIX_EPOCH, Actor::unnamed());
        let mut recovery = Recovery::default();
        assert_eq!(recovery.on_hold(), None);
        recovery.follow(&lost(9, 12), Position(10), at, &actor);
        recovery.follow(&lost(10, 15), Position(11), at, &actor);
        assert_eq!(recovery.on_hold(), Some(Position(10)));
        let denied = decide(&recovery, &approve(9));
        assert_eq!(denied, Err(Denial::LossNotFound(Position(9))));
        let approved = decide(&recovery, &approve(10)).unwrap();
        recovery.follow(&approved, Position(12), at, &actor);
        assert_eq!(recovery.on_hold(), Some(Position(11)));
        let (loss, approved_position) = (Position(10), Position(12));
        let refusal = RecoveryRefusal::OriginationAlreadyApproved { loss, approved_position };
        assert_eq!(refusal.reason(), "ORIGINATION_ALREADY_APPROVED");
        assert_eq!(approve(10).name(), "ApproveOrigination");
        let losses: Vec<_> = recovery.losses().keys().copied().collect();
        assert_eq!(losses, [Position(10), Position(11)]);
        let facts = [("approved_position", "12"), ("loss", "10")];
        assert_eq!(refusal.facts(), facts.map(|(name, at)| (name.to_owned(), at.to_owned())));
        assert_eq!(decide(&recovery, &approve(10)), Err(Denial::Refused(refusal)));
        let approved = decide(&recovery, &approve(11)).unwrap();
        recovery.follow(&approved, Position(13), at, &actor);
        assert_eq!(recovery.on_hold(), None);
    }
}
