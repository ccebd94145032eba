//! A loan's month as ordinary commands: boarding first, then what happened.

use chrono::NaiveDate;
use ledger::domain::account::commands::{Command, GrantExtension, ReceivePayment};
use ledger::domain::account::events::{ChargeOffReason, ExtensionKind, FeeKind};
use ledger::domain::account::terms::{InstalmentPlan, Terms, Tolerance};
use ledger::domain::interest::DayCount;
use ledger::domain::money::{Amount, Currency, Money, Rate};
use ledger::domain::product::{Channel, Product};
use rust_decimal::Decimal;

use super::billing::Position;
use super::history::Origin;
use super::record::LoanMonth;

/// Instalments beyond the reported term, for a loan that pays late and runs longer than it should.
const SPARE_INSTALMENTS: u32 = 3;

/// How much of an instalment is to be paid for it to count as met.
const MET_SHARE: Decimal = Decimal::from_parts(9, 0, 0, false, 1);

/// The longest extension that the ledger takes at once, in months.
const EXTENSION_MONTHS_MAX: i64 = 12;

/// A command, and the day on which it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does, for the name of its request.
    pub name: &'static str,
    /// The day.
    pub on: NaiveDate,
    /// The command.
    pub command: Command,
}

/// A payment within a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paying {
    /// The day on which it counts.
    pub on: NaiveDate,
    /// All of it, fees included.
    pub amount: Amount,
}

/// The account of a loan as of the end of `month`. None if there is nothing to board: no balance,
/// or a filing that does not say the rate.
pub fn boarding(month: &LoanMonth, origin: &Origin, position: &Position) -> Option<Step> {
    let terms = Terms {
        product: Product::AutoLoan,
        currency: Currency::Usd,
        opened_date: month.period_end,
        principal: month.end_balance.amount()?.money(),
        annual_rate: month.rate()?,
        day_count: DayCount::Actual365Or366,
        interest_paid_through: origin.paid_through.min(month.period_end),
        unpaid_interest: origin.unpaid,
        unpaid_fees: Money::ZERO,
        instalments: instalments(month, position),
        returned_item_fee: None,
        late_fee: None,
        shortfall_tolerance: Rate::new(MET_SHARE).ok().map(Tolerance::Share),
        interest_carry: origin.carry,
        governing_state: None,
        purchase_option: None,
    };
    let command = Command::OpenAccount { terms, lien: None };
    Some(Step { name: "board", on: month.period_end, command })
}

fn instalments(month: &LoanMonth, position: &Position) -> InstalmentPlan {
    // What the balance itself still takes, where the reported term is too short for it.
    let each = position.amount.money().cents().max(1);
    let needed = month.end_balance.cents().div_euclid(each).saturating_add(1);
    let needed = u32::try_from(needed).unwrap_or(u32::MAX);
    let count = month.remaining_term.unwrap_or(0).max(needed).saturating_add(SPARE_INSTALMENTS);
    InstalmentPlan {
        amount: position.amount,
        tax: Money::ZERO,
        first_due_date: position.first_due,
        day_of_month: position.day_of_month,
        count: count.min(ledger::domain::account::terms::INSTALMENTS_MAX),
        first_amount_due: position.first_amount_due,
    }
}

/// The day on which a month's payment counts, as far as it is reported: the day through which
/// interest is paid if that is in the month, else the month's end.
pub fn reported_day(month: &LoanMonth) -> NaiveDate {
    let day = month.paid_through.filter(|day| *day >= month.period_start);
    day.filter(|day| *day <= month.period_end).unwrap_or(month.period_end)
}

/// One payment of everything that was paid, on the reported day. A part for fees that is below zero
/// or more than was paid is no fee: then it is what was paid on the loan itself.
pub fn one_payment(month: &LoanMonth) -> Vec<Paying> {
    let on = reported_day(month);
    let has_fee = month.other.is_positive() && month.other <= month.paid;
    let paid = if has_fee { month.paid } else { month.paid_on_loan() };
    paid.amount().map(|amount| Paying { on, amount }).into_iter().collect()
}

/// What happened in `month`, given what the account's rate was before it and on which days it was
/// paid. What was paid for fees is a fee of the day, and in the payment.
pub fn events(month: &LoanMonth, rate_before: Option<Rate>, paid: &[Paying]) -> Vec<Step> {
    let start = month.period_start;
    let end = month.period_end;
    let mut steps = Vec::new();
    if let Some(annual_rate) = month.rate().filter(|rate| Some(*rate) != rate_before) {
        let command = Command::ChangeRate { annual_rate, effective_date: start, preview: None };
        steps.push(Step { name: "rate", on: start, command });
    }
    if let 1..=EXTENSION_MONTHS_MAX = month.extended_months {
        let command = Command::GrantExtension(GrantExtension {
            kind: ExtensionKind::Extension,
            months: u32::try_from(month.extended_months).unwrap_or(1),
            effective_date: start,
            allow_over_limit: true,
            preview: None,
        });
        steps.push(Step { name: "extension", on: start, command });
    }
    for (index, payment) in paid.iter().enumerate() {
        let total = payment.amount.money() + rest_of(paid, index);
        let fee = month.other.amount().filter(|fee| index == 0 && *fee <= payment.amount);
        let fee = fee.filter(|_| total == month.paid);
        if let Some(amount) = fee {
            let effective_date = Some(payment.on);
            let kind = FeeKind::Late;
            let command = Command::AssessFee { kind, amount, effective_date, preview: None };
            steps.push(Step { name: "fee", on: payment.on, command });
        }
        let name = if index == 0 { "payment" } else { "second-payment" };
        steps.push(Step { name, on: payment.on, command: receive(*payment) });
    }
    if !month.adjustment.is_zero() {
        let command = Command::AdjustPrincipal {
            change: -month.adjustment,
            reason: "otherPrincipalAdjustmentAmount".to_owned(),
            effective_date: end,
            preview: None,
        };
        steps.push(Step { name: "adjustment", on: end, command });
    }
    steps
}

/// What the payments but one come to.
fn rest_of(paid: &[Paying], index: usize) -> Money {
    let others = paid.iter().enumerate().filter(|(other, _)| *other != index);
    ledger::domain::money::total(others.map(|(_, payment)| payment.amount.money()))
}

/// What is owed after the month's payments and is not expected any more: all of it.
pub fn charge_off(month: &LoanMonth) -> Option<Step> {
    let whole = month.charged_off.is_positive() && month.is_closed();
    let part = month.charged_off.amount().filter(|_| !month.is_closed());
    let command = Command::ChargeOff {
        principal: part,
        reason: ChargeOffReason::Other,
        effective_date: month.period_end,
        preview: None,
    };
    (whole || part.is_some()).then_some(Step { name: "charge-off", on: month.period_end, command })
}

/// What came in after the charge-off: collected from the customer, or the vehicle's proceeds.
pub fn recovery(month: &LoanMonth) -> Option<Step> {
    let amount = (month.paid + month.recovered).amount()?;
    let on = reported_day(month);
    Some(Step { name: "recovery", on, command: receive(Paying { on, amount }) })
}

fn receive(payment: Paying) -> Command {
    Command::ReceivePayment(ReceivePayment {
        channel: Channel::BillPay,
        amount: payment.amount,
        received_date: payment.on,
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: false,
        payoff_quote: None,
        preview: None,
    })
}
