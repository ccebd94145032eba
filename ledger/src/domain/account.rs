//! One account: its decider, which dispatches to the rooms below.
//!
//! `decide` works everything out and may say no; `evolve` only writes down, and never does.

mod adjustments;
mod aging;
pub mod book;
pub mod buyout;
mod charge_off;
pub mod commands;
pub mod consequences;
mod draft;
pub mod events;
mod extensions;
mod fees;
pub mod instalments;
mod opening;
mod payments;
mod payoff;
mod posting;
pub mod refusal;
mod returns;
mod settlement;
pub mod state;
pub mod terms;
mod title;
mod vehicle;

use chrono::{DateTime, NaiveDate, Utc};

use commands::Command;
use events::Event;
use refusal::Refusal;
use state::{Account, OpenAccount};
use terms::TermsError;

use super::books::AccountingDays;
use super::cutoff::{Window, eastern_date};
use super::rulebook::Rulebook;
use crate::ids::{AccountId, FeeId, PaymentId, QuoteId, RefundId, RequestId};

/// What was read once, at the edge, for one request.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The request.
    pub request: RequestId,
    /// When the request was received: the instant that decides.
    pub received_at: DateTime<Utc>,
    /// The rules in force.
    pub rules: &'a Rulebook,
    /// The accounting days that are open.
    pub days: AccountingDays,
}

impl Context<'_> {
    /// The date of receipt in Eastern time.
    pub fn today(&self) -> NaiveDate {
        eastern_date(self.received_at)
    }

    /// The accounting day that a posting goes to.
    pub const fn gl_date(&self) -> NaiveDate {
        self.days.current
    }

    /// The accounting day on which the run of `window` books payments effective on `effective`:
    /// the 24:00 run starts after midnight and books to the day that it ends while that is open,
    /// any other to the current day.
    fn run_gl_date(&self, window: Window, effective: NaiveDate) -> NaiveDate {
        let ends_the_day = window == Window::END_OF_DAY && self.days.closing == Some(effective);
        if ends_the_day { effective } else { self.days.current }
    }
}

/// Why a command causes nothing: refused by the rules (recorded), or about something that does not
/// exist (not recorded).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A refusal by the rules, which is recorded.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The terms of a new account contradict themselves.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The account is not on the books.
    #[error("account not found")]
    AccountNotFound,
    /// The account has no such payment.
    #[error("payment {0} not found")]
    PaymentNotFound(PaymentId),
    /// The account has no such fee.
    #[error("fee {0} not found")]
    FeeNotFound(FeeId),
    /// The account has no such payoff quote.
    #[error("payoff quote {0} not found")]
    QuoteNotFound(QuoteId),
    /// The account has no such refund.
    #[error("refund {0} not found")]
    RefundNotFound(RefundId),
}

/// What a decision returns: the events the command causes, in order.
pub type Decision = Result<Vec<Event>, Denial>;

/// Chooses the events that `command` causes in `account`. An empty answer means that there is
/// nothing to do: it was carried out before, or asks for what is so already, as the same rate.
pub fn decide(account: &Account, command: &Command, context: &Context<'_>) -> Decision {
    match (account, command) {
        (Account::Absent, Command::OpenAccount { terms, lien }) => {
            opening::open(terms, lien.as_ref(), context)
        }
        (Account::Absent, _) => Err(Denial::AccountNotFound),
        (Account::Open(open), command) => decide_open(open, command, context),
    }
}

fn decide_open(open: &OpenAccount, command: &Command, context: &Context<'_>) -> Decision {
    match command {
        Command::OpenAccount { .. } => {
            let opened_date = open.terms().opened_date;
            Err(Refusal::AccountExists { opened_date }.into())
        }
        Command::SchedulePayment(order) => payments::schedule(open, order, context),
        Command::CancelPayment { payment } => payments::cancel(open, *payment, context),
        Command::ApplyPayment { payment } => payments::apply(open, *payment, context),
        Command::ReceivePayment(receipt) => payments::receive(open, receipt, context),
        Command::ReturnPayment { payment, return_code, .. } => {
            returns::take_back(open, *payment, return_code, context)
        }
        Command::ReinstatePayment { payment, .. } => returns::reinstate(open, *payment, context),
        Command::SettlePayment { payment, settlement_date, withheld } => {
            settlement::settle_payment(open, *payment, (*settlement_date, *withheld), context)
        }
        Command::AssessFee { kind, amount, effective_date, .. } => {
            fees::assess(open, (*kind, *amount), *effective_date, context)
        }
        Command::WaiveFee { fee, .. } => fees::waive(open, *fee, context),
        Command::ChangeRate { annual_rate, effective_date, .. } => {
            adjustments::change_rate(open, *annual_rate, *effective_date, context)
        }
        Command::AdjustPrincipal { change, reason, effective_date, .. } => {
            adjustments::adjust_principal(open, *change, reason, *effective_date, context)
        }
        Command::GrantExtension(asked) => extensions::extend(open, asked, context),
        Command::ChangeDueDate { day_of_month, effective_date, .. } => {
            extensions::change_due_date(open, *day_of_month, *effective_date, context)
        }
        Command::ChargeOff { principal, reason, effective_date, .. } => {
            charge_off::take(open, *principal, *reason, *effective_date, context)
        }
        Command::ReturnVehicle { effective_date, charges, .. } => {
            vehicle::take_back(open, *effective_date, charges, context)
        }
        Command::QuotePayoff { good_through_date } => {
            payoff::quote(open, *good_through_date, context)
        }
        Command::RefundCredit { amount } => payoff::refund(open, *amount, context),
        Command::ReturnRefund { refund } => payoff::take_refund_back(open, *refund, context),
        Command::SettleRefund { refund, settlement_date } => {
            settlement::settle_refund(open, *refund, *settlement_date, context)
        }
        Command::AgeAccount => Ok(aging::age(open, context)),
        Command::RecordLien { lien, replaced_vin } => {
            title::record(open, lien, replaced_vin.as_deref(), context)
        }
        Command::ReleaseLien => title::release(open, context),
    }
}

/// Refuses what would count from before the opening.
fn check_on_books(open: &OpenAccount, date: NaiveDate) -> Result<(), Refusal> {
    let opened_date = open.terms().opened_date;
    if date < opened_date { Err(Refusal::BeforeOpening { date, opened_date }) } else { Ok(()) }
}

/// Refuses what would count from before the opening, or from tomorrow.
fn check_effective(
    open: &OpenAccount,
    effective_date: NaiveDate,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let today = context.today();
    if effective_date > today {
        return Err(Refusal::EffectiveInFuture { effective_date, today });
    }
    check_on_books(open, effective_date)
}

/// Folds one event, recorded for a request received at `received_at`, into `account`.
#[must_use]
pub fn evolve(account: Account, event: &Event, received_at: DateTime<Utc>) -> Account {
    match (account, event) {
        (Account::Absent, Event::AccountOpened(opened)) => {
            Account::Open(Box::new(OpenAccount::new(opened)))
        }
        (Account::Open(mut open), event) => {
            open.follow(event, received_at);
            Account::Open(open)
        }
        (Account::Absent, _) => Account::Absent,
    }
}

#[cfg(test)]
pub(crate) mod scenarios;
