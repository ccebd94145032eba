//! What can be asked of an account.
//!
//! A command holds what the caller said and nothing else, so that its serialised form is the
//! content by which a repeated request is told from a reused id. That form is stored as a digest,
//! for ever: fields are added only with a default that is left out.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::events::{FeeKind, Funding};
use super::terms::Terms;
use crate::domain::money::Amount;
use crate::domain::product::Channel;
use crate::ids::{FeeId, PaymentId};

/// A command on one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Puts an account on the books.
    OpenAccount {
        /// The contract.
        terms: Terms,
        /// The lien to record with it.
        lien: Option<Lien>,
    },
    /// Schedules a debit of the customer's bank account.
    SchedulePayment {
        /// How much.
        amount: Amount,
        /// On which date.
        payment_date: NaiveDate,
        /// From which bank account.
        funding: Option<Funding>,
        /// Even if the same payment is pending already.
        allow_duplicate: bool,
    },
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
    ReceivePayment {
        /// By which way.
        channel: Channel,
        /// What reached us.
        amount: Amount,
        /// When we, or our agent, received it.
        received_date: NaiveDate,
        /// The sender's reference.
        reference: Option<String>,
        /// What a third party charged on top.
        third_party_fee: Option<Amount>,
        /// Even if a payment with the same reference is there already.
        allow_duplicate: bool,
    },
    /// Takes back a payment that the bank returned.
    ReturnPayment {
        /// The payment.
        payment: PaymentId,
        /// The bank's reason.
        return_code: String,
    },
    /// Makes a returned payment good again: the return was overturned.
    ReinstatePayment {
        /// The payment.
        payment: PaymentId,
    },
    /// Charges a fee, today.
    AssessFee {
        /// What for.
        kind: FeeKind,
        /// How much.
        amount: Amount,
    },
    /// Takes a fee back.
    WaiveFee {
        /// The fee.
        fee: FeeId,
    },
    /// Puts a lien on record.
    RecordLien {
        /// The lien.
        lien: Lien,
    },
    /// Releases the lien of an account that is paid off with good money.
    ReleaseLien,
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

impl Command {
    /// The name by which refusals and no-changes are recorded.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OpenAccount { .. } => "OpenAccount",
            Self::SchedulePayment { .. } => "SchedulePayment",
            Self::CancelPayment { .. } => "CancelPayment",
            Self::ApplyPayment { .. } => "ApplyPayment",
            Self::ReceivePayment { .. } => "ReceivePayment",
            Self::ReturnPayment { .. } => "ReturnPayment",
            Self::ReinstatePayment { .. } => "ReinstatePayment",
            Self::AssessFee { .. } => "AssessFee",
            Self::WaiveFee { .. } => "WaiveFee",
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
            | Self::ReinstatePayment { payment } => Some(*payment),
            Self::OpenAccount { .. }
            | Self::SchedulePayment { .. }
            | Self::ReceivePayment { .. }
            | Self::AssessFee { .. }
            | Self::WaiveFee { .. }
            | Self::RecordLien { .. }
            | Self::ReleaseLien => None,
        }
    }
}
