//! What a change of the timeline writes: the subject's lines, what other payments pay from now on,
//! and the interest or rentals that bring the general ledger up to the accounting day.

mod rentals;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Context;
use super::book::{Book, Entry, Movement, Reallocated};
use super::events::{
    AdjustmentRestated, ChargeOffRestated, ChargedOff, FeeKind, Posting, Reallocation, Split,
    WriteOff,
};
use crate::domain::journal::{Journal, LedgerAccount};
use crate::domain::money::Money;
use crate::domain::product::{Channel, Product};
use crate::ids::{AdjustmentId, ChargeOffId, PaymentId};

/// What the change is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// A payment that comes onto the timeline.
    PaymentIn(PaymentId, Channel),
    /// A payment that goes off it, and what it had paid.
    PaymentOut(Channel, Split),
    /// A fee that is charged.
    FeeCharged(FeeKind, Money),
    /// A fee that is taken back.
    FeeTakenBack(FeeKind, Money),
    /// Principal that is corrected, and by how much.
    Principal(AdjustmentId, Money),
    /// A charge-off.
    ChargeOff(ChargeOffId),
    /// A refund that goes out.
    Refund(Money),
    /// A refund that came back.
    RefundBack(Money),
    /// Another rate: no money of its own.
    Rate,
    /// A leased vehicle that came back: what follows for its rentals comes with the catch-up.
    VehicleReturned,
    /// Other due dates: nothing of its own, and nothing at all if no payment pays something else.
    DueDates,
    /// Nothing but what is missing in the general ledger.
    CatchUp,
}

/// A change of the timeline.
#[derive(Debug)]
pub(super) struct Change {
    /// What it is about.
    pub(super) subject: Subject,
    /// The timeline after it.
    pub(super) entries: Vec<Entry>,
    /// From when on payments may pay something else.
    pub(super) effective: NaiveDate,
    /// The accounting day.
    pub(super) gl_date: NaiveDate,
}

impl Change {
    /// One movement more on the timeline of `book`.
    pub(super) fn with(book: &Book, subject: Subject, entry: Entry, gl_date: NaiveDate) -> Self {
        let effective = entry.effective;
        let mut entries = book.entries().to_vec();
        entries.push(entry);
        Self { subject, entries, effective, gl_date }
    }

    /// The timeline of `book` without the movements that are meant.
    pub(super) fn without(
        book: &Book,
        subject: Subject,
        is_it: impl Fn(&Movement) -> bool,
        effective: NaiveDate,
        context: &Context<'_>,
    ) -> Self {
        let gl_date = context.gl_date();
        let entries = book.entries().iter().filter(|entry| !is_it(&entry.what)).cloned().collect();
        Self { subject, entries, effective, gl_date }
    }
}

/// What came of a change.
#[derive(Debug)]
pub(super) struct Restated {
    /// What the subject pays, if it is a payment that came in.
    pub(super) split: Split,
    /// What the subject takes, if it is a charge-off.
    pub(super) taken: ChargedOff,
    /// What of the subject goes to the credit balance, if it corrects principal.
    pub(super) credited: Money,
    /// What to record.
    pub(super) posting: Posting,
    /// The book with the change on its timeline, nothing of it posted.
    pub(super) after: Book,
}

/// What was recorded of a payment, or a charge-off, on or after a day.
#[derive(Default)]
struct Recorded {
    splits: BTreeMap<PaymentId, (NaiveDate, Channel, Split)>,
    taken: BTreeMap<ChargeOffId, (NaiveDate, ChargedOff)>,
    adjusted: BTreeMap<AdjustmentId, (NaiveDate, Money, Money)>,
}

impl Recorded {
    fn since(book: &Book, effective: NaiveDate) -> Self {
        let mut recorded = Self::default();
        for entry in book.entries().iter().rev().take_while(|entry| entry.effective >= effective) {
            match &entry.what {
                Movement::Payment { id, channel, split, .. } => {
                    recorded.splits.insert(*id, (entry.effective, *channel, *split));
                }
                Movement::ChargeOff { id, taken, .. } => {
                    recorded.taken.insert(*id, (entry.effective, *taken));
                }
                Movement::Principal { id, change, credited } => {
                    recorded.adjusted.insert(*id, (entry.effective, *change, *credited));
                }
                Movement::Fee { .. }
                | Movement::Refund { .. }
                | Movement::Rate(_)
                | Movement::Shift(_)
                | Movement::VehicleReturned { .. } => {}
            }
        }
        recorded
    }
}

impl Recorded {
    /// Undoes the lines of what pays, or takes, something else now, and does them anew.
    fn restated(&self, worked_out: &Reallocated, journal: &mut Journal) -> Posting {
        let mut posting = Posting::default();
        for (payment, split) in &worked_out.splits {
            let recorded = self.splits.get(payment);
            let Some((on, channel, before)) = recorded.filter(|it| it.2 != *split) else {
                continue;
            };
            posting.reallocated.push(Reallocation { payment: *payment, split: *split });
            journal.folded(|journal| {
                Direction::Undone.post(journal, parts(*channel, before), *on);
                Direction::Done.post(journal, parts(*channel, split), *on);
            });
        }
        for (charge_off, taken) in &worked_out.taken {
            let recorded = self.taken.get(charge_off);
            let Some((on, before)) = recorded.filter(|it| it.1 != *taken) else { continue };
            let (charge_off, taken) = (*charge_off, *taken);
            posting.charge_offs.push(ChargeOffRestated { charge_off, taken });
            journal.folded(|journal| {
                Direction::Undone.post(journal, charge_off_pairs(before), *on);
                Direction::Done.post(journal, charge_off_pairs(&taken), *on);
            });
        }
        for (adjustment, credited) in &worked_out.credited {
            let recorded = self.adjusted.get(adjustment);
            let Some((on, change, before)) = recorded.filter(|it| it.2 != *credited) else {
                continue;
            };
            let (adjustment, credited) = (*adjustment, *credited);
            posting.adjustments.push(AdjustmentRestated { adjustment, credited });
            journal.folded(|journal| {
                principal_lines(journal, -*change, -*before, *on);
                principal_lines(journal, *change, credited, *on);
            });
        }
        posting
    }
}

/// Works out a change of the timeline, whole: nothing of it is left to replay.
pub(super) fn restate(book: &Book, change: Change, context: &Context<'_>) -> Restated {
    let Change { subject, entries, effective, gl_date } = change;
    let mut after = book.with_entries(entries);
    let worked_out = after.reallocate(effective, context.rules);
    let mut split = Split::default();
    let mut taken = ChargedOff::default();
    let mut credited = Money::ZERO;
    if let Subject::PaymentIn(payment, _) = subject {
        let own = worked_out.splits.iter().find(|(id, _)| *id == payment);
        split = own.map(|(_, split)| *split).unwrap_or_default();
    }
    if let Subject::ChargeOff(charge_off) = subject {
        let own = worked_out.taken.iter().find(|(id, _)| *id == charge_off);
        taken = own.map(|(_, taken)| *taken).unwrap_or_default();
    }
    if let Subject::Principal(adjustment, _) = subject {
        let own = worked_out.credited.iter().find(|(id, _)| *id == adjustment);
        credited = own.map(|(_, credited)| *credited).unwrap_or_default();
    }

    let mut journal = Journal::new(effective);
    subject_lines(&mut journal, subject, (&split, &taken, credited), effective);
    let posting = Recorded::since(book, effective).restated(&worked_out, &mut journal);
    let through = book.accrued_through().max(gl_date).max(effective);
    // Other due dates alone post nothing.
    if !matches!(subject, Subject::DueDates) || posting.restates() {
        catch_up(book, &after, &mut journal, through);
    }
    let Posting { gl_date, lines, .. } = Posting::of(journal, gl_date);
    let billed = after.billed();
    let billed = (billed != book.billed()).then_some(billed);
    let posting = Posting { gl_date, lines, billed, ..posting };
    Restated { split, taken, credited, posting, after }
}

fn subject_lines(
    journal: &mut Journal,
    subject: Subject,
    (split, taken, credited): (&Split, &ChargedOff, Money),
    on: NaiveDate,
) {
    use LedgerAccount::{CustomerCredit, FeesReceivable, RefundsInTransit};
    match subject {
        Subject::PaymentIn(_, channel) => {
            let pairs = parts(channel, split);
            journal.folded(|journal| Direction::Done.post(journal, pairs, on));
        }
        Subject::PaymentOut(channel, paid) => {
            let pairs = parts(channel, &paid);
            journal.folded(|journal| Direction::Undone.post(journal, pairs, on));
        }
        Subject::FeeCharged(kind, amount) => {
            journal.transfer(FeesReceivable, fee_income(kind), amount, on);
        }
        Subject::FeeTakenBack(kind, amount) => {
            journal.transfer(fee_income(kind), FeesReceivable, amount, on);
        }
        Subject::Principal(_, change) => {
            journal.folded(|journal| principal_lines(journal, change, credited, on));
        }
        Subject::ChargeOff(_) => {
            let pairs = charge_off_pairs(taken);
            journal.folded(|journal| Direction::Done.post(journal, pairs, on));
        }
        Subject::Refund(amount) => journal.transfer(CustomerCredit, RefundsInTransit, amount, on),
        Subject::RefundBack(amount) => {
            journal.transfer(RefundsInTransit, CustomerCredit, amount, on);
        }
        Subject::Rate | Subject::VehicleReturned | Subject::DueDates | Subject::CatchUp => {}
    }
}

/// An adjustment of principal: what it takes off beyond the principal is the customer's, and what
/// it adds takes a credit balance first.
fn principal_lines(journal: &mut Journal, change: Money, credited: Money, on: NaiveDate) {
    let against = LedgerAccount::OperationalLoss;
    journal.transfer(LedgerAccount::Principal, against, change + credited, on);
    journal.transfer(against, LedgerAccount::CustomerCredit, credited, on);
}

/// The income of a fee; of what the lessor is asked for by others, what is owed to them.
const fn fee_income(kind: FeeKind) -> LedgerAccount {
    match kind {
        FeeKind::Late => LedgerAccount::LateFeeIncome,
        FeeKind::ReturnedItem => LedgerAccount::ReturnedItemFeeIncome,
        FeeKind::EarlyTermination
        | FeeKind::Disposition
        | FeeKind::ExcessWear
        | FeeKind::ExcessMileage => LedgerAccount::LeaseEndIncome,
        FeeKind::Toll => LedgerAccount::TollsPayable,
        FeeKind::PropertyTax => LedgerAccount::TaxPayable,
    }
}

/// What a journal does with a pair of accounts and an amount.
type Pair = (LedgerAccount, LedgerAccount, Money);

/// The debit, credit and amount of each part of a split.
fn parts(channel: Channel, split: &Split) -> [Pair; 14] {
    let clearing = LedgerAccount::clearing(channel);
    let loss = LedgerAccount::SmallBalanceWriteOff;
    let WriteOff { interest, principal, fees, residual, credit } =
        split.write_off.unwrap_or_default();
    [
        (clearing, LedgerAccount::AccruedInterest, split.interest),
        (clearing, LedgerAccount::Principal, split.principal),
        (clearing, LedgerAccount::FeesReceivable, split.fees),
        (clearing, LedgerAccount::RentalsReceivable, split.rentals),
        (clearing, LedgerAccount::LeaseTaxReceivable, split.tax),
        (clearing, LedgerAccount::LeasedVehicles, split.residual),
        (clearing, LedgerAccount::TaxPayable, split.sales_tax),
        (clearing, LedgerAccount::Recoveries, split.recovery),
        (clearing, LedgerAccount::CustomerCredit, split.credit),
        (loss, LedgerAccount::AccruedInterest, interest),
        (loss, LedgerAccount::Principal, principal),
        (loss, LedgerAccount::FeesReceivable, fees),
        (loss, LedgerAccount::LeasedVehicles, residual),
        (loss, LedgerAccount::CustomerCredit, credit),
    ]
}

#[derive(Clone, Copy)]
enum Direction {
    Done,
    Undone,
}

impl Direction {
    fn post(self, journal: &mut Journal, pairs: impl IntoIterator<Item = Pair>, on: NaiveDate) {
        for (debit, credit, amount) in pairs {
            match self {
                Self::Done => journal.transfer(debit, credit, amount, on),
                Self::Undone => journal.transfer(credit, debit, amount, on),
            }
        }
    }
}

/// Principal, interest and rentals of earlier months go to the allowance; the income of this
/// month's interest and rentals, and of fees, is reversed. What was never booked is not written off
/// the books either. The tax on rentals is owed to the state all the same, as tolls are to others:
/// charges of a lease go to the allowance.
fn charge_off_pairs(taken: &ChargedOff) -> [Pair; 9] {
    let booked = taken.interest - taken.interest_unbooked;
    let of_month = taken.interest_of_month.min(booked);
    let (interest, fees) = (LedgerAccount::AccruedInterest, LedgerAccount::FeesReceivable);
    let rentals = LedgerAccount::RentalsReceivable;
    let allowance = LedgerAccount::LossAllowance;
    [
        (allowance, LedgerAccount::Principal, taken.principal),
        (allowance, interest, booked - of_month),
        (LedgerAccount::InterestIncome, interest, of_month),
        (LedgerAccount::LateFeeIncome, fees, taken.late_fees),
        (LedgerAccount::ReturnedItemFeeIncome, fees, taken.returned_item_fees),
        (allowance, fees, taken.lease_charges),
        (allowance, rentals, taken.rentals - taken.rentals_of_month),
        (LedgerAccount::LeaseIncome, rentals, taken.rentals_of_month),
        (allowance, LedgerAccount::LeaseTaxReceivable, taken.rental_tax),
    ]
}

/// Brings accrued interest, or a lease's rentals, in the general ledger up to a day: receivable is
/// what the timeline says, and income is whatever that takes.
fn catch_up(before: &Book, after: &Book, journal: &mut Journal, through: NaiveDate) {
    match after.terms.product {
        Product::Lease => rentals::bill(journal, before, after, through),
        Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => {
            let account = LedgerAccount::AccruedInterest;
            let booked = before.ledger_balance(account) + journal.balance(account);
            let missing = after.interest_to_book(through) - booked;
            journal.transfer(account, LedgerAccount::InterestIncome, missing, through);
        }
    }
}
