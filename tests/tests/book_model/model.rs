//! One account as a plain list of facts. Every question replays its whole life from the opening,
//! one day after the other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::bills::Bill;
use crate::days::after;
use crate::plan::Plan;
use crate::walk::{Done, Walk};

/// How days become years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    Actual365Or366,
    Actual365,
    Actual360,
    Thirty360,
}

/// How much of an instalment may be missing while it counts as met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    Cents(i128),
    /// The rest, once so many millionths of it are paid.
    Share(i128),
}

/// A fixed amount, or millionths of what is unpaid; the grace in days; the most it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateFee {
    pub(crate) grace: i64,
    pub(crate) amount: Option<i128>,
    pub(crate) share: i128,
    pub(crate) maximum: Option<i128>,
}

/// A contract; money in cents, rates in millionths.
#[derive(Debug, Clone)]
pub(crate) struct Contract {
    pub(crate) lease: bool,
    pub(crate) opened: NaiveDate,
    pub(crate) principal: i128,
    pub(crate) rate: i128,
    pub(crate) basis: Basis,
    pub(crate) paid_through: NaiveDate,
    pub(crate) unpaid_interest: i128,
    /// Interest accrued before and not posted, in millionths of a cent.
    pub(crate) carry: i128,
    pub(crate) unpaid_fees: i128,
    pub(crate) instalment: i128,
    pub(crate) tax: i128,
    pub(crate) first_due: NaiveDate,
    pub(crate) anchor: u32,
    pub(crate) count: i32,
    /// What is left of the first instalment.
    pub(crate) first_rest: i128,
    pub(crate) returned_item_fee: Option<i128>,
    pub(crate) state: Option<&'static str>,
    pub(crate) late_fee: Option<LateFee>,
    pub(crate) tolerance: Tolerance,
    /// What a leased vehicle is worth in the end; zero if that is not known.
    pub(crate) residual: i128,
    /// Sales tax on its price, in millionths.
    pub(crate) sales_tax: i128,
}

/// What happened, and still counts unless it is `gone`.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) effective: NaiveDate,
    /// Earlier or later of two on one day.
    place: usize,
    pub(crate) what: What,
    /// Returned, waived: as if it had never been, until it is back in its old place.
    pub(crate) gone: bool,
    /// The bank has moved its money, and a vendor kept so much of it.
    pub(crate) bank: Option<i128>,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Payment {
        amount: i128,
        /// Where the money is until the bank has it.
        clearing: &'static str,
        /// It is meant to pay a payoff quote.
        quoted: bool,
    },
    Fee {
        amount: i128,
        /// The income account, or what is owed to others.
        income: &'static str,
        /// The late instalment, from 0.
        instalment: Option<usize>,
    },
    Rate(i128),
    Adjustment(i128),
    Shift {
        from: usize,
        months: i32,
        anchor: Option<u32>,
    },
    /// Everything, or so much of the principal.
    ChargeOff(Option<i128>),
    Refund(i128),
    /// The leased vehicle comes back.
    VehicleBack,
}

/// What a payment paid, and what was written off with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) interest: i128,
    pub(crate) principal: i128,
    pub(crate) fees: i128,
    pub(crate) rentals: i128,
    pub(crate) tax: i128,
    pub(crate) residual: i128,
    pub(crate) sales_tax: i128,
    pub(crate) recovery: i128,
    pub(crate) credit: i128,
    pub(crate) written_interest: i128,
    pub(crate) written_principal: i128,
    pub(crate) written_fees: i128,
    pub(crate) written_residual: i128,
    pub(crate) written_credit: i128,
}

impl Split {
    /// The payment.
    pub(crate) const fn sum(&self) -> i128 {
        let loan = self.interest + self.principal + self.fees;
        let lease = self.rentals + self.tax + self.residual + self.sales_tax;
        loan + lease + self.recovery + self.credit
    }

    pub(crate) const fn written_off(&self) -> i128 {
        let loan = self.written_interest + self.written_principal + self.written_fees;
        loan + self.written_residual + self.written_credit
    }
}

/// What a charge-off took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) principal: i128,
    pub(crate) interest: i128,
    pub(crate) interest_of_month: i128,
    /// Of the interest, what was never income.
    pub(crate) interest_unbooked: i128,
    pub(crate) late_fees: i128,
    pub(crate) returned_fees: i128,
    pub(crate) charges: i128,
    /// Base rentals that were due, of them those of the month; their tax; base rentals to come.
    pub(crate) rentals: i128,
    pub(crate) rentals_of_month: i128,
    pub(crate) rental_tax: i128,
    pub(crate) rentals_ahead: i128,
}

impl Taken {
    /// What is owed of it.
    pub(crate) const fn sum(&self) -> i128 {
        let fees = self.late_fees + self.returned_fees + self.charges;
        self.principal + self.interest + fees + self.rentals + self.rental_tax + self.rentals_ahead
    }
}

/// Where an account stands at the close of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) principal: i128,
    pub(crate) interest: i128,
    pub(crate) fees: i128,
    pub(crate) rentals: i128,
    pub(crate) charged_off: i128,
    pub(crate) credit: i128,
    pub(crate) billed: i128,
    /// What is owed in all; below zero if there is a credit balance.
    pub(crate) balance: i128,
    /// What would pay the account off: of a lease, buy the vehicle.
    pub(crate) payoff: i128,
    /// Rentals to come, residual and sales tax, where the vehicle can be bought.
    pub(crate) buyout: Option<[i128; 3]>,
    pub(crate) past_due: i128,
    pub(crate) days_past_due: i64,
    /// The due date of the oldest instalment that is not met, past due or not.
    pub(crate) oldest: Option<NaiveDate>,
    /// That of the next one on the day or later, unless everything was charged off.
    pub(crate) next: Option<NaiveDate>,
    /// Rentals due on the day or before, and not paid.
    pub(crate) rentals_due: i128,
    pub(crate) settled: bool,
}

/// What the facts turned out to do, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    pub(crate) splits: BTreeMap<usize, Split>,
    pub(crate) taken: BTreeMap<usize, Taken>,
    pub(crate) credited: BTreeMap<usize, i128>,
}

/// What a replay finds out.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) figures: BTreeMap<NaiveDate, Figures>,
    pub(crate) bills: BTreeMap<NaiveDate, Vec<Bill>>,
    pub(crate) deeds: Deeds,
    /// The day from which nothing is owed any more, for good as far as is known.
    pub(crate) settled_from: Option<NaiveDate>,
}

/// One account.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) contract: Contract,
    /// In the order of recording.
    pub(crate) facts: Vec<Fact>,
    /// The day through which interest and rentals are in the general ledger.
    pub(crate) booked_through: NaiveDate,
    /// How many rentals are in it: what was billed stays billed when due dates are moved.
    pub(crate) rentals_booked: usize,
    /// Instalments that are open since a payment came back: the fact, the instalment, the day from
    /// which its grace counts anew; none if it never costs a fee. The last word counts.
    pub(crate) reopened: Vec<(usize, usize, Option<NaiveDate>)>,
    /// Payments that came back and are gone yet, in order: the fact, the day, and whether nobody is
    /// to blame.
    gone: Vec<(usize, NaiveDate, bool)>,
}

impl Model {
    pub(crate) fn new(contract: Contract) -> Self {
        let booked_through = contract.opened;
        let (facts, reopened, gone) = (Vec::new(), Vec::new(), Vec::new());
        let mut model = Self { contract, facts, booked_through, rentals_booked: 0, reopened, gone };
        model.book_rentals();
        model
    }

    /// Records a fact; tells its number.
    pub(crate) fn happens(&mut self, effective: NaiveDate, what: What) -> usize {
        // A late fee of the same day for the same instalment is where the first was.
        let late = |what: &What| {
            if let What::Fee { instalment, .. } = *what { instalment } else { None }
        };
        let same = |fact: &&Fact| fact.effective == effective && late(&fact.what) == late(&what);
        let first = self.facts.iter().find(same).filter(|_| late(&what).is_some());
        let place = first.map_or(self.facts.len(), |first| first.place);
        self.facts.push(Fact { effective, place, what, gone: false, bank: None });
        self.facts.len() - 1
    }

    /// Interest and rentals are in the general ledger through `day`.
    pub(crate) fn books(&mut self, day: NaiveDate) {
        self.booked_through = self.booked_through.max(day);
    }

    /// Rentals that fall due up to the day that is booked are billed.
    pub(crate) fn book_rentals(&mut self) {
        let plan = self.plan_on(self.booked_through);
        let due = plan.due_before(after(self.booked_through, 1));
        self.rentals_booked = self.rentals_booked.max(due);
    }

    /// A payment comes back on `today`: what it had met on some day, and nothing else meets on that
    /// day, is open again.
    pub(crate) fn comes_back(&mut self, fact: usize, today: NaiveDate, blameless: bool) {
        let due = self.plan_on(today).due_before(after(today, 1));
        let before = self.met(today);
        self.facts[fact].gone = true;
        let after = self.met(today);
        // A purchase that is undone may leave a vehicle that came back: what never falls due now.
        let count = self.plan_on(today).len();
        let of_days = before.iter().zip(&after);
        let open = of_days.flat_map(|(before, after)| before.difference(after));
        let open = open.filter(|number| **number < count);
        for number in open.collect::<BTreeSet<_>>() {
            // What falls due later is late by itself, whoever is to blame for the return.
            let excused = blameless && *number < due;
            self.reopened.push((fact, *number, (!excused).then_some(today)));
        }
        self.gone.push((fact, today, blameless));
    }

    /// A payment is good after all, as if it had never been gone: what came back since then comes
    /// back once more, from an account that has it.
    pub(crate) fn is_good(&mut self, fact: usize) {
        self.facts[fact].gone = false;
        self.reopened.retain(|(payment, _, _)| *payment != fact);
        let place = self.gone.iter().position(|(payment, _, _)| *payment == fact).unwrap();
        let since = self.gone.split_off(place).split_off(1);
        for (payment, _, _) in &since {
            self.facts[*payment].gone = false;
        }
        let said = std::mem::take(&mut self.reopened);
        for (payment, day, blameless) in since {
            self.comes_back(payment, day, blameless);
        }
        let anew = std::mem::replace(&mut self.reopened, said);
        self.reopened.retain(|(payment, _, _)| anew.iter().all(|(other, _, _)| other != payment));
        self.reopened.extend(anew);
    }

    /// The instalments that are met at the close of every day up to `today`.
    fn met(&self, today: NaiveDate) -> Vec<BTreeSet<usize>> {
        let mut met = Vec::new();
        // What never falls due, since the vehicle came back, is no matter.
        let count = self.plan_on(today).len();
        self.live(today, |day, walk| {
            if day <= today {
                met.push((0..count).filter(|n| walk.is_in_time(*n, day)).collect());
            }
        });
        met
    }

    /// Lives the whole life again, one day after the other, to `through` or to the last of the
    /// facts, and shows the close of every day.
    pub(crate) fn live(
        &self,
        through: NaiveDate,
        mut at_close: impl FnMut(NaiveDate, &Walk<'_>),
    ) -> Deeds {
        let last = self.last_day().max(through);
        let mut walk = Walk::new(&self.contract);
        let mut deeds = Deeds::default();
        let mut day = self.contract.paid_through;
        let good = self.facts.iter().enumerate().filter(|(_, fact)| !fact.gone);
        let mut good: Vec<_> = good.collect();
        good.sort_by_key(|(_, fact)| (fact.effective, fact.place));
        let mut next = good.into_iter().peekable();
        loop {
            while let Some((number, fact)) = next.next_if(|(_, fact)| fact.effective == day) {
                match walk.meet(day, &fact.what) {
                    Done::Paid(split) => drop(deeds.splits.insert(number, split)),
                    Done::ChargedOff(taken) => drop(deeds.taken.insert(number, taken)),
                    Done::Adjusted(credited) => drop(deeds.credited.insert(number, credited)),
                    Done::Nothing => {}
                }
            }
            walk.note_income(day);
            at_close(day, &walk);
            if day == last {
                return deeds;
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
        let (mut figures, mut bills) = (BTreeMap::new(), BTreeMap::new());
        let mut settled_from = None;
        let through = days.iter().next_back().copied().unwrap_or(opened);
        let deeds = self.live(through, |day, walk| {
            if (opened..=last_fact).contains(&day) {
                settled_from = walk.is_settled(day).then(|| settled_from.unwrap_or(day));
            }
            if days.contains(&day) {
                figures.insert(day, walk.figures(day));
                bills.insert(day, walk.bills(day));
            }
        });
        // A fee that a credit balance covers is paid by the next payment all the same.
        let paying = deeds.splits.iter().filter(|(_, split)| split.sum() != split.credit);
        let last_paying = paying.map(|(number, _)| self.facts[*number].effective).max();
        let settled_from = settled_from.map(|day: NaiveDate| last_paying.unwrap_or(day).max(day));
        Replay { figures, bills, deeds, settled_from }
    }

    pub(crate) fn on(&self, day: NaiveDate) -> Figures {
        self.replay(&BTreeSet::from([day])).figures[&day]
    }

    /// The rate at which `day` earns.
    pub(crate) fn rate_on(&self, day: NaiveDate) -> i128 {
        self.at_close(day, |walk| walk.rate)
    }

    /// Since when interest is no income, as is known now of the close of `day`.
    pub(crate) fn stopped_on(&self, day: NaiveDate) -> Option<NaiveDate> {
        self.at_close(day, |walk| walk.stopped.map(|stopped| stopped.on))
    }

    /// The instalments as they fall due at the close of `day`.
    pub(crate) fn plan_on(&self, day: NaiveDate) -> Plan {
        self.at_close(day, |walk| walk.plan.clone())
    }

    /// The first instalment that is not met at the close of `day`, and falls due after a day.
    pub(crate) fn first_open(&self, day: NaiveDate, after: Option<NaiveDate>) -> Option<usize> {
        self.at_close(day, |walk| {
            let due_later = |n: &usize| after.is_none_or(|after| walk.plan.due(*n) > after);
            (0..walk.plan.len()).filter(due_later).find(|n| !walk.is_met(*n, day))
        })
    }

    fn at_close<T>(&self, wanted: NaiveDate, look: impl Fn(&Walk<'_>) -> T) -> T {
        let mut seen = None;
        self.live(wanted, |day, walk| {
            if day == wanted {
                seen = Some(look(walk));
            }
        });
        seen.unwrap()
    }
}
