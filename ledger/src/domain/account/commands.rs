//! What can be asked of an account.
//!
//! A command holds what the caller said and nothing else, so that its serialised form is the
//! content by which a repeated request is told from a reused id. That form is stored as a digest,
//! for ever: fields are added only with a default that is left out.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::events::{ChargeOffReason, ExtensionKind, FeeKind, Funding, is_default};
use super::terms::Terms;
use crate::domain::money::{Amount, Money, Rate};
use crate::domain::product::Channel;
use crate::ids::{FeeId, PaymentId, QuoteId, RefundId};

/// A command on one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "an opening is as large as its contract")]
pub enum Command {
    /// Puts an account on the books.
    OpenAccount {
        /// The contract.
        terms: Terms,
        /// The lien to record with it.
        lien: Option<Lien>,
    },
    /// Schedules a debit of the customer's bank account.
    SchedulePayment(SchedulePayment),
    /// Cancels a scheduled payment.
    CancelPayment {
        /// The payment.
        payment: PaymentId,
    },
    /// Applies a scheduled payment: asked by the run of its window.
    ApplyPayment {
        /// The payment.
        payment: PaymentId,
    },
    /// Records money that came in by another channel.
    ReceivePayment(ReceivePayment),
    /// Takes back a payment that the bank returned.
    ReturnPayment {
        /// The payment.
        payment: PaymentId,
        /// The bank's reason.
        return_code: String,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Makes a returned payment good again: the return was overturned.
    ReinstatePayment {
        /// The payment.
        payment: PaymentId,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Books that the bank has the money of a payment: from clearing to cash.
    SettlePayment {
        /// The payment.
        payment: PaymentId,
        /// The banking day on which the bank had it.
        settlement_date: NaiveDate,
        /// What a vendor kept of it as its fee.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        withheld: Option<Amount>,
    },
    /// Charges a fee.
    AssessFee {
        /// What for.
        kind: FeeKind,
        /// How much.
        amount: Amount,
        /// The day from which it is owed; none for today.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effective_date: Option<NaiveDate>,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Takes a fee back.
    WaiveFee {
        /// The fee.
        fee: FeeId,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Sets another yearly rate, from a date on.
    ChangeRate {
        /// The new rate.
        annual_rate: Rate,
        /// The first day that earns at it.
        effective_date: NaiveDate,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Corrects principal without a payment.
    AdjustPrincipal {
        /// What is added to principal; below zero what is taken off.
        change: Money,
        /// Why, in words.
        reason: String,
        /// The day from which it counts.
        effective_date: NaiveDate,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Moves due dates by whole months, from the first open instalment on.
    GrantExtension(GrantExtension),
    /// Lets instalments fall due on another day of the month.
    ChangeDueDate {
        /// The new anchor day, 1 to 31.
        day_of_month: u32,
        /// The day from which the new due dates count.
        effective_date: NaiveDate,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Charges off everything owed, or a part of the principal.
    ChargeOff {
        /// So much of the principal; none for everything owed.
        principal: Option<Amount>,
        /// Why.
        reason: ChargeOffReason,
        /// The day from which it counts.
        effective_date: NaiveDate,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Takes a leased vehicle back: no rental falls due any more, and charges do.
    ReturnVehicle {
        /// The day on which it came back.
        effective_date: NaiveDate,
        /// What is charged for it, each kind once.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        charges: Vec<LeaseCharge>,
        /// The hash of the preview that this carries out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Tells, and records, what pays the account off.
    QuotePayoff {
        /// The day through which interest is counted.
        good_through_date: NaiveDate,
    },
    /// Sends a credit balance back.
    RefundCredit {
        /// How much; none for all of it.
        amount: Option<Amount>,
    },
    /// Takes a refund back that did not arrive.
    ReturnRefund {
        /// The refund.
        refund: RefundId,
    },
    /// Books that the bank paid a refund out.
    SettleRefund {
        /// The refund.
        refund: RefundId,
        /// The banking day on which it did.
        settlement_date: NaiveDate,
    },
    /// Assesses the late fees that are due, and books interest income or stops it as the days past
    /// due demand: asked by the daily run.
    AgeAccount,
    /// Puts a lien on record, or corrects the one that is.
    RecordLien {
        /// The lien.
        lien: Lien,
        /// The vehicle identification number on record, if it is wrong and the lien's is right.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced_vin: Option<String>,
    },
    /// Releases the lien of an account that is paid off with good money.
    ReleaseLien,
}

/// A debit of the customer's bank account on a date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePayment {
    /// How much.
    pub amount: Amount,
    /// On which date.
    #[serde(with = "crate::iso")]
    pub payment_date: NaiveDate,
    /// From which bank account.
    pub funding: Option<Funding>,
    /// Even if the same payment is pending already.
    pub allow_duplicate: bool,
    /// The payoff quote that it is meant to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payoff_quote: Option<QuoteId>,
}

/// Money that came in by another channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivePayment {
    /// By which way.
    pub channel: Channel,
    /// What reached us.
    pub amount: Amount,
    /// When we, or our agent, received it.
    #[serde(with = "crate::iso")]
    pub received_date: NaiveDate,
    /// The sender's reference.
    pub reference: Option<String>,
    /// What a third party charged on top.
    pub third_party_fee: Option<Amount>,
    /// Whether it is cash, a cashier's or certified cheque or an insurer's draft.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guaranteed_funds: bool,
    /// Whether a licensed dealer paid it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paid_by_dealer: bool,
    /// Even if a payment with the same reference is there already.
    pub allow_duplicate: bool,
    /// The payoff quote that it pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payoff_quote: Option<QuoteId>,
    /// The hash of the preview that this carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
}

/// Due dates moved by whole months.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantExtension {
    /// What it is called.
    pub kind: ExtensionKind,
    /// By how many months.
    pub months: u32,
    /// The day from which the new due dates count.
    pub effective_date: NaiveDate,
    /// Even beyond the limits of the policy.
    pub allow_over_limit: bool,
    /// The hash of the preview that this carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
}

/// What a lessor charges when a leased vehicle comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseCharge {
    /// What for.
    pub kind: FeeKind,
    /// How much.
    pub amount: Amount,
}

/// A lien on a vehicle's title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lien {
    /// The state of the title, two letters.
    pub title_state: String,
    /// The vehicle identification number.
    pub vin: String,
    /// Who holds the lien.
    pub lienholder: String,
}

/// What a command says of a preview; none of one that cannot be previewed.
macro_rules! previewed {
    ($command:expr) => {
        match $command {
            Command::ReceivePayment(ReceivePayment { preview, .. })
            | Command::ReturnPayment { preview, .. }
            | Command::ReinstatePayment { preview, .. }
            | Command::AssessFee { preview, .. }
            | Command::WaiveFee { preview, .. }
            | Command::ChangeRate { preview, .. }
            | Command::AdjustPrincipal { preview, .. }
            | Command::GrantExtension(GrantExtension { preview, .. })
            | Command::ChangeDueDate { preview, .. }
            | Command::ChargeOff { preview, .. }
            | Command::ReturnVehicle { preview, .. } => Some(preview),
            Command::OpenAccount { .. }
            | Command::SchedulePayment(_)
            | Command::CancelPayment { .. }
            | Command::ApplyPayment { .. }
            | Command::SettlePayment { .. }
            | Command::QuotePayoff { .. }
            | Command::RefundCredit { .. }
            | Command::ReturnRefund { .. }
            | Command::SettleRefund { .. }
            | Command::AgeAccount
            | Command::RecordLien { .. }
            | Command::ReleaseLien => None,
        }
    };
}

impl Command {
    /// The name by which refusals and no-changes are recorded.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OpenAccount { .. } => "OpenAccount",
            Self::SchedulePayment(_) => "SchedulePayment",
            Self::CancelPayment { .. } => "CancelPayment",
            Self::ApplyPayment { .. } => "ApplyPayment",
            Self::ReceivePayment(_) => "ReceivePayment",
            Self::ReturnPayment { .. } => "ReturnPayment",
            Self::ReinstatePayment { .. } => "ReinstatePayment",
            Self::SettlePayment { .. } => "SettlePayment",
            Self::AssessFee { .. } => "AssessFee",
            Self::WaiveFee { .. } => "WaiveFee",
            Self::ChangeRate { .. } => "ChangeRate",
            Self::AdjustPrincipal { .. } => "AdjustPrincipal",
            Self::GrantExtension(_) => "GrantExtension",
            Self::ChangeDueDate { .. } => "ChangeDueDate",
            Self::ChargeOff { .. } => "ChargeOff",
            Self::ReturnVehicle { .. } => "ReturnVehicle",
            Self::QuotePayoff { .. } => "QuotePayoff",
            Self::RefundCredit { .. } => "RefundCredit",
            Self::ReturnRefund { .. } => "ReturnRefund",
            Self::SettleRefund { .. } => "SettleRefund",
            Self::AgeAccount => "AgeAccount",
            Self::RecordLien { .. } => "RecordLien",
            Self::ReleaseLien => "ReleaseLien",
        }
    }

    /// The payment that the command is about, if it names one.
    pub const fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::CancelPayment { payment }
            | Self::ApplyPayment { payment }
            | Self::ReturnPayment { payment, .. }
            | Self::ReinstatePayment { payment, .. }
            | Self::SettlePayment { payment, .. } => Some(*payment),
            Self::OpenAccount { .. }
            | Self::SchedulePayment(_)
            | Self::ReceivePayment(_)
            | Self::AssessFee { .. }
            | Self::WaiveFee { .. }
            | Self::ChangeRate { .. }
            | Self::AdjustPrincipal { .. }
            | Self::GrantExtension(_)
            | Self::ChangeDueDate { .. }
            | Self::ChargeOff { .. }
            | Self::ReturnVehicle { .. }
            | Self::QuotePayoff { .. }
            | Self::RefundCredit { .. }
            | Self::ReturnRefund { .. }
            | Self::SettleRefund { .. }
            | Self::AgeAccount
            | Self::RecordLien { .. }
            | Self::ReleaseLien => None,
        }
    }

    /// Does it hand money or work to others for good? Such commands wait while origination is on
    /// hold: a payment that is applied goes to the bank, a refund is sent, a title is let go.
    pub const fn originates(&self) -> bool {
        match self {
            Self::ApplyPayment { .. } | Self::RefundCredit { .. } | Self::ReleaseLien => true,
            Self::OpenAccount { .. }
            | Self::SchedulePayment(_)
            | Self::CancelPayment { .. }
            | Self::ReceivePayment(_)
            | Self::ReturnPayment { .. }
            | Self::ReinstatePayment { .. }
            | Self::SettlePayment { .. }
            | Self::AssessFee { .. }
            | Self::WaiveFee { .. }
            | Self::ChangeRate { .. }
            | Self::AdjustPrincipal { .. }
            | Self::GrantExtension(_)
            | Self::ChangeDueDate { .. }
            | Self::ChargeOff { .. }
            | Self::ReturnVehicle { .. }
            | Self::QuotePayoff { .. }
            | Self::ReturnRefund { .. }
            | Self::SettleRefund { .. }
            | Self::AgeAccount
            | Self::RecordLien { .. } => false,
        }
    }

    /// The hash of the preview that the command carries out, if it names one.
    pub fn preview(&self) -> Option<&str> {
        previewed!(self).and_then(|preview| preview.as_deref())
    }

    /// The same command, whatever was previewed.
    #[must_use]
    pub(crate) fn without_preview(&self) -> Self {
        let mut command = self.clone();
        if let Some(preview) = previewed!(&mut command) {
            *preview = None;
        }
        command
    }
}
