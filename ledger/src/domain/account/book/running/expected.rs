//! What instalments will come to, if each is paid on its day.

use chrono::NaiveDate;

use super::Running;
use crate::domain::money::Money;

impl Running<'_> {
    /// What will be open of an instalment on `on`, no more than is owed then but fees; without
    /// `most`, all of that. It is then taken for paid, interest first.
    pub(in crate::domain::account::book) fn expect(
        &mut self,
        on: NaiveDate,
        most: Option<Money>,
    ) -> Money {
        self.advance(on);
        let interest = self.interest_due().at_least_zero();
        let (principal, rentals) = (self.principal.at_least_zero(), self.rentals_remaining());
        let owed = interest + principal + rentals + self.charged_off.at_least_zero();
        let open = most.map_or(owed, |most| most.min(owed)).at_least_zero();
        let of_interest = open.min(interest);
        let of_principal = (open - of_interest).min(principal);
        let of_rentals = (open - of_interest - of_principal).min(rentals);
        self.interest_paid += of_interest;
        self.move_principal(-of_principal);
        self.billed += of_rentals;
        self.charged_off -= open - of_interest - of_principal - of_rentals;
        open
    }
}
