//! Fees, and what a servicer changes about a contract.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChargedOff, Posting, is_default};
use crate::domain::account::instalments::Shift;
use crate::domain::money::{Amount, Money, Rate};
use crate::domain::words::words;
use crate::ids::{AdjustmentId, ChargeOffId, FeeId, PaymentId, QuoteId, RefundId};

words! {
    /// What a fee is for.
    FeeKind {
        /// An instalment was late.
        Late = "late",
        /// A payment was returned.
        ReturnedItem = "returned_item",
        /// A lease ended before its last rental. Leases only, like all that follow.
        EarlyTermination = "early_termination",
        /// A leased vehicle came back and has to be sold.
        Disposition = "disposition",
        /// It came back worn beyond what the lease allows.
        ExcessWear = "excess_wear",
        /// It was driven further than the lease allows.
        ExcessMileage = "excess_mileage",
        /// Tolls and fines that the lessor was asked for.
        Toll = "toll",
        /// The property tax on the vehicle, billed when the lessor is billed.
        PropertyTax = "property_tax",
    }
}

impl FeeKind {
    /// Is it a charge of a lease beside its rentals, which is paid after late and returned-item
    /// fees?
    pub const fn is_lease_charge(self) -> bool {
        match self {
            Self::Late | Self::ReturnedItem => false,
            Self::EarlyTermination
            | Self::Disposition
            | Self::ExcessWear
            | Self::ExcessMileage
            | Self::Toll
            | Self::PropertyTax => true,
        }
    }
}

/// A leased vehicle came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VehicleReturned {
    /// The day on which it came back: no rental falls due after it.
    pub effective_date: NaiveDate,
    /// How many rentals of those that remained at the opening had fallen due by then. The others
    /// never do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rentals_due: u32,
    /// What goes to the general ledger: rentals billed since are not, rentals paid ahead are a
    /// credit balance, and the vehicle is to be sold.
    pub posting: Posting,
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
    /// The late instalment that it is for, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalment: Option<u32>,
    /// The fee for the same instalment and day that was taken back, and whose place among the
    /// movements of that day it has. None if it comes after what is recorded of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<FeeId>,
    /// What goes to the general ledger.
    pub posting: Posting,
}

words! {
    /// Why a fee is taken back.
    #[derive(Default)]
    WaiveReason {
        /// Somebody asked.
        #[default]
        Requested = "requested",
        /// What it was charged for has not happened after all.
        Corrected = "corrected",
    }
}

/// A fee was taken back, from the day on which it was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeWaived {
    /// The fee.
    pub fee: FeeId,
    /// Why.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reason: WaiveReason,
    /// The day on which it was charged: it is undone from there.
    pub effective_date: NaiveDate,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// The yearly rate is another from a date on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateChanged {
    /// The new rate.
    pub annual_rate: Rate,
    /// The first day that earns at it.
    pub effective_date: NaiveDate,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// Principal was corrected without a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrincipalAdjusted {
    /// The adjustment.
    pub adjustment: AdjustmentId,
    /// What is added to principal; below zero what is taken off.
    pub change: Money,
    /// Of it, what goes to the credit balance: above zero what it takes off beyond the principal
    /// that there is, below zero what a credit balance paid of what it adds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub credited: Money,
    /// Why, in words.
    pub reason: String,
    /// The day from which it counts.
    pub effective_date: NaiveDate,
    /// What goes to the general ledger.
    pub posting: Posting,
}

words! {
    /// What moving due dates is called.
    ExtensionKind {
        /// The contract runs longer.
        Extension = "extension",
        /// Instalments are skipped now and paid at the end.
        Deferral = "deferral",
    }
}

/// Due dates were moved by whole months.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExtensionGranted {
    /// What it is called.
    pub kind: ExtensionKind,
    /// By how many months.
    pub months: u32,
    /// The day from which the new due dates count.
    pub effective_date: NaiveDate,
    /// The first instalment that is moved, from 1.
    pub from_instalment: u32,
    /// Its new due date.
    pub next_due_date: NaiveDate,
    /// The new due date of the last one.
    pub maturity_date: NaiveDate,
    /// What goes to the general ledger, if payments after it pay something else.
    pub posting: Posting,
}

/// Instalments fall due on another day of the month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DueDateChanged {
    /// The new anchor day, 1 to 31.
    pub day_of_month: u32,
    /// By how many months the due dates move besides: the new day may be nearer in another month.
    #[serde(default, skip_serializing_if = "is_default")]
    pub months: i32,
    /// The day from which the new due dates count.
    pub effective_date: NaiveDate,
    /// The first instalment that is moved, from 1.
    pub from_instalment: u32,
    /// Its new due date.
    pub next_due_date: NaiveDate,
    /// The new due date of the last one.
    pub maturity_date: NaiveDate,
    /// What goes to the general ledger, if payments after it pay something else.
    pub posting: Posting,
}

words! {
    /// Why an account is charged off.
    ChargeOffReason {
        /// Too long past due.
        Delinquency = "delinquency",
        /// The customer is bankrupt.
        Bankruptcy = "bankruptcy",
        /// The loan was got by fraud.
        Fraud = "fraud",
        /// The vehicle was sold for less than was owed.
        Deficiency = "deficiency",
        /// Another reason.
        Other = "other",
    }
}

/// What is owed, or a part of its principal, is not expected to be paid any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountChargedOff {
    /// The charge-off.
    pub charge_off: ChargeOffId,
    /// Why.
    pub reason: ChargeOffReason,
    /// The day from which it counts.
    pub effective_date: NaiveDate,
    /// So much of the principal only; none if it was everything owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Amount>,
    /// What it takes off the books.
    pub taken: ChargedOff,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// Interest income stops being booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NonAccrualStarted {
    /// The day on which it was found.
    pub as_of: NaiveDate,
    /// How many days past due the account was then.
    pub days_past_due: u32,
    /// The day on which it had become as many days past due as the policy says, where it was found
    /// later: what brought the account current since has come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<NaiveDate>,
    /// What brings accrued interest in the general ledger to what was earned by that day. None in
    /// logs of builds that left what closes had booked to be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posting: Option<Posting>,
}

impl NonAccrualStarted {
    /// The day from which on interest is not booked.
    pub fn since(&self) -> NaiveDate {
        self.since.unwrap_or(self.as_of)
    }
}

/// Interest income is booked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccrualResumed {
    /// The day from which the account was current.
    pub effective_date: NaiveDate,
    /// What had not been booked meanwhile.
    pub posting: Posting,
}

/// Somebody was told what would pay the account off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PayoffQuoted {
    /// The quote.
    pub quote: QuoteId,
    /// The day through which interest is in the amount.
    pub good_through_date: NaiveDate,
    /// What pays the account off on that day.
    pub amount: Money,
    /// Of it, principal.
    #[serde(default, skip_serializing_if = "is_default")]
    pub principal: Money,
    /// Of it, interest through that day.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interest: Money,
    /// Of it, fees.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fees: Money,
    /// Of it, lease rentals: of a buy-out those that have fallen due by that day, with their tax.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rentals: Money,
    /// Of it, the rentals of a lease that are to come after that day, without tax.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rentals_ahead: Money,
    /// Of it, the leased vehicle at its residual value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub residual: Money,
    /// Of it, the sales tax on the vehicle's price: the rentals to come and the residual value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sales_tax: Money,
    /// Of it, what was charged off and not recovered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub charged_off: Money,
    /// The credit balance that is taken off.
    #[serde(default, skip_serializing_if = "is_default")]
    pub credit: Money,
    /// What each day adds, for information: exact to five decimals.
    pub per_diem: String,
    /// Payments that are scheduled and not in the amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PaymentId>,
    /// Payments that are in the amount and whose funds may still come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncleared: Vec<PaymentId>,
}

words! {
    /// How a refund is paid.
    RefundMethod {
        /// An ACH credit to the bank account that the payment was debited from.
        AchCredit = "ach_credit",
        /// A cheque by mail.
        Cheque = "cheque",
    }
}

/// A credit balance goes back to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditRefunded {
    /// The refund.
    pub refund: RefundId,
    /// How much.
    pub amount: Amount,
    /// How it is paid.
    pub method: RefundMethod,
    /// The payment that left the credit balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// The day of the refund.
    pub effective_date: NaiveDate,
    /// What goes to the general ledger.
    pub posting: Posting,
}

/// A refund came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundReturned {
    /// The refund.
    pub refund: RefundId,
    /// The day of the refund: it is undone from there.
    pub effective_date: NaiveDate,
    /// What goes to the general ledger.
    pub posting: Posting,
}

impl ExtensionGranted {
    /// What it does to due dates.
    pub fn shift(&self) -> Shift {
        Shift {
            from: self.from_instalment.saturating_sub(1),
            months: i32::try_from(self.months).unwrap_or(i32::MAX),
            day_of_month: None,
        }
    }
}

impl DueDateChanged {
    /// What it does to due dates.
    pub const fn shift(&self) -> Shift {
        Shift {
            from: self.from_instalment.saturating_sub(1),
            months: self.months,
            day_of_month: Some(self.day_of_month),
        }
    }
}
