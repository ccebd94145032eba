//! Fees: charged as of a day, and taken back from that day.

use chrono::NaiveDate;

use super::book::Movement;
use super::draft::Draft;
use super::events::{Event, FeeAssessed, FeeKind, FeeWaived, WaiveReason};
use super::payments::check_amount;
use super::posting::{Change, Subject, restate};
use super::state::{Fee, OpenAccount};
use super::{Context, Decision, Denial, check_effective};
use crate::domain::money::Amount;
use crate::ids::{FeeId, PaymentId};

/// Charges a fee, owed from `effective_date` on, or from today: what came after it pays it where
/// its turn is.
pub(super) fn assess(
    open: &OpenAccount,
    (kind, amount): (FeeKind, Amount),
    effective_date: Option<NaiveDate>,
    context: &Context<'_>,
) -> Decision {
    if kind.is_lease_charge() {
        open.check_leased()?;
    } else {
        open.check_in_service()?;
    }
    check_amount(amount, context)?;
    let on = effective_date.unwrap_or_else(|| context.today());
    check_effective(open, on, context)?;
    let fee = FeeId::derived(context.account, context.request);
    let owed = Charge { fee, kind, amount, on, payment: None, instalment: None };
    let mut draft = Draft::new(open, context);
    draft.push(charge(open, owed, context));
    Ok(draft.conclude(None))
}

/// A fee that is to be charged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    pub(super) fee: FeeId,
    pub(super) kind: FeeKind,
    pub(super) amount: Amount,
    pub(super) on: NaiveDate,
    /// The returned payment that it is for.
    pub(super) payment: Option<PaymentId>,
    /// The late instalment that it is for, from 1.
    pub(super) instalment: Option<u32>,
}

/// The event of a fee that is charged. A late fee that was taken back, and is charged again or for
/// less, is where it was: what had paid it on its own day does so again.
pub(super) fn charge(open: &OpenAccount, owed: Charge, context: &Context<'_>) -> Event {
    let Charge { fee, kind, amount, on, payment, instalment } = owed;
    let same = |before: &Fee| before.instalment == instalment && before.effective_date == on;
    let mut gone = open.fees.iter().filter(|(_, before)| !before.stands() && same(before));
    let replaces = instalment.and_then(|_| gone.next()).map(|(id, _)| *id);
    let entry = open.fee_entry(on, Movement::Fee { id: fee, kind, amount }, replaces);
    let subject = Subject::FeeCharged(kind, amount.money());
    let moved = Change::with(&open.book, subject, entry, context.gl_date());
    let posting = restate(&open.book, moved, context).posting;
    Event::FeeAssessed(FeeAssessed {
        fee,
        kind,
        amount,
        effective_date: on,
        payment,
        instalment,
        replaces,
        posting,
    })
}

/// Takes a fee back; nothing to do if it was taken back before.
pub(super) fn waive(open: &OpenAccount, fee: FeeId, context: &Context<'_>) -> Decision {
    let Some(charged) = open.fees.get(&fee) else {
        return Err(Denial::FeeNotFound(fee));
    };
    if charged.waived.is_some() {
        return Ok(Vec::new());
    }
    let mut draft = Draft::new(open, context);
    draft.push(take_back(open, (fee, charged), WaiveReason::Requested, context));
    Ok(draft.conclude(None))
}

/// The event of a fee that is taken back: what it had been paid with pays something else.
pub(super) fn take_back(
    open: &OpenAccount,
    (fee, charged): (FeeId, &Fee),
    reason: WaiveReason,
    context: &Context<'_>,
) -> Event {
    let effective_date = charged.effective_date;
    let subject = Subject::FeeTakenBack(charged.kind, charged.amount.money());
    let is_it = |what: &Movement| what.is_fee(fee);
    let change = Change::without(&open.book, subject, is_it, effective_date, context);
    let posting = restate(&open.book, change, context).posting;
    Event::FeeWaived(FeeWaived { fee, reason, effective_date, posting })
}
