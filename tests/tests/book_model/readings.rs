//! Between the product's types and the model's: money as cents, rates as millionths, nothing else.

use chrono::NaiveDate;
use gateway::convert::answers::{balance, instalment};
use ledger::domain::account::buyout::PurchaseOption;
use ledger::domain::account::events;
use ledger::domain::account::state::OpenAccount;
use ledger::domain::account::terms::{self, InstalmentPlan, LateCharge, Terms};
use ledger::domain::interest::DayCount;
use ledger::domain::money::{Amount, Currency, Money, Rate};
use ledger::domain::product::Product;

use proto::google::r#type::{Date, Money as WireMoney};
use proto::payledger::v1::Buyout as WireBuyout;
use proto::payledger::v1::InstalmentState;

use crate::balances::Balances;
use crate::bills::{Bill, Stands};
use crate::lives::Life;
use crate::model::{Basis, Figures, Split, Tolerance};
use crate::pair::Fault;

pub(crate) fn cents(money: Money) -> i128 {
    i128::from(money.cents())
}

pub(crate) fn money(cents: i128) -> Money {
    Money::from_cents(i64::try_from(cents).unwrap())
}

pub(crate) fn amount(cents: i128) -> Result<Amount, Fault> {
    money(cents).amount().ok_or_else(|| format!("{cents} is no amount"))
}

/// So many units of `one` as a decimal number.
fn decimal(units: i128, digits: usize) -> String {
    let one = 10_i128.pow(u32::try_from(digits).unwrap());
    let sign = if units < 0 { "-" } else { "" };
    let units = units.abs();
    format!("{sign}{}.{:0digits$}", units / one, units % one)
}

pub(crate) fn rate(millionths: i128) -> Result<Rate, Fault> {
    decimal(millionths, 6).parse().map_err(|error| format!("{error}"))
}

pub(crate) fn millionths(rate: Rate) -> Result<i128, Fault> {
    let text = rate.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{part:0<6}");
    digits.parse().map_err(|error| format!("{text}: {error}"))
}

/// The contract as the product takes it.
pub(crate) fn terms(life: &Life) -> Result<Terms, Fault> {
    let contract = &life.contract;
    let product = match (contract.lease, life.personal) {
        (true, _) => Product::Lease,
        (false, true) => Product::PersonalLoan,
        (false, false) => Product::AutoLoan,
    };
    let day_count = match contract.basis {
        Basis::Actual365Or366 => DayCount::Actual365Or366,
        Basis::Actual365 => DayCount::Actual365,
        Basis::Actual360 => DayCount::Actual360,
        Basis::Thirty360 => DayCount::Thirty360,
    };
    let part_paid = contract.first_rest != contract.instalment;
    let late_fee = match &contract.late_fee {
        None => None,
        Some(fee) => Some(terms::LateFee {
            grace_days: u16::try_from(fee.grace).map_err(|error| format!("{error}"))?,
            charge: match fee.amount {
                Some(fixed) => LateCharge::Amount(amount(fixed)?),
                None => LateCharge::Rate(rate(fee.share)?),
            },
            maximum: fee.maximum.map(amount).transpose()?,
        }),
    };
    let state = contract.state.map(str::parse).transpose();
    Ok(Terms {
        product,
        currency: Currency::Usd,
        opened_date: contract.opened,
        principal: money(contract.principal),
        annual_rate: rate(contract.rate)?,
        day_count,
        interest_paid_through: contract.paid_through,
        unpaid_interest: money(contract.unpaid_interest),
        unpaid_fees: money(contract.unpaid_fees),
        instalments: InstalmentPlan {
            amount: amount(contract.instalment)?,
            tax: money(contract.tax),
            first_due_date: contract.first_due,
            day_of_month: contract.anchor,
            count: u32::try_from(contract.count).map_err(|error| format!("{error}"))?,
            first_amount_due: part_paid.then(|| amount(contract.first_rest)).transpose()?,
        },
        returned_item_fee: contract.returned_item_fee.map(amount).transpose()?,
        late_fee,
        shortfall_tolerance: match contract.tolerance {
            // What the rules fill in.
            Tolerance::Cents(100) => None,
            Tolerance::Cents(missing) => Some(terms::Tolerance::Amount(money(missing))),
            Tolerance::Share(paid) => Some(terms::Tolerance::Share(rate(paid)?)),
        },
        interest_carry: decimal(contract.carry, 8).parse().map_err(|error| format!("{error}"))?,
        governing_state: state.map_err(|error| format!("{error}"))?,
        purchase_option: match contract.residual {
            0 => None,
            residual => Some(PurchaseOption {
                residual: amount(residual)?,
                sales_tax_rate: rate(contract.sales_tax)?,
            }),
        },
    })
}

pub(crate) fn split(split: &events::Split) -> Split {
    let written = split.write_off.unwrap_or_default();
    Split {
        interest: cents(split.interest),
        principal: cents(split.principal),
        fees: cents(split.fees),
        rentals: cents(split.rentals),
        tax: cents(split.tax),
        residual: cents(split.residual),
        sales_tax: cents(split.sales_tax),
        recovery: cents(split.recovery),
        credit: cents(split.credit),
        written_interest: cents(written.interest),
        written_principal: cents(written.principal),
        written_fees: cents(written.fees),
        written_residual: cents(written.residual),
        written_credit: cents(written.credit),
    }
}

/// Where the account stands at the close of `day`, which the service must answer in the same way.
pub(crate) fn figures(open: &OpenAccount, day: NaiveDate) -> Result<Figures, Fault> {
    let standing = open.standing(day);
    let wire = balance(open, day);
    let figures = Figures {
        principal: cents(standing.principal),
        interest: cents(standing.interest_due),
        fees: cents(standing.fees_due),
        rentals: cents(standing.rentals_remaining),
        charged_off: cents(standing.charged_off),
        credit: cents(standing.credit),
        billed: cents(standing.billed),
        balance: cents(standing.balance()),
        payoff: cents(standing.payoff()),
        buyout: wire.buyout.as_ref().map(buyout).transpose()?,
        past_due: cents(standing.past_due),
        days_past_due: standing.days_past_due(),
        oldest: standing.oldest_unpaid_due_date,
        next: date(wire.next_due_date)?,
        rentals_due: wire_cents(wire.rentals_due.as_ref())?,
        settled: standing.owes_nothing,
    };
    let told = [
        (wire.principal, figures.principal),
        (wire.accrued_interest, figures.interest),
        (wire.fees_due, figures.fees),
        (wire.charged_off_amount, figures.charged_off),
        (wire.credit_balance, figures.credit),
        (wire.billed_amount, figures.billed),
        (wire.payoff_amount, figures.payoff.max(0)),
        (wire.past_due_amount, figures.past_due),
    ];
    for (told, figure) in told {
        if wire_cents(told.as_ref())? != figure {
            return Err(format!("the service tells {told:?} for {figure}: {figures:?}"));
        }
    }
    let same_days = i64::from(wire.days_past_due) == figures.days_past_due;
    if date(wire.oldest_unpaid_due_date)? != figures.oldest || !same_days {
        return Err(format!("the service tells other days past due: {figures:?}"));
    }
    Ok(figures)
}

/// Every instalment as the service lists it at the close of `day`, with the id of its late fee.
pub(crate) fn instalments(
    open: &OpenAccount,
    day: NaiveDate,
) -> Result<Vec<(Bill, String)>, Fault> {
    let all = open.book.instalment_standings(day);
    let told = (1..).zip(&all).map(|(number, standing)| {
        let wire = instalment(open, standing, day);
        if wire.number != number {
            return Err(format!("instalment {number} is told as {}", wire.number));
        }
        let bill = Bill {
            due: date(wire.due_date)?.ok_or("no due date")?,
            amount: wire_cents(wire.amount.as_ref())?,
            paid: wire_cents(wire.paid_amount.as_ref())?,
            open: wire_cents(wire.open_amount.as_ref())?,
            stands: match wire.state() {
                InstalmentState::Open => Stands::Open,
                InstalmentState::PastDue => Stands::PastDue,
                InstalmentState::Met => Stands::Met,
                InstalmentState::Unspecified => return Err("no state".to_owned()),
            },
            days_past_due: wire.days_past_due.into(),
        };
        Ok((bill, wire.late_fee_id))
    });
    told.collect()
}

fn buyout(told: &WireBuyout) -> Result<[i128; 3], Fault> {
    let part = |money: &Option<WireMoney>| wire_cents(money.as_ref());
    Ok([part(&told.rentals_ahead)?, part(&told.residual)?, part(&told.sales_tax)?])
}

fn wire_cents(money: Option<&WireMoney>) -> Result<i128, Fault> {
    let money = money.ok_or("no money in an answer")?;
    Ok(i128::from(money.units) * 100 + i128::from(money.nanos / 10_000_000))
}

fn date(date: Option<Date>) -> Result<Option<NaiveDate>, Fault> {
    let Some(Date { year, month, day }) = date else { return Ok(None) };
    let text = format!("{year:04}-{month:02}-{day:02}");
    text.parse().map(Some).map_err(|error| format!("{text}: {error}"))
}

/// The account's balances in the general ledger by number, those that are not zero.
pub(crate) fn ledger(open: &OpenAccount) -> Balances {
    let balances = open.book.ledger().iter();
    let balances = balances.filter(|(_, balance)| !balance.is_zero());
    balances.map(|(account, balance)| (account.as_str(), cents(*balance))).collect()
}
