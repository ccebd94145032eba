//! Charge-offs: what is owed is not expected to be paid any more, and is owed all the same.

use chrono::NaiveDate;

use super::book::Movement;
use super::draft::Draft;
use super::events::{AccountChargedOff, ChargeOffReason, ChargedOff, Event};
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::state::OpenAccount;
use super::{Context, Decision, check_effective};
use crate::domain::money::Amount;
use crate::ids::ChargeOffId;

/// Charges off everything owed, or of a loan a part of the principal, from `effective_date` on.
/// Payments after it are recoveries.
pub(super) fn take(
    open: &OpenAccount,
    part: Option<Amount>,
    reason: ChargeOffReason,
    effective_date: NaiveDate,
    context: &Context<'_>,
) -> Decision {
    if part.is_some() {
        open.check_has_principal()?;
    }
    open.check_in_service()?;
    check_effective(open, effective_date, context)?;
    if open.book.vehicle_returned().is_some_and(|returned| effective_date < returned) {
        // It would charge off rentals that never fall due.
        open.check_vehicle_out()?;
    }
    let principal = open.standing(effective_date).principal;
    if let Some(amount) = part.filter(|part| part.money() > principal) {
        return Err(Refusal::PrincipalExceeded { amount, principal }.into());
    }
    let part = part.filter(|part| part.money() < principal);
    let id = ChargeOffId::derived(context.account, context.request);
    let what = Movement::ChargeOff { id, part, taken: ChargedOff::default() };
    let entry = open.next_entry(effective_date, what);
    let change = Change::with(&open.book, Subject::ChargeOff(id), entry, context.gl_date());
    let restated = restate(&open.book, change, context);
    let mut draft = Draft::new(open, context);
    draft.push(Event::AccountChargedOff(AccountChargedOff {
        charge_off: id,
        reason,
        effective_date,
        part,
        taken: restated.taken,
        posting: restated.posting,
    }));
    Ok(draft.conclude(None))
}
