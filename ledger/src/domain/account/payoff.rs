//! Payoffs: quoted, noticed, and what is left over of them sent back.

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::book::{Entry, Movement, Standing};
use super::draft::Draft;
use super::events::{
    AccountPaidOff, CreditRefunded, Event, PayoffQuoted, PayoffReversed, RefundMethod,
    RefundReturned,
};
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::settlement::refund_leg;
use super::state::{OpenAccount, Payment, Progress, Refund, Title};
use super::{Context, Decision, Denial};
use crate::domain::cutoff::eastern_date;
use crate::domain::interest::DayCount;
use crate::domain::money::{Amount, Money};
use crate::domain::product::{Channel, Product};
use crate::domain::rulebook::{PayoffFacts, ReleasePlan, StateCode};
use crate::ids::{PaymentId, QuoteId, RefundId};

/// Tells what pays the account off on `good_through`, and records that it was told: a receipt can
/// be matched to it. It is no lock: interest stops on the day the money counts from.
pub(super) fn quote(
    open: &OpenAccount,
    good_through: NaiveDate,
    context: &Context<'_>,
) -> Decision {
    open.check_payable()?;
    let today = context.today();
    if good_through < today {
        let (requested, earliest_date) = (good_through, today);
        return Err(Refusal::DateInPast { requested, earliest_date }.into());
    }
    let days = context.rules.payoff(today).quote_days_max;
    let latest_date =
        today.checked_add_days(chrono::Days::new(days.into())).unwrap_or(NaiveDate::MAX);
    if good_through > latest_date {
        let (requested, earliest_date) = (good_through, today);
        return Err(Refusal::DateTooFar { requested, earliest_date, latest_date }.into());
    }
    let standing = open.standing(good_through);
    let rentals = quoted_rentals(open, &standing)?;
    let buyout = standing.buyout.as_ref();
    let pending = open.payments.values().filter(|payment| payment.progress == Progress::Scheduled);
    let uncleared = funds(open, context).filter(|(_, plan)| plan.hold_until > today);
    Ok(vec![Event::PayoffQuoted(PayoffQuoted {
        quote: QuoteId::derived(context.account, context.request),
        good_through_date: good_through,
        amount: standing.payoff(),
        principal: standing.principal,
        interest: standing.interest_due,
        fees: standing.fees_due,
        rentals,
        rentals_ahead: buyout.map_or(Money::ZERO, |it| it.rentals_ahead),
        residual: buyout.map_or(Money::ZERO, |it| it.residual),
        sales_tax: buyout.map_or(Money::ZERO, |it| it.sales_tax),
        charged_off: standing.charged_off,
        credit: standing.credit,
        per_diem: per_diem(open, good_through),
        pending: pending.map(|payment| payment.id).collect(),
        uncleared: uncleared.map(|(entry, _)| entry).collect(),
    })])
}

/// The rentals of a quote. A lease is paid off by buying the vehicle, unless it has ended already:
/// what one without a residual value would take is not known.
fn quoted_rentals(open: &OpenAccount, standing: &Standing) -> Result<Money, Refusal> {
    match open.terms().product {
        Product::Lease if standing.buyout.is_some() => Ok(standing.rentals_due),
        Product::Lease if open.book.cut().is_none() => Err(Refusal::ResidualUnknown),
        Product::Lease | Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => {
            Ok(standing.rentals_remaining)
        }
    }
}

/// What `date` earns, exact to five decimals.
fn per_diem(open: &OpenAccount, date: NaiveDate) -> String {
    let divisor = match open.terms().day_count {
        DayCount::Actual365Or366 if date.leap_year() => 366_i64,
        DayCount::Actual365Or366 | DayCount::Actual365 => 365,
        DayCount::Actual360 | DayCount::Thirty360 => 360,
    };
    let (principal, rate) = (open.standing(date).principal, open.book.rate_on(date));
    let a_year = principal.decimal().saturating_mul(rate.decimal());
    let a_day = a_year.checked_div(Decimal::from(divisor)).unwrap_or_default();
    let mut shown = a_day.round_dp_with_strategy(5, RoundingStrategy::MidpointAwayFromZero);
    shown.rescale(5);
    shown.to_string()
}

/// The quote that a payment of `amount` pays: the one that was named, or else the latest one of
/// that very amount.
pub(super) fn quote_paid(
    open: &OpenAccount,
    named: Option<QuoteId>,
    amount: Amount,
) -> Result<Option<QuoteId>, Denial> {
    match named {
        Some(quote) if open.quotes.contains_key(&quote) => Ok(Some(quote)),
        Some(quote) => Err(Denial::QuoteNotFound(quote)),
        None => {
            let quotes = open.quotes.values().map(|quote| &quote.quoted);
            let of_amount = quotes.filter(|quoted| quoted.amount == amount.money());
            Ok(of_amount.max_by_key(|quoted| quoted.good_through_date).map(|quoted| quoted.quote))
        }
    }
}

/// Sends a credit balance back, or a part of it, once no payment's funds can come back any more: a
/// refund and then a return would lose the money twice.
pub(super) fn refund(
    open: &OpenAccount,
    amount: Option<Amount>,
    context: &Context<'_>,
) -> Decision {
    let today = context.today();
    let credit = (-open.standing(today).balance()).at_least_zero();
    let amount = match amount.or_else(|| credit.amount()) {
        Some(amount) if amount.money() <= credit => amount,
        Some(_) | None => return Err(Refusal::NoCreditBalance { amount, credit }.into()),
    };
    let good_on = funds(open, context).map(|(_, plan)| plan.hold_until).max();
    if let Some(release_date) = good_on.filter(|good_on| *good_on > today) {
        return Err(Refusal::FundsOnHold { release_date }.into());
    }
    let left_it = open.book.entries().iter().rev().find_map(|entry| {
        let Movement::Payment { id, split, .. } = &entry.what else { return None };
        split.credit.is_positive().then_some(*id)
    });
    let debited = left_it.and_then(|id| open.payments.get(&id)).is_some_and(|payment| {
        let schedule = payment.schedule.as_ref();
        payment.channel == Channel::OwnAch && schedule.is_some_and(|it| it.funding.is_some())
    });
    let method = if debited { RefundMethod::AchCredit } else { RefundMethod::Cheque };
    let id = RefundId::derived(context.account, context.request);
    let entry = open.next_entry(today, Movement::Refund { id, amount });
    let subject = Subject::Refund(amount.money());
    let change = Change::with(&open.book, subject, entry, context.gl_date());
    let posting = restate(&open.book, change, context).posting;
    let mut draft = Draft::new(open, context);
    draft.push(Event::CreditRefunded(CreditRefunded {
        refund: id,
        amount,
        method,
        payment: left_it,
        effective_date: today,
        posting,
    }));
    Ok(draft.conclude(None))
}

/// Takes a refund back that did not arrive: it is a credit balance again. If the bank had paid it
/// out, it has the money again today.
pub(super) fn take_refund_back(
    open: &OpenAccount,
    refund: RefundId,
    context: &Context<'_>,
) -> Decision {
    let sent = open.refund(refund)?;
    let Refund { amount, effective_date, returned, .. } = sent;
    if *returned {
        return Err(Refusal::RefundAlreadyReturned { refund }.into());
    }
    let is_it = |what: &Movement| what.is_refund(refund);
    let subject = Subject::RefundBack(amount.money());
    let change = Change::without(&open.book, subject, is_it, *effective_date, context);
    let mut posting = restate(&open.book, change, context).posting;
    posting.lines.splice(..0, refund_leg(sent, context));
    let mut draft = Draft::new(open, context);
    let effective_date = *effective_date;
    draft.push(Event::RefundReturned(RefundReturned { refund, effective_date, posting }));
    Ok(draft.conclude(None))
}

/// The event that follows when a change has paid the account off, or owes something again; or when
/// it is paid off still, but with other money, whose funds are good at another time.
pub(super) fn change(
    open: &OpenAccount,
    subject: Option<PaymentId>,
    context: &Context<'_>,
) -> Option<Event> {
    let owes_nothing = open.book.final_standing().owes_nothing;
    match (&open.paid_off, owes_nothing) {
        (None, true) => Some(Event::AccountPaidOff(paid_off(open, context))),
        (Some(_), false) => Some(Event::PayoffReversed(PayoffReversed { payment: subject })),
        (Some(recorded), true) => {
            let anew = paid_off(open, context);
            (anew != *recorded).then_some(Event::AccountPaidOff(anew))
        }
        (None, false) => None,
    }
}

/// When the funds of each payment on the timeline are good, and what the law says about the title.
fn funds<'a>(
    open: &'a OpenAccount,
    context: &'a Context<'_>,
) -> impl Iterator<Item = (PaymentId, ReleasePlan)> + 'a {
    let title_state = title_state(open);
    open.book.entries().iter().filter_map(move |entry: &Entry| {
        let Movement::Payment { id, channel, .. } = &entry.what else { return None };
        let payment = open.payments.get(id);
        let receipt = payment.and_then(|payment| payment.receipt.as_ref());
        let facts = PayoffFacts {
            guaranteed: receipt.is_some_and(|receipt| receipt.guaranteed_funds),
            by_dealer: receipt.is_some_and(|receipt| receipt.paid_by_dealer),
            settled_on: payment.and_then(|payment| settles_on(payment, context)),
            ..told(*channel, entry.effective)
        };
        Some((*id, context.rules.release_by(title_state, &facts)))
    })
}

/// The state whose law is the title's.
fn title_state(open: &OpenAccount) -> Option<StateCode> {
    match &open.title {
        Title::Held(lien) | Title::Released { lien, .. } => lien.title_state.parse().ok(),
        Title::NoLien => None,
    }
}

/// What is known of money that came by a channel on a day.
const fn told(channel: Channel, received_on: NaiveDate) -> PayoffFacts {
    PayoffFacts {
        channel,
        guaranteed: false,
        by_dealer: false,
        received_on,
        settled_on: None,
        demanded_on: None,
    }
}

/// A payment that had a part in a payoff.
struct Paying {
    id: PaymentId,
    effective: NaiveDate,
    /// Did it pay something by itself? Otherwise its credit balance did, later.
    at_once: bool,
}

/// The payments that had a part in a payoff. One that is a credit balance only has paid nothing
/// off, unless somebody took of a credit balance after it, or something is owed that it stands
/// against.
fn paying(open: &OpenAccount) -> Vec<Paying> {
    let last = open.book.final_standing();
    let mut takes_credit = (last.interest_due + last.fees_due + last.charged_off).is_positive();
    let mut paying = Vec::new();
    for entry in open.book.entries().iter().rev() {
        match &entry.what {
            Movement::Payment { id, amount, split, .. } => {
                let at_once = amount.money() > split.credit;
                if at_once || takes_credit {
                    paying.push(Paying { id: *id, effective: entry.effective, at_once });
                }
                takes_credit |= split.credit.is_negative();
            }
            Movement::Principal { credited, .. } => takes_credit |= credited.is_negative(),
            Movement::Fee { .. }
            | Movement::Refund { .. }
            | Movement::Rate(_)
            | Movement::Shift(_)
            | Movement::VehicleReturned { .. }
            | Movement::ChargeOff { .. } => {}
        }
    }
    paying
}

/// The day on which the bank is expected to have moved the money of a debit of ours: that of its
/// window, or the banking day after its run, if that was late by days. None for other channels.
pub(super) fn settles_on(payment: &Payment, context: &Context<'_>) -> Option<NaiveDate> {
    let schedule = payment.schedule.as_ref()?;
    let run_on = payment.applied_at.map(eastern_date);
    let late = run_on.filter(|run_on| *run_on > eastern_date(schedule.cutoff_at));
    let sent = late.map(|run_on| context.rules.calendar().next_banking_day(run_on));
    Some(sent.unwrap_or(schedule.origination_date))
}

/// The payoff's dates. Every payment whose funds may still come back holds the title, and gives the
/// law its time, not only the last: a wire of the rest does not make yesterday's debit good.
fn paid_off(open: &OpenAccount, context: &Context<'_>) -> AccountPaidOff {
    let paying = paying(open);
    let mut plans: Vec<ReleasePlan> = funds(open, context)
        .filter(|(id, _)| paying.iter().any(|payment| payment.id == *id))
        .map(|(_, plan)| plan)
        .collect();
    // The last payment that paid anything, or what came after it and settled the rest.
    let paid = paying.iter().filter(|payment| payment.at_once).map(|payment| payment.effective);
    let last_paid = paid.max();
    let paid_off_date =
        open.book.owes_nothing_since().max(last_paid).unwrap_or_else(|| context.today());
    if last_paid.is_none_or(|last_paid| last_paid < paid_off_date) {
        // What settles a rest without money is as good as money that cannot come back.
        let facts = told(Channel::Wire, paid_off_date);
        plans.push(context.rules.release_by(title_state(open), &facts));
    }
    let vehicle_kept =
        open.terms().purchase_option.is_some() && open.book.vehicle_bought().is_none();
    let latest = |date: fn(&ReleasePlan) -> NaiveDate| {
        plans.iter().map(date).fold(paid_off_date, NaiveDate::max)
    };
    let statutory_date = latest(|plan| plan.deadline);
    let in_time = context.rules.calendar().previous_banking_day(statutory_date);
    let held_until = latest(|plan| plan.hold_until).min(in_time);
    let release_date = latest(|plan| plan.release_by).max(held_until);
    AccountPaidOff { paid_off_date, release_date, statutory_date, vehicle_kept }
}
