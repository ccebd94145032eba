//! Reading typed values out of rows.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use ledger::domain::cutoff::Window;
use ledger::domain::money::{Amount, Money};
use ledger::ids::PaymentId;
use rusqlite::Row;
use rusqlite::types::FromSqlError;
use uuid::Uuid;

use crate::columns::{self, parsed};

pub(super) type Found<T> = Result<T, rusqlite::Error>;

pub(super) fn word<T>(row: &Row<'_>, column: &str) -> Found<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    parsed(row.get_ref(column)?.as_str()?)
}

pub(super) fn maybe_word<T>(row: &Row<'_>, column: &str) -> Found<Option<T>>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str_or_null()?.map(parsed).transpose()
}

pub(super) fn money(row: &Row<'_>, column: &str) -> Found<Money> {
    row.get(column).map(Money::from_cents)
}

pub(super) fn maybe_money(row: &Row<'_>, column: &str) -> Found<Option<Money>> {
    let cents: Option<i64> = row.get(column)?;
    Ok(cents.map(Money::from_cents))
}

pub(super) fn amount(row: &Row<'_>, column: &str) -> Found<Amount> {
    let amount = columns::amount(row.get(column)?);
    Ok(amount.ok_or(FromSqlError::OutOfRange(0))?)
}

pub(super) fn date(row: &Row<'_>, column: &str) -> Found<NaiveDate> {
    row.get(column).map(columns::date)
}

pub(super) fn maybe_date(row: &Row<'_>, column: &str) -> Found<Option<NaiveDate>> {
    let day: Option<i64> = row.get(column)?;
    Ok(day.map(columns::date))
}

pub(super) fn maybe_instant(row: &Row<'_>, column: &str) -> Found<Option<DateTime<Utc>>> {
    let nanos: Option<i64> = row.get(column)?;
    Ok(nanos.map(columns::instant))
}

/// Minutes after midnight as the window that closes then.
pub(super) fn window_of(minutes: i64) -> Found<Window> {
    parsed(&format!("{:02}:{:02}", minutes.div_euclid(60), minutes.rem_euclid(60)))
}

pub(super) fn window(row: &Row<'_>, column: &str) -> Found<Window> {
    window_of(row.get(column)?)
}

pub(super) fn maybe_window(row: &Row<'_>, column: &str) -> Found<Option<Window>> {
    let minutes: Option<i64> = row.get(column)?;
    minutes.map(window_of).transpose()
}

pub(super) fn payment_id(row: &Row<'_>, column: &str) -> Found<PaymentId> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(PaymentId::from_uuid(Uuid::from_bytes(bytes)))
}

pub(super) fn maybe_uuid(row: &Row<'_>, column: &str) -> Found<Option<Uuid>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(Uuid::from_bytes))
}
