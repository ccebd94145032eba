//! ACH return codes: what each means, how long it may take, and what the servicer does about it.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::Deserialize;

use super::timeline::{Period, PeriodUnit};
use crate::domain::calendar::Calendar;
use crate::domain::money::Rate;
use crate::domain::words::words;
use crate::text::stored_as_text;

/// A text that is no return code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a return code: \"R\" and two digits")]
pub struct ReturnCodeError(pub String);

/// An ACH return reason code: "R" and two digits, whether assigned or not.
///
/// ```
/// use ledger::domain::rulebook::ReturnCode;
/// assert_eq!("R01".parse::<ReturnCode>().unwrap().to_string(), "R01");
/// assert!("X01".parse::<ReturnCode>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnCode(u8);

impl FromStr for ReturnCode {
    type Err = ReturnCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .strip_prefix('R')
            .filter(|digits| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()));
        digits
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| ReturnCodeError(text.chars().take(20).collect()))
    }
}

impl fmt::Display for ReturnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{:02}", self.0)
    }
}

stored_as_text!(ReturnCode);

impl schemars::JsonSchema for ReturnCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReturnCode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "description": "ACH return reason code", "pattern": r"^R\d{2}$"
        })
    }
}

/// Who may send a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// The customer's bank (RDFI).
    ReceivingBank,
    /// The servicer's bank (ODFI).
    OriginatingBank,
    /// The ACH operator.
    Operator,
    /// The gateway of an international entry.
    Gateway,
    /// A federal agency, for enrolments.
    FederalAgency,
}

/// How long after settlement a return is in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnLimit {
    /// Within a period after the settlement date.
    Within(Period),
    /// With the next file or processing after detection.
    NextFile,
    /// As the two banks agree.
    ByAgreement,
    /// When the receiver refuses.
    OnRefusal,
    /// No limit is known.
    None,
}

impl ReturnLimit {
    /// The banking day by whose opening of business the returning bank must have sent the return of
    /// an entry that settled on `settled_on`; none if no period limits it. Banking days count that
    /// day in; other periods end before it (domain rule 3.1).
    pub fn due(self, settled_on: NaiveDate, calendar: &Calendar) -> Option<NaiveDate> {
        let Self::Within(period) = self else { return None };
        let last = period.after(settled_on, calendar);
        Some(match period.unit {
            PeriodUnit::BankingDays => last,
            PeriodUnit::CalendarDays | PeriodUnit::Hours | PeriodUnit::Months => {
                calendar.next_banking_day(last)
            }
        })
    }
}

/// Whether and how the entry may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryRule {
    /// Never.
    Never,
    /// The same entry again, up to so many times.
    RePresent {
        /// How many further attempts.
        times: u8,
    },
    /// Only as a corrected new entry.
    CorrectedEntry,
    /// Only with a fresh authorisation by the customer.
    FreshAuthorisation,
}

/// What the servicer does about a return. The money is reversed except
/// for `RefundReturned` and `BankToBank`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnAction {
    /// Set A: a fee if allowed, perhaps a second presentment, Auto Pay stays until two in a row.
    InsufficientFunds,
    /// Set B: the payment account is disabled, Auto Pay suspended, a new account asked for.
    AccountUnusable,
    /// Set C: authorisation revoked, account disabled, Auto Pay stopped, no fee.
    Unauthorised,
    /// Set C, light: the account stays, the mistake is put right, no fee.
    EntryMismatch,
    /// Set D: no automatic retry, the customer is asked, the Auto Pay instance is cancelled.
    StopPayment,
    /// Set E: every debit stops, no fee, the estate's queue.
    Deceased,
    /// Set F: our mistake: no fee, no late fee that it caused, put right and sent again.
    OurError,
    /// Set G: a refund came back: it is payable again, by cheque.
    RefundReturned,
    /// Set X: not expected for our entries: a person looks at it.
    Exception,
    /// A dishonour or its contest, between the banks.
    BankToBank,
}

impl ReturnAction {
    /// Whether such a return takes a customer's payment back. One of a refund, or a word between
    /// the banks about a return, does not; one that nobody expected does, since the money is gone.
    pub const fn reverses_payment(self) -> bool {
        !matches!(self, Self::RefundReturned | Self::BankToBank)
    }

    /// Whether a returned-item fee may be charged, if contract and state law allow one: set A and
    /// no other (domain rule 4.12).
    pub const fn may_charge_fee(self) -> bool {
        matches!(self, Self::InsufficientFunds)
    }

    /// Whether an instalment that such a return opens again never costs a late fee: sets C, E and
    /// F, where the customer is not to blame (domain rule 4.12).
    pub const fn excuses_lateness(self) -> bool {
        matches!(self, Self::Unauthorised | Self::EntryMismatch | Self::Deceased | Self::OurError)
    }
}

/// Who must look at a return besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnReview {
    /// Legal: an account frozen by law.
    Legal,
    /// Fraud: questionable circumstances.
    Fraud,
    /// Whether we reversed it too, so that it is not taken back twice.
    Duplicate,
}

/// What one return code stands for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnRule {
    /// In words for a person.
    pub meaning: String,
    /// Who may send it.
    pub initiators: Vec<Initiator>,
    /// How long it is in time.
    pub limit: ReturnLimit,
    /// Whether the entry may be tried again.
    pub retry: RetryRule,
    /// What is done.
    pub action: ReturnAction,
    /// What is done instead, where the code is used for a second cause.
    #[serde(default)]
    pub otherwise: Option<ReturnAction>,
    /// Who must look at it besides.
    #[serde(default)]
    pub review: Option<ReturnReview>,
    /// Whether it counts to the unauthorised return rate (domain rule 3.5).
    #[serde(default)]
    pub unauthorised: bool,
    /// Whether it counts to the administrative return rate (domain rule 3.5).
    #[serde(default)]
    pub administrative: bool,
}

impl ReturnRule {
    /// Whether a return with it counts to the rate of `class`. All that there are count to the
    /// overall rate, which leaves out re-presented cheques (RCK): none are originated here.
    pub const fn counts_to(&self, class: ReturnClass) -> bool {
        match class {
            ReturnClass::Unauthorised => self.unauthorised,
            ReturnClass::Administrative => self.administrative,
            ReturnClass::Overall => true,
        }
    }

    /// Whether the customer's bank contests with it that a return of its was dishonoured: the
    /// return stands (domain rule 3.3).
    pub fn contests(&self) -> bool {
        self.action == ReturnAction::BankToBank
            && self.initiators.contains(&Initiator::ReceivingBank)
    }
}

words! {
    /// What returns of debits are counted together.
    ReturnClass {
        /// Returned as not authorised: above its threshold the network enforces its rules.
        Unauthorised = "unauthorised",
        /// Returned for a wrong or closed account: above its level the network inquires.
        Administrative = "administrative",
        /// Returned with any code: above its level the network inquires.
        Overall = "overall",
    }
}

/// By what the returns of debits are watched (domain rule 3.5): over which periods, and how many
/// there may be, as a fraction of the debits that were originated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnRatePolicy {
    /// Days of the rolling period, the one that is asked about included.
    pub days: u16,
    /// Whole calendar months of the other period.
    pub calendar_months: u16,
    /// What the unauthorised rate must not exceed.
    pub unauthorised_max: Rate,
    /// What the administrative rate should not exceed.
    pub administrative_max: Rate,
    /// What the overall rate should not exceed.
    pub overall_max: Rate,
}

impl ReturnRatePolicy {
    /// The rate of `class` above which the network acts.
    pub const fn level(&self, class: ReturnClass) -> Rate {
        match class {
            ReturnClass::Unauthorised => self.unauthorised_max,
            ReturnClass::Administrative => self.administrative_max,
            ReturnClass::Overall => self.overall_max,
        }
    }
}
