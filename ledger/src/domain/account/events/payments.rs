//! Opening, and payments.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Posting, Split, is_default};
use crate::domain::account::terms::Terms;
use crate::domain::cutoff::Window;
use crate::domain::money::Amount;
use crate::domain::product::Channel;
use crate::domain::words::words;
use crate::ids::{PaymentId, QuoteId};

/// The account is on the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountOpened {
    /// The contract.
    pub terms: Terms,
    /// What goes to the general ledger, effective on the opening date.
    pub posting: Posting,
}

/// The bank account that a payment is debited from. Never its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Funding {
    /// The caller's token for the bank account.
    pub token: String,
    /// The last four digits, to show to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_four: Option<String>,
}

/// A payment will be made, unless it is cancelled before its cut-off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentScheduled {
    /// The payment.
    pub payment: PaymentId,
    /// How much will be debited.
    pub amount: Amount,
    /// The date the customer asked for, which becomes the effective date.
    #[serde(with = "crate::iso")]
    #[schemars(with = "NaiveDate")]
    pub payment_date: NaiveDate,
    /// The window whose run applies it.
    pub window: Window,
    /// The cut-off: it can be cancelled before this instant.
    #[serde(with = "crate::iso")]
    #[schemars(with = "DateTime<Utc>")]
    pub cutoff_at: DateTime<Utc>,
    /// The ACH effective entry date.
    #[serde(with = "crate::iso")]
    #[schemars(with = "NaiveDate")]
    pub origination_date: NaiveDate,
    /// Where the money comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funding: Option<Funding>,
    /// The payoff quote that it is meant to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payoff_quote: Option<QuoteId>,
    /// The version of the time-zone database that turned the cut-off into an instant.
    pub tz: String,
}

words! {
    /// Why a scheduled payment is not made.
    CancelReason {
        /// Somebody asked.
        Requested = "requested",
        /// Nothing was owed any more when its run came.
        AccountPaidOff = "account_paid_off",
    }
}

/// A scheduled payment will not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCancelled {
    /// The payment.
    pub payment: PaymentId,
    /// Why.
    pub reason: CancelReason,
}

/// A scheduled payment was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentApplied {
    /// The payment.
    pub payment: PaymentId,
    /// The whole of it.
    pub amount: Amount,
    /// The day from which it counts.
    #[serde(with = "crate::iso")]
    #[schemars(with = "NaiveDate")]
    pub effective_date: NaiveDate,
    /// The payoff quote that it pays: named by the sender, or of the same amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payoff_quote: Option<QuoteId>,
    /// What it pays.
    pub split: Split,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// Money came in by another channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentReceived {
    /// The payment.
    pub payment: PaymentId,
    /// By which way it came.
    pub channel: Channel,
    /// What reached us.
    pub amount: Amount,
    /// The date on which the servicer, or its agent, received it.
    #[serde(with = "crate::iso")]
    #[schemars(with = "NaiveDate")]
    pub effective_date: NaiveDate,
    /// The sender's reference: confirmation number, MTCN, cheque serial, trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What a third party charged the customer on top: for information, in no sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_party_fee: Option<Amount>,
    /// Whether it is cash, a cashier's or certified cheque or an insurer's draft: it cannot come
    /// back. Wires and counters are so without saying.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guaranteed_funds: bool,
    /// Whether a licensed dealer paid it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paid_by_dealer: bool,
    /// The payoff quote that it pays: named by the sender, or of the same amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payoff_quote: Option<QuoteId>,
    /// What it pays.
    pub split: Split,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// The bank took a payment back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentReturned {
    /// The payment.
    pub payment: PaymentId,
    /// The bank's reason, such as `R01`.
    pub return_code: String,
    /// The payment's own effective date: it is undone from there.
    pub effective_date: NaiveDate,
    /// The banking day by whose opening the customer's bank had to send it back; none unless it is
    /// late. It is taken back all the same, and our bank may dishonour it (R68).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_due_date: Option<NaiveDate>,
    /// Instalments that it had met and that are open again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reopened: Vec<Reopened>,
    /// The mirror of what it posted, and what follows.
    pub posting: Posting,
}

/// An instalment that is open again since a payment came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reopened {
    /// The instalment, from 1.
    pub instalment: u32,
    /// Its grace starts anew on this day; none if it never costs a late fee, since it was due by
    /// then and the customer is not to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_from: Option<NaiveDate>,
}

/// A return was overturned: the payment is good again, from its original date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentReinstated {
    /// The payment.
    pub payment: PaymentId,
    /// The payment's own effective date.
    pub effective_date: NaiveDate,
    /// What it pays.
    pub split: Split,
    /// What the payments that came back since then leave open, as if this one had never been gone:
    /// it stands in the place of what their returns had named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reopened: Vec<LeftOpen>,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// An instalment that is open since another payment came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOpen {
    /// The payment that came back.
    pub payment: PaymentId,
    /// The instalment, from 1.
    pub instalment: u32,
    /// Its grace starts anew on this day; none if it never costs a late fee, since the customer is
    /// not to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_from: Option<NaiveDate>,
}
