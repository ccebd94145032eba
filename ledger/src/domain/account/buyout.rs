//! The buy-out of a lease: what the lessee pays to keep the vehicle, whenever that is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::is_default;
use super::terms::{InstalmentPlan, TermsError, check_all};
use crate::domain::money::{AMOUNT_MAX, Amount, Money, Rate};

/// What a lease says about buying the vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PurchaseOption {
    /// What the vehicle is worth when the last rental has fallen due: its price then, without tax.
    pub residual: Amount,
    /// The sales tax on the price, as a fraction of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sales_tax_rate: Rate,
}

/// What buying the vehicle on a day takes, beside what is due already and fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buyout {
    /// The rentals that are not due yet and not paid ahead, without the tax on them.
    pub rentals_ahead: Money,
    /// The tax that would have fallen due with them, and does not.
    pub tax_ahead: Money,
    /// The residual value.
    pub residual: Money,
    /// The sales tax on the price: the rentals ahead and the residual value.
    pub sales_tax: Money,
}

impl Buyout {
    /// How much more it takes to buy the vehicle than to pay everything that the lease asks for.
    pub(super) fn beyond_rentals(&self) -> Money {
        self.residual + self.sales_tax - self.tax_ahead
    }
}

impl PurchaseOption {
    /// Checks what the types cannot say.
    pub(super) fn check(&self) -> Result<(), TermsError> {
        let most = rust_decimal::Decimal::ONE;
        check_all(&[
            (self.residual <= AMOUNT_MAX, "lease.residual_value", "must be at most 99999999.99"),
            (self.sales_tax_rate.decimal() <= most, "lease.sales_tax_rate", "must be at most 1"),
        ])
    }

    /// What it takes when the first `due` rentals have fallen due and `billed` is paid of all.
    pub(super) fn buyout(&self, plan: &InstalmentPlan, due: u32, billed: Money) -> Buyout {
        let all = plan.total_of(plan.count);
        let from = plan.total_of(due).max(billed).min(all);
        let tax_ahead = plan.tax_between(from, all);
        let rentals_ahead = all - from - tax_ahead;
        let residual = self.residual.money();
        let price = (rentals_ahead + residual).decimal();
        let sales_tax = Money::round_half_up(price.saturating_mul(self.sales_tax_rate.decimal()));
        Buyout { rentals_ahead, tax_ahead, residual, sales_tax }
    }
}
