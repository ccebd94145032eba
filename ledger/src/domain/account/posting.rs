//! What a change of the timeline writes: the subject's lines, what other payments pay from now on,
//! and the interest or rentals that bring the general ledger up to the accounting day.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Context;
use super::book::{Book, Entry, Movement};
use super::events::{AccountPaidOff, Event, FeeKind, PayoffReversed, Posting, Reallocation, Split};
use super::state::{OpenAccount, Title};
use crate::domain::journal::{Journal, LedgerAccount};
use crate::domain::money::Money;
use crate::domain::product::{Channel, Product};
use crate::domain::rulebook::PayoffFacts;
use crate::ids::PaymentId;

/// What the change is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// A payment that comes onto the timeline.
    In(PaymentId, Channel),
    /// A payment that goes off it, and what it had paid.
    Out(Channel, Split),
    /// A fee that is charged.
    FeeCharged(FeeKind, Money),
    /// A fee that is taken back.
    FeeTakenBack(FeeKind, Money),
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

/// What came of a change.
#[derive(Debug)]
pub(super) struct Restated {
    /// What the subject pays, if it is a payment that came in.
    pub(super) split: Split,
    /// What to record.
    pub(super) posting: Posting,
    /// The book after it.
    pub(super) after: Book,
}

/// Works out a change of the timeline, whole: nothing of it is left to replay.
pub(super) fn restate(book: &Book, change: Change, context: &Context<'_>) -> Restated {
    let Change { subject, entries, effective, gl_date } = change;
    let mut after = book.with_entries(entries);
    let splits = after.splits_after(effective, context.rules);
    let recorded: BTreeMap<PaymentId, (NaiveDate, Channel, Split)> = book
        .entries()
        .iter()
        .rev()
        .take_while(|entry| entry.effective >= effective)
        .filter_map(|entry| match &entry.what {
            Movement::Payment { id, channel, split, .. } => {
                Some((*id, (entry.effective, *channel, *split)))
            }
            Movement::Fee { .. } => None,
        })
        .collect();
    let own_split = match subject {
        Subject::In(payment, _) => {
            splits.iter().find(|(id, _)| *id == payment).map(|(_, split)| *split)
        }
        Subject::Out(..) | Subject::FeeCharged(..) | Subject::FeeTakenBack(..) => None,
    };

    let mut journal = Journal::new(effective);
    subject_lines(&mut journal, subject, own_split.unwrap_or_default(), effective);
    let mut reallocated = Vec::new();
    for (payment, split) in &splits {
        let Some((on, channel, before)) = recorded.get(payment) else { continue };
        if before == split {
            continue;
        }
        reallocated.push(Reallocation { payment: *payment, split: *split });
        journal.folded(|journal| {
            take_out(journal, *channel, before, *on);
            put_in(journal, *channel, split, *on);
        });
    }
    let posting = Posting {
        gl_date: (gl_date != effective).then_some(gl_date),
        lines: Vec::new(),
        reallocated,
    };
    after.set_splits(&splits);
    let lines = catch_up(book, &after, journal, gl_date);
    Restated { split: own_split.unwrap_or_default(), posting: Posting { lines, ..posting }, after }
}

fn subject_lines(journal: &mut Journal, subject: Subject, split: Split, effective: NaiveDate) {
    let fees = LedgerAccount::FeesReceivable;
    match subject {
        Subject::In(_, channel) => {
            journal.folded(|journal| put_in(journal, channel, &split, effective));
        }
        Subject::Out(channel, paid) => {
            journal.folded(|journal| take_out(journal, channel, &paid, effective));
        }
        Subject::FeeCharged(kind, amount) => {
            journal.transfer(fees, fee_income(kind), amount, effective);
        }
        Subject::FeeTakenBack(kind, amount) => {
            journal.transfer(fee_income(kind), fees, amount, effective);
        }
    }
}

const fn fee_income(kind: FeeKind) -> LedgerAccount {
    match kind {
        FeeKind::Late => LedgerAccount::LateFeeIncome,
        FeeKind::ReturnedItem => LedgerAccount::ReturnedItemFeeIncome,
    }
}

/// The receivable, or liability, that each part of a split is posted to.
fn parts(split: &Split) -> [(LedgerAccount, Money); 6] {
    [
        (LedgerAccount::AccruedInterest, split.interest),
        (LedgerAccount::Principal, split.principal),
        (LedgerAccount::FeesReceivable, split.fees),
        (LedgerAccount::RentalsReceivable, split.rentals),
        (LedgerAccount::LeaseTaxReceivable, split.tax),
        (LedgerAccount::CustomerCredit, split.credit),
    ]
}

fn put_in(journal: &mut Journal, channel: Channel, split: &Split, on: NaiveDate) {
    for (account, amount) in parts(split) {
        journal.transfer(LedgerAccount::clearing(channel), account, amount, on);
    }
}

fn take_out(journal: &mut Journal, channel: Channel, split: &Split, on: NaiveDate) {
    for (account, amount) in parts(split) {
        journal.transfer(account, LedgerAccount::clearing(channel), amount, on);
    }
}

/// Brings accrued interest, or a lease's rentals, in the general ledger up to the accounting day:
/// receivable is what the timeline says, and income is whatever that takes.
fn catch_up(
    before: &Book,
    after: &Book,
    mut journal: Journal,
    gl_date: NaiveDate,
) -> Vec<crate::domain::journal::Line> {
    let through = before.accrued_through().max(gl_date);
    match after.terms.product {
        Product::Lease => {
            bill_rentals(&mut journal, after, before.accrued_through(), through);
        }
        Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => {
            let account = LedgerAccount::AccruedInterest;
            let target = after.standing(through).interest_due;
            let booked = before.ledger_balance(account) + journal.balance(account);
            let missing = target - booked;
            journal.transfer(account, LedgerAccount::InterestIncome, missing, through);
        }
    }
    journal.finish()
}

/// Bills the rentals that fall due after `from` and on or before `to`.
pub(super) fn bill_rentals(journal: &mut Journal, book: &Book, from: NaiveDate, to: NaiveDate) {
    let plan = &book.terms.instalments;
    for index in plan.due_count(from)..plan.due_count(to) {
        let due = plan.due_date(index);
        let (start, end) = (plan.total_of(index), plan.total_of(index.saturating_add(1)));
        let tax = plan.tax_between(start, end);
        let base = end - start - tax;
        let (rentals, lease_tax) =
            (LedgerAccount::RentalsReceivable, LedgerAccount::LeaseTaxReceivable);
        journal.transfer(rentals, LedgerAccount::LeaseIncome, base, due);
        journal.transfer(lease_tax, LedgerAccount::TaxPayable, tax, due);
    }
}

/// The event that follows when a change has paid the account off, or owes something again; or when
/// it is paid off still, but with other money, whose funds are good at another time.
pub(super) fn payoff_change(
    open: &OpenAccount,
    after: &Book,
    subject: Option<PaymentId>,
    context: &Context<'_>,
) -> Option<Event> {
    let settled = after.final_standing().is_settled(&after.terms);
    match (&open.paid_off, settled) {
        (None, true) => Some(Event::AccountPaidOff(paid_off(open, after, context))),
        (Some(_), false) => Some(Event::PayoffReversed(PayoffReversed { payment: subject })),
        (Some(recorded), true) => {
            let anew = paid_off(open, after, context);
            (anew != *recorded).then_some(Event::AccountPaidOff(anew))
        }
        (None, false) => None,
    }
}

/// The payoff's dates. Every payment whose funds may still come back holds the title, not only the
/// last: a wire of the rest does not make yesterday's debit good. One that is a credit balance only
/// has paid nothing off.
fn paid_off(open: &OpenAccount, after: &Book, context: &Context<'_>) -> AccountPaidOff {
    let rules = context.rules;
    let title_state = match &open.title {
        Title::Held(lien) | Title::Released { lien, .. } => lien.title_state.parse().ok(),
        Title::NoLien => None,
    };
    let pays = |entry: &&Entry| match &entry.what {
        Movement::Payment { amount, split, .. } => amount.money() > split.credit,
        Movement::Fee { .. } => false,
    };
    let plans: Vec<_> = after
        .entries()
        .iter()
        .filter(pays)
        .filter_map(|entry| match &entry.what {
            Movement::Payment { id, channel, .. } => {
                let payment = open.payments.get(id);
                let schedule = payment.and_then(|payment| payment.schedule.as_ref());
                let facts = PayoffFacts {
                    channel: *channel,
                    guaranteed: false,
                    by_dealer: false,
                    received_on: entry.effective,
                    settled_on: schedule.map(|schedule| schedule.origination_date),
                    demanded_on: None,
                };
                Some(rules.release_by(title_state, &facts))
            }
            Movement::Fee { .. } => None,
        })
        .collect();
    let last = after.entries().iter().rfind(pays);
    let paid_off_date = last.map_or(context.today(), |entry| entry.effective);
    let Some(payoff) = plans.last() else {
        let (release_date, statutory_date) = (paid_off_date, paid_off_date);
        return AccountPaidOff { paid_off_date, release_date, statutory_date };
    };
    let holds = plans.iter().map(|plan| plan.hold_until).max().unwrap_or(payoff.hold_until);
    let in_time = rules.calendar().previous_banking_day(payoff.deadline);
    AccountPaidOff {
        paid_off_date,
        release_date: payoff.release_by.max(holds.min(in_time)),
        statutory_date: payoff.deadline,
    }
}
