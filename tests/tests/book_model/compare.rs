//! Holding the product against the model.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use ledger::domain::account::events::PayoffQuoted;
use ledger::domain::account::state::OpenAccount;
use tests::chance::Chance;

use crate::bills::Bill;
use crate::days::{after, between};
use crate::lives::{Ask, Step};
use crate::model::{Replay, What};
use crate::pair::{Fault, Pair, State};
use crate::readings::{cents, figures, instalments, ledger, split};

impl Pair {
    /// Holds the product against the model, as of some days before and after today.
    pub(crate) fn compare(&self, looks: u64) -> Result<(), Fault> {
        let mut chance = Chance::of(looks);
        let opened = self.model.contract.opened;
        let mut days = BTreeSet::from([opened, self.today, after(self.today, 1)]);
        if let Some(fact) = self.model.facts.last() {
            days.insert(fact.effective);
        }
        let lived = u64::try_from(between(opened, self.today)).unwrap();
        let some_day = after(opened, i64::try_from(chance.below(lived + 1)).unwrap());
        let ahead = after(self.today, i64::try_from(chance.below(70)).unwrap());
        days.extend([some_day, ahead]);
        if chance.below(8) == 0 {
            days.insert(after(self.today, i64::try_from(chance.below(800)).unwrap()));
        }
        let replay = self.model.replay(&days);
        let open = self.open_account()?;
        for (day, said) in &replay.figures {
            same(&format!("on {day}"), &figures(open, *day)?, said)?;
        }
        for day in BTreeSet::from([self.today, if chance.below(2) == 0 { some_day } else { ahead }])
        {
            self.compare_bills(open, day, &replay.bills[&day])?;
        }
        self.compare_splits(open, &replay)?;
        let paid_off = open.paid_off.as_ref().map(|paid_off| paid_off.paid_off_date);
        same("paid off", &paid_off, &replay.settled_from)?;
        same("accrual stopped", &open.book.non_accrual_since(), &self.stopped)?;
        same("booked through", &open.book.accrued_through(), &self.model.booked_through)?;
        self.compare_ledger(open)
    }

    fn compare_ledger(&self, open: &OpenAccount) -> Result<(), Fault> {
        let (product, model) = (ledger(open), self.model.ledger(self.stopped));
        let mut sum = 0;
        for balance in product.values() {
            sum += balance;
        }
        if sum != 0 {
            return Err(format!("the general ledger does not balance: {product:?}"));
        }
        same("the general ledger", &product, &model)
    }

    /// Each instalment as the service lists it, and the late fee that stands for it.
    fn compare_bills(
        &self,
        open: &OpenAccount,
        day: NaiveDate,
        bills: &[Bill],
    ) -> Result<(), Fault> {
        let listed = instalments(open, day)?;
        same(&format!("instalments on {day}"), &listed.len(), &bills.len())?;
        for (number, ((listed, late_fee), bill)) in listed.iter().zip(bills).enumerate() {
            same(&format!("instalment {} on {day}", number + 1), listed, bill)?;
            let stands = self.fees.iter().find(|fee| {
                let fact = &self.model.facts[fee.fact];
                let of_it =
                    matches!(fact.what, What::Fee { instalment: Some(n), .. } if n == number);
                of_it && !fact.gone && fact.effective <= day
            });
            let stands = stands.map(|fee| fee.id.to_string()).unwrap_or_default();
            same(&format!("the late fee of {} on {day}", number + 1), late_fee, &stands)?;
        }
        Ok(())
    }

    fn compare_splits(&self, open: &OpenAccount, replay: &Replay) -> Result<(), Fault> {
        for paid in self.payments.iter().filter(|paid| paid.state == State::Good) {
            let product = open.payments.get(&paid.id).unwrap();
            let Some(parts) = product.split else { return Err(format!("no split: {product:?}")) };
            let parts = split(&parts);
            same("the split of a payment", &parts, &replay.deeds.splits[&paid.fact])?;
            let what = &self.model.facts[paid.fact].what;
            let What::Payment { amount, .. } = what else { return Err("no payment".to_owned()) };
            same("the sum of a split", &parts.sum(), amount)?;
        }
        Ok(())
    }

    /// The parts of a quote are those of the day it is good through, and come to its amount.
    pub(crate) fn quote_adds_up(&self, quoted: &PayoffQuoted) -> Result<(), Fault> {
        let figures = self.model.on(quoted.good_through_date);
        let parts = [
            quoted.principal,
            quoted.interest,
            quoted.fees,
            quoted.rentals,
            quoted.rentals_ahead,
            quoted.residual,
            quoted.sales_tax,
            quoted.charged_off,
            quoted.credit,
        ];
        let [ahead, residual, sales_tax] = figures.buyout.unwrap_or_default();
        let expected = [
            figures.principal,
            figures.interest,
            figures.fees,
            figures.buyout.map_or(figures.rentals, |_| figures.rentals_due),
            ahead,
            residual,
            sales_tax,
            figures.charged_off,
            figures.credit,
        ];
        let mut sum = -2 * figures.credit;
        for part in expected {
            sum += part;
        }
        same("the sum of a quote", &cents(quoted.amount), &sum)?;
        same("a payoff quote", &parts.map(cents), &expected)
    }

    /// Whatever payment comes back and is then good after all: nothing shows it, on any date.
    pub(crate) fn bounce(&self, looks: u64) -> Result<(), Fault> {
        let mut chance = Chance::of(looks);
        let mut days: BTreeSet<_> = self.model.facts.iter().map(|fact| fact.effective).collect();
        days.extend([self.model.contract.opened, self.today, after(self.today, 40)]);
        for which in 0..self.payments.len() {
            if self.payments[which].state != State::Good || chance.below(3) > 0 {
                continue;
            }
            let mut pair = self.clone();
            let code = if chance.below(2) == 0 { "R10" } else { "R01" };
            pair.step(&Step { days_later: 1, hour: 0, ask: Ask::Return { which, code }, looks })?;
            pair.step(&Step { days_later: 3, hour: 0, ask: Ask::Reinstate { which }, looks })?;
            let (before, later) = (self.open_account()?, pair.open_account()?);
            for day in &days {
                let what = format!("{code} and its reinstatement left a trace on {day}");
                same(&what, &figures(later, *day)?, &figures(before, *day)?)?;
            }
            same("reinstated, paid off", &later.paid_off, &before.paid_off)?;
            for payment in before.payments.values() {
                same(
                    "reinstated, a split",
                    &later.payments.get(&payment.id).unwrap().split,
                    &payment.split,
                )?;
            }
        }
        Ok(())
    }

    /// Counts the kinds of splits that the account's payments ended with.
    pub(crate) fn count_splits(&mut self) {
        let lost = u64::from(self.model.contract.lease && self.given_up());
        *self.seen.entry("a lease charged off".to_owned()).or_default() += lost;
        let mut back = None;
        self.model.live(self.today, |_, walk| back = walk.back.map(|ahead| (ahead, walk.given_up)));
        let ahead = back.is_some_and(|((base, _), _)| base > 0);
        *self.seen.entry("rentals paid ahead that never fall due".to_owned()).or_default() +=
            u64::from(ahead);
        let lost = back.is_some_and(|(_, given_up)| given_up);
        *self.seen.entry("charged off after the vehicle came back".to_owned()).or_default() +=
            u64::from(lost);
        for fact in &self.model.facts {
            let back = fact.gone && fact.bank.is_some();
            let kept = fact.bank.is_some_and(|kept| kept > 0);
            for (what, so) in
                [("settled money that came back", back), ("a fee that a vendor kept", kept)]
            {
                *self.seen.entry(what.to_owned()).or_default() += u64::from(so);
            }
        }
        let splits = self.model.replay(&BTreeSet::new()).deeds.splits;
        for split in splits.values() {
            let kinds = [
                ("a small balance written off", split.written_off()),
                ("a recovery", split.recovery),
                ("a credit balance", split.credit),
                ("tax of a rental", split.tax),
                ("a vehicle bought", split.residual + split.written_residual),
                ("a residual written off", split.written_residual),
                ("money sent back in vain written off", split.written_credit),
                ("a credit balance spent on a vehicle", -split.credit),
            ];
            for (kind, amount) in kinds {
                *self.seen.entry(kind.to_owned()).or_default() += u64::from(amount > 0);
            }
        }
    }

    /// What the account has on 1100, and what principal is owed.
    pub(crate) fn principal(&self) -> Result<(i128, i128), Fault> {
        let open = self.open_account()?;
        let on_ledger = ledger(open).get("1100").copied().unwrap_or_default();
        Ok((on_ledger, figures(open, self.today)?.principal))
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, product: &T, model: &T) -> Result<(), Fault> {
    if product == model {
        Ok(())
    } else {
        Err(format!("{what}:\n  product {product:?}\n  model   {model:?}"))
    }
}
