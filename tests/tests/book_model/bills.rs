//! What is to be paid when: every instalment as it stands at the close of a day.

use chrono::NaiveDate;

use crate::days::{after, between};
use crate::walk::Walk;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    Open,
    PastDue,
    Met,
}

/// One instalment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) due: NaiveDate,
    pub(crate) amount: i128,
    pub(crate) paid: i128,
    pub(crate) open: i128,
    pub(crate) stands: Stands,
    pub(crate) days_past_due: i64,
}

impl Walk<'_> {
    /// Pays what is owed on `day` beside fees, but no more than `most`: interest, then the rest.
    fn pay_off(&mut self, day: NaiveDate, most: i128) -> i128 {
        let owed = (self.owed(day) + self.charged_off).max(0);
        let paid = most.min(owed);
        let mut rest = paid;
        let mut part = |room: i128| {
            let part = room.clamp(0, rest);
            rest -= part;
            part
        };
        self.interest_paid += part(self.interest_due(day));
        let principal = part(self.principal);
        self.turn(day, self.principal - principal, self.rate);
        self.billed += part(self.rentals_left());
        self.charged_off -= rest;
        paid
    }

    /// All instalments, oldest first: what payments satisfied goes into them one after the other.
    pub(crate) fn bills(&self, day: NaiveDate) -> Vec<Bill> {
        let mut left = self.billed;
        let count = self.plan.len();
        let (mut ahead, mut dawn) = (self.clone(), day);
        let bill = |number: usize| {
            let (due, amount) = (self.plan.due(number), self.plan.amount(number));
            let paid = left.min(amount);
            left -= paid;
            while dawn < due {
                ahead.earn(dawn);
                dawn = after(dawn, 1);
            }
            // With the last one everything falls due.
            let most = if number + 1 == count { i128::MAX } else { amount - paid };
            let open = if self.is_done(day) { 0 } else { ahead.pay_off(dawn, most) };
            let is_met = self.is_met(number, day) || (due < day && open == 0);
            let stands = match is_met {
                true => Stands::Met,
                false if due < day => Stands::PastDue,
                false => Stands::Open,
            };
            let days_past_due = if stands == Stands::PastDue { between(due, day) } else { 0 };
            Bill { due, amount, paid, open, stands, days_past_due }
        };
        let mut bills: Vec<Bill> = (0..count).map(bill).collect();
        let (stands, days_past_due) = (Stands::Met, 0);
        let never = self.plan.never_due();
        bills.extend(never.map(|(due, amount)| Bill {
            due,
            amount,
            paid: 0,
            open: 0,
            stands,
            days_past_due,
        }));
        bills
    }
}
