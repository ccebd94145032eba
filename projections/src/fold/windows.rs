//! Cut-off windows: how many payments wait, how many are settled, how many are sealed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::Timelike as _;
use ledger::cycles::cutoff::WindowSealed;
use ledger::domain::cutoff::{Window, instant_of};
use ledger::domain::product::Product;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{At, FoldError};
use crate::columns::{day, nanos, number};

/// One window of one product on one date, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WindowDay {
    pub(super) product: Product,
    pub(super) day: i64,
    pub(super) minutes: i64,
}

/// A window as minutes after midnight: 1,440 for the end of the day.
pub(crate) fn minutes(window: Window) -> i64 {
    const END_OF_DAY: i64 = 24 * 60;
    let minutes =
        |time: chrono::NaiveTime| i64::from(time.num_seconds_from_midnight().div_euclid(60));
    window.time().map_or(END_OF_DAY, minutes)
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    cutoff_nanos: i64,
    pending: i64,
    settled: i64,
    sealed: i64,
    seals: i64,
    sealed_position: Option<i64>,
}

impl Counts {
    const fn none(cutoff_nanos: i64) -> Self {
        let sealed_position = None;
        Self { cutoff_nanos, pending: 0, settled: 0, sealed: 0, seals: 0, sealed_position }
    }

    fn read(database: &Connection, of: WindowDay) -> Result<Option<Self>, rusqlite::Error> {
        let mut select = database.prepare_cached(
            "SELECT cutoff_nanos, pending_count, settled_count, sealed_count, seals, \
             sealed_position FROM run_window \
             WHERE product = ?1 AND day = ?2 AND window_minutes = ?3",
        )?;
        let counts = |row: &Row<'_>| {
            Ok(Self {
                cutoff_nanos: row.get(0)?,
                pending: row.get(1)?,
                settled: row.get(2)?,
                sealed: row.get(3)?,
                seals: row.get(4)?,
                sealed_position: row.get(5)?,
            })
        };
        select.query_row(params![of.product.as_str(), of.day, of.minutes], counts).optional()
    }
}

/// Windows that were touched, not yet written.
#[derive(Debug, Default)]
pub(super) struct Windows {
    touched: BTreeMap<WindowDay, Counts>,
}

impl Windows {
    fn counts(
        &mut self,
        database: &Connection,
        window: WindowDay,
        cutoff_nanos: i64,
    ) -> Result<&mut Counts, rusqlite::Error> {
        Ok(match self.touched.entry(window) {
            Entry::Occupied(touched) => touched.into_mut(),
            Entry::Vacant(free) => {
                let read = Counts::read(database, window)?;
                free.insert(read.unwrap_or_else(|| Counts::none(cutoff_nanos)))
            }
        })
    }

    /// One more payment waits.
    pub(super) fn scheduled(
        &mut self,
        database: &Connection,
        window: WindowDay,
        cutoff_nanos: i64,
    ) -> Result<(), FoldError> {
        let counts = self.counts(database, window, cutoff_nanos)?;
        counts.pending = counts.pending.saturating_add(1);
        Ok(())
    }

    /// One payment waits no more: the window's run has settled it, or it was cancelled in
    /// time. A seal covers both.
    pub(super) fn settled(
        &mut self,
        database: &Connection,
        window: WindowDay,
    ) -> Result<(), FoldError> {
        // Its scheduling has made the row, with the cut-off.
        let counts = self.counts(database, window, 0)?;
        counts.pending = counts.pending.saturating_sub(1);
        counts.settled = counts.settled.saturating_add(1);
        Ok(())
    }

    /// A run has sealed what was settled.
    pub(super) fn sealed(
        &mut self,
        database: &Connection,
        sealed: &WindowSealed,
        at: At,
    ) -> Result<(), FoldError> {
        let (applied, cancelled) = (number(sealed.applied_count), number(sealed.cancelled_count));
        let window = WindowDay {
            product: sealed.product,
            day: day(sealed.date),
            minutes: minutes(sealed.window),
        };
        database
            .prepare_cached(
                "INSERT INTO seal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                at.position,
                sealed.product.as_str(),
                window.day,
                window.minutes,
                sealed.supplement,
                applied,
                sealed.applied_total.cents(),
                cancelled,
                sealed.cancelled_total.cents(),
                sealed.root,
                at.nanos,
            ])?;
        let cutoff = nanos(instant_of(sealed.date, sealed.window));
        let counts = self.counts(database, window, cutoff)?;
        counts.sealed = counts.sealed.saturating_add(applied).saturating_add(cancelled);
        counts.seals = counts.seals.saturating_add(1);
        counts.sealed_position = Some(at.position);
        Ok(())
    }

    /// Writes what was touched.
    pub(super) fn flush(&self, database: &Connection) -> Result<(), rusqlite::Error> {
        let mut replace = database.prepare_cached(
            "INSERT OR REPLACE INTO run_window VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for (window, counts) in &self.touched {
            replace.execute(params![
                window.product.as_str(),
                window.day,
                window.minutes,
                counts.cutoff_nanos,
                counts.pending,
                counts.settled,
                counts.sealed,
                counts.seals,
                counts.sealed_position,
            ])?;
        }
        Ok(())
    }
}
