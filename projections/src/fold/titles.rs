//! Liens and titles. What a tracker shows follows from the lien and the account's payoff.

use ledger::domain::account::events::{LienRecorded, LienReleased};
use ledger::ids::AccountId;
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::day;
use crate::error::Poison;

pub(super) fn recorded(
    database: &Connection,
    account: i64,
    lien: &LienRecorded,
    at: At,
) -> Result<(), FoldError> {
    database
        .prepare_cached(
            // One that is corrected, or noted again, keeps its place in lists.
            "INSERT INTO title VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL) \
             ON CONFLICT (account_key) DO UPDATE SET title_state = ?2, vin = ?3, lienholder = ?4, \
             released_day = NULL, released_nanos = NULL",
        )?
        .execute(params![account, lien.title_state, lien.vin, lien.lienholder, at.position])?;
    Ok(())
}

pub(super) fn released(
    database: &Connection,
    (id, account): (&AccountId, i64),
    released: &LienReleased,
    at: At,
) -> Result<(), FoldError> {
    let changed = database
        .prepare_cached(
            "UPDATE title SET released_day = ?2, released_nanos = ?3 WHERE account_key = ?1",
        )?
        .execute(params![account, day(released.released_date), at.nanos])?;
    if changed == 1 { Ok(()) } else { Err(Poison::LienUnknown(id.clone()).into()) }
}
