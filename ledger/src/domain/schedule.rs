//! The schedule that a contract discloses: what falls due each month if every instalment is paid on
//! its due date.
//!
//! A schedule rounds the interest of each period by itself. Posted interest carries the fraction
//! from one payment to the next, so that the two may differ by a cent here and there, and an
//! account never follows its schedule but what was in fact paid.
//!
//! The level payment of a loan is found by one of two rules:
//!
//! - Where every period has 30 days of the 30/360 basis, it is `P i / (1 - (1 + i)^-n)`, rounded
//!   half-up to the cent. The last payment absorbs what the roundings leave, and may be the larger.
//!   If that would make it a balloon, more than twice the others (12 CFR 1026.18(s)(5)(i)), the
//!   second rule applies.
//! - Else it is the smallest whose last payment is not larger than it.
//!
//! Interest is never compounded: what a payment does not cover waits, bears nothing, and comes
//! first in the next one.

use chrono::{Months, NaiveDate};
use rust_decimal::Decimal;
use serde::Serialize;

use super::account::terms::{ENDS_TOO_LATE, INSTALMENTS_MAX, InstalmentPlan};
use super::interest::{Accrual, DayCount};
use super::money::{AMOUNT_MAX, Amount, Money, Rate, total};

/// When instalments fall due: one a month on an anchor day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDates {
    /// The due date of the first instalment.
    pub first_due_date: NaiveDate,
    /// The anchor day, 1 to 31; a shorter month's last day stands in for it.
    pub day_of_month: u32,
    /// How many instalments there are, 1 to 600.
    pub count: u32,
}

/// What a loan's schedule is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    /// What is lent, at most 99,999,999.99.
    pub principal: Amount,
    /// The yearly rate; zero is allowed.
    pub annual_rate: Rate,
    /// How days are counted into years.
    pub day_count: DayCount,
    /// The day from which interest runs: before the first due date, by at most 600 months.
    pub contract_date: NaiveDate,
    /// When instalments fall due.
    pub due_dates: DueDates,
    /// The level payment, if the contract fixes one: the last payment is then whatever is left.
    pub payment: Option<Amount>,
}

/// What a lease's schedule is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The base of each rental.
    pub base: Amount,
    /// The tax on each rental, zero or more.
    pub tax: Money,
    /// When rentals fall due.
    pub due_dates: DueDates,
}

/// Why there is no such schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct ScheduleError {
    /// The field, as it is called in the contract of the service.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// A loan's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoanSchedule {
    /// The level payment. Of a single instalment it is the whole of it, unless the contract fixed
    /// another.
    pub payment: Money,
    /// The interest of all instalments: the finance charge, if there is no other.
    pub total_interest: Money,
    /// The instalments, the first first. Fewer than were asked for if the loan is paid off sooner:
    /// by a payment that the contract fixed, or by level payments rounded up to the cent.
    pub instalments: Vec<LoanInstalment>,
}

/// An instalment of a loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LoanInstalment {
    /// Which one, from 1.
    pub number: u32,
    /// When it falls due.
    pub due_date: NaiveDate,
    /// The days that bear interest since the due date before, or since the contract date, as the
    /// loan counts them.
    pub days: i64,
    /// What is to be paid.
    pub payment: Money,
    /// The interest in it.
    pub interest: Money,
    /// The principal in it.
    pub principal: Money,
    /// The principal owed after it.
    pub balance: Money,
}

/// A lease's schedule. A rental shows no interest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseSchedule {
    /// Each rental with its tax.
    pub payment: Money,
    /// The bases of all rentals.
    pub total_base: Money,
    /// The tax on all rentals.
    pub total_tax: Money,
    /// The rentals, the first first.
    pub instalments: Vec<LeaseInstalment>,
}

/// A rental.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeaseInstalment {
    /// Which one, from 1.
    pub number: u32,
    /// When it falls due.
    pub due_date: NaiveDate,
    /// What is to be paid.
    pub payment: Money,
    /// The base in it.
    pub base: Money,
    /// The tax in it.
    pub tax: Money,
}

fn invalid(field: &'static str, problem: &str) -> ScheduleError {
    ScheduleError { field, problem: problem.to_owned() }
}

fn check_limit(field: &'static str, money: Money) -> Result<(), ScheduleError> {
    if money > AMOUNT_MAX.money() {
        return Err(invalid(field, "must be at most 99999999.99"));
    }
    Ok(())
}

impl DueDates {
    /// The due dates in order, checked.
    fn checked(&self) -> Result<Vec<NaiveDate>, ScheduleError> {
        if !(1..=INSTALMENTS_MAX).contains(&self.count) {
            return Err(invalid("instalment_count", "must be 1 to 600"));
        }
        // The plan knows how months go; of amounts it is not asked.
        let plan = InstalmentPlan {
            amount: AMOUNT_MAX,
            tax: Money::ZERO,
            first_due_date: self.first_due_date,
            day_of_month: self.day_of_month,
            count: self.count,
            first_amount_due: None,
        };
        if !(1..=31).contains(&self.day_of_month) || plan.due_date(0) != self.first_due_date {
            return Err(invalid(
                "day_of_month",
                "must be the day of first_due_date, or a later day that its month does not have",
            ));
        }
        if !plan.ends_in_time() {
            return Err(invalid("first_due_date", ENDS_TOO_LATE));
        }
        Ok((0..self.count).map(|index| plan.due_date(index)).collect())
    }
}

/// The stretch between two due dates.
#[derive(Debug, Clone, Copy)]
struct Period {
    number: u32,
    from: NaiveDate,
    due_date: NaiveDate,
    days: i64,
    is_last: bool,
}

impl Loan {
    /// The schedule.
    pub fn schedule(&self) -> Result<LoanSchedule, ScheduleError> {
        let periods = self.periods()?;
        let payment = match self.payment {
            Some(payment) => {
                check_limit("loan.payment", payment.money())?;
                payment.money()
            }
            None => self.level_payment(&periods),
        };
        if payment > AMOUNT_MAX.money() {
            return Err(invalid("loan.principal", "makes a level payment above 99999999.99"));
        }
        let instalments: Vec<_> = self.instalments(&periods, payment).collect();
        let total_interest = total(instalments.iter().map(|instalment| instalment.interest));
        Ok(LoanSchedule { payment, total_interest, instalments })
    }

    fn periods(&self) -> Result<Vec<Period>, ScheduleError> {
        check_limit("loan.principal", self.principal.money())?;
        let due_dates = self.due_dates.checked()?;
        let latest = self.contract_date.checked_add_months(Months::new(INSTALMENTS_MAX));
        let first = self.due_dates.first_due_date;
        if first <= self.contract_date || latest.is_some_and(|latest| first > latest) {
            let problem = "must be after loan.contract_date, by at most 600 months";
            return Err(invalid("first_due_date", problem));
        }
        let starts = std::iter::once(self.contract_date).chain(due_dates.iter().copied());
        let stretches = starts.zip(due_dates.iter().copied());
        let periods = (1..).zip(stretches).map(|(number, (from, due_date))| Period {
            number,
            from,
            due_date,
            days: self.day_count.days(from, due_date),
            is_last: number == self.due_dates.count,
        });
        Ok(periods.collect())
    }

    fn interest(&self, principal: Money, period: &Period) -> Money {
        let mut accrual = Accrual::default();
        accrual.add(principal, self.annual_rate, self.day_count, period.from, period.due_date);
        Money::round_half_up(accrual.dollars())
    }

    /// The instalments of a level payment, up to the one that pays the loan off.
    fn instalments<'a>(
        &'a self,
        periods: &'a [Period],
        level: Money,
    ) -> impl Iterator<Item = LoanInstalment> + 'a {
        let mut principal = self.principal.money();
        let mut unpaid_interest = Money::ZERO;
        periods.iter().map_while(move |period| {
            if principal.is_zero() {
                return None;
            }
            unpaid_interest += self.interest(principal, period);
            let owed = unpaid_interest + principal;
            let payment = if period.is_last { owed } else { owed.min(level) };
            let interest = payment.min(unpaid_interest);
            unpaid_interest -= interest;
            principal -= payment - interest;
            Some(LoanInstalment {
                number: period.number,
                due_date: period.due_date,
                days: period.days,
                payment,
                interest,
                principal: payment - interest,
                balance: principal,
            })
        })
    }

    fn last_payment(&self, periods: &[Period], level: Money) -> Money {
        self.instalments(periods, level).last().map_or(Money::ZERO, |last| last.payment)
    }

    fn level_payment(&self, periods: &[Period]) -> Money {
        let is_regular =
            self.day_count == DayCount::Thirty360 && periods.iter().all(|period| period.days == 30);
        let closed = self
            .annuity()
            .filter(|level| is_regular && self.last_payment(periods, *level) <= *level + *level);
        closed.unwrap_or_else(|| self.smallest(periods))
    }

    /// `P i / (1 - (1 + i)^-n)` for periods of a twelfth of a year, rounded half-up, at least a
    /// cent. Worked out as `P` over the sum of the discounts, in which nothing cancels and a rate
    /// of zero is no exception: 28 digits leave an error below 10^-15 dollars, so that an exact
    /// half cent is what the twelfth decimal says it is.
    fn annuity(&self) -> Option<Money> {
        let i = self.annual_rate.decimal().checked_div(Decimal::from(12))?;
        let discount = Decimal::ONE.checked_div(Decimal::ONE.checked_add(i)?)?;
        let mut power = Decimal::ONE;
        let mut discounts = Decimal::ZERO;
        for _ in 0..self.due_dates.count {
            power = power.checked_mul(discount)?;
            discounts = discounts.checked_add(power)?;
        }
        let exact = self.principal.money().decimal().checked_div(discounts)?;
        Some(Money::round_half_up(exact.round_dp(12)).max(Money::from_cents(1)))
    }

    /// The smallest level payment whose last payment is not larger than it. The larger the level,
    /// the less is owed at each due date, so that the search may halve.
    fn smallest(&self, periods: &[Period]) -> Money {
        let mut low = 1;
        let mut high = periods.first().map_or(low, |first| {
            (self.principal.money() + self.interest(self.principal.money(), first)).cents()
        });
        while low < high {
            let middle = i64::midpoint(low, high);
            let level = Money::from_cents(middle);
            if self.last_payment(periods, level) <= level {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        Money::from_cents(low)
    }
}

impl Lease {
    /// The schedule.
    pub fn schedule(&self) -> Result<LeaseSchedule, ScheduleError> {
        let (base, tax) = (self.base.money(), self.tax);
        check_limit("lease.base", base)?;
        if tax.is_negative() {
            return Err(invalid("lease.tax", "must not be below zero"));
        }
        let payment = base + tax;
        if payment > AMOUNT_MAX.money() {
            return Err(invalid("lease.tax", "makes the rental larger than 99999999.99"));
        }
        let rentals = (1..).zip(self.due_dates.checked()?);
        let instalments: Vec<_> = rentals
            .map(|(number, due_date)| LeaseInstalment { number, due_date, payment, base, tax })
            .collect();
        Ok(LeaseSchedule {
            payment,
            total_base: total(instalments.iter().map(|rental| rental.base)),
            total_tax: total(instalments.iter().map(|rental| rental.tax)),
            instalments,
        })
    }
}

#[cfg(test)]
mod tests;
