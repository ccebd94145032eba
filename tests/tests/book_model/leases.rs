//! How a lease ends before its last rental: the vehicle is bought or comes back, or everything is
//! charged off.

use chrono::{Datelike, NaiveDate};

use crate::days::after;
use crate::model::{Split, Taken};
use crate::rational::Fraction;
use crate::walk::{SMALL_BALANCE, Walk};

/// What the vehicle costs on a day, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price {
    /// Rentals to come, without tax, and the tax that would have come with them.
    pub(crate) ahead: i128,
    tax_ahead: i128,
    pub(crate) residual: i128,
    pub(crate) sales_tax: i128,
}

impl Price {
    /// By how much it is more than what the lease asks for anyway.
    pub(crate) const fn more(&self) -> i128 {
        self.residual + self.sales_tax - self.tax_ahead
    }
}

impl Walk<'_> {
    /// Does no rental fall due any more?
    pub(crate) const fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Rentals that remain, with tax.
    pub(crate) fn rentals_left(&self) -> i128 {
        let runs = self.contract.lease && !self.is_over();
        if runs { self.plan.total_of(self.plan.len()) - self.billed } else { 0 }
    }

    /// What the rentals due by the close of `day` come to.
    fn due_total(&self, day: NaiveDate) -> i128 {
        self.plan.total_of(self.plan.due_before(after(day, 1)))
    }

    /// Of the rentals that remain, those due by the close of `day`.
    pub(crate) fn rentals_due(&self, day: NaiveDate) -> i128 {
        if self.rentals_left() == 0 { 0 } else { (self.due_total(day) - self.billed).max(0) }
    }

    /// What it takes to buy the vehicle on `day`, if it can be bought.
    pub(crate) fn price(&self, day: NaiveDate) -> Option<Price> {
        let residual = self.contract.residual;
        if !self.contract.lease || residual == 0 || self.is_over() || self.back.is_some() {
            return None;
        }
        let from = self.due_total(day).max(self.billed);
        let (ahead, tax_ahead) = self.base_and_tax(from, self.plan.total_of(self.plan.len()));
        let taxed = (ahead + residual) * self.contract.sales_tax;
        let sales_tax = Fraction::new(taxed, 1_000_000).half_up();
        Some(Price { ahead, tax_ahead, residual, sales_tax })
    }

    /// A payment that, with the customer's credit balance, buys the vehicle: all of it, or all but
    /// a small balance.
    pub(crate) fn buy(&mut self, day: NaiveDate, amount: i128, quoted: bool) -> Option<Split> {
        let price = self.price(day)?;
        let (due, fees) = (self.rentals_due(day), self.fees_due());
        let whole = due + fees + price.ahead + price.sales_tax + price.residual;
        let have = amount + self.credit;
        let missing = (whole - have).max(0);
        if missing > 0 {
            let goes_for_it = quoted || have > self.rentals_left() + fees;
            if missing > SMALL_BALANCE || missing > price.residual || !goes_for_it {
                return None;
            }
        }
        let (base, tax) = self.base_and_tax(self.billed, self.billed + due);
        let split = Split {
            fees,
            rentals: base + price.ahead,
            tax,
            residual: price.residual - missing,
            sales_tax: price.sales_tax,
            credit: amount - (whole - missing),
            written_residual: missing,
            ..Split::default()
        };
        // All base rentals are earned; tax on those that were due, or paid before their day.
        let all = self.plan.total_of(self.plan.len());
        let taxed = self.due_total(day).max(self.billed);
        self.ended = Some((self.base_and_tax(0, all).0, self.base_and_tax(0, taxed).1));
        self.bought = true;
        self.pay_fees(fees);
        self.credit += split.credit;
        self.billed += split.rentals + split.tax;
        Some(split)
    }

    /// The vehicle comes back: what falls due later does not, and what was paid for it is the
    /// customer's. One that was bought does not come back.
    pub(crate) fn take_back(&mut self, day: NaiveDate) {
        if self.is_over() || self.back.is_some() {
            return;
        }
        let owed = self.due_total(day);
        self.plan.end(day);
        let ahead = (self.billed - owed).max(0);
        self.back = Some(self.base_and_tax(owed, owed + ahead));
        self.billed -= ahead;
        self.credit += ahead;
    }

    /// What everything is that is charged off of a lease, beside fees.
    pub(crate) fn give_up_rentals(&mut self, day: NaiveDate, taken: &mut Taken) {
        if !self.contract.lease || self.is_over() {
            return;
        }
        (taken.rentals, taken.rental_tax) =
            self.base_and_tax(self.billed, self.billed + self.rentals_due(day));
        let taxed = self.due_total(day).max(self.billed);
        taken.rentals_ahead = self.base_and_tax(taxed, self.plan.total_of(self.plan.len())).0;
        // Rentals of this month are no income any more; those due at the opening never were any.
        let plan = Walk::new(self.contract).plan;
        let opening = plan.due_before(after(self.contract.opened, 1));
        let of_month = (opening..self.plan.due_before(after(day, 1))).filter(|number| {
            let due = self.plan.due(*number);
            (due.year(), due.month()) == (day.year(), day.month())
        });
        let of_month = of_month.fold(0, |sum, number| {
            let (from, to) = (self.plan.total_of(number), self.plan.total_of(number + 1));
            sum + self.base_and_tax(from, to).0
        });
        taken.rentals_of_month = of_month.min(taken.rentals);
        self.ended = Some(self.base_and_tax(0, taxed));
    }
}
