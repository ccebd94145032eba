//! What happens to an account. These shapes are the storage format: they stay for ever.
//!
//! Every number that a decision worked out is here, so that replay recomputes nothing. What is at
//! its default is left out of the stored document.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::terms::Terms;
use crate::domain::cutoff::Window;
use crate::domain::journal::Line;
use crate::domain::money::{Amount, Money};
use crate::domain::product::Channel;
use crate::domain::words::words;
use crate::ids::{FeeId, PaymentId};

/// An event of an account's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The account is on the books.
    AccountOpened(AccountOpened),
    /// A payment will be made, unless it is cancelled before its cut-off.
    PaymentScheduled(PaymentScheduled),
    /// A scheduled payment will not be made.
    PaymentCancelled(PaymentCancelled),
    /// A scheduled payment was made.
    PaymentApplied(PaymentApplied),
    /// Money came in by another channel.
    PaymentReceived(PaymentReceived),
    /// The bank took a payment back.
    PaymentReturned(PaymentReturned),
    /// A return was overturned: the payment is good again, from its original date.
    PaymentReinstated(PaymentReinstated),
    /// A fee was charged.
    FeeAssessed(FeeAssessed),
    /// A fee was taken back, from the day on which it was charged.
    FeeWaived(FeeWaived),
    /// A lien on a title is on record.
    LienRecorded(LienRecorded),
    /// Nothing is owed any more.
    AccountPaidOff(AccountPaidOff),
    /// Something is owed again: the payoff came back.
    PayoffReversed(PayoffReversed),
    /// The lien was released.
    LienReleased(LienReleased),
    /// A request was refused: evidence, without effect.
    RequestRefused(RequestRefused),
    /// A request was accepted and changed nothing: evidence, without effect.
    NothingChanged(NothingChanged),
}

/// Is this what is left out of a stored document?
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a payment pays. The parts sum to the payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Split {
    /// Accrued interest.
    #[serde(skip_serializing_if = "is_default")]
    pub interest: Money,
    /// Principal.
    #[serde(skip_serializing_if = "is_default")]
    pub principal: Money,
    /// Fees.
    #[serde(skip_serializing_if = "is_default")]
    pub fees: Money,
    /// Lease rentals without tax.
    #[serde(skip_serializing_if = "is_default")]
    pub rentals: Money,
    /// The tax on them.
    #[serde(skip_serializing_if = "is_default")]
    pub tax: Money,
    /// Above everything owed: a credit balance.
    #[serde(skip_serializing_if = "is_default")]
    pub credit: Money,
}

/// What a money event writes to the general ledger and changes on other payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Posting {
    /// The accounting day, where it is not the effective date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gl_date: Option<NaiveDate>,
    /// The journal: debits above zero, sum zero.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Other payments that pay something else from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reallocated: Vec<Reallocation>,
}

/// What another payment pays from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reallocation {
    /// The payment.
    pub payment: PaymentId,
    /// Its split.
    pub split: Split,
}

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
    pub payment_date: NaiveDate,
    /// The window whose run applies it.
    pub window: Window,
    /// The cut-off: it can be cancelled before this instant.
    pub cutoff_at: DateTime<Utc>,
    /// The ACH effective entry date.
    pub origination_date: NaiveDate,
    /// Where the money comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funding: Option<Funding>,
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
    pub effective_date: NaiveDate,
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
    pub effective_date: NaiveDate,
    /// The sender's reference: confirmation number, MTCN, cheque serial, trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What a third party charged the customer on top: for information, in no sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_party_fee: Option<Amount>,
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
    /// The mirror of what it posted, and what follows.
    pub posting: Posting,
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
    /// What goes to the general ledger.
    pub posting: Posting,
}

words! {
    /// What a fee is for.
    FeeKind {
        /// An instalment was late.
        Late = "late",
        /// A payment was returned.
        ReturnedItem = "returned_item",
    }
}

/// A fee was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeAssessed {
    /// The fee.
    pub fee: FeeId,
    /// What it is for.
    pub kind: FeeKind,
    /// How much.
    pub amount: Amount,
    /// The day on which it is charged.
    pub effective_date: NaiveDate,
    /// The returned payment that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// A fee was taken back, from the day on which it was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeWaived {
    /// The fee.
    pub fee: FeeId,
    /// The day on which it was charged: it is undone from there.
    pub effective_date: NaiveDate,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// A lien on a title is on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LienRecorded {
    /// The state of the title, two letters. Its law sets the release deadline.
    pub title_state: String,
    /// The vehicle identification number.
    pub vin: String,
    /// Who holds the lien.
    pub lienholder: String,
}

/// Nothing is owed any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountPaidOff {
    /// The day from which nothing is owed.
    pub paid_off_date: NaiveDate,
    /// The first day on which the lien may be released: every payment's funds are good, or the law
    /// does not allow to wait for that.
    pub release_date: NaiveDate,
    /// The day by which the law wants the lien released.
    pub statutory_date: NaiveDate,
}

/// Something is owed again: the payoff came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PayoffReversed {
    /// The payment whose return, or the fee whose correction, re-opened the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

/// The lien was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LienReleased {
    /// The day of the release.
    pub released_date: NaiveDate,
}

/// A request was refused: evidence, without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestRefused {
    /// What was asked.
    pub command: String,
    /// Why not, with its facts.
    pub refusal: Refusal,
}

/// A request was accepted and changed nothing: evidence, without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NothingChanged {
    /// What was asked.
    pub command: String,
    /// The payment it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

impl Event {
    /// What the event posted, if it moved money.
    pub const fn posting(&self) -> Option<&Posting> {
        match self {
            Self::AccountOpened(event) => Some(&event.posting),
            Self::PaymentApplied(event) => Some(&event.posting),
            Self::PaymentReceived(event) => Some(&event.posting),
            Self::PaymentReturned(event) => Some(&event.posting),
            Self::PaymentReinstated(event) => Some(&event.posting),
            Self::FeeAssessed(event) => Some(&event.posting),
            Self::FeeWaived(event) => Some(&event.posting),
            Self::PaymentScheduled(_)
            | Self::PaymentCancelled(_)
            | Self::LienRecorded(_)
            | Self::AccountPaidOff(_)
            | Self::PayoffReversed(_)
            | Self::LienReleased(_)
            | Self::RequestRefused(_)
            | Self::NothingChanged(_) => None,
        }
    }

    /// The day from which the event's money counts, if it moved any.
    pub const fn effective_date(&self) -> Option<NaiveDate> {
        match self {
            Self::AccountOpened(event) => Some(event.terms.opened_date),
            Self::PaymentApplied(event) => Some(event.effective_date),
            Self::PaymentReceived(event) => Some(event.effective_date),
            Self::PaymentReturned(event) => Some(event.effective_date),
            Self::PaymentReinstated(event) => Some(event.effective_date),
            Self::FeeAssessed(event) => Some(event.effective_date),
            Self::FeeWaived(event) => Some(event.effective_date),
            Self::PaymentScheduled(_)
            | Self::PaymentCancelled(_)
            | Self::LienRecorded(_)
            | Self::AccountPaidOff(_)
            | Self::PayoffReversed(_)
            | Self::LienReleased(_)
            | Self::RequestRefused(_)
            | Self::NothingChanged(_) => None,
        }
    }
}

impl Posting {
    /// The accounting day of an event that is effective on `effective`.
    pub fn gl_date(&self, effective: NaiveDate) -> NaiveDate {
        self.gl_date.unwrap_or(effective)
    }
}
