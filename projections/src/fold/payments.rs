//! Payment rows: loaded when they are touched, folded in memory, written once a transaction.

#![expect(clippy::disallowed_types, reason = "looked up by id only; the order is never seen")]

mod row;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ledger::domain::account::events::{
    Event, PaymentApplied, PaymentCancelled, PaymentReceived, PaymentReinstated, PaymentReturned,
    PaymentScheduled, PaymentSettled, Reallocation,
};
use ledger::domain::product::{Channel, Product};
use ledger::ids::PaymentId;
use rusqlite::Connection;

use super::windows::{WindowDay, Windows, minutes};
use super::{At, FoldError};
use crate::columns::{cents, day, nanos};
use crate::error::Poison;
use crate::queries::payments::PaymentState;
use row::{INSERT, Made, PaymentRow, UPDATE, quote};

/// How many rows are kept between transactions: some tens of megabytes.
const ROWS_KEPT_MAX: usize = 131_072;

/// The key of a payment's row, and where in memory the row is, or was. Packed, since in bulk there
/// is one for every payment.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed)]
struct Place {
    key: i64,
    index: u32,
}

impl Place {
    fn new(key: i64, index: usize) -> Self {
        // Memory does not hold so many rows.
        Self { key, index: u32::try_from(index).unwrap_or(u32::MAX) }
    }

    fn index(self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }
}

/// The rows that were touched lately.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    /// The places of those, and of all others while their table has no index by id.
    places: HashMap<PaymentId, Place>,
    #[expect(clippy::vec_box, reason = "a list that grows has no room for all of them twice")]
    rows: Vec<Box<PaymentRow>>,
    /// Where the rows are that are not as they are in the table.
    changed: Vec<Place>,
    /// Whether the table has no index by id for now.
    in_bulk: bool,
}

impl Payments {
    /// For a table that is empty, and has no index by id for now.
    pub(crate) fn in_bulk() -> Self {
        Self { in_bulk: true, ..Self::default() }
    }

    /// The table has its index by id from now on.
    pub(crate) fn indexed(&mut self) {
        // Not only emptied: it held all payments.
        *self = Self::default();
    }

    /// Forgets everything that is not committed: what is in memory is no longer what is in the
    /// table.
    pub(crate) fn clear(&mut self, committed: i64) {
        self.forget();
        self.places.retain(|_, place| place.key <= committed);
    }

    fn forget(&mut self) {
        self.rows.clear();
        self.changed.clear();
        if !self.in_bulk {
            self.places.clear();
        }
    }

    fn make(&mut self, payment: PaymentId, mut row: Box<PaymentRow>) -> Result<(), FoldError> {
        let place = Place::new(row.key, self.rows.len());
        match self.places.entry(payment) {
            // The first one stays.
            Entry::Occupied(_) => return Err(Poison::PaymentRepeated(payment).into()),
            Entry::Vacant(free) => free.insert(place),
        };
        row.differs = true;
        self.changed.push(place);
        self.rows.push(row);
        Ok(())
    }

    /// The row of an account's payment, which is about to change.
    fn touch(
        &mut self,
        database: &Connection,
        account: i64,
        payment: PaymentId,
    ) -> Result<&mut PaymentRow, FoldError> {
        let unknown = || Poison::PaymentUnknown(payment);
        let known = self.places.get(&payment).copied();
        let place = if let Some(place) = known.filter(|place| self.is_held(*place)) {
            place
        } else {
            let found = if self.in_bulk {
                known.map_or(Ok(None), |place| PaymentRow::by_key(database, place.key))?
            } else {
                PaymentRow::by_id(database, account, payment)?
            };
            let row = found.ok_or_else(unknown)?;
            let place = Place::new(row.key, self.rows.len());
            self.places.insert(payment, place);
            self.rows.push(Box::new(row));
            place
        };
        let row = self.rows.get_mut(place.index()).ok_or_else(unknown)?;
        if !std::mem::replace(&mut row.differs, true) {
            self.changed.push(place);
        }
        Ok(row)
    }

    /// Is the row still in memory, and not another in its place?
    fn is_held(&self, place: Place) -> bool {
        self.rows.get(place.index()).is_some_and(|row| row.key == place.key)
    }

    /// Folds what happens to a payment into its row and its window's counts.
    pub(super) fn follow(
        &mut self,
        database: &Connection,
        windows: &mut Windows,
        (account, product): (i64, Product),
        event: &Event,
        at: At,
    ) -> Result<(), FoldError> {
        if let Event::PaymentScheduled(event) = event {
            self.scheduled(database, windows, (account, product), event, at)
        } else if let Event::PaymentReceived(event) = event {
            self.received((account, product), event, at)
        } else if let Event::PaymentCancelled(event) = event {
            self.cancelled(database, windows, account, event, at)
        } else if let Event::PaymentApplied(event) = event {
            self.applied(database, windows, account, event, at)
        } else if let Event::PaymentReturned(event) = event {
            self.returned(database, account, event, at)
        } else if let Event::PaymentReinstated(event) = event {
            self.reinstated(database, account, event, at)
        } else if let Event::PaymentSettled(event) = event {
            self.bank_settled(database, account, event, at)
        } else {
            Ok(())
        }
    }

    fn scheduled(
        &mut self,
        database: &Connection,
        windows: &mut Windows,
        (account, product): (i64, Product),
        scheduled: &PaymentScheduled,
        at: At,
    ) -> Result<(), FoldError> {
        let (funding, cutoff) = (scheduled.funding.as_ref(), nanos(scheduled.cutoff_at));
        let made = Box::new(Made {
            payment: scheduled.payment,
            account,
            channel: Channel::OwnAch,
            amount_cents: scheduled.amount.money().cents(),
            cutoff_nanos: Some(cutoff),
            origination_day: Some(day(scheduled.origination_date)),
            scheduled_nanos: Some(at.nanos),
            funding_token: funding.map(|funding| funding.token.clone()),
            funding_last_four: funding.and_then(|funding| funding.last_four.clone()),
            reference: None,
            third_party_fee_cents: None,
        });
        let (day, minutes) = (day(scheduled.payment_date), minutes(scheduled.window));
        let state = PaymentState::Scheduled;
        let mut row = Box::new(PaymentRow::new(at.position, made, product, day, state));
        row.window_minutes = Some(minutes);
        row.payoff_quote = quote(scheduled.payoff_quote);
        self.make(scheduled.payment, row)?;
        let window = WindowDay { product, day, minutes };
        let cents = scheduled.amount.money().cents();
        windows.tally(database, window, cutoff)?.schedule(scheduled.payment, cents);
        Ok(())
    }

    fn received(
        &mut self,
        (account, product): (i64, Product),
        received: &PaymentReceived,
        at: At,
    ) -> Result<(), FoldError> {
        let made = Box::new(Made {
            payment: received.payment,
            account,
            channel: received.channel,
            amount_cents: received.amount.money().cents(),
            cutoff_nanos: None,
            origination_day: None,
            scheduled_nanos: None,
            funding_token: None,
            funding_last_four: None,
            reference: received.reference.clone(),
            third_party_fee_cents: cents(received.third_party_fee),
        });
        let day = day(received.effective_date);
        let state = PaymentState::Applied;
        let mut row = Box::new(PaymentRow::new(at.position, made, product, day, state));
        row.applied_nanos = Some(at.nanos);
        row.payoff_quote = quote(received.payoff_quote);
        row.split(&received.split, at.position);
        self.make(received.payment, row)
    }

    fn cancelled(
        &mut self,
        database: &Connection,
        windows: &mut Windows,
        account: i64,
        cancelled: &PaymentCancelled,
        at: At,
    ) -> Result<(), FoldError> {
        let (window, row) = self.settle(database, account, cancelled.payment, at)?;
        windows.tally(database, window, 0)?.settle(cancelled.payment, at.position, true);
        row.state = PaymentState::Cancelled;
        row.cancelled_nanos = Some(at.nanos);
        row.cancel_reason = Some(cancelled.reason.as_str().to_owned());
        Ok(())
    }

    fn applied(
        &mut self,
        database: &Connection,
        windows: &mut Windows,
        account: i64,
        applied: &PaymentApplied,
        at: At,
    ) -> Result<(), FoldError> {
        let (window, row) = self.settle(database, account, applied.payment, at)?;
        windows.tally(database, window, 0)?.settle(applied.payment, at.position, false);
        row.state = PaymentState::Applied;
        row.applied_nanos = Some(at.nanos);
        row.payoff_quote = quote(applied.payoff_quote);
        row.split(&applied.split, at.position);
        Ok(())
    }

    /// Ends the wait of a scheduled payment in its window.
    fn settle(
        &mut self,
        database: &Connection,
        account: i64,
        payment: PaymentId,
        at: At,
    ) -> Result<(WindowDay, &mut PaymentRow), FoldError> {
        let row = self.touch(database, account, payment)?;
        let minutes = row.window_minutes.ok_or(Poison::PaymentUnknown(payment))?;
        row.settled_position = Some(at.position);
        row.last_position = at.position;
        Ok((WindowDay { product: row.product, day: row.effective_day, minutes }, row))
    }

    fn returned(
        &mut self,
        database: &Connection,
        account: i64,
        returned: &PaymentReturned,
        at: At,
    ) -> Result<(), FoldError> {
        let row = self.touch(database, account, returned.payment)?;
        row.state = PaymentState::Returned;
        row.returned_nanos = Some(at.nanos);
        row.returned_day = Some(day(returned.posting.gl_date(returned.effective_date)));
        row.came_back(&returned.return_code);
        row.last_position = at.position;
        Ok(())
    }

    fn reinstated(
        &mut self,
        database: &Connection,
        account: i64,
        reinstated: &PaymentReinstated,
        at: At,
    ) -> Result<(), FoldError> {
        let row = self.touch(database, account, reinstated.payment)?;
        row.state = PaymentState::Applied;
        row.reinstated_nanos = Some(at.nanos);
        row.split(&reinstated.split, at.position);
        Ok(())
    }

    fn bank_settled(
        &mut self,
        database: &Connection,
        account: i64,
        settled: &PaymentSettled,
        at: At,
    ) -> Result<(), FoldError> {
        let row = self.touch(database, account, settled.payment)?;
        row.settlement_day = Some(day(settled.effective_date));
        row.withheld_cents = settled.withheld.map(|kept| kept.money().cents());
        row.last_position = at.position;
        Ok(())
    }

    /// Writes down what other payments of the account pay from now on.
    pub(super) fn reallocate(
        &mut self,
        database: &Connection,
        account: i64,
        reallocated: &[Reallocation],
        at: At,
    ) -> Result<(), FoldError> {
        for moved in reallocated {
            self.touch(database, account, moved.payment)?.split(&moved.split, at.position);
        }
        Ok(())
    }

    /// Writes what changed, in order of key.
    pub(super) fn flush(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        let mut insert = database.prepare_cached(&INSERT)?;
        let mut update = database.prepare_cached(&UPDATE)?;
        self.changed.sort_unstable_by_key(|place| place.key);
        for place in std::mem::take(&mut self.changed) {
            let Some(row) = self.rows.get_mut(place.index()) else { continue };
            row.differs = false;
            match row.made.take() {
                Some(made) => row.insert(&made, &mut insert)?,
                None => row.update(&mut update)?,
            }
        }
        if self.rows.len() > ROWS_KEPT_MAX {
            self.forget();
        }
        Ok(())
    }
}
