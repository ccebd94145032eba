//! What the columns hold: positions, days since 1970, nanoseconds since 1970, cents.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ledger::domain::money::{Amount, Money};
use ledger::envelope::Position;
use rusqlite::types::{FromSql, FromSqlError};
use rusqlite::{Row, Statement, ToSql};

/// The day that is stored as 0.
const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(1970, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// A position as a key. Total: no log reaches 2^63 events.
pub(crate) fn key(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

/// A key as a position.
pub(crate) fn position(key: i64) -> Position {
    Position(u64::try_from(key).unwrap_or_default())
}

/// How many, as it is stored or asked for. Nothing comes in so large a number.
pub(crate) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// A date as days since 1970-01-01.
pub(crate) fn day(date: NaiveDate) -> i64 {
    date.signed_duration_since(EPOCH).num_days()
}

/// Days since 1970-01-01 as a date.
pub(crate) fn date(day: i64) -> NaiveDate {
    TimeDelta::try_days(day).and_then(|days| EPOCH.checked_add_signed(days)).unwrap_or_default()
}

/// An instant as nanoseconds since 1970. Instants beyond the year 2262 are stored as its end.
pub(crate) fn nanos(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

/// Nanoseconds since 1970 as an instant.
pub(crate) fn instant(nanos: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(nanos)
}

/// An optional amount as cents.
pub(crate) fn cents(amount: Option<Amount>) -> Option<i64> {
    amount.map(|amount| amount.money().cents())
}

/// Cents as an amount; none if they are not above zero.
pub(crate) fn amount(cents: Option<i64>) -> Option<Amount> {
    cents.and_then(|cents| Money::from_cents(cents).amount())
}

/// A stored word or number as text, such as a product or a rate.
pub(crate) fn parsed<T>(text: &str) -> Result<T, rusqlite::Error>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    Ok(text.parse().map_err(|error| FromSqlError::Other(Box::new(error)))?)
}

/// A row's columns, one after the other: looking each up by its name costs more than reading it.
pub(crate) struct InOrder<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> InOrder<'a> {
    pub(crate) const fn of(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(crate) fn next<T: FromSql>(&mut self) -> Result<T, rusqlite::Error> {
        let value = self.row.get(self.next);
        self.next = self.next.saturating_add(1);
        value
    }

    /// The next column, which is a text.
    pub(crate) fn text(&mut self) -> Result<&'a str, rusqlite::Error> {
        let text = self.row.get_ref(self.next)?.as_str()?;
        self.next = self.next.saturating_add(1);
        Ok(text)
    }

    /// The next column, which is a word of a vocabulary.
    pub(crate) fn word<T>(&mut self) -> Result<T, rusqlite::Error>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        parsed(self.text()?)
    }
}

/// A statement's parameters, one after the other. Most of a payment's are null, and what is not
/// bound is.
pub(crate) struct Binding<'a, 'c> {
    statement: &'a mut Statement<'c>,
    next: usize,
}

impl<'a, 'c> Binding<'a, 'c> {
    /// All parameters are null.
    pub(crate) fn of(statement: &'a mut Statement<'c>) -> Self {
        statement.clear_bindings();
        Self { statement, next: 1 }
    }

    /// Binds the next parameter.
    pub(crate) fn next(&mut self, value: impl ToSql) -> Result<(), rusqlite::Error> {
        let place = self.next;
        self.next = place.saturating_add(1);
        self.statement.raw_bind_parameter(place, value)
    }

    /// Binds the next parameter if there is a value for it.
    pub(crate) fn maybe(&mut self, value: Option<impl ToSql>) -> Result<(), rusqlite::Error> {
        if let Some(value) = value {
            return self.next(value);
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }
}
