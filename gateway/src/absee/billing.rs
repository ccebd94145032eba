//! Which instalment is the oldest that is not met, at the end of each month.
//!
//! A filing gives the first payment as a month and the days past due; the day on which instalments
//! fall due is learnt from a month in which the loan was past due. What a filing says of a month is
//! used for the months after it only.

use chrono::{Datelike as _, Months, NaiveDate};
use ledger::domain::money::{Amount, Money};

use super::record::LoanMonth;

/// The instalments that are open at the end of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The due date of the oldest that is not met.
    pub first_due: NaiveDate,
    /// The day of the month on which they fall due.
    pub day_of_month: u32,
    /// Each of them.
    pub amount: Amount,
    /// What is left of the oldest, if part of it was paid.
    pub first_amount_due: Option<Amount>,
}

/// What is open, while months go by: the oldest due date, and what was paid towards it.
#[derive(Debug, Clone, Copy)]
struct Open {
    due: NaiveDate,
    paid: Money,
}

/// The position at the end of each of a loan's months; none where a month's instalment is not known
/// or nothing is owed.
pub fn positions(months: &[LoanMonth]) -> Vec<Option<Position>> {
    let day = due_day(months);
    let mut instalment = None;
    let mut open: Option<Open> = None;
    let mut before: Option<&LoanMonth> = None;
    let mut positions = Vec::with_capacity(months.len());
    for (index, month) in months.iter().enumerate() {
        if before.is_none_or(|before| !month.follows(before)) {
            open = None;
        }
        before = Some(month);
        instalment = own_instalment(month)
            .or(instalment)
            .or_else(|| months.get(index..).unwrap_or_default().iter().find_map(own_instalment));
        let each = instalment.or_else(|| month.next_due.and_then(Money::amount));
        open = each.filter(|_| !month.is_closed()).map(|each| {
            let carried = open.map(|open| after_payments(open, month, each, day));
            observed(carried, month, each, day)
        });
        positions.push(each.zip(open).map(|(amount, open)| Position {
            first_due: open.due,
            day_of_month: day,
            amount,
            first_amount_due: (amount.money() - open.paid).amount().filter(|rest| *rest < amount),
        }));
    }
    positions
}

fn own_instalment(month: &LoanMonth) -> Option<Amount> {
    month.scheduled_payment.and_then(Money::amount)
}

/// The day of the month on which instalments fall due: the one that most months past due show. A
/// loan that was never past due tells nothing, and could fall due on the last day.
fn due_day(months: &[LoanMonth]) -> u32 {
    let mut seen = [0_usize; 32];
    for month in months {
        let due =
            month.days_past_due.filter(|days| *days > 0).and_then(|days| due_since(month, days));
        let day = due.and_then(|due| usize::try_from(due.day()).ok());
        if let Some(count) = day.and_then(|day| seen.get_mut(day)) {
            *count = count.saturating_add(1);
        }
    }
    let best = seen.iter().enumerate().max_by_key(|(day, count)| (**count, *day));
    best.and_then(|(day, _)| u32::try_from(day).ok()).filter(|day| *day > 0).unwrap_or(31)
}

fn due_since(month: &LoanMonth, days: i64) -> Option<NaiveDate> {
    month.period_end.checked_sub_days(chrono::Days::new(u64::try_from(days).ok()?))
}

/// The due date some months after that of `from`'s month, on the anchor day or a shorter month's
/// last.
fn due_in(from: NaiveDate, months: u32, day: u32) -> NaiveDate {
    let first = from.with_day(1).unwrap_or(from);
    let month = first.checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX);
    (28..=day.min(31))
        .rev()
        .chain(std::iter::once(day))
        .find_map(|day| month.with_day(day))
        .unwrap_or(month)
}

/// What may be missing of an instalment that counts as met, as issuers count it: a tenth, rounded
/// down as the ledger rounds a tolerance.
fn tenth(each: Amount) -> Money {
    Money::from_cents(each.money().cents().div_euclid(10))
}

/// Moves on over every instalment that is met.
fn skip_met(mut open: Open, each: Amount, day: u32) -> Open {
    let tolerance = tenth(each);
    let each = each.money();
    for _ in 0..ledger::domain::account::terms::INSTALMENTS_MAX {
        if each - open.paid > tolerance {
            break;
        }
        open = Open { due: due_in(open.due, 1, day), paid: open.paid - each };
    }
    open
}

fn after_payments(open: Open, month: &LoanMonth, each: Amount, day: u32) -> Open {
    let extended = u32::try_from(month.extended_months).unwrap_or(0);
    let due = if extended > 0 { due_in(open.due, extended, day) } else { open.due };
    skip_met(Open { due, paid: open.paid + month.paid_on_loan() }, each, day)
}

/// What the month's own report says of its end, and what was carried where that agrees.
fn observed(carried: Option<Open>, month: &LoanMonth, each: Amount, day: u32) -> Open {
    let end = month.period_end;
    let next_period_end = due_in(end, 1, 31);
    match month.days_past_due {
        Some(days) if days > 0 => {
            let due = due_since(month, days).unwrap_or(end);
            let paid = month.next_due.and_then(|billed| {
                // Billed for the next period: all that falls due through its end and is not paid.
                let months = (0_u32..).take_while(|n| due_in(due, *n, day) <= next_period_end);
                let count = i64::try_from(months.count()).unwrap_or(i64::MAX);
                let whole = Money::from_cents(each.money().cents().saturating_mul(count));
                let paid = whole - billed;
                (paid >= -tenth(each) && paid < each.money() - tenth(each)).then_some(paid)
            });
            let same = carried.filter(|open| open.due == due).map(|open| open.paid);
            Open { due, paid: paid.or(same).unwrap_or_default() }
        }
        Some(_) => {
            let billed = next_due(month, each, day);
            match carried {
                // So little is billed that the next instalment counts as met.
                Some(open) if open.due >= end && is_small(month, each) => {
                    if open.due > billed.due {
                        open
                    } else {
                        billed
                    }
                }
                Some(open) if open.due >= end => open,
                Some(_) | None => billed,
            }
        }
        None => carried.unwrap_or_else(|| next_due(month, each, day)),
    }
}

fn is_small(month: &LoanMonth, each: Amount) -> bool {
    month.next_due.is_some_and(|billed| billed.is_positive() && billed <= tenth(each))
}

/// Current: the first due date after the month's end, less what its bill says was paid ahead.
fn next_due(month: &LoanMonth, each: Amount, day: u32) -> Open {
    let this_month = due_in(month.period_end, 0, day);
    let due =
        if this_month > month.period_end { this_month } else { due_in(month.period_end, 1, day) };
    let billed = month.next_due.unwrap_or(each.money());
    let paid = (each.money() - billed).at_least_zero().min(each.money());
    skip_met(Open { due, paid }, each, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::absee::reader::Reading;

    /// Months of one loan with an instalment of 300.00: end, days past due, billed next, paid,
    /// months extended.
    fn positions_of(rows: &[[&str; 5]]) -> Vec<(String, Option<String>)> {
        let heading = "assetNumber,reportingPeriodScheduledPaymentAmount,\
            reportingPeriodActualEndBalanceAmount,reportingPeriodEndingDate,\
            currentDelinquencyStatus,nextReportingPeriodPaymentAmountDue,totalActualAmountPaid,\
            paymentExtendedNumber";
        let rows = rows.iter().map(|row| format!("1,300,9000,{}", row.join(",")));
        let text: Vec<String> = std::iter::once(heading.to_owned()).chain(rows).collect();
        let text = text.join("\n");
        let mut reading = Reading::default();
        reading.add_stream("rows", text.as_bytes()).unwrap();
        assert_eq!(reading.rejected, []);
        let told = |position: Option<Position>| {
            let position = position.unwrap();
            let rest = position.first_amount_due.map(|rest| rest.to_string());
            (position.first_due.to_string(), rest)
        };
        positions(&reading.months).into_iter().map(told).collect()
    }

    #[test]
    fn the_day_is_learnt_from_a_month_past_due_and_what_is_billed_tells_a_part_payment() {
        let found = positions_of(&[
            ["03-31-2026", "0", "300", "300", ""],
            ["04-30-2026", "12", "600", "0", ""],
            ["05-31-2026", "13", "500", "400", "0"],
        ]);
        assert_eq!(found[0], ("2026-04-18".to_owned(), None));
        assert_eq!(found[1], ("2026-04-18".to_owned(), None));
        assert_eq!(found[2], ("2026-05-18".to_owned(), Some("200.00".to_owned())));
    }

    #[test]
    fn nine_tenths_are_enough_and_an_extension_moves_the_date() {
        let found = positions_of(&[
            ["04-30-2026", "12", "600", "0", ""],
            ["05-31-2026", "", "", "270", ""],
            ["06-30-2026", "", "", "0", "2"],
        ]);
        assert_eq!(found[1].0, "2026-05-18");
        assert_eq!(found[2].0, "2026-07-18");
    }
}
