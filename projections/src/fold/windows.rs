//! Cut-off windows: how many payments wait, how many are settled, how many are sealed, and a check
//! over them: a seal is for ever, so the rows that it is made from are compared with it first.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use chrono::Timelike as _;
use ledger::cycles::cutoff::{WindowKey, WindowSealed};
use ledger::domain::cutoff::{Window, instant_of};
use ledger::domain::product::Product;
use ledger::ids::PaymentId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{At, FoldError};
use crate::columns::{day, nanos, number};

/// One window of one product on one date, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WindowDay {
    pub(crate) product: Product,
    pub(crate) day: i64,
    pub(crate) minutes: i64,
}

impl WindowDay {
    pub(crate) fn of(key: WindowKey) -> Self {
        Self { product: key.product, day: day(key.date), minutes: minutes(key.window) }
    }
}

/// A window as minutes after midnight: 1,440 for the end of the day.
pub(crate) fn minutes(window: Window) -> i64 {
    const END_OF_DAY: i64 = 24 * 60;
    let minutes =
        |time: chrono::NaiveTime| i64::from(time.num_seconds_from_midnight().div_euclid(60));
    window.time().map_or(END_OF_DAY, minutes)
}

/// What the payments of a window and its seals come to. Kept by the fold, and counted again from
/// their rows before the next seal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) pending: i64,
    pub(crate) settled: i64,
    /// How many of those that are settled the seals cover: the first ones, in order.
    pub(crate) sealed: i64,
    pub(crate) seals: i64,
    pub(crate) sealed_position: Option<i64>,
    /// A sum over what a seal says of each payment, and when it was settled.
    pub(crate) check: i64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pending, settled, sealed, seals, sealed_position, check } = self;
        let last = sealed_position.unwrap_or_default();
        write!(
            f,
            "{pending} wait, {settled} settled, {seals} seals of {sealed} to {last}, \
             check {check:x}"
        )
    }
}

impl Tally {
    /// One more payment waits.
    pub(crate) fn schedule(&mut self, payment: PaymentId, cents: i64) {
        self.pending = self.pending.saturating_add(1);
        self.add(payment, &[cents]);
    }

    /// One payment waits no more since the event at `position`: its run has settled it, or it was
    /// cancelled in time. A seal covers both.
    pub(crate) fn settle(&mut self, payment: PaymentId, position: i64, cancelled: bool) {
        self.pending = self.pending.saturating_sub(1);
        self.settled = self.settled.saturating_add(1);
        self.add(payment, &[position, cancelled.into()]);
    }

    fn add(&mut self, payment: PaymentId, facts: &[i64]) {
        let mut hash = crc32fast::Hasher::new();
        hash.update(payment.uuid().as_bytes());
        for fact in facts {
            hash.update(&fact.to_be_bytes());
        }
        self.check = self.check.wrapping_add(hash.finalize().into());
    }

    /// One more seal, at `position`, over so many payments.
    pub(crate) fn seal(&mut self, position: i64, payments: i64) {
        self.seals = self.seals.saturating_add(1);
        self.sealed = self.sealed.saturating_add(payments);
        self.sealed_position = Some(position);
    }
}

/// One window's row, without its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    cutoff_nanos: i64,
    pub(crate) tally: Tally,
}

impl Counts {
    pub(crate) fn read(
        database: &Connection,
        of: WindowDay,
    ) -> Result<Option<Self>, rusqlite::Error> {
        let mut select = database.prepare_cached(
            "SELECT cutoff_nanos, sealed_count, pending_count, settled_count, seals, \
             sealed_position, payments_check FROM run_window \
             WHERE product = ?1 AND day = ?2 AND window_minutes = ?3",
        )?;
        let counts = |row: &Row<'_>| {
            Ok(Self {
                cutoff_nanos: row.get(0)?,
                tally: Tally {
                    sealed: row.get(1)?,
                    pending: row.get(2)?,
                    settled: row.get(3)?,
                    seals: row.get(4)?,
                    sealed_position: row.get(5)?,
                    check: row.get(6)?,
                },
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
                let none = Counts { cutoff_nanos, tally: Tally::default() };
                free.insert(read.unwrap_or(none))
            }
        })
    }

    /// What the payments of a window come to, to be added to. Its first payment makes the row, with
    /// the cut-off.
    pub(super) fn tally(
        &mut self,
        database: &Connection,
        window: WindowDay,
        cutoff_nanos: i64,
    ) -> Result<&mut Tally, rusqlite::Error> {
        Ok(&mut self.counts(database, window, cutoff_nanos)?.tally)
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
        counts.tally.seal(at.position, applied.saturating_add(cancelled));
        Ok(())
    }

    /// Writes what was touched.
    pub(super) fn flush(&self, database: &Connection) -> Result<(), rusqlite::Error> {
        let mut replace = database.prepare_cached(
            "INSERT OR REPLACE INTO run_window VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        for (window, counts) in &self.touched {
            let tally = &counts.tally;
            replace.execute(params![
                window.product.as_str(),
                window.day,
                window.minutes,
                counts.cutoff_nanos,
                tally.pending,
                tally.settled,
                tally.sealed,
                tally.seals,
                tally.sealed_position,
                tally.check,
            ])?;
        }
        Ok(())
    }
}
