//! `payledger payments`: the verbs of `PaymentService`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::batch::{self, ExecuteBatch};
use super::call::Call;
use super::previews;
use super::words::{self, MinPosition, Page, PreviewHash, RequestId};
use super::{Service, run as run_call};
use crate::cli::CliError;
use crate::cli::output::Output;
use crate::cli::preview::{self, PreviewArgs};

/// What a table of payments shows.
const COLUMNS: &[&str] = &[
    "payment_id",
    "account_id",
    "state",
    "channel",
    "amount",
    "effective_date",
    "window",
    "cancel_before_time",
];

/// A verb of `PaymentService`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Shows when a payment would be applied and until when it could be cancelled; writes nothing.
    ///
    /// With --product the answer follows from the rules alone and needs no server; with --account a
    /// server answers, and looks at the account too. A refusal is an answer: the exit code is 0.
    #[command(after_help = PREVIEW_EXAMPLE)]
    Preview(PreviewArgs),
    /// Schedules a debit of the customer's bank account.
    #[command(after_help = "Example:
  payledger payments schedule --account auto-1 --amount 310.00 --payment-date 2026-03-03")]
    Schedule(Schedule),
    /// Cancels a scheduled payment, if it is received before the payment's cut-off.
    #[command(after_help = "Example:
  payledger payments cancel --account auto-1 --payment 7065946a-f55f-560c-a802-060dfb21bbd1")]
    Cancel(OnePayment),
    /// Records money that came in over another channel and applies it as of its receipt.
    #[command(after_help = "Example:
  payledger payments receive --account auto-1 --channel mail --amount 310.00 \\
    --received-date 2026-03-03 --reference cheque-1042")]
    Receive(Receive),
    /// Takes back an applied payment that the bank returned.
    #[command(after_help = "Example:
  payledger payments return --account auto-1 --payment 7065946a-f55f-560c-a802-060dfb21bbd1 \\
    --code R01")]
    Return(Return),
    /// Applies a returned payment again, as of its first effective date.
    Reinstate(Reinstate),
    /// Books that the bank has the money of a payment: from clearing to cash.
    #[command(after_help = "Examples:
  payledger payments settle --account auto-1 --payment 7065946a-f55f-560c-a802-060dfb21bbd1 \\
    --settlement-date 2026-03-04
  payledger payments settle --account auto-1 --payment 7065946a-f55f-560c-a802-060dfb21bbd1 \\
    --settlement-date 2026-03-05 --withheld 3.45
A bank's file of thousands is a batch: settle_payment of execute-batch.")]
    Settle(Settle),
    /// What these would do.
    #[command(flatten)]
    Foresee(previews::PaymentVerb),
    /// Shows one payment.
    Get(Get),
    /// Lists payments of all channels and states, in the order in which they were recorded.
    List(List),
    /// Lists scheduled payments in the order of their cut-offs.
    ListPending(ListPending),
    /// Carries out commands from JSON lines, with one result a line, in the order of the commands.
    ///
    /// A line is an object with one member: the name of the command, with its request as the
    /// contract names the fields. Money is decimal text, dates are YYYY-MM-DD. A command without
    /// a request id gets one, which is written to standard error before it is sent. The exit code
    /// is that of the first command that failed.
    #[command(after_help = batch::EXAMPLE)]
    ExecuteBatch(ExecuteBatch),
}

const PREVIEW_EXAMPLE: &str = r#"Examples:
  payledger payments preview --product auto_loan --at-time 2026-03-03T14:59:59-05:00 \
    --payment-date 2026-03-03
  payledger payments preview --account auto-1 --amount 310.00 --payment-date 2026-03-03
  echo '{"product":"lease","at_time":"2026-03-03T14:59:59-05:00","payment_date":"2026-03-03"}' |
    payledger payments preview --input -"#;

/// See [`Verb::Schedule`].
#[derive(Debug, Args, Serialize)]
pub struct Schedule {
    /// The account to pay.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// What to pay, in dollars: 310.00.
    #[arg(long, allow_negative_numbers = true)]
    pub amount: String,
    /// The date on which it is to count, YYYY-MM-DD: today, Eastern time, to 365 days ahead.
    #[arg(long, alias = "date", value_name = "DATE")]
    pub payment_date: String,
    /// The bank account to draw on. Default: the customer's usual one.
    #[command(flatten)]
    pub funding: Option<Funding>,
    /// Schedules it even if a payment of the same amount and date is pending.
    #[arg(long)]
    pub allow_duplicate: bool,
    /// The payoff quote that it is meant to pay. Default: one of exactly its amount, if any.
    #[arg(long = "payoff-quote", value_name = "UUID")]
    pub payoff_quote_id: Option<String>,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// The bank account that a payment is drawn on.
#[derive(Debug, Args, Serialize)]
#[group(requires_all = ["token"])]
pub struct Funding {
    /// The vault's token of the bank account to draw on; never its number.
    #[arg(long = "funding-token", id = "token", required = false, value_name = "TOKEN")]
    pub token: String,
    /// The last four digits of that bank account.
    #[arg(long = "funding-last-four", value_name = "DIGITS")]
    pub last_four: Option<String>,
}

/// See [`Verb::Cancel`].
#[derive(Debug, Args, Serialize)]
pub struct OnePayment {
    /// The account that the payment pays.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The payment's id.
    #[arg(long = "payment", value_name = "UUID")]
    pub payment_id: String,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::Receive`].
#[derive(Debug, Args, Serialize)]
pub struct Receive {
    /// The money.
    #[command(flatten)]
    #[serde(flatten)]
    pub remittance: Remittance,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// Money that came from another channel, for good or in a preview.
#[derive(Debug, Args, Serialize)]
pub struct Remittance {
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
    /// It is cash, a cashier's or certified cheque or an insurer's draft.
    #[arg(long)]
    pub guaranteed_funds: bool,
    /// A licensed dealer paid it.
    #[arg(long)]
    pub paid_by_dealer: bool,
    /// Takes it even if a payment with the same channel and reference exists.
    #[arg(long)]
    pub allow_duplicate: bool,
    /// The payoff quote that it pays. Default: one of exactly its amount, if any.
    #[arg(long = "payoff-quote", value_name = "UUID")]
    pub payoff_quote_id: Option<String>,
}

/// See [`Verb::Return`].
#[derive(Debug, Args, Serialize)]
pub struct Return {
    /// The payment.
    #[command(flatten)]
    #[serde(flatten)]
    pub payment: OnePayment,
    /// The bank's return code, such as R01 for insufficient funds.
    #[arg(long = "code", alias = "return-code", value_name = "CODE")]
    pub return_code: String,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
}

/// See [`Verb::Reinstate`].
#[derive(Debug, Args, Serialize)]
pub struct Reinstate {
    /// The payment.
    #[command(flatten)]
    #[serde(flatten)]
    pub payment: OnePayment,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
}

/// See [`Verb::Settle`].
#[derive(Debug, Args, Serialize)]
pub struct Settle {
    /// The payment.
    #[command(flatten)]
    #[serde(flatten)]
    pub payment: OnePayment,
    /// The banking day on which the bank had the money, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub settlement_date: String,
    /// What a vendor kept of it as its fee, in dollars. Default: nothing.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub withheld: Option<String>,
}

/// See [`Verb::Get`], and previews of what is done to a payment.
#[derive(Debug, Args, Serialize)]
pub struct Get {
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

/// See [`Verb::List`].
#[derive(Debug, Args, Serialize)]
pub struct List {
    /// Only payments of this account.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: Option<String>,
    /// Only payments in this state.
    #[arg(long, value_parser = words::member("PaymentState"))]
    pub state: Option<String>,
    /// Only payments that came this way.
    #[arg(long, value_parser = words::member("Channel"))]
    pub channel: Option<String>,
    /// Only payments with this effective date, YYYY-MM-DD, or a later one.
    #[arg(long, value_name = "DATE")]
    pub from_effective_date: Option<String>,
    /// Only payments with this effective date, YYYY-MM-DD, or an earlier one.
    #[arg(long, value_name = "DATE")]
    pub to_effective_date: Option<String>,
    /// Which page.
    #[command(flatten)]
    #[serde(flatten)]
    pub page: Page,
}

/// See [`Verb::ListPending`].
#[derive(Debug, Args, Serialize)]
pub struct ListPending {
    /// Only payments of this account.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: Option<String>,
    /// Only payments on accounts of this kind.
    #[arg(long, value_parser = words::product())]
    pub product: Option<String>,
    /// Only payments for this date, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub payment_date: Option<String>,
    /// Only payments of this window, by its cut-off in Eastern time: 15:00.
    #[arg(long, value_name = "TIME", value_parser = words::window())]
    pub window: Option<String>,
    /// Which page.
    #[command(flatten)]
    #[serde(flatten)]
    pub page: Page,
}

/// What the server is asked by a preview of a payment on an account.
#[derive(Debug, Serialize)]
struct PreviewRequest<'a> {
    account_id: &'a Option<String>,
    amount: &'a Option<String>,
    payment_date: &'a Option<String>,
    at_time: &'a Option<String>,
    min_position: Option<u64>,
}

impl Verb {
    /// The call that the verb is; none if it is not one call.
    pub fn call(&self) -> Result<Option<Call>, CliError> {
        let call = match self {
            Self::Preview(args) => match args.account {
                None => return Ok(None),
                Some(_) => Call::new("PaymentService.PreviewPayment", &preview_request(args))
                    .map(Call::in_parts),
            },
            Self::ExecuteBatch(_) => return Ok(None),
            Self::Schedule(schedule) => Call::new("PaymentService.SchedulePayment", schedule),
            Self::Cancel(payment) => Call::new("PaymentService.CancelPayment", payment),
            Self::Receive(receive) => Call::new("PaymentService.ReceivePayment", receive),
            Self::Return(payment) => Call::new("PaymentService.ReturnPayment", payment),
            Self::Reinstate(payment) => Call::new("PaymentService.ReinstatePayment", payment),
            Self::Settle(payment) => Call::new("PaymentService.SettlePayment", payment),
            Self::Foresee(verb) => verb.call(),
            Self::Get(get) => Call::new("PaymentService.GetPayment", get),
            Self::List(filter) => Call::new("PaymentService.ListPayments", filter).map(list),
            Self::ListPending(filter) => {
                Call::new("PaymentService.ListPendingPayments", filter).map(list)
            }
        };
        call.map(Some)
    }
}

fn list(call: Call) -> Call {
    call.listing("payments", COLUMNS)
}

fn preview_request(args: &PreviewArgs) -> PreviewRequest<'_> {
    PreviewRequest {
        account_id: &args.account,
        amount: &args.amount,
        payment_date: &args.date,
        at_time: &args.at,
        min_position: args.min_position.min_position,
    }
}

/// Carries out a verb: on its own, as one call, or as many.
pub fn run(service: &Service<Verb>, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    if let Some(call) = service.verb.call()? {
        return run_call(&service.connection, call, form, out);
    }
    match &service.verb {
        Verb::Preview(args) => preview::run(args, form, out),
        Verb::ExecuteBatch(args) => batch::run(&service.connection, args, form, out),
        Verb::Schedule(_)
        | Verb::Cancel(_)
        | Verb::Receive(_)
        | Verb::Return(_)
        | Verb::Reinstate(_)
        | Verb::Settle(_)
        | Verb::Foresee(_)
        | Verb::Get(_)
        | Verb::List(_)
        | Verb::ListPending(_) => Ok(()),
    }
}
