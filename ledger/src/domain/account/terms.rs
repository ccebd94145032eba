//! What a contract says: the balance it starts from, its rate, and when instalments fall due.

mod check;

use chrono::{Datelike, Months, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::buyout::PurchaseOption;
use super::events::is_default;
use crate::domain::calendar::LAST_DATE;
use crate::domain::interest::DayCount;
use crate::domain::money::{Amount, Carry, Currency, Money, Rate};
use crate::domain::product::Product;
use crate::domain::rulebook::StateCode;
pub(in crate::domain) use check::ENDS_TOO_LATE;
pub use check::INSTALMENTS_MAX;
pub(super) use check::{NO_STATE, check_all};

/// The terms an account is opened with: a new contract, or one boarded from another system as of a
/// date, with what was unpaid then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// The kind of account.
    pub product: Product,
    /// The currency of all its money.
    #[serde(default, skip_serializing_if = "is_default")]
    pub currency: Currency,
    /// The booking or boarding date; nothing can be effective before it.
    pub opened_date: NaiveDate,
    /// Principal owed on `opened_date`. None for leases.
    #[serde(default, skip_serializing_if = "is_default")]
    pub principal: Money,
    /// Yearly rate as a fraction. None for leases.
    #[serde(default, skip_serializing_if = "is_default")]
    pub annual_rate: Rate,
    /// How days are counted into years.
    #[serde(default, skip_serializing_if = "is_default")]
    pub day_count: DayCount,
    /// Interest is paid through this date, at most `opened_date`: the first day that earns.
    pub interest_paid_through: NaiveDate,
    /// Interest from before `interest_paid_through` that is still unpaid.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unpaid_interest: Money,
    /// Fees unpaid on `opened_date`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unpaid_fees: Money,
    /// When instalments or rentals fall due.
    pub instalments: InstalmentPlan,
    /// What the contract charges for a returned item; none if it charges nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_item_fee: Option<Amount>,
    /// What the contract charges for a late instalment; none if it charges nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_fee: Option<LateFee>,
    /// How much an instalment may fall short and still count as met. Filled in from the rules when
    /// the account is opened without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortfall_tolerance: Option<Tolerance>,
    /// The sub-cent remainder of interest before `interest_paid_through` that was accrued and not
    /// posted: it counts on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interest_carry: Carry,
    /// The state whose law caps what the contract may charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governing_state: Option<StateCode>,
    /// For how much the leased vehicle can be bought. Leases only; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_option: Option<PurchaseOption>,
}

/// What a contract charges for an instalment that is not met within its grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LateFee {
    /// The fee is charged on the day after this many days from the due date.
    pub grace_days: u16,
    /// How much it is.
    #[serde(flatten)]
    pub charge: LateCharge,
    /// The most that it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Amount>,
}

/// How a late fee is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateCharge {
    /// A fixed amount.
    Amount(Amount),
    /// A share of what is unpaid of the instalment.
    Rate(Rate),
}

impl LateFee {
    /// The fee for an instalment of which `unpaid` is missing; none if that comes to nothing.
    pub fn of(&self, unpaid: Money) -> Option<Amount> {
        let fee = match self.charge {
            LateCharge::Amount(amount) => amount.money(),
            LateCharge::Rate(rate) => {
                Money::round_half_up(unpaid.decimal().saturating_mul(rate.decimal()))
            }
        };
        self.maximum.map_or(fee, |most| fee.min(most.money())).amount()
    }
}

/// How much of an instalment may be missing while it still counts as met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// So much.
    Amount(Money),
    /// The rest, once this share of it is paid: `0.9` lets a tenth be missing.
    Share(Rate),
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::Amount(Money::ZERO)
    }
}

/// Level monthly instalments on an anchor day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstalmentPlan {
    /// What falls due each month; for leases with tax.
    pub amount: Amount,
    /// The tax that `amount` contains. Leases only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tax: Money,
    /// The due date of the first instalment that is not fully paid.
    pub first_due_date: NaiveDate,
    /// The anchor day, 1 to 31: in a shorter month the last day counts, and the month after has the
    /// anchor day again.
    pub day_of_month: u32,
    /// How many instalments remain, with the first.
    pub count: u32,
    /// What is left of the first instalment, if part of it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_amount_due: Option<Amount>,
}

/// Why terms cannot be those of a contract. Nothing of it depends on an account's history, so that
/// these are errors of the request, not refusals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Only loans and leases have books so far.
    #[error("accounts of product {0} cannot be opened yet")]
    ProductNotBookable(Product),
    /// A loan without principal, a lease with it, and the like.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field, as it is called in the contract of the service.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Terms {
    /// Can the vehicle have a title with our lien on it? A leased one is ours, and its title is
    /// released to who buys it out.
    pub(super) const fn has_title(&self) -> bool {
        match self.product {
            Product::AutoLoan => true,
            Product::Lease => self.purchase_option.is_some(),
            Product::PersonalLoan | Product::CreditCard => false,
        }
    }
}

/// The anchor day of the month so many months after that of `first`, or the last day of a shorter
/// month.
pub(super) fn due_date_in(first: NaiveDate, months: i64, day_of_month: u32) -> NaiveDate {
    let month = first.with_day(1).unwrap_or(first);
    let count = Months::new(u32::try_from(months.unsigned_abs()).unwrap_or(u32::MAX));
    let month = if months < 0 {
        month.checked_sub_months(count).unwrap_or(NaiveDate::MIN)
    } else {
        month.checked_add_months(count).unwrap_or(NaiveDate::MAX)
    };
    (28..=day_of_month.min(31))
        .rev()
        .chain(std::iter::once(day_of_month))
        .find_map(|day| month.with_day(day))
        .unwrap_or(month)
}

impl InstalmentPlan {
    /// The due date of the `index`-th remaining instalment, from 0: the anchor day of its month, or
    /// the last day of a shorter month. Never chained from a clamped date.
    pub fn due_date(&self, index: u32) -> NaiveDate {
        due_date_in(self.first_due_date, i64::from(index), self.day_of_month)
    }

    /// The due date of the last instalment.
    pub fn maturity_date(&self) -> NaiveDate {
        self.due_date(self.count.saturating_sub(1))
    }

    /// Does the last instalment fall due on a date that can be told? Every plan of an account that
    /// is opened now does; older logs may hold one that does not.
    pub fn ends_in_time(&self) -> bool {
        self.maturity_date() <= LAST_DATE
    }

    /// How many instalments fall due on or before `date`.
    pub fn due_count(&self, date: NaiveDate) -> u32 {
        if date < self.first_due_date {
            return 0;
        }
        let months = |day: NaiveDate| {
            i64::from(day.year()).saturating_mul(12).saturating_add(i64::from(day.month0()))
        };
        let whole = months(date).saturating_sub(months(self.first_due_date));
        let index = u32::try_from(whole).unwrap_or(u32::MAX).min(self.count);
        let reached = index < self.count && self.due_date(index) <= date;
        if reached { index.saturating_add(1) } else { index }
    }

    /// What the first `count` instalments come to, less what had been paid of the first.
    pub fn total_of(&self, count: u32) -> Money {
        if count == 0 {
            return Money::ZERO;
        }
        let whole = self.amount.money().cents().saturating_mul(i64::from(count));
        let paid_before =
            self.first_amount_due.map_or(Money::ZERO, |rest| self.amount.money() - rest.money());
        Money::from_cents(whole) - paid_before
    }

    /// The tax in what lies between two amounts billed: in the proportion in which it was billed,
    /// the base rounded half-up over the whole of each instalment and the tax by remainder.
    pub fn tax_between(&self, from: Money, to: Money) -> Money {
        if self.tax.is_zero() {
            return Money::ZERO;
        }
        let paid_before = self.amount.money() - self.total_of(1);
        let base = (self.amount.money() - self.tax).decimal();
        let base_of = |billed: Money| {
            let share = (paid_before + billed).decimal().saturating_mul(base);
            let exact = share.checked_div(self.amount.money().decimal());
            Money::round_half_up(exact.unwrap_or_default())
        };
        (to - from) - (base_of(to) - base_of(from))
    }

    /// How many instalments are covered by `billed`, oldest first.
    pub fn covered_count(&self, billed: Money) -> u32 {
        let paid_before = self.total_of(1) - self.amount.money();
        let cents = (billed - paid_before).cents().max(0);
        let whole = cents.checked_div(self.amount.money().cents()).unwrap_or_default();
        u32::try_from(whole).unwrap_or(u32::MAX).min(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(first_due: &str, day_of_month: u32, count: u32) -> InstalmentPlan {
        InstalmentPlan {
            amount: "310.00".parse().unwrap(),
            tax: Money::ZERO,
            first_due_date: first_due.parse().unwrap(),
            day_of_month,
            count,
            first_amount_due: None,
        }
    }

    #[test]
    fn the_anchor_day_comes_back_after_a_short_month() {
        let plan = plan("2026-01-31", 31, 60);
        let dates: Vec<_> = (0..4).map(|index| plan.due_date(index).to_string()).collect();
        assert_eq!(dates, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]);
        assert_eq!(plan.due_date(25).to_string(), "2028-02-29");
        assert_eq!(plan.maturity_date().to_string(), "2030-12-31");
    }

    #[test]
    fn an_instalment_is_due_on_its_day_and_not_before() {
        let plan = plan("2026-01-31", 31, 3);
        for (date, due) in [
            ("2026-01-30", 0),
            ("2026-01-31", 1),
            ("2026-02-27", 1),
            ("2026-02-28", 2),
            ("2026-03-30", 2),
            ("2026-03-31", 3),
            ("2030-01-01", 3),
        ] {
            assert_eq!(plan.due_count(date.parse().unwrap()), due, "{date}");
        }
    }

    #[test]
    fn a_rental_is_split_as_it_was_billed() {
        let mut plan = plan("2026-03-01", 1, 36);
        plan.amount = "389.00".parse().unwrap();
        plan.tax = "27.00".parse().unwrap();
        let money = |text: &str| text.parse::<Money>().unwrap();
        assert_eq!(plan.tax_between(Money::ZERO, money("200.00")), money("13.88"));
        assert_eq!(plan.tax_between(money("200.00"), money("389.00")), money("13.12"));
        assert_eq!(plan.tax_between(Money::ZERO, money("778.00")), money("54.00"));
        // What was paid of the first one before, 189.00, has had its share of the tax: 6.00 more
        // bring the base from 175.88 to 181.47.
        plan.first_amount_due = "200.00".parse().ok();
        assert_eq!(plan.tax_between(Money::ZERO, money("6.00")), money("0.41"));
    }

    #[test]
    fn what_was_paid_of_the_first_instalment_counts() {
        let mut plan = plan("2026-03-01", 1, 60);
        plan.first_amount_due = "110.00".parse().ok();
        assert_eq!(plan.total_of(2).to_string(), "420.00");
        assert_eq!(plan.covered_count("109.99".parse().unwrap()), 0);
        assert_eq!(plan.covered_count("110.00".parse().unwrap()), 1);
        assert_eq!(plan.covered_count("420.00".parse().unwrap()), 2);
    }
}
