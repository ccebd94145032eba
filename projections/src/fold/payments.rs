//! Payment rows: written as their events come. A row's key is the position of its first event.

use ledger::domain::account::events::{
    Event, PaymentApplied, PaymentCancelled, PaymentReceived, PaymentReinstated, PaymentReturned,
    PaymentScheduled, Reallocation, Split,
};
use ledger::domain::money::Money;
use ledger::domain::product::{Channel, Product};
use ledger::ids::PaymentId;
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use super::windows::{WindowDay, Windows, minutes};
use super::{At, FoldError};
use crate::columns::{cents, day, nanos};
use crate::error::Poison;

/// Writes down what happened to a payment of `account`, if that is what happened.
pub(super) fn follow(
    database: &Connection,
    windows: &mut Windows,
    account: (i64, Product),
    event: &Event,
    at: At,
) -> Result<(), FoldError> {
    match event {
        Event::PaymentScheduled(scheduled) => {
            insert_scheduled(database, account, scheduled, at)?;
            let window = WindowDay {
                product: account.1,
                day: day(scheduled.payment_date),
                minutes: minutes(scheduled.window),
            };
            windows.scheduled(database, window, nanos(scheduled.cutoff_at))
        }
        Event::PaymentCancelled(cancelled) => {
            let window = cancel(database, account.1, cancelled, at)?;
            windows.settled(database, window)
        }
        Event::PaymentApplied(applied) => {
            let window = apply(database, account.1, applied, at)?;
            windows.settled(database, window)
        }
        Event::PaymentReceived(received) => insert_received(database, account, received, at),
        Event::PaymentReturned(returned) => take_back(database, returned, at),
        Event::PaymentReinstated(reinstated) => reinstate(database, reinstated, at),
        Event::AccountOpened(_)
        | Event::FeeAssessed(_)
        | Event::FeeWaived(_)
        | Event::LienRecorded(_)
        | Event::AccountPaidOff(_)
        | Event::PayoffReversed(_)
        | Event::LienReleased(_)
        | Event::RequestRefused(_)
        | Event::NothingChanged(_) => Ok(()),
    }
}

fn insert_scheduled(
    database: &Connection,
    (account, product): (i64, Product),
    scheduled: &PaymentScheduled,
    at: At,
) -> Result<(), FoldError> {
    let funding = scheduled.funding.as_ref();
    database
        .prepare_cached(
            "INSERT INTO payment (payment_key, payment_id, account_key, product, channel, state, \
             amount_cents, effective_day, window_minutes, cutoff_nanos, origination_day, \
             scheduled_nanos, funding_token, funding_last_four, last_position) \
             VALUES (?1, ?2, ?3, ?4, ?5, 'scheduled', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?1)",
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
        ])?;
    Ok(())
}

fn insert_received(
    database: &Connection,
    (account, product): (i64, Product),
    received: &PaymentReceived,
    at: At,
) -> Result<(), FoldError> {
    let [interest, principal, fees, rentals, tax, credit] = parts(&received.split);
    database
        .prepare_cached(
            "INSERT INTO payment (payment_key, payment_id, account_key, product, channel, state, \
             amount_cents, effective_day, applied_nanos, reference, third_party_fee_cents, \
             interest_cents, principal_cents, fees_cents, rentals_cents, tax_cents, \
             credit_cents, last_position) \
             VALUES (?1, ?2, ?3, ?4, ?5, 'applied', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
             ?15, ?16, ?1)",
        )?
        .execute(params![
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
            interest,
            principal,
            fees,
            rentals,
            tax,
            credit,
        ])?;
    Ok(())
}

fn cancel(
    database: &Connection,
    product: Product,
    cancelled: &PaymentCancelled,
    at: At,
) -> Result<WindowDay, FoldError> {
    let sql = "UPDATE payment SET state = 'cancelled', cancelled_nanos = ?2, cancel_reason = ?3, \
               settled_position = ?4, last_position = ?4 \
                WHERE payment_id = ?1 AND window_minutes IS NOT NULL \
               RETURNING effective_day, window_minutes";
    let id = cancelled.payment;
    let uuid = id.uuid();
    let values = params![uuid.as_bytes(), at.nanos, cancelled.reason.as_str(), at.position];
    settle(database, sql, product, id, values)
}

fn apply(
    database: &Connection,
    product: Product,
    applied: &PaymentApplied,
    at: At,
) -> Result<WindowDay, FoldError> {
    let sql = "UPDATE payment SET state = 'applied', applied_nanos = ?2, \
               settled_position = ?3, last_position = ?3, \
               interest_cents = ?4, principal_cents = ?5, fees_cents = ?6, rentals_cents = ?7, \
               tax_cents = ?8, credit_cents = ?9 \
               WHERE payment_id = ?1 AND window_minutes IS NOT NULL \
               RETURNING effective_day, window_minutes";
    let (id, split) = (applied.payment, &applied.split);
    let uuid = id.uuid();
    let [interest, principal, fees, rentals, tax, credit] = parts(split);
    let values = params![
        uuid.as_bytes(),
        at.nanos,
        at.position,
        interest,
        principal,
        fees,
        rentals,
        tax,
        credit
    ];
    settle(database, sql, product, id, values)
}

/// Ends the wait of a scheduled payment, and says in which window it was.
fn settle(
    database: &Connection,
    sql: &str,
    product: Product,
    payment: PaymentId,
    values: &[&dyn ToSql],
) -> Result<WindowDay, FoldError> {
    let window = database
        .prepare_cached(sql)?
        .query_row(values, |row| Ok(WindowDay { product, day: row.get(0)?, minutes: row.get(1)? }))
        .optional()?;
    window.ok_or_else(|| Poison::PaymentUnknown(payment).into())
}

fn take_back(database: &Connection, returned: &PaymentReturned, at: At) -> Result<(), FoldError> {
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

fn reinstate(
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
    let [interest, principal, fees, rentals, tax, credit] = parts(split);
    let changed = database
        .prepare_cached(
            "UPDATE payment SET interest_cents = ?2, principal_cents = ?3, fees_cents = ?4, \
             rentals_cents = ?5, tax_cents = ?6, credit_cents = ?7, last_position = ?8 \
             WHERE payment_id = ?1",
        )?
        .execute(params![
            payment.uuid().as_bytes(),
            interest,
            principal,
            fees,
            rentals,
            tax,
            credit,
            at.position,
        ])?;
    known(changed, payment)
}

/// A split's parts in the order of their columns.
fn parts(split: &Split) -> [i64; 6] {
    let Split { interest, principal, fees, rentals, tax, credit } = *split;
    [interest, principal, fees, rentals, tax, credit].map(Money::cents)
}

fn known(changed: usize, payment: PaymentId) -> Result<(), FoldError> {
    if changed == 1 { Ok(()) } else { Err(Poison::PaymentUnknown(payment).into()) }
}
