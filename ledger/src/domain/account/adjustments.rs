//! Corrections of the contract's rate and of principal, as of a date.

use chrono::NaiveDate;

use super::book::Movement;
use super::draft::Draft;
use super::events::{Event, PrincipalAdjusted, RateChanged};
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::state::OpenAccount;
use super::{Context, Decision, check_effective};
use crate::domain::money::{Money, Rate};
use crate::ids::AdjustmentId;

/// Sets another rate; what was earned from that day on is counted anew. Nothing to do if it is the
/// rate already.
pub(super) fn change_rate(
    open: &OpenAccount,
    annual_rate: Rate,
    effective_date: NaiveDate,
    context: &Context<'_>,
) -> Decision {
    open.check_has_principal()?;
    open.check_in_service()?;
    check_effective(open, effective_date, context)?;
    if open.book.rate_on(effective_date) == annual_rate {
        return Ok(Vec::new());
    }
    let entry = open.next_entry(effective_date, Movement::Rate(annual_rate));
    let change = Change::with(&open.book, Subject::Rate, entry, context.gl_date());
    let posting = restate(&open.book, change, context).posting;
    let mut draft = Draft::new(open, context);
    draft.push(Event::RateChanged(RateChanged { annual_rate, effective_date, posting }));
    Ok(draft.conclude(None))
}

/// Adds to principal, or takes off it, without a payment. What is added takes a credit balance
/// first.
pub(super) fn adjust_principal(
    open: &OpenAccount,
    change: Money,
    reason: &str,
    effective_date: NaiveDate,
    context: &Context<'_>,
) -> Decision {
    open.check_has_principal()?;
    check_effective(open, effective_date, context)?;
    if let Some(charged_off_date) = open.charged_off {
        return Err(Refusal::AccountChargedOff { charged_off_date }.into());
    }
    let principal = open.standing(effective_date).principal;
    if let Some(amount) = (-change).amount().filter(|amount| amount.money() > principal) {
        return Err(Refusal::PrincipalExceeded { amount, principal }.into());
    }
    let adjustment = AdjustmentId::derived(context.account, context.request);
    let what = Movement::Principal { id: adjustment, change, credited: Money::ZERO };
    let entry = open.next_entry(effective_date, what);
    let subject = Subject::Principal(adjustment, change);
    let moved = Change::with(&open.book, subject, entry, context.gl_date());
    let restated = restate(&open.book, moved, context);
    let mut draft = Draft::new(open, context);
    let reason = reason.to_owned();
    draft.push(Event::PrincipalAdjusted(PrincipalAdjusted {
        adjustment,
        change,
        credited: restated.credited,
        reason,
        effective_date,
        posting: restated.posting,
    }));
    Ok(draft.conclude(None))
}
