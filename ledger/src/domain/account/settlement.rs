//! The bank's side: money of payments that the bank has, refunds that it has paid out, and what it
//! takes back of either.
//!
//! Nothing here moves the timeline: what is owed, what payments pay and what has accrued stay as
//! they are. So the account is not worked out anew, and no interest is brought up to any day.

use chrono::NaiveDate;

use super::events::{Event, PaymentSettled, Posting, RefundSettled};
use super::refusal::Refusal;
use super::state::{OpenAccount, Payment, Refund};
use super::{Context, Decision};
use crate::domain::journal::{Journal, LedgerAccount, Line};
use crate::domain::money::{Amount, Money};
use crate::ids::{PaymentId, RefundId};

/// Books that the bank has the money of a payment, less what a vendor kept of it.
pub(super) fn settle_payment(
    open: &OpenAccount,
    id: PaymentId,
    (settlement_date, withheld): (NaiveDate, Option<Amount>),
    context: &Context<'_>,
) -> Decision {
    let payment = open.payment(id)?;
    check_unsettled(payment)?;
    check_date(settlement_date, payment.effective_date, context)?;
    check_withheld(payment, withheld)?;
    let fee = withheld.map_or(Money::ZERO, Amount::money);
    let (cash, clearing) = (LedgerAccount::Cash, LedgerAccount::clearing(payment.channel));
    let posting = posting(settlement_date, context, |journal| {
        journal.transfer(cash, clearing, payment.amount.money() - fee, settlement_date);
        journal.transfer(LedgerAccount::OperationalLoss, clearing, fee, settlement_date);
    });
    let effective_date = settlement_date;
    let settled = PaymentSettled { payment: id, effective_date, withheld, posting };
    Ok(vec![Event::PaymentSettled(settled)])
}

/// Books that the bank paid a refund out.
pub(super) fn settle_refund(
    open: &OpenAccount,
    refund: RefundId,
    settlement_date: NaiveDate,
    context: &Context<'_>,
) -> Decision {
    let sent = open.refund(refund)?;
    if sent.returned {
        return Err(Refusal::RefundAlreadyReturned { refund }.into());
    }
    if let Some(settlement_date) = sent.settled {
        return Err(Refusal::RefundAlreadySettled { refund, settlement_date }.into());
    }
    check_date(settlement_date, sent.effective_date, context)?;
    let amount = sent.amount.money();
    let (transit, cash) = (LedgerAccount::RefundsInTransit, LedgerAccount::Cash);
    let posting = posting(settlement_date, context, |journal| {
        journal.transfer(transit, cash, amount, settlement_date);
    });
    let effective_date = settlement_date;
    Ok(vec![Event::RefundSettled(RefundSettled { refund, effective_date, posting })])
}

fn check_unsettled(payment: &Payment) -> Result<(), Refusal> {
    payment.check_applied()?;
    let id = payment.id;
    if let Some(settlement) = payment.settlement {
        let settlement_date = settlement.date;
        return Err(Refusal::AlreadySettled { payment: id, settlement_date });
    }
    if LedgerAccount::clearing(payment.channel) == LedgerAccount::Cash {
        let channel = payment.channel.as_str().to_owned();
        return Err(Refusal::NothingToSettle { payment: id, channel });
    }
    Ok(())
}

/// The bank has money on a banking day, not before there was any, and not tomorrow.
fn check_date(date: NaiveDate, since: NaiveDate, context: &Context<'_>) -> Result<(), Refusal> {
    let today = context.today();
    if date < since {
        return Err(Refusal::SettlementTooEarly { settlement_date: date, effective_date: since });
    }
    if date > today {
        return Err(Refusal::EffectiveInFuture { effective_date: date, today });
    }
    if !context.rules.calendar().is_banking_day(date) {
        return Err(Refusal::NotABankingDay { date });
    }
    Ok(())
}

/// Only vendors keep a fee out of what they deliver, and not all of it.
fn check_withheld(payment: &Payment, withheld: Option<Amount>) -> Result<(), Refusal> {
    let Some(withheld) = withheld else { return Ok(()) };
    if LedgerAccount::clearing(payment.channel) != LedgerAccount::VendorClearing {
        let channel = payment.channel.as_str().to_owned();
        return Err(Refusal::ChannelWithholdsNothing { channel });
    }
    let amount = payment.amount;
    if withheld >= amount {
        return Err(Refusal::WithheldTooMuch { withheld, amount });
    }
    Ok(())
}

fn posting(
    effective: NaiveDate,
    context: &Context<'_>,
    lines: impl FnOnce(&mut Journal),
) -> Posting {
    let mut journal = Journal::new(effective);
    journal.folded(lines);
    Posting::of(journal, context.gl_date())
}

/// What the bank moves of a payment that it had the money of: out when that comes back, and in
/// again when the return is overturned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bank {
    /// The bank takes the money.
    Takes,
    /// The bank gives it again.
    Gives,
}

/// The bank's leg of a payment that was settled, today: always the whole of it. A vendor's fee is
/// for the delivery, and is lost once, whatever becomes of the payment. Nothing for one that was
/// not settled, whose clearing account nets out by itself.
pub(super) fn bank_leg(payment: &Payment, moves: Bank, context: &Context<'_>) -> Vec<Line> {
    let mut journal = Journal::new(payment.effective_date);
    if payment.settlement.is_some() {
        let (today, amount) = (context.today(), payment.amount.money());
        let (clearing, cash) = (LedgerAccount::clearing(payment.channel), LedgerAccount::Cash);
        match moves {
            Bank::Takes => journal.transfer(clearing, cash, amount, today),
            Bank::Gives => journal.transfer(cash, clearing, amount, today),
        }
    }
    journal.finish()
}

/// The bank's leg of a refund that was paid out and came back today. Nothing for one that was not.
pub(super) fn refund_leg(refund: &Refund, context: &Context<'_>) -> Vec<Line> {
    let mut journal = Journal::new(refund.effective_date);
    if refund.settled.is_some() {
        let (cash, transit) = (LedgerAccount::Cash, LedgerAccount::RefundsInTransit);
        journal.transfer(cash, transit, refund.amount.money(), context.today());
    }
    journal.finish()
}
