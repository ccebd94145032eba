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
use rusqlite::{Connection, OptionalExtension as _, params};

use super::windows::{WindowDay, Windows, minutes};
use super::{At, FoldError};
use crate::columns::{cents, day, nanos};
use crate::error::Poison;
use crate::queries::payments::PaymentState;
use row::{INSERT, Made, PaymentRow, SELECT_BY_ID, SELECT_BY_KEY, UPDATE, quote};

/// How many rows are kept between transactions: some tens of megabytes.
const ROWS_KEPT_MAX: usize = 131_072;

/// The rows that were touched lately.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    /// Where their rows are.
    places: HashMap<PaymentId, usize>,
    #[expect(clippy::vec_box, reason = "a list that grows has no room for all of them twice")]
    rows: Vec<Box<PaymentRow>>,
    /// The keys of rows that are not as they are in the table, and where they are.
    changed: Vec<(i64, usize)>,
    /// The keys of all payments, while their table has no index by id.
    keys: Option<HashMap<PaymentId, i64>>,
}

impl Payments {
    /// For a table that is empty, and has no index by id for now.
    pub(crate) fn without_index() -> Self {
        Self { keys: Some(HashMap::new()), ..Self::default() }
    }

    /// The table has its index by id from now on.
    pub(crate) fn indexed(&mut self) {
        self.keys = None;
    }

    /// Forgets everything that is not committed: what is in memory is no longer what is in the
    /// table.
    pub(crate) fn clear(&mut self, committed: i64) {
        self.forget();
        if let Some(keys) = &mut self.keys {
            keys.retain(|_, key| *key <= committed);
        }
    }

    fn forget(&mut self) {
        self.places.clear();
        self.rows.clear();
        self.changed.clear();
    }

    fn make(&mut self, payment: PaymentId, row: PaymentRow) -> Result<(), FoldError> {
        if self.places.contains_key(&payment) {
            return Err(Poison::PaymentRepeated(payment).into());
        }
        if let Some(keys) = &mut self.keys {
            // The key of the first one stays.
            match keys.entry(payment) {
                Entry::Occupied(_) => return Err(Poison::PaymentRepeated(payment).into()),
                Entry::Vacant(free) => free.insert(row.key),
            };
        }
        let place = self.keep(payment, row);
        self.change(place);
        Ok(())
    }

    fn keep(&mut self, payment: PaymentId, row: PaymentRow) -> usize {
        let place = self.rows.len();
        self.rows.push(Box::new(row));
        self.places.insert(payment, place);
        place
    }

    fn change(&mut self, place: usize) -> Option<&mut PaymentRow> {
        let row = self.rows.get_mut(place)?;
        if !std::mem::replace(&mut row.differs, true) {
            self.changed.push((row.key, place));
        }
        Some(row)
    }

    /// The row of an account's payment, which is about to change.
    fn touch(
        &mut self,
        database: &Connection,
        account: i64,
        payment: PaymentId,
    ) -> Result<&mut PaymentRow, FoldError> {
        let unknown = || Poison::PaymentUnknown(payment);
        let place = if let Some(place) = self.places.get(&payment) {
            *place
        } else {
            let found = self.load(database, account, payment)?.ok_or_else(unknown)?;
            self.keep(payment, found)
        };
        self.change(place).ok_or_else(|| unknown().into())
    }

    fn load(
        &self,
        database: &Connection,
        account: i64,
        payment: PaymentId,
    ) -> Result<Option<PaymentRow>, rusqlite::Error> {
        let Some(keys) = &self.keys else {
            let mut select = database.prepare_cached(&SELECT_BY_ID)?;
            let id = payment.uuid();
            return select.query_row(params![account, id.as_bytes()], PaymentRow::load).optional();
        };
        let Some(key) = keys.get(&payment) else { return Ok(None) };
        let mut select = database.prepare_cached(&SELECT_BY_KEY)?;
        select.query_row([key], PaymentRow::load).optional()
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
        let mut row = PaymentRow::new(at.position, made, product, day, PaymentState::Scheduled);
        row.window_minutes = Some(minutes);
        row.payoff_quote = quote(scheduled.payoff_quote);
        self.make(scheduled.payment, row)?;
        windows.scheduled(database, WindowDay { product, day, minutes }, cutoff)
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
        let mut row = PaymentRow::new(at.position, made, product, day, PaymentState::Applied);
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
        row.state = PaymentState::Cancelled;
        row.cancelled_nanos = Some(at.nanos);
        row.cancel_reason = Some(cancelled.reason.as_str().to_owned());
        windows.settled(database, window)
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
        row.state = PaymentState::Applied;
        row.applied_nanos = Some(at.nanos);
        row.payoff_quote = quote(applied.payoff_quote);
        row.split(&applied.split, at.position);
        windows.settled(database, window)
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
        row.return_code = Some(returned.return_code.clone());
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
        self.changed.sort_unstable();
        for (_, place) in std::mem::take(&mut self.changed) {
            let Some(row) = self.rows.get_mut(place) else { continue };
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
