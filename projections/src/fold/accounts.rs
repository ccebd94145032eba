//! Account rows: loaded when first touched, folded in memory, written once a transaction; in bulk
//! when too many are in memory, and at the end.

#![expect(clippy::disallowed_types, reason = "looked up by id only; the order is never seen")]

mod columns;
mod row;

use std::collections::HashMap;

use ledger::domain::account::events::{AccountOpened, Event};
use ledger::domain::product::Product;
use ledger::ids::AccountId;
use rusqlite::{Connection, OptionalExtension as _};

use super::{At, FoldError, charge_offs};
use crate::columns::Binding;
use crate::error::Poison;
use columns::{INSERT, MOVE, SELECT, UPDATE, bind_changing, bind_fixed, load};
use row::AccountRow;

/// How many rows are kept between transactions: less than a kilobyte each. A row that is not kept
/// is read again when its account is touched. Tests keep so few that they come to know both.
const ROWS_KEPT_MAX: usize = if cfg!(test) { 8 } else { 262_144 };

/// How many in bulk, where none is written before they are more.
const BULK_ROWS_MAX: usize = if cfg!(test) { 8 } else { 1_048_576 };

/// The rows that were touched lately.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    places: HashMap<AccountId, Place>,
    rows: Vec<Held>,
    /// Where rows are that are not as they are in the table.
    changed: Vec<Place>,
    /// Whether rows are written late, since nobody reads the table meanwhile.
    in_bulk: bool,
}

/// A row, and beside it what every event asks for: most change nothing else, and the row itself is
/// seldom in the processor's caches.
#[derive(Debug)]
struct Held {
    last_position: i64,
    differs: Differs,
    row: Box<AccountRow>,
}

/// Where a row is not what the table holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Differs {
    #[default]
    Nowhere,
    /// In the position of its last event only.
    InPosition,
    Anywhere,
}

/// Where a row is, and whose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    index: usize,
    pub(super) key: i64,
    pub(super) product: Product,
}

/// Does the event change more of a row than its position?
const fn changes_more(event: &Event) -> bool {
    event.posting().is_some()
        || matches!(
            event,
            Event::AccountPaidOff(_) | Event::PayoffReversed(_) | Event::NonAccrualStarted(_)
        )
}

/// Does the event change what charge-offs take together?
fn takes_otherwise(event: &Event) -> bool {
    let restates = || event.posting().is_some_and(|posting| !posting.charge_offs.is_empty());
    matches!(event, Event::AccountChargedOff(_)) || restates()
}

impl Accounts {
    /// For a table that is filled in bulk.
    pub(crate) fn in_bulk() -> Self {
        Self { in_bulk: true, ..Self::default() }
    }

    /// The table is read from now on: writes what was put off.
    pub(crate) fn end_bulk(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        self.in_bulk = false;
        self.flush(database)
    }

    /// Forgets everything: what is in memory is no longer what is in the table. In bulk it never
    /// is: rows that were committed before stay, and pass over the events that they hold.
    pub(crate) fn clear(&mut self, committed: i64) {
        if self.in_bulk {
            self.places.retain(|_, place| place.key <= committed);
            self.changed.retain(|place| place.key <= committed);
        } else {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.places.clear();
        self.rows.clear();
        self.changed.clear();
    }

    /// Makes the row of an account that is opened, and says where it is.
    pub(super) fn opened(
        &mut self,
        database: &Connection,
        id: &AccountId,
        opened: &AccountOpened,
        at: At,
    ) -> Result<Place, FoldError> {
        if self.find(database, id)?.is_some() {
            return Err(Poison::AccountRepeated(id.clone()).into());
        }
        // Its opening is followed as what comes after it is.
        Ok(self.keep(id, AccountRow::new(id, &opened.terms, at), 0))
    }

    /// Where the row of an account is.
    pub(super) fn place(
        &mut self,
        database: &Connection,
        id: &AccountId,
    ) -> Result<Place, FoldError> {
        self.find(database, id)?.ok_or_else(|| Poison::AccountUnknown(id.clone()).into())
    }

    fn find(
        &mut self,
        database: &Connection,
        id: &AccountId,
    ) -> Result<Option<Place>, rusqlite::Error> {
        if let Some(place) = self.places.get(id) {
            return Ok(Some(*place));
        }
        let mut select = database.prepare_cached(&SELECT)?;
        let row = select.query_row([id.as_str()], load).optional()?;
        Ok(row.map(|(row, last_position)| self.keep(id, row, last_position)))
    }

    fn keep(&mut self, id: &AccountId, row: AccountRow, last_position: i64) -> Place {
        let place = Place { index: self.rows.len(), key: row.key, product: row.product };
        self.rows.push(Held { last_position, differs: Differs::Nowhere, row: Box::new(row) });
        self.places.insert(id.clone(), place);
        place
    }

    /// Folds an event into its account's row, once everything beside the row is written.
    pub(super) fn follow(
        &mut self,
        database: &Connection,
        place: Place,
        event: &Event,
        at: At,
    ) -> Result<(), FoldError> {
        let Some(held) = self.rows.get_mut(place.index) else { return Ok(()) };
        let changes_more = changes_more(event);
        if at.position > held.last_position {
            held.last_position = at.position;
            if changes_more {
                held.row.follow(event, at);
            }
        }
        if takes_otherwise(event) {
            held.row.charged_off_total = charge_offs::taken(database, place.key)?;
        }
        if held.differs == Differs::Nowhere {
            self.changed.push(place);
        }
        let differs = if changes_more { Differs::Anywhere } else { Differs::InPosition };
        held.differs = held.differs.max(differs);
        Ok(())
    }

    /// Writes what changed, in order of key.
    pub(super) fn flush(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        if self.in_bulk && self.rows.len() <= BULK_ROWS_MAX {
            return Ok(());
        }
        let mut insert = database.prepare_cached(&INSERT)?;
        let mut update = database.prepare_cached(&UPDATE)?;
        let mut moved = database.prepare_cached(MOVE)?;
        self.changed.sort_unstable_by_key(|place| place.key);
        for place in std::mem::take(&mut self.changed) {
            let Some(held) = self.rows.get_mut(place.index) else { continue };
            let (row, differs) = (&mut held.row, std::mem::take(&mut held.differs));
            if let Some(opened) = row.opened.take() {
                let mut to = Binding::of(&mut insert);
                bind_changing(row, &mut to)?;
                bind_fixed(&opened, row, &mut to)?;
                insert.raw_execute()?;
            } else if differs == Differs::Anywhere {
                let mut to = Binding::of(&mut update);
                bind_changing(row, &mut to)?;
                to.next(row.key)?;
                update.raw_execute()?;
            }
            moved.execute([place.key, held.last_position])?;
        }
        if self.rows.len() > ROWS_KEPT_MAX {
            self.forget();
        }
        Ok(())
    }
}
