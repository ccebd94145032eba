//! What the bank did with money: it has that of a payment, or has paid a refund out.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Posting;
use crate::domain::money::Amount;
use crate::ids::{PaymentId, RefundId};

/// The bank has the money of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentSettled {
    /// The payment.
    pub payment: PaymentId,
    /// The settlement date: the banking day on which the bank had it.
    pub effective_date: NaiveDate,
    /// What a vendor kept of it as its fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Amount>,
    /// What goes to the general ledger: from clearing to cash.
    pub posting: Posting,
}

/// The bank paid a refund out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundSettled {
    /// The refund.
    pub refund: RefundId,
    /// The settlement date: the banking day on which the bank paid it.
    pub effective_date: NaiveDate,
    /// What goes to the general ledger: from cash out of refunds in transit.
    pub posting: Posting,
}
