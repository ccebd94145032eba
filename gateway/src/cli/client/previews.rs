//! What a change would mean, before it is made: verbs of `payledger payments` and `accounts`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::accounts::{AssessFee, WaiveFee};
use super::call::Call;
use super::payments::{self, Remittance};
use super::servicing::{
    AdjustPrincipal, ChangeDueDate, ChangeRate, ChargeOff, GrantExtension, ReturnVehicle,
};
use super::words::MinPosition;
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
    PreviewReinstatement(payments::Get),
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
    /// The payment.
    #[command(flatten)]
    #[serde(flatten)]
    pub payment: payments::Get,
    /// The bank's return code, such as R01 for insufficient funds.
    #[arg(long = "code", alias = "return-code", value_name = "CODE")]
    pub return_code: String,
}

/// See [`PaymentVerb::PreviewReceive`].
#[derive(Debug, Args, Serialize)]
pub struct PreviewReceive {
    /// The money.
    #[command(flatten)]
    #[serde(flatten)]
    pub remittance: Remittance,
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
