//! What is asked of a lease alone: that its vehicle comes back, and what is charged beside rentals.

use chrono::NaiveDate;
use ledger::domain::account::commands::{Command, LeaseCharge};
use ledger::domain::account::events::FeeKind;

use crate::asks::{Asked, refused};
use crate::lives::Back;
use crate::model::{Fact, What};
use crate::pair::{Fault, Happening, Pair};
use crate::readings::amount;

impl Pair {
    /// What happens to a lease that is charged something beside its rentals, or to whatever
    /// account is in service.
    pub(crate) fn chargeable(
        &self,
        kind: FeeKind,
        happenings: Vec<Happening>,
    ) -> Vec<Vec<Happening>> {
        if matches!(kind, FeeKind::Late | FeeKind::ReturnedItem) {
            return self.in_service(happenings);
        }
        self.leased(happenings)
    }

    /// What happens to a lease whose vehicle is not bought; it may be paid off.
    fn leased(&self, happenings: Vec<Happening>) -> Vec<Vec<Happening>> {
        let mut bought = false;
        self.model.live(self.today, |_, walk| bought = walk.bought);
        vec![if !self.model.contract.lease {
            refused("PRODUCT_HAS_NO_RENTALS")
        } else if bought {
            refused("VEHICLE_BOUGHT")
        } else if self.given_up() {
            refused("ACCOUNT_CHARGED_OFF")
        } else {
            happenings
        }]
    }

    /// The vehicle comes back as of a day, with a charge for it unless it is of no money.
    pub(crate) fn give_back(&self, cents: i128, kind: FeeKind, back: Back) -> Result<Asked, Fault> {
        let date = self.date(back);
        let kind = if matches!(kind, FeeKind::Late | FeeKind::ReturnedItem) {
            FeeKind::EarlyTermination
        } else {
            kind
        };
        let mut charges = Vec::new();
        let mut happenings = vec![Happening::VehicleBack(date)];
        if cents > 0 {
            charges.push(LeaseCharge { kind, amount: amount(cents)? });
            happenings.push(Happening::Fee(date, cents, None, None));
        }
        let command = Command::ReturnVehicle { effective_date: date, charges, preview: None };
        let moved_later =
            |fact: &Fact| matches!(fact.what, What::Shift { .. }) && fact.effective > date;
        let facts = &self.model.facts;
        let expected = if self.is_back() {
            refused("VEHICLE_RETURNED")
        } else if facts.iter().any(moved_later) {
            refused("DUE_DATES_MOVED_LATER")
        } else {
            happenings
        };
        Ok((command, self.leased(expected)))
    }

    /// Did the leased vehicle come back?
    pub(crate) fn is_back(&self) -> bool {
        self.back_on().is_some()
    }

    pub(crate) fn back_on(&self) -> Option<NaiveDate> {
        let back = |fact: &&Fact| matches!(fact.what, What::VehicleBack);
        self.model.facts.iter().find(back).map(|fact| fact.effective)
    }
}
