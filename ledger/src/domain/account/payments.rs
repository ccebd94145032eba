//! Payments: scheduled, cancelled, applied at their window, or received by another channel.

use chrono::NaiveDate;

use super::book::Movement;
use super::commands::{ReceivePayment, SchedulePayment};
use super::draft::Draft;
use super::events::{
    CancelReason, Event, PaymentApplied, PaymentCancelled, PaymentReceived, PaymentScheduled, Split,
};
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::state::{OpenAccount, Payment, Progress};
use super::{Context, Decision, Denial, check_on_books, payoff};
use crate::domain::cutoff::{CutoffRefusal, place, tz_database_version};
use crate::domain::money::Amount;
use crate::domain::product::Channel;
use crate::ids::PaymentId;

pub(super) fn check_amount(amount: Amount, context: &Context<'_>) -> Result<(), Refusal> {
    let limit = context.rules.limits(context.today()).ach_entry_max;
    if amount > limit { Err(Refusal::AmountTooLarge { amount, limit }) } else { Ok(()) }
}

impl From<CutoffRefusal> for Refusal {
    fn from(refusal: CutoffRefusal) -> Self {
        match refusal {
            CutoffRefusal::DateInPast { requested, earliest_date, .. } => {
                Self::DateInPast { requested, earliest_date }
            }
            CutoffRefusal::DateTooFar { requested, earliest_date, latest_date, .. } => {
                Self::DateTooFar { requested, earliest_date, latest_date }
            }
            CutoffRefusal::CutoffPassed { requested, earliest_date, .. } => {
                Self::CutoffPassed { requested, earliest_date }
            }
        }
    }
}

/// Places the instruction in a window. Refused for an account that is paid off, unless it is to pay
/// the quote of a vehicle that can still be bought; for an amount that no
/// entry carries, a date that the cut-offs or the opening do not allow, or what looks like a second
/// time.
pub(super) fn schedule(
    open: &OpenAccount,
    order: &SchedulePayment,
    context: &Context<'_>,
) -> Decision {
    if order.payoff_quote.is_some() {
        open.check_payable()?;
    } else {
        open.check_owed()?;
    }
    if let Some(quote) = order.payoff_quote.filter(|quote| !open.quotes.contains_key(quote)) {
        return Err(Denial::QuoteNotFound(quote));
    }
    check_amount(order.amount, context)?;
    let rules = context.rules;
    let policy = rules.cutoff_policy(open.terms().product, context.today());
    let slot = place(policy, rules.calendar(), context.received_at, order.payment_date)
        .map_err(Refusal::from)?;
    check_on_books(open, order.payment_date)?;
    let same = |payment: &&Payment| {
        payment.progress == Progress::Scheduled
            && payment.amount == order.amount
            && payment.effective_date == order.payment_date
    };
    if !order.allow_duplicate
        && let Some(payment) = open.payments.values().find(same)
    {
        return Err(Refusal::PossibleDuplicate { payment: payment.id }.into());
    }
    Ok(vec![Event::PaymentScheduled(PaymentScheduled {
        payment: PaymentId::derived(context.account, context.request, 0),
        amount: order.amount,
        payment_date: order.payment_date,
        window: slot.window,
        cutoff_at: slot.cutoff_at,
        origination_date: slot.origination_date,
        funding: order.funding.clone(),
        payoff_quote: order.payoff_quote,
        tz: tz_database_version().to_owned(),
    })])
}

/// Cancels a scheduled payment received before its cut-off. At the cut-off it is too late, whether
/// or not the run has started.
pub(super) fn cancel(open: &OpenAccount, id: PaymentId, context: &Context<'_>) -> Decision {
    let payment = open.payment(id)?;
    let not_pending =
        || Refusal::NotPending { payment: id, state: payment.progress.name().to_owned() };
    let Some(schedule) = &payment.schedule else { return Err(not_pending().into()) };
    let (cutoff_at, received_at) = (schedule.cutoff_at, context.received_at);
    if received_at >= cutoff_at {
        return Err(Refusal::CancelWindowClosed { payment: id, cutoff_at, received_at }.into());
    }
    match payment.progress {
        Progress::Cancelled { .. } => Ok(Vec::new()),
        Progress::Scheduled => Ok(vec![Event::PaymentCancelled(PaymentCancelled {
            payment: id,
            reason: CancelReason::Requested,
        })]),
        Progress::Applied | Progress::Returned { .. } => Err(not_pending().into()),
    }
}

/// Applies a scheduled payment whose cut-off has passed; cancels it if nothing is owed any more.
/// Nothing to do for one that is no longer pending.
pub(super) fn apply(open: &OpenAccount, id: PaymentId, context: &Context<'_>) -> Decision {
    let payment = open.payment(id)?;
    let Some(schedule) = &payment.schedule else { return Ok(Vec::new()) };
    if payment.progress != Progress::Scheduled {
        return Ok(Vec::new());
    }
    if context.received_at < schedule.cutoff_at {
        let cutoff_at = schedule.cutoff_at;
        return Err(Refusal::WindowNotClosed { payment: id, cutoff_at }.into());
    }
    if !open.would_make(payment) {
        let reason = CancelReason::AccountPaidOff;
        return Ok(vec![Event::PaymentCancelled(PaymentCancelled { payment: id, reason })]);
    }
    let effective = payment.effective_date;
    let payoff_quote = payoff::quote_paid(open, payment.payoff_quote, payment.amount)?;
    let payoff = payoff_quote.is_some();
    let (channel, amount) = (Channel::OwnAch, payment.amount);
    let arrival = Arrival { id, channel, amount, payoff, effective };
    let change = arrival.change(open, context.run_gl_date(schedule.window, effective));
    let restated = restate(&open.book, change, context);
    let mut draft = Draft::new(open, context);
    draft.push(Event::PaymentApplied(PaymentApplied {
        payment: id,
        amount,
        effective_date: effective,
        payoff_quote,
        split: restated.split,
        posting: restated.posting,
    }));
    Ok(draft.conclude(Some(id)))
}

/// Posts money of another channel on the date on which it was received.
pub(super) fn receive(
    open: &OpenAccount,
    receipt: &ReceivePayment,
    context: &Context<'_>,
) -> Decision {
    let (received_date, today) = (receipt.received_date, context.today());
    check_amount(receipt.amount, context)?;
    if received_date > today {
        return Err(Refusal::ReceivedInFuture { received_date, today }.into());
    }
    check_on_books(open, received_date)?;
    let twin = |payment: &&Payment| {
        let reference = payment.receipt.as_ref().and_then(|receipt| receipt.reference.as_ref());
        reference == receipt.reference.as_ref() && payment.channel == receipt.channel
    };
    if receipt.reference.is_some()
        && !receipt.allow_duplicate
        && let Some(payment) = open.payments.values().find(twin)
    {
        return Err(Refusal::PossibleDuplicate { payment: payment.id }.into());
    }
    let id = PaymentId::derived(context.account, context.request, 0);
    let (channel, amount) = (receipt.channel, receipt.amount);
    let payoff_quote = payoff::quote_paid(open, receipt.payoff_quote, amount)?;
    let payoff = payoff_quote.is_some();
    let arrival = Arrival { id, channel, amount, payoff, effective: received_date };
    let restated = restate(&open.book, arrival.change(open, context.gl_date()), context);
    let mut draft = Draft::new(open, context);
    draft.push(Event::PaymentReceived(PaymentReceived {
        payment: id,
        channel,
        amount,
        effective_date: received_date,
        reference: receipt.reference.clone(),
        third_party_fee: receipt.third_party_fee,
        guaranteed_funds: receipt.guaranteed_funds,
        paid_by_dealer: receipt.paid_by_dealer,
        payoff_quote,
        split: restated.split,
        posting: restated.posting,
    }));
    Ok(draft.conclude(Some(id)))
}

/// A payment that comes onto the timeline for the first time.
struct Arrival {
    id: PaymentId,
    channel: Channel,
    amount: Amount,
    payoff: bool,
    effective: NaiveDate,
}

impl Arrival {
    fn change(&self, open: &OpenAccount, gl_date: NaiveDate) -> Change {
        let what = Movement::Payment {
            id: self.id,
            amount: self.amount,
            channel: self.channel,
            payoff: self.payoff,
            split: Split::default(),
        };
        let entry = open.next_entry(self.effective, what);
        Change::with(&open.book, Subject::PaymentIn(self.id, self.channel), entry, gl_date)
    }
}
