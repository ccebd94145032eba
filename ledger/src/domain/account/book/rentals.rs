//! What has been earned, or billed, and is in the general ledger or is to come there.

use chrono::NaiveDate;

use super::running::{Cut, End};
use super::{Book, Decimal};
use crate::domain::account::instalments::Instalments;
use crate::domain::journal::LedgerAccount;
use crate::domain::money::Money;
use crate::domain::product::Product;

/// A receivable, its income, and what of it is not in the general ledger.
type Unbooked = (LedgerAccount, LedgerAccount, Decimal);

/// Rentals that are billed on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain::account) struct Billed {
    pub(in crate::domain::account) on: NaiveDate,
    pub(in crate::domain::account) base: Money,
    pub(in crate::domain::account) tax: Money,
}

impl Book {
    /// From when on the rentals of a lease fall due no more, if that is before the last one.
    pub(in crate::domain::account) fn cut(&self) -> Option<Cut> {
        self.running(NaiveDate::MAX).cut()
    }

    /// The day on which the lessee bought the vehicle.
    pub fn vehicle_bought(&self) -> Option<NaiveDate> {
        self.cut().filter(|cut| cut.why == End::Bought).map(|cut| cut.on)
    }

    /// The day on which the leased vehicle came back.
    pub fn vehicle_returned(&self) -> Option<NaiveDate> {
        let returned = |cut: &Cut| matches!(cut.why, End::Returned { .. });
        self.cut().filter(returned).map(|cut| cut.on)
    }

    /// How many rentals had fallen due when the account was opened.
    pub(in crate::domain::account) fn opening_rentals(&self) -> u32 {
        Instalments::new(&self.terms).due_count(self.terms.opened_date)
    }

    /// The rentals that are billed when the first `count` have fallen due, but for those that were
    /// due at the opening. Where a lease ends otherwise it is what was paid, or charged off, of all
    /// rentals: a purchase bills the rentals ahead at once, without tax, and what was paid ahead
    /// before stays a rental with its tax.
    pub(in crate::domain::account) fn billed_of(&self, count: u32) -> Vec<Billed> {
        let cut = self.cut();
        let dates =
            cut.map_or_else(|| self.instalments.clone(), |cut| self.instalments_as_of(cut.on));
        let plan = dates.plan();
        let between = |on, start: Money, end: Money| {
            let tax = plan.tax_between(start, end);
            Billed { on, base: end - start - tax, tax }
        };
        let opening = self.opening_rentals();
        let rental = |index: u32| {
            let (start, end) = (plan.total_of(index), plan.total_of(index.saturating_add(1)));
            between(dates.due_date(index), start, end)
        };
        let mut billed: Vec<Billed> =
            (opening..cut.map_or(count, |cut| cut.due)).map(rental).collect();
        if let Some(cut) = cut {
            // An extension may have moved what was due at the opening, which is billed all the
            // same.
            let known = plan.total_of(cut.due.max(opening));
            let known = between(cut.on, Money::ZERO, known);
            let (base, tax) = (cut.base - known.base, cut.tax - known.tax);
            billed.push(Billed { on: cut.on, base, tax });
        }
        billed
    }

    /// What was earned by `as_of` and is not in the general ledger: the receivable, the income, and
    /// the exact difference, which is below zero where too much is booked. No difference while no
    /// income is booked, and once no rental falls due any more.
    pub fn unbooked(&self, as_of: NaiveDate) -> Vec<Unbooked> {
        self.less_booked(as_of, Self::interest_receivable)
    }

    /// The same with the fraction of a cent that an account carries which earns nothing any more:
    /// as closes had it before they left it out.
    pub fn unbooked_with_fractions(&self, as_of: NaiveDate) -> Vec<Unbooked> {
        self.less_booked(as_of, Self::interest_due_exactly)
    }

    fn less_booked(
        &self,
        as_of: NaiveDate,
        interest: fn(&Self, NaiveDate) -> Decimal,
    ) -> Vec<Unbooked> {
        match self.terms.product {
            Product::Lease => {
                let plan = self.instalments.plan();
                let from = self.rentals_billed;
                let to = match self.cut() {
                    Some(_) => from,
                    None => self.instalments.due_count(as_of).max(from),
                };
                let (start, end) = (plan.total_of(from), plan.total_of(to));
                let tax = plan.tax_between(start, end);
                let base = end - start - tax;
                vec![
                    (LedgerAccount::RentalsReceivable, LedgerAccount::LeaseIncome, base.decimal()),
                    (LedgerAccount::LeaseTaxReceivable, LedgerAccount::TaxPayable, tax.decimal()),
                ]
            }
            Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => {
                let account = LedgerAccount::AccruedInterest;
                let missing = if self.is_non_accrual() {
                    Decimal::ZERO
                } else {
                    let booked = self.ledger_balance(account).decimal();
                    interest(self, as_of).saturating_sub(booked)
                };
                vec![(account, LedgerAccount::InterestIncome, missing)]
            }
        }
    }
}
