//! An account on its way through the days: what it owes, and what a payment pays of it.

use chrono::{Datelike, NaiveDate};

use crate::accruing::Stopped;
use crate::days::{after, between, in_leap_year, thirty_360};
use crate::model::{Basis, Contract, Figures, Split, Taken, What};
use crate::plan::Plan;
use crate::rational::Fraction;

/// What a payoff may leave unpaid and still close the account, in cents.
pub(crate) const SMALL_BALANCE: i128 = 1_000;

/// The account at some moment of its life.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) plan: Plan,
    pub(crate) principal: i128,
    pub(crate) rate: i128,
    /// Interest earned in cents, to the last fraction: with months of thirty days up to `segment`,
    /// else up to now.
    earned: Fraction,
    /// The last change of principal or rate.
    segment: NaiveDate,
    /// What had accrued at the beginning of the month.
    accrued_before_month: i128,
    pub(crate) interest_paid: i128,
    /// Unpaid fees with their income accounts.
    fees: Vec<(&'static str, i128)>,
    pub(crate) billed: i128,
    pub(crate) charged_off: i128,
    pub(crate) credit: i128,
    /// Set once everything was charged off.
    pub(crate) given_up: bool,
    /// Interest is no income since then.
    pub(crate) stopped: Option<Stopped>,
    /// Base and tax of all rentals that were ever billed, once none falls due any more.
    pub(crate) ended: Option<(i128, i128)>,
    pub(crate) bought: bool,
    /// Base and tax that were paid ahead when the vehicle came back.
    pub(crate) back: Option<(i128, i128)>,
}

/// What a fact turned out to do.
pub(crate) enum Done {
    Paid(Split),
    ChargedOff(Taken),
    /// So much of an adjustment was the customer's.
    Adjusted(i128),
    Nothing,
}

impl<'a> Walk<'a> {
    /// The account at the dawn of the first day that earns interest.
    pub(crate) fn new(contract: &'a Contract) -> Self {
        // The carry is in millionths of a cent.
        let earned = Fraction::new(contract.carry, 1_000_000);
        Self {
            contract,
            plan: Plan::new(contract),
            principal: contract.principal,
            rate: contract.rate,
            earned,
            segment: contract.paid_through,
            accrued_before_month: earned.half_up(),
            interest_paid: 0,
            fees: vec![("4020", contract.unpaid_fees)],
            billed: 0,
            charged_off: 0,
            credit: 0,
            given_up: false,
            stopped: None,
            ended: None,
            bought: false,
            back: None,
        }
    }

    /// What is outstanding at the close of `day` earns one day.
    pub(crate) fn earn(&mut self, day: NaiveDate) {
        let year = match self.contract.basis {
            Basis::Actual365Or366 if in_leap_year(day) => 366,
            Basis::Actual365Or366 | Basis::Actual365 => 365,
            Basis::Actual360 => 360,
            Basis::Thirty360 => 0,
        };
        if year > 0 {
            let interest = Fraction::new(self.principal * self.rate, year * 1_000_000);
            self.earned = self.earned.plus(interest);
        }
        let next = after(day, 1);
        if next.day() == 1 {
            self.accrued_before_month = self.accrued(next);
        }
    }

    /// Interest that accrued from the start up to the dawn of `day`, exactly.
    fn accrued_exactly(&self, day: NaiveDate) -> Fraction {
        if self.contract.basis != Basis::Thirty360 {
            return self.earned;
        }
        let days = i128::from(thirty_360(self.segment, day));
        self.earned.plus(Fraction::new(self.principal * self.rate * days, 360_000_000))
    }

    /// The same, to the cent.
    pub(crate) fn accrued(&self, day: NaiveDate) -> i128 {
        self.accrued_exactly(day).half_up()
    }

    /// Principal and rate are others from `day` on: months of thirty days are counted anew.
    pub(crate) fn turn(&mut self, day: NaiveDate, principal: i128, rate: i128) {
        if (principal, rate) != (self.principal, self.rate) {
            self.earned = self.accrued_exactly(day);
            self.segment = day;
            (self.principal, self.rate) = (principal, rate);
        }
    }

    /// Interest accrued and unpaid.
    pub(crate) fn interest_due(&self, day: NaiveDate) -> i128 {
        self.accrued(day) + self.contract.unpaid_interest - self.interest_paid
    }

    pub(crate) fn fees_due(&self) -> i128 {
        self.fees.iter().fold(0, |total, (_, amount)| total + amount)
    }

    /// Base and tax of the first `count` rentals; leases only.
    pub(crate) fn rentals(&self, count: usize) -> (i128, i128) {
        if self.contract.lease { self.base_and_tax(0, self.plan.total_of(count)) } else { (0, 0) }
    }

    /// Base and tax of the rentals between two totals: each rental has its tax in proportion.
    pub(crate) fn base_and_tax(&self, from: i128, to: i128) -> (i128, i128) {
        let contract = self.contract;
        let paid_before = contract.instalment - contract.first_rest;
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

    /// Something happens on `day`.
    pub(crate) fn meet(&mut self, day: NaiveDate, what: &What) -> Done {
        match *what {
            What::Payment { amount, quoted, .. } => {
                return Done::Paid(self.pay(day, amount, quoted));
            }
            What::Fee { amount, income, .. } => self.fees.push((income, amount)),
            What::Rate(rate) => self.turn(day, self.principal, rate),
            What::Adjustment(change) => {
                // What is taken off beyond the principal that there is belongs to the customer, and
                // money of the customer's pays what is added.
                let credited = if change < 0 {
                    (-change - self.principal).max(0)
                } else {
                    -change.min(self.credit.max(0))
                };
                self.turn(day, self.principal + change + credited, self.rate);
                self.credit += credited;
                return Done::Adjusted(credited);
            }
            What::Shift { from, months, anchor } => self.plan.shift(from, months, anchor),
            What::ChargeOff(part) => return Done::ChargedOff(self.charge_off(day, part)),
            What::Refund(amount) => self.credit -= amount,
            What::VehicleBack => self.take_back(day),
        }
        Done::Nothing
    }

    /// A payment of `amount` on `day`, down the waterfall.
    fn pay(&mut self, day: NaiveDate, amount: i128, quoted: bool) -> Split {
        if let Some(split) = self.buy(day, amount, quoted) {
            return split;
        }
        let matured = self.plan.maturity().is_none_or(|last| last <= day);
        let fallen_due = self.plan.total_of(self.plan.due_before(after(day, 1))) - self.billed;
        let closes = quoted || matured || amount > fallen_due.max(0) + self.fees_due();
        let due = self.satisfiable(day, amount);
        let mut rest = amount;
        let mut take = |room: i128| {
            let taken = room.max(0).min(rest);
            rest -= taken;
            taken
        };
        let mut split = Split::default();
        if self.contract.lease {
            let now =
                take(if matured { self.rentals_left() } else { due.min(self.rentals_left()) });
            split.fees = take(self.fees_due());
            let rentals = now + take(self.rentals_left() - now);
            (split.rentals, split.tax) = self.base_and_tax(self.billed, self.billed + rentals);
        } else {
            split.interest = take(self.interest_due(day));
            let room = if matured { self.principal } else { due - split.interest };
            split.principal = take(room.min(self.principal));
            split.fees = take(self.fees_due());
            split.principal += take(self.principal - split.principal);
        }
        split.recovery = take(self.charged_off);
        split.credit = rest;
        self.interest_paid += split.interest;
        self.turn(day, self.principal - split.principal, self.rate);
        self.pay_fees(split.fees);
        self.charged_off -= split.recovery;
        self.credit += split.credit;
        // Once everything is given up, what is recovered satisfies no instalment.
        let recovered = if self.given_up { split.recovery } else { 0 };
        self.billed += amount - split.fees - recovered - split.credit;
        if closes && !self.contract.lease {
            self.write_off(day, &mut split);
        }
        split
    }

    /// A small balance that a payoff leaves goes with it.
    fn write_off(&mut self, day: NaiveDate, split: &mut Split) {
        // What a credit balance covers, interest first, is no rest.
        let interest = (self.interest_due(day) - self.credit.max(0)).max(0);
        let over = (self.credit.max(0) - self.interest_due(day)).max(0);
        let fees = (self.fees_due() - over).max(0);
        // Money that was sent back, and whose payment did not stay.
        let overdrawn = -self.credit.min(0);
        let rest = self.principal + interest + fees + overdrawn;
        if self.charged_off == 0 && rest > 0 && rest <= SMALL_BALANCE {
            (split.written_interest, split.written_fees) = (interest, fees);
            split.written_principal = self.principal;
            split.written_credit = overdrawn;
            self.credit += overdrawn;
            self.interest_paid += interest;
            self.turn(day, 0, self.rate);
            self.pay_fees(fees);
        }
    }

    /// Late fees are paid before those for returned items, and these before what is charged to a
    /// lease; older ones before newer ones.
    pub(crate) fn pay_fees(&mut self, money: i128) {
        let mut rest = money;
        self.fees.sort_by_key(|(income, _)| match *income {
            "4020" => 0,
            "4030" => 1,
            _ => 2,
        });
        for (_, unpaid) in &mut self.fees {
            let paid = rest.min(*unpaid);
            *unpaid -= paid;
            rest -= paid;
        }
    }

    /// Everything owed, or a part of the principal, is not expected to be paid any more.
    fn charge_off(&mut self, day: NaiveDate, part: Option<i128>) -> Taken {
        let mut taken = Taken { principal: self.principal, ..Taken::default() };
        if let Some(part) = part {
            taken.principal = part.min(self.principal);
        } else {
            taken.interest = self.interest_due(day);
            let of_month = self.accrued(day) - self.accrued_before_month;
            taken.interest_of_month = of_month.min(taken.interest);
            self.take_no_income(day, &mut taken);
            for (income, unpaid) in &mut self.fees {
                let fees = match *income {
                    "4020" => &mut taken.late_fees,
                    "4030" => &mut taken.returned_fees,
                    _ => &mut taken.charges,
                };
                *fees += *unpaid;
                *unpaid = 0;
            }
            self.interest_paid += taken.interest;
            self.give_up_rentals(day, &mut taken);
            self.given_up = true;
        }
        self.turn(day, self.principal - taken.principal, self.rate);
        self.charged_off += taken.sum();
        taken
    }

    /// How much of a payment of `amount` on `day` goes to instalments before it goes to fees: what
    /// is past due, and the current instalment, the first one due on `day` or later. While
    /// something is past due, one that is not due yet must be covered whole.
    fn satisfiable(&self, day: NaiveDate, amount: i128) -> i128 {
        let before = self.plan.due_before(day);
        let past_due = (self.plan.total_of(before) - self.billed).max(0);
        if before == self.plan.len() {
            return past_due;
        }
        let with_current = (self.plan.total_of(before + 1) - self.billed).max(0);
        if past_due > 0 && self.plan.due(before) > day && amount < with_current {
            past_due
        } else {
            with_current
        }
    }

    /// What is owed and falls due by instalments.
    pub(crate) fn owed(&self, day: NaiveDate) -> i128 {
        self.principal + self.interest_due(day) + self.rentals_left()
    }

    /// Is nothing owed? Credit stands against everything that came after it.
    pub(crate) fn is_settled(&self, day: NaiveDate) -> bool {
        self.owed(day) + self.fees_due() + self.charged_off <= self.credit
    }

    /// Can nothing be past due any more? Once principal and interest, or rentals, are paid, nothing
    /// is late: an unpaid fee makes no instalment past due (16 CFR 444.4).
    pub(crate) fn is_done(&self, day: NaiveDate) -> bool {
        let paid = self.owed(day) + self.charged_off == 0;
        self.is_settled(day) || paid
    }

    /// Is an instalment met on `day`, as far as its grace and its late fee go?
    pub(crate) fn is_in_time(&self, number: usize, day: NaiveDate) -> bool {
        self.is_done(day) || self.plan.is_met(number, self.billed)
    }

    /// Is an instalment met? The last one is whatever is left, and all are once nothing is.
    pub(crate) fn is_met(&self, number: usize, day: NaiveDate) -> bool {
        self.is_done(day) || (self.plan.is_met(number, self.billed) && number + 1 < self.plan.len())
    }

    /// Where the account stands at the close of `day`.
    pub(crate) fn figures(&self, day: NaiveDate) -> Figures {
        let (owed, fees) = (self.owed(day), self.fees_due());
        let before = self.plan.due_before(day);
        let open: Vec<usize> = (0..self.plan.len()).filter(|n| !self.is_met(*n, day)).collect();
        let oldest = open.first().map(|n| self.plan.due(*n));
        let next = open.iter().map(|n| self.plan.due(*n)).find(|due| *due >= day);
        let oldest_past_due = oldest.filter(|due| *due < day);
        let unpaid = (self.plan.total_of(before) - self.billed).max(0);
        let most = owed + self.charged_off;
        let balance = most + fees - self.credit;
        let price = self.price(day);
        let past_due = if self.plan.maturity().is_none_or(|last| last < day) {
            most
        } else {
            unpaid.min(most)
        };
        Figures {
            principal: self.principal,
            interest: self.interest_due(day),
            fees,
            rentals: self.rentals_left(),
            charged_off: self.charged_off,
            credit: self.credit,
            billed: self.billed,
            balance,
            payoff: balance + price.map_or(0, |price| price.more()),
            past_due: if oldest_past_due.is_some() { past_due } else { 0 },
            days_past_due: oldest_past_due.map_or(0, |due| between(due, day)),
            oldest,
            next: next.filter(|_| !self.given_up),
            rentals_due: self.rentals_due(day),
            buyout: price.map(|price| [price.ahead, price.residual, price.sales_tax]),
            settled: self.is_settled(day),
        }
    }
}
