//! The sample portfolio as accounts to be opened: real loans and invented accounts, with their
//! dates moved to the month that the demo plays.

use chrono::{Datelike as _, Duration, Months, NaiveDate};
use ledger::domain::money::Money;
use proto::payledger::v1 as wire;
use serde::Deserialize;
use wire::open_account_request::Terms;

use super::show::{dollars, request_id};
use super::stage::DemoError;
use crate::convert::time::date_to_wire;

const AUTO_LOANS: &str = include_str!("../../portfolio/auto-loans.csv");
const OTHERS: &str = include_str!("../../portfolio/others.csv");

/// By how many months the dates of the invented accounts are moved: from late January 2026, as of
/// which the file is written, to the boarding at the end of October.
const OTHERS_MOVED_BY: Months = Months::new(9);
/// What every contract charges for a returned payment. Invented: filings do not tell it.
const RETURNED_ITEM_FEE: &str = "25.00";

/// An account of the portfolio, as the story needs to know it.
#[derive(Debug, Clone)]
pub(super) struct Boarded {
    pub(super) account_id: String,
    pub(super) product: wire::Product,
    /// The instalment.
    pub(super) instalment: Money,
    /// The due date of the oldest instalment that is not paid.
    pub(super) next_due: NaiveDate,
    /// How many days the loan is past due when it is boarded.
    pub(super) days_past_due: i64,
    /// How many instalments remain.
    pub(super) instalments: i32,
    /// The request that opens it.
    pub(super) request: wire::OpenAccountRequest,
}

#[derive(Debug, Deserialize)]
struct AutoLoan {
    account_id: String,
    originator: String,
    as_of: NaiveDate,
    annual_rate: String,
    principal: String,
    interest_paid_through: NaiveDate,
    scheduled_payment: String,
    days_past_due: i64,
    remaining_term_months: i32,
    state: String,
}

#[derive(Debug, Deserialize)]
struct Other {
    account_id: String,
    product: String,
    principal: String,
    annual_rate: String,
    interest_paid_through: Option<NaiveDate>,
    tax_payment: String,
    scheduled_payment: String,
    next_due_date: NaiveDate,
    remaining_term_months: i32,
}

/// All accounts, as they stand on the day of the boarding.
pub(super) fn accounts(boarding: NaiveDate) -> Result<Vec<Boarded>, DemoError> {
    let mut accounts = Vec::new();
    for (index, row) in rows::<AutoLoan>(AUTO_LOANS)?.into_iter().enumerate() {
        accounts.push(auto_loan(row, index, boarding)?);
    }
    for row in rows::<Other>(OTHERS)? {
        accounts.push(other(row, boarding)?);
    }
    Ok(accounts)
}

fn rows<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>, DemoError> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, csv::Error>>()
        .map_err(|error| DemoError::Portfolio(error.to_string()))
}

/// What stands in the filing as so many days before its month's end, stands here as many days
/// before the boarding.
fn auto_loan(row: AutoLoan, index: usize, boarding: NaiveDate) -> Result<Boarded, DemoError> {
    let moved = boarding.signed_duration_since(row.as_of);
    let paid_through = later(row.interest_paid_through, moved)?;
    let first_due = if row.days_past_due > 0 {
        later(boarding, Duration::days(row.days_past_due).checked_mul(-1).unwrap_or_default())?
    } else {
        first_after(boarding, paid_through)?
    };
    let overdue = overdue_count(first_due, boarding);
    let instalments = row.remaining_term_months.max(1).saturating_add(overdue);
    let number = index.saturating_add(1);
    let request = wire::OpenAccountRequest {
        request_id: request_id(&format!("board {}", row.account_id)),
        account_id: row.account_id.clone(),
        product: wire::Product::AutoLoan.into(),
        opened_date: Some(date_to_wire(boarding)),
        terms: Some(Terms::Loan(loan(&row.annual_rate, &row.principal, paid_through)?)),
        instalment_plan: Some(plan(&row.scheduled_payment, first_due, instalments)?),
        returned_item_fee: Some(dollars(RETURNED_ITEM_FEE)?),
        lien: Some(wire::Lien {
            title_state: row.state,
            // No real vehicle has such a number: filings have none, and none is needed.
            vin: format!("SAMPLE{number:011}"),
            lienholder: row.originator,
        }),
        ..wire::OpenAccountRequest::default()
    };
    Ok(Boarded {
        account_id: row.account_id,
        product: wire::Product::AutoLoan,
        instalment: cash(&row.scheduled_payment)?,
        next_due: first_due,
        days_past_due: row.days_past_due,
        instalments,
        request,
    })
}

fn other(row: Other, boarding: NaiveDate) -> Result<Boarded, DemoError> {
    let moved = |date: NaiveDate| {
        date.checked_add_months(OTHERS_MOVED_BY).ok_or_else(|| out_of_range(date))
    };
    let next_due = moved(row.next_due_date)?;
    let next_due = if next_due > boarding { next_due } else { first_after(boarding, next_due)? };
    let (product, terms) = match row.product.as_str() {
        "lease" => {
            let tax = Some(dollars(&row.tax_payment)?);
            (
                wire::Product::Lease,
                Terms::Lease(wire::LeaseTerms { tax, ..wire::LeaseTerms::default() }),
            )
        }
        "personal" => {
            let paid_through = row.interest_paid_through.map(moved).transpose()?;
            let paid_through = paid_through.unwrap_or(boarding).min(boarding);
            let terms = loan(&row.annual_rate, &row.principal, paid_through)?;
            (wire::Product::PersonalLoan, Terms::Loan(terms))
        }
        other => return Err(DemoError::Portfolio(format!("{other} is no kind of account"))),
    };
    let instalments = row.remaining_term_months;
    let request = wire::OpenAccountRequest {
        request_id: request_id(&format!("board {}", row.account_id)),
        account_id: row.account_id.clone(),
        product: product.into(),
        opened_date: Some(date_to_wire(boarding)),
        terms: Some(terms),
        instalment_plan: Some(plan(&row.scheduled_payment, next_due, instalments)?),
        returned_item_fee: Some(dollars(RETURNED_ITEM_FEE)?),
        ..wire::OpenAccountRequest::default()
    };
    Ok(Boarded {
        account_id: row.account_id,
        product,
        instalment: cash(&row.scheduled_payment)?,
        next_due,
        days_past_due: 0,
        instalments,
        request,
    })
}

fn loan(rate: &str, principal: &str, paid: NaiveDate) -> Result<wire::LoanTerms, DemoError> {
    Ok(wire::LoanTerms {
        annual_rate: rate.to_owned(),
        principal: Some(dollars(principal)?),
        interest_paid_through_date: Some(date_to_wire(paid)),
        ..wire::LoanTerms::default()
    })
}

fn plan(payment: &str, first: NaiveDate, count: i32) -> Result<wire::InstalmentPlan, DemoError> {
    Ok(wire::InstalmentPlan {
        amount: Some(dollars(payment)?),
        first_due_date: Some(date_to_wire(first)),
        day_of_month: i32::try_from(first.day()).unwrap_or_default(),
        instalment_count: count,
        first_amount_due: None,
    })
}

fn cash(text: &str) -> Result<Money, DemoError> {
    text.parse().map_err(|_| DemoError::Portfolio(format!("{text} is no amount")))
}

/// The first date after the boarding that is whole months after `start`.
fn first_after(boarding: NaiveDate, start: NaiveDate) -> Result<NaiveDate, DemoError> {
    let mut dates = (1..).map_while(|months| start.checked_add_months(Months::new(months)));
    let found = dates.find(|date| *date > boarding);
    found.ok_or_else(|| out_of_range(start))
}

/// How many due dates there are from the first to the day of the boarding.
fn overdue_count(first: NaiveDate, boarding: NaiveDate) -> i32 {
    let dates = (0..).map_while(|months| first.checked_add_months(Months::new(months)));
    let count = dates.take_while(|date| *date <= boarding).count();
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn later(date: NaiveDate, by: Duration) -> Result<NaiveDate, DemoError> {
    date.checked_add_signed(by).ok_or_else(|| out_of_range(date))
}

fn out_of_range(date: NaiveDate) -> DemoError {
    DemoError::Portfolio(format!("{date} cannot be moved"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::commands::Mutation as _;
    use ledger::domain::account::commands::Command;

    #[test]
    fn every_account_of_the_files_can_be_opened() {
        let boarding = "2026-10-30".parse().unwrap();
        let accounts = accounts(boarding).unwrap();
        assert_eq!(accounts.len(), AUTO_LOANS.lines().count() + OTHERS.lines().count() - 2);
        for account in &accounts {
            let asked = account.request.asked().unwrap();
            let Command::OpenAccount { terms, .. } = asked.command else { panic!("{asked:?}") };
            terms.check().unwrap();
            assert!(account.days_past_due > 0 || account.next_due > boarding, "{account:?}");
        }
    }
}
