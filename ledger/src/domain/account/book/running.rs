//! The account's money while the timeline is walked.

mod expected;
mod lease;

use chrono::{Datelike as _, NaiveDate};

use super::{Entry, Movement, Standing};
use crate::domain::account::events::{ChargedOff, FeeKind, Split, WriteOff};
use crate::domain::account::instalments::Instalments;
use crate::domain::account::terms::Terms;
use crate::domain::interest::Accrual;
use crate::domain::money::{Amount, Money, Rate};
use crate::domain::product::Product;
use crate::domain::rulebook::{Bucket, Rulebook};
pub(in crate::domain::account) use lease::{Cut, End};

/// A walk along the timeline.
#[derive(Debug, Clone)]
pub(super) struct Running<'a> {
    terms: &'a Terms,
    instalments: Instalments,
    rate: Rate,
    /// What was earned before `since`.
    accrual: Accrual,
    /// The last change of principal or rate. 30/360 counts its days from there, since its months
    /// cannot be cut in two.
    since: NaiveDate,
    at: NaiveDate,
    principal: Money,
    interest_paid: Money,
    late_fees: Money,
    returned_item_fees: Money,
    lease_charges: Money,
    billed: Money,
    charged_off: Money,
    /// Was everything charged off?
    given_up: bool,
    credit: Money,
    /// What was paid of a lease's rentals, and of the tax on them.
    rentals_paid: Money,
    rental_tax_paid: Money,
    cut: Option<Cut>,
    /// Are the rentals of a lease owed no more: the vehicle bought, or everything charged off?
    rentals_gone: bool,
}

/// A balance that earns at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Earning {
    pub(super) since: NaiveDate,
    pub(super) principal: Money,
    pub(super) rate: Rate,
}

/// A payment that is to be allocated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paying {
    pub(super) amount: Amount,
    pub(super) on: NaiveDate,
    /// Does it pay a payoff quote?
    pub(super) payoff: bool,
}

impl<'a> Running<'a> {
    pub(super) fn new(terms: &'a Terms) -> Self {
        Self {
            terms,
            instalments: Instalments::new(terms),
            rate: terms.annual_rate,
            accrual: Accrual::default(),
            since: terms.interest_paid_through,
            at: terms.interest_paid_through,
            principal: terms.principal,
            interest_paid: Money::ZERO,
            late_fees: terms.unpaid_fees,
            returned_item_fees: Money::ZERO,
            lease_charges: Money::ZERO,
            billed: Money::ZERO,
            charged_off: Money::ZERO,
            given_up: false,
            credit: Money::ZERO,
            rentals_paid: Money::ZERO,
            rental_tax_paid: Money::ZERO,
            cut: None,
            rentals_gone: false,
        }
    }

    fn advance(&mut self, to: NaiveDate) {
        self.at = self.at.max(to);
    }

    /// Counts what was earned until now before the balance, or the rate, is another.
    fn accrue(&mut self) {
        self.accrual = self.accrual_at(self.at);
        self.since = self.at;
    }

    fn accrual_at(&self, date: NaiveDate) -> Accrual {
        let mut accrual = self.accrual;
        accrual.add(self.principal, self.rate, self.terms.day_count, self.since, date);
        accrual
    }

    fn move_principal(&mut self, change: Money) {
        if !change.is_zero() {
            self.accrue();
            self.principal += change;
        }
    }

    /// What earns now: since when, how much, and at which rate.
    pub(super) const fn earning(&self) -> Earning {
        Earning { since: self.since, principal: self.principal, rate: self.rate }
    }

    /// Everything accrued since the origin, exactly, with what was carried over.
    pub(super) fn accrued_exactly(&self) -> rust_decimal::Decimal {
        let accrued = self.accrual_at(self.at).dollars();
        accrued.saturating_add(self.terms.interest_carry.decimal())
    }

    fn accrued(&self) -> Money {
        Money::round_half_up(self.accrued_exactly())
    }

    /// Rounded since the origin, less what was paid: the fraction is carried, never lost.
    fn interest_due(&self) -> Money {
        self.accrued() + self.terms.unpaid_interest - self.interest_paid
    }

    /// What was paid of the interest since the origin, boarded interest first.
    pub(super) fn accrued_paid(&self) -> Money {
        self.interest_paid - self.terms.unpaid_interest
    }

    fn fees_due(&self) -> Money {
        self.late_fees + self.returned_item_fees + self.lease_charges
    }

    pub(super) fn to(mut self, as_of: NaiveDate) -> Self {
        self.advance(as_of);
        self
    }

    pub(super) fn standing(self, as_of: NaiveDate) -> Standing {
        let running = self.to(as_of);
        let (interest_due, fees_due) = (running.interest_due(), running.fees_due());
        let rentals_remaining = running.rentals_remaining();
        // A credit balance stands against interest and fees that came after it.
        let charges = interest_due + fees_due + running.charged_off - running.credit;
        let owes_nothing = !(running.principal + rentals_remaining + charges).is_positive();
        let (plan, count) = (running.instalments.plan(), running.instalments.count());
        let covered = running.instalments.covered_count(running.billed);
        // What is still owed after the last instalment has been due since then.
        let oldest = covered.min(count.saturating_sub(1));
        let owed = running.principal + interest_due + rentals_remaining + running.charged_off;
        // An unpaid fee alone makes nothing late (16 CFR 444.4).
        let is_due = !owes_nothing && owed.is_positive() && count > 0;
        let oldest_unpaid_due_date = is_due.then(|| running.instalments.due_date(oldest));
        let due = as_of.pred_opt().map_or(0, |day| running.instalments.due_count(day));
        let open = (plan.total_of(due) - running.billed).at_least_zero();
        let past_due = if !is_due {
            Money::ZERO
        } else if due >= count {
            owed
        } else if due > covered {
            open.min(owed)
        } else {
            Money::ZERO
        };
        Standing {
            as_of,
            principal: running.principal,
            interest_due,
            fees_due,
            rentals_remaining,
            rentals_due: running.rentals_due(),
            buyout: running.buyout(),
            billed: running.billed,
            charged_off: running.charged_off,
            credit: running.credit,
            past_due: past_due.at_least_zero(),
            oldest_unpaid_due_date,
            owes_nothing,
        }
    }

    pub(super) fn follow(&mut self, entry: &Entry) {
        self.advance(entry.effective);
        match &entry.what {
            Movement::Payment { amount, split, .. } => self.pay(*amount, split),
            Movement::Fee { kind, amount, .. } => match kind {
                FeeKind::Late => self.late_fees += amount.money(),
                FeeKind::ReturnedItem => self.returned_item_fees += amount.money(),
                FeeKind::EarlyTermination
                | FeeKind::Disposition
                | FeeKind::ExcessWear
                | FeeKind::ExcessMileage
                | FeeKind::Toll
                | FeeKind::PropertyTax => self.lease_charges += amount.money(),
            },
            Movement::Refund { amount, .. } => self.credit -= amount.money(),
            // One that an earlier change has made the rate already changes nothing.
            Movement::Rate(rate) if *rate == self.rate => {}
            Movement::Rate(rate) => {
                self.accrue();
                self.rate = *rate;
            }
            Movement::Principal { change, credited, .. } => {
                self.move_principal(*change + *credited);
                self.credit += *credited;
            }
            Movement::Shift(_) => self.instalments.follow(entry),
            Movement::VehicleReturned { due } => self.hand_back(*due),
            Movement::ChargeOff { part, taken, .. } => {
                self.charge_off(taken);
                if part.is_none() {
                    self.given_up = true;
                    self.cut_off((taken.rentals, taken.rental_tax), End::ChargedOff);
                }
            }
        }
    }

    pub(super) fn pay(&mut self, amount: Amount, split: &Split) {
        let forgiven = split.write_off.unwrap_or_default();
        self.interest_paid += split.interest + forgiven.interest;
        self.move_principal(-(split.principal + forgiven.principal));
        self.pay_fees(split.fees + forgiven.fees);
        self.charged_off -= split.recovery;
        self.credit += split.credit + forgiven.credit;
        self.billed += split.billed(amount, self.given_up);
        self.rentals_paid += split.rentals;
        self.rental_tax_paid += split.tax;
        if split.is_purchase() {
            self.cut_off((Money::ZERO, Money::ZERO), End::Bought);
        }
    }

    /// Late fees first, charges of a lease last: the order matters to a charge-off only, which
    /// reverses income by kind.
    fn pay_fees(&mut self, fees: Money) {
        let late = fees.min(self.late_fees.at_least_zero());
        let returned = (fees - late).min(self.returned_item_fees.at_least_zero());
        self.late_fees -= late;
        self.returned_item_fees -= returned;
        self.lease_charges -= fees - late - returned;
    }

    fn charge_off(&mut self, taken: &ChargedOff) {
        self.interest_paid += taken.interest;
        self.move_principal(-taken.principal);
        self.late_fees -= taken.late_fees;
        self.returned_item_fees -= taken.returned_item_fees;
        self.lease_charges -= taken.lease_charges;
        self.charged_off += taken.total();
    }

    /// How much of an adjustment goes to the credit balance: what it takes off beyond the principal
    /// that there is. Below zero what it takes from a credit balance before it adds to principal,
    /// since nobody owes principal and is owed money at once.
    pub(super) fn credited(&self, change: Money) -> Money {
        let beyond = (-(self.principal + change)).at_least_zero();
        beyond - change.min(self.credit).at_least_zero()
    }

    /// What a charge-off takes on `on`: the part of the principal that was asked for, or everything
    /// owed. `month_start` is the account as it stood when the month began.
    pub(super) fn take(
        &mut self,
        part: Option<Amount>,
        on: NaiveDate,
        month_start: &Self,
    ) -> ChargedOff {
        self.advance(on);
        if let Some(part) = part {
            let principal = part.money().min(self.principal);
            return ChargedOff { principal, ..ChargedOff::default() };
        }
        let interest = self.interest_due().at_least_zero();
        let of_month = (self.accrued() - month_start.accrued()).at_least_zero();
        ChargedOff {
            principal: self.principal,
            interest,
            interest_of_month: interest.min(of_month),
            late_fees: self.late_fees,
            returned_item_fees: self.returned_item_fees,
            lease_charges: self.lease_charges,
            ..self.rentals_taken()
        }
    }

    /// Fills the buckets of the product's waterfall in order, then what was charged off; what is
    /// left is a credit balance. The small rest of a payoff is written off. A payment that buys a
    /// leased vehicle pays all that at once.
    pub(super) fn allocate(&mut self, paying: Paying, rules: &Rulebook) -> Split {
        self.advance(paying.on);
        if let Some(split) = self.purchase(paying, rules) {
            return split;
        }
        let mut left = paying.amount.money();
        let mut split = Split::default();
        for bucket in rules.waterfall(self.terms.product, paying.on).order() {
            let part = self.room(*bucket, paying, &split).at_least_zero().min(left);
            left -= part;
            match bucket {
                Bucket::Interest => split.interest += part,
                Bucket::DuePrincipal | Bucket::ExtraPrincipal => split.principal += part,
                Bucket::Fees | Bucket::OtherCharges => split.fees += part,
                Bucket::DueRentals | Bucket::FutureRentals => split.rentals += part,
            }
        }
        split.recovery = left.min(self.charged_off.at_least_zero());
        split.credit = left - split.recovery;
        let tax = self.instalments.plan().tax_between(self.billed, self.billed + split.rentals);
        split.rentals -= tax;
        split.tax = tax;
        split.write_off = self.small_rest(paying, &split, rules);
        split
    }

    /// How much `bucket` can take, after what the payment has paid so far.
    fn room(&self, bucket: Bucket, paying: Paying, so_far: &Split) -> Money {
        let due = self.due_before_fees(paying);
        let principal = self.principal - so_far.principal;
        match bucket {
            Bucket::Interest => self.interest_due(),
            Bucket::DuePrincipal if paying.on >= self.instalments.maturity_date() => principal,
            Bucket::DuePrincipal => (due - so_far.interest).at_least_zero().min(principal),
            Bucket::ExtraPrincipal => principal,
            Bucket::Fees => self.late_fees + self.returned_item_fees,
            Bucket::OtherCharges => self.lease_charges,
            Bucket::DueRentals => due.min(self.rentals_remaining()),
            Bucket::FutureRentals => self.rentals_remaining() - so_far.rentals,
        }
    }

    /// What comes before fees: past-due instalments and the current one, which is the first due on
    /// or after the day, so that an old fee never makes a new instalment late (16 CFR 444.4). While
    /// something is past due, an instalment that is not due yet comes before fees only if the
    /// payment covers it whole.
    fn due_before_fees(&self, paying: Paying) -> Money {
        let plan = self.instalments.plan();
        let past = paying.on.pred_opt().map_or(0, |day| self.instalments.due_count(day));
        let current = past.saturating_add(1).min(self.instalments.count());
        let open = |count| (plan.total_of(count) - self.billed).at_least_zero();
        let is_due = self.instalments.due_count(paying.on) >= current;
        let counts = is_due || open(past).is_zero() || paying.amount.money() >= open(current);
        open(if counts { current } else { past })
    }

    /// What a payoff leaves, if it is little enough to be written off. A payment is a payoff if it
    /// pays a quote, goes beyond everything billed so far, or comes when the contract is over.
    fn small_rest(&self, paying: Paying, split: &Split, rules: &Rulebook) -> Option<WriteOff> {
        match self.terms.product {
            Product::AutoLoan | Product::PersonalLoan => {}
            Product::Lease | Product::CreditCard => return None,
        }
        // A credit balance stands against interest and fees, and nobody is owed it besides.
        let mut credit = self.credit.at_least_zero();
        let mut beyond = |owed: Money| {
            let met = owed.at_least_zero().min(credit);
            credit -= met;
            owed.at_least_zero() - met
        };
        let rest = WriteOff {
            interest: beyond(self.interest_due() - split.interest),
            principal: self.principal - split.principal,
            fees: beyond(self.fees_due() - split.fees),
            residual: Money::ZERO,
            // What was sent back of money that did not stay is owed like everything else.
            credit: (-self.credit - split.credit).at_least_zero(),
        };
        let left = rest.interest + rest.principal + rest.fees + rest.credit;
        let small = left.is_positive() && left <= rules.payoff(paying.on).small_balance_max;
        if !small || self.charged_off != split.recovery {
            return None;
        }
        let billed = self.instalments.plan().total_of(self.instalments.due_count(paying.on));
        let due = (billed - self.billed).at_least_zero() + self.fees_due();
        let matured = paying.on >= self.instalments.maturity_date();
        (paying.payoff || matured || paying.amount.money() > due).then_some(rest)
    }
}

/// The first day of a date's month.
pub(super) fn month_of(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}
