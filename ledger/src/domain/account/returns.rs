//! Payments that come back, and come back good: undone or restored from their own effective date.

use chrono::{DateTime, Utc};

use super::book::Movement;
use super::events::{Event, FeeKind, PaymentReinstated, PaymentReturned, Split};
use super::posting::{Change, Subject, payoff_change, restate};
use super::refusal::Refusal;
use super::state::{FeeState, OpenAccount, Progress};
use super::{Context, Decision, Denial, fees};
use crate::domain::rulebook::{ReturnAction, ReturnCode};
use crate::ids::{FeeId, PaymentId};

/// Undoes a payment as of its effective date: its postings mirrored, later payments allocated anew,
/// and the contract's returned-item fee where the return code allows one.
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
    let entries = open.book.entries().iter().filter(|entry| !is_it(&entry.what)).cloned().collect();
    let paid = payment.split.unwrap_or_default();
    let change = Change {
        subject: Subject::Out(payment.channel, paid),
        entries,
        effective: payment.effective_date,
        gl_date: context.gl_date(),
    };
    let restated = restate(&open.book, change, context);
    let mut draft = Draft::new(open, context.received_at);
    draft.push(Event::PaymentReturned(PaymentReturned {
        payment: id,
        return_code: return_code.to_owned(),
        effective_date: payment.effective_date,
        posting: restated.posting,
    }));
    if let Some(payoff) = payoff_change(open, &restated.after, Some(id), context) {
        draft.push(payoff);
    }
    let fee_allowed = action.may_charge_fee();
    let charged =
        open.fees.values().any(|fee| fee.payment == Some(id) && fee.state == FeeState::Assessed);
    if let (Some(amount), true, false) = (open.terms().returned_item_fee, fee_allowed, charged) {
        let kind = FeeKind::ReturnedItem;
        let fee = FeeId::derived(context.account, context.request);
        draft.push(fees::charge(&draft.account, fee, kind, amount, Some(id), context));
        // A credit balance may have kept the account paid off, and may not cover the fee too.
        if let Some(payoff) = payoff_change(&draft.account, &draft.account.book, Some(id), context)
        {
            draft.push(payoff);
        }
    }
    Ok(draft.events)
}

/// Restores a returned payment as of its effective date, and takes back the fee that its return had
/// cost.
pub(super) fn reinstate(open: &OpenAccount, id: PaymentId, context: &Context<'_>) -> Decision {
    let payment = open.payments.get(&id).ok_or(Denial::PaymentNotFound(id))?;
    if !matches!(payment.progress, Progress::Returned { .. }) {
        let state = payment.progress.name().to_owned();
        return Err(Refusal::NotReturned { payment: id, state }.into());
    }
    let mut draft = Draft::new(open, context.received_at);
    for (fee, charged) in &open.fees {
        if charged.payment == Some(id) && charged.state == FeeState::Assessed {
            draft.push(fees::take_back(&draft.account, *fee, charged, context));
        }
    }
    let mut entries = draft.account.book.entries().to_vec();
    entries.push(payment.entry(Split::default()));
    let change = Change {
        subject: Subject::In(id, payment.channel),
        entries,
        effective: payment.effective_date,
        gl_date: context.gl_date(),
    };
    let restated = restate(&draft.account.book, change, context);
    draft.push(Event::PaymentReinstated(PaymentReinstated {
        payment: id,
        effective_date: payment.effective_date,
        split: restated.split,
        posting: restated.posting,
    }));
    if let Some(payoff) = payoff_change(&draft.account, &restated.after, Some(id), context) {
        draft.push(payoff);
    }
    Ok(draft.events)
}

/// Events of one decision, each worked out on what the one before leaves behind.
struct Draft {
    account: OpenAccount,
    events: Vec<Event>,
    at: DateTime<Utc>,
}

impl Draft {
    fn new(open: &OpenAccount, at: DateTime<Utc>) -> Self {
        Self { account: open.clone(), events: Vec::new(), at }
    }

    fn push(&mut self, event: Event) {
        self.account.follow(&event, self.at);
        self.events.push(event);
    }
}
