//! Liens and titles. What a tracker shows follows from the lien and the account's payoff.

use ledger::domain::account::events::Event;
use ledger::ids::AccountId;
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::day;
use crate::error::Poison;

/// Writes down what happened to the title of `account`, if that is what happened.
pub(super) fn follow(
    database: &Connection,
    id: &AccountId,
    account: i64,
    event: &Event,
    at: At,
) -> Result<(), FoldError> {
    match event {
        Event::LienRecorded(lien) => {
            database
                .prepare_cached(
                    "INSERT OR REPLACE INTO title VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL)",
                )?
                .execute(params![
                    account,
                    lien.title_state,
                    lien.vin,
                    lien.lienholder,
                    at.position
                ])?;
            Ok(())
        }
        Event::LienReleased(released) => {
            let changed = database
                .prepare_cached(
                    "UPDATE title SET released_day = ?2, released_nanos = ?3 \
                     WHERE account_key = ?1",
                )?
                .execute(params![account, day(released.released_date), at.nanos])?;
            if changed == 1 { Ok(()) } else { Err(Poison::LienUnknown(id.clone()).into()) }
        }
        Event::AccountOpened(_)
        | Event::PaymentScheduled(_)
        | Event::PaymentCancelled(_)
        | Event::PaymentApplied(_)
        | Event::PaymentReceived(_)
        | Event::PaymentReturned(_)
        | Event::PaymentReinstated(_)
        | Event::FeeAssessed(_)
        | Event::FeeWaived(_)
        | Event::AccountPaidOff(_)
        | Event::PayoffReversed(_)
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
