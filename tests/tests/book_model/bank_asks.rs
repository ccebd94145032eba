//! What the bank does with money, as commands; and what the model expects to come of them.

use chrono::NaiveDate;
use ledger::domain::account::commands::Command;

use crate::asks::{Asked, refused};
use crate::days::{after, banks_are_open};
use crate::model::What;
use crate::pair::{Fault, Happening, Paid, Pair, State};
use crate::readings::amount;

impl Pair {
    /// The bank has a payment's money, since so many days ago.
    pub(crate) fn settle(&self, paid: &Paid, days: i64, kept: i128) -> Result<Asked, Fault> {
        let settlement_date = after(self.today, -days);
        let withheld = if kept > 0 { Some(amount(kept)?) } else { None };
        let command = Command::SettlePayment { payment: paid.id, settlement_date, withheld };
        let settled = vec![Happening::Settled(paid.id, settlement_date)];
        let expected = match paid.state {
            State::Scheduled | State::Cancelled => refused("NOT_APPLIED"),
            State::Returned => refused("ALREADY_RETURNED"),
            State::Good => {
                let fact = &self.model.facts[paid.fact];
                let What::Payment { amount, clearing, .. } = fact.what else {
                    return Err("no payment".to_owned());
                };
                let problem = if fact.bank.is_some() {
                    Some("ALREADY_SETTLED")
                } else if clearing == "1010" {
                    Some("NOTHING_TO_SETTLE")
                } else if let Some(problem) = self.no_day_for(settlement_date, fact.effective) {
                    Some(problem)
                } else if kept > 0 && clearing != "1027" {
                    Some("CHANNEL_WITHHOLDS_NOTHING")
                } else {
                    (kept >= amount).then_some("WITHHELD_TOO_MUCH")
                };
                problem.map_or(settled, refused)
            }
        };
        Ok((command, vec![expected]))
    }

    /// The bank paid a refund out, so many days ago.
    pub(crate) fn settle_refund(&self, which: usize, days: i64) -> Option<Asked> {
        let (refund, fact) = self.refunds[which.checked_rem(self.refunds.len())?];
        let settlement_date = after(self.today, -days);
        let fact = &self.model.facts[fact];
        let problem = if fact.gone {
            Some("REFUND_ALREADY_RETURNED")
        } else if fact.bank.is_some() {
            Some("REFUND_ALREADY_SETTLED")
        } else {
            self.no_day_for(settlement_date, fact.effective)
        };
        let settled = vec![Happening::RefundSettled(refund, settlement_date)];
        let expected = problem.map_or(settled, refused);
        Some((Command::SettleRefund { refund, settlement_date }, vec![expected]))
    }

    /// A refund comes back.
    pub(crate) fn refund_back(&self, which: usize) -> Option<Asked> {
        let (refund, fact) = self.refunds[which.checked_rem(self.refunds.len())?];
        let back = vec![Happening::RefundReturned(refund)];
        let gone = self.model.facts[fact].gone;
        let expected = if gone { refused("REFUND_ALREADY_RETURNED") } else { back };
        Some((Command::ReturnRefund { refund }, vec![expected]))
    }

    /// Why money that counts from a day cannot have settled on another.
    fn no_day_for(&self, settled: NaiveDate, effective: NaiveDate) -> Option<&'static str> {
        if settled < effective {
            Some("SETTLEMENT_TOO_EARLY")
        } else if settled > self.today {
            Some("EFFECTIVE_IN_FUTURE")
        } else {
            (!banks_are_open(settled)).then_some("NOT_A_BANKING_DAY")
        }
    }
}
