//! What time alone does to an account that is past due: late fees, and interest income that is no
//! longer booked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::Context;
use super::book::{Book, Standing};
use super::draft::Draft;
use super::events::{Event, FeeKind, Reopened};
use super::fees::{self, Charge};
use super::instalments::Instalments;
use super::state::OpenAccount;
use super::terms::LateFee;
use crate::domain::money::{Amount, Money};
use crate::ids::FeeId;

/// Assesses the late fees that are due by today, and concludes what follows from them and from the
/// days past due. Nothing to do for an account that is paid off or charged off.
pub(super) fn age(open: &OpenAccount, context: &Context<'_>) -> Vec<Event> {
    if open.paid_off.is_some() || open.charged_off.is_some() {
        return Vec::new();
    }
    let today = context.today();
    let mut draft = Draft::new(open, context);
    // One after the other: a fee may change what later payments satisfied.
    while let Some((index, late)) = late_fee(&draft.account, today) {
        let number = index.saturating_add(1);
        let owed = Charge {
            fee: FeeId::of_instalment(context.account, context.request, number),
            kind: FeeKind::Late,
            amount: late.amount,
            on: late.on,
            payment: None,
            instalment: Some(number),
        };
        let charged = fees::charge(&draft.account, owed, context);
        draft.push(charged);
    }
    draft.conclude(None)
}

/// Since when no interest income is to be booked, as the account is known now. None while it is.
/// One that is charged off earns nothing that could stop.
pub(super) fn not_accruing_since(open: &OpenAccount, context: &Context<'_>) -> Option<NaiveDate> {
    let today = context.today();
    if open.standing(today).days_past_due() == 0 {
        return None;
    }
    match open.charged_off {
        Some(_) => open.book.non_accrual_since(),
        None => open.book.stopped_since(today, context.rules),
    }
}

/// A late fee as the account is known now.
struct Late {
    on: NaiveDate,
    amount: Amount,
}

/// The last day on which the instalment is in time. None if it never costs a late fee.
fn last_grace_day(
    open: &OpenAccount,
    instalments: &Instalments,
    index: u32,
    grace_days: u16,
) -> Option<NaiveDate> {
    let due = instalments.due_date(index);
    let number = index.saturating_add(1);
    let mut reopened = open.reopened.iter().rev().map(|(_, reopened)| reopened);
    let from = match reopened.find(|reopened| reopened.instalment == number) {
        None => due,
        Some(reopened) => reopened.grace_from?.max(due),
    };
    from.checked_add_days(Days::new(grace_days.into()))
}

/// The first fee, with its instalment from 0, that is due by `today` and was not charged: an
/// instalment is late when it was not met at the close of its last day of grace, whatever was paid
/// since.
fn late_fee(open: &OpenAccount, today: NaiveDate) -> Option<(u32, Late)> {
    let rule = open.terms().late_fee?;
    let instalments = open.book.instalments();
    let mut due = (0..instalments.due_count(today)).filter(|index| !was_charged(open, *index));
    due.find_map(|index| {
        let last = last_grace_day(open, instalments, index, rule.grace_days)?;
        let in_reach = last >= open.terms().opened_date && last < today;
        if !in_reach {
            return None;
        }
        let amount = rule.of(missing(&open.standing(last), instalments, index)?)?;
        Some((index, Late { on: last.succ_opt()?, amount }))
    })
}

/// Once per instalment.
fn was_charged(open: &OpenAccount, index: u32) -> bool {
    let number = Some(index.saturating_add(1));
    open.fees.values().any(|fee| fee.instalment == number && fee.stands())
}

/// The oldest late fee that is more than is right, and what is: nothing if the instalment was in
/// time after all, less if more of it was paid then. The money, or the extension, counts from
/// before the fee.
pub(super) fn wrongly_late(open: &OpenAccount) -> Option<(FeeId, Option<Amount>)> {
    let rule = open.terms().late_fee?;
    let late = open.fees.iter().filter(|(_, fee)| fee.waived.is_none());
    let wrong = late.filter_map(|(id, fee)| {
        let right = right_late_fee(open, rule, fee.effective_date, fee.instalment?);
        (right < Some(fee.amount)).then_some((fee.effective_date, *id, right))
    });
    wrong.min_by_key(|(on, id, _)| (*on, *id)).map(|(_, id, right)| (id, right))
}

/// What a late fee of that day for the instalment of that number, from 1, comes to as the account
/// is known now.
pub(super) fn right_late_fee(
    open: &OpenAccount,
    rule: LateFee,
    on: NaiveDate,
    number: u32,
) -> Option<Amount> {
    let index = number.saturating_sub(1);
    let eve = on.pred_opt()?;
    let instalments = open.book.instalments_as_of(eve);
    let grace = Days::new(rule.grace_days.into());
    let not_yet = instalments.due_date(index).checked_add_days(grace).is_none_or(|last| last >= on);
    // The leased vehicle had come back before it fell due.
    let never_due = index >= instalments.count();
    if not_yet || never_due {
        return None;
    }
    rule.of(missing(&open.standing(eve), &instalments, index)?)
}

/// What makes an instalment that has fallen due, from 0, late at the close of a day: what is unpaid
/// of it, and owed. None if that is within the contract's tolerance.
fn missing(standing: &Standing, instalments: &Instalments, index: u32) -> Option<Money> {
    let met = standing.oldest_unpaid_due_date.is_none()
        || instalments.covered_count(standing.billed) > index;
    let unpaid = standing.unpaid_of(instalments.plan(), index);
    (!met && unpaid > instalments.tolerance()).then_some(unpaid)
}

/// The instalments that a payment's return on `today` opens again, or leaves met by later money
/// only; after a payoff all of them, since nothing was due while nothing was owed. Their grace
/// starts anew on that day. If the customer is not to blame, those that were due by then never cost
/// a late fee; one that falls due after it is late by itself if it is not paid. What was met after
/// that day is not the return's doing.
pub(super) fn reopened(
    before: &Book,
    after: &Book,
    today: NaiveDate,
    blameless: bool,
) -> Vec<Reopened> {
    let (met_before, met_after) = (before.met_on(), after.met_on());
    let unpaid = before.instalments().covered_count(Money::ZERO);
    let by = |met: &BTreeMap<NaiveDate, u32>, day: &NaiveDate| {
        met.range(..=*day).next_back().map_or(unpaid, |(_, count)| *count)
    };
    let days = met_before.keys().chain(met_after.keys()).filter(|day| **day <= today);
    let open: BTreeSet<u32> =
        days.flat_map(|day| by(&met_after, day)..by(&met_before, day)).collect();
    let due = after.instalments().due_count(today);
    let reopened = |index: u32| {
        let excused = blameless && index < due;
        let grace_from = (!excused).then_some(today);
        Reopened { instalment: index.saturating_add(1), grace_from }
    };
    open.into_iter().map(reopened).collect()
}
