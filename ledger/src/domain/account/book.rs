//! The money of an account: a timeline of what moved it by effective date, and what follows.
//!
//! The splits on the timeline are those that were recorded. Where a movement is inserted or taken
//! out, [`Book::reallocate`] works out anew what every later payment pays; the decision records the
//! result, and replay only writes it down.

mod accruing;
mod billing;
pub mod explain;
mod rentals;
mod running;
mod standing;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::buyout::Buyout;
use super::events::{ChargedOff, FeeKind, Posting, Split};
use super::instalments::{Instalments, Shift};
use super::terms::Terms;
use crate::domain::journal::LedgerAccount;
use crate::domain::money::{Amount, Money, Rate};
use crate::domain::product::Channel;
use crate::domain::rulebook::Rulebook;
use crate::ids::{AdjustmentId, ChargeOffId, FeeId, PaymentId, RefundId};
pub use billing::{Billing, Satisfied};
pub(super) use rentals::Billed;
pub(super) use running::{Cut, End};
use running::{Paying, Running, month_of};
pub use standing::InstalmentStanding;

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

/// What moves an account's money, or what is to be paid when.
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
        /// Does it pay a payoff quote?
        payoff: bool,
        /// What it pays.
        split: Split,
    },
    /// A fee charged.
    Fee {
        /// The fee.
        id: FeeId,
        /// What for.
        kind: FeeKind,
        /// How much.
        amount: Amount,
    },
    /// A credit balance sent back.
    Refund {
        /// The refund.
        id: RefundId,
        /// How much.
        amount: Amount,
    },
    /// Another rate.
    Rate(Rate),
    /// Principal corrected.
    Principal {
        /// The adjustment.
        id: AdjustmentId,
        /// What is added; below zero what is taken off.
        change: Money,
        /// What was taken off beyond the principal that there was: a credit balance. Below zero
        /// what was added and a credit balance paid.
        credited: Money,
    },
    /// Due dates moved.
    Shift(Shift),
    /// A leased vehicle came back.
    VehicleReturned {
        /// How many rentals fall due at all.
        due: u32,
    },
    /// Written off as a loss.
    ChargeOff {
        /// The charge-off.
        id: ChargeOffId,
        /// So much of the principal only.
        part: Option<Amount>,
        /// What it takes.
        taken: ChargedOff,
    },
}

impl Movement {
    /// Does it charge off everything owed?
    pub(super) const fn is_whole_charge_off(&self) -> bool {
        matches!(self, Self::ChargeOff { part: None, .. })
    }

    /// Is it that payment?
    pub(super) fn is_payment(&self, payment: PaymentId) -> bool {
        matches!(self, Self::Payment { id, .. } if *id == payment)
    }

    /// Is it that fee?
    pub(super) fn is_fee(&self, fee: FeeId) -> bool {
        matches!(self, Self::Fee { id, .. } if *id == fee)
    }

    /// Is it that refund?
    pub(super) fn is_refund(&self, refund: RefundId) -> bool {
        matches!(self, Self::Refund { id, .. } if *id == refund)
    }
}

/// The timeline and the general-ledger balances of one account. A copy shares the contract, and the
/// timeline until one of them writes to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// The contract.
    pub terms: Arc<Terms>,
    entries: Arc<Vec<Entry>>,
    instalments: Instalments,
    ledger: BTreeMap<LedgerAccount, Money>,
    accrued_through: NaiveDate,
    rentals_billed: u32,
    non_accrual: Option<NaiveDate>,
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
    /// Lease rentals that remain, due or not.
    pub rentals_remaining: Money,
    /// Of them, those that have fallen due.
    pub rentals_due: Money,
    /// What it takes to buy the leased vehicle. None if there is none to be bought.
    pub buyout: Option<Buyout>,
    /// What payments have paid of the contract, which satisfies the instalments, oldest first: it
    /// can be more than they come to, as after a payoff.
    pub billed: Money,
    /// What was charged off and not recovered: owed all the same.
    pub charged_off: Money,
    /// Money above everything that was owed; below zero what was refunded too much.
    pub credit: Money,
    /// Instalments due before this day and not met, fees apart; never more than is owed.
    pub past_due: Money,
    /// The due date of the oldest instalment that is not met, whether due yet or not. None once
    /// nothing is owed.
    pub oldest_unpaid_due_date: Option<NaiveDate>,
    /// Is nothing owed any more? A credit balance stands against fees that came after it.
    pub owes_nothing: bool,
}

/// What payments pay, and charge-offs take, that are effective on or after a day.
#[derive(Debug, Default)]
pub(super) struct Reallocated {
    pub(super) splits: Vec<(PaymentId, Split)>,
    pub(super) taken: Vec<(ChargeOffId, ChargedOff)>,
    pub(super) credited: Vec<(AdjustmentId, Money)>,
}

impl Book {
    /// The book of an account that opens with `terms`.
    pub fn new(terms: Terms) -> Self {
        let accrued_through = terms.opened_date;
        let instalments = Instalments::new(&terms);
        let rentals_billed = instalments.due_count(accrued_through);
        Self {
            terms: Arc::new(terms),
            entries: Arc::default(),
            instalments,
            ledger: BTreeMap::new(),
            accrued_through,
            rentals_billed,
            non_accrual: None,
        }
    }

    /// The timeline, by effective date and order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The instalments, as they fall due by everything that is known.
    pub const fn instalments(&self) -> &Instalments {
        &self.instalments
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

    /// How many rentals of a lease are in the general ledger.
    pub(super) const fn rentals_billed(&self) -> u32 {
        self.rentals_billed
    }

    /// Is no interest income booked until the account is current again?
    pub const fn is_non_accrual(&self) -> bool {
        self.non_accrual.is_some()
    }

    /// Since when that is so: interest of that day and later ones is not booked.
    pub const fn non_accrual_since(&self) -> Option<NaiveDate> {
        self.non_accrual
    }

    /// The instalments as they fall due by what is effective on `as_of`.
    pub fn instalments_as_of(&self, as_of: NaiveDate) -> Instalments {
        let known = self.entries.partition_point(|entry| entry.effective <= as_of);
        shifted(&self.terms, self.entries.get(..known).unwrap_or_default())
    }

    /// The yearly rate at which `date` earns.
    pub fn rate_on(&self, date: NaiveDate) -> Rate {
        let changes = self.entries.iter().take_while(|entry| entry.effective <= date);
        changes.fold(self.terms.annual_rate, |rate, entry| {
            if let Movement::Rate(changed) = &entry.what { *changed } else { rate }
        })
    }

    fn running(&self, as_of: NaiveDate) -> Running<'_> {
        let mut running = Running::new(&self.terms);
        for entry in self.entries.iter().take_while(|entry| entry.effective <= as_of) {
            running.follow(entry);
        }
        running
    }

    /// The account's standing at the close of `as_of`, from the recorded splits.
    pub fn standing(&self, as_of: NaiveDate) -> Standing {
        self.running(as_of).standing(as_of)
    }

    /// Interest accrued and unpaid at the close of `as_of`, exactly.
    pub fn interest_due_exactly(&self, as_of: NaiveDate) -> Decimal {
        let running = self.running(as_of).to(as_of);
        running.accrued_exactly().saturating_sub(running.accrued_paid().decimal())
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
        Self {
            terms: Arc::clone(&self.terms),
            instalments: shifted(&self.terms, &entries),
            entries: Arc::new(entries),
            ledger: self.ledger.clone(),
            ..*self
        }
    }

    /// Works out what each payment effective on or after `from` pays, and each charge-off takes, in
    /// order, under the waterfalls of `rules`, and writes it on the timeline.
    pub(super) fn reallocate(&mut self, from: NaiveDate, rules: &Rulebook) -> Reallocated {
        let Self { terms, entries, .. } = self;
        let entries = Arc::make_mut(entries);
        let mut running = Running::new(terms);
        let mut done = Reallocated::default();
        for at in 0..entries.len() {
            let (before, rest) = entries.split_at_mut(at);
            let Some(entry) = rest.first_mut().filter(|entry| entry.effective >= from) else {
                rest.first().into_iter().for_each(|entry| running.follow(entry));
                continue;
            };
            let on = entry.effective;
            match &mut entry.what {
                Movement::Payment { id, amount, payoff, split, .. } => {
                    let paying = Paying { amount: *amount, on, payoff: *payoff };
                    *split = running.allocate(paying, rules);
                    done.splits.push((*id, *split));
                }
                Movement::ChargeOff { id, part, taken } => {
                    *taken = running.take(*part, on, &month_start(terms, before, on));
                    accruing::leave_unbooked(taken, (&**terms, &*before), on, rules);
                    done.taken.push((*id, *taken));
                }
                Movement::Principal { id, change, credited } => {
                    *credited = running.credited(*change);
                    done.credited.push((*id, *credited));
                }
                Movement::Fee { .. }
                | Movement::Refund { .. }
                | Movement::Rate(_)
                | Movement::Shift(_)
                | Movement::VehicleReturned { .. } => {}
            }
            running.follow(entry);
        }
        done
    }

    /// Writes down what payments pay and charge-offs take.
    fn restate(&mut self, posting: &Posting) {
        let splits: BTreeMap<_, _> =
            posting.reallocated.iter().map(|moved| (moved.payment, moved.split)).collect();
        for entry in Arc::make_mut(&mut self.entries) {
            match &mut entry.what {
                Movement::Payment { id, split, .. } => {
                    if let Some(moved) = splits.get(id) {
                        *split = *moved;
                    }
                }
                Movement::ChargeOff { id, taken, .. } => {
                    let moved = posting.charge_offs.iter().find(|moved| moved.charge_off == *id);
                    *taken = moved.map_or(*taken, |moved| moved.taken);
                }
                Movement::Principal { id, credited, .. } => {
                    let moved = posting.adjustments.iter().find(|moved| moved.adjustment == *id);
                    *credited = moved.map_or(*credited, |moved| moved.credited);
                }
                Movement::Fee { .. }
                | Movement::Refund { .. }
                | Movement::Rate(_)
                | Movement::Shift(_)
                | Movement::VehicleReturned { .. } => {}
            }
        }
    }

    /// Records an entry; keeps the timeline in order.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.instalments.follow(&entry);
        let key = (entry.effective, entry.order);
        let at = self.entries.partition_point(|other| (other.effective, other.order) <= key);
        Arc::make_mut(&mut self.entries).insert(at, entry);
    }

    /// Takes movements off the timeline.
    pub(super) fn remove(&mut self, is_it: impl Fn(&Movement) -> bool) {
        Arc::make_mut(&mut self.entries).retain(|entry| !is_it(&entry.what));
    }

    /// Writes down what a money event posted.
    pub(super) fn post(&mut self, effective: NaiveDate, posting: &Posting) {
        self.post_lines(posting);
        let through = posting.gl_date(effective).max(effective);
        self.accrued_through = self.accrued_through.max(through);
        let due = self.instalments.due_count(self.accrued_through);
        self.rentals_billed = self.rentals_billed.max(due);
        if posting.restates() {
            self.restate(posting);
        }
    }

    /// Writes down what is posted to the general ledger, and brings nothing up to any day.
    pub(super) fn post_lines(&mut self, posting: &Posting) {
        for line in &posting.lines {
            *self.ledger.entry(line.account).or_default() += line.amount;
        }
    }

    /// Stops booking interest income from a day on, or starts again.
    pub(super) const fn set_non_accrual(&mut self, since: Option<NaiveDate>) {
        self.non_accrual = since;
    }
}

/// The instalments of a contract as the movements of a timeline shift them.
fn shifted(terms: &Terms, entries: &[Entry]) -> Instalments {
    let mut instalments = Instalments::new(terms);
    for entry in entries {
        instalments.follow(entry);
    }
    instalments
}

/// The account as it stood when the month of `on` began.
fn month_start<'a>(terms: &'a Terms, before: &[Entry], on: NaiveDate) -> Running<'a> {
    let start = month_of(on);
    let mut running = Running::new(terms);
    for entry in before.iter().take_while(|entry| entry.effective < start) {
        running.follow(entry);
    }
    running.to(start)
}
