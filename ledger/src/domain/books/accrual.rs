//! What accounts have earned by the close of a day that their own events have not brought into the
//! general ledger: one entry a product and close, not one event an account.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::Books;
use super::events::Fractions;
use super::gathering::DayScope;
use crate::domain::account::book::Book;
use crate::domain::account::events::Event;
use crate::domain::account::evolve;
use crate::domain::account::state::Account;
use crate::domain::journal::{Journal, LedgerAccount, Line};
use crate::domain::money::Money;
use crate::domain::product::Product;
use crate::envelope::Position;

/// An event of an account with its place and the instant of its receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEvent {
    /// Where it is recorded.
    pub position: Position,
    /// When its request was received.
    pub received_at: DateTime<Utc>,
    /// What happened.
    pub event: Event,
}

/// The earnings of many accounts as of one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earnings {
    accounts: BTreeMap<Product, u64>,
    unbooked: BTreeMap<(Product, LedgerAccount, LedgerAccount), Decimal>,
}

impl Earnings {
    /// The products that have accounts.
    pub fn products(&self) -> impl Iterator<Item = Product> + '_ {
        self.accounts.keys().copied()
    }

    /// How many accounts of a product there are.
    pub fn accounts(&self, product: Product) -> u64 {
        self.accounts.get(&product).copied().unwrap_or_default()
    }

    fn add(&mut self, book: &Book, day: &DayScope) {
        let product = book.terms.product;
        let accounts = self.accounts.entry(product).or_default();
        *accounts = accounts.saturating_add(1);
        // A book whose own events have brought it further is taken as of there: income is not taken
        // back because the accounting day lags behind.
        let as_of = day.gl_date.max(book.accrued_through());
        let unbooked = match day.fractions {
            Fractions::All => book.unbooked_with_fractions(as_of),
            Fractions::Earning => book.unbooked(as_of),
        };
        for (receivable, income, exact) in unbooked {
            let sum = self.unbooked.entry((product, receivable, income)).or_default();
            *sum = sum.saturating_add(exact);
        }
    }

    /// What a close on `gl_date` books for each product: the exact sum of its accounts, rounded
    /// half-up, less what earlier closes hold on the receivable. An account's own events correct
    /// for themselves, so that what the closes hold goes down by what those have booked since.
    pub fn entries(&self, books: &Books, gl_date: NaiveDate) -> BTreeMap<Product, Vec<Line>> {
        let mut entries = BTreeMap::new();
        for ((product, receivable, income), exact) in &self.unbooked {
            let journal = entries.entry(*product).or_insert_with(|| Journal::new(gl_date));
            let missing = Money::round_half_up(*exact) - books.held(*product, *receivable);
            journal.transfer(*receivable, *income, missing, gl_date);
        }
        entries.into_iter().map(|(product, journal)| (product, journal.finish())).collect()
    }
}

/// Adds what one account has earned, as the books of each day know it, to that day's earnings.
/// `past` is the account's whole stream, `days` in order.
pub(crate) fn add_earnings(past: &[PastEvent], days: &[DayScope], earnings: &mut [Earnings]) {
    let mut account = Account::Absent;
    let mut rest = past;
    for (day, earnings) in days.iter().zip(earnings) {
        while let Some((next, later)) = rest.split_first()
            && day.knows(&next.event, next.position)
        {
            account = evolve(account, &next.event, next.received_at);
            rest = later;
        }
        // A 24:00 run posts to its day after something was posted to the next one.
        let known: Vec<_> =
            rest.iter().filter(|past| day.knows(&past.event, past.position)).collect();
        let ahead = known.into_iter().fold(None, |ahead: Option<Account>, past| {
            let before = ahead.unwrap_or_else(|| account.clone());
            Some(evolve(before, &past.event, past.received_at))
        });
        if let Account::Open(open) = ahead.as_ref().unwrap_or(&account) {
            earnings.add(&open.book, day);
        }
    }
}
