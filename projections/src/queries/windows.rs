//! Cut-off windows: what their runs still have to do, and their seals.

use chrono::{DateTime, Utc};
use ledger::cycles::cutoff::{RunItem, RunOutcome, WindowKey};
use rusqlite::{Row, params};

use super::row::{Found, amount, date, payment_id, window, word};
use crate::Reader;
use crate::columns::nanos;
use crate::error::damaged;
use crate::fold::{Counts, Tally, WindowDay};

/// What the next seal of a window is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// How many seals the window has: the number of the next supplement, and the version of the
    /// window's stream.
    pub seals: u32,
    /// How many payments still wait: a seal is not made before they are settled.
    pub pending: u64,
    /// What became of the window's payments that no seal covers, in order. Those cancelled in time
    /// are in it, so that the seals account for every payment.
    pub items: Vec<RunItem>,
}

impl Reader<'_> {
    /// The windows whose cut-off is at or before `now` and that are not wholly sealed: payments
    /// wait, or were settled and not sealed. By cut-off.
    pub fn unsealed_windows(&self, now: DateTime<Utc>) -> Result<Vec<WindowKey>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT product, day, window_minutes FROM run_window \
             WHERE cutoff_nanos <= ?1 AND (pending_count > 0 OR settled_count > sealed_count) \
             ORDER BY cutoff_nanos, product",
        )?;
        let rows = statement.query_map([nanos(now)], read)?;
        rows.collect()
    }

    /// Has the window ever had a payment or a seal?
    pub fn has_window(&self, key: &WindowKey) -> Result<bool, rusqlite::Error> {
        Ok(Counts::read(self.database, WindowDay::of(*key))?.is_some())
    }

    /// What the next seal of `key` is over, and how many seals it comes after: both at one
    /// position, so that a seal that is written meanwhile is noticed.
    ///
    /// A seal is for ever, and one changed bit of a row or an index would be in it. So all of the
    /// window's rows are counted again, and damage is told if they do not come to what the fold
    /// has counted.
    pub fn unsealed(&self, key: &WindowKey) -> Result<Unsealed, rusqlite::Error> {
        let of = WindowDay::of(*key);
        let counted = Counts::read(self.database, of)?.map(|counts| counts.tally);
        let counted = counted.unwrap_or_default();
        let mut found = Tally::default();
        let items = self.settled(of, counted.sealed, &mut found)?;
        for (position, payments) in self.seal_sizes(of)? {
            found.seal(position, payments);
        }
        if found != counted {
            let what = format!("the rows of {} are {found}; counted were {counted}", key.name());
            return Err(damaged(what));
        }
        let waiting = self.waiting(of)?;
        if waiting != counted.pending {
            let pending = counted.pending;
            let what = format!("an index has {waiting} that wait of {}, not {pending}", key.name());
            return Err(damaged(what));
        }
        let seals = u32::try_from(counted.seals).unwrap_or(u32::MAX);
        let pending = u64::try_from(counted.pending).unwrap_or_default();
        Ok(Unsealed { seals, pending, items })
    }

    /// Adds all payments of a window to `found`, and gives those settled after the first `sealed`,
    /// in order. Not after the last seal: on a cluster another gateway may have settled one while
    /// that was being written, which is not in it.
    fn settled(
        &self,
        of: WindowDay,
        sealed: i64,
        found: &mut Tally,
    ) -> Result<Vec<RunItem>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT payment_id, amount_cents, cancelled_nanos IS NOT NULL AS cancelled, \
             settled_position FROM payment INDEXED BY payment_effective \
             WHERE effective_day = ?2 AND product = ?1 AND window_minutes = ?3 \
             ORDER BY settled_position",
        )?;
        let mut rows = statement.query(params![of.product.as_str(), of.day, of.minutes])?;
        let (mut items, mut covered) = (Vec::new(), 0_i64);
        while let Some(row) = rows.next()? {
            let (payment, amount) = (payment_id(row, "payment_id")?, amount(row, "amount_cents")?);
            found.schedule(payment, amount.money().cents());
            let settled: Option<i64> = row.get("settled_position")?;
            let Some(position) = settled else { continue };
            let cancelled = row.get("cancelled")?;
            found.settle(payment, position, cancelled);
            let outcome = if cancelled { RunOutcome::Cancelled } else { RunOutcome::Applied };
            if covered < sealed {
                covered = covered.saturating_add(1);
            } else {
                items.push(RunItem { payment, outcome, amount });
            }
        }
        Ok(items)
    }

    /// How many payments of a window wait, by the index that finds them for its run.
    fn waiting(&self, of: WindowDay) -> Result<i64, rusqlite::Error> {
        self.database
            .prepare_cached(
                "SELECT count(*) FROM payment INDEXED BY payment_pending \
                 WHERE state = 'scheduled' AND product = ?1 AND effective_day = ?2 \
                 AND window_minutes = ?3",
            )?
            .query_row(params![of.product.as_str(), of.day, of.minutes], |row| row.get(0))
    }

    /// Where the seals of a window are, and how many payments each of them covers.
    fn seal_sizes(&self, of: WindowDay) -> Result<Vec<(i64, i64)>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT position, applied_count + cancelled_count FROM seal \
             WHERE product = ?1 AND day = ?2 AND window_minutes = ?3 ORDER BY position",
        )?;
        let values = params![of.product.as_str(), of.day, of.minutes];
        let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }
}

fn read(row: &Row<'_>) -> Found<WindowKey> {
    Ok(WindowKey {
        product: word(row, "product")?,
        date: date(row, "day")?,
        window: window(row, "window_minutes")?,
    })
}
