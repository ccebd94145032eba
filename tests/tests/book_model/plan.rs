//! Instalments as a plain list of due dates and amounts.

use chrono::NaiveDate;

use crate::days::{after, between, day_of_month};
use crate::model::{Contract, Tolerance};

/// One instalment: in which month after the first, on which day of it, and how much.
#[derive(Debug, Clone, Copy)]
struct Instalment {
    month: i32,
    anchor: u32,
    due: NaiveDate,
    amount: i128,
}

/// All of them, in order.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    first_due: NaiveDate,
    level: i128,
    tolerance: Tolerance,
    list: Vec<Instalment>,
    /// Those that do not fall due after all.
    never: Vec<Instalment>,
    /// What the first one, two, three come to.
    totals: Vec<i128>,
}

impl Plan {
    pub(crate) fn new(contract: &Contract) -> Self {
        let (mut list, mut totals) = (Vec::new(), vec![0]);
        for month in 0..contract.count {
            let due = day_of_month(contract.first_due, month, contract.anchor);
            let amount = if month == 0 { contract.first_rest } else { contract.instalment };
            totals.push(totals[totals.len() - 1] + amount);
            list.push(Instalment { month, anchor: contract.anchor, due, amount });
        }
        let (first_due, level) = (contract.first_due, contract.instalment);
        let (tolerance, never) = (contract.tolerance, Vec::new());
        Self { first_due, level, tolerance, list, never, totals }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The due date of an instalment, from 0.
    pub(crate) fn due(&self, number: usize) -> NaiveDate {
        self.list[number].due
    }

    /// The day of the month on which it falls due.
    pub(crate) fn anchor(&self, number: usize) -> u32 {
        self.list[number].anchor
    }

    /// What is to be paid of it.
    pub(crate) fn amount(&self, number: usize) -> i128 {
        self.list[number].amount
    }

    /// The last due date, if there is any.
    pub(crate) fn maturity(&self) -> Option<NaiveDate> {
        self.list.last().map(|last| last.due)
    }

    /// What falls due after `day` does not.
    pub(crate) fn end(&mut self, day: NaiveDate) {
        let due = self.due_before(after(day, 1));
        self.never = self.list.split_off(due);
    }

    /// The dates and amounts of those that do not fall due after all.
    pub(crate) fn never_due(&self) -> impl Iterator<Item = (NaiveDate, i128)> {
        self.never.iter().map(|instalment| (instalment.due, instalment.amount))
    }

    /// What the first `count` instalments come to.
    pub(crate) fn total_of(&self, count: usize) -> i128 {
        self.totals[count]
    }

    /// How many instalments fall due before `day`.
    pub(crate) fn due_before(&self, day: NaiveDate) -> usize {
        self.list.iter().take_while(|instalment| instalment.due < day).count()
    }

    /// What is unpaid of one instalment once `billed` is satisfied of all.
    pub(crate) fn unpaid_of(&self, number: usize, billed: i128) -> i128 {
        (self.total_of(number + 1) - billed).clamp(0, self.list[number].amount)
    }

    /// Is an instalment met: is no more missing of what is billed through it than is tolerated?
    pub(crate) fn is_met(&self, number: usize, billed: i128) -> bool {
        self.tolerates(self.total_of(number + 1) - billed)
    }

    /// Is so much missing as good as nothing?
    pub(crate) fn tolerates(&self, missing: i128) -> bool {
        match self.tolerance {
            Tolerance::Cents(cents) => missing <= cents,
            Tolerance::Share(paid) => missing * 1_000_000 <= self.level * (1_000_000 - paid),
        }
    }

    /// Moves the due dates from one instalment on by whole months, or to another day of the month.
    pub(crate) fn shift(&mut self, from: usize, months: i32, anchor: Option<u32>) {
        for instalment in self.list.iter_mut().skip(from) {
            instalment.month += months;
            instalment.anchor = anchor.unwrap_or(instalment.anchor);
            instalment.due = day_of_month(self.first_due, instalment.month, instalment.anchor);
        }
    }

    /// The nearest date with another day of the month, for one instalment: by how many months it
    /// is elsewhere, and how many days away. Of two equally near the later; none that is over.
    pub(crate) fn nearest(
        &self,
        number: usize,
        anchor: u32,
        after_day: NaiveDate,
    ) -> Option<(i32, i64)> {
        let Instalment { month, due, .. } = self.list[number];
        let dates = [1, 0, -1].map(|months| {
            let date = day_of_month(self.first_due, month + months, anchor);
            (months, between(due, date), date)
        });
        let possible = dates.into_iter().filter(|(_, _, date)| *date > after_day);
        let nearest = possible.min_by_key(|(_, days, _)| days.abs());
        nearest.map(|(months, days, _)| (months, days))
    }

    /// The last day on which an instalment that fell due can be met without a late fee.
    pub(crate) fn grace_end(&self, number: usize, from: Option<NaiveDate>, days: i64) -> NaiveDate {
        let due = self.list[number].due;
        after(from.map_or(due, |from| from.max(due)), days)
    }
}
