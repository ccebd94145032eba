//! Interest that is no income, since the account is far past due.

use chrono::NaiveDate;

use crate::days::between;
use crate::model::Taken;
use crate::walk::Walk;

/// From so many days past due on, no interest income is booked.
const NON_ACCRUAL_DAYS: i64 = 120;

/// The day on which income ended, and what had accrued by then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped {
    pub(crate) on: NaiveDate,
    accrued: i128,
}

impl Walk<'_> {
    /// The close of `day`: one that finds the account far enough past due ends its income, and one
    /// that finds it current begins it again. Nothing is income once everything is given up.
    pub(crate) fn note_income(&mut self, day: NaiveDate) {
        if self.contract.lease || self.given_up || day < self.contract.opened {
            return;
        }
        let late = self.days_late(day);
        if late == 0 {
            self.stopped = None;
        } else if late >= NON_ACCRUAL_DAYS && self.stopped.is_none() {
            self.stopped = Some(Stopped { on: day, accrued: self.accrued(day) });
        }
    }

    fn days_late(&self, day: NaiveDate) -> i64 {
        if self.is_done(day) {
            return 0;
        }
        let last = self.plan.len() - 1;
        let oldest = (0..last).find(|n| !self.plan.is_met(*n, self.billed)).unwrap_or(last);
        between(self.plan.due(oldest), day).max(0)
    }

    /// Of the interest that a charge-off takes, what was never income is taken from nowhere.
    pub(crate) fn take_no_income(&self, day: NaiveDate, taken: &mut Taken) {
        let Some(stopped) = self.stopped.filter(|_| self.days_late(day) > 0) else { return };
        let since = self.accrued(day) - stopped.accrued;
        taken.interest_unbooked = since.min(taken.interest);
        let of_month = taken.interest_of_month - taken.interest_unbooked;
        taken.interest_of_month = of_month.max(0);
    }
}
