//! Payoff quotes that were given, and credit balances that were sent back.

use ledger::domain::account::events::{
    CreditRefunded, PayoffQuoted, RefundReturned, RefundSettled,
};
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::day;
use crate::error::Poison;

pub(super) fn quoted(
    database: &Connection,
    account: i64,
    quoted: &PayoffQuoted,
    at: At,
) -> Result<(), FoldError> {
    database
        .prepare_cached(
            "INSERT INTO payoff_quote VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \
             ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            at.position,
            quoted.quote.uuid().as_bytes(),
            account,
            day(quoted.good_through_date),
            quoted.amount.cents(),
            quoted.principal.cents(),
            quoted.interest.cents(),
            quoted.fees.cents(),
            quoted.rentals.cents(),
            quoted.rentals_ahead.cents(),
            quoted.residual.cents(),
            quoted.sales_tax.cents(),
            quoted.charged_off.cents(),
            quoted.credit.cents(),
            quoted.per_diem,
            at.nanos,
        ])?;
    Ok(())
}

pub(super) fn refunded(
    database: &Connection,
    account: i64,
    refunded: &CreditRefunded,
    at: At,
) -> Result<(), FoldError> {
    database
        .prepare_cached(
            "INSERT INTO refund VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, ?1)",
        )?
        .execute(params![
            at.position,
            refunded.refund.uuid().as_bytes(),
            account,
            refunded.amount.money().cents(),
            refunded.method.as_str(),
            refunded.payment.map(|payment| *payment.uuid().as_bytes()),
            day(refunded.effective_date),
            at.nanos,
        ])?;
    Ok(())
}

pub(super) fn refund_returned(
    database: &Connection,
    returned: &RefundReturned,
    at: At,
) -> Result<(), FoldError> {
    let changed = database
        .prepare_cached(
            "UPDATE refund SET returned_nanos = ?2, last_position = ?3 WHERE refund_id = ?1",
        )?
        .execute(params![returned.refund.uuid().as_bytes(), at.nanos, at.position])?;
    if changed == 1 { Ok(()) } else { Err(Poison::RefundUnknown(returned.refund).into()) }
}

pub(super) fn refund_settled(
    database: &Connection,
    settled: &RefundSettled,
    at: At,
) -> Result<(), FoldError> {
    let changed = database
        .prepare_cached(
            "UPDATE refund SET settlement_day = ?2, last_position = ?3 WHERE refund_id = ?1",
        )?
        .execute(params![
            settled.refund.uuid().as_bytes(),
            day(settled.effective_date),
            at.position
        ])?;
    if changed == 1 { Ok(()) } else { Err(Poison::RefundUnknown(settled.refund).into()) }
}
