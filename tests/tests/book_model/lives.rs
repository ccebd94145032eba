//! Lives made up by chance: a contract, and what is asked of it on which days.

use chrono::{Datelike, NaiveDate};
use tests::chance::Chance;

use crate::days::{after, day_of_month};
use crate::model::{Basis, Contract};

/// A life: everything that one account goes through.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) personal: bool,
    pub(crate) contract: Contract,
    pub(crate) steps: Vec<Step>,
}

/// So many days later, at one of four hours, this is asked. An hour that is over stands for now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) days_later: i64,
    pub(crate) hour: usize,
    pub(crate) ask: Ask,
    /// Chooses the dates on which product and model are compared after it.
    pub(crate) looks: u64,
}

/// What is asked. Numbers that pick a payment or fee wrap around the number of those there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask {
    Schedule {
        money: Sum,
        days_ahead: i64,
    },
    Cancel {
        which: usize,
    },
    /// Runs the windows of all payments that were scheduled and are due.
    Run,
    Receive {
        money: Sum,
        back: Back,
        way: usize,
    },
    Return {
        which: usize,
        code: &'static str,
    },
    Reinstate {
        which: usize,
    },
    Assess {
        cents: i128,
        late: bool,
    },
    Waive {
        which: usize,
    },
}

/// How much, in words that fit the account as it is on the day of the payment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sum {
    Cents(i128),
    /// So many instalments, and some cents.
    Instalments(i128, i128),
    /// What is past due, and some cents.
    PastDue(i128),
    /// What is past due and the fees, and some cents.
    PastDueAndFees(i128),
    /// The accrued interest, and some cents.
    Interest(i128),
    /// Everything owed, and some cents.
    Payoff(i128),
}

/// From which day on the money counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Back {
    Days(i64),
    /// The day of another fact.
    DayOf(usize),
}

/// Codes of every set, unknown ones, and some that take no payment back.
const CODES: [&str; 14] = [
    "R01", "R09", "R01", "R02", "R05", "R10", "R11", "R08", "R15", "R24", "R30", "R99", "R23",
    "R61",
];

impl Life {
    /// The life that a seed stands for.
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let contract = contract(&mut chance);
        let count = 2 + number(&mut chance, 24);
        let steps = (0..count).map(|_| step(&mut chance)).collect();
        Self { personal: chance.below(3) == 0, contract, steps }
    }

    /// The shortest life found, by leaving out what is not needed, that `fails` as well.
    pub(crate) fn shrunk(&self, fails: impl Fn(&Self) -> bool) -> Self {
        let mut least = self.clone();
        loop {
            let smaller = least.smaller().into_iter().find(|life| fails(life));
            match smaller {
                Some(life) => least = life,
                None => return least,
            }
        }
    }

    /// Lives that are a little simpler.
    fn smaller(&self) -> Vec<Self> {
        let mut lives = Vec::new();
        let mut try_out = |change: &dyn Fn(&mut Self)| {
            let mut life = self.clone();
            change(&mut life);
            if format!("{life:?}") != format!("{self:?}") {
                lives.push(life);
            }
        };
        let half = self.steps.len() / 2;
        try_out(&|life| life.steps.truncate(half));
        for at in (0..self.steps.len()).rev() {
            try_out(&|life| {
                life.steps.remove(at);
            });
        }
        try_out(&|life| life.contract.unpaid_interest = 0);
        try_out(&|life| life.contract.unpaid_fees = 0);
        try_out(&|life| life.contract.first_rest = life.contract.instalment);
        try_out(&|life| life.contract.tax = 0);
        try_out(&|life| life.contract.returned_item_fee = None);
        try_out(&|life| life.contract.basis = Basis::Actual365);
        try_out(&|life| life.contract.paid_through = life.contract.opened);
        try_out(&|life| life.contract.rate = if life.contract.lease { 0 } else { 73_000 });
        try_out(&|life| life.personal = false);
        for at in 0..self.steps.len() {
            try_out(&|life| life.steps[at].hour = 0);
            try_out(&|life| life.steps[at].days_later = 0);
            try_out(&|life| life.steps[at].days_later /= 2);
        }
        lives
    }
}

fn number(chance: &mut Chance, limit: u64) -> i64 {
    i64::try_from(chance.below(limit)).unwrap()
}

fn index(chance: &mut Chance) -> usize {
    usize::try_from(chance.below(1000)).unwrap()
}

fn one_of<T: Copy>(chance: &mut Chance, of: &[T]) -> T {
    of[index(chance) % of.len()]
}

fn cents(chance: &mut Chance, from: i64, below: i64) -> i128 {
    let span = u64::try_from(below - from).unwrap();
    i128::from(from + number(chance, span))
}

fn contract(chance: &mut Chance) -> Contract {
    let lease = chance.below(4) == 0;
    let start = one_of(chance, &["2023-11-20", "2024-02-10", "2026-03-01", "2027-10-01"]);
    let opened = after(start.parse::<NaiveDate>().unwrap(), number(chance, 150));
    let first_due = after(opened, number(chance, 90) - 45);
    let days_in_month = day_of_month(first_due, 0, 31).day();
    let anchor = if first_due.day() == days_in_month {
        days_in_month + u32::try_from(chance.below(u64::from(32 - days_in_month))).unwrap()
    } else {
        first_due.day()
    };
    let count = i32::try_from(1 + one_of(chance, &[0, 1, 2, 5, 11, 23, 59])).unwrap();
    let some = cents(chance, 30_000, 3_000_000);
    let principal = one_of(chance, &[1_000_000, 91_250, 1_825_000, 50_000, some, some, some]);
    let some = cents(chance, 1_000, 90_000);
    let level = principal / i128::from(count) + principal / 50 + 1;
    let instalment = one_of(chance, &[31_000, some, level, level]);
    let some = cents(chance, 0, 360_000);
    let rate = one_of(chance, &[73_000, 10_000, 49_900, 57_500, 0, 9_999_999, some, some, some]);
    let part = cents(chance, 1, 100) * instalment / 100;
    let first_rest = one_of(chance, &[instalment, instalment, part.max(1)]);
    let back = number(chance, 50);
    let unpaid = cents(chance, 1, 20_000);
    Contract {
        lease,
        opened,
        principal: if lease { 0 } else { principal },
        rate: if lease { 0 } else { rate },
        basis: one_of(
            chance,
            &[Basis::Actual365Or366, Basis::Actual365, Basis::Actual360, Basis::Actual365Or366],
        ),
        paid_through: after(opened, -one_of(chance, &[0, 0, back])),
        unpaid_interest: if lease { 0 } else { one_of(chance, &[0, 0, unpaid]) },
        unpaid_fees: one_of(chance, &[0, 0, 1_550, unpaid]),
        instalment,
        tax: if lease { one_of(chance, &[0, instalment / 14, instalment - 1]) } else { 0 },
        first_due,
        anchor,
        count,
        first_rest,
        returned_item_fee: one_of(chance, &[Some(2_500), None, Some(1)]),
    }
}

fn step(chance: &mut Chance) -> Step {
    let some = number(chance, 45);
    Step {
        days_later: one_of(chance, &[0, 0, 1, 7, some, some, 31, 10]),
        hour: index(chance) % 4,
        ask: ask(chance),
        looks: chance.draw(),
    }
}

fn ask(chance: &mut Chance) -> Ask {
    match chance.below(20) {
        0..=2 => Ask::Schedule { money: sum(chance), days_ahead: number(chance, 40) },
        3 => Ask::Cancel { which: index(chance) },
        4..=6 => Ask::Run,
        7..=11 => {
            let days = number(chance, 60);
            let same = Back::DayOf(index(chance));
            let back = one_of(chance, &[Back::Days(0), Back::Days(0), Back::Days(days), same]);
            Ask::Receive { money: sum(chance), back, way: index(chance) }
        }
        12..=14 => Ask::Return { which: index(chance), code: one_of(chance, &CODES) },
        15 | 16 => Ask::Reinstate { which: index(chance) },
        17 => Ask::Assess { cents: cents(chance, 1, 5_000), late: chance.below(2) == 0 },
        18 => Ask::Waive { which: index(chance) },
        _ => Ask::Run,
    }
}

fn sum(chance: &mut Chance) -> Sum {
    let near = one_of(chance, &[0, 0, 0, 1, -1, 99, -99, -100, -101, -999, -1_000, -1_001, 700]);
    match chance.below(16) {
        0 => Sum::Cents(one_of(chance, &[1, 99, 100, 1, 99, 100, 9_999_999_999])),
        1 | 2 => Sum::Cents(cents(chance, 1, 100_000)),
        3..=5 => Sum::Instalments(1, near),
        6 => Sum::Instalments(cents(chance, 2, 5), near),
        7 | 8 => Sum::PastDue(near),
        9 => Sum::PastDueAndFees(near),
        10 => Sum::Interest(near),
        11 => Sum::Payoff(near),
        _ => Sum::Instalments(1, 0),
    }
}
