//! Payments that come back, and come back good: undone or restored from their own effective date.

use super::aging::reopened;
use super::book::Movement;
use super::draft::Draft;
use super::events::{Event, FeeKind, PaymentReinstated, PaymentReturned, Split, WaiveReason};
use super::fees::{self, Charge};
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::state::{FeeState, OpenAccount, Payment, Progress};
use super::{Context, Decision, Denial};
use crate::domain::money::Amount;
use crate::domain::rulebook::{ReturnAction, ReturnCode};
use crate::ids::{FeeId, PaymentId};

/// Undoes a payment as of its effective date: its postings mirrored, later payments allocated anew,
/// the instalments that it had met open again, and the contract's returned-item fee where the
/// return code allows one.
pub(super) fn take_back(
    open: &OpenAccount,
    id: PaymentId,
    return_code: &str,
    context: &Context<'_>,
) -> Decision {
    let payment = open.payments.get(&id).ok_or(Denial::PaymentNotFound(id))?;
    match &payment.progress {
        Progress::Applied => {}
        Progress::Returned { return_code, .. } => {
            let return_code = return_code.clone();
            return Err(Refusal::AlreadyReturned { payment: id, return_code }.into());
        }
        state @ (Progress::Scheduled | Progress::Cancelled { .. }) => {
            let state = state.name().to_owned();
            return Err(Refusal::NotApplied { payment: id, state }.into());
        }
    }
    // A code of no known form is no reason to keep the money, nor to charge for it.
    let action = return_code.parse::<ReturnCode>().map_or(ReturnAction::Exception, |code| {
        context.rules.return_rule(code, context.today()).action
    });
    if !action.reverses_payment() {
        let return_code = return_code.to_owned();
        return Err(Refusal::ReturnCodeNotForPayment { return_code }.into());
    }
    let is_it =
        |what: &Movement| matches!(what, Movement::Payment { id: other, .. } if *other == id);
    let paid = payment.split.unwrap_or_default();
    let dates = (payment.effective_date, context.gl_date());
    let change = Change::without(&open.book, Subject::Out(payment.channel, paid), is_it, dates);
    let restated = restate(&open.book, change, context);
    let blameless = action.excuses_lateness();
    let mut draft = Draft::new(open, context);
    draft.push(Event::PaymentReturned(PaymentReturned {
        payment: id,
        return_code: return_code.to_owned(),
        effective_date: payment.effective_date,
        reopened: reopened(&open.book, &restated.after, context.today(), blameless),
        posting: restated.posting,
    }));
    draft.settle_payoff(Some(id));
    if let Some(amount) = returned_item_fee(open, payment, action, context) {
        let owed = Charge {
            fee: FeeId::derived(context.account, context.request),
            kind: FeeKind::ReturnedItem,
            amount,
            on: context.today(),
            payment: Some(id),
            instalment: None,
        };
        let charged = fees::charge(&draft.account, owed, context);
        draft.push(charged);
    }
    // A credit balance may have kept the account paid off, and may not cover the fee too.
    Ok(draft.conclude(Some(id)))
}

/// What the return costs: the contract's fee, at most what the state allows, once per payment.
fn returned_item_fee(
    open: &OpenAccount,
    payment: &Payment,
    action: ReturnAction,
    context: &Context<'_>,
) -> Option<Amount> {
    let terms = open.terms();
    let fee = terms.returned_item_fee.filter(|_| action.may_charge_fee())?;
    let charged = open.fees.values().any(|fee| {
        let stands = fee.state == FeeState::Assessed || fee.waived == Some(WaiveReason::Requested);
        fee.payment == Some(payment.id) && stands
    });
    if charged || open.charged_off.is_some() {
        return None;
    }
    let cap = terms.governing_state.and_then(|state| {
        context.rules.returned_item_fee_cap(state, payment.amount, context.today())
    });
    Some(cap.map_or(fee, |cap| fee.min(cap)))
}

/// Restores a returned payment as of its effective date, and takes back the fee that its return had
/// cost.
pub(super) fn reinstate(open: &OpenAccount, id: PaymentId, context: &Context<'_>) -> Decision {
    let payment = open.payments.get(&id).ok_or(Denial::PaymentNotFound(id))?;
    if !matches!(payment.progress, Progress::Returned { .. }) {
        let state = payment.progress.name().to_owned();
        return Err(Refusal::NotReturned { payment: id, state }.into());
    }
    let mut draft = Draft::new(open, context);
    for (fee, charged) in &open.fees {
        if charged.payment == Some(id) && charged.state == FeeState::Assessed {
            let reason = WaiveReason::Corrected;
            let waived = fees::take_back(&draft.account, (*fee, charged), reason, context);
            draft.push(waived);
        }
    }
    let entry = payment.entry(Split::default());
    let subject = Subject::In(id, payment.channel);
    let change = Change::with(&draft.account.book, subject, entry, context.gl_date());
    let restated = restate(&draft.account.book, change, context);
    draft.push(Event::PaymentReinstated(PaymentReinstated {
        payment: id,
        effective_date: payment.effective_date,
        split: restated.split,
        posting: restated.posting,
    }));
    Ok(draft.conclude(Some(id)))
}
