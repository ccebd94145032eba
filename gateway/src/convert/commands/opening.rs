//! The opening of an account: the terms of its contract.

use ledger::domain::account::buyout::PurchaseOption;
use ledger::domain::account::commands::Command;
use ledger::domain::account::terms::{InstalmentPlan, LateCharge, LateFee, Terms, Tolerance};
use ledger::domain::interest::DayCount;
use ledger::domain::money::{Carry, Currency, Money, Rate};
use ledger::domain::product::Product;
use proto::payledger::v1 as wire;
use wire::open_account_request::Terms as WireTerms;

use super::{Asked, Mutation, asked, lien, state_code};
use crate::convert::{Field, FieldError, enums, money, required, time};

impl Mutation for wire::OpenAccountRequest {
    fn asked(&self) -> Field<Asked> {
        let product = enums::product("product", self.product)?;
        let opened_date = time::date("opened_date", self.opened_date.as_ref())?;
        let plan = required("instalment_plan", self.instalment_plan.as_ref())?;
        let mut terms = Terms {
            product,
            currency: Currency::Usd,
            opened_date,
            principal: Money::ZERO,
            annual_rate: Rate::default(),
            day_count: DayCount::default(),
            interest_paid_through: opened_date,
            unpaid_interest: Money::ZERO,
            unpaid_fees: money::money_or_zero("fees_due", self.fees_due.as_ref())?,
            instalments: instalments(plan)?,
            returned_item_fee: money::amount_if_set(
                "returned_item_fee",
                self.returned_item_fee.as_ref(),
            )?,
            late_fee: self.late_fee.as_ref().map(late_fee).transpose()?,
            shortfall_tolerance: self.shortfall_tolerance.as_ref().map(tolerance).transpose()?,
            interest_carry: Carry::default(),
            purchase_option: None,
            governing_state: match self.governing_state.as_str() {
                "" => None,
                state => Some(state_code("governing_state", state)?),
            },
        };
        match (&self.terms, product) {
            (Some(WireTerms::Loan(loan)), Product::AutoLoan | Product::PersonalLoan) => {
                loan_terms(&mut terms, loan)?;
            }
            (Some(WireTerms::Lease(lease)), Product::Lease) => {
                terms.instalments.tax = money::money_or_zero("lease.tax", lease.tax.as_ref())?;
                terms.purchase_option = purchase_option(lease)?;
            }
            (_, Product::CreditCard) => {}
            (_, Product::AutoLoan | Product::PersonalLoan) => {
                let problem = "is required for this product, with principal and annual_rate";
                return Err(FieldError::new("loan", problem));
            }
            (_, Product::Lease) => {
                return Err(FieldError::new("lease", "is required for this product"));
            }
        }
        let lien = self.lien.as_ref().map(lien).transpose()?;
        asked(&self.account_id, &self.request_id, Command::OpenAccount { terms, lien })
    }
}

fn loan_terms(terms: &mut Terms, loan: &wire::LoanTerms) -> Field<()> {
    terms.annual_rate = money::rate("loan.annual_rate", &loan.annual_rate)?;
    terms.principal = money::amount("loan.principal", loan.principal.as_ref())?.money();
    terms.unpaid_interest =
        money::money_or_zero("loan.unpaid_interest", loan.unpaid_interest.as_ref())?;
    let paid_through = loan.interest_paid_through_date.as_ref();
    if let Some(date) = time::date_if_set("loan.interest_paid_through_date", paid_through)? {
        terms.interest_paid_through = date;
    }
    terms.day_count = enums::day_count("loan.day_count_basis", loan.day_count_basis)?;
    terms.interest_carry = carry("loan.interest_carry", &loan.interest_carry)?;
    Ok(())
}

fn purchase_option(lease: &wire::LeaseTerms) -> Field<Option<PurchaseOption>> {
    let rate = match lease.sales_tax_rate.as_str() {
        "" => None,
        rate => Some(money::rate("lease.sales_tax_rate", rate)?),
    };
    let residual = money::amount_if_set("lease.residual_value", lease.residual_value.as_ref())?;
    match (residual, rate) {
        (None, Some(_)) => {
            Err(FieldError::new("lease.sales_tax_rate", "is only with lease.residual_value"))
        }
        (residual, rate) => Ok(residual
            .map(|residual| PurchaseOption { residual, sales_tax_rate: rate.unwrap_or_default() })),
    }
}

fn instalments(plan: &wire::InstalmentPlan) -> Field<InstalmentPlan> {
    let first_due_date =
        time::date("instalment_plan.first_due_date", plan.first_due_date.as_ref())?;
    let day_of_month =
        time::anchor_day("instalment_plan.day_of_month", plan.day_of_month, first_due_date)?;
    Ok(InstalmentPlan {
        amount: money::amount("instalment_plan.amount", plan.amount.as_ref())?,
        tax: Money::ZERO,
        first_due_date,
        day_of_month,
        count: u32::try_from(plan.instalment_count).map_err(|_| {
            FieldError::new("instalment_plan.instalment_count", "must not be negative")
        })?,
        first_amount_due: money::amount_if_set(
            "instalment_plan.first_amount_due",
            plan.first_amount_due.as_ref(),
        )?,
    })
}

fn late_fee(wire: &wire::LateFee) -> Field<LateFee> {
    use wire::late_fee::Charge;
    let grace_days = u16::try_from(wire.grace_days)
        .map_err(|_| FieldError::new("late_fee.grace_days", "must be 0 to 60"))?;
    let charge = match &wire.charge {
        None => return Err(FieldError::new("late_fee.amount", "or late_fee.rate is required")),
        Some(Charge::Amount(amount)) => {
            LateCharge::Amount(money::amount("late_fee.amount", Some(amount))?)
        }
        Some(Charge::Rate(rate)) => LateCharge::Rate(money::rate("late_fee.rate", rate)?),
    };
    let maximum = money::amount_if_set("late_fee.maximum", wire.maximum.as_ref())?;
    Ok(LateFee { grace_days, charge, maximum })
}

fn tolerance(wire: &wire::ShortfallTolerance) -> Field<Tolerance> {
    use wire::shortfall_tolerance::Measure;
    match &wire.measure {
        None => {
            let problem = "or shortfall_tolerance.share is required";
            Err(FieldError::new("shortfall_tolerance.amount", problem))
        }
        Some(Measure::Amount(amount)) => {
            let missing = money::money_or_zero("shortfall_tolerance.amount", Some(amount))?;
            Ok(Tolerance::Amount(missing))
        }
        Some(Measure::Share(share)) => {
            money::rate("shortfall_tolerance.share", share).map(Tolerance::Share)
        }
    }
}

fn carry(field: &str, text: &str) -> Field<Carry> {
    if text.is_empty() {
        return Ok(Carry::default());
    }
    text.parse().map_err(|_| {
        let problem = "is not less than a cent with at most eight decimals, as \"0.00451\"";
        FieldError::new(field, problem)
    })
}
