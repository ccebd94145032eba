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
    /// Months that are not played: before the boarding, or after a month that is missing.
    pub left_out: usize,
}

/// The loan as of its first month that ends on or after `as_of` and tells enough to be boarded;
/// without a day, as of the month from which the most months can be played. None if there is none.
pub fn import(loan: &Loan, as_of: Option<NaiveDate>, rules: &Arc<Rulebook>) -> Option<Imported> {
    let months = &loan.months;
    let (inferred, positions) = (infer(months), positions(months));
    let boardable = (0..months.len()).filter_map(|index| {
        let month = months.get(index)?;
        let origin = boarding(months, &inferred, index)?;
        let position = positions.get(index)?.as_ref()?;
        Some((index, month, plan::boarding(month, &origin, position)?))
    });
    let (index, boarded, step) = match as_of {
        Some(day) => boardable.into_iter().find(|(_, month, _)| month.period_end >= day)?,
        // Of equals the first: the maximum is searched from the end.
        None => boardable.rev().max_by_key(|(index, ..)| following(months, *index).count())?,
    };
    let mut account = Account::new(loan, rules);
    account.play(boarded, step);
    let mut before = boarded;
    let mut played = 0_usize;
    for month in following(months, index) {
        account.month(before, month);
        before = month;
        played = played.saturating_add(1);
    }
    let left_out = months.len().saturating_sub(played.saturating_add(1));
    let (asset, principal) = (loan.asset.clone(), boarded.end_balance);
    let (account, entries) = (loan.account.clone(), account.entries);
    Some(Imported { asset, account, principal, entries, left_out })
}

/// The months after one of them, as far as none is missing.
fn following(months: &[LoanMonth], index: usize) -> impl Iterator<Item = &LoanMonth> {
    let after = index.saturating_add(1);
    let pairs = months.iter().skip(index).zip(months.iter().skip(after));
    pairs.take_while(|(before, month)| month.follows(before)).map(|(_, month)| month)
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
        for step in plan::events(month, before.rate(), &plan::one_payment(month)) {
            self.play(month, step);
        }
        let owed = self.replay.open().is_some_and(|open| open.paid_off.is_none());
        if let Some(step) = plan::charge_off(month).filter(|_| owed) {
            self.play(month, step);
        }
    }
}
