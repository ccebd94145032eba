//! The rentals of a lease while the timeline is walked, and where they end before the last one.

use chrono::NaiveDate;

use super::{Paying, Running, month_of};
use crate::domain::account::buyout::Buyout;
use crate::domain::account::events::{ChargedOff, Split, WriteOff};
use crate::domain::account::instalments::Instalments;
use crate::domain::money::Money;
use crate::domain::product::Product;
use crate::domain::rulebook::Rulebook;

/// The day from which the rentals of a lease fall due no more: the vehicle was bought or came back,
/// or everything was charged off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain::account) struct Cut {
    pub(in crate::domain::account) on: NaiveDate,
    /// How many rentals had fallen due.
    pub(in crate::domain::account) due: u32,
    /// What is billed of all rentals then, without tax: everything that was paid, or charged off;
    /// with a vehicle that came back what had fallen due.
    pub(in crate::domain::account) base: Money,
    /// The tax billed with it.
    pub(in crate::domain::account) tax: Money,
    /// Why?
    pub(in crate::domain::account) why: End,
}

/// Why a lease ended before its last rental.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain::account) enum End {
    /// The vehicle was bought.
    Bought,
    /// Everything was charged off.
    ChargedOff,
    /// The vehicle came back. What had been paid ahead, base and tax, is a credit balance.
    Returned { base_ahead: Money, tax_ahead: Money },
}

impl Running<'_> {
    pub(in crate::domain::account::book) const fn cut(&self) -> Option<Cut> {
        self.cut
    }

    fn is_lease(&self) -> bool {
        self.terms.product == Product::Lease
    }

    /// No rental falls due any more from today on. Of what had fallen due, nothing is receivable
    /// any more: it was paid, or given up, base and tax.
    pub(super) fn cut_off(&mut self, (base, tax): (Money, Money), why: End) {
        if !self.is_lease() {
            return;
        }
        self.rentals_gone = true;
        if self.cut.is_none() {
            let due = self.instalments.due_count(self.at);
            let (base, tax) = (self.rentals_paid + base, self.rental_tax_paid + tax);
            self.cut = Some(Cut { on: self.at, due, base, tax, why });
        }
    }

    /// The vehicle comes back: the first `due` rentals are owed, and no others. What was paid ahead
    /// for those is the customer's. One that was bought meanwhile does not come back.
    pub(super) fn hand_back(&mut self, due: u32) {
        if !self.is_lease() || self.cut.is_some() {
            return;
        }
        self.instalments.end(due);
        let (plan, owed) = (self.instalments.plan(), self.instalments.total());
        let ahead = (self.billed - owed).at_least_zero();
        let tax_ahead = plan.tax_between(owed, owed + ahead);
        let tax = plan.tax_between(Money::ZERO, owed);
        let why = End::Returned { base_ahead: ahead - tax_ahead, tax_ahead };
        self.cut = Some(Cut { on: self.at, due, base: owed - tax, tax, why });
        self.credit += ahead;
        self.billed -= ahead;
    }

    /// Rentals that remain with their tax, due or not.
    pub(super) fn rentals_remaining(&self) -> Money {
        let remain = self.is_lease() && !self.rentals_gone;
        if remain { (self.instalments.total() - self.billed).at_least_zero() } else { Money::ZERO }
    }

    /// Rentals that have fallen due, with their tax, and are not paid.
    pub(super) fn rentals_due(&self) -> Money {
        let due = self.instalments.plan().total_of(self.instalments.due_count(self.at));
        (due - self.billed).at_least_zero().min(self.rentals_remaining())
    }

    /// What buying the vehicle takes today. None where there is none to be bought.
    pub(super) fn buyout(&self) -> Option<Buyout> {
        let option =
            self.terms.purchase_option.filter(|_| self.is_lease() && self.cut.is_none())?;
        let due = self.instalments.due_count(self.at);
        Some(option.buyout(self.instalments.plan(), due, self.billed))
    }

    /// What a payment pays that buys the vehicle, if it does: with a credit balance that there is
    /// it comes to everything the buy-out takes, or is short of it by a small balance only. Less
    /// buys nothing, since nobody owns a part of a vehicle: neither does what is left when it has
    /// paid rentals ahead, however much that is, or the quote would not be the price.
    pub(super) fn purchase(&self, paying: Paying, rules: &Rulebook) -> Option<Split> {
        let Buyout { rentals_ahead, tax_ahead, residual, sales_tax } = self.buyout()?;
        let (due, fees) = (self.rentals_due(), self.fees_due());
        let tax = self.instalments.plan().tax_between(self.billed, self.billed + due);
        let amount = paying.amount.money();
        let price = due + fees + rentals_ahead + sales_tax + residual;
        // Who pays the last rental and owes no more may leave a small residual unbought.
        let beyond = amount + self.credit > due + fees + rentals_ahead + tax_ahead;
        let short = (price - amount - self.credit).at_least_zero();
        may_be_short(short, residual, beyond, (paying, rules)).then(|| Split {
            fees,
            rentals: due - tax + rentals_ahead,
            tax,
            residual: residual - short,
            sales_tax,
            credit: amount + short - price,
            write_off: written_off(short),
            ..Split::default()
        })
    }

    /// What a charge-off takes of a lease: what has fallen due, and the rentals to come without
    /// their tax. The vehicle stays the lessor's.
    pub(super) fn rentals_taken(&self) -> ChargedOff {
        if !self.is_lease() || self.rentals_gone {
            return ChargedOff::default();
        }
        let (plan, due) = (self.instalments.plan(), self.rentals_due());
        let count = self.instalments.due_count(self.at);
        let rental_tax = plan.tax_between(self.billed, self.billed + due);
        let rentals = due - rental_tax;
        let all = self.instalments.total();
        let from = plan.total_of(count).max(self.billed);
        // What was due at the opening is no income of ours.
        let eve = month_of(self.at).pred_opt().unwrap_or(self.at);
        let opening = Instalments::new(self.terms).due_count(self.terms.opened_date);
        let earlier = self.instalments.due_count(eve).max(opening).min(count);
        let (start, end) = (plan.total_of(earlier), plan.total_of(count));
        let of_month = end - start - plan.tax_between(start, end);
        ChargedOff {
            rentals,
            rentals_of_month: rentals.min(of_month),
            rental_tax,
            rentals_ahead: all - from - plan.tax_between(from, all),
            ..ChargedOff::default()
        }
    }
}

/// May so much be missing of a vehicle's price? Nothing, or a small balance of somebody who means
/// to buy it: the payment pays a quote, or goes beyond everything that the lease asks for.
fn may_be_short(
    short: Money,
    residual: Money,
    beyond: bool,
    (paying, rules): (Paying, &Rulebook),
) -> bool {
    let small = short <= rules.payoff(paying.on).small_balance_max && short <= residual;
    short.is_zero() || (small && (paying.payoff || beyond))
}

fn written_off(short: Money) -> Option<WriteOff> {
    short.is_positive().then(|| WriteOff { residual: short, ..WriteOff::default() })
}
