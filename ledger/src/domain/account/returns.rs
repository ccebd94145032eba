//! Payments that come back, and come back good: undone or restored from their own effective date.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::aging::{reopened, right_late_fee};
use super::book::{Book, Movement};
use super::draft::Draft;
use super::events::{
    Event, FeeKind, LeftOpen, PaymentReinstated, PaymentReturned, Reopened, Split, WaiveReason,
};
use super::fees::{self, Charge};
use super::payoff;
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::settlement::{Bank, bank_leg};
use super::state::{Fee, OpenAccount, Payment, Progress};
use super::{Context, Decision};
use crate::domain::cutoff::eastern_date;
use crate::domain::money::Amount;
use crate::domain::rulebook::{ReturnAction, ReturnCode, ReturnRule};
use crate::ids::{FeeId, PaymentId};

/// Undoes a payment as of its effective date: its postings mirrored, later payments allocated anew,
/// the instalments that it had met open again, the late fees charged again that it had undone, and
/// the contract's returned-item fee where the return code allows one. If the bank had the money, it
/// takes it today.
pub(super) fn take_back(
    open: &OpenAccount,
    id: PaymentId,
    return_code: &str,
    context: &Context<'_>,
) -> Decision {
    let payment = open.payment(id)?;
    payment.check_applied()?;
    let today = context.today();
    let action = action_of(payment, return_code, today, context);
    if !action.reverses_payment() {
        let return_code = return_code.to_owned();
        return Err(Refusal::ReturnCodeNotForPayment { return_code }.into());
    }
    let paid = payment.split.unwrap_or_default();
    let subject = Subject::PaymentOut(payment.channel, paid);
    let is_it = |what: &Movement| what.is_payment(id);
    let change = Change::without(&open.book, subject, is_it, payment.effective_date, context);
    let mut restated = restate(&open.book, change, context);
    restated.posting.lines.extend(bank_leg(payment, Bank::Takes, context));
    let blameless = action.excuses_lateness();
    let mut draft = Draft::new(open, context);
    draft.push(Event::PaymentReturned(PaymentReturned {
        payment: id,
        return_code: return_code.to_owned(),
        effective_date: payment.effective_date,
        return_due_date: missed(payment, return_code, context),
        reopened: reopened(&open.book, &restated.after, today, blameless),
        posting: restated.posting,
    }));
    draft.note_payoff(Some(id));
    if let Some(amount) = returned_item_fee(open, payment, action, context) {
        let owed = Charge {
            fee: FeeId::derived(context.account, context.request),
            kind: FeeKind::ReturnedItem,
            amount,
            on: today,
            payment: Some(id),
            instalment: None,
        };
        let charged = fees::charge(&draft.account, owed, context);
        draft.push(charged);
    }
    charge_late_again(&mut draft, open, payment.since, context);
    // A credit balance may have kept the account paid off, and may not cover the fee too.
    Ok(draft.conclude(Some(id)))
}

/// What is done about a return. A code of no known form is no reason to keep the money, nor to
/// charge for it. With a contest of our dishonour the bank takes the money again: what is done is
/// what the return before it asked for.
fn action_of(
    payment: &Payment,
    return_code: &str,
    on: NaiveDate,
    context: &Context<'_>,
) -> ReturnAction {
    let action =
        |code: &str| rule_of(code, on, context).map_or(ReturnAction::Exception, |rule| rule.action);
    let contests = rule_of(return_code, on, context).is_some_and(ReturnRule::contests);
    let earlier = payment.return_codes.iter().rev().filter(|_| contests);
    let contested = earlier.map(|code| action(code)).find(|action| action.reverses_payment());
    contested.unwrap_or_else(|| action(return_code))
}

/// What a return code stands for; none of a code of no known form.
fn rule_of<'a>(code: &str, on: NaiveDate, context: &Context<'a>) -> Option<&'a ReturnRule> {
    let code = code.parse::<ReturnCode>().ok()?;
    Some(context.rules.return_rule(code, on))
}

/// The banking day by whose opening the customer's bank had to send back a debit of ours, if that
/// is missed today. Our bank may take a banking day more to pass the return on, which is not the
/// other one's delay (domain rule 3.1). Not of a contest, whose time runs from the dishonour, nor
/// of what others debited or sent: that is between them and their banks.
fn missed(payment: &Payment, return_code: &str, context: &Context<'_>) -> Option<NaiveDate> {
    let expected = payoff::settles_on(payment, context)?;
    let settled_on = payment.settlement.map_or(expected, |settlement| settlement.date);
    let today = context.today();
    let rule = rule_of(return_code, today, context).filter(|rule| !rule.contests())?;
    let calendar = context.rules.calendar();
    let due = rule.limit.due(settled_on, calendar)?;
    (today > calendar.next_banking_day(due)).then_some(due)
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
    let charged = open.fees.values().any(|fee| fee.payment == Some(payment.id) && fee.stands());
    if charged || open.charged_off.is_some() {
        return None;
    }
    let cap = terms.governing_state.and_then(|state| {
        context.rules.returned_item_fee_cap(state, payment.amount, context.today())
    });
    Some(cap.map_or(fee, |cap| fee.min(cap)))
}

/// Charges late fees again that had been charged before a payment came, at `since` movements, and
/// were taken back as its date was before theirs: with the payment that is undone, too. The return
/// gives rise to none of them, so that it is no matter who is to blame for it. `before` is the
/// account with the payment.
fn charge_late_again(
    draft: &mut Draft<'_>,
    before: &OpenAccount,
    since: u64,
    context: &Context<'_>,
) {
    let undone = before.fees.values().filter(|fee| !fee.stands() && fee.since < since);
    let instalments: BTreeSet<u32> = undone.filter_map(|fee| fee.instalment).collect();
    // One after the other: a fee may change what later payments satisfied.
    for number in instalments {
        let again = late_again((before, &draft.account), since, number);
        let Some((on, amount)) = again else { continue };
        if let Some(lower) = standing_fee(before, number) {
            let reason = WaiveReason::Corrected;
            let waived = fees::take_back(&draft.account, lower, reason, context);
            draft.push(waived);
        }
        let owed = Charge {
            fee: FeeId::of_instalment(context.account, context.request, number),
            kind: FeeKind::Late,
            amount,
            on,
            payment: None,
            instalment: Some(number),
        };
        let charged = fees::charge(&draft.account, owed, context);
        draft.push(charged);
    }
}

/// The late fee for an instalment that was charged before there were `since` movements, was taken
/// back, and is right again without the payment: its day, and what is right of it. None if it is no
/// more than what stands for the instalment, if somebody waived that, or if it was right with the
/// payment, too: then it was undone by something else.
fn late_again(
    (before, after): (&OpenAccount, &OpenAccount),
    since: u64,
    number: u32,
) -> Option<(NaiveDate, Amount)> {
    let rule = before.terms().late_fee?;
    let standing = standing_fee(before, number).map(|(_, fee)| fee);
    let charged = standing.map(|fee| fee.amount);
    if standing.is_some_and(|fee| fee.waived.is_some()) {
        return None;
    }
    let of_it = |fee: &&Fee| fee.instalment == Some(number) && !fee.stands() && fee.since < since;
    let right = before.fees.values().filter(of_it).filter_map(|fee| {
        let right = |open| {
            let right = right_late_fee(open, rule, fee.effective_date, number);
            right.map(|right| right.min(fee.amount))
        };
        let again = right(after).filter(|_| right(before) <= charged)?;
        (Some(again) > charged).then_some((again, Reverse(fee.effective_date)))
    });
    right.max().map(|(amount, Reverse(on))| (on, amount))
}

/// The late fee that keeps another from being charged for an instalment.
fn standing_fee(open: &OpenAccount, number: u32) -> Option<(FeeId, &Fee)> {
    let mut of_it = open.fees.iter().filter(|(_, fee)| fee.instalment == Some(number));
    of_it.find(|(_, fee)| fee.stands()).map(|(id, fee)| (*id, fee))
}

/// Restores a returned payment as of its effective date, and takes back the fee that its return had
/// cost. If the bank had the money before, it has it again today.
pub(super) fn reinstate(open: &OpenAccount, id: PaymentId, context: &Context<'_>) -> Decision {
    let payment = open.payment(id)?;
    if !matches!(payment.progress, Progress::Returned { .. }) {
        let state = payment.progress.name().to_owned();
        return Err(Refusal::NotReturned { payment: id, state }.into());
    }
    let mut draft = Draft::new(open, context);
    for (fee, charged) in &open.fees {
        if charged.payment == Some(id) && charged.waived.is_none() {
            let reason = WaiveReason::Corrected;
            let waived = fees::take_back(&draft.account, (*fee, charged), reason, context);
            draft.push(waived);
        }
    }
    let entry = payment.entry(Split::default());
    let subject = Subject::PaymentIn(id, payment.channel);
    let change = Change::with(&draft.account.book, subject, entry, context.gl_date());
    let mut restated = restate(&draft.account.book, change, context);
    restated.posting.lines.extend(bank_leg(payment, Bank::Gives, context));
    draft.push(Event::PaymentReinstated(PaymentReinstated {
        payment: id,
        effective_date: payment.effective_date,
        split: restated.split,
        reopened: left_open(open, payment, restated.after, context),
        posting: restated.posting,
    }));
    Ok(draft.conclude(Some(id)))
}

/// What the returns after that of `payment` open, now that it is good in `after`. They had named
/// what they opened while it was gone: their money met other instalments then.
fn left_open(
    open: &OpenAccount,
    payment: &Payment,
    after: Book,
    context: &Context<'_>,
) -> Vec<LeftOpen> {
    let returned_at = |payment: &Payment| match &payment.progress {
        Progress::Returned { at, return_code, .. } => Some((*at, return_code.clone())),
        Progress::Scheduled | Progress::Cancelled { .. } | Progress::Applied => None,
    };
    let Some((gone_at, _)) = returned_at(payment) else { return Vec::new() };
    let others = open.payments.values().filter(|other| other.id != payment.id);
    let mut later: Vec<_> = others
        .filter_map(|other| Some((returned_at(other)?, other)))
        .filter(|((at, _), _)| *at >= gone_at)
        .collect();
    // The last that came back is the first to be put back.
    later.sort_by_key(|((at, _), other)| Reverse((*at, other.order)));
    let mut without = after;
    let mut found = Vec::new();
    for ((at, return_code), other) in later {
        let mut entries = without.entries().to_vec();
        entries.push(other.entry(Split::default()));
        let mut with = without.with_entries(entries);
        with.reallocate(other.effective_date, context.rules);
        let on = eastern_date(at);
        let blameless = action_of(other, &return_code, on, context).excuses_lateness();
        let opened = reopened(&with, &without, on, blameless);
        let named = |it: Reopened| LeftOpen {
            payment: other.id,
            instalment: it.instalment,
            grace_from: it.grace_from,
        };
        found.push(opened.into_iter().map(named).collect::<Vec<_>>());
        without = with;
    }
    // In the order in which they came back: the last word counts.
    found.into_iter().rev().flatten().collect()
}
