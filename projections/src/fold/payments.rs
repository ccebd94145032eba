//! Payment rows: written as their events come. A row's key is the position of its first event.

use ledger::domain::account::events::{
    PaymentApplied, PaymentCancelled, PaymentReceived, PaymentReinstated, PaymentReturned,
    PaymentScheduled, Reallocation, Split,
};
use ledger::domain::money::Money;
use ledger::domain::product::{Channel, Product};
use ledger::ids::{PaymentId, QuoteId};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use super::windows::{WindowDay, Windows, minutes};
use super::{At, FoldError};
use crate::columns::{cents, day, nanos};
use crate::error::Poison;

pub(super) fn scheduled(
    database: &Connection,
    windows: &mut Windows,
    (account, product): (i64, Product),
    scheduled: &PaymentScheduled,
    at: At,
) -> Result<(), FoldError> {
    let funding = scheduled.funding.as_ref();
    database
        .prepare_cached(
            "INSERT INTO payment (payment_key, payment_id, account_key, product, channel, state, \
             amount_cents, effective_day, window_minutes, cutoff_nanos, origination_day, \
             scheduled_nanos, funding_token, funding_last_four, payoff_quote_id, last_position) \
             VALUES (?1, ?2, ?3, ?4, ?5, 'scheduled', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
             ?1)",
        )?
        .execute(params![
            at.position,
            scheduled.payment.uuid().as_bytes(),
            account,
            product.as_str(),
            Channel::OwnAch.as_str(),
            scheduled.amount.money().cents(),
            day(scheduled.payment_date),
            minutes(scheduled.window),
            nanos(scheduled.cutoff_at),
            day(scheduled.origination_date),
            at.nanos,
            funding.map(|funding| &funding.token),
            funding.and_then(|funding| funding.last_four.as_ref()),
            quote(scheduled.payoff_quote),
        ])?;
    let window =
        WindowDay { product, day: day(scheduled.payment_date), minutes: minutes(scheduled.window) };
    windows.scheduled(database, window, nanos(scheduled.cutoff_at))
}

fn quote(quote: Option<QuoteId>) -> Option<[u8; 16]> {
    quote.map(|quote| *quote.uuid().as_bytes())
}

/// The columns of a split, in the order of [`parts`], each with `$after`.
macro_rules! split_columns {
    ($after:literal) => {
        concat!(
            "interest_cents",
            $after,
            ", principal_cents",
            $after,
            ", fees_cents",
            $after,
            ", rentals_cents",
            $after,
            ", tax_cents",
            $after,
            ", recovery_cents",
            $after,
            ", credit_cents",
            $after,
            ", written_off_interest_cents",
            $after,
            ", written_off_principal_cents",
            $after,
            ", written_off_fees_cents",
            $after
        )
    };
}

pub(super) fn received(
    database: &Connection,
    (account, product): (i64, Product),
    received: &PaymentReceived,
    at: At,
) -> Result<(), FoldError> {
    let sql = concat!(
        "INSERT INTO payment (payment_key, last_position, payment_id, account_key, product, \
         channel, state, amount_cents, effective_day, applied_nanos, reference, \
         third_party_fee_cents, payoff_quote_id, ",
        split_columns!(""),
        ") VALUES (?1, ?1, ?2, ?3, ?4, ?5, 'applied', ?6, ?7, ?8, ?9, ?10, ?11, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    );
    let parts = parts(&received.split);
    let mut insert = database.prepare_cached(sql)?;
    insert.execute(&*with(
        params![
            at.position,
            received.payment.uuid().as_bytes(),
            account,
            product.as_str(),
            received.channel.as_str(),
            received.amount.money().cents(),
            day(received.effective_date),
            at.nanos,
            received.reference,
            cents(received.third_party_fee),
            quote(received.payoff_quote),
        ],
        &parts,
    ))?;
    Ok(())
}

pub(super) fn cancelled(
    database: &Connection,
    windows: &mut Windows,
    product: Product,
    cancelled: &PaymentCancelled,
    at: At,
) -> Result<(), FoldError> {
    let sql = "UPDATE payment SET state = 'cancelled', cancelled_nanos = ?2, cancel_reason = ?3, \
               settled_position = ?4, last_position = ?4 \
                WHERE payment_id = ?1 AND window_minutes IS NOT NULL \
               RETURNING effective_day, window_minutes";
    let id = cancelled.payment;
    let uuid = id.uuid();
    let values = params![uuid.as_bytes(), at.nanos, cancelled.reason.as_str(), at.position];
    settle(database, windows, sql, (id, product), values)
}

pub(super) fn applied(
    database: &Connection,
    windows: &mut Windows,
    product: Product,
    applied: &PaymentApplied,
    at: At,
) -> Result<(), FoldError> {
    let sql = concat!(
        "UPDATE payment SET state = 'applied', applied_nanos = ?2, settled_position = ?3, \
         payoff_quote_id = ?4, last_position = ?3, ",
        split_columns!(" = ?"),
        " WHERE payment_id = ?1 AND window_minutes IS NOT NULL \
         RETURNING effective_day, window_minutes"
    );
    let (id, parts) = (applied.payment, parts(&applied.split));
    let uuid = id.uuid();
    let uuid = uuid.as_bytes();
    let paid = quote(applied.payoff_quote);
    let values = with(params![uuid, at.nanos, at.position, paid], &parts);
    settle(database, windows, sql, (id, product), &values)
}

/// Ends the wait of a scheduled payment in its window.
fn settle(
    database: &Connection,
    windows: &mut Windows,
    sql: &str,
    (payment, product): (PaymentId, Product),
    values: &[&dyn ToSql],
) -> Result<(), FoldError> {
    let window = database
        .prepare_cached(sql)?
        .query_row(values, |row| Ok(WindowDay { product, day: row.get(0)?, minutes: row.get(1)? }))
        .optional()?;
    windows.settled(database, window.ok_or(Poison::PaymentUnknown(payment))?)
}

pub(super) fn returned(
    database: &Connection,
    returned: &PaymentReturned,
    at: At,
) -> Result<(), FoldError> {
    let changed = database
        .prepare_cached(
            "UPDATE payment SET state = 'returned', returned_nanos = ?2, return_code = ?3, \
             last_position = ?4 WHERE payment_id = ?1",
        )?
        .execute(params![
            returned.payment.uuid().as_bytes(),
            at.nanos,
            returned.return_code,
            at.position
        ])?;
    known(changed, returned.payment)
}

pub(super) fn reinstated(
    database: &Connection,
    reinstated: &PaymentReinstated,
    at: At,
) -> Result<(), FoldError> {
    let changed = database
        .prepare_cached(
            "UPDATE payment SET state = 'applied', reinstated_nanos = ?2 WHERE payment_id = ?1",
        )?
        .execute(params![reinstated.payment.uuid().as_bytes(), at.nanos])?;
    known(changed, reinstated.payment)?;
    set_split(database, reinstated.payment, &reinstated.split, at)
}

/// Writes down what other payments pay from now on.
pub(super) fn reallocate(
    database: &Connection,
    reallocated: &[Reallocation],
    at: At,
) -> Result<(), FoldError> {
    for moved in reallocated {
        set_split(database, moved.payment, &moved.split, at)?;
    }
    Ok(())
}

fn set_split(
    database: &Connection,
    payment: PaymentId,
    split: &Split,
    at: At,
) -> Result<(), FoldError> {
    let sql = concat!(
        "UPDATE payment SET last_position = ?2, ",
        split_columns!(" = ?"),
        " WHERE payment_id = ?1"
    );
    let (uuid, parts) = (payment.uuid(), parts(split));
    let uuid = uuid.as_bytes();
    let values = with(params![uuid, at.position], &parts);
    let changed = database.prepare_cached(sql)?.execute(&*values)?;
    known(changed, payment)
}

/// The values of a statement that ends with a split's parts.
fn with<'a>(first: &[&'a dyn ToSql], parts: &'a [i64; 10]) -> Vec<&'a dyn ToSql> {
    let parts = parts.iter().map(|part| -> &dyn ToSql { part });
    first.iter().copied().chain(parts).collect()
}

/// A split's parts in the order of their columns.
fn parts(split: &Split) -> [i64; 10] {
    let Split { interest, principal, fees, rentals, tax, recovery, credit, write_off } = *split;
    let lost = write_off.unwrap_or_default();
    [
        interest,
        principal,
        fees,
        rentals,
        tax,
        recovery,
        credit,
        lost.interest,
        lost.principal,
        lost.fees,
    ]
    .map(Money::cents)
}

fn known(changed: usize, payment: PaymentId) -> Result<(), FoldError> {
    if changed == 1 { Ok(()) } else { Err(Poison::PaymentUnknown(payment).into()) }
}
