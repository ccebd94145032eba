//! The ledger at work on one account: every command is decided and folded as the engine does it,
//! under the rules in force, with the day of the command for today.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use ledger::domain::account::events::Event;
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::account::{Context, Denial, decide, evolve};
use ledger::domain::books::AccountingDays;
use ledger::domain::money::Money;
use ledger::domain::rulebook::{Rulebook, RulebookError};
use ledger::ids::{AccountId, RequestId};

use super::plan::Step;

/// An account, and what happened to it.
#[derive(Debug)]
pub struct Replay {
    id: AccountId,
    rules: Arc<Rulebook>,
    account: Account,
    requests: u64,
}

/// What the ledger did with a month's money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Movements {
    /// Interest paid.
    pub interest: Money,
    /// Principal paid.
    pub principal: Money,
    /// Fees paid.
    pub fees: Money,
    /// Paid above everything owed.
    pub credit: Money,
    /// Paid of what was charged off.
    pub recovery: Money,
    /// Principal written off as the small rest of a payoff.
    pub written_off: Money,
    /// Principal charged off.
    pub charged_off: Money,
    /// Added to principal by adjustments.
    pub adjusted: Money,
    /// All money that came in.
    pub paid: Money,
}

/// The built-in rules with what filings tell of the issuers' own: a payment's fee part is reported
/// by itself and comes first, and the rest that a payoff leaves is charged off when the issuer says
/// so, not by the ledger.
pub fn issuers_rules() -> Result<Arc<Rulebook>, RulebookError> {
    let mut document: serde_json::Value = serde_json::from_str(Rulebook::built_in().document())?;
    let order = serde_json::json!(["fees", "interest", "due_principal", "extra_principal"]);
    set_each(&mut document, "/waterfalls/auto", "/rule/order", &order);
    set_each(&mut document, "/payoff", "/rule/small_balance_max", &serde_json::json!("0.00"));
    Rulebook::parse(&document.to_string()).map(Arc::new)
}

/// Puts `value` at `place` in every dated rule of a timeline.
fn set_each(
    document: &mut serde_json::Value,
    timeline: &str,
    place: &str,
    value: &serde_json::Value,
) {
    let dated = document.pointer_mut(timeline).and_then(serde_json::Value::as_array_mut);
    for rule in dated.into_iter().flatten().filter_map(|dated| dated.pointer_mut(place)) {
        rule.clone_from(value);
    }
}

impl Replay {
    /// An account that is not on the books yet.
    pub const fn new(id: AccountId, rules: Arc<Rulebook>) -> Self {
        Self { id, rules, account: Account::Absent, requests: 0 }
    }

    /// Gives a command at noon of its day, and adds up what it moves.
    pub fn give(&mut self, step: &Step, movements: &mut Movements) -> Result<(), Denial> {
        self.requests = self.requests.saturating_add(1);
        let received_at = noon(step.on);
        let request = RequestId::derived(self.id.as_str(), &self.requests.to_string());
        let context = Context {
            account: &self.id,
            request,
            received_at,
            rules: &self.rules,
            days: AccountingDays::of_calendar(step.on),
        };
        let events = decide(&self.account, &step.command, &context)?;
        for event in events {
            movements.add(&event);
            self.account = evolve(std::mem::take(&mut self.account), &event, received_at);
        }
        Ok(())
    }

    /// The account, once it is on the books.
    pub const fn open(&self) -> Option<&OpenAccount> {
        match &self.account {
            Account::Open(open) => Some(open),
            Account::Absent => None,
        }
    }
}

impl Movements {
    fn add(&mut self, event: &Event) {
        match event {
            Event::PaymentReceived(received) => {
                let split = &received.split;
                self.paid += received.amount.money();
                self.interest += split.interest;
                self.principal += split.principal;
                self.fees += split.fees;
                self.credit += split.credit;
                self.recovery += split.recovery;
                self.written_off += split.write_off.unwrap_or_default().principal;
            }
            Event::AccountChargedOff(charged_off) => {
                self.charged_off += charged_off.taken.principal;
            }
            Event::PrincipalAdjusted(adjusted) => self.adjusted += adjusted.change,
            Event::AccountOpened(_)
            | Event::PaymentScheduled(_)
            | Event::PaymentCancelled(_)
            | Event::PaymentApplied(_)
            | Event::PaymentReturned(_)
            | Event::PaymentReinstated(_)
            | Event::PaymentSettled(_)
            | Event::FeeAssessed(_)
            | Event::FeeWaived(_)
            | Event::LienRecorded(_)
            | Event::AccountPaidOff(_)
            | Event::PayoffReversed(_)
            | Event::LienReleased(_)
            | Event::RateChanged(_)
            | Event::ExtensionGranted(_)
            | Event::DueDateChanged(_)
            | Event::VehicleReturned(_)
            | Event::NonAccrualStarted(_)
            | Event::AccrualResumed(_)
            | Event::PayoffQuoted(_)
            | Event::CreditRefunded(_)
            | Event::RefundReturned(_)
            | Event::RefundSettled(_)
            | Event::RequestRefused(_)
            | Event::NothingChanged(_) => {}
        }
    }

    /// Does every dollar go somewhere, and does principal move from `begin` to `end` by what is
    /// told of it?
    pub fn holds(&self, begin: Money, end: Money) -> bool {
        let spent = self.interest + self.principal + self.fees + self.credit + self.recovery;
        let less = self.principal + self.written_off + self.charged_off;
        spent == self.paid && begin + self.adjusted - less == end
    }
}

/// Noon in New York, or an hour later: the same day there and in universal time.
fn noon(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN)
        .checked_add_signed(TimeDelta::hours(17))
        .unwrap_or_default()
        .and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::domain::product::Product;
    use ledger::domain::rulebook::Bucket;

    #[test]
    fn the_issuers_rules_differ_in_two_points() {
        let day = "2017-12-15".parse().unwrap();
        let (rules, built_in) = (issuers_rules().unwrap(), Rulebook::built_in());
        let first = rules.waterfall(Product::AutoLoan, day).order().first().copied();
        assert_eq!(first, Some(Bucket::Fees));
        assert!(rules.payoff(day).small_balance_max.is_zero());
        let (lease, other) =
            (rules.waterfall(Product::Lease, day), built_in.waterfall(Product::Lease, day));
        assert_eq!(lease, other);
        assert_eq!(rules.limits(day), built_in.limits(day));
    }
}
