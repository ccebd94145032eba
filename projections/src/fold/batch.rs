//! Events decoded ahead of the fold, so that decoding and writing run side by side.

use ledger::codec::{Fact, decode, read};
use ledger::cycles::cutoff::WindowSealed;
use ledger::domain::account::events::Event;
use ledger::domain::books::events as books;
use ledger::domain::journal::is_balanced;
use ledger::domain::recovery::events as recovery;
use ledger::envelope::{Metadata, Position, RecordedEvent};
use ledger::ids::AccountId;
use ledger::streams::Stream;

use crate::error::Poison;

/// An event whose documents could be read, and that belongs to its stream.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) position: Position,
    pub(super) metadata: Metadata,
    pub(super) what: Happened,
}

/// What happened, and to what.
#[derive(Debug)]
pub(super) enum Happened {
    /// To an account.
    Account(AccountId, Event),
    /// A window was sealed.
    WindowSealed(WindowSealed),
    /// A version of the rules came into force: it is in no table.
    RulebookAdopted,
    /// To the accounting calendar.
    Books(books::Event),
    /// To the log.
    Recovery(recovery::Event),
}

/// Events in order, up to the first that cannot be read.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Decoded>,
    /// What is wrong with the event behind them.
    pub(crate) poison: Option<Poison>,
}

impl Batch {
    pub(crate) fn decode(recorded: Vec<RecordedEvent>) -> Self {
        let mut events = Vec::with_capacity(recorded.len());
        for event in recorded {
            match Decoded::new(event) {
                Ok(decoded) => events.push(decoded),
                Err(poison) => return Self { events, poison: Some(poison) },
            }
        }
        Self { events, poison: None }
    }
}

impl Decoded {
    fn new(recorded: RecordedEvent) -> Result<Self, Poison> {
        let RecordedEvent { position, stream, kind, data, metadata, .. } = recorded;
        let fact = decode(&kind, &data)?;
        let metadata = read(&metadata).map_err(Poison::Metadata)?;
        let what = match (Stream::of(&stream), fact) {
            (Stream::Account(account), Fact::Account(event)) => {
                if event.posting().is_some_and(|posting| !is_balanced(&posting.lines)) {
                    return Err(Poison::Unbalanced);
                }
                Happened::Account(account, event)
            }
            (Stream::Cutoff(_), Fact::WindowSealed(sealed)) => Happened::WindowSealed(sealed),
            (Stream::Rulebook, Fact::RulebookAdopted(_)) => Happened::RulebookAdopted,
            (Stream::Books, Fact::Books(event)) => Happened::Books(event),
            (Stream::Recovery, Fact::Recovery(event)) => Happened::Recovery(event),
            (Stream::Unknown, _) => return Err(Poison::StreamUnknown(stream)),
            (
                Stream::Account(_)
                | Stream::Cutoff(_)
                | Stream::Rulebook
                | Stream::Books
                | Stream::Recovery,
                Fact::Account(_)
                | Fact::WindowSealed(_)
                | Fact::RulebookAdopted(_)
                | Fact::Books(_)
                | Fact::Recovery(_),
            ) => return Err(Poison::WrongStream { kind, stream }),
        };
        Ok(Self { position, metadata, what })
    }
}
