//! Due dates that are moved: extensions and deferrals by whole months, or another day of the month.

use chrono::{Months, NaiveDate};

use super::book::Movement;
use super::draft::Draft;
use super::events::{DueDateChanged, Event, ExtensionGranted, ExtensionKind, Posting};
use super::instalments::Shift;
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::state::OpenAccount;
use super::terms::due_date_in;
use super::{Context, Decision, check_effective};

/// What is asked of an extension.
pub(super) struct Extension {
    pub(super) kind: ExtensionKind,
    pub(super) months: u32,
    pub(super) effective_date: NaiveDate,
    pub(super) allow_over_limit: bool,
}

/// Moves due dates by whole months from the first instalment on that is not met. Interest runs on,
/// and pending payments stay.
pub(super) fn extend(open: &OpenAccount, asked: &Extension, context: &Context<'_>) -> Decision {
    let Extension { kind, months, effective_date, allow_over_limit } = *asked;
    open.check_in_service()?;
    check_effective(open, effective_date, context)?;
    if !allow_over_limit {
        check_limits(open, asked, context)?;
    }
    let instalments = open.book.instalments();
    let from = instalments.covered_count(open.book.billed_by(effective_date));
    if from >= instalments.plan().count {
        return Err(Refusal::NoInstalmentLeft.into());
    }
    let by = i32::try_from(months).unwrap_or(i32::MAX);
    let shift = Shift { from, months: by, day_of_month: None };
    let (posting, next_due_date, maturity_date) = moved(open, shift, effective_date, context);
    let mut draft = Draft::new(open, context);
    draft.push(Event::ExtensionGranted(ExtensionGranted {
        kind,
        months,
        effective_date,
        from_instalment: from.saturating_add(1),
        next_due_date,
        maturity_date,
        posting,
    }));
    Ok(draft.conclude(None))
}

fn check_limits(
    open: &OpenAccount,
    asked: &Extension,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let policy = context.rules.extensions(open.terms().product, context.today());
    let months = asked.months;
    let year_ago = asked.effective_date.checked_sub_months(Months::new(12));
    let granted = |since: Option<NaiveDate>| {
        let counted = open.extensions.iter().filter(|(on, _)| since.is_none_or(|day| *on > day));
        counted.fold(months, |sum, (_, more)| sum.saturating_add(*more))
    };
    for (scope, months, limit) in [
        ("by one grant", months, policy.months_per_grant_max),
        ("within twelve months", granted(year_ago), policy.months_per_year_max),
        ("in the account's life", granted(None), policy.months_per_life_max),
    ] {
        if months > limit {
            let scope = scope.to_owned();
            return Err(Refusal::ExtensionLimit { scope, months, limit });
        }
    }
    Ok(())
}

/// Lets instalments fall due on another day of the month, from the next one on that is neither met
/// nor due: on the nearest such day, a tie going to the later. One odd period; interest simply
/// runs.
pub(super) fn change_due_date(
    open: &OpenAccount,
    day_of_month: u32,
    effective_date: NaiveDate,
    context: &Context<'_>,
) -> Decision {
    open.check_in_service()?;
    check_effective(open, effective_date, context)?;
    let instalments = open.book.instalments();
    let covered = instalments.covered_count(open.book.billed_by(effective_date));
    let from = covered.max(instalments.due_count(effective_date));
    if from >= instalments.plan().count {
        return Err(Refusal::NoInstalmentLeft.into());
    }
    if instalments.day_of_month(from) == day_of_month {
        return Ok(Vec::new());
    }
    let due = instalments.due_date(from);
    let before = from.checked_sub(1).map(|index| instalments.due_date(index));
    let limit = context.rules.extensions(open.terms().product, context.today()).due_date_days_max;
    let away = |date: NaiveDate| date.signed_duration_since(due).num_days().unsigned_abs();
    let nearest = [-1_i32, 0, 1]
        .into_iter()
        .map(|months| (months, due_date_in(due, i64::from(months), day_of_month)))
        .filter(|(_, date)| *date > effective_date && before.is_none_or(|day| *date > day))
        .filter(|(_, date)| away(*date) <= u64::from(limit))
        .min_by_key(|(_, date)| (away(*date), std::cmp::Reverse(*date)));
    let Some((months, _)) = nearest else {
        return Err(Refusal::DueDateTooFar { day_of_month, next_due_date: due, limit }.into());
    };
    let shift = Shift { from, months, day_of_month: Some(day_of_month) };
    let (posting, next_due_date, maturity_date) = moved(open, shift, effective_date, context);
    let mut draft = Draft::new(open, context);
    draft.push(Event::DueDateChanged(DueDateChanged {
        day_of_month,
        months,
        effective_date,
        from_instalment: from.saturating_add(1),
        next_due_date,
        maturity_date,
        posting,
    }));
    Ok(draft.conclude(None))
}

/// What moving due dates writes, the first new due date, and the last.
fn moved(
    open: &OpenAccount,
    shift: Shift,
    effective_date: NaiveDate,
    context: &Context<'_>,
) -> (Posting, NaiveDate, NaiveDate) {
    let entry = open.next_entry(effective_date, Movement::Shift(shift));
    let change = Change::with(&open.book, Subject::DueDates, entry, context.gl_date());
    let posting = restate(&open.book, change, context).posting;
    let mut instalments = open.book.instalments().clone();
    instalments.shift(shift);
    (posting, instalments.due_date(shift.from), instalments.maturity_date())
}
