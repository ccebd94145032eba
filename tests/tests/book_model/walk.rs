//! An account on its way through the days: what it owes, and what a payment pays of it.

use chrono::NaiveDate;

use crate::days::{day_of_month, in_leap_year};
use crate::model::{Basis, Contract, Figures, Split};
use crate::rational::Fraction;

/// One instalment of the plan.
#[derive(Debug, Clone, Copy)]
struct Instalment {
    due: NaiveDate,
    amount: i128,
}

/// The account at some moment of its life.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'a> {
    contract: &'a Contract,
    plan: Vec<Instalment>,
    pub(crate) principal: i128,
    /// Interest earned since the start, in cents, to the last fraction.
    earned: Fraction,
    interest_paid: i128,
    pub(crate) fees: i128,
    billed: i128,
    pub(crate) credit: i128,
}

impl<'a> Walk<'a> {
    /// The account at the dawn of the first day that earns interest.
    pub(crate) fn new(contract: &'a Contract) -> Self {
        let mut plan = Vec::new();
        for n in 0..contract.count {
            let due = day_of_month(contract.first_due, n, contract.anchor);
            let amount = if n == 0 { contract.first_rest } else { contract.instalment };
            plan.push(Instalment { due, amount });
        }
        Self {
            contract,
            plan,
            principal: contract.principal,
            earned: Fraction::ZERO,
            interest_paid: 0,
            fees: contract.unpaid_fees,
            billed: 0,
            credit: 0,
        }
    }

    /// What is outstanding at the close of `day` earns one day.
    pub(crate) fn earn(&mut self, day: NaiveDate) {
        let year = match self.contract.basis {
            Basis::Actual365Or366 if in_leap_year(day) => 366,
            Basis::Actual365Or366 | Basis::Actual365 => 365,
            Basis::Actual360 => 360,
        };
        let interest = Fraction::new(self.principal * self.contract.rate, year * 1_000_000);
        self.earned = self.earned.plus(interest);
    }

    /// Interest that accrued from the start up to the dawn of `day`, to the cent.
    pub(crate) fn accrued(&self, _day: NaiveDate) -> i128 {
        self.earned.half_up()
    }

    /// Interest accrued and unpaid.
    pub(crate) fn interest_due(&self, day: NaiveDate) -> i128 {
        self.accrued(day) + self.contract.unpaid_interest - self.interest_paid
    }

    /// What the first `count` instalments come to.
    fn total_of(&self, count: usize) -> i128 {
        self.plan.iter().take(count).map(|instalment| instalment.amount).sum()
    }

    /// How many instalments fall due before `day`.
    fn due_before(&self, day: NaiveDate) -> usize {
        self.plan.iter().filter(|instalment| instalment.due < day).count()
    }

    fn rentals_left(&self) -> i128 {
        if self.contract.lease { self.total_of(self.plan.len()) - self.billed } else { 0 }
    }

    /// Base and tax of the rentals that fall due until `day`, with it; leases only.
    pub(crate) fn rentals_until(&self, day: NaiveDate) -> (i128, i128) {
        if !self.contract.lease {
            return (0, 0);
        }
        let due = self.plan.iter().filter(|instalment| instalment.due <= day).count();
        self.base_and_tax(0, self.total_of(due))
    }

    /// Base and tax of the rentals between two totals: each rental has its tax in proportion.
    fn base_and_tax(&self, from: i128, to: i128) -> (i128, i128) {
        let contract = self.contract;
        let paid_before = contract.instalment - contract.first_rest;
        // The base of what was paid of a rental, for all rentals up to a total.
        let base_until = |total: i128| {
            let total = total + paid_before;
            let whole = total / contract.instalment;
            let part = (total % contract.instalment) * (contract.instalment - contract.tax);
            whole * (contract.instalment - contract.tax)
                + Fraction::new(part, contract.instalment).half_up()
        };
        let base = base_until(to) - base_until(from);
        (base, to - from - base)
    }

    /// A payment of `amount` on `day`, down the waterfall.
    pub(crate) fn pay(&mut self, day: NaiveDate, amount: i128) -> Split {
        let due = self.satisfiable(day, amount);
        let mut rest = amount;
        let mut take = |room: i128| {
            let taken = room.max(0).min(rest);
            rest -= taken;
            taken
        };
        let mut split = Split::default();
        if self.contract.lease {
            let now = take(due);
            split.fees = take(self.fees);
            let rentals = now + take(self.rentals_left() - now);
            (split.rentals, split.tax) = self.base_and_tax(self.billed, self.billed + rentals);
        } else {
            split.interest = take(self.interest_due(day));
            let matured = self.plan.last().is_some_and(|last| last.due <= day);
            let room = if matured { self.principal } else { due - split.interest };
            split.principal = take(room.min(self.principal));
            split.fees = take(self.fees);
            split.principal += take(self.principal - split.principal);
        }
        split.credit = rest;
        self.interest_paid += split.interest;
        self.principal -= split.principal;
        self.fees -= split.fees;
        self.credit += split.credit;
        self.billed += amount - split.fees - split.credit;
        split
    }

    /// How much of a payment of `amount` on `day` goes to instalments before it goes to fees: what
    /// is past due, and the current instalment, the first one due on `day` or later. While
    /// something is past due, one that is not due yet must be covered whole.
    fn satisfiable(&self, day: NaiveDate, amount: i128) -> i128 {
        let before = self.due_before(day);
        let past_due = (self.total_of(before) - self.billed).max(0);
        let Some(current) = self.plan.get(before) else { return past_due };
        let with_current = (self.total_of(before + 1) - self.billed).max(0);
        if past_due > 0 && current.due > day && amount < with_current {
            past_due
        } else {
            with_current
        }
    }

    /// Is nothing owed? Credit stands against fees that came after it.
    pub(crate) fn is_settled(&self, day: NaiveDate) -> bool {
        self.principal == 0
            && self.interest_due(day) == 0
            && self.rentals_left() == 0
            && self.fees <= self.credit
    }

    /// Where the account stands at the close of `day`.
    pub(crate) fn figures(&self, day: NaiveDate) -> Figures {
        let interest = self.interest_due(day);
        let owed = self.principal + interest + self.rentals_left();
        let before = self.due_before(day);
        let matured = self.plan.last().is_some_and(|last| last.due < day);
        let unpaid = (self.total_of(before) - self.billed).max(0);
        let past_due = if matured { owed } else { unpaid.min(owed) };
        // The last instalment is whatever is left, and is covered when nothing is.
        let last = self.plan.len() - 1;
        let uncovered = (0..self.plan.len()).filter(|n| {
            owed + self.fees - self.credit > 0 && (*n == last || self.total_of(n + 1) > self.billed)
        });
        let uncovered: Vec<usize> = uncovered.collect();
        let oldest = uncovered.first().map(|n| self.plan[*n].due);
        let oldest_past_due = oldest.filter(|due| *due < day);
        let next = uncovered.iter().map(|n| self.plan[*n].due).find(|due| *due >= day);
        let next = next.or_else(|| uncovered.last().map(|n| self.plan[*n].due));
        let due = self.plan.iter().filter(|instalment| instalment.due <= day).count();
        let rentals_due = if self.contract.lease { self.total_of(due) - self.billed } else { 0 };
        Figures {
            principal: self.principal,
            interest,
            fees: self.fees,
            credit: self.credit,
            billed: self.billed,
            payoff: owed + self.fees - self.credit,
            past_due,
            rentals_due: rentals_due.max(0),
            days_past_due: oldest_past_due
                .map_or(0, |due| day.signed_duration_since(due).num_days()),
            oldest_past_due,
            next_due: next,
        }
    }
}
