//! Corrections of principal, and how much of each a credit balance takes or pays.

use ledger::domain::account::events::{AdjustmentRestated, PrincipalAdjusted};
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::day;
use crate::error::Poison;

pub(super) fn adjusted(
    database: &Connection,
    account: i64,
    adjusted: &PrincipalAdjusted,
    at: At,
) -> Result<(), FoldError> {
    database
        .prepare_cached("INSERT INTO adjustment VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?1)")?
        .execute(params![
            at.position,
            adjusted.adjustment.uuid().as_bytes(),
            account,
            adjusted.change.cents(),
            adjusted.credited.cents(),
            adjusted.reason,
            day(adjusted.effective_date),
            at.nanos,
        ])?;
    Ok(())
}

/// Writes down what of corrections is credited from now on.
pub(super) fn restate(
    database: &Connection,
    restated: &[AdjustmentRestated],
    at: At,
) -> Result<(), FoldError> {
    for AdjustmentRestated { adjustment, credited } in restated {
        let changed = database
            .prepare_cached(
                "UPDATE adjustment SET credited_cents = ?2, last_position = ?3 \
                 WHERE adjustment_id = ?1",
            )?
            .execute(params![adjustment.uuid().as_bytes(), credited.cents(), at.position])?;
        if changed != 1 {
            return Err(Poison::AdjustmentUnknown(*adjustment).into());
        }
    }
    Ok(())
}
