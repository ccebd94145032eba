//! The fold: what one event changes in the tables.
//!
//! Account and payment rows, daily ledger sums and window counts are gathered in memory and written
//! once a transaction; postings are written as they come.

mod accounts;
mod adjustments;
mod batch;
mod books;
mod charge_offs;
mod fees;
mod ledger_days;
mod payments;
mod payoffs;
mod refusals;
mod titles;
mod windows;

use ledger::domain::account::events::Event;
use ledger::domain::product::Product;
use ledger::envelope::{Metadata, Position};
use ledger::ids::AccountId;
use rusqlite::Connection;

use crate::columns::{key, nanos};
use crate::error::Poison;
use accounts::Accounts;
use batch::Happened;
pub(crate) use batch::{Batch, Decoded};
use ledger_days::LedgerDays;
use payments::Payments;
use refusals::Refused;
use windows::Windows;
pub(crate) use windows::{Counts, Tally, WindowDay, minutes};

/// Why an event was not folded.
#[derive(Debug)]
pub(crate) enum FoldError {
    /// It is the event.
    Poison(Poison),
    /// It is the database.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for FoldError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::Poison(Poison::Repeated(error)),
            _ => Self::Database(error),
        }
    }
}

impl From<Poison> for FoldError {
    fn from(poison: Poison) -> Self {
        Self::Poison(poison)
    }
}

/// An event's place and instant, as they are stored.
#[derive(Debug, Clone, Copy)]
struct At {
    position: i64,
    nanos: i64,
}

/// The rows that were touched lately, kept from one transaction to the next.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    accounts: Accounts,
    payments: Payments,
}

impl Rows {
    /// For tables that are empty, have no indexes for now, and are read by nobody.
    pub(crate) fn in_bulk() -> Self {
        Self { accounts: Accounts::in_bulk(), payments: Payments::in_bulk() }
    }

    /// Writes what was put off. The tables may be read from now on.
    pub(crate) fn write_out(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        self.accounts.end_bulk(database)
    }

    /// The tables have their indexes from now on.
    pub(crate) fn indexed(&mut self) {
        self.payments.indexed();
    }

    /// Forgets what was not committed, which goes up to `committed`.
    pub(crate) fn clear(&mut self, committed: Position) {
        self.accounts.clear(key(committed));
        self.payments.clear(key(committed));
    }
}

/// The fold of one transaction.
#[derive(Debug)]
pub(crate) struct Fold<'a> {
    database: &'a Connection,
    rows: &'a mut Rows,
    ledger_days: LedgerDays,
    windows: Windows,
}

impl<'a> Fold<'a> {
    pub(crate) fn new(database: &'a Connection, rows: &'a mut Rows) -> Self {
        let (ledger_days, windows) = (LedgerDays::default(), Windows::default());
        Self { database, rows, ledger_days, windows }
    }

    /// Folds one event. After an error the transaction must be rolled back.
    pub(crate) fn apply(&mut self, event: &Decoded) -> Result<(), FoldError> {
        let Decoded { position, metadata, what } = event;
        let at = At { position: key(*position), nanos: nanos(metadata.received_at) };
        match what {
            Happened::Account(account, event) => self.account_event(account, event, metadata, at),
            Happened::WindowSealed(sealed) => self.windows.sealed(self.database, sealed, at),
            Happened::RulebookAdopted => Ok(()),
            Happened::Books(event) => {
                books::follow(self.database, &mut self.ledger_days, event, metadata, at)
            }
            Happened::Recovery(event) => refusals::of_recovery(self.database, event, metadata, at),
        }
    }

    fn account_event(
        &mut self,
        id: &AccountId,
        event: &Event,
        metadata: &Metadata,
        at: At,
    ) -> Result<(), FoldError> {
        let database = self.database;
        if let Event::RequestRefused(refused) = event {
            let refusal = Refused {
                account: Some(id),
                command: &refused.command,
                reason: refused.refusal.reason(),
                facts: refused.refusal.facts(),
            };
            refusal.write(database, metadata, at)?;
            return Ok(());
        }
        if let Event::NothingChanged(_) = event {
            return Ok(());
        }
        let accounts = &mut self.rows.accounts;
        let place = if let Event::AccountOpened(opened) = event {
            accounts.opened(database, id, opened, at)?
        } else {
            accounts.place(database, id)?
        };
        let (key, product) = (place.key, place.product);
        self.detail((id, key, product), event, at)?;
        if let (Some(posting), Some(effective)) = (event.posting(), event.effective_date()) {
            self.rows.payments.reallocate(database, key, &posting.reallocated, at)?;
            charge_offs::restate(database, &posting.charge_offs, at)?;
            adjustments::restate(database, &posting.adjustments, at)?;
            let of = (key, product, event.kind());
            self.ledger_days.post(database, of, posting, effective, at)?;
        }
        self.rows.accounts.follow(database, place, event, at)
    }

    /// Writes down what happened beside the account's own row.
    fn detail(
        &mut self,
        (id, key, product): (&AccountId, i64, Product),
        event: &Event,
        at: At,
    ) -> Result<(), FoldError> {
        let database = self.database;
        match event {
            Event::PaymentScheduled(_)
            | Event::PaymentCancelled(_)
            | Event::PaymentApplied(_)
            | Event::PaymentReceived(_)
            | Event::PaymentReturned(_)
            | Event::PaymentReinstated(_)
            | Event::PaymentSettled(_) => {
                let windows = &mut self.windows;
                self.rows.payments.follow(database, windows, (key, product), event, at)
            }
            Event::FeeAssessed(event) => fees::assessed(database, key, event, at),
            Event::FeeWaived(event) => fees::waived(database, event, at),
            Event::AccountChargedOff(event) => charge_offs::charged_off(database, key, event, at),
            Event::PrincipalAdjusted(event) => adjustments::adjusted(database, key, event, at),
            Event::PayoffQuoted(event) => payoffs::quoted(database, key, event, at),
            Event::CreditRefunded(event) => payoffs::refunded(database, key, event, at),
            Event::RefundReturned(event) => payoffs::refund_returned(database, event, at),
            Event::RefundSettled(event) => payoffs::refund_settled(database, event, at),
            Event::LienRecorded(event) => titles::recorded(database, key, event, at),
            Event::LienReleased(event) => titles::released(database, (id, key), event, at),
            Event::AccountOpened(_)
            | Event::AccountPaidOff(_)
            | Event::PayoffReversed(_)
            | Event::RateChanged(_)
            | Event::ExtensionGranted(_)
            | Event::DueDateChanged(_)
            | Event::VehicleReturned(_)
            | Event::NonAccrualStarted(_)
            | Event::AccrualResumed(_)
            | Event::RequestRefused(_)
            | Event::NothingChanged(_) => Ok(()),
        }
    }

    /// Writes what was gathered.
    pub(crate) fn flush(self) -> Result<(), rusqlite::Error> {
        self.rows.accounts.flush(self.database)?;
        self.rows.payments.flush(self.database)?;
        self.ledger_days.flush(self.database)?;
        self.windows.flush(self.database)
    }
}
