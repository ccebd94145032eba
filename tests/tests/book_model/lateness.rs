//! Late fees: which are due, and which were charged for what was in time after all.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::days::after;
use crate::model::{Fact, LateFee, Model, What};
use crate::pair::{Happening, Pair};
use crate::rational::Fraction;
use crate::walk::Walk;

/// A late fee that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late {
    /// From 0.
    pub(crate) instalment: usize,
    /// The day after the grace.
    pub(crate) dated: NaiveDate,
    pub(crate) amount: i128,
}

impl LateFee {
    /// What the contract charges if so much of an instalment is unpaid.
    fn costs(&self, unpaid: i128) -> i128 {
        let share = Fraction::new(unpaid * self.share, 1_000_000).half_up();
        let amount = self.amount.unwrap_or(share);
        self.maximum.map_or(amount, |most| amount.min(most))
    }
}

impl Walk<'_> {
    /// What is unpaid of an instalment that fell due, as far as anybody owes it: older ones come
    /// first.
    fn missing(&self, number: usize, day: NaiveDate) -> i128 {
        let older = (self.plan.total_of(number) - self.billed).max(0);
        let left = (self.owed(day) + self.charged_off - older).max(0);
        self.plan.unpaid_of(number, self.billed).min(left)
    }
}

impl Model {
    /// The late fees to be charged on `today`, one after the other, since each changes what later
    /// payments pay. `asked` are instalments whose fee was taken back because somebody asked.
    pub(crate) fn late_fees(&self, today: NaiveDate, asked: &BTreeSet<usize>) -> Vec<Late> {
        let mut model = self.clone();
        let mut all: Vec<Late> = Vec::new();
        let mut done = asked.clone();
        while let Some(late) = model.next_late_fee(today, &done) {
            done.insert(late.instalment);
            all.push(late);
            let instalment = Some(late.instalment);
            let what = What::Fee { amount: late.amount, income: "4020", instalment };
            model.happens(late.dated, what);
        }
        all
    }

    fn next_late_fee(&self, today: NaiveDate, asked: &BTreeSet<usize>) -> Option<Late> {
        let contract = self.contract.late_fee?;
        let charged: BTreeSet<usize> = self.standing_late_fees().map(|(_, n)| n).collect();
        let plan = self.plan_on(today);
        let mut found = None;
        self.live(today, |day, walk| {
            if found.is_some() || day < self.contract.opened || day >= today {
                return;
            }
            for number in 0..walk.plan.len().min(plan.len()) {
                if charged.contains(&number) || asked.contains(&number) {
                    continue;
                }
                let again = self.reopened.iter().rev().find(|(_, n, _)| *n == number);
                let again = again.map(|(_, _, from)| *from);
                let ends = plan.grace_end(number, again.flatten(), contract.grace);
                if ends != day || again == Some(None) || walk.is_in_time(number, day) {
                    continue;
                }
                let unpaid = walk.missing(number, day);
                let amount = contract.costs(unpaid);
                if amount > 0 && !walk.plan.tolerates(unpaid) {
                    found = Some(Late { instalment: number, dated: after(day, 1), amount });
                    return;
                }
            }
        });
        found
    }

    /// Late fees that stand: the number of the fact, and the instalment.
    fn standing_late_fees(&self) -> impl Iterator<Item = (usize, usize)> {
        let good = self.facts.iter().enumerate().filter(|(_, fact)| !fact.gone);
        good.filter_map(|(fact, it)| {
            let What::Fee { instalment: Some(number), .. } = it.what else { return None };
            Some((fact, number))
        })
    }

    /// Takes back the late fees that are more than is right by what is known now, oldest first;
    /// tells the numbers of their facts, and what is right instead.
    pub(crate) fn correct_late_fees(&mut self) -> Vec<(usize, i128)> {
        let mut all = Vec::new();
        loop {
            let mut standing = self.standing_late_fees().map(|(fact, _)| fact);
            let wrong = standing.find_map(|fact| Some((fact, self.right_instead(fact)?)));
            drop(standing);
            let Some((fact, right)) = wrong else { break };
            self.facts[fact].gone = true;
            all.push((fact, right));
        }
        all
    }

    /// What is right instead of a late fee that is more: nothing if the instalment was met, or not
    /// due for so long, at the end of its grace.
    fn right_instead(&self, fee: usize) -> Option<i128> {
        let What::Fee { amount, .. } = self.facts[fee].what else { return None };
        self.right(fee).filter(|right| *right < amount)
    }

    /// What a late fee, standing or not, comes to by what is known now.
    fn right(&self, fee: usize) -> Option<i128> {
        let (Some(contract), What::Fee { amount, instalment: Some(number), .. }) =
            (self.contract.late_fee, &self.facts[fee].what)
        else {
            return None;
        };
        let grace_end = after(self.facts[fee].effective, -1);
        let mut right = *amount;
        self.live(grace_end, |day, walk| {
            if day == grace_end {
                let never_due = *number >= walk.plan.len();
                let moved = never_due || walk.plan.grace_end(*number, None, contract.grace) > day;
                let unpaid = if moved { 0 } else { walk.missing(*number, day) };
                let in_time = walk.is_in_time(*number, day) || walk.plan.tolerates(unpaid);
                right = if moved || in_time { 0 } else { contract.costs(unpaid) };
            }
        });
        Some(right)
    }

    /// The late fees that are back once a payment is gone that came after the first `since` facts:
    /// each had been charged by then, and is right again, as it was not `before` with the payment.
    /// With each the number of the fact of the lower fee that took its place. `asked` are as for
    /// [`Model::late_fees`].
    pub(crate) fn late_again(
        &self,
        before: &Self,
        since: usize,
        asked: &BTreeSet<usize>,
    ) -> Vec<(Late, Option<usize>)> {
        let mut model = self.clone();
        let mut all = Vec::new();
        let count = usize::try_from(self.contract.count).unwrap();
        for number in (0..count).filter(|number| !asked.contains(number)) {
            let stands = model.standing_late_fees().find(|(_, of)| *of == number);
            let stands = stands.map(|(fact, _)| fact);
            let charged = stands.map_or(0, |fact| {
                if let What::Fee { amount, .. } = model.facts[fact].what { amount } else { 0 }
            });
            let mut best: Option<Late> = None;
            for fact in 0..since {
                let Fact { effective, ref what, gone, .. } = model.facts[fact];
                let What::Fee { amount, instalment: Some(of), .. } = *what else { continue };
                let right = |model: &Self| model.right(fact).unwrap_or(0).min(amount);
                if of != number || !gone || right(before) > charged {
                    continue;
                }
                let amount = right(&model);
                let late = Late { instalment: number, dated: effective, amount };
                let more = best.is_none_or(|best| {
                    amount > best.amount || (amount == best.amount && effective < best.dated)
                });
                best = if more { Some(late) } else { best };
            }
            let Some(late) = best.filter(|best| best.amount > charged) else { continue };
            if let Some(lower) = stands {
                model.facts[lower].gone = true;
            }
            let instalment = Some(number);
            model
                .happens(late.dated, What::Fee { amount: late.amount, income: "4020", instalment });
            all.push((late, stands));
        }
        all
    }
}

impl Pair {
    /// The instalments whose late fee was taken back because somebody asked.
    pub(crate) fn asked(&self) -> BTreeSet<usize> {
        let asked = self.fees.iter().filter(|fee| fee.asked);
        asked
            .filter_map(|fee| {
                let what = &self.model.facts[fee.fact].what;
                if let What::Fee { instalment, .. } = what { *instalment } else { None }
            })
            .collect()
    }

    /// What becomes of late fees, by a model in which the payment is gone.
    pub(crate) fn late_again(&self, model: &Model, since: usize) -> Vec<Happening> {
        let mut all = Vec::new();
        for (late, lower) in model.late_again(&self.model, since, &self.asked()) {
            let fee = self.fees.iter().find(|fee| Some(fee.fact) == lower);
            all.extend(fee.map(|fee| Happening::FeeWaived(fee.id)));
            let number = Some(late.instalment + 1);
            all.push(Happening::Fee(late.dated, late.amount, None, number));
        }
        all
    }
}
