//! One month of one reading: the ways in which its payment may have been made.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use ledger::domain::interest::{Accrual, DayCount};
use ledger::domain::money::{Money, Rate};
use rust_decimal::Decimal;

use super::{Explained, Origin, split};
use crate::absee::record::LoanMonth;

/// Half a cent: how far the remainder can be from nothing.
const HALF_CENT: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

/// A cent.
const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// How much each explanation is worth. Two months on their days outweigh any three others.
const ON_ITS_DAY: i64 = 1000;
const ON_ANOTHER_DAY: i64 = 700;
const WITHIN_A_CENT: i64 = 600;
const ON_ANOTHER_DAY_WITHIN_A_CENT: i64 = 550;
const TWO_PAYMENTS: i64 = 500;
const TWO_PAYMENTS_WITHIN_A_CENT: i64 = 400;

/// The most that a day's distance takes off.
const DISTANCE_MAX: i64 = 40;

/// A month of a reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// What is known after it.
    pub(super) after: Known,
    /// How it is explained.
    pub(super) explained: Explained,
    /// What the reading is worth so far.
    pub(super) score: i64,
    /// The month before.
    pub(super) parent: Option<usize>,
    /// Which month it is.
    pub(super) month: usize,
}

impl Node {
    /// A loan that is boarded with interest paid through `day`.
    pub(super) const fn boarded(day: NaiveDate) -> Self {
        let (explained, month) = (Explained::Not, usize::MAX);
        Self { after: Known::anew(day, Decimal::ZERO), explained, score: 0, parent: None, month }
    }
}

/// What is known of the interest at a day: what is unpaid, but for a remainder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Interest is counted through this day.
    paid_through: NaiveDate,
    /// What of it is unpaid, exactly.
    unpaid: Decimal,
    /// The remainder is not below this,
    low: Decimal,
    /// and below this.
    high: Decimal,
    /// Does the remainder start anew here: is nothing known of it?
    pub(super) starts_anew: bool,
}

impl Known {
    const fn anew(paid_through: NaiveDate, unpaid: Decimal) -> Self {
        let low = Decimal::from_parts(5, 0, 0, true, 3);
        Self { paid_through, unpaid, low, high: HALF_CENT, starts_anew: true }
    }

    /// The middle of the interval; of the whole one that is nothing.
    fn remainder(&self) -> Decimal {
        self.low.saturating_add(self.high).checked_div(Decimal::TWO).unwrap_or_default()
    }

    /// Where interest counts from, with a remainder that later months may have narrowed.
    pub(super) fn origin(&self, narrowed: &Self) -> Origin {
        let (unpaid, carry) = split(self.unpaid.saturating_add(narrowed.remainder()));
        Origin { paid_through: self.paid_through, unpaid, carry }
    }
}

/// A way in which a month goes on from a reading.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) after: Known,
    pub(super) explained: Explained,
    pub(super) weight: i64,
}

/// The ways in which `month` goes on from `node`. One that is explained on its day needs no other.
pub(super) fn branches(
    node: &Node,
    month: &LoanMonth,
    before: Option<&LoanMonth>,
    recent: &[Money],
) -> Vec<Branch> {
    let from = Trial::new(&node.after, month, before);
    let reported = month.paid_through;
    let mut found = Vec::new();
    if let Some(day) = reported.filter(|day| *day >= node.after.paid_through) {
        match from.on(day) {
            Some((true, after)) => {
                return vec![Branch { after, explained: Explained::OnItsDay, weight: ON_ITS_DAY }];
            }
            Some((false, after)) => {
                let explained = Explained::WithinACent;
                found.push(Branch { after, explained, weight: WITHIN_A_CENT });
            }
            None => {}
        }
    }
    let near = reported.unwrap_or(month.period_end);
    for day in from.days(month.period_end).filter(|day| Some(*day) != reported) {
        let Some((exact, after)) = from.on(day) else { continue };
        let distance = day.signed_duration_since(near).num_days().abs().min(DISTANCE_MAX);
        let worth = if exact { ON_ANOTHER_DAY } else { ON_ANOTHER_DAY_WITHIN_A_CENT };
        let weight = worth.saturating_sub(distance);
        found.push(Branch { after, explained: Explained::OnAnotherDay(day), weight });
    }
    if let Some(day) = reported.filter(|_| month.principal.is_positive()) {
        from.two_payments(day, recent, &mut found);
    }
    let after = Known::anew(near, Decimal::ZERO);
    found.push(Branch { after, explained: Explained::Not, weight: 0 });
    found
}

/// A month and the state before it, in which payments are tried.
struct Trial<'a> {
    known: &'a Known,
    month: &'a LoanMonth,
    balance: Money,
    rate_before: Rate,
    rate: Rate,
}

impl<'a> Trial<'a> {
    fn new(known: &'a Known, month: &'a LoanMonth, before: Option<&LoanMonth>) -> Self {
        let rate = month.rate().unwrap_or_default();
        let rate_before = before.and_then(LoanMonth::rate).unwrap_or(rate);
        let balance = before.map(|before| before.end_balance).or(month.begin_balance);
        Self { known, month, balance: balance.unwrap_or_default(), rate_before, rate }
    }

    /// The days on which the payment may have been made.
    fn days(&self, last: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let first = self.month.period_start.max(self.known.paid_through);
        first.iter_days().take_while(move |day| *day <= last)
    }

    fn earned(&self, balance: Money, from: NaiveDate, to: NaiveDate) -> Decimal {
        let turn = self.month.period_start.clamp(from, to.max(from));
        let mut accrual = Accrual::default();
        accrual.add(balance, self.rate_before, DayCount::Actual365Or366, from, turn);
        accrual.add(balance, self.rate, DayCount::Actual365Or366, turn, to);
        accrual.dollars()
    }

    /// What is known after one payment on `day`, and whether it gives the reported interest exactly
    /// or but for a cent. None if it does not.
    fn on(&self, day: NaiveDate) -> Option<(bool, Known)> {
        let earned = self.earned(self.balance, self.known.paid_through, day);
        let due = self.known.unpaid.saturating_add(earned);
        let reported = self.month.interest.decimal();
        // Half-up: the reported cents come from [reported - 0.005, reported + 0.005).
        let low = reported.saturating_sub(HALF_CENT).saturating_sub(due);
        let high = reported.saturating_add(HALF_CENT).saturating_sub(due);
        // A payment that is all interest may leave any interest unpaid.
        let all_interest =
            self.month.principal.is_zero() && self.month.interest == self.month.paid_on_loan();
        let left = due.saturating_sub(reported);
        let narrowed = Known {
            paid_through: day,
            unpaid: left,
            low: self.known.low.max(low),
            high: if all_interest { self.known.high } else { self.known.high.min(high) },
            starts_anew: false,
        };
        if narrowed.low < narrowed.high {
            return Some((true, narrowed));
        }
        let near = self.known.low < high.saturating_add(CENT)
            && self.known.high > low.saturating_sub(CENT);
        (near && !all_interest).then(|| (false, Known::anew(day, Decimal::ZERO)))
    }

    /// Two payments: an amount that was paid in another month, the instalment or a half, and the
    /// rest on the reported day.
    fn two_payments(&self, last: NaiveDate, recent: &[Money], found: &mut Vec<Branch>) {
        let paid = self.month.paid_on_loan();
        let half =
            Money::round_half_up(paid.decimal().checked_div(Decimal::TWO).unwrap_or_default());
        let usual = recent.iter().copied().chain(self.month.scheduled_payment);
        let amounts: BTreeSet<Money> =
            usual.flat_map(|amount| [amount, paid - amount]).chain([half]).collect();
        for amount in amounts {
            let (Some(first), true) = (amount.amount(), (paid - amount).is_positive()) else {
                continue;
            };
            let days: Vec<NaiveDate> = self.days(last).take_while(|day| *day < last).collect();
            for (cents, weight) in [(0, TWO_PAYMENTS), (1, TWO_PAYMENTS_WITHIN_A_CENT)] {
                let fits = |day: &NaiveDate| self.after_two(*day, amount, last, cents);
                let Some((day, after)) = days.iter().find_map(|day| Some((*day, fits(day)?)))
                else {
                    continue;
                };
                let explained = Explained::TwoPayments(day, first);
                found.push(Branch { after, explained, weight });
                break;
            }
        }
    }

    /// What is known after `first` on `day` and the rest on `last`, if that gives the reported
    /// interest but for so many cents.
    fn after_two(
        &self,
        day: NaiveDate,
        first: Money,
        last: NaiveDate,
        cents: i64,
    ) -> Option<Known> {
        let rest = self.month.paid_on_loan() - first;
        let from = self.known.paid_through;
        let earned = self.earned(self.balance, from, day);
        let due = self.known.unpaid.saturating_add(self.known.remainder()).saturating_add(earned);
        let paid_first = Money::round_half_up(due).at_least_zero().min(first);
        let balance = self.balance - (first - paid_first);
        let due = due
            .saturating_sub(paid_first.decimal())
            .saturating_add(self.earned(balance, day, last));
        let paid_last = Money::round_half_up(due).at_least_zero().min(rest);
        let apart = (paid_first + paid_last - self.month.interest).cents().abs();
        let fits = apart <= cents;
        fits.then(|| Known::anew(last, due.saturating_sub(paid_last.decimal())))
    }
}
