//! What a change would mean, before it is made: verbs of `payledger payments` and `accounts`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::accounts::{AssessFee, WaiveFee};
use super::call::Call;
use super::servicing::{
    AdjustPrincipal, ChangeDueDate, ChangeRate, ChargeOff, GrantExtension, ReturnVehicle,
};
use super::words::{self, MinPosition};
use crate::cli::CliError;

/// A previewing verb of `PaymentService`.
#[derive(Debug, Subcommand)]
pub enum PaymentVerb {
    /// Shows everything that the return of a payment would do; writes nothing.
    ///
    /// Lists everything that would change: allocations, fees, instalments, title dates, and the
    /// journal. If return is given the hash in the answer as --preview-hash, it is refused once the
    /// account or the accounting day has changed. A refusal is an answer: the exit code is 0.
    #[command(after_help = "Example:
  payledger payments preview-return --account auto-1 --code R01 \\
    --payment 7065946a-f55f-560c-a802-060dfb21bbd1")]
    PreviewReturn(PreviewReturn),
    /// Shows everything that money from another channel would do, even back-dated; writes nothing.
    #[command(after_help = "Example:
  payledger payments preview-receive --account auto-1 --channel mail --amount 310.00 \\
    --received-date 2026-03-03")]
    PreviewReceive(PreviewReceive),
    /// Shows everything that applying a returned payment again would do; writes nothing.
    PreviewReinstatement(PreviewReinstatement),
}

/// A previewing verb of `AccountService`.
#[derive(Debug, Subcommand)]
pub enum AccountVerb {
    /// Shows everything that a servicer's change would do; writes nothing.
    ///
    /// Give the change as the verb that would make it, with the same flags; only the request's id
    /// and --preview-hash are ignored. If that verb is given the hash in the answer as
    /// --preview-hash, it is refused once the account or the accounting day has changed, or if it
    /// is another change.
    #[command(after_help = "Example:
  payledger accounts preview-change change-rate --account auto-1 --annual-rate 0.0525 \\
    --effective-date 2026-04-01")]
    PreviewChange(PreviewChange),
}

/// See [`PaymentVerb::PreviewReturn`].
#[derive(Debug, Args, Serialize)]
pub struct PreviewReturn {
    /// The account that the payment pays.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The payment's id.
    #[arg(long = "payment", value_name = "UUID")]
    pub payment_id: String,
    /// The bank's return code, such as R01 for insufficient funds.
    #[arg(long = "code", alias = "return-code", value_name = "CODE")]
    pub return_code: String,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`PaymentVerb::PreviewReceive`].
#[derive(Debug, Args, Serialize)]
pub struct PreviewReceive {
    /// The account to pay.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The way in which the money came: any but `own_ach`.
    #[arg(long, value_parser = words::member("Channel"))]
    pub channel: String,
    /// What was remitted, in dollars; a third party's fee is not part of it.
    #[arg(long, allow_negative_numbers = true)]
    pub amount: String,
    /// The date on which the servicer or its agent received it, YYYY-MM-DD: the value date.
    #[arg(long, value_name = "DATE")]
    pub received_date: String,
    /// The sender's own reference: a confirmation number, a cheque's serial.
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// What a third party charged on top, in dollars: kept for information.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub third_party_fee: Option<String>,
    /// Previews it even if a payment with the same channel and reference exists.
    #[arg(long)]
    pub allow_duplicate: bool,
    /// The payoff quote that it pays. Default: one of exactly its amount, if any.
    #[arg(long = "payoff-quote", value_name = "UUID")]
    pub payoff_quote_id: Option<String>,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`PaymentVerb::PreviewReinstatement`].
#[derive(Debug, Args, Serialize)]
pub struct PreviewReinstatement {
    /// The account that the payment pays.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The payment's id.
    #[arg(long = "payment", value_name = "UUID")]
    pub payment_id: String,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`AccountVerb::PreviewChange`].
#[derive(Debug, Args, Serialize)]
pub struct PreviewChange {
    /// The change.
    #[command(subcommand)]
    #[serde(flatten)]
    pub change: Change,
}

/// A change, as the verb that would make it.
#[derive(Debug, Subcommand, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Another yearly rate from a date on.
    ChangeRate(ChangeRate),
    /// A correction of principal without a payment.
    AdjustPrincipal(AdjustPrincipal),
    /// Due dates moved by whole months.
    GrantExtension(GrantExtension),
    /// Another day of the month for instalments.
    ChangeDueDate(ChangeDueDate),
    /// A charge-off of everything owed, or of a part of the principal.
    ChargeOff(ChargeOff),
    /// A leased vehicle that comes back.
    ReturnVehicle(ReturnVehicle),
    /// A fee, from today or an earlier day on.
    AssessFee(AssessFee),
    /// A fee that is taken back.
    WaiveFee(WaiveFee),
}

impl PaymentVerb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        let call = match self {
            Self::PreviewReturn(asked) => Call::new("PaymentService.PreviewReturn", asked),
            Self::PreviewReceive(asked) => Call::new("PaymentService.PreviewReceive", asked),
            Self::PreviewReinstatement(asked) => {
                Call::new("PaymentService.PreviewReinstatement", asked)
            }
        };
        call.map(Call::in_parts)
    }
}

impl AccountVerb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        match self {
            Self::PreviewChange(asked) => {
                Call::new("AccountService.PreviewChange", asked).map(Call::in_parts)
            }
        }
    }
}
