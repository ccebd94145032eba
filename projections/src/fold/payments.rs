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
        | Event::RateChanged(_)
        | Event::PrincipalAdjusted(_)
        | Event::ExtensionGranted(_)
        | Event::DueDateChanged(_)
        | Event::AccountChargedOff(_)
        | Event::NonAccrualStarted(_)
        | Event::AccrualResumed(_)
        | Event::PayoffQuoted(_)
        | Event::CreditRefunded(_)
        | Event::RefundReturned(_)
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

fn insert_received(
    database: &Connection,
    (account, product): (i64, Product),
    received: &PaymentReceived,
    at: At,
) -> Result<(), FoldError> {
    let sql = concat!(
        "INSERT INTO payment (payment_key, last_position, payment_id, account_key, product, \
         channel, state, amount_cents, effective_day, applied_nanos, reference, \
         third_party_fee_cents, ",
        split_columns!(""),
        ") VALUES (?1, ?1, ?2, ?3, ?4, ?5, 'applied', ?6, ?7, ?8, ?9, ?10, \
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
        ],
        &parts,
    ))?;
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
    let sql = concat!(
        "UPDATE payment SET state = 'applied', applied_nanos = ?2, settled_position = ?3, \
         last_position = ?3, ",
        split_columns!(" = ?"),
        " WHERE payment_id = ?1 AND window_minutes IS NOT NULL \
         RETURNING effective_day, window_minutes"
    );
    let (id, parts) = (applied.payment, parts(&applied.split));
    let uuid = id.uuid();
    let uuid = uuid.as_bytes();
    let values = with(params![uuid, at.nanos, at.position], &parts);
    settle(database, sql, product, id, &values)
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
