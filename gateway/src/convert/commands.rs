//! Mutating requests as commands on an account.

mod opening;
mod servicing;

use ledger::domain::account::commands::{Command, Lien, ReceivePayment, SchedulePayment};
use ledger::domain::account::events::Funding;
use ledger::domain::product::Channel;
use ledger::domain::rulebook::{ReturnCode, StateCode};
use ledger::ids::{AccountId, FeeId, QuoteId, RequestId};
use proto::payledger::v1 as wire;

use super::{Field, FieldError, enums, ids, money, required, text, time};

/// The longest reference of a sender.
const REFERENCE_CHARS_MAX: usize = 64;
/// The longest token of a funding account.
const TOKEN_CHARS_MAX: usize = 64;
/// The longest name of a lienholder.
const LIENHOLDER_CHARS_MAX: usize = 100;

/// How many hexadecimal digits the hash of a preview has.
const PREVIEW_CHARS: usize = 32;

/// A mutating request: on which account, under which name, and what it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The account.
    pub account: AccountId,
    /// The request's id.
    pub request_id: RequestId,
    /// What is asked.
    pub command: Command,
}

/// A request of the contract that asks an account for something.
pub trait Mutation {
    /// What is asked; refuses the first field that cannot be read.
    fn asked(&self) -> Field<Asked>;
}

fn asked(account: &str, request_id: &str, command: Command) -> Field<Asked> {
    let request_id = ids::request_id(request_id)?;
    Ok(Asked { account: ids::account_id("account_id", account)?, request_id, command })
}

/// Takes the letters of a state. Whether there is such a state is decided later: an earlier build
/// accepted others, and what was accepted is answered again.
fn state_code(field: &str, value: &str) -> Field<StateCode> {
    let problem = "must be a state's two capital letters, such as TX";
    value.parse().map_err(|_| FieldError::new(field, problem))
}

/// Takes the payoff quote that a payment is for, or none.
fn quote_if_set(value: &str) -> Field<Option<QuoteId>> {
    if value.is_empty() {
        return Ok(None);
    }
    ids::uuid("payoff_quote_id", value).map(QuoteId::from_uuid).map(Some)
}

/// Takes the hash of the preview that a command carries out, or none.
fn preview_if_set(value: &str) -> Field<Option<String>> {
    if value.is_empty() {
        return Ok(None);
    }
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if value.len() != PREVIEW_CHARS || !value.bytes().all(is_digit) {
        let problem = "is not the hash of a preview, 32 hexadecimal digits in lower case";
        return Err(FieldError::new("preview_hash", problem));
    }
    Ok(Some(value.to_owned()))
}

fn vin(field: &str, vin: &str) -> Field<String> {
    let vin_like = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    if vin.len() != 17 || !vin.chars().all(vin_like) || vin.contains(['I', 'O', 'Q']) {
        let problem = "must be 17 digits or capital letters, without I, O and Q";
        return Err(FieldError::new(field, problem));
    }
    Ok(vin.to_owned())
}

fn lien(wire: &wire::Lien) -> Field<Lien> {
    let state = state_code("lien.title_state", &wire.title_state)?;
    let vin = vin("lien.vin", &wire.vin)?;
    let lienholder = text("lien.lienholder", &wire.lienholder, LIENHOLDER_CHARS_MAX)?;
    if lienholder.trim().is_empty() {
        return Err(FieldError::missing("lien.lienholder"));
    }
    Ok(Lien { title_state: state.to_string(), vin, lienholder })
}

impl Mutation for wire::SchedulePaymentRequest {
    fn asked(&self) -> Field<Asked> {
        let command = Command::SchedulePayment(SchedulePayment {
            amount: money::amount("amount", self.amount.as_ref())?,
            payment_date: time::date("payment_date", self.payment_date.as_ref())?,
            funding: self.funding.as_ref().map(funding).transpose()?,
            allow_duplicate: self.allow_duplicate,
            payoff_quote: quote_if_set(&self.payoff_quote_id)?,
        });
        asked(&self.account_id, &self.request_id, command)
    }
}

/// A token, and never an account number: numbers are kept out of events, which stay for ever.
fn funding(wire: &wire::Funding) -> Field<Funding> {
    let token = text("funding.token", &wire.token, TOKEN_CHARS_MAX)?;
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let safe = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if token.is_empty() {
        return Err(FieldError::missing("funding.token"));
    }
    if !token.chars().all(safe) {
        let problem = "is letters, digits, dots, underscores and hyphens";
        return Err(FieldError::new("funding.token", problem));
    }
    if !token.chars().any(|c| c.is_ascii_alphabetic()) {
        let problem = "looks like an account number; send a token that stands for it";
        return Err(FieldError::new("funding.token", problem));
    }
    let last_four = match wire.last_four.as_str() {
        "" => None,
        four if four.len() == 4 && digits(four) => Some(four.to_owned()),
        _ => return Err(FieldError::new("funding.last_four", "must be four digits")),
    };
    Ok(Funding { token, last_four })
}

impl Mutation for wire::CancelPaymentRequest {
    fn asked(&self) -> Field<Asked> {
        let payment = ids::payment_id("payment_id", &self.payment_id)?;
        asked(&self.account_id, &self.request_id, Command::CancelPayment { payment })
    }
}

impl Mutation for wire::ReceivePaymentRequest {
    fn asked(&self) -> Field<Asked> {
        let channel = enums::channel("channel", self.channel)?;
        if channel == Channel::OwnAch {
            let problem = "must not be OWN_ACH: own debits are scheduled, with SchedulePayment";
            return Err(FieldError::new("channel", problem));
        }
        let reference = text("reference", &self.reference, REFERENCE_CHARS_MAX)?;
        let command = Command::ReceivePayment(ReceivePayment {
            channel,
            amount: money::amount("amount", self.amount.as_ref())?,
            received_date: time::date("received_date", self.received_date.as_ref())?,
            reference: (!reference.is_empty()).then_some(reference),
            third_party_fee: money::amount_if_set(
                "third_party_fee",
                self.third_party_fee.as_ref(),
            )?,
            guaranteed_funds: guaranteed_funds(self.guaranteed_funds, channel)?,
            paid_by_dealer: self.paid_by_dealer,
            allow_duplicate: self.allow_duplicate,
            payoff_quote: quote_if_set(&self.payoff_quote_id)?,
            preview: preview_if_set(&self.preview_hash)?,
        });
        asked(&self.account_id, &self.request_id, command)
    }
}

/// What a bank or a vendor delivers electronically is no cash, cheque or draft, whoever vouches for
/// it.
fn guaranteed_funds(said: bool, channel: Channel) -> Field<bool> {
    let electronic = match channel {
        Channel::OwnAch | Channel::BillPay | Channel::PhoneVendor | Channel::DebitCardVendor => {
            true
        }
        Channel::Mail | Channel::MoneyGram | Channel::WesternUnion | Channel::Wire => false,
    };
    if said && electronic {
        let problem = "must not be set for money of this channel, which may come back";
        return Err(FieldError::new("guaranteed_funds", problem));
    }
    Ok(said)
}

impl Mutation for wire::ReturnPaymentRequest {
    fn asked(&self) -> Field<Asked> {
        let payment = ids::payment_id("payment_id", &self.payment_id)?;
        let code: ReturnCode = self.return_code.parse().map_err(|_| {
            FieldError::new("return_code", "must be \"R\" and two digits, such as \"R01\"")
        })?;
        let return_code = code.to_string();
        let preview = preview_if_set(&self.preview_hash)?;
        let command = Command::ReturnPayment { payment, return_code, preview };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::ReinstatePaymentRequest {
    fn asked(&self) -> Field<Asked> {
        let payment = ids::payment_id("payment_id", &self.payment_id)?;
        let preview = preview_if_set(&self.preview_hash)?;
        asked(&self.account_id, &self.request_id, Command::ReinstatePayment { payment, preview })
    }
}

impl Mutation for wire::SettlePaymentRequest {
    fn asked(&self) -> Field<Asked> {
        let command = Command::SettlePayment {
            payment: ids::payment_id("payment_id", &self.payment_id)?,
            settlement_date: time::date("settlement_date", self.settlement_date.as_ref())?,
            withheld: money::amount_if_set("withheld", self.withheld.as_ref())?,
        };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::AssessFeeRequest {
    fn asked(&self) -> Field<Asked> {
        let kind = enums::fee_kind("kind", self.kind)?;
        let amount = money::amount("amount", self.amount.as_ref())?;
        let effective_date = time::date_if_set("effective_date", self.effective_date.as_ref())?;
        let preview = preview_if_set(&self.preview_hash)?;
        let command = Command::AssessFee { kind, amount, effective_date, preview };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::WaiveFeeRequest {
    fn asked(&self) -> Field<Asked> {
        let fee = FeeId::from_uuid(ids::uuid("fee_id", &self.fee_id)?);
        let preview = preview_if_set(&self.preview_hash)?;
        asked(&self.account_id, &self.request_id, Command::WaiveFee { fee, preview })
    }
}

impl Mutation for wire::RecordLienRequest {
    fn asked(&self) -> Field<Asked> {
        let lien = lien(required("lien", self.lien.as_ref())?)?;
        let replaced_vin = match self.replaced_vin.as_str() {
            "" => None,
            wrong => Some(vin("replaced_vin", wrong)?),
        };
        let command = Command::RecordLien { lien, replaced_vin };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::ReleaseLienRequest {
    fn asked(&self) -> Field<Asked> {
        asked(&self.account_id, &self.request_id, Command::ReleaseLien)
    }
}

#[cfg(test)]
mod tests;
