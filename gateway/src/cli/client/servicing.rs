//! What a servicer does to a contract: more verbs of `payledger accounts`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::call::Call;
use super::words::{self, KnownTime, MinPosition, Page, PreviewHash, RequestId};
use crate::cli::CliError;

/// What a table of instalments shows.
const INSTALMENTS: &[&str] =
    &["number", "due_date", "amount", "paid_amount", "open_amount", "state", "days_past_due"];

/// What a table of payoff quotes shows.
const QUOTES: &[&str] =
    &["quote_id", "quoted_time", "good_through_date", "amount", "per_diem", "payment_ids"];

/// What a table of refunds shows.
const REFUNDS: &[&str] =
    &["refund_id", "amount", "method", "effective_date", "state", "payment_id"];

/// A servicing verb of `AccountService`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Sets another yearly rate from a date on.
    #[command(after_help = "Example:
  payledger accounts change-rate --account auto-1 --annual-rate 0.0525 \\
    --effective-date 2026-04-01")]
    ChangeRate(ChangeRate),
    /// Adds to principal, or takes off it, without a payment.
    #[command(after_help = "Example:
  payledger accounts adjust-principal --account auto-1 --change -25.00 \\
    --reason \"dealer credit left out at booking\" --effective-date 2026-03-10")]
    AdjustPrincipal(AdjustPrincipal),
    /// Moves due dates by whole months, from the first instalment on that is not met.
    #[command(after_help = "Example:
  payledger accounts grant-extension --account auto-1 --kind extension --months 2 \\
    --effective-date 2026-03-20")]
    GrantExtension(GrantExtension),
    /// Lets instalments fall due on another day of the month, from the next one on.
    ChangeDueDate(ChangeDueDate),
    /// Charges off everything owed, or a part of the principal.
    #[command(after_help = "Examples:
  payledger accounts charge-off --account auto-1 --reason delinquency --effective-date 2026-08-31
  payledger accounts charge-off --account auto-1 --reason deficiency --principal 4000.00 \\
    --effective-date 2026-08-31")]
    ChargeOff(ChargeOff),
    /// Takes a leased vehicle back: no further rental falls due, and the given charges are owed.
    #[command(after_help = "Example:
  payledger accounts return-vehicle --account lease-1 --effective-date 2026-06-10 \\
    --charge early_termination=2400.00 --charge disposition=395.00")]
    ReturnVehicle(ReturnVehicle),
    /// Tells what pays the account off on a day, and keeps the quote.
    #[command(after_help = "Example:
  payledger accounts quote-payoff --account auto-1 --good-through-date 2026-06-30")]
    QuotePayoff(QuotePayoff),
    /// Shows one payoff quote, as it was given.
    GetPayoffQuote(GetPayoffQuote),
    /// Lists the payoff quotes of an account in the order in which they were given.
    PayoffQuotes(OfAccount),
    /// Sends a credit balance back to the customer, once no payment's funds can come back.
    RefundCredit(RefundCredit),
    /// Takes back a refund that did not reach the customer.
    ReturnRefund(OneRefund),
    /// Books that the bank paid a refund out: from refunds in transit to cash.
    SettleRefund(SettleRefund),
    /// Lists the refunds of an account, oldest first.
    Refunds(OfAccount),
    /// Lists the instalments of an account: when each falls due, what is paid of it, what is past
    /// due.
    #[command(after_help = INSTALMENTS_EXAMPLE)]
    Instalments(Instalments),
    /// Charges the late fees that are due, and stops or resumes interest income: what the daily run
    /// asks of every account.
    Age(AccountChange),
}

const INSTALMENTS_EXAMPLE: &str = "Examples:
  payledger accounts instalments --account auto-1
  What was thought to be past due on 3 April, at noon of that day:
    payledger accounts instalments --account auto-1 --effective-date 2026-04-03 \\
      --known-time 2026-04-03T12:00:00-04:00";

/// See [`Verb::ChangeRate`].
#[derive(Debug, Args, Serialize)]
pub struct ChangeRate {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The new rate as a decimal fraction: 0.0575 is 5.75 %.
    #[arg(long, value_name = "FRACTION")]
    pub annual_rate: String,
    /// The first day that earns at it, YYYY-MM-DD, not after today.
    #[arg(long, value_name = "DATE")]
    pub effective_date: String,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::AdjustPrincipal`].
#[derive(Debug, Args, Serialize)]
pub struct AdjustPrincipal {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// What is added to principal, in dollars; negative if taken off.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub change: String,
    /// Why, in words. It is recorded for ever: nothing that identifies a person.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The day from which it counts, YYYY-MM-DD, not after today.
    #[arg(long, value_name = "DATE")]
    pub effective_date: String,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::GrantExtension`].
#[derive(Debug, Args, Serialize)]
pub struct GrantExtension {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// What it is called.
    #[arg(long, value_parser = words::member("ExtensionKind"))]
    pub kind: String,
    /// By how many months due dates are moved: 1 to 12.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(1..=12))]
    pub months: i32,
    /// The day from which the new due dates count, YYYY-MM-DD, not after today.
    #[arg(long, value_name = "DATE")]
    pub effective_date: String,
    /// Grants it beyond the limits of the policy, too.
    #[arg(long)]
    pub allow_over_limit: bool,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::ChangeDueDate`].
#[derive(Debug, Args, Serialize)]
pub struct ChangeDueDate {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The new day of the month; a shorter month's last day stands in for it.
    #[arg(long, value_name = "DAY", value_parser = clap::value_parser!(i32).range(1..=31))]
    pub day_of_month: i32,
    /// The day from which the new due dates count, YYYY-MM-DD, not after today.
    #[arg(long, value_name = "DATE")]
    pub effective_date: String,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::ChargeOff`].
#[derive(Debug, Args, Serialize)]
pub struct ChargeOff {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// Only this much of the principal, in dollars. Default: everything owed.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub principal: Option<String>,
    /// Why.
    #[arg(long, value_parser = words::member("ChargeOffReason"))]
    pub reason: String,
    /// The day from which it counts, YYYY-MM-DD, not after today.
    #[arg(long, value_name = "DATE")]
    pub effective_date: String,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::ReturnVehicle`].
#[derive(Debug, Args, Serialize)]
pub struct ReturnVehicle {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The day on which it came back, YYYY-MM-DD, not after today.
    #[arg(long, value_name = "DATE")]
    pub effective_date: String,
    /// What is charged for it, such as disposition=395.00, each kind once: `early_termination`,
    /// disposition, `excess_wear`, `excess_mileage`, toll or `property_tax`. More is charged later
    /// with assess-fee.
    #[arg(long = "charge", value_name = "KIND=AMOUNT", value_parser = charge)]
    pub charges: Vec<Charge>,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// What is charged when a leased vehicle comes back.
#[derive(Debug, Clone, Serialize)]
pub struct Charge {
    kind: String,
    amount: String,
}

fn charge(text: &str) -> Result<Charge, String> {
    let (kind, amount) = text.split_once('=').ok_or("is not KIND=AMOUNT")?;
    Ok(Charge { kind: kind.to_owned(), amount: amount.to_owned() })
}

/// See [`Verb::QuotePayoff`].
#[derive(Debug, Args, Serialize)]
pub struct QuotePayoff {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The day through which interest is counted, YYYY-MM-DD: today to 60 days ahead.
    #[arg(long, value_name = "DATE")]
    pub good_through_date: String,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::GetPayoffQuote`].
#[derive(Debug, Args, Serialize)]
pub struct GetPayoffQuote {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The quote's id.
    #[arg(long = "payoff-quote", alias = "quote", value_name = "UUID")]
    pub quote_id: String,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`Verb::PayoffQuotes`] and [`Verb::Refunds`].
#[derive(Debug, Args, Serialize)]
pub struct OfAccount {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// Which page.
    #[command(flatten)]
    #[serde(flatten)]
    pub page: Page,
}

/// See [`Verb::RefundCredit`].
#[derive(Debug, Args, Serialize)]
pub struct RefundCredit {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// How much, in dollars. Default: all of it.
    #[arg(long, allow_negative_numbers = true)]
    pub amount: Option<String>,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::ReturnRefund`] and [`Verb::SettleRefund`].
#[derive(Debug, Args, Serialize)]
pub struct OneRefund {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The refund's id, as `payledger accounts refunds` shows it.
    #[arg(long = "refund", value_name = "UUID")]
    pub refund_id: String,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::SettleRefund`].
#[derive(Debug, Args, Serialize)]
pub struct SettleRefund {
    /// The refund.
    #[command(flatten)]
    #[serde(flatten)]
    pub refund: OneRefund,
    /// The banking day on which the bank paid it out, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub settlement_date: String,
}

/// See [`Verb::Instalments`].
#[derive(Debug, Args, Serialize)]
pub struct Instalments {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The value date, YYYY-MM-DD, which may be in the future. Default: today, Eastern time.
    #[arg(long, value_name = "DATE")]
    pub effective_date: Option<String>,
    /// What was known.
    #[command(flatten)]
    #[serde(flatten)]
    pub known: KnownTime,
    /// Which page.
    #[command(flatten)]
    #[serde(flatten)]
    pub page: Page,
}

/// A change of which nothing is to be said but the account. See [`Verb::Age`].
#[derive(Debug, Args, Serialize)]
pub struct AccountChange {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

impl Verb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        match self {
            Self::ChangeRate(change) => Call::new("AccountService.ChangeRate", change),
            Self::AdjustPrincipal(adjust) => Call::new("AccountService.AdjustPrincipal", adjust),
            Self::GrantExtension(grant) => Call::new("AccountService.GrantExtension", grant),
            Self::ChangeDueDate(change) => Call::new("AccountService.ChangeDueDate", change),
            Self::ChargeOff(charge) => Call::new("AccountService.ChargeOff", charge),
            Self::ReturnVehicle(back) => Call::new("AccountService.ReturnVehicle", back),
            Self::QuotePayoff(quote) => Call::new("AccountService.QuotePayoff", quote),
            Self::GetPayoffQuote(get) => Call::new("AccountService.GetPayoffQuote", get),
            Self::PayoffQuotes(of) => {
                Ok(Call::new("AccountService.ListPayoffQuotes", of)?.listing("quotes", QUOTES))
            }
            Self::RefundCredit(refund) => Call::new("AccountService.RefundCredit", refund),
            Self::ReturnRefund(refund) => Call::new("AccountService.ReturnRefund", refund),
            Self::SettleRefund(refund) => Call::new("AccountService.SettleRefund", refund),
            Self::Refunds(of) => {
                Ok(Call::new("AccountService.ListRefunds", of)?.listing("refunds", REFUNDS))
            }
            Self::Instalments(of) => {
                let call = Call::new("AccountService.ListInstalments", of)?;
                Ok(call.listing("instalments", INSTALMENTS))
            }
            Self::Age(age) => Call::new("AccountService.AgeAccount", age),
        }
    }
}
