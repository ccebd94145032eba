//! `payledger accounts`: the verbs of `AccountService`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::call::Call;
use super::previews;
use super::servicing;
use super::words::{self, KnownTime, MinPosition, Page, PreviewHash, RequestId};
use crate::cli::CliError;

/// What a table of accounts shows.
const COLUMNS: &[&str] = &[
    "account_id",
    "product",
    "state",
    "balance.principal",
    "balance.payoff_amount",
    "balance.past_due_amount",
    "balance.next_due_date",
    "balance.days_past_due",
];

/// A verb of `AccountService`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Opens an account at its booking, or boards one that was serviced elsewhere.
    #[command(after_help = OPEN_EXAMPLE)]
    Open(Box<Open>),
    /// Shows one account with its balance as of today, Eastern time.
    Get(Get),
    /// Lists accounts in the order in which they came onto the books here.
    List(List),
    /// Shows what an account owes as of a date, knowing what the log held at a position or instant.
    #[command(after_help = BALANCE_EXAMPLE)]
    Balance(Balance),
    /// Charges a fee that the contract allows, from today or an earlier day on.
    #[command(after_help = "Example:
  payledger accounts assess-fee --account auto-1 --kind late --amount 15.50 \\
    --effective-date 2026-04-12")]
    AssessFee(AssessFee),
    /// Takes a fee back as of the date on which it was charged.
    WaiveFee(WaiveFee),
    /// What a servicer does to a contract.
    #[command(flatten)]
    Servicing(servicing::Verb),
    /// What that would do.
    #[command(flatten)]
    Preview(previews::AccountVerb),
}

const OPEN_EXAMPLE: &str = "Example:
  payledger accounts open --account auto-1 --product auto_loan --opened-date 2026-03-02 \\
    --annual-rate 0.0575 --principal 25000.00 --instalment-amount 480.42 \\
    --first-due-date 2026-04-02 --instalment-count 60 \\
    --title-state MO --vin 1HGCM82633A004352 --lienholder \"Example Motor Credit\"";

const BALANCE_EXAMPLE: &str = "Examples:
  What is owed on a date to come:
    payledger accounts balance --account auto-1 --effective-date 2026-06-30
  What was thought to be owed on 3 March, before the event at position 42 was known:
    payledger accounts balance --account auto-1 --effective-date 2026-03-03 --known-position 41
  The same by the clock, as it was known at noon of that day:
    payledger accounts balance --account auto-1 --effective-date 2026-03-03 \\
      --known-time 2026-03-03T12:00:00-05:00";

/// See [`Verb::Open`].
#[derive(Debug, Args, Serialize)]
pub struct Open {
    /// The account's id: 1 to 64 letters, digits, dots, underscores or hyphens.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The kind of the account.
    #[arg(long, value_parser = words::product())]
    pub product: String,
    /// The date of the booking, or as of which it is boarded: YYYY-MM-DD, not after today, and not
    /// before the last 600 months.
    #[arg(long, value_name = "DATE")]
    pub opened_date: String,
    /// The terms of a loan.
    #[command(flatten)]
    pub loan: Option<Loan>,
    /// The terms of a lease.
    #[command(flatten)]
    #[serde(skip)]
    pub lease: LeaseFlags,
    /// The instalments that remain.
    #[command(flatten)]
    pub instalment_plan: InstalmentPlan,
    /// Fees that are owed already, in dollars. Default: none.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub fees_due: Option<String>,
    /// The contract's fee for a returned payment, in dollars. Default: it has none.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub returned_item_fee: Option<String>,
    /// What the contract charges for a late instalment.
    #[command(flatten)]
    pub late_fee: Option<LateFee>,
    /// How much may be missing of an instalment that counts as met.
    #[command(flatten)]
    pub shortfall_tolerance: Option<ShortfallTolerance>,
    /// The state, two letters, whose law caps what the contract may charge. Default: none.
    #[arg(long, value_name = "STATE")]
    pub governing_state: Option<String>,
    /// The lien on the vehicle's title.
    #[command(flatten)]
    pub lien: Option<Lien>,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// The terms of a loan.
#[derive(Debug, Args, Serialize)]
#[group(requires_all = ["annual_rate", "principal"])]
pub struct Loan {
    /// The yearly rate as a decimal fraction: 0.0575 is 5.75 %. Loans only.
    #[arg(long, required = false, value_name = "FRACTION")]
    pub annual_rate: String,
    /// How days become years; `30/360` and the like are understood, too. Default:
    /// `actual_365_366`.
    #[arg(long, value_parser = words::day_count())]
    pub day_count_basis: Option<String>,
    /// The principal owed when the account is opened, in dollars. Loans only.
    #[arg(long, required = false, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub principal: String,
    /// The date through which interest is paid. Default: the opened date.
    #[arg(long, value_name = "DATE")]
    pub interest_paid_through_date: Option<String>,
    /// Interest from before that date that is still owed, in dollars. Default: none.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub unpaid_interest: Option<String>,
    /// The remainder of interest from before that date, less than a cent either way, that was
    /// accrued and never posted, in dollars: 0.00451. Default: none.
    #[arg(long, value_name = "DECIMAL", allow_negative_numbers = true)]
    pub interest_carry: Option<String>,
}

/// What a contract charges for a late instalment.
#[derive(Debug, Args, Serialize)]
#[group(requires_all = ["grace_days"])]
pub struct LateFee {
    /// A late fee is charged on the day after this many days from the due date: 0 to 60.
    #[arg(
        long = "late-fee-grace-days",
        id = "grace_days",
        required = false,
        requires = "late_fee_charge",
        value_name = "DAYS"
    )]
    pub grace_days: i32,
    /// The late fee, in dollars.
    #[arg(long = "late-fee-amount", id = "late_fee_amount", value_name = "AMOUNT")]
    #[arg(group = "late_fee_charge")]
    pub amount: Option<String>,
    /// The late fee as a share of what is unpaid of the instalment: 0.05 is 5 %.
    #[arg(long = "late-fee-rate", id = "late_fee_rate", value_name = "FRACTION")]
    #[arg(group = "late_fee_charge")]
    pub rate: Option<String>,
    /// The most that a late fee may be, in dollars. Default: no limit.
    #[arg(long = "late-fee-maximum", id = "late_fee_maximum", value_name = "AMOUNT")]
    pub maximum: Option<String>,
}

/// How much may be missing of an instalment that counts as met.
#[derive(Debug, Args, Serialize)]
#[group(multiple = false)]
pub struct ShortfallTolerance {
    /// This much may be missing of what is billed, in dollars. Default: what the rules say.
    #[arg(long = "shortfall-amount", id = "shortfall_amount", value_name = "AMOUNT")]
    pub amount: Option<String>,
    /// The rest may be missing once this share of an instalment is paid: 0.9 for a tenth.
    #[arg(long = "shortfall-share", id = "shortfall_share", value_name = "FRACTION")]
    pub share: Option<String>,
}

/// The terms of a lease, besides its instalments.
#[derive(Debug, Args)]
pub struct LeaseFlags {
    /// The tax within each rental, in dollars. Leases only. Default: none.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub rental_tax: Option<String>,
    /// What the vehicle is worth when the last rental has fallen due, in dollars: its price then.
    /// Leases only. Default: not known, so that no buy-out can be quoted.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub residual_value: Option<String>,
    /// The sales tax on the vehicle's price as a decimal fraction: 0.0825 is 8.25 %. Default: none.
    #[arg(long, value_name = "FRACTION", requires = "residual_value")]
    pub sales_tax_rate: Option<String>,
}

/// When which instalments fall due.
#[derive(Debug, Args, Serialize)]
pub struct InstalmentPlan {
    /// Each instalment, in dollars; for leases the rental with its tax.
    #[arg(long = "instalment-amount", id = "instalment_amount", value_name = "AMOUNT")]
    pub amount: String,
    /// The due date of the oldest instalment that is not fully paid: YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub first_due_date: String,
    /// The day of the month on which instalments fall due. Default: that of the first.
    #[arg(long, value_name = "DAY", value_parser = clap::value_parser!(i32).range(1..=31))]
    pub day_of_month: Option<i32>,
    /// How many instalments remain, the first included: 1 to 600.
    #[arg(long, value_name = "COUNT")]
    pub instalment_count: i32,
    /// What is still unpaid of the first instalment, in dollars. Default: all of it.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub first_amount_due: Option<String>,
}

/// A lien on a vehicle's title.
#[derive(Debug, Args, Serialize)]
#[group(requires_all = ["title_state", "vin", "lienholder"])]
pub struct Lien {
    /// The state that issued the title, two letters.
    #[arg(long, required = false, value_name = "STATE")]
    pub title_state: String,
    /// The vehicle identification number, 17 characters.
    #[arg(long, required = false)]
    pub vin: String,
    /// The lienholder's name as it stands on the title.
    #[arg(long, required = false, value_name = "NAME")]
    pub lienholder: String,
}

/// See [`Verb::Get`], and that of a title.
#[derive(Debug, Args, Serialize)]
pub struct Get {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`Verb::List`].
#[derive(Debug, Args, Serialize)]
pub struct List {
    /// Only accounts of this kind.
    #[arg(long, value_parser = words::product())]
    pub product: Option<String>,
    /// Only accounts in this state.
    #[arg(long, value_parser = words::member("AccountState"))]
    pub state: Option<String>,
    /// Which page.
    #[command(flatten)]
    #[serde(flatten)]
    pub page: Page,
}

/// See [`Verb::Balance`].
#[derive(Debug, Args, Serialize)]
pub struct Balance {
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
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`Verb::AssessFee`].
#[derive(Debug, Args, Serialize)]
pub struct AssessFee {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// What the fee is charged for.
    #[arg(long, value_parser = words::member("FeeKind"))]
    pub kind: String,
    /// The fee, in dollars.
    #[arg(long, allow_negative_numbers = true)]
    pub amount: String,
    /// The day from which it is owed, YYYY-MM-DD. Default: today, Eastern time.
    #[arg(long, value_name = "DATE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_date: Option<String>,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::WaiveFee`].
#[derive(Debug, Args, Serialize)]
pub struct WaiveFee {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The fee's id, as `payledger accounts get` shows it.
    #[arg(long = "fee", value_name = "ID")]
    pub fee_id: String,
    /// The preview that it carries out.
    #[command(flatten)]
    #[serde(flatten)]
    pub preview: PreviewHash,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// What [`Open`] sends, with the terms that the product asks for.
#[derive(Debug, Serialize)]
struct OpenRequest<'a> {
    #[serde(flatten)]
    open: &'a Open,
    lease: Option<LeaseTerms<'a>>,
}

#[derive(Debug, Serialize)]
struct LeaseTerms<'a> {
    tax: &'a Option<String>,
    residual_value: &'a Option<String>,
    sales_tax_rate: &'a Option<String>,
}

impl Verb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        match self {
            Self::Open(open) => {
                let is_lease = open.product == "lease";
                let LeaseFlags { rental_tax: tax, residual_value, sales_tax_rate } = &open.lease;
                let said = tax.is_some() || residual_value.is_some();
                let lease = (is_lease || said).then_some(LeaseTerms {
                    tax,
                    residual_value,
                    sales_tax_rate,
                });
                Call::new("AccountService.OpenAccount", &OpenRequest { open, lease })
            }
            Self::Get(get) => Call::new("AccountService.GetAccount", get),
            Self::List(list) => {
                Ok(Call::new("AccountService.ListAccounts", list)?.listing("accounts", COLUMNS))
            }
            Self::Balance(balance) => Call::new("AccountService.GetBalance", balance),
            Self::AssessFee(assess) => Call::new("AccountService.AssessFee", assess),
            Self::WaiveFee(waive) => Call::new("AccountService.WaiveFee", waive),
            Self::Servicing(verb) => verb.call(),
            Self::Preview(verb) => verb.call(),
        }
    }
}
