//! What is to be paid when: every instalment as it stands at the close of a day.

use chrono::NaiveDate;

use crate::days::between;
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
    /// All instalments, oldest first: what payments satisfied goes into them one after the other.
    pub(crate) fn bills(&self, day: NaiveDate) -> Vec<Bill> {
        let mut left = self.billed;
        let count = self.plan.len();
        let all_paid = count == 0 || self.plan.is_met(count - 1, self.billed);
        let bill = |number: usize| {
            let (due, amount) = (self.plan.due(number), self.plan.amount(number));
            let paid = left.min(amount);
            left -= paid;
            let is_met = self.is_met(number, day);
            let open = if self.is_done(day) {
                0
            } else if all_paid && number == count - 1 {
                // The last one stays open for whatever is owed still.
                self.owed(day) + self.charged_off
            } else {
                amount - paid
            };
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
