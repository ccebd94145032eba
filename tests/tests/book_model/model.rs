//! One account as a plain list of facts. Every question replays its whole life from the opening,
//! one day after the other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::days::after;
use crate::walk::Walk;

/// How days become years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    Actual365Or366,
    Actual365,
    Actual360,
}

/// A contract; money in cents, the rate in millionths of a year's principal.
#[derive(Debug, Clone)]
pub(crate) struct Contract {
    pub(crate) lease: bool,
    pub(crate) opened: NaiveDate,
    pub(crate) principal: i128,
    pub(crate) rate: i128,
    pub(crate) basis: Basis,
    pub(crate) paid_through: NaiveDate,
    pub(crate) unpaid_interest: i128,
    pub(crate) unpaid_fees: i128,
    pub(crate) instalment: i128,
    pub(crate) tax: i128,
    pub(crate) first_due: NaiveDate,
    pub(crate) anchor: u32,
    pub(crate) count: i32,
    /// What is left of the first instalment.
    pub(crate) first_rest: i128,
    pub(crate) returned_item_fee: Option<i128>,
}

/// What happened, and still counts unless it is `gone`.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) effective: NaiveDate,
    pub(crate) what: What,
    /// Returned, waived: as if it had never been, until it is back in its old place.
    pub(crate) gone: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Payment {
        amount: i128,
        /// Where the money is until the bank has it.
        clearing: &'static str,
    },
    Fee {
        amount: i128,
        /// The income account.
        income: &'static str,
    },
}

/// What a payment paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) interest: i128,
    pub(crate) principal: i128,
    pub(crate) fees: i128,
    pub(crate) rentals: i128,
    pub(crate) tax: i128,
    pub(crate) credit: i128,
}

impl Split {
    pub(crate) const fn sum(&self) -> i128 {
        self.interest + self.principal + self.fees + self.rentals + self.tax + self.credit
    }
}

/// Where an account stands at the close of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) principal: i128,
    pub(crate) interest: i128,
    pub(crate) fees: i128,
    pub(crate) credit: i128,
    pub(crate) billed: i128,
    /// What would pay everything; below zero if there is a credit balance.
    pub(crate) payoff: i128,
    pub(crate) past_due: i128,
    pub(crate) rentals_due: i128,
    pub(crate) days_past_due: i64,
    pub(crate) oldest_past_due: Option<NaiveDate>,
    pub(crate) next_due: Option<NaiveDate>,
}

/// What a replay finds out.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) figures: BTreeMap<NaiveDate, Figures>,
    /// By the fact's number.
    pub(crate) splits: BTreeMap<usize, Split>,
    /// The day from which nothing is owed any more, for good as far as is known.
    pub(crate) settled_from: Option<NaiveDate>,
}

/// One account.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) contract: Contract,
    /// In the order of recording, which is the order within a day.
    pub(crate) facts: Vec<Fact>,
    /// The day through which interest and rentals are in the general ledger.
    pub(crate) booked_through: NaiveDate,
}

impl Model {
    pub(crate) fn new(contract: Contract) -> Self {
        let booked_through = contract.opened;
        Self { contract, facts: Vec::new(), booked_through }
    }

    /// Records a fact that was booked on the accounting day `booked`; tells its number.
    pub(crate) fn happens(&mut self, effective: NaiveDate, booked: NaiveDate, what: What) -> usize {
        self.facts.push(Fact { effective, what, gone: false });
        self.booked_through = self.booked_through.max(booked).max(effective);
        self.facts.len() - 1
    }

    /// Takes a fact out of the account's life, or puts it back.
    pub(crate) fn counts(&mut self, fact: usize, counts: bool, booked: NaiveDate) {
        self.facts[fact].gone = !counts;
        self.booked_through = self.booked_through.max(booked).max(self.facts[fact].effective);
    }

    /// Lives the whole life again, one day after the other, to `through` or to the last of the
    /// facts, and shows the close of every day. Tells what every payment paid.
    fn live(
        &self,
        through: NaiveDate,
        mut at_close: impl FnMut(NaiveDate, &Walk<'_>),
    ) -> BTreeMap<usize, Split> {
        let last = self.last_day().max(through);
        let mut walk = Walk::new(&self.contract);
        let mut splits = BTreeMap::new();
        let mut day = self.contract.paid_through;
        loop {
            let good = self.facts.iter().enumerate().filter(|(_, fact)| !fact.gone);
            for (number, fact) in good.filter(|(_, fact)| fact.effective == day) {
                match fact.what {
                    What::Payment { amount, .. } => {
                        splits.insert(number, walk.pay(day, amount));
                    }
                    What::Fee { amount, .. } => walk.fees += amount,
                }
            }
            at_close(day, &walk);
            if day == last {
                return splits;
            }
            walk.earn(day);
            day = after(day, 1);
        }
    }

    /// The last day on which something happened that counts; the opening if nothing did.
    fn last_day(&self) -> NaiveDate {
        let good = self.facts.iter().filter(|fact| !fact.gone);
        good.map(|fact| fact.effective).fold(self.contract.opened, NaiveDate::max)
    }

    /// Replays the account's life and looks at it at the close of some days.
    pub(crate) fn replay(&self, days: &BTreeSet<NaiveDate>) -> Replay {
        let opened = self.contract.opened;
        let last_fact = self.last_day();
        let mut figures = BTreeMap::new();
        let mut settled_from = None;
        let through = days.iter().next_back().copied().unwrap_or(opened);
        let splits = self.live(through, |day, walk| {
            if (opened..=last_fact).contains(&day) {
                settled_from = walk.is_settled(day).then(|| settled_from.unwrap_or(day));
            }
            if days.contains(&day) {
                figures.insert(day, walk.figures(day));
            }
        });
        // A fee that a credit balance covers is paid by the next payment all the same.
        let paying = splits.iter().filter(|(_, split)| split.sum() != split.credit);
        let last_paying = paying.map(|(number, _)| self.facts[*number].effective).max();
        let settled_from = settled_from.map(|day: NaiveDate| last_paying.unwrap_or(day).max(day));
        Replay { figures, splits, settled_from }
    }

    pub(crate) fn on(&self, day: NaiveDate) -> Figures {
        self.replay(&BTreeSet::from([day])).figures[&day]
    }

    /// The balances of the general ledger by account number, debit above zero.
    pub(crate) fn ledger(&self) -> BTreeMap<&'static str, i128> {
        let contract = &self.contract;
        let (opened, through) = (contract.opened, self.booked_through);
        let mut balances: BTreeMap<&'static str, i128> = BTreeMap::new();
        let mut add = |account, amount| *balances.entry(account).or_default() += amount;
        let plan = Walk::new(contract);
        let (base_before, tax_before) = plan.rentals_until(opened);
        let (base, tax) = plan.rentals_until(through);
        add("1010", -contract.principal - contract.unpaid_interest - contract.unpaid_fees);
        add("1010", -base_before - tax_before);
        add("1130", base);
        add("1135", tax);
        add("4040", base_before - base);
        add("2140", tax_before - tax);
        let splits = self.live(through, |day, walk| {
            if day == opened {
                add("1010", -walk.accrued(day));
                add("4010", walk.accrued(day));
            }
            if day == through {
                add("4010", -walk.accrued(day));
                add("1110", walk.interest_due(day));
                add("1100", walk.principal);
                add("1120", walk.fees);
                add("2110", -walk.credit);
            }
        });
        for split in splits.values() {
            add("1130", -split.rentals);
            add("1135", -split.tax);
        }
        for fact in self.facts.iter().filter(|fact| !fact.gone) {
            match fact.what {
                What::Payment { amount, clearing } => add(clearing, amount),
                What::Fee { amount, income } => add(income, -amount),
            }
        }
        balances.retain(|_, balance| *balance != 0);
        balances
    }
}
