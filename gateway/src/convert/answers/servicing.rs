//! Instalments, payoff quotes, refunds and charge-offs.

use chrono::NaiveDate;
use ledger::domain::account::book::InstalmentStanding;
use ledger::domain::account::events::{AccountChargedOff, ChargeOffReason, RefundMethod};
use ledger::domain::account::state::{OpenAccount, Progress, Quote, Refund, Title};
use ledger::ids::{AccountId, QuoteId, RefundId};
use proto::payledger::v1 as wire;

use super::number;
use crate::convert::money::to_wire;
use crate::convert::time::{date_to_wire, instant_to_wire};

/// An instalment as it stands at the close of `as_of`, with the late fee that stands for it.
pub fn instalment(
    open: &OpenAccount,
    standing: &InstalmentStanding,
    as_of: NaiveDate,
) -> wire::Instalment {
    let state = if standing.met {
        wire::InstalmentState::Met
    } else if standing.due_date < as_of {
        wire::InstalmentState::PastDue
    } else {
        wire::InstalmentState::Open
    };
    let charged = open.fees.iter().find(|(_, fee)| {
        let is_known = fee.effective_date <= as_of && fee.waived.is_none();
        is_known && fee.instalment == Some(standing.number)
    });
    wire::Instalment {
        number: number(standing.number),
        due_date: Some(date_to_wire(standing.due_date)),
        amount: Some(to_wire(standing.amount)),
        paid_amount: Some(to_wire(standing.paid)),
        open_amount: Some(to_wire(standing.open)),
        state: state.into(),
        days_past_due: i32::try_from(standing.days_past_due).unwrap_or(i32::MAX),
        late_fee_id: charged.map(|(id, _)| id.to_string()).unwrap_or_default(),
    }
}

/// A payoff quote of an account.
pub fn quote(account: &AccountId, open: &OpenAccount, id: QuoteId) -> Option<wire::PayoffQuote> {
    let Quote { quoted, at } = open.quotes.get(&id)?;
    let vin = match &open.title {
        Title::NoLien => String::new(),
        Title::Held(lien) | Title::Released { lien, .. } => lien.vin.clone(),
    };
    let pays = open.payments.values().filter(|payment| match payment.progress {
        Progress::Scheduled | Progress::Applied => payment.payoff_quote == Some(id),
        Progress::Cancelled { .. } | Progress::Returned { .. } => false,
    });
    Some(wire::PayoffQuote {
        quote_id: id.to_string(),
        account_id: account.to_string(),
        quoted_time: Some(instant_to_wire(*at)),
        good_through_date: Some(date_to_wire(quoted.good_through_date)),
        amount: Some(to_wire(quoted.amount)),
        principal: Some(to_wire(quoted.principal)),
        interest: Some(to_wire(quoted.interest)),
        fees: Some(to_wire(quoted.fees)),
        rentals: Some(to_wire(quoted.rentals)),
        rentals_ahead: Some(to_wire(quoted.rentals_ahead)),
        residual: Some(to_wire(quoted.residual)),
        sales_tax: Some(to_wire(quoted.sales_tax)),
        charged_off_amount: Some(to_wire(quoted.charged_off)),
        credit_balance: Some(to_wire(quoted.credit)),
        per_diem: quoted.per_diem.clone(),
        pending_payment_ids: quoted.pending.iter().map(ToString::to_string).collect(),
        uncleared_payment_ids: quoted.uncleared.iter().map(ToString::to_string).collect(),
        vin,
        payment_ids: pays.map(|payment| payment.id.to_string()).collect(),
    })
}

/// A refund of an account's credit balance.
pub fn refund(account: &AccountId, id: RefundId, refund: &Refund) -> wire::Refund {
    let method = match refund.method {
        RefundMethod::AchCredit => wire::RefundMethod::AchCredit,
        RefundMethod::Cheque => wire::RefundMethod::Cheque,
    };
    let state = if refund.returned { wire::RefundState::Returned } else { wire::RefundState::Sent };
    wire::Refund {
        refund_id: id.to_string(),
        account_id: account.to_string(),
        amount: Some(to_wire(refund.amount)),
        method: method.into(),
        payment_id: refund.payment.map(|payment| payment.to_string()).unwrap_or_default(),
        effective_date: Some(date_to_wire(refund.effective_date)),
        state: state.into(),
        settlement_date: refund.settled.map(date_to_wire),
    }
}

/// A charge-off of an account, as it was recorded.
pub fn charge_off(account: &AccountId, recorded: &AccountChargedOff) -> wire::ChargeOff {
    let reason = match recorded.reason {
        ChargeOffReason::Delinquency => wire::ChargeOffReason::Delinquency,
        ChargeOffReason::Bankruptcy => wire::ChargeOffReason::Bankruptcy,
        ChargeOffReason::Fraud => wire::ChargeOffReason::Fraud,
        ChargeOffReason::Deficiency => wire::ChargeOffReason::Deficiency,
        ChargeOffReason::Other => wire::ChargeOffReason::Other,
    };
    let taken = &recorded.taken;
    wire::ChargeOff {
        charge_off_id: recorded.charge_off.to_string(),
        account_id: account.to_string(),
        reason: reason.into(),
        effective_date: Some(date_to_wire(recorded.effective_date)),
        whole: recorded.part.is_none(),
        principal: Some(to_wire(taken.principal)),
        interest: Some(to_wire(taken.interest)),
        fees: Some(to_wire(taken.fees())),
        rentals: Some(to_wire(taken.rentals + taken.rental_tax)),
        rentals_ahead: Some(to_wire(taken.rentals_ahead)),
    }
}
