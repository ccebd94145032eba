//! The columns of the account table, and its statements.

use std::fmt::Write as _;
use std::sync::LazyLock;

use chrono::{Datelike as _, NaiveDate};
use ledger::domain::account::events::AccountPaidOff;
use ledger::domain::account::instalments::{Instalments, Shift};
use ledger::domain::account::terms::{InstalmentPlan, LateCharge};
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::Money;
use rusqlite::Row;
use rusqlite::types::FromSqlError;

use super::row::{AccountRow, Opened};
use crate::columns::{Binding, InOrder, amount, cents, date, day};
use crate::schema::ledger_columns;

/// The columns that change over time, after those of the general ledger.
const CHANGING: [&str; 14] = [
    "accrued_through_day",
    "billed_cents",
    "annual_rate",
    "rate_day",
    "shifts",
    "charged_off_cents",
    "charged_off_day",
    "vehicle_returned_day",
    "rentals_due_count",
    "non_accrual_day",
    "late_after_all_day",
    "paid_off_day",
    "release_day",
    "statutory_day",
];

/// What follows from other columns, behind [`CHANGING`]: nothing is loaded from it.
const DERIVED: [&str; 4] =
    ["oldest_unpaid_due_day", "next_due_day", "maturity_day", "due_segments"];

/// The columns that are written once.
const FIXED: [&str; 25] = [
    "account_key",
    "account_id",
    "product",
    "currency",
    "opened_day",
    "opening_annual_rate",
    "day_count",
    "interest_paid_through_day",
    "interest_carry",
    "opening_principal_cents",
    "instalment_cents",
    "instalment_tax_cents",
    "first_due_day",
    "due_day_of_month",
    "instalment_count",
    "first_instalment_cents",
    "shortfall_tolerance_cents",
    "returned_item_fee_cents",
    "late_fee_grace_days",
    "late_fee_cents",
    "late_fee_rate",
    "late_fee_maximum_cents",
    "governing_state",
    "residual_cents",
    "sales_tax_rate",
];

/// The columns that are written whenever one of them has changed.
fn changing_columns() -> Vec<String> {
    let ledger = ledger_columns(",", str::to_owned);
    let others = CHANGING.iter().chain(&DERIVED).copied();
    ledger.split(',').chain(others).map(str::to_owned).collect()
}

pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = [changing_columns(), FIXED.map(str::to_owned).to_vec()].concat();
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    format!("INSERT INTO account ({}) VALUES ({})", columns.join(", "), places.join(", "))
});

pub(super) static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let mut sql = "UPDATE account SET ".to_owned();
    let columns = changing_columns();
    for (column, place) in columns.iter().zip(1_u32..) {
        let comma = if place == 1 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(sql, "{comma}{column} = ?{place}");
    }
    let _ = write!(sql, " WHERE account_key = ?{}", columns.len().saturating_add(1));
    sql
});

/// Writes down where an account's last event is; most events of an account change nothing else.
pub(super) const MOVE: &str =
    "INSERT OR REPLACE INTO account_position (account_key, last_position) VALUES (?1, ?2)";

/// The columns of [`FIXED`] that [`load`] reads, in its order.
const LOADED: [&str; 11] = [
    "account_key",
    "product",
    "instalment_cents",
    "instalment_tax_cents",
    "first_due_day",
    "due_day_of_month",
    "instalment_count",
    "first_instalment_cents",
    "shortfall_tolerance_cents",
    "late_fee_grace_days",
    "residual_cents",
];

/// Reads a row for [`load`]: [`LOADED`], the general ledger, [`CHANGING`], then its position.
pub(super) static SELECT: LazyLock<String> = LazyLock::new(|| {
    let ledger = ledger_columns(", ", str::to_owned);
    let (fixed, changing) = (LOADED.join(", "), CHANGING.join(", "));
    format!(
        "SELECT {fixed}, {ledger}, {changing}, last_position \
         FROM account JOIN account_position USING (account_key) WHERE account_id = ?1"
    )
});

/// Binds what changes over time: the general ledger, then in the order of [`CHANGING`] and
/// [`DERIVED`].
pub(super) fn bind_changing(
    row: &AccountRow,
    to: &mut Binding<'_, '_>,
) -> Result<(), rusqlite::Error> {
    let (oldest, next) = row.due_dates();
    let paid_off = row.paid_off.as_ref();
    // No date of release where the vehicle stays the lessor's.
    let released = paid_off.filter(|paid_off| !paid_off.vehicle_kept);
    for balance in &row.ledger {
        to.next(balance.cents())?;
    }
    to.next(day(row.accrued_through))?;
    to.next(row.billed.cents())?;
    to.next(row.rate.to_string())?;
    to.next(day(row.rate_from))?;
    to.maybe(shifts_text(row.instalments.shifts()))?;
    to.next(row.charged_off_total.cents())?;
    to.maybe(row.charged_off.map(day))?;
    to.maybe(row.vehicle_returned.map(|(returned, _)| day(returned)))?;
    to.maybe(row.vehicle_returned.map(|(_, due)| due))?;
    to.maybe(row.non_accrual.map(day))?;
    to.maybe(row.late_after_all.map(day))?;
    to.maybe(paid_off.map(|paid_off| day(paid_off.paid_off_date)))?;
    to.maybe(released.map(|paid_off| day(paid_off.release_date)))?;
    to.maybe(released.map(|paid_off| day(paid_off.statutory_date)))?;
    to.maybe(oldest.map(day))?;
    to.maybe(next.map(day))?;
    to.next(day(row.instalments.maturity_date()))?;
    to.maybe(segments_text(&row.instalments))
}

/// Binds what is written once, in the order of [`FIXED`].
pub(super) fn bind_fixed(
    Opened { id, terms }: &Opened,
    row: &AccountRow,
    to: &mut Binding<'_, '_>,
) -> Result<(), rusqlite::Error> {
    let plan = &terms.instalments;
    let late_fee = terms.late_fee;
    let option = terms.purchase_option;
    let (late_amount, late_rate) = match late_fee.map(|fee| fee.charge) {
        None => (None, None),
        Some(LateCharge::Amount(amount)) => (Some(amount), None),
        Some(LateCharge::Rate(rate)) => (None, Some(rate.to_string())),
    };
    to.next(row.key)?;
    to.next(id.as_str())?;
    to.next(terms.product.as_str())?;
    to.next(terms.currency.code())?;
    to.next(day(terms.opened_date))?;
    to.next(terms.annual_rate.to_string())?;
    to.next(terms.day_count.as_str())?;
    to.next(day(terms.interest_paid_through))?;
    to.next(terms.interest_carry.to_string())?;
    to.next(terms.principal.cents())?;
    to.next(plan.amount.money().cents())?;
    to.next(plan.tax.cents())?;
    to.next(day(plan.first_due_date))?;
    to.next(plan.day_of_month)?;
    to.next(plan.count)?;
    to.maybe(cents(plan.first_amount_due))?;
    to.next(row.instalments.tolerance().cents())?;
    to.maybe(cents(terms.returned_item_fee))?;
    to.maybe(late_fee.map(|fee| fee.grace_days))?;
    to.maybe(cents(late_amount))?;
    to.maybe(late_rate)?;
    to.maybe(cents(late_fee.and_then(|fee| fee.maximum)))?;
    to.maybe(terms.governing_state.map(|state| state.to_string()))?;
    to.maybe(cents(option.map(|option| option.residual)))?;
    to.maybe(option.map(|option| option.sales_tax_rate.to_string()))
}

/// What was shifted, as JSON: the first instalment from 0, months, and the new day if it changes.
fn shifts_text(shifts: impl Iterator<Item = Shift>) -> Option<String> {
    let stored: Vec<_> =
        shifts.map(|shift| (shift.from, shift.months, shift.day_of_month)).collect();
    (!stored.is_empty()).then(|| serde_json::json!(stored).to_string())
}

/// When instalments fall due that do not follow the contract any more, as JSON: of each stretch
/// without a shift in it the first instalment from 0, the one after the last, the month in which
/// the account's first would have been due, counted from the year 0, and the anchor day.
fn segments_text(instalments: &Instalments) -> Option<String> {
    let count = instalments.count();
    let mut starts: Vec<u32> = instalments.shifts().map(|shift| shift.from).collect();
    if starts.is_empty() && count == instalments.plan().count {
        return None;
    }
    starts.push(0);
    starts.retain(|start| *start < count);
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([count]);
    let segment = |(start, end): (&u32, u32)| {
        let due = instalments.due_date(*start);
        let months = i64::from(due.year()).saturating_mul(12).saturating_add(due.month().into());
        let month = months.saturating_sub(i64::from(*start));
        (*start, end, month, instalments.day_of_month(*start))
    };
    let segments: Vec<_> = starts.iter().zip(ends).map(segment).collect();
    Some(serde_json::json!(segments).to_string())
}

fn shifts_from(text: Option<String>) -> Result<Vec<Shift>, rusqlite::Error> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let stored: Vec<(u32, i32, Option<u32>)> =
        serde_json::from_str(&text).map_err(|error| FromSqlError::Other(Box::new(error)))?;
    let shift = |(from, months, day_of_month)| Shift { from, months, day_of_month };
    Ok(stored.into_iter().map(shift).collect())
}

/// Reads a row of [`SELECT`], and the position of its account's last event.
pub(super) fn load(row: &Row<'_>) -> Result<(AccountRow, i64), rusqlite::Error> {
    let mut columns = InOrder::of(row);
    let columns = &mut columns;
    let (key, product) = (columns.next()?, columns.word()?);
    let plan = InstalmentPlan {
        amount: amount(columns.next()?).ok_or(FromSqlError::InvalidType)?,
        tax: Money::from_cents(columns.next()?),
        first_due_date: date(columns.next()?),
        day_of_month: columns.next()?,
        count: columns.next()?,
        first_amount_due: amount(columns.next()?),
    };
    let tolerance = Money::from_cents(columns.next()?);
    let mut row = AccountRow {
        key,
        product,
        opened: None,
        grace_days: columns.next()?,
        has_residual: columns.next::<Option<i64>>()?.is_some(),
        ledger: LedgerAccount::ALL
            .iter()
            .map(|_| columns.next().map(Money::from_cents))
            .collect::<Result<_, _>>()?,
        accrued_through: date(columns.next()?),
        billed: Money::from_cents(columns.next()?),
        rate: columns.word()?,
        rate_from: date(columns.next()?),
        instalments: Instalments::shifted(plan, tolerance, shifts_from(columns.next()?)?),
        charged_off_total: Money::from_cents(columns.next()?),
        charged_off: maybe_date(columns)?,
        vehicle_returned: vehicle_returned(columns)?,
        non_accrual: maybe_date(columns)?,
        late_after_all: maybe_date(columns)?,
        paid_off: paid_off(columns)?,
    };
    let last_position = columns.next()?;
    if let Some((_, due)) = row.vehicle_returned {
        row.instalments.end(due);
    }
    Ok((row, last_position))
}

fn vehicle_returned(
    columns: &mut InOrder<'_>,
) -> Result<Option<(NaiveDate, u32)>, rusqlite::Error> {
    let (returned, due) = (maybe_date(columns)?, columns.next::<Option<u32>>()?);
    Ok(returned.zip(due))
}

fn maybe_date(columns: &mut InOrder<'_>) -> Result<Option<NaiveDate>, rusqlite::Error> {
    Ok(columns.next::<Option<i64>>()?.map(date))
}

fn paid_off(columns: &mut InOrder<'_>) -> Result<Option<AccountPaidOff>, rusqlite::Error> {
    let (since, release) = (maybe_date(columns)?, maybe_date(columns)?);
    let statutory = maybe_date(columns)?;
    Ok(since.map(|paid_off_date| AccountPaidOff {
        paid_off_date,
        release_date: release.unwrap_or(paid_off_date),
        statutory_date: statutory.unwrap_or(paid_off_date),
        vehicle_kept: release.is_none(),
    }))
}
