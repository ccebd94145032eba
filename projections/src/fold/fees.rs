//! Fees, charged and taken back.

use ledger::domain::account::events::{FeeAssessed, FeeWaived};
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::day;
use crate::error::Poison;

pub(super) fn assessed(
    database: &Connection,
    account: i64,
    assessed: &FeeAssessed,
    at: At,
) -> Result<(), FoldError> {
    database
        .prepare_cached(
            "INSERT INTO fee VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, NULL, ?1)",
        )?
        .execute(params![
            at.position,
            assessed.fee.uuid().as_bytes(),
            account,
            assessed.kind.as_str(),
            assessed.amount.money().cents(),
            day(assessed.effective_date),
            assessed.payment.map(|payment| *payment.uuid().as_bytes()),
            assessed.instalment,
            at.nanos,
        ])?;
    Ok(())
}

pub(super) fn waived(database: &Connection, waived: &FeeWaived, at: At) -> Result<(), FoldError> {
    let changed = database
        .prepare_cached(
            "UPDATE fee SET waived_nanos = ?2, waive_reason = ?3, last_position = ?4 \
             WHERE fee_id = ?1",
        )?
        .execute(params![
            waived.fee.uuid().as_bytes(),
            at.nanos,
            waived.reason.as_str(),
            at.position
        ])?;
    if changed == 1 { Ok(()) } else { Err(Poison::FeeUnknown(waived.fee).into()) }
}
