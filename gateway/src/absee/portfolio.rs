//! A loan as commands for a server: boarded as of one month, with the months after it played.

use std::sync::Arc;

use chrono::NaiveDate;
use ledger::domain::money::Money;
use ledger::domain::rulebook::Rulebook;
use ledger::ids::AccountId;

use super::billing::positions;
use super::history::{boarding, infer};
use super::loans::Loan;
use super::plan::{self, Step};
use super::record::LoanMonth;
use super::replay::{Movements, Replay};

/// A command of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last day of the month that it plays.
    pub month: NaiveDate,
    /// The command.
    pub step: Step,
}

/// A loan that is imported.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its number in the pool.
    pub asset: String,
    /// The account that it becomes.
    pub account: AccountId,
    /// What it is boarded with.
    pub principal: Money,
    /// The boarding, and what followed, in order.
    pub entries: Vec<Entry>,
    /// Months after it that are not played, since one before them is missing.
    pub left_out: usize,
}

/// The loan as of the month that ends on or after `as_of` first and tells enough to be boarded, or
/// as of its first such month. None if there is none.
pub fn import(loan: &Loan, as_of: Option<NaiveDate>, rules: &Arc<Rulebook>) -> Option<Imported> {
    let months = &loan.months;
    let (inferred, positions) = (infer(months), positions(months));
    let wanted = |month: &LoanMonth| as_of.is_none_or(|day| month.period_end >= day);
    let (index, step) = months.iter().enumerate().find_map(|(index, month)| {
        let origin = boarding(months, &inferred, index).filter(|_| wanted(month))?;
        let position = positions.get(index)?.as_ref()?;
        Some((index, plan::boarding(month, &origin, position)?))
    })?;
    let boarded = months.get(index)?;
    let mut account = Account::new(loan, rules);
    account.play(boarded, step);
    let mut before = boarded;
    let mut left_out = 0_usize;
    for month in months.iter().skip(index.saturating_add(1)) {
        if left_out > 0 || !month.follows(before) {
            left_out = left_out.saturating_add(1);
            continue;
        }
        account.month(before, month);
        before = month;
    }
    let (asset, principal) = (loan.asset.clone(), boarded.end_balance);
    let (account, entries) = (loan.account.clone(), account.entries);
    Some(Imported { asset, account, principal, entries, left_out })
}

/// An account as it will be, to tell a recovery from a payment, and what is left to be charged off.
struct Account {
    replay: Replay,
    entries: Vec<Entry>,
}

impl Account {
    fn new(loan: &Loan, rules: &Arc<Rulebook>) -> Self {
        let replay = Replay::new(loan.account.clone(), Arc::clone(rules));
        Self { replay, entries: Vec::new() }
    }

    /// A command that the rules here refuse is sent all the same: the server's decide.
    fn play(&mut self, month: &LoanMonth, step: Step) {
        self.replay.give(&step, &mut Movements::default()).unwrap_or_default();
        self.entries.push(Entry { month: month.period_end, step });
    }

    fn month(&mut self, before: &LoanMonth, month: &LoanMonth) {
        let Some(open) = self.replay.open() else { return };
        if open.charged_off.is_some() {
            if let Some(step) = plan::recovery(month) {
                self.play(month, step);
            }
            return;
        }
        if before.is_closed() {
            return;
        }
        for step in plan::events(month, before.rate(), &plan::net_payment(month)) {
            self.play(month, step);
        }
        let owed = self.replay.open().is_some_and(|open| open.paid_off.is_none());
        if let Some(step) = plan::charge_off(month).filter(|_| owed) {
            self.play(month, step);
        }
    }
}
