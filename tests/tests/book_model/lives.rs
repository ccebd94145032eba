//! Lives made up by chance: a contract, and what is asked of it on which days.

use chrono::{Datelike, NaiveDate};
use ledger::domain::account::events::FeeKind;
use tests::chance::Chance;

use crate::days::{after, day_of_month};
use crate::model::{Basis, Contract, LateFee, Tolerance};
use crate::tales::beginning;

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
    /// The bank has a payment's money, since so many days ago, less what a vendor kept.
    Settle {
        which: usize,
        days: i64,
        kept: i128,
    },
    Assess {
        cents: i128,
        kind: FeeKind,
        back: Back,
    },
    /// A leased vehicle comes back, and a charge for it.
    GiveBack {
        cents: i128,
        kind: FeeKind,
        back: Back,
    },
    Waive {
        which: usize,
    },
    /// The daily run.
    Age,
    Rate {
        millionths: i128,
        back: Back,
    },
    Adjust {
        cents: i128,
        back: Back,
    },
    /// By so many months, even beyond the limits.
    Extend {
        months: i32,
        back: Back,
        beyond: bool,
    },
    DueDay {
        day: u32,
        back: Back,
    },
    ChargeOff {
        part: Option<Sum>,
        back: Back,
    },
    Quote {
        days: i64,
    },
    /// All of the credit balance, or a part.
    Refund {
        part: bool,
    },
    ReturnRefund {
        which: usize,
    },
    /// The bank paid a refund out, so many days ago.
    SettleRefund {
        which: usize,
        days: i64,
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
    Principal(i128),
    /// What pays the account off, and some cents.
    Payoff(i128),
    /// So many hundredths of that.
    PayoffPart(i128),
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
        let asked = (0..count).map(|_| step(&mut chance)).collect::<Vec<_>>();
        // The bank's side has a chance of its own: it changes nothing for what else is asked.
        let mut bank = Chance::of(!seed);
        let steps = asked.into_iter().flat_map(|step| [Some(step), settling(&mut bank, step.hour)]);
        let steps = beginning(seed).into_iter().chain(steps.flatten()).collect();
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
        try_out(&|life| life.contract.carry = 0);
        try_out(&|life| life.contract.late_fee = None);
        try_out(&|life| life.contract.state = None);
        try_out(&|life| life.contract.tolerance = Tolerance::Cents(100));
        try_out(&|life| life.contract.first_rest = life.contract.instalment);
        try_out(&|life| life.contract.tax = 0);
        try_out(&|life| life.contract.residual = 0);
        try_out(&|life| life.contract.sales_tax = 0);
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

pub(crate) fn index(chance: &mut Chance) -> usize {
    usize::try_from(chance.below(1000)).unwrap()
}

pub(crate) fn one_of<T: Copy>(chance: &mut Chance, of: &[T]) -> T {
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
    let count = one_of(chance, &[1, 2, 3, 6, 12, 24, 60]);
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
    let some = cents(chance, 0, 999_999);
    let carry = one_of(chance, &[0, 0, 0, some, 500_000, 499_999, -499_999]);
    let late_fee = Some(LateFee {
        grace: one_of(chance, &[0, 5, 10, 15, 60]),
        amount: one_of(chance, &[None, None, Some(1_500)]),
        share: one_of(chance, &[50_000, 50_000, 33_333, 1_000_000]),
        maximum: one_of(chance, &[None, None, Some(1_000)]),
    });
    // More than an instalment would make any instalment met.
    let most = 2_500.min(instalment / 4);
    let usual = Tolerance::Cents(100);
    let tolerances =
        [usual, usual, Tolerance::Cents(0), Tolerance::Cents(most), Tolerance::Share(900_000)];
    let some = cents(chance, 1, 2_000_000);
    let residual = one_of(chance, &[0, 100, 900, 1_425_000, some, some]);
    let sales_tax = one_of(chance, &[0, 80_000, 82_500, 62_501, 1_000_000]);
    Contract {
        lease,
        opened,
        principal: if lease { 0 } else { principal },
        rate: if lease { 0 } else { rate },
        basis: one_of(
            chance,
            &[Basis::Actual365Or366, Basis::Actual365, Basis::Actual360, Basis::Thirty360],
        ),
        paid_through: after(opened, -one_of(chance, &[0, 0, back])),
        unpaid_interest: if lease { 0 } else { one_of(chance, &[0, 0, unpaid]) },
        carry: if lease { 0 } else { carry },
        unpaid_fees: one_of(chance, &[0, 0, 1_550, unpaid]),
        instalment,
        tax: if lease { one_of(chance, &[0, instalment / 14, instalment - 1]) } else { 0 },
        first_due,
        anchor,
        count,
        first_rest,
        returned_item_fee: one_of(chance, &[Some(2_500), None, Some(1), Some(9_000)]),
        state: one_of(chance, &[None, None, Some("NY"), Some("FL"), Some("OH"), Some("AK")]),
        late_fee: one_of(chance, &[None, late_fee, late_fee]),
        tolerance: one_of(chance, &tolerances),
        residual: if lease { residual } else { 0 },
        sales_tax: if lease { sales_tax } else { 0 },
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

/// What the bank does with money, now and then, after something else was asked.
fn settling(chance: &mut Chance, hour: usize) -> Option<Step> {
    let ask = match chance.below(9) {
        0 | 1 => Ask::Settle {
            which: index(chance),
            days: one_of(chance, &[0, 0, 0, 1, 2, 3, 20, -1]),
            kept: one_of(chance, &[0, 0, 0, 345, 345, 40_000]),
        },
        2 => {
            let days = one_of(chance, &[0, 0, 1, 3, -1]);
            Ask::SettleRefund { which: index(chance), days }
        }
        _ => return None,
    };
    Some(Step { days_later: 0, hour, ask, looks: chance.draw() })
}

fn ask(chance: &mut Chance) -> Ask {
    match chance.below(34) {
        0..=2 => Ask::Schedule { money: sum(chance), days_ahead: number(chance, 40) },
        3 => Ask::Cancel { which: index(chance) },
        4..=6 => Ask::Run,
        7..=12 => {
            let days = number(chance, 60);
            let same = Back::DayOf(index(chance));
            let back = one_of(chance, &[Back::Days(0), Back::Days(0), Back::Days(days), same]);
            Ask::Receive { money: sum(chance), back, way: index(chance) }
        }
        13..=15 => Ask::Return { which: index(chance), code: one_of(chance, &CODES) },
        16 | 17 => Ask::Reinstate { which: index(chance) },
        18 => {
            let kinds = [FeeKind::Late, FeeKind::ReturnedItem, one_of(chance, FeeKind::ALL)];
            let (cents, kind) = (cents(chance, 1, 5_000), one_of(chance, &kinds));
            Ask::Assess { cents, kind, back: some_days_back(chance) }
        }
        19 => Ask::Waive { which: index(chance) },
        20..=24 => Ask::Age,
        25.. => servicing(chance),
    }
}

fn some_days_back(chance: &mut Chance) -> Back {
    let days = number(chance, 60);
    let back = one_of(chance, &[0, 0, 1, days]);
    if chance.below(6) == 0 { Back::DayOf(index(chance)) } else { Back::Days(back) }
}

fn servicing(chance: &mut Chance) -> Ask {
    let back = some_days_back(chance);
    match chance.below(18) {
        0 | 1 => Ask::Rate { millionths: one_of(chance, &[0, 60_000, 123_450, 73_000]), back },
        2 | 3 => Ask::Adjust { cents: cents(chance, -60_000, 60_000), back },
        4 | 5 => {
            let months = one_of(chance, &[1, 1, 2, 3, 5, 12]);
            Ask::Extend { months, back, beyond: chance.below(3) > 0 }
        }
        6 | 7 => Ask::DueDay { day: u32::try_from(1 + chance.below(31)).unwrap(), back },
        8 => Ask::ChargeOff { part: None, back },
        9 | 10 => {
            let some = Sum::Cents(cents(chance, 1, 100_000));
            let part = one_of(chance, &[some, some, Sum::Principal(0), Sum::Principal(1)]);
            Ask::ChargeOff { part: Some(part), back }
        }
        11 | 12 => Ask::Quote { days: number(chance, 40) },
        13 | 14 => Ask::Refund { part: chance.below(3) == 0 },
        15 => Ask::ReturnRefund { which: index(chance) },
        16 => {
            let cents = cents(chance, 0, 100_000);
            Ask::GiveBack { cents, kind: one_of(chance, FeeKind::ALL), back }
        }
        _ => Ask::Receive { money: Sum::Payoff(0), back, way: index(chance) },
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
        12 => Sum::PayoffPart(cents(chance, 30, 100)),
        _ => Sum::Instalments(1, 0),
    }
}
