//! What happens to an account. These shapes are the storage format: they stay for ever.
//!
//! Every number that a decision worked out is here, so that replay recomputes nothing. What is at
//! its default is left out of the stored document.

mod payments;
mod servicing;
mod settlement;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::domain::journal::{Journal, Line};
use crate::domain::money::{Amount, Money};
use crate::ids::{AdjustmentId, ChargeOffId, PaymentId};
pub use payments::{
    AccountOpened, CancelReason, Funding, LeftOpen, PaymentApplied, PaymentCancelled,
    PaymentReceived, PaymentReinstated, PaymentReturned, PaymentScheduled, Reopened,
};
pub use servicing::{
    AccountChargedOff, AccrualResumed, ChargeOffReason, CreditRefunded, DueDateChanged,
    ExtensionGranted, ExtensionKind, FeeAssessed, FeeKind, FeeWaived, NonAccrualStarted,
    PayoffQuoted, PrincipalAdjusted, RateChanged, RefundMethod, RefundReturned, VehicleReturned,
    WaiveReason,
};
pub use settlement::{PaymentSettled, RefundSettled};

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
    /// The bank has the money of a payment.
    PaymentSettled(PaymentSettled),
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
    /// The yearly rate is another from a date on.
    RateChanged(RateChanged),
    /// Principal was corrected without a payment.
    PrincipalAdjusted(PrincipalAdjusted),
    /// Due dates were moved by whole months.
    ExtensionGranted(ExtensionGranted),
    /// Instalments fall due on another day of the month.
    DueDateChanged(DueDateChanged),
    /// What is owed, or a part of its principal, is not expected to be paid any more.
    AccountChargedOff(AccountChargedOff),
    /// A leased vehicle came back: no rental falls due any more.
    VehicleReturned(VehicleReturned),
    /// Interest income stops being booked.
    NonAccrualStarted(NonAccrualStarted),
    /// Interest income is booked again.
    AccrualResumed(AccrualResumed),
    /// Somebody was told what would pay the account off.
    PayoffQuoted(PayoffQuoted),
    /// A credit balance goes back to the customer.
    CreditRefunded(CreditRefunded),
    /// A refund came back.
    RefundReturned(RefundReturned),
    /// The bank paid a refund out.
    RefundSettled(RefundSettled),
    /// A request was refused: evidence, without effect.
    RequestRefused(RequestRefused),
    /// A request was accepted and changed nothing: evidence, without effect.
    NothingChanged(NothingChanged),
}

/// Is this what is left out of a stored document?
pub(in crate::domain) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
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
    /// The leased vehicle, at its residual value.
    #[serde(skip_serializing_if = "is_default")]
    pub residual: Money,
    /// The sales tax on its price.
    #[serde(skip_serializing_if = "is_default")]
    pub sales_tax: Money,
    /// What was charged off before.
    #[serde(skip_serializing_if = "is_default")]
    pub recovery: Money,
    /// Above everything owed: a credit balance. Below zero what a credit balance paid of a vehicle.
    #[serde(skip_serializing_if = "is_default")]
    pub credit: Money,
    /// The small balance that was written off since this paid all but it: no part of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_off: Option<WriteOff>,
}

impl Split {
    /// How much of a payment of `amount` satisfies instalments: not fees, not the vehicle, and not
    /// what is a credit balance. What recovers a part that was charged off does, since instalments
    /// go on; once everything is `given_up`, none does any more.
    pub fn billed(&self, amount: Amount, given_up: bool) -> Money {
        let vehicle = self.residual + self.sales_tax;
        let recovery = if given_up { self.recovery } else { Money::ZERO };
        amount.money() - self.fees - vehicle - recovery - self.credit
    }

    /// Does it buy the leased vehicle?
    pub fn is_purchase(&self) -> bool {
        let forgiven = self.write_off.map_or(Money::ZERO, |rest| rest.residual);
        (self.residual + forgiven).is_positive()
    }
}

/// A small balance that is left by a payoff and written off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WriteOff {
    /// Accrued interest.
    #[serde(skip_serializing_if = "is_default")]
    pub interest: Money,
    /// Principal.
    #[serde(skip_serializing_if = "is_default")]
    pub principal: Money,
    /// Fees.
    #[serde(skip_serializing_if = "is_default")]
    pub fees: Money,
    /// What is missing of a leased vehicle's residual value.
    #[serde(skip_serializing_if = "is_default")]
    pub residual: Money,
    /// What was sent back of money that did not stay: a credit balance below zero.
    #[serde(skip_serializing_if = "is_default")]
    pub credit: Money,
}

/// What a charge-off takes off the books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ChargedOff {
    /// Principal.
    #[serde(skip_serializing_if = "is_default")]
    pub principal: Money,
    /// Accrued interest, all of it.
    #[serde(skip_serializing_if = "is_default")]
    pub interest: Money,
    /// Of the interest, what was accrued and booked in the month of the charge-off: its income is
    /// reversed, and the rest goes to the allowance.
    #[serde(skip_serializing_if = "is_default")]
    pub interest_of_month: Money,
    /// Of the interest, what was never booked, since the account was on non-accrual.
    #[serde(skip_serializing_if = "is_default")]
    pub interest_unbooked: Money,
    /// Late fees, and fees of before the opening.
    #[serde(skip_serializing_if = "is_default")]
    pub late_fees: Money,
    /// Returned-item fees.
    #[serde(skip_serializing_if = "is_default")]
    pub returned_item_fees: Money,
    /// Charges of a lease beside its rentals.
    #[serde(skip_serializing_if = "is_default")]
    pub lease_charges: Money,
    /// Lease rentals that had fallen due, without tax.
    #[serde(skip_serializing_if = "is_default")]
    pub rentals: Money,
    /// Of these, what was billed in the month of the charge-off: its income is reversed, and the
    /// rest goes to the allowance.
    #[serde(skip_serializing_if = "is_default")]
    pub rentals_of_month: Money,
    /// The tax on the rentals that had fallen due.
    #[serde(skip_serializing_if = "is_default")]
    pub rental_tax: Money,
    /// Lease rentals to come, without tax: never booked, and owed all the same.
    #[serde(skip_serializing_if = "is_default")]
    pub rentals_ahead: Money,
}

impl ChargedOff {
    /// What the customer still owes of it, before recoveries.
    pub fn total(&self) -> Money {
        self.principal + self.interest + self.fees() + self.rentals_in_all()
    }

    /// The fees in it, with the charges of a lease.
    pub fn fees(&self) -> Money {
        self.late_fees + self.returned_item_fees + self.lease_charges
    }

    /// The rentals in it, with the tax on those that had fallen due.
    pub(super) fn rentals_in_all(&self) -> Money {
        self.rentals + self.rental_tax + self.rentals_ahead
    }
}

/// What a money event writes to the general ledger and changes on other payments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Charge-offs that take something else from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charge_offs: Vec<ChargeOffRestated>,
    /// Adjustments of principal whose credited part is another from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<AdjustmentRestated>,
    /// What payments have satisfied of the instalments in all, where the event changes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed: Option<Money>,
}

/// How much of an adjustment is credited from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdjustmentRestated {
    /// The adjustment.
    pub adjustment: AdjustmentId,
    /// What goes to the credit balance; below zero what a credit balance paid of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub credited: Money,
}

/// What a charge-off takes from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChargeOffRestated {
    /// The charge-off.
    pub charge_off: ChargeOffId,
    /// What it takes.
    pub taken: ChargedOff,
}

/// What another payment pays from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reallocation {
    /// The payment.
    pub payment: PaymentId,
    /// Its split.
    pub split: Split,
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
    /// The lease is over and nobody bought the vehicle: its title is not released.
    #[serde(default, skip_serializing_if = "is_default")]
    pub vehicle_kept: bool,
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

impl Posting {
    /// Does anything recorded before pay, or take, something else from now on?
    pub fn restates(&self) -> bool {
        !(self.reallocated.is_empty() && self.charge_offs.is_empty() && self.adjustments.is_empty())
    }

    /// What `journal` posts on the accounting day `gl_date`.
    pub(super) fn of(journal: Journal, gl_date: NaiveDate) -> Self {
        let gl_date = (gl_date != journal.effective()).then_some(gl_date);
        Self { gl_date, lines: journal.finish(), ..Self::default() }
    }

    /// The accounting day of an event that is effective on `effective`.
    pub fn gl_date(&self, effective: NaiveDate) -> NaiveDate {
        self.gl_date.unwrap_or(effective)
    }
}

impl Event {
    /// Does it change the account, or is it evidence only?
    pub(crate) const fn has_effect(&self) -> bool {
        !matches!(self, Self::RequestRefused(_) | Self::NothingChanged(_))
    }

    /// Does it move money between accounts of the bank's side only? Then it changes nothing that
    /// the customer owes, brings no interest up to any day, and restates nothing.
    pub const fn is_settlement(&self) -> bool {
        matches!(self, Self::PaymentSettled(_) | Self::RefundSettled(_))
    }
}

macro_rules! money_events {
    ($($money:ident,)+ | $($other:ident,)+) => {
        impl Event {
            /// What the event posted, if it moved money.
            pub const fn posting(&self) -> Option<&Posting> {
                match self {
                    Self::AccountOpened(event) => Some(&event.posting),
                    Self::NonAccrualStarted(event) => event.posting.as_ref(),
                    $(Self::$money(event) => Some(&event.posting),)+
                    $(Self::$other(_))|+ => None,
                }
            }

            /// The day from which the event's money counts, if it moved any.
            pub const fn effective_date(&self) -> Option<NaiveDate> {
                match self {
                    Self::AccountOpened(event) => Some(event.terms.opened_date),
                    Self::NonAccrualStarted(event) => match event.posting {
                        Some(_) => Some(event.as_of),
                        None => None,
                    },
                    $(Self::$money(event) => Some(event.effective_date),)+
                    $(Self::$other(_))|+ => None,
                }
            }
        }
    };
}

money_events! {
    PaymentApplied, PaymentReceived, PaymentReturned, PaymentReinstated, PaymentSettled,
    FeeAssessed, FeeWaived, RateChanged, PrincipalAdjusted, ExtensionGranted, DueDateChanged,
    AccountChargedOff, VehicleReturned, AccrualResumed, CreditRefunded, RefundReturned,
    RefundSettled,
    | PaymentScheduled, PaymentCancelled, LienRecorded, AccountPaidOff, PayoffReversed,
    LienReleased, PayoffQuoted, RequestRefused, NothingChanged,
}
