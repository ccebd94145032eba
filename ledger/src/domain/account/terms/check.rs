//! What the types cannot say of a contract.

use chrono::{Months, NaiveDate};
use rust_decimal::Decimal;

use super::{InstalmentPlan, LateCharge, LateFee, Terms, TermsError, Tolerance};
use crate::domain::account::buyout::PurchaseOption;
use crate::domain::money::{AMOUNT_MAX, Amount, Carry, Money, Rate};
use crate::domain::product::Product;
use crate::domain::rulebook::StateCode;

/// The most instalments a plan may have: fifty years of months.
pub const INSTALMENTS_MAX: u32 = 600;

/// The longest grace period before a late fee, in days.
const GRACE_DAYS_MAX: u16 = 60;

/// What is wrong with a first due date that the last one would follow beyond the calendar.
pub(in crate::domain) const ENDS_TOO_LATE: &str = "must leave the last instalment before 10000";

/// What is wrong with interest or tax that a product has none of, or too little or too much of.
const UNPAID_INTEREST: &str = "must not be negative, and none for a lease";
const PLAN_TAX: &str = "must be less than the amount, and zero but for leases";

/// What is wrong with two letters that no state has.
pub(in crate::domain::account) const NO_STATE: &str = "must be that of a state, such as TX";

/// Whether a field is as it must be, its name, and what is wrong with it if not.
type Check = (bool, &'static str, &'static str);

/// Says which of the checks fails first.
pub(in crate::domain::account) fn check_all(checks: &[Check]) -> Result<(), TermsError> {
    match checks.iter().find(|(right, _, _)| !right) {
        Some((_, field, problem)) => Err(TermsError::invalid(field, *problem)),
        None => Ok(()),
    }
}

impl TermsError {
    pub(in crate::domain::account) fn invalid(
        field: &'static str,
        problem: impl Into<String>,
    ) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }
}

impl Terms {
    /// Checks what the types cannot say.
    pub fn check(&self) -> Result<(), TermsError> {
        match self.product {
            Product::CreditCard => return Err(TermsError::ProductNotBookable(self.product)),
            Product::Lease => self.check_lease()?,
            Product::AutoLoan | Product::PersonalLoan => self.check_loan()?,
        }
        let fee = self.returned_item_fee.map_or(Money::ZERO, Amount::money);
        for (field, money) in [
            ("principal", self.principal),
            ("unpaid_interest", self.unpaid_interest),
            ("unpaid_fees", self.unpaid_fees),
            ("instalments.amount", self.instalments.amount.money()),
            ("returned_item_fee", fee),
        ] {
            check_all(&[(money <= AMOUNT_MAX.money(), field, "must be at most 99999999.99")])?;
        }
        let (paid_through, opened) = (self.interest_paid_through, self.opened_date);
        check_all(&[
            (!self.unpaid_interest.is_negative(), "unpaid_interest", UNPAID_INTEREST),
            (!self.unpaid_fees.is_negative(), "unpaid_fees", "must not be negative"),
            (paid_through <= opened, "interest_paid_through_date", "must not be after opened_date"),
        ])?;
        self.check_lateness()?;
        let is_state = self.governing_state.is_none_or(StateCode::is_known);
        check_all(&[(is_state, "governing_state", NO_STATE)])?;
        self.instalments.check()
    }

    /// Checks what today says of dates: an account is opened by today, and the contract may go back
    /// as many months as a plan may have, and begin as many after the opening. A year that is
    /// mistyped would accrue interest, and be past due, for centuries.
    pub(in crate::domain::account) fn check_dates(
        &self,
        today: NaiveDate,
    ) -> Result<(), TermsError> {
        let (opened, first_due) = (self.opened_date, self.instalments.first_due_date);
        if opened > today {
            let problem = format!("must not be after today, {today}");
            return Err(TermsError::invalid("opened_date", problem));
        }
        let most = Months::new(INSTALMENTS_MAX);
        let earliest = today.checked_sub_months(most).unwrap_or(NaiveDate::MIN);
        for (field, date) in [
            ("opened_date", opened),
            ("interest_paid_through_date", self.interest_paid_through),
            ("instalments.first_due_date", first_due),
        ] {
            if date < earliest {
                let problem =
                    format!("must not be before {earliest}, {INSTALMENTS_MAX} months before today");
                return Err(TermsError::invalid(field, problem));
            }
        }
        let latest = opened.checked_add_months(most).unwrap_or(NaiveDate::MAX);
        if first_due > latest {
            let problem =
                format!("must not be after {latest}, {INSTALMENTS_MAX} months after opened_date");
            return Err(TermsError::invalid("instalments.first_due_date", problem));
        }
        Ok(())
    }

    fn check_loan(&self) -> Result<(), TermsError> {
        let tax = self.instalments.tax;
        check_all(&[
            (self.principal.is_positive(), "principal", "a loan has a principal above zero"),
            (self.purchase_option.is_none(), "lease.residual_value", "none but for leases"),
            (tax.is_zero(), "instalments.tax", PLAN_TAX),
        ])
    }

    fn check_lease(&self) -> Result<(), TermsError> {
        let carry = self.interest_carry;
        check_all(&[
            (self.principal.is_zero(), "principal", "a lease has rentals, no principal"),
            (self.annual_rate == Rate::default(), "annual_rate", "a lease shows no rate"),
            (self.unpaid_interest.is_zero(), "unpaid_interest", UNPAID_INTEREST),
            (carry == Carry::default(), "interest_carry", "a lease accrues no interest"),
        ])?;
        self.purchase_option.as_ref().map_or(Ok(()), PurchaseOption::check)
    }

    fn check_lateness(&self) -> Result<(), TermsError> {
        let most = Rate::new(Decimal::ONE).unwrap_or_default();
        let is_share = |rate| rate != Rate::default() && rate <= most;
        let problem = "must be above 0 and at most 1";
        match self.shortfall_tolerance {
            Some(Tolerance::Amount(missing)) => {
                let right = !missing.is_negative();
                check_all(&[(right, "shortfall_tolerance", "must not be negative")])?;
            }
            Some(Tolerance::Share(paid)) => {
                check_all(&[(is_share(paid), "shortfall_tolerance.share", problem)])?;
            }
            None => {}
        }
        let Some(LateFee { grace_days, charge, .. }) = self.late_fee else { return Ok(()) };
        let is_charge = match charge {
            LateCharge::Amount(_) => true,
            LateCharge::Rate(rate) => is_share(rate),
        };
        check_all(&[
            (grace_days <= GRACE_DAYS_MAX, "late_fee.grace_days", "must be at most 60"),
            (is_charge, "late_fee.rate", problem),
        ])
    }
}

impl InstalmentPlan {
    fn check(&self) -> Result<(), TermsError> {
        let is_tax = !self.tax.is_negative() && self.tax < self.amount.money();
        let is_day = (1..=31).contains(&self.day_of_month);
        let is_rest = self.first_amount_due.is_none_or(|rest| rest <= self.amount);
        check_all(&[
            (is_tax, "instalments.tax", PLAN_TAX),
            ((1..=INSTALMENTS_MAX).contains(&self.count), "instalments.count", "must be 1 to 600"),
            (
                is_day && self.due_date(0) == self.first_due_date,
                "instalments.day_of_month",
                "must be the day of first_due_date, or a later day that its month does not have",
            ),
            (is_rest, "instalments.first_amount_due", "at most the amount"),
            (self.ends_in_time(), "instalments.first_due_date", ENDS_TOO_LATE),
        ])
    }
}
