//! Why an account says no. One variant a reason, each with its facts; the words are derived.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::facts::facts_of;
use crate::domain::money::{Amount, Money};
use crate::ids::{PaymentId, RefundId};

/// A refusal. Each is recorded in the account's stream and reaches the wire under the name it is
/// stored by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Refusal {
    /// The account id is in use.
    #[error("the account is on the books since {opened_date}")]
    AccountExists {
        /// When it was opened.
        opened_date: NaiveDate,
    },
    /// The cut-off has passed: from this instant on the payment is made.
    #[error("payment {payment} could be cancelled before {cutoff_at}; received at {received_at}")]
    CancelWindowClosed {
        /// The payment.
        payment: PaymentId,
        /// The cut-off.
        cutoff_at: DateTime<Utc>,
        /// When the request came.
        received_at: DateTime<Utc>,
    },
    /// Only a scheduled payment can be cancelled.
    #[error("payment {payment} is {state}, not scheduled")]
    NotPending {
        /// The payment.
        payment: PaymentId,
        /// What it is.
        state: String,
    },
    /// A run asked for a payment whose cut-off is still to come.
    #[error("the window of payment {payment} closes at {cutoff_at}")]
    WindowNotClosed {
        /// The payment.
        payment: PaymentId,
        /// The cut-off.
        cutoff_at: DateTime<Utc>,
    },
    /// Nothing is owed.
    #[error("the account was paid off on {paid_off_date}")]
    AccountPaidOff {
        /// Since when.
        paid_off_date: NaiveDate,
    },
    /// More than one ACH entry can carry.
    #[error("{amount} is above the limit of {limit}")]
    AmountTooLarge {
        /// What was asked for.
        amount: Amount,
        /// The limit.
        limit: Amount,
    },
    /// The requested date is over, in Eastern time.
    #[error("{requested} is in the past; the earliest date is {earliest_date}")]
    DateInPast {
        /// The date asked for.
        requested: NaiveDate,
        /// The first date that would be accepted.
        earliest_date: NaiveDate,
    },
    /// The requested date is too far ahead.
    #[error("{requested} is after {latest_date}, the last date accepted")]
    DateTooFar {
        /// The date asked for.
        requested: NaiveDate,
        /// The first date that would be accepted.
        earliest_date: NaiveDate,
        /// The last date that would be accepted.
        latest_date: NaiveDate,
    },
    /// Today's last cut-off has passed.
    #[error("the last cut-off of {requested} has passed; the earliest date is {earliest_date}")]
    CutoffPassed {
        /// The date asked for.
        requested: NaiveDate,
        /// The first date that would be accepted.
        earliest_date: NaiveDate,
    },
    /// Money cannot have been received tomorrow.
    #[error("{received_date} is after today, {today}")]
    ReceivedInFuture {
        /// The date given.
        received_date: NaiveDate,
        /// Today in Eastern time.
        today: NaiveDate,
    },
    /// Nothing can be effective before the account was on the books.
    #[error("{date} is before the account was opened on {opened_date}")]
    BeforeOpening {
        /// The date given.
        date: NaiveDate,
        /// When the account was opened.
        opened_date: NaiveDate,
    },
    /// What is effective tomorrow is not known today.
    #[error("{effective_date} is after today, {today}")]
    EffectiveInFuture {
        /// The date given.
        effective_date: NaiveDate,
        /// Today in Eastern time.
        today: NaiveDate,
    },
    /// It was charged off: nothing accrues, falls due or is charged any more.
    #[error("the account was charged off on {charged_off_date}")]
    AccountChargedOff {
        /// Since when.
        charged_off_date: NaiveDate,
    },
    /// A lease has rentals, and no principal or rate.
    #[error("accounts of product {product} have no principal")]
    ProductHasNoPrincipal {
        /// The account's product.
        product: String,
    },
    /// Only a lease has rentals, a vehicle that comes back, and charges for it.
    #[error("accounts of product {product} have no rentals")]
    ProductHasNoRentals {
        /// The account's product.
        product: String,
    },
    /// The leased vehicle is the customer's: it does not come back, and costs no more.
    #[error("the leased vehicle was bought on {bought_date}")]
    VehicleBought {
        /// When it was bought.
        bought_date: NaiveDate,
    },
    /// The leased vehicle came back: it does not do so twice, no due date is moved any more, and
    /// nothing is charged off from before that day.
    #[error("the leased vehicle came back on {returned_date}")]
    VehicleReturned {
        /// When it came back.
        returned_date: NaiveDate,
    },
    /// Which rentals had fallen due on a day cannot be said from before due dates were moved.
    #[error("due dates were moved from {moved_date} on, which is after {effective_date}")]
    DueDatesMovedLater {
        /// The day from which the change was to count.
        effective_date: NaiveDate,
        /// The last day from which due dates were moved.
        moved_date: NaiveDate,
    },
    /// More than there is.
    #[error("{amount} is more than the principal of {principal}")]
    PrincipalExceeded {
        /// What was asked for.
        amount: Amount,
        /// What there is.
        principal: Money,
    },
    /// Beyond the policy's limit on moving due dates.
    #[error("{months} months {scope} are more than the {limit} that the policy allows")]
    ExtensionLimit {
        /// What the limit is for: by one grant, within twelve months, in the account's life.
        scope: String,
        /// What it would come to.
        months: u32,
        /// The limit.
        limit: u32,
    },
    /// A due day counts until the next one does: there is none to put before it.
    #[error("the due day was changed from {changed_date} on, which is after {effective_date}")]
    DueDayChangedLater {
        /// The day from which it was to be changed.
        effective_date: NaiveDate,
        /// The last day from which it was changed.
        changed_date: NaiveDate,
    },
    /// The due date would move further than the policy allows.
    #[error("no day {day_of_month} is within {limit} days of the due date {next_due_date}")]
    DueDateTooFar {
        /// The day that was asked for.
        day_of_month: u32,
        /// The due date that would be moved.
        next_due_date: NaiveDate,
        /// By how many days it may be moved.
        limit: u16,
    },
    /// The last instalment would fall due on a date that cannot be told.
    #[error("the last instalment would fall due after {latest_date}")]
    LastDueDateTooFar {
        /// The last date that can be told.
        latest_date: NaiveDate,
    },
    /// No instalment is left whose due date could be moved.
    #[error("no instalment is left to move")]
    NoInstalmentLeft,
    /// The contract, as it was boarded, does not say for how much the vehicle can be bought.
    #[error("the lease has no residual value: its buy-out cannot be quoted")]
    ResidualUnknown,
    /// Nothing to send back.
    #[error("the account has a credit balance of {credit}")]
    NoCreditBalance {
        /// What was asked for; nothing if all of it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Amount>,
        /// What there is: none, or less than was asked for.
        credit: Money,
    },
    /// It came back before.
    #[error("refund {refund} came back before")]
    RefundAlreadyReturned {
        /// The refund.
        refund: RefundId,
    },
    /// What was previewed is not what would happen now: the account has changed since, or the
    /// accounting day, or it was another change. Which of them is not known.
    #[error("the hash is not that of a preview made now, which is {current}")]
    PreviewOutdated {
        /// The hash of a preview made now.
        current: String,
    },
    /// It looks as if somebody does it twice.
    #[error("payment {payment} of the same amount and date or reference is there already")]
    PossibleDuplicate {
        /// The payment that is there.
        payment: PaymentId,
    },
    /// Only a payment that was made can come back.
    #[error("payment {payment} is {state}, not applied")]
    NotApplied {
        /// The payment.
        payment: PaymentId,
        /// What it is.
        state: String,
    },
    /// The code is about a refund, or a word between the banks, not about a payment.
    #[error("a return with {return_code} does not take a customer's payment back")]
    ReturnCodeNotForPayment {
        /// The code.
        return_code: String,
    },
    /// It came back before.
    #[error("payment {payment} was returned with {return_code} before")]
    AlreadyReturned {
        /// The payment.
        payment: PaymentId,
        /// The code of the first return.
        return_code: String,
    },
    /// Only a returned payment can be reinstated.
    #[error("payment {payment} is {state}, not returned")]
    NotReturned {
        /// The payment.
        payment: PaymentId,
        /// What it is.
        state: String,
    },
    /// The bank has its money.
    #[error("payment {payment} was settled on {settlement_date} before")]
    AlreadySettled {
        /// The payment.
        payment: PaymentId,
        /// When it was settled.
        settlement_date: NaiveDate,
    },
    /// Money by wire is cash at once: it waits on no clearing account.
    #[error("payment {payment} came by {channel}: there is nothing to settle")]
    NothingToSettle {
        /// The payment.
        payment: PaymentId,
        /// By which way it came.
        channel: String,
    },
    /// The bank paid it out.
    #[error("refund {refund} was settled on {settlement_date} before")]
    RefundAlreadySettled {
        /// The refund.
        refund: RefundId,
        /// When it was settled.
        settlement_date: NaiveDate,
    },
    /// Nothing settles before it counts.
    #[error("{settlement_date} is before {effective_date}, the day from which the money counts")]
    SettlementTooEarly {
        /// The date given.
        settlement_date: NaiveDate,
        /// The day of the payment, or of the refund.
        effective_date: NaiveDate,
    },
    /// Banks settle on banking days.
    #[error("{date} is no banking day")]
    NotABankingDay {
        /// The date given.
        date: NaiveDate,
    },
    /// Only vendors keep their fee out of what they deliver.
    #[error("nothing is withheld of money that comes by {channel}")]
    ChannelWithholdsNothing {
        /// By which way it came.
        channel: String,
    },
    /// A fee is less than the payment that it is for.
    #[error("{withheld} withheld is not less than the payment of {amount}")]
    WithheldTooMuch {
        /// What is said to be withheld.
        withheld: Amount,
        /// The payment.
        amount: Amount,
    },
    /// Only vehicles that are bought have titles with our lien.
    #[error("accounts of product {product} have no title")]
    ProductHasNoTitle {
        /// The account's product.
        product: String,
    },
    /// A lien is on record with other particulars.
    #[error("a lien on vehicle {vin} is on record")]
    LienExists {
        /// The vehicle on record.
        vin: String,
    },
    /// No lien was recorded.
    #[error("no lien is on record for the account")]
    NoLien,
    /// Something is owed.
    #[error("{balance} is still owed")]
    BalanceRemaining {
        /// What is owed today.
        balance: Money,
    },
    /// The lease is over, and the vehicle is the lessor's.
    #[error("the vehicle was not bought; that takes {buyout}")]
    VehicleNotBought {
        /// What the buy-out takes today; zero if it cannot be bought any more.
        buyout: Money,
    },
    /// Money may still come back: of a payoff whose lien is to be released, or of any payment
    /// before a credit balance is refunded.
    #[error("funds of payments may still come back: they are on hold until {release_date}")]
    FundsOnHold {
        /// The first day on which the lien is released, or the refund sent.
        release_date: NaiveDate,
    },
}

impl Refusal {
    /// The stable name of the reason, as it is stored and sent.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::AccountExists { .. } => "ACCOUNT_EXISTS",
            Self::CancelWindowClosed { .. } => "CANCEL_WINDOW_CLOSED",
            Self::NotPending { .. } => "NOT_PENDING",
            Self::WindowNotClosed { .. } => "WINDOW_NOT_CLOSED",
            Self::AccountPaidOff { .. } => "ACCOUNT_PAID_OFF",
            Self::AmountTooLarge { .. } => "AMOUNT_TOO_LARGE",
            Self::DateInPast { .. } => "DATE_IN_PAST",
            Self::DateTooFar { .. } => "DATE_TOO_FAR",
            Self::CutoffPassed { .. } => "CUTOFF_PASSED",
            Self::ReceivedInFuture { .. } => "RECEIVED_IN_FUTURE",
            Self::BeforeOpening { .. } => "BEFORE_OPENING",
            Self::EffectiveInFuture { .. } => "EFFECTIVE_IN_FUTURE",
            Self::AccountChargedOff { .. } => "ACCOUNT_CHARGED_OFF",
            Self::ProductHasNoPrincipal { .. } => "PRODUCT_HAS_NO_PRINCIPAL",
            Self::ProductHasNoRentals { .. } => "PRODUCT_HAS_NO_RENTALS",
            Self::VehicleBought { .. } => "VEHICLE_BOUGHT",
            Self::VehicleReturned { .. } => "VEHICLE_RETURNED",
            Self::DueDatesMovedLater { .. } => "DUE_DATES_MOVED_LATER",
            Self::PrincipalExceeded { .. } => "PRINCIPAL_EXCEEDED",
            Self::ExtensionLimit { .. } => "EXTENSION_LIMIT",
            Self::DueDayChangedLater { .. } => "DUE_DAY_CHANGED_LATER",
            Self::DueDateTooFar { .. } => "DUE_DATE_TOO_FAR",
            Self::LastDueDateTooFar { .. } => "LAST_DUE_DATE_TOO_FAR",
            Self::NoInstalmentLeft => "NO_INSTALMENT_LEFT",
            Self::ResidualUnknown => "RESIDUAL_UNKNOWN",
            Self::NoCreditBalance { .. } => "NO_CREDIT_BALANCE",
            Self::RefundAlreadyReturned { .. } => "REFUND_ALREADY_RETURNED",
            Self::PreviewOutdated { .. } => "PREVIEW_OUTDATED",
            Self::PossibleDuplicate { .. } => "POSSIBLE_DUPLICATE",
            Self::NotApplied { .. } => "NOT_APPLIED",
            Self::ReturnCodeNotForPayment { .. } => "RETURN_CODE_NOT_FOR_PAYMENT",
            Self::AlreadyReturned { .. } => "ALREADY_RETURNED",
            Self::NotReturned { .. } => "NOT_RETURNED",
            Self::AlreadySettled { .. } => "ALREADY_SETTLED",
            Self::NothingToSettle { .. } => "NOTHING_TO_SETTLE",
            Self::RefundAlreadySettled { .. } => "REFUND_ALREADY_SETTLED",
            Self::SettlementTooEarly { .. } => "SETTLEMENT_TOO_EARLY",
            Self::NotABankingDay { .. } => "NOT_A_BANKING_DAY",
            Self::ChannelWithholdsNothing { .. } => "CHANNEL_WITHHOLDS_NOTHING",
            Self::WithheldTooMuch { .. } => "WITHHELD_TOO_MUCH",
            Self::ProductHasNoTitle { .. } => "PRODUCT_HAS_NO_TITLE",
            Self::LienExists { .. } => "LIEN_EXISTS",
            Self::NoLien => "NO_LIEN",
            Self::BalanceRemaining { .. } => "BALANCE_REMAINING",
            Self::VehicleNotBought { .. } => "VEHICLE_NOT_BOUGHT",
            Self::FundsOnHold { .. } => "FUNDS_ON_HOLD",
        }
    }

    /// The facts of the refusal by name, in order of name, as they are stored.
    pub fn facts(&self) -> Vec<(String, String)> {
        facts_of(self)
    }
}
