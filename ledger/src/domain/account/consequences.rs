//! What a change means for an account: how it stands, and what is another, before and after.
//!
//! Compared are two states of one account, with the events between them; whether these are recorded
//! or only foreseen makes no difference.

use chrono::NaiveDate;

use super::book::{InstalmentStanding, Movement, Standing};
use super::events::{AccountPaidOff, ChargedOff, Event, Split};
use super::state::{Fee, OpenAccount, Progress, TitleState};
use crate::domain::journal::LedgerAccount;
use crate::domain::money::{Amount, Money, Rate};
use crate::domain::product::Channel;
use crate::ids::{ChargeOffId, FeeId, PaymentId};

/// How an account stands at the close of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Its money, and what is past due.
    pub standing: Standing,
    /// See [`OpenAccount::next_due_date`].
    pub next_due_date: Option<NaiveDate>,
    /// The due date of the last instalment.
    pub maturity_date: NaiveDate,
    /// The yearly rate.
    pub annual_rate: Rate,
    /// Since when nothing is owed, and when the lien may and must be released.
    pub paid_off: Option<AccountPaidOff>,
    /// Since when everything owed is charged off.
    pub charged_off: Option<NaiveDate>,
    /// When the leased vehicle came back.
    pub vehicle_returned: Option<NaiveDate>,
    /// Is no interest income booked?
    pub non_accrual: bool,
    /// What the title's tracker shows.
    pub title: TitleState,
}

/// A payment that pays something else, or that comes onto or goes off the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentChange {
    /// The payment.
    pub payment: PaymentId,
    /// By which way it came.
    pub channel: Channel,
    /// The whole of it.
    pub amount: Amount,
    /// The day from which it counts.
    pub effective_date: NaiveDate,
    /// What it paid. None if it was not good, or not there.
    pub before: Option<Split>,
    /// What it pays. None if it is not good any more.
    pub after: Option<Split>,
}

/// A scheduled payment that would not be made any more, or would be made after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingChange {
    /// The payment.
    pub payment: PaymentId,
    /// How much.
    pub amount: Amount,
    /// The day on which it is to be made.
    pub payment_date: NaiveDate,
    /// Is it made, as the account stands now?
    pub made: bool,
}

/// A charge-off that takes something else, or is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeOffChange {
    /// The charge-off.
    pub charge_off: ChargeOffId,
    /// The day from which it counts.
    pub effective_date: NaiveDate,
    /// What it took. None if it is new.
    pub before: Option<ChargedOff>,
    /// What it takes.
    pub after: ChargedOff,
}

/// An instalment that stands otherwise: met or open, due on another day, paid in another part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstalmentChange {
    /// As it stood.
    pub before: InstalmentStanding,
    /// As it stands.
    pub after: InstalmentStanding,
}

/// A fee that is new, or was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeChange {
    /// The fee.
    pub fee: FeeId,
    /// As it was. None if it is new.
    pub before: Option<Fee>,
    /// As it is.
    pub after: Fee,
}

/// A line of the journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLine {
    /// Which of the events posts it, from 0.
    pub event: usize,
    /// The accounting day.
    pub gl_date: NaiveDate,
    /// The day from which it counts.
    pub effective_date: NaiveDate,
    /// The account of the general ledger.
    pub account: LedgerAccount,
    /// Debit above zero, credit below.
    pub amount: Money,
}

/// What a change means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consequences {
    /// How the account stood at the close of the day.
    pub before: Figures,
    /// How it stands at the close of the same day.
    pub after: Figures,
    /// Payments, in the order of their effective dates.
    pub payments: Vec<PaymentChange>,
    /// Scheduled payments that are made now and were not before, or the reverse, by date.
    pub pending: Vec<PendingChange>,
    /// Charge-offs, in the order of their effective dates.
    pub charge_offs: Vec<ChargeOffChange>,
    /// Instalments, in order.
    pub instalments: Vec<InstalmentChange>,
    /// Fees, in the order of their effective dates.
    pub fees: Vec<FeeChange>,
    /// The journals of all events, in order.
    pub journal: Vec<JournalLine>,
}

impl Figures {
    /// How `open` stands at the close of `on`.
    pub fn of(open: &OpenAccount, on: NaiveDate) -> Self {
        Self {
            standing: open.standing(on),
            next_due_date: open.next_due_date(on),
            maturity_date: open.book.instalments_as_of(on).maturity_date(),
            annual_rate: open.book.rate_on(on),
            paid_off: open.paid_off.clone(),
            charged_off: open.charged_off,
            vehicle_returned: open.book.vehicle_returned(),
            non_accrual: open.book.is_non_accrual(),
            title: open.title_state(),
        }
    }
}

impl Consequences {
    /// What `events` mean, which lead from `before` to `after`, for the account at the close of
    /// `on`.
    pub fn of(before: &OpenAccount, after: &OpenAccount, events: &[Event], on: NaiveDate) -> Self {
        Self {
            before: Figures::of(before, on),
            after: Figures::of(after, on),
            payments: payments(before, after),
            pending: pending(before, after),
            charge_offs: charge_offs(before, after),
            instalments: instalments(before, after, on),
            fees: fees(before, after),
            journal: events.iter().enumerate().flat_map(|(at, event)| lines(at, event)).collect(),
        }
    }
}

/// A payment on the timeline, as one that went off it.
fn payment_on(open: &OpenAccount) -> impl Iterator<Item = (u64, PaymentChange)> + '_ {
    open.book.entries().iter().filter_map(|entry| {
        let Movement::Payment { id, amount, channel, split, .. } = &entry.what else { return None };
        let gone = PaymentChange {
            payment: *id,
            channel: *channel,
            amount: *amount,
            effective_date: entry.effective,
            before: Some(*split),
            after: None,
        };
        Some((entry.order, gone))
    })
}

fn payments(before: &OpenAccount, after: &OpenAccount) -> Vec<PaymentChange> {
    let mut changes: Vec<(u64, PaymentChange)> = payment_on(before).collect();
    for (order, now) in payment_on(after) {
        let was = changes.iter_mut().find(|(_, change)| change.payment == now.payment);
        match was {
            Some((_, change)) => change.after = now.before,
            None => changes.push((order, PaymentChange { before: None, after: now.before, ..now })),
        }
    }
    changes.retain(|(_, change)| change.before != change.after);
    changes.sort_by_key(|(order, change)| (change.effective_date, *order));
    changes.into_iter().map(|(_, change)| change).collect()
}

fn pending(before: &OpenAccount, after: &OpenAccount) -> Vec<PendingChange> {
    let scheduled = after.payments.values().filter(|it| it.progress == Progress::Scheduled);
    let mut changes: Vec<PendingChange> = scheduled
        .filter(|payment| before.would_make(payment) != after.would_make(payment))
        .map(|payment| PendingChange {
            payment: payment.id,
            amount: payment.amount,
            payment_date: payment.effective_date,
            made: after.would_make(payment),
        })
        .collect();
    changes.sort_by_key(|change| (change.payment_date, change.payment));
    changes
}

fn taken(open: &OpenAccount) -> impl Iterator<Item = (ChargeOffId, NaiveDate, ChargedOff)> + '_ {
    open.book.entries().iter().filter_map(|entry| {
        let Movement::ChargeOff { id, taken, .. } = &entry.what else { return None };
        Some((*id, entry.effective, *taken))
    })
}

fn charge_offs(before: &OpenAccount, after: &OpenAccount) -> Vec<ChargeOffChange> {
    taken(after)
        .filter_map(|(charge_off, effective_date, after)| {
            let was = taken(before).find(|(id, _, _)| *id == charge_off);
            let before = was.map(|(_, _, taken)| taken);
            (before != Some(after)).then_some(ChargeOffChange {
                charge_off,
                effective_date,
                before,
                after,
            })
        })
        .collect()
}

fn instalments(before: &OpenAccount, after: &OpenAccount, on: NaiveDate) -> Vec<InstalmentChange> {
    let standings = |open: &OpenAccount| open.book.instalment_standings(on);
    let pairs = standings(before).into_iter().zip(standings(after));
    pairs
        .map(|(before, after)| InstalmentChange { before, after })
        .filter(|change| change.before != change.after)
        .collect()
}

fn fees(before: &OpenAccount, after: &OpenAccount) -> Vec<FeeChange> {
    let mut changes: Vec<FeeChange> = after
        .fees
        .iter()
        .filter(|(id, fee)| before.fees.get(id) != Some(*fee))
        .map(|(id, fee)| FeeChange {
            fee: *id,
            before: before.fees.get(id).cloned(),
            after: fee.clone(),
        })
        .collect();
    changes.sort_by_key(|change| (change.after.effective_date, change.fee));
    changes
}

fn lines(at: usize, event: &Event) -> Vec<JournalLine> {
    let (Some(posting), Some(effective)) = (event.posting(), event.effective_date()) else {
        return Vec::new();
    };
    let gl_date = posting.gl_date(effective);
    let line = |line: &crate::domain::journal::Line| JournalLine {
        event: at,
        gl_date,
        effective_date: line.effective.unwrap_or(effective),
        account: line.account,
        amount: line.amount,
    };
    posting.lines.iter().map(line).collect()
}
