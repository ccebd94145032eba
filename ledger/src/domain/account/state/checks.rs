//! What an account, as it stands, can be asked for.

use super::{OpenAccount, Payment};
use crate::domain::account::refusal::Refusal;
use crate::domain::product::Product;

impl OpenAccount {
    /// Refuses what makes no sense once nothing is owed.
    pub(in crate::domain::account) fn check_owed(&self) -> Result<(), Refusal> {
        let paid_off = self.paid_off.as_ref();
        paid_off
            .map_or(Ok(()), |it| Err(Refusal::AccountPaidOff { paid_off_date: it.paid_off_date }))
    }

    /// Can the leased vehicle still be bought, although nothing is owed any more?
    pub(in crate::domain::account) fn can_be_bought(&self) -> bool {
        let over = self.paid_off.as_ref().is_some_and(|it| it.vehicle_kept);
        over && self.book.cut().is_none()
    }

    /// Would a scheduled payment be made by its window's run, as the account is now? Not once
    /// nothing is owed, unless it is meant to buy the vehicle.
    pub(in crate::domain::account) fn would_make(&self, payment: &Payment) -> bool {
        let buys = payment.payoff_quote.is_some() && self.can_be_bought();
        self.paid_off.is_none() || buys
    }

    /// Refuses what makes no sense once nothing is owed and no vehicle is left to buy.
    pub(in crate::domain::account) fn check_payable(&self) -> Result<(), Refusal> {
        if self.can_be_bought() { Ok(()) } else { self.check_owed() }
    }

    /// Refuses what makes no sense once nothing is owed, or nothing expected.
    pub(in crate::domain::account) fn check_in_service(&self) -> Result<(), Refusal> {
        self.check_owed()?;
        self.check_expected()
    }

    /// Refuses anything but a lease, and what makes no sense once that is charged off or its
    /// vehicle bought.
    pub(in crate::domain::account) fn check_leased(&self) -> Result<(), Refusal> {
        self.check_has_rentals()?;
        if let Some(bought_date) = self.book.vehicle_bought() {
            return Err(Refusal::VehicleBought { bought_date });
        }
        self.check_expected()
    }

    fn check_expected(&self) -> Result<(), Refusal> {
        let refuse = |charged_off_date| Err(Refusal::AccountChargedOff { charged_off_date });
        self.charged_off.map_or(Ok(()), refuse)
    }

    /// Refuses what makes no sense once the leased vehicle came back.
    pub(in crate::domain::account) fn check_vehicle_out(&self) -> Result<(), Refusal> {
        let returned = self.book.vehicle_returned();
        returned.map_or(Ok(()), |returned_date| Err(Refusal::VehicleReturned { returned_date }))
    }

    /// Refuses anything but a lease.
    pub(in crate::domain::account) fn check_has_rentals(&self) -> Result<(), Refusal> {
        match self.terms().product {
            Product::Lease => Ok(()),
            product @ (Product::AutoLoan | Product::PersonalLoan | Product::CreditCard) => {
                Err(Refusal::ProductHasNoRentals { product: product.as_str().to_owned() })
            }
        }
    }

    /// Refuses a lease, which has rentals and no principal.
    pub(in crate::domain::account) fn check_has_principal(&self) -> Result<(), Refusal> {
        match self.terms().product {
            Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => Ok(()),
            product @ Product::Lease => {
                Err(Refusal::ProductHasNoPrincipal { product: product.as_str().to_owned() })
            }
        }
    }
}
