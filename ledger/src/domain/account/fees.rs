//! Fees: charged today, taken back from the day on which they were charged.

use super::book::{Entry, Movement};
use super::events::{Event, FeeAssessed, FeeKind, FeeWaived};
use super::payments::check_amount;
use super::posting::{Change, Subject, payoff_change, restate};
use super::refusal::Refusal;
use super::state::{Fee, FeeState, OpenAccount};
use super::{Context, Decision, Denial, check_on_books};
use crate::domain::money::Amount;
use crate::ids::{FeeId, PaymentId};

/// Charges a fee, effective today.
pub(super) fn assess(
    open: &OpenAccount,
    kind: FeeKind,
    amount: Amount,
    context: &Context<'_>,
) -> Decision {
    if let Some(paid_off) = &open.paid_off {
        let paid_off_date = paid_off.paid_off_date;
        return Err(Refusal::AccountPaidOff { paid_off_date }.into());
    }
    check_amount(amount, context)?;
    check_on_books(open, context.today())?;
    let fee = FeeId::derived(context.account, context.request);
    Ok(vec![charge(open, fee, kind, amount, None, context)])
}

/// The event of a fee that is charged today.
pub(super) fn charge(
    open: &OpenAccount,
    fee: FeeId,
    kind: FeeKind,
    amount: Amount,
    payment: Option<PaymentId>,
    context: &Context<'_>,
) -> Event {
    let today = context.today();
    let mut entries = open.book.entries().to_vec();
    let what = Movement::Fee { id: fee, amount };
    entries.push(Entry { effective: today, order: open.next_order(), what });
    let change = Change {
        subject: Subject::FeeCharged(kind, amount.money()),
        entries,
        effective: today,
        gl_date: context.gl_date(),
    };
    let posting = restate(&open.book, change, context).posting;
    Event::FeeAssessed(FeeAssessed { fee, kind, amount, effective_date: today, payment, posting })
}

/// Takes a fee back; nothing to do if it was taken back before.
pub(super) fn waive(open: &OpenAccount, fee: FeeId, context: &Context<'_>) -> Decision {
    let Some(charged) = open.fees.get(&fee) else {
        return Err(Denial::FeeNotFound(fee));
    };
    if charged.state == FeeState::Waived {
        return Ok(Vec::new());
    }
    let waived = take_back(open, fee, charged, context);
    let mut after = open.clone();
    after.follow(&waived, context.received_at);
    let payoff = payoff_change(open, &after.book, None, context);
    Ok(std::iter::once(waived).chain(payoff).collect())
}

/// The event of a fee that is taken back: what it had been paid with pays something else.
pub(super) fn take_back(
    open: &OpenAccount,
    fee: FeeId,
    charged: &Fee,
    context: &Context<'_>,
) -> Event {
    let is_it = |what: &Movement| matches!(what, Movement::Fee { id, .. } if *id == fee);
    let change = Change {
        subject: Subject::FeeTakenBack(charged.kind, charged.amount.money()),
        entries: open.book.entries().iter().filter(|entry| !is_it(&entry.what)).cloned().collect(),
        effective: charged.effective_date,
        gl_date: context.gl_date(),
    };
    let effective_date = charged.effective_date;
    let posting = restate(&open.book, change, context).posting;
    Event::FeeWaived(FeeWaived { fee, effective_date, posting })
}
