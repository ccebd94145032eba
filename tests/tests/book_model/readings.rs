//! Between the product's types and the model's: money as cents, nothing else.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use gateway::convert::answers::balance;
use ledger::domain::account::events;
use ledger::domain::account::state::OpenAccount;
use ledger::domain::account::terms::{InstalmentPlan, Terms};
use ledger::domain::interest::DayCount;
use ledger::domain::money::{Amount, Currency, Money};
use ledger::domain::product::Product;
use proto::google::r#type::{Date, Money as WireMoney};

use crate::lives::Life;
use crate::model::{Basis, Figures, Split};
use crate::pair::Fault;

pub(crate) fn cents(money: Money) -> i128 {
    i128::from(money.cents())
}

fn money(cents: i128) -> Money {
    Money::from_cents(i64::try_from(cents).unwrap())
}

pub(crate) fn amount(cents: i128) -> Result<Amount, Fault> {
    money(cents).amount().ok_or_else(|| format!("{cents} is no amount"))
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
    };
    let rate = format!("{}.{:06}", contract.rate / 1_000_000, contract.rate % 1_000_000);
    let part_paid = contract.first_rest != contract.instalment;
    Ok(Terms {
        product,
        currency: Currency::Usd,
        opened_date: contract.opened,
        principal: money(contract.principal),
        annual_rate: rate.parse().map_err(|error| format!("{error}"))?,
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
    })
}

pub(crate) fn split(split: &events::Split) -> Split {
    Split {
        interest: cents(split.interest),
        principal: cents(split.principal),
        fees: cents(split.fees),
        rentals: cents(split.rentals),
        tax: cents(split.tax),
        credit: cents(split.credit),
    }
}

/// Where the account stands at the close of `day`, as the service answers it.
pub(crate) fn figures(open: &OpenAccount, day: NaiveDate) -> Result<Figures, Fault> {
    let standing = open.standing(day);
    let wire = balance(open, day);
    let money = |money: &Option<WireMoney>| {
        let money = money.as_ref().ok_or("no money in an answer")?;
        let cents = i128::from(money.units) * 100 + i128::from(money.nanos / 10_000_000);
        Ok::<i128, Fault>(cents)
    };
    let date = |date: &Option<Date>| {
        let Some(Date { year, month, day }) = *date else { return Ok(None) };
        let text = format!("{year:04}-{month:02}-{day:02}");
        text.parse::<NaiveDate>().map(Some).map_err(|error| format!("{text}: {error}"))
    };
    let payoff = cents(standing.payoff(open.terms()));
    if money(&wire.payoff_amount)? != payoff.max(0) {
        return Err(format!("{:?} is not the payoff of {payoff}", wire.payoff_amount));
    }
    Ok(Figures {
        principal: money(&wire.principal)?,
        interest: money(&wire.accrued_interest)?,
        fees: money(&wire.fees_due)?,
        credit: money(&wire.credit_balance)?,
        billed: cents(standing.billed),
        payoff,
        past_due: money(&wire.past_due_amount)?,
        rentals_due: money(&wire.rentals_due)?,
        days_past_due: i64::from(wire.days_past_due),
        oldest_past_due: date(&wire.oldest_unpaid_due_date)?,
        next_due: date(&wire.next_due_date)?,
    })
}

/// The account's balances in the general ledger by number, those that are not zero.
pub(crate) fn ledger(open: &OpenAccount) -> BTreeMap<&'static str, i128> {
    let balances = open.book.ledger().iter();
    let balances = balances.filter(|(_, balance)| !balance.is_zero());
    balances.map(|(account, balance)| (account.as_str(), cents(*balance))).collect()
}
