//! How many of the debits that were originated came back, as the view `return_rates` has it.

use std::sync::LazyLock;

use chrono::NaiveDate;
use ledger::domain::money::Rate;
use ledger::domain::rulebook::ReturnClass;
use rusqlite::types::FromSqlError;
use rusqlite::{Row, params};

use super::row::{Found, word};
use crate::Reader;
use crate::columns::day;
use crate::schema::{AS_OF_DAY, select_return_rates};

/// Over which days returns and debits are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReturnPeriod {
    /// So many days, the last of them the one that is asked about.
    RollingDays,
    /// So many whole calendar months, the last of them ended by then.
    CalendarMonths,
}

impl ReturnPeriod {
    /// The name in the view.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RollingDays => "rolling_days",
            Self::CalendarMonths => "calendar_months",
        }
    }

    fn named(name: &str) -> Found<Self> {
        let period = [Self::RollingDays, Self::CalendarMonths];
        let period = period.into_iter().find(|period| period.as_str() == name);
        Ok(period.ok_or(FromSqlError::InvalidType)?)
    }
}

/// The rate of one class of returns over one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnRateRow {
    /// The day that is asked about.
    pub as_of_date: NaiveDate,
    /// Which period.
    pub period: ReturnPeriod,
    /// Its first day.
    pub from_date: NaiveDate,
    /// Its last day.
    pub through_date: NaiveDate,
    /// Which returns.
    pub class: ReturnClass,
    /// How many debits were originated in the period.
    pub debits: i64,
    /// How many returns were posted in it.
    pub returns: i64,
    /// Returns over debits as a decimal fraction, rounded half-up to six decimals. None without
    /// debits.
    pub rate: Option<String>,
    /// The fraction above which the network acts.
    pub level: Rate,
    /// Whether the exact fraction is above the level. Not without debits.
    pub is_above: bool,
}

/// As of a day; without one, of the last accounting day that anything was posted to; if there is
/// none either, of another day.
static SELECT: LazyLock<String> =
    LazyLock::new(|| select_return_rates(&format!("coalesce(?1, {AS_OF_DAY}, ?2)")));

impl Reader<'_> {
    /// The rates of all classes over both periods, as of `as_of` or of the last accounting day that
    /// anything was posted to; `today` while nothing was. By what is known now: a payment that came
    /// back and is good again did not come back.
    pub fn return_rates(
        &self,
        as_of: Option<NaiveDate>,
        today: NaiveDate,
    ) -> Result<Vec<ReturnRateRow>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(&SELECT)?;
        let rows = statement.query_map(params![as_of.map(day), day(today)], read)?;
        rows.collect()
    }
}

fn read(row: &Row<'_>) -> Found<ReturnRateRow> {
    Ok(ReturnRateRow {
        as_of_date: word(row, "as_of_date")?,
        period: ReturnPeriod::named(row.get_ref("period")?.as_str()?)?,
        from_date: word(row, "from_date")?,
        through_date: word(row, "through_date")?,
        class: word(row, "class")?,
        debits: row.get("debits")?,
        returns: row.get("returns")?,
        rate: row.get("rate")?,
        level: word(row, "level")?,
        is_above: row.get("is_above")?,
    })
}
