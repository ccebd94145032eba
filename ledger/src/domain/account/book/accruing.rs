//! Interest that is income: what is due, and of an account that is far past due no more than it had
//! earned when it became so (domain rule 8.2a).

use chrono::NaiveDate;

use super::running::Running;
use super::{Book, Decimal, Entry};
use crate::domain::account::events::ChargedOff;
use crate::domain::account::terms::Terms;
use crate::domain::money::Money;
use crate::domain::rulebook::Rulebook;

impl Book {
    /// Since when the account is on non-accrual by everything that is known of it on `today`: the
    /// first day on which it was as many days past due as its product's policy says, since which it
    /// has been past due at the close of every day. None while interest is income. It follows from
    /// the timeline alone, so that a payment that comes back leaves what there would be without it.
    pub(in crate::domain::account) fn stopped_since(
        &self,
        today: NaiveDate,
        rules: &Rulebook,
    ) -> Option<NaiveDate> {
        stopped_since(&self.terms, &self.entries, today, rules)
    }

    /// The interest that is to be in the general ledger at the close of `through`. What was booked
    /// when the account went on non-accrual stays; what is paid takes that first, and is income
    /// beyond it.
    pub(in crate::domain::account) fn interest_to_book(&self, through: NaiveDate) -> Money {
        let due = self.standing(through).interest_due;
        let Some(since) = self.non_accrual else { return due };
        let earned = earned(&self.terms, &self.entries, since);
        let paid = self.running(through).accrued_paid();
        (earned - paid).at_least_zero().min(due)
    }

    /// Interest accrued and unpaid at the close of `as_of`: exactly while there is principal that
    /// earns. A fraction that no cent will ever come of is nothing that anybody owes.
    pub(super) fn interest_receivable(&self, as_of: NaiveDate) -> Decimal {
        let running = self.running(as_of);
        if running.earning().principal.is_zero() {
            running.standing(as_of).interest_due.decimal()
        } else {
            self.interest_due_exactly(as_of)
        }
    }
}

/// Leaves out of what a charge-off on `on` takes off the books the interest that they never had.
pub(super) fn leave_unbooked(
    taken: &mut ChargedOff,
    (terms, before): (&Terms, &[Entry]),
    on: NaiveDate,
    rules: &Rulebook,
) {
    let Some(since) = stopped_since(terms, before, on, rules) else { return };
    let unbooked = earned(terms, before, on) - earned(terms, before, since);
    taken.interest_unbooked = unbooked.min(taken.interest);
    // It is the latest interest: what is left of the month's was booked.
    taken.interest_of_month = (taken.interest_of_month - taken.interest_unbooked).at_least_zero();
}

/// See [`Book::stopped_since`].
fn stopped_since(
    terms: &Terms,
    entries: &[Entry],
    today: NaiveDate,
    rules: &Rulebook,
) -> Option<NaiveDate> {
    let reaches_limit = |due: NaiveDate, day: &NaiveDate| {
        let limit = rules.delinquency(terms.product, *day).non_accrual_days;
        let days = day.signed_duration_since(due).num_days();
        limit.is_some_and(|limit| days >= limit.into())
    };
    let mut running = Running::new(terms);
    let mut entries = entries.iter().peekable();
    let mut day = terms.opened_date;
    let mut since = None;
    loop {
        while let Some(entry) = entries.next_if(|entry| entry.effective <= day) {
            running.follow(entry);
        }
        // Until something moves again the same instalment is the oldest that is not met.
        let next = entries.peek().map(|entry| entry.effective).filter(|next| *next <= today);
        let until = next.and_then(|next| next.pred_opt()).unwrap_or(today);
        let oldest = running.clone().standing(day).oldest_unpaid_due_date;
        since = since.filter(|_| oldest.is_some_and(|due| due < day)).or_else(|| {
            let due = oldest?;
            let mut days = day.max(due).iter_days().take_while(|day| *day <= until);
            days.find(|day| reaches_limit(due, day))
        });
        let Some(next) = next else { return since };
        day = next;
    }
}

/// What had accrued by the close of `on` since interest was last paid before the opening, rounded.
fn earned(terms: &Terms, entries: &[Entry], on: NaiveDate) -> Money {
    let mut running = Running::new(terms);
    for entry in entries.iter().take_while(|entry| entry.effective <= on) {
        running.follow(entry);
    }
    Money::round_half_up(running.to(on).accrued_exactly())
}
