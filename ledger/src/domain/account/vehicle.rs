//! Leased vehicles that come back, at the end of the lease or before it.

use chrono::NaiveDate;

use super::book::Movement;
use super::commands::LeaseCharge;
use super::draft::Draft;
use super::events::{Event, VehicleReturned};
use super::fees::{self, Charge};
use super::payments::check_amount;
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::state::OpenAccount;
use super::{Context, Decision, check_effective};
use crate::ids::FeeId;

/// Takes the vehicle back as of a day: rentals that fall due later never do, what was paid ahead
/// for them is the customer's, and what the lessor charges for it is owed from that day. Whether
/// the lease has run to its end makes no difference but for the charges.
pub(super) fn take_back(
    open: &OpenAccount,
    effective_date: NaiveDate,
    charges: &[LeaseCharge],
    context: &Context<'_>,
) -> Decision {
    open.check_leased()?;
    open.check_vehicle_out()?;
    check_effective(open, effective_date, context)?;
    let mut shifts = open.book.entries().iter().rev();
    let moved = shifts.find(|entry| matches!(entry.what, Movement::Shift(_)));
    if let Some(moved_date) = moved.map(|it| it.effective).filter(|on| *on > effective_date) {
        return Err(Refusal::DueDatesMovedLater { effective_date, moved_date }.into());
    }
    for charge in charges {
        check_amount(charge.amount, context)?;
    }
    let due = open.book.instalments_as_of(effective_date).due_count(effective_date);
    let entry = open.next_entry(effective_date, Movement::VehicleReturned { due });
    let change = Change::with(&open.book, Subject::VehicleReturned, entry, context.gl_date());
    let posting = restate(&open.book, change, context).posting;
    let mut draft = Draft::new(open, context);
    let rentals_due = due;
    draft.push(Event::VehicleReturned(VehicleReturned { effective_date, rentals_due, posting }));
    for (place, LeaseCharge { kind, amount }) in charges.iter().copied().enumerate() {
        let fee = FeeId::of_return(context.account, context.request, place);
        let on = effective_date;
        let owed = Charge { fee, kind, amount, on, payment: None, instalment: None };
        let assessed = fees::charge(&draft.account, owed, context);
        draft.push(assessed);
    }
    Ok(draft.conclude(None))
}
