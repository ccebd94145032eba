//! The general ledger of one account, as the model has it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::days::after;
use crate::model::{Model, Taken, What};
use crate::walk::Walk;

/// Balances by account number, debit above zero.
pub(crate) type Balances = BTreeMap<&'static str, i128>;

impl Model {
    /// The balances that this account's life comes to. Interest is no income since `stopped`: so
    /// much of it is booked as had accrued by then, and what was paid beyond that.
    pub(crate) fn ledger(&self, stopped: Option<NaiveDate>) -> Balances {
        let contract = &self.contract;
        let (opened, through) = (contract.opened, self.booked_through);
        let mut balances = Balances::new();
        let mut add = |account, amount| *balances.entry(account).or_default() += amount;
        let plan = Walk::new(contract);
        let (base_before, tax_before) = plan.rentals(plan.plan.due_before(after(opened, 1)));
        let (mut base, mut tax) = plan.rentals(self.rentals_booked);
        let mut vehicle = contract.residual;
        add("1010", -contract.principal - contract.unpaid_interest - contract.unpaid_fees);
        add("1010", -base_before - tax_before - contract.residual);
        let (mut ahead, mut returned) = ((0, 0), 0);
        let mut income = None;
        let deeds = self.live(through, |day, walk| {
            if let Some(paid_ahead) = walk.back {
                (base, tax) = walk.rentals(walk.plan.len());
                (ahead, returned, vehicle) = (paid_ahead, contract.residual, 0);
            } else if let Some(ended) = walk.ended {
                (base, tax) = ended;
            }
            if walk.bought {
                vehicle = 0;
            }
            if day == opened {
                add("1010", -walk.accrued(day));
                add("4010", walk.accrued(day));
            }
            if stopped == Some(day) {
                income = Some(walk.accrued(day) + contract.unpaid_interest);
            }
            if day == through {
                let due = walk.interest_due(day);
                let booked = income.map_or(due, |most| (most - walk.interest_paid).max(0).min(due));
                add("4010", due - booked - walk.accrued(day));
                add("1110", booked);
                add("1100", walk.principal);
                add("1120", walk.fees_due());
                add("2110", -walk.credit);
            }
        });
        add("1140", vehicle);
        add("1145", returned);
        add("1130", base + ahead.0);
        add("1135", tax + ahead.1);
        add("4040", base_before - base);
        add("2140", tax_before - tax);
        for split in deeds.splits.values() {
            add("1130", -split.rentals);
            add("1135", -split.tax);
            add("2140", -split.sales_tax);
            add("4060", -split.recovery);
            add("5020", split.written_off());
        }
        for fact in self.facts.iter().filter(|fact| !fact.gone) {
            match fact.what {
                What::Payment { amount, clearing, .. } => add(clearing, amount),
                What::Fee { amount, income, .. } => add(income, -amount),
                What::Adjustment(change) => add("5030", -change),
                What::Refund(amount) => add("2120", -amount),
                What::Rate(_) | What::Shift { .. } | What::ChargeOff(_) | What::VehicleBack => {}
            }
        }
        deeds.taken.values().for_each(|taken| charge_off(&mut balances, taken));
        self.bank(&mut balances);
        balances.retain(|_, balance| *balance != 0);
        balances
    }

    /// What the bank has moved is no longer on its way. A vendor's fee stays lost.
    fn bank(&self, balances: &mut Balances) {
        let mut add = |account, amount| *balances.entry(account).or_default() += amount;
        for fact in &self.facts {
            let Some(kept) = fact.bank else { continue };
            add("1010", -kept);
            add("5030", kept);
            if fact.gone {
                continue;
            }
            if let What::Payment { amount, clearing, .. } = fact.what {
                add(clearing, -amount);
                add("1010", amount);
            } else if let What::Refund(amount) = fact.what {
                add("2120", amount);
                add("1010", -amount);
            }
        }
    }
}

/// What a charge-off takes from receivables, and where that goes.
fn charge_off(balances: &mut Balances, taken: &Taken) {
    let mut add = |account, amount| *balances.entry(account).or_default() += amount;
    let written_off = taken.interest - taken.interest_of_month - taken.interest_unbooked;
    add("1190", taken.principal + written_off);
    add("1190", taken.rentals - taken.rentals_of_month + taken.rental_tax);
    add("4040", taken.rentals_of_month);
    add("1130", -taken.rentals);
    add("1135", -taken.rental_tax);
    add("4010", taken.interest_of_month + taken.interest_unbooked);
    add("4020", taken.late_fees);
    add("4030", taken.returned_fees);
    add("1190", taken.charges);
}
