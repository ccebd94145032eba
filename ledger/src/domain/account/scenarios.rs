//! Given a history, at an instant, when a command comes, then events or a refusal.
//!
//! The kit of the account's tests. Histories are made of commands, so that no test can start from
//! what the account would never have recorded; every step checks that the decision is the same
//! when it is asked for twice, and that the journals of its events balance.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the dates and instants made up here are centuries from the ends of the calendar"
)]

mod allocation;
mod buyouts;
mod consequences;
mod contracts;
mod cutoffs;
mod digests;
mod edges;
mod explained;
mod extremes;
mod fees;
mod late_again;
mod late_fees;
mod leases;
mod losses;
mod non_accrual;
mod payoffs;
pub(crate) mod properties;
mod refusals;
mod returns;
mod servicing;
mod settlement;
mod title;
mod vectors;
mod vehicles;
mod writing_off;

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::America::New_York;

use super::commands::{Command, GrantExtension, Lien, ReceivePayment, SchedulePayment};
use super::events::{ChargeOffReason, Event, ExtensionKind, FeeKind, Funding, Split};
use super::state::{Account, OpenAccount};
use super::terms::{InstalmentPlan, Terms};
use super::{Context, Decision, Denial, Refusal, decide, evolve};
use crate::domain::books::AccountingDays;
use crate::domain::cutoff::eastern_date;
use crate::domain::interest::DayCount;
use crate::domain::journal::{LedgerAccount, is_balanced};
use crate::domain::money::{Amount, Carry, Currency, Money, Rate};
use crate::domain::product::{Channel, Product};
use crate::domain::rulebook::Rulebook;
use crate::ids::{AccountId, FeeId, PaymentId, RequestId};

static RULES: LazyLock<Arc<Rulebook>> = LazyLock::new(Rulebook::built_in);

fn account_id() -> AccountId {
    "1694010-000088".parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An instant of Eastern local time, such as `2026-03-03 14:59:59.999`.
fn eastern(text: &str) -> DateTime<Utc> {
    let format = if text.len() > 16 { "%Y-%m-%d %H:%M:%S%.f" } else { "%Y-%m-%d %H:%M" };
    let local = NaiveDateTime::parse_from_str(text, format).unwrap();
    New_York.from_local_datetime(&local).unwrap().to_utc()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// A split as `interest/principal/fees/credit`.
fn split_text(split: &Split) -> String {
    format!("{}/{}/{}/{}", split.interest, split.principal, split.fees, split.credit)
}

/// The loan of the worked examples: 2.00 a day, 310.00 on the first of the month.
pub(crate) fn loan() -> Terms {
    Terms {
        product: Product::AutoLoan,
        currency: Currency::Usd,
        opened_date: date("2026-03-01"),
        principal: money("10000.00"),
        annual_rate: "0.073".parse::<Rate>().unwrap(),
        day_count: DayCount::default(),
        interest_paid_through: date("2026-03-01"),
        unpaid_interest: Money::ZERO,
        unpaid_fees: Money::ZERO,
        instalments: InstalmentPlan {
            amount: amount("310.00"),
            tax: Money::ZERO,
            first_due_date: date("2026-04-01"),
            day_of_month: 1,
            count: 36,
            first_amount_due: None,
        },
        returned_item_fee: Some(amount("25.00")),
        late_fee: None,
        shortfall_tolerance: None,
        interest_carry: Carry::default(),
        governing_state: None,
        purchase_option: None,
    }
}

/// Three rentals of 389.00 from the first of March, 27.00 of each tax.
pub(crate) fn lease() -> Terms {
    Terms {
        product: Product::Lease,
        principal: Money::ZERO,
        annual_rate: Rate::default(),
        instalments: InstalmentPlan {
            amount: amount("389.00"),
            tax: money("27.00"),
            first_due_date: date("2026-03-01"),
            count: 3,
            ..loan().instalments
        },
        ..loan()
    }
}

/// The loan of the payoff quote: 12,345.67 at 6.49 % and a late fee of 25.00.
fn quoted_loan() -> Terms {
    let instalments = InstalmentPlan {
        first_due_date: date("2026-07-15"),
        day_of_month: 15,
        ..loan().instalments
    };
    Terms {
        opened_date: date("2026-06-15"),
        principal: money("12345.67"),
        annual_rate: "0.0649".parse().unwrap(),
        interest_paid_through: date("2026-06-15"),
        unpaid_fees: money("25.00"),
        instalments,
        ..loan()
    }
}

fn lien(state: &str) -> Lien {
    Lien {
        title_state: state.to_owned(),
        vin: "1HGCM82633A004352".to_owned(),
        lienholder: "Example Auto Finance".to_owned(),
    }
}

fn pay(amount_text: &str, on: &str) -> Command {
    Command::SchedulePayment(SchedulePayment {
        amount: amount(amount_text),
        payment_date: date(on),
        funding: None,
        allow_duplicate: false,
        payoff_quote: None,
    })
}

fn cancel(payment: PaymentId) -> Command {
    Command::CancelPayment { payment }
}

fn apply(payment: PaymentId) -> Command {
    Command::ApplyPayment { payment }
}

fn receive(channel: Channel, amount_text: &str, on: &str) -> Command {
    Command::ReceivePayment(ReceivePayment {
        channel,
        amount: amount(amount_text),
        received_date: date(on),
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: false,
        payoff_quote: None,
        preview: None,
    })
}

fn change_rate(annual_rate: Rate, effective_date: NaiveDate) -> Command {
    Command::ChangeRate { annual_rate, effective_date, preview: None }
}

fn extend(months: u32, effective_date: NaiveDate) -> Command {
    let kind = ExtensionKind::Extension;
    let allow_over_limit = false;
    Command::GrantExtension(GrantExtension {
        kind,
        months,
        effective_date,
        allow_over_limit,
        preview: None,
    })
}

fn charge_off(principal: Option<Amount>, effective_date: NaiveDate) -> Command {
    let reason = ChargeOffReason::Delinquency;
    Command::ChargeOff { principal, reason, effective_date, preview: None }
}

fn take_back(payment: PaymentId, return_code: &str) -> Command {
    Command::ReturnPayment { payment, return_code: return_code.to_owned(), preview: None }
}

fn reinstate(payment: PaymentId) -> Command {
    Command::ReinstatePayment { payment, preview: None }
}

fn assess(amount_text: &str) -> Command {
    let amount = amount(amount_text);
    Command::AssessFee { kind: FeeKind::Late, amount, effective_date: None, preview: None }
}

fn assess_on(amount: Amount, on: NaiveDate) -> Command {
    let effective_date = Some(on);
    Command::AssessFee { kind: FeeKind::Late, amount, effective_date, preview: None }
}

fn waive(fee: FeeId) -> Command {
    Command::WaiveFee { fee, preview: None }
}

/// What has happened.
#[derive(Debug, Clone, Default)]
struct History {
    account: Account,
    recorded: Vec<(DateTime<Utc>, Event)>,
    requests: u32,
}

/// What has happened, and what time it is.
#[derive(Debug, Clone)]
struct Moment {
    history: History,
    at: DateTime<Utc>,
}

/// What came of a command.
#[derive(Debug, Clone)]
struct Outcome {
    decision: Decision,
    request: RequestId,
    after: History,
}

/// Nothing has happened yet.
fn nothing() -> History {
    History::default()
}

/// An account was opened with `terms` on the morning of its opening date.
fn opened(terms: Terms) -> History {
    opened_with(terms, None)
}

/// The same, with a lien on a title of `state`.
fn opened_with(terms: Terms, lien: Option<Lien>) -> History {
    let at = eastern(&format!("{} 09:00", terms.opened_date));
    nothing().at_instant(at).when(Command::OpenAccount { terms, lien }).done()
}

impl History {
    /// One more event, recorded for a request that was received at `at`.
    fn follow(&mut self, event: &Event, at: DateTime<Utc>) {
        check(event);
        self.account = evolve(std::mem::take(&mut self.account), event, at);
        self.recorded.push((at, event.clone()));
    }

    fn at(&self, local: &str) -> Moment {
        self.at_instant(eastern(local))
    }

    fn at_instant(&self, at: DateTime<Utc>) -> Moment {
        Moment { history: self.clone(), at }
    }

    /// Scheduled in the morning of `on` and applied by the run of 15:00.
    fn paid_by_ach(&self, amount_text: &str, on: &str) -> (Self, PaymentId) {
        let scheduled = self.at(&format!("{on} 09:00")).when(pay(amount_text, on));
        let payment = scheduled.payment();
        let run = scheduled.done().at(&format!("{on} 15:01")).when(apply(payment));
        (run.done(), payment)
    }

    fn open(&self) -> &OpenAccount {
        match &self.account {
            Account::Open(open) => open,
            Account::Absent => panic!("the account is not on the books"),
        }
    }

    fn split(&self, payment: PaymentId) -> String {
        split_text(&self.open().payments.get(&payment).unwrap().split.unwrap())
    }

    /// Principal, interest, fees, credit and days past due at the close of a day.
    fn standing(&self, on: &str) -> String {
        let on = date(on);
        let s = self.open().standing(on);
        let days = self.open().days_past_due(on);
        format!(
            "principal {} interest {} fees {} credit {} dpd {days}",
            s.principal, s.interest_due, s.fees_due, s.credit
        )
    }

    fn ledger(&self, account: LedgerAccount) -> String {
        self.open().book.ledger_balance(account).to_string()
    }
}

impl Moment {
    #[expect(clippy::needless_pass_by_value, reason = "so that a scenario reads as a sentence")]
    fn when(&self, command: Command) -> Outcome {
        let request = RequestId::derived("scenario", &self.history.requests.to_string());
        let account = account_id();
        let (received_at, rules) = (self.at, RULES.as_ref());
        let days = AccountingDays::of_calendar(eastern_date(received_at));
        let context = Context { account: &account, request, received_at, rules, days };
        let decision = decide(&self.history.account, &command, &context);
        assert_eq!(decision, decide(&self.history.account, &command, &context), "not repeatable");
        let mut after = self.history.clone();
        after.requests += 1;
        for event in decision.iter().flatten() {
            after.follow(event, self.at);
        }
        Outcome { decision, request, after }
    }
}

/// What is true of every event: its journal balances, and says nothing about nothing.
fn check(event: &Event) {
    if let Some(posting) = event.posting() {
        assert!(is_balanced(&posting.lines), "{event:?}");
        assert!(posting.lines.iter().all(|line| !line.amount.is_zero()), "{event:?}");
    }
}

/// The event's name, as it is declared.
fn name_of(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

impl Outcome {
    fn events(&self) -> &[Event] {
        match &self.decision {
            Ok(events) => events,
            Err(denial) => panic!("{denial}: {denial:?}"),
        }
    }

    /// Whatever came of it, it was not refused.
    fn done(&self) -> History {
        self.events();
        self.after.clone()
    }

    /// The events by name, in order.
    fn then(&self, kinds: &[&str]) -> History {
        let found: Vec<_> = self.events().iter().map(name_of).collect();
        assert_eq!(found, kinds);
        self.after.clone()
    }

    fn then_nothing(&self) -> History {
        assert_eq!(self.events(), []);
        self.after.clone()
    }

    fn then_refused(&self, refusal: Refusal) {
        assert_eq!(self.decision, Err(Denial::Refused(refusal)));
    }

    fn then_denied(&self, denial: &Denial) {
        assert_eq!(self.decision.as_ref(), Err(denial));
    }

    /// The reason of the refusal, or nothing.
    fn reason(&self) -> &'static str {
        match &self.decision {
            Err(Denial::Refused(refusal)) => refusal.reason(),
            Err(_) | Ok(_) => "",
        }
    }

    /// The payment that the command made.
    fn payment(&self) -> PaymentId {
        PaymentId::derived(&account_id(), self.request, 0)
    }

    /// The fee that the command charged.
    fn fee(&self) -> FeeId {
        FeeId::derived(&account_id(), self.request)
    }

    /// The journal of all events: `account amount`, and the line's date if it is not the event's.
    fn journal(&self) -> Vec<String> {
        let lines = self.events().iter().filter_map(Event::posting).flat_map(|p| &p.lines);
        lines
            .map(|line| {
                let on = line.effective.map(|on| format!(" {on}")).unwrap_or_default();
                format!("{} {}{on}", line.account, line.amount)
            })
            .collect()
    }
}
