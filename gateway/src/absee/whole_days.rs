//! What one month by itself can show: whether its interest is that of a whole number of days.

use ledger::domain::interest::{Accrual, DayCount};
use rust_decimal::Decimal;
use serde::Serialize;

use super::loans::Loan;
use super::record::LoanMonth;

/// The longest stretch that is tried, in days.
const DAYS_MAX: usize = 400;

/// The first months of loans, which have no month before them to be replayed from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WholeDays {
    /// First months that paid interest and principal on a reported day.
    pub months: usize,
    /// Of these: a whole number of days before that day earns the interest, but for a cent.
    pub fit: usize,
}

impl WholeDays {
    /// Looks at the first month of each loan.
    pub fn of(loans: &[Loan]) -> Self {
        let mut found = Self::default();
        for fits in loans.iter().filter_map(|loan| fits(loan.months.first()?)) {
            found.months = found.months.saturating_add(1);
            found.fit = found.fit.saturating_add(usize::from(fits));
        }
        found
    }
}

/// None if the month has no such payment. Days earn so much more than a cent, as a rule, that a fit
/// is no accident.
fn fits(month: &LoanMonth) -> Option<bool> {
    let (balance, rate, day) = (month.begin_balance?, month.rate()?, month.paid_through?);
    let usable = month.interest.is_positive()
        && month.principal.is_positive()
        && month.adjustment.is_zero()
        && balance.is_positive();
    let reported = Some(month.interest.decimal()).filter(|_| usable)?;
    let cent = Decimal::new(1, 2);
    let fits = std::iter::successors(day.pred_opt(), chrono::NaiveDate::pred_opt)
        .take(DAYS_MAX)
        .map(|from| {
            let mut accrual = Accrual::default();
            accrual.add(balance, rate, DayCount::Actual365Or366, from, day);
            accrual.dollars().saturating_sub(reported)
        })
        .take_while(|apart| *apart < cent)
        .any(|apart| apart.saturating_add(cent).is_sign_positive());
    Some(fits)
}
