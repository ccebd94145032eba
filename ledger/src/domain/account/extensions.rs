//! Due dates that are moved: extensions and deferrals by whole months, or another day of the month.

use chrono::{Months, NaiveDate};

use super::book::Movement;
use super::commands::GrantExtension;
use super::draft::Draft;
use super::events::{DueDateChanged, Event, ExtensionGranted, Posting};
use super::instalments::Shift;
use super::posting::{Change, Subject, restate};
use super::refusal::Refusal;
use super::state::OpenAccount;
use super::terms::due_date_in;
use super::{Context, Decision, check_effective};
use crate::domain::calendar::LAST_DATE;

/// Moves due dates by whole months from the first instalment on that is not met. Interest runs on,
/// and pending payments stay.
pub(super) fn extend(
    open: &OpenAccount,
    asked: &GrantExtension,
    context: &Context<'_>,
) -> Decision {
    let GrantExtension { kind, months, effective_date, allow_over_limit, .. } = *asked;
    open.check_in_service()?;
    check_effective(open, effective_date, context)?;
    open.check_vehicle_out()?;
    if !allow_over_limit {
        check_limits(open, asked, context)?;
    }
    let from = open.book.first_open(effective_date).ok_or(Refusal::NoInstalmentLeft)?;
    let by = i32::try_from(months).unwrap_or(i32::MAX);
    let shift = Shift { from, months: by, day_of_month: None };
    let (posting, next_due_date, maturity_date) = moved(open, shift, effective_date, context)?;
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
    asked: &GrantExtension,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let policy = context.rules.extensions(open.terms().product, context.today());
    let months = asked.months;
    let granted = |counts: &dyn Fn(NaiveDate) -> bool| {
        let counted = open.extensions.iter().filter(|(on, _)| counts(*on));
        counted.fold(months, |sum, (_, more)| sum.saturating_add(*more))
    };
    // Of all twelve months that this one falls into: it may come before others that are known.
    let on = asked.effective_date;
    let ends = open.extensions.iter().map(|(end, _)| *end).filter(|end| *end > on);
    let within_a_year = std::iter::once(on).chain(ends).filter_map(|end| {
        let start = end.checked_sub_months(Months::new(12)).filter(|start| *start < on)?;
        Some(granted(&|day| day > start && day <= end))
    });
    let in_a_year = within_a_year.max().unwrap_or(months);
    for (scope, months, limit) in [
        ("by one grant", months, policy.months_per_grant_max),
        ("within twelve months", in_a_year, policy.months_per_year_max),
        ("in the account's life", granted(&|_| true), policy.months_per_life_max),
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
    open.check_vehicle_out()?;
    if let Some(changed_date) = due_day_changed(open).filter(|day| *day > effective_date) {
        return Err(Refusal::DueDayChangedLater { effective_date, changed_date }.into());
    }
    // By the dates of that day: what moved them from a later day on still moves them.
    let instalments = open.book.instalments_as_of(effective_date);
    let first_open = open.book.first_open(effective_date).ok_or(Refusal::NoInstalmentLeft)?;
    let from = first_open.max(instalments.due_count(effective_date));
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
    let (posting, next_due_date, maturity_date) = moved(open, shift, effective_date, context)?;
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

/// The last day from which the due day was changed.
fn due_day_changed(open: &OpenAccount) -> Option<NaiveDate> {
    open.book.entries().iter().rev().find_map(|entry| {
        let Movement::Shift(shift) = &entry.what else { return None };
        shift.day_of_month.map(|_| entry.effective)
    })
}

/// What moving due dates writes, the first new due date, and the last, which must be a date that
/// can be told.
fn moved(
    open: &OpenAccount,
    shift: Shift,
    effective_date: NaiveDate,
    context: &Context<'_>,
) -> Result<(Posting, NaiveDate, NaiveDate), Refusal> {
    let entry = open.next_entry(effective_date, Movement::Shift(shift));
    let change = Change::with(&open.book, Subject::DueDates, entry, context.gl_date());
    let restated = restate(&open.book, change, context);
    let instalments = restated.after.instalments();
    let maturity_date = instalments.maturity_date();
    if maturity_date > LAST_DATE {
        return Err(Refusal::LastDueDateTooFar { latest_date: LAST_DATE });
    }
    Ok((restated.posting, instalments.due_date(shift.from), maturity_date))
}
