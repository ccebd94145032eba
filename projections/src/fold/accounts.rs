//! Account rows: loaded when first touched, folded in memory, written once a transaction; in bulk
//! when too many are in memory, and at the end.

#![expect(clippy::disallowed_types, reason = "looked up by id only; the order is never seen")]

mod columns;
mod row;

use std::collections::{BTreeMap, HashMap};

use ledger::domain::account::events::{AccountOpened, Event};
use ledger::ids::AccountId;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _};

use super::{At, FoldError, charge_offs};
use crate::error::Poison;
use columns::{INSERT, MOVE, SELECT, UPDATE, changing, fixed, load};
use row::AccountRow;

/// How many rows are kept between transactions: less than a kilobyte each. A row that is not kept
/// is read again when its account is touched. Tests keep so few that they come to know both.
const ROWS_KEPT_MAX: usize = if cfg!(test) { 8 } else { 262_144 };

/// The rows that were touched lately.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// Boxed, so that a map that grows moves them cheaply.
    rows: HashMap<AccountId, Box<AccountRow>>,
    /// What is not written, by key.
    changed: BTreeMap<i64, Changed>,
    /// Whether rows are written late, since nobody reads the table meanwhile.
    in_bulk: bool,
}

/// A row that is not as it is in the table.
#[derive(Debug)]
struct Changed {
    id: AccountId,
    /// Whether more than its position is another.
    whole: bool,
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
            self.rows.retain(|_, row| row.key() <= committed);
            self.changed.retain(|key, _| *key <= committed);
        } else {
            self.rows.clear();
            self.changed.clear();
        }
    }

    pub(super) fn opened(
        &mut self,
        database: &Connection,
        id: &AccountId,
        opened: &AccountOpened,
        at: At,
    ) -> Result<(), FoldError> {
        if self.find(database, id)? {
            return Err(Poison::AccountRepeated(id.clone()).into());
        }
        self.rows.insert(id.clone(), Box::new(AccountRow::new(&opened.terms, at)));
        Ok(())
    }

    fn find(&mut self, database: &Connection, id: &AccountId) -> Result<bool, rusqlite::Error> {
        if self.rows.contains_key(id) {
            return Ok(true);
        }
        let mut select = database.prepare_cached(&SELECT)?;
        let Some(row) = select.query_row([id.as_str()], load).optional()? else { return Ok(false) };
        self.rows.insert(id.clone(), Box::new(row));
        Ok(true)
    }

    pub(super) fn row(
        &mut self,
        database: &Connection,
        id: &AccountId,
    ) -> Result<&mut AccountRow, FoldError> {
        self.find(database, id)?;
        let row = self.rows.get_mut(id).map(Box::as_mut);
        row.ok_or_else(|| Poison::AccountUnknown(id.clone()).into())
    }

    /// Folds an event into its account's row, once everything beside the row is written.
    pub(super) fn follow(
        &mut self,
        database: &Connection,
        id: &AccountId,
        event: &Event,
        at: At,
    ) -> Result<(), FoldError> {
        let row = self.row(database, id)?;
        let key = row.key();
        if !row.holds(event, at) {
            row.follow(event, at);
        }
        if takes_otherwise(event) {
            row.set_charged_off_total(charge_offs::taken(database, key)?);
        }
        let changed = self.changed.entry(key);
        let changed = changed.or_insert_with(|| Changed { id: id.clone(), whole: false });
        changed.whole |= changes_more(event);
        Ok(())
    }

    /// Writes what changed, in order of key.
    pub(super) fn flush(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        if self.in_bulk && self.rows.len() <= ROWS_KEPT_MAX {
            return Ok(());
        }
        let mut insert = database.prepare_cached(&INSERT)?;
        let mut update = database.prepare_cached(&UPDATE)?;
        let mut advance = database.prepare_cached(MOVE)?;
        for (key, Changed { id, whole }) in std::mem::take(&mut self.changed) {
            let Some(row) = self.rows.get_mut(&id) else { continue };
            if !whole {
                advance.execute([row.last_position, key])?;
                continue;
            }
            let mut values = changing(row);
            if let Some(terms) = row.terms.take() {
                values.extend(fixed(key, &id, &terms, row));
                insert.execute(rusqlite::params_from_iter(values))?;
            } else {
                values.push(Value::from(key));
                update.execute(rusqlite::params_from_iter(values))?;
            }
        }
        if self.rows.len() > ROWS_KEPT_MAX {
            self.rows.clear();
        }
        Ok(())
    }
}
