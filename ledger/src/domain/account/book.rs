//! The money of an account: a timeline of payments and fees by effective date, and what follows.
//!
//! The splits on the timeline are those that were recorded. Where a payment is inserted or taken
//! out, [`Book::splits_after`] works out anew what every later payment pays; the decision records
//! the result, and replay only writes it down.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::events::{Posting, Split};
use super::terms::Terms;
use crate::domain::interest::Accrual;
use crate::domain::journal::LedgerAccount;
use crate::domain::money::{Amount, Money};
use crate::domain::product::{Channel, Product};
use crate::domain::rulebook::{Bucket, Rulebook};
use crate::ids::{FeeId, PaymentId};

/// One movement on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The day from which it counts.
    pub effective: NaiveDate,
    /// Later of two on one day: the order in which they were recorded.
    pub order: u64,
    /// What moved.
    pub what: Movement,
}

/// What moves an account's money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Movement {
    /// Money in.
    Payment {
        /// The payment.
        id: PaymentId,
        /// The whole of it.
        amount: Amount,
        /// By which way it came: where its clearing line goes.
        channel: Channel,
        /// What it pays.
        split: Split,
    },
    /// A fee charged.
    Fee {
        /// The fee.
        id: FeeId,
        /// How much.
        amount: Amount,
    },
}

/// The timeline and the general-ledger balances of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// The contract.
    pub terms: Terms,
    entries: Vec<Entry>,
    ledger: BTreeMap<LedgerAccount, Money>,
    accrued_through: NaiveDate,
}

/// Where an account's money stands at the close of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The day.
    pub as_of: NaiveDate,
    /// Principal owed.
    pub principal: Money,
    /// Interest accrued and unpaid, rounded half-up.
    pub interest_due: Money,
    /// Fees unpaid.
    pub fees_due: Money,
    /// What payments have satisfied of the instalments.
    pub billed: Money,
    /// Money above everything that was owed.
    pub credit: Money,
}

impl Book {
    /// The book of an account that opens with `terms`.
    pub fn new(terms: Terms) -> Self {
        let accrued_through = terms.opened_date;
        Self { terms, entries: Vec::new(), ledger: BTreeMap::new(), accrued_through }
    }

    /// The timeline, by effective date and order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The balance of a general-ledger account that comes from this account.
    pub fn ledger_balance(&self, account: LedgerAccount) -> Money {
        self.ledger.get(&account).copied().unwrap_or_default()
    }

    /// All general-ledger balances, debit above zero.
    pub fn ledger(&self) -> &BTreeMap<LedgerAccount, Money> {
        &self.ledger
    }

    /// The day through which accrued interest, or rentals billed, are in the general ledger.
    pub const fn accrued_through(&self) -> NaiveDate {
        self.accrued_through
    }

    /// The account's standing at the close of `as_of`, from the recorded splits.
    pub fn standing(&self, as_of: NaiveDate) -> Standing {
        let mut running = Running::new(&self.terms);
        for entry in self.entries.iter().take_while(|entry| entry.effective <= as_of) {
            running.follow(entry);
        }
        running.standing(as_of)
    }

    /// The standing after everything on the timeline: the latest entry's day, or the opening.
    pub fn final_standing(&self) -> Standing {
        let last = self.entries.last().map_or(self.terms.opened_date, |entry| entry.effective);
        self.standing(last)
    }

    /// The same book with `entries` for its timeline, which are brought into order.
    #[must_use]
    pub fn with_entries(&self, mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| (entry.effective, entry.order));
        Self { entries, ..self.clone() }
    }

    /// Works out what each payment effective on or after `from` pays, in order, under the
    /// waterfalls of `rules`.
    pub fn splits_after(&self, from: NaiveDate, rules: &Rulebook) -> Vec<(PaymentId, Split)> {
        let mut running = Running::new(&self.terms);
        let mut splits = Vec::new();
        for entry in &self.entries {
            match &entry.what {
                Movement::Payment { id, amount, .. } if entry.effective >= from => {
                    let split = running.allocate(*amount, entry.effective, rules);
                    running.pay(entry.effective, *amount, &split);
                    splits.push((*id, split));
                }
                Movement::Payment { .. } | Movement::Fee { .. } => running.follow(entry),
            }
        }
        splits
    }

    /// The due date of the oldest instalment that is not covered at the close of `as_of`, whether
    /// due yet or not. None once nothing is owed.
    pub fn oldest_unpaid_due_date(&self, as_of: NaiveDate) -> Option<NaiveDate> {
        let standing = self.standing(as_of);
        if standing.is_settled(&self.terms) {
            return None;
        }
        let plan = &self.terms.instalments;
        let covered = plan.covered_count(standing.billed);
        // What is still owed after the last instalment has been due since then.
        Some(plan.due_date(covered.min(plan.count.saturating_sub(1))))
    }

    /// Writes down what payments pay.
    pub(super) fn set_splits(&mut self, splits: &[(PaymentId, Split)]) {
        let splits: BTreeMap<_, _> = splits.iter().copied().collect();
        for entry in &mut self.entries {
            if let Movement::Payment { id, split, .. } = &mut entry.what
                && let Some(moved) = splits.get(id)
            {
                *split = *moved;
            }
        }
    }

    /// Records an entry; keeps the timeline in order.
    pub(super) fn insert(&mut self, entry: Entry) {
        let key = (entry.effective, entry.order);
        let at = self.entries.partition_point(|other| (other.effective, other.order) <= key);
        self.entries.insert(at, entry);
    }

    /// Takes a payment off the timeline.
    pub(super) fn remove_payment(&mut self, payment: PaymentId) {
        self.entries
            .retain(|entry| !matches!(entry.what, Movement::Payment { id, .. } if id == payment));
    }

    /// Takes a fee off the timeline.
    pub(super) fn remove_fee(&mut self, fee: FeeId) {
        self.entries.retain(|entry| !matches!(entry.what, Movement::Fee { id, .. } if id == fee));
    }

    /// Writes down what a money event posted.
    pub(super) fn post(&mut self, effective: NaiveDate, posting: &Posting) {
        for line in &posting.lines {
            *self.ledger.entry(line.account).or_default() += line.amount;
        }
        self.accrued_through = self.accrued_through.max(posting.gl_date(effective));
        if !posting.reallocated.is_empty() {
            let splits: Vec<_> =
                posting.reallocated.iter().map(|moved| (moved.payment, moved.split)).collect();
            self.set_splits(&splits);
        }
    }
}

impl Standing {
    /// Is nothing owed any more? A credit balance stands against fees that came after it.
    pub fn is_settled(&self, terms: &Terms) -> bool {
        let plan = &terms.instalments;
        let rentals_paid = match terms.product {
            Product::Lease => self.billed >= plan.total_of(plan.count),
            Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => true,
        };
        let charges = self.interest_due + self.fees_due - self.credit;
        self.principal.is_zero() && !charges.is_positive() && rentals_paid
    }

    /// What pays everything on this day: principal, interest, fees, less credit. For a lease the
    /// rentals that remain.
    pub fn payoff(&self, terms: &Terms) -> Money {
        let plan = &terms.instalments;
        let rentals = match terms.product {
            Product::Lease => (plan.total_of(plan.count) - self.billed).at_least_zero(),
            Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => Money::ZERO,
        };
        self.principal + self.interest_due + self.fees_due + rentals - self.credit
    }

    /// Instalments due before this day and not covered, fees apart; never more than is owed.
    pub fn past_due(&self, terms: &Terms) -> Money {
        let plan = &terms.instalments;
        let due = self.as_of.pred_opt().map_or(0, |yesterday| plan.due_count(yesterday));
        let open = (plan.total_of(due) - self.billed).at_least_zero();
        let owed = self.payoff(terms) - self.fees_due + self.credit;
        let after_maturity = due >= plan.count;
        if after_maturity { owed.at_least_zero() } else { open.min(owed).at_least_zero() }
    }
}

/// The account's money while the timeline is walked.
struct Running<'a> {
    terms: &'a Terms,
    at: NaiveDate,
    accrual: Accrual,
    principal: Money,
    interest_paid: Money,
    fees_due: Money,
    billed: Money,
    credit: Money,
}

impl<'a> Running<'a> {
    fn new(terms: &'a Terms) -> Self {
        Self {
            terms,
            at: terms.interest_paid_through,
            accrual: Accrual::default(),
            principal: terms.principal,
            interest_paid: Money::ZERO,
            fees_due: terms.unpaid_fees,
            billed: Money::ZERO,
            credit: Money::ZERO,
        }
    }

    fn advance(&mut self, to: NaiveDate) {
        let terms = self.terms;
        self.accrual.add(self.principal, terms.annual_rate, terms.day_count, self.at, to);
        self.at = self.at.max(to);
    }

    /// Rounded since the origin, less what was paid: the fraction is carried, never lost.
    fn interest_due(&self) -> Money {
        let accrued = Money::round_half_up(self.accrual.dollars());
        accrued + self.terms.unpaid_interest - self.interest_paid
    }

    fn standing(mut self, as_of: NaiveDate) -> Standing {
        self.advance(as_of);
        Standing {
            as_of,
            principal: self.principal,
            interest_due: self.interest_due(),
            fees_due: self.fees_due,
            billed: self.billed,
            credit: self.credit,
        }
    }

    fn follow(&mut self, entry: &Entry) {
        match &entry.what {
            Movement::Payment { amount, split, .. } => self.pay(entry.effective, *amount, split),
            Movement::Fee { amount, .. } => {
                self.advance(entry.effective);
                self.fees_due += amount.money();
            }
        }
    }

    fn pay(&mut self, on: NaiveDate, amount: Amount, split: &Split) {
        self.advance(on);
        self.interest_paid += split.interest;
        self.principal -= split.principal;
        self.fees_due -= split.fees;
        self.credit += split.credit;
        self.billed += amount.money() - split.fees - split.credit;
    }

    /// Fills the buckets of the product's waterfall in order; what is left is a credit balance.
    fn allocate(&mut self, amount: Amount, on: NaiveDate, rules: &Rulebook) -> Split {
        self.advance(on);
        let mut left = amount.money();
        let mut split = Split::default();
        for bucket in rules.waterfall(self.terms.product, on).order() {
            let part = self.room(*bucket, amount, on, &split).at_least_zero().min(left);
            left -= part;
            match bucket {
                Bucket::Interest => split.interest += part,
                Bucket::DuePrincipal | Bucket::ExtraPrincipal => split.principal += part,
                Bucket::Fees | Bucket::OtherCharges => split.fees += part,
                Bucket::DueRentals | Bucket::FutureRentals => split.rentals += part,
            }
        }
        split.credit = left;
        let plan = &self.terms.instalments;
        let tax = plan.tax_between(self.billed, self.billed + split.rentals);
        split.rentals -= tax;
        split.tax = tax;
        split
    }

    /// How much `bucket` can take on `on`, after what the payment has paid so far.
    fn room(&self, bucket: Bucket, amount: Amount, on: NaiveDate, so_far: &Split) -> Money {
        let plan = &self.terms.instalments;
        let due = self.due_before_fees(amount, on);
        let principal = self.principal - so_far.principal;
        match bucket {
            Bucket::Interest => self.interest_due(),
            Bucket::DuePrincipal if on >= plan.maturity_date() => principal,
            Bucket::DuePrincipal => (due - so_far.interest).at_least_zero().min(principal),
            Bucket::ExtraPrincipal => principal,
            Bucket::Fees => self.fees_due,
            // Nothing but fees is charged to a lease beside its rentals so far.
            Bucket::OtherCharges => Money::ZERO,
            Bucket::DueRentals => due,
            Bucket::FutureRentals => plan.total_of(plan.count) - self.billed - so_far.rentals,
        }
    }

    /// What comes before fees: past-due instalments and the current one, which is the first due on
    /// or after the day, so that an old fee never makes a new instalment late (16 CFR 444.4). While
    /// something is past due, an instalment that is not due yet comes before fees only if the
    /// payment covers it whole.
    fn due_before_fees(&self, amount: Amount, on: NaiveDate) -> Money {
        let plan = &self.terms.instalments;
        let past = on.pred_opt().map_or(0, |yesterday| plan.due_count(yesterday));
        let current = past.saturating_add(1).min(plan.count);
        let open = |count| (plan.total_of(count) - self.billed).at_least_zero();
        let is_due = plan.due_count(on) >= current;
        let counts = is_due || open(past).is_zero() || amount.money() >= open(current);
        open(if counts { current } else { past })
    }
}
