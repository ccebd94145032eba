//! Charge-offs, and what each takes.

use ledger::domain::account::events::{AccountChargedOff, ChargeOffRestated};
use ledger::domain::money::Money;
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::{cents, day};
use crate::error::Poison;

pub(super) fn charged_off(
    database: &Connection,
    account: i64,
    charged_off: &AccountChargedOff,
    at: At,
) -> Result<(), FoldError> {
    let taken = &charged_off.taken;
    database
        .prepare_cached(
            "INSERT INTO charge_off VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
             ?14, ?15, ?1)",
        )?
        .execute(params![
            at.position,
            charged_off.charge_off.uuid().as_bytes(),
            account,
            charged_off.reason.as_str(),
            day(charged_off.effective_date),
            cents(charged_off.part),
            taken.principal.cents(),
            taken.interest.cents(),
            taken.late_fees.cents(),
            taken.returned_item_fees.cents(),
            taken.lease_charges.cents(),
            taken.rentals.cents(),
            taken.rentals_ahead.cents(),
            taken.rental_tax.cents(),
            at.nanos,
        ])?;
    Ok(())
}

/// Writes down what charge-offs take from now on.
pub(super) fn restate(
    database: &Connection,
    restated: &[ChargeOffRestated],
    at: At,
) -> Result<(), FoldError> {
    for ChargeOffRestated { charge_off, taken } in restated {
        let changed = database
            .prepare_cached(
                "UPDATE charge_off SET principal_cents = ?2, interest_cents = ?3, \
                 late_fees_cents = ?4, returned_item_fees_cents = ?5, \
                 lease_charges_cents = ?6, rentals_cents = ?7, rentals_ahead_cents = ?8, \
                 rental_tax_cents = ?9, last_position = ?10 WHERE charge_off_id = ?1",
            )?
            .execute(params![
                charge_off.uuid().as_bytes(),
                taken.principal.cents(),
                taken.interest.cents(),
                taken.late_fees.cents(),
                taken.returned_item_fees.cents(),
                taken.lease_charges.cents(),
                taken.rentals.cents(),
                taken.rentals_ahead.cents(),
                taken.rental_tax.cents(),
                at.position
            ])?;
        if changed != 1 {
            return Err(Poison::ChargeOffUnknown(*charge_off).into());
        }
    }
    Ok(())
}

/// What all charge-offs of an account take together.
pub(super) fn taken(database: &Connection, account: i64) -> Result<Money, rusqlite::Error> {
    let sum = "SELECT coalesce(sum(principal_cents + interest_cents + late_fees_cents \
               + returned_item_fees_cents + lease_charges_cents + rentals_cents \
               + rentals_ahead_cents + rental_tax_cents), 0) FROM charge_off \
               WHERE account_key = ?1";
    database.prepare_cached(sum)?.query_row([account], |row| row.get(0).map(Money::from_cents))
}
