//! `QuoteSchedule`: the question, and its answer from the terms alone.

use ledger::domain::schedule::{
    DueDates, Lease, LeaseInstalment, LeaseSchedule, Loan, LoanInstalment, LoanSchedule,
    ScheduleError,
};
use proto::payledger::v1 as wire;
use wire::quote_schedule_request::Terms;
use wire::quote_schedule_response::Schedule;

use super::money::to_wire;
use super::time::date_to_wire;
use super::{Field, FieldError, enums, money, time};

/// Answers with the schedule, or refuses the first field that stands in its way.
pub fn answer(request: &wire::QuoteScheduleRequest) -> Field<wire::QuoteScheduleResponse> {
    let schedule = match &request.terms {
        Some(Terms::Loan(terms)) => Schedule::Loan(loan_to_wire(&loan(request, terms)?)),
        Some(Terms::Lease(terms)) => Schedule::Lease(lease_to_wire(&lease(request, terms)?)),
        None => return Err(FieldError::new("loan", "or lease is required")),
    };
    Ok(wire::QuoteScheduleResponse { schedule: Some(schedule) })
}

impl From<ScheduleError> for FieldError {
    fn from(error: ScheduleError) -> Self {
        Self::new(error.field, error.problem)
    }
}

fn loan(
    request: &wire::QuoteScheduleRequest,
    terms: &wire::ScheduleLoanTerms,
) -> Field<LoanSchedule> {
    let loan = Loan {
        principal: money::amount("loan.principal", terms.principal.as_ref())?,
        annual_rate: money::rate("loan.annual_rate", &terms.annual_rate)?,
        day_count: enums::day_count("loan.day_count_basis", terms.day_count_basis)?,
        contract_date: time::date("loan.contract_date", terms.contract_date.as_ref())?,
        due_dates: due_dates(request)?,
        payment: money::amount_if_set("loan.payment", terms.payment.as_ref())?,
    };
    Ok(loan.schedule()?)
}

fn lease(
    request: &wire::QuoteScheduleRequest,
    terms: &wire::ScheduleLeaseTerms,
) -> Field<LeaseSchedule> {
    let lease = Lease {
        base: money::amount("lease.base", terms.base.as_ref())?,
        tax: money::money_or_zero("lease.tax", terms.tax.as_ref())?,
        due_dates: due_dates(request)?,
    };
    Ok(lease.schedule()?)
}

fn due_dates(request: &wire::QuoteScheduleRequest) -> Field<DueDates> {
    let first_due_date = time::date("first_due_date", request.first_due_date.as_ref())?;
    Ok(DueDates {
        first_due_date,
        day_of_month: time::anchor_day("day_of_month", request.day_of_month, first_due_date)?,
        // Below zero is as wrong as zero, and refused as that is.
        count: u32::try_from(request.instalment_count).unwrap_or_default(),
    })
}

fn loan_to_wire(schedule: &LoanSchedule) -> wire::LoanSchedule {
    let instalment = |it: &LoanInstalment| wire::LoanInstalment {
        number: number(it.number),
        due_date: Some(date_to_wire(it.due_date)),
        days: number(it.days),
        payment: Some(to_wire(it.payment)),
        interest: Some(to_wire(it.interest)),
        principal: Some(to_wire(it.principal)),
        balance: Some(to_wire(it.balance)),
    };
    wire::LoanSchedule {
        payment: Some(to_wire(schedule.payment)),
        total_interest: Some(to_wire(schedule.total_interest)),
        instalments: schedule.instalments.iter().map(instalment).collect(),
    }
}

fn lease_to_wire(schedule: &LeaseSchedule) -> wire::LeaseSchedule {
    let instalment = |it: &LeaseInstalment| wire::LeaseInstalment {
        number: number(it.number),
        due_date: Some(date_to_wire(it.due_date)),
        payment: Some(to_wire(it.payment)),
        base: Some(to_wire(it.base)),
        tax: Some(to_wire(it.tax)),
    };
    wire::LeaseSchedule {
        payment: Some(to_wire(schedule.payment)),
        total_base: Some(to_wire(schedule.total_base)),
        total_tax: Some(to_wire(schedule.total_tax)),
        instalments: schedule.instalments.iter().map(instalment).collect(),
    }
}

/// Counts of instalments and of days between due dates: at most fifty years of days.
fn number(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
