//! Every seal of a window worked out again from the accounts' own events, and held against what was
//! sealed.

use std::collections::BTreeMap;

use super::cutoff::{RunItem, RunOutcome, WindowKey, WindowSealed};
use crate::domain::account::events::Event;
use crate::domain::money::Amount;
use crate::domain::product::Product;
use crate::ids::{AccountId, PaymentId};

/// What the seals of a log are to be, followed event by event, in order.
///
/// In memory are the product of each account, the payments that wait, those that no seal covers
/// yet, and a number for each window: payments that are sealed are forgotten.
#[derive(Debug, Default)]
pub struct SealAudit {
    products: BTreeMap<AccountId, Product>,
    waiting: BTreeMap<PaymentId, (WindowKey, Amount)>,
    windows: BTreeMap<WindowKey, Unsealed>,
    seals: u64,
}

/// What the next seal of a window is over, in order of the log, and how many it comes after.
#[derive(Debug, Default)]
struct Unsealed {
    seals: u32,
    items: Vec<RunItem>,
    /// How many of the items were settled before the last seal already.
    passed_over: usize,
}

impl SealAudit {
    /// How many seals were worked out again.
    pub const fn seals(&self) -> u64 {
        self.seals
    }

    /// Takes in what happened to an account.
    pub fn follow(&mut self, account: &AccountId, event: &Event) {
        if let Event::AccountOpened(opened) = event {
            self.products.insert(account.clone(), opened.terms.product);
        } else if let Event::PaymentScheduled(scheduled) = event {
            // Without a product there is no window: a seal that has the payment differs.
            if let Some(product) = self.products.get(account).copied() {
                let (date, window) = (scheduled.payment_date, scheduled.window);
                let key = WindowKey { product, date, window };
                self.waiting.insert(scheduled.payment, (key, scheduled.amount));
            }
        } else if let Event::PaymentApplied(applied) = event {
            self.settle(applied.payment, RunOutcome::Applied);
        } else if let Event::PaymentCancelled(cancelled) = event {
            self.settle(cancelled.payment, RunOutcome::Cancelled);
        }
    }

    fn settle(&mut self, payment: PaymentId, outcome: RunOutcome) {
        if let Some((key, amount)) = self.waiting.remove(&payment) {
            let window = self.windows.entry(key).or_default();
            window.items.push(RunItem { payment, outcome, amount });
        }
    }

    /// Works out the seal that comes next, and says in words where the recorded one differs. It is
    /// over what was settled before it and is in no seal yet: all of that, or the first so many.
    /// What was settled while it was being written is left to the next one.
    pub fn check(&mut self, sealed: &WindowSealed) -> Option<String> {
        self.seals = self.seals.saturating_add(1);
        let WindowSealed { product, date, window, .. } = *sealed;
        let key = WindowKey { product, date, window };
        let unsealed = self.windows.entry(key).or_default();
        let supplement = unsealed.seals;
        unsealed.seals = supplement.saturating_add(1);
        let (covered, rest) = unsealed.items.split_at(counted(sealed).min(unsealed.items.len()));
        if WindowSealed::of(key, supplement, covered.to_vec()) == *sealed {
            unsealed.passed_over = rest.len();
            unsealed.items = rest.to_vec();
            return None;
        }
        unsealed.passed_over = 0;
        let items = std::mem::take(&mut unsealed.items);
        let differences = differences(sealed, &WindowSealed::of(key, supplement, items));
        Some(format!("the seal of {}: {}", key.name(), differences.join("; ")))
    }

    /// Once the log is at its end: the windows whose last seal left something out that was settled
    /// before it, in words. The next one would have it, and is written by the next run.
    pub fn left_out(&self) -> impl Iterator<Item = String> {
        self.windows.iter().filter(|(_, unsealed)| unsealed.passed_over > 0).filter_map(
            |(key, unsealed)| {
                let first = unsealed.items.first()?.payment;
                Some(format!(
                    "the seal of {}: what was settled last before it, from payment {first} on, is \
                     in no seal",
                    key.name()
                ))
            },
        )
    }
}

/// How many payments a seal is over, as it says itself.
fn counted(sealed: &WindowSealed) -> usize {
    let count = sealed.applied_count.saturating_add(sealed.cancelled_count);
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Everything in which a seal is not what was worked out, in words.
fn differences(sealed: &WindowSealed, worked_out: &WindowSealed) -> Vec<String> {
    let fields = |seal: &WindowSealed| {
        [
            ("supplement", seal.supplement.to_string()),
            ("applied_count", seal.applied_count.to_string()),
            ("applied_total", seal.applied_total.to_string()),
            ("cancelled_count", seal.cancelled_count.to_string()),
            ("cancelled_total", seal.cancelled_total.to_string()),
            ("root", format!("{:?}", seal.root)),
        ]
    };
    let pairs = fields(sealed).into_iter().zip(fields(worked_out));
    pairs
        .filter(|(found, expected)| found != expected)
        .map(|((field, found), (_, expected))| {
            format!("{field} is {found}, the log gives {expected}")
        })
        .collect()
}

#[cfg(test)]
mod tests;
