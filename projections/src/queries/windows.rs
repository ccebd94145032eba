//! Cut-off windows: what their runs still have to do, and their seals.

use chrono::{DateTime, Utc};
use ledger::cycles::cutoff::{RunItem, RunOutcome, WindowKey, WindowSealed};
use ledger::envelope::Position;
use rusqlite::{OptionalExtension as _, Row, params};

use super::row::{Found, amount, date, instant, money, payment_id, window, word};
use crate::Reader;
use crate::columns::{day, nanos, position};
use crate::fold::minutes;

/// A window that has, or had, scheduled payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowRow {
    /// The window.
    pub key: WindowKey,
    /// Its cut-off.
    pub cutoff_at: DateTime<Utc>,
    /// How many payments wait.
    pub pending: u64,
    /// How many payments were settled that no seal covers: applied, or cancelled by the run, or
    /// cancelled in time.
    pub unsealed: u64,
    /// How many seals it has: the number of the next supplement.
    pub seals: u32,
}

/// What the next seal of a window is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// How many seals the window has: the number of the next supplement, and the version of the
    /// window's stream.
    pub seals: u32,
    /// What became of the window's payments since its last seal, in order. Those cancelled in time
    /// are in it, so that the seals account for every payment.
    pub items: Vec<RunItem>,
}

/// A seal, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRow {
    /// What was sealed.
    pub sealed: WindowSealed,
    /// When.
    pub sealed_at: DateTime<Utc>,
    /// Where.
    pub position: Position,
}

macro_rules! select_windows {
    ($rest:literal) => {
        concat!(
            "SELECT product, day, window_minutes, cutoff_nanos, pending_count, ",
            "max(settled_count - sealed_count, 0) AS unsealed_count, seals FROM run_window ",
            $rest
        )
    };
}

impl Reader<'_> {
    /// The windows whose cut-off is at or before `now` and that are not wholly sealed: payments
    /// wait, or were settled and not sealed. By cut-off.
    pub fn unsealed_windows(&self, now: DateTime<Utc>) -> Result<Vec<WindowRow>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(select_windows!(
            "WHERE cutoff_nanos <= ?1 AND (pending_count > 0 OR settled_count > sealed_count) \
             ORDER BY cutoff_nanos, product"
        ))?;
        let rows = statement.query_map([nanos(now)], read)?;
        rows.collect()
    }

    /// One window, if it ever had a payment or a seal.
    pub fn window(&self, key: &WindowKey) -> Result<Option<WindowRow>, rusqlite::Error> {
        self.database
            .prepare_cached(select_windows!(
                "WHERE product = ?1 AND day = ?2 AND window_minutes = ?3"
            ))?
            .query_row(params![key.product.as_str(), day(key.date), minutes(key.window)], read)
            .optional()
    }

    /// What the next seal of `key` is over, and how many seals it comes after: both at one
    /// position, so that a seal that is written meanwhile is noticed.
    pub fn unsealed(&self, key: &WindowKey) -> Result<Unsealed, rusqlite::Error> {
        let seals = self.window(key)?.map_or(0, |window| window.seals);
        let mut statement = self.database.prepare_cached(
            "SELECT payment_id, amount_cents, cancelled_nanos IS NOT NULL AS cancelled \
             FROM payment INDEXED BY payment_effective \
             WHERE effective_day = ?2 AND product = ?1 AND window_minutes = ?3 \
             AND settled_position > coalesce((SELECT sealed_position FROM run_window \
                 WHERE product = ?1 AND day = ?2 AND window_minutes = ?3), 0) \
             ORDER BY settled_position",
        )?;
        let values = params![key.product.as_str(), day(key.date), minutes(key.window)];
        let rows = statement.query_map(values, |row| {
            let cancelled: bool = row.get("cancelled")?;
            Ok(RunItem {
                payment: payment_id(row, "payment_id")?,
                outcome: if cancelled { RunOutcome::Cancelled } else { RunOutcome::Applied },
                amount: amount(row, "amount_cents")?,
            })
        })?;
        Ok(Unsealed { seals, items: rows.collect::<Result<_, _>>()? })
    }

    /// The seals of one window, in order.
    pub fn seals(&self, key: &WindowKey) -> Result<Vec<SealRow>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT * FROM seal WHERE product = ?1 AND day = ?2 AND window_minutes = ?3 \
             ORDER BY position",
        )?;
        let values = params![key.product.as_str(), day(key.date), minutes(key.window)];
        let rows = statement.query_map(values, read_seal)?;
        rows.collect()
    }
}

fn count(row: &Row<'_>, column: &str) -> Found<u64> {
    let count: i64 = row.get(column)?;
    Ok(u64::try_from(count).unwrap_or_default())
}

fn read(row: &Row<'_>) -> Found<WindowRow> {
    Ok(WindowRow {
        key: WindowKey {
            product: word(row, "product")?,
            date: date(row, "day")?,
            window: window(row, "window_minutes")?,
        },
        cutoff_at: instant(row, "cutoff_nanos")?,
        pending: count(row, "pending_count")?,
        unsealed: count(row, "unsealed_count")?,
        seals: row.get("seals")?,
    })
}

fn read_seal(row: &Row<'_>) -> Found<SealRow> {
    let sealed = WindowSealed {
        product: word(row, "product")?,
        date: date(row, "day")?,
        window: window(row, "window_minutes")?,
        supplement: row.get("supplement")?,
        applied_count: count(row, "applied_count")?,
        applied_total: money(row, "applied_cents")?,
        cancelled_count: count(row, "cancelled_count")?,
        cancelled_total: money(row, "cancelled_cents")?,
        root: row.get("root")?,
    };
    Ok(SealRow {
        sealed,
        sealed_at: instant(row, "sealed_nanos")?,
        position: position(row.get("position")?),
    })
}
