//! Where an account stands at the close of a day, and each of its instalments.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::running::Running;
use super::{Book, Standing};
use crate::domain::account::terms::InstalmentPlan;
use crate::domain::money::Money;

/// Where one instalment stands at the close of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstalmentStanding {
    /// The instalment, from 1.
    pub number: u32,
    /// Its due date by what is effective on that day.
    pub due_date: NaiveDate,
    /// What is to be paid of it.
    pub amount: Money,
    /// What payments have satisfied of it.
    pub paid: Money,
    /// What is unpaid of it: no more than is owed but fees beside those before it. Of one that is
    /// not due yet, what there will be if what is due is paid today and each other on its day; of
    /// the last one all that is owed then. None once nothing is owed.
    pub open: Money,
    /// Is it met, within the contract's tolerance, or is nothing of it owed?
    pub met: bool,
    /// Days from its due date, if it is not met; 0 on the due date and before.
    pub days_past_due: i64,
}

impl Standing {
    /// What pays the account off on this day, less the credit balance: everything that is owed, and
    /// for a lease whose vehicle can be bought what the buy-out takes beyond that.
    pub fn payoff(&self) -> Money {
        let vehicle = self.buyout.map_or(Money::ZERO, |buyout| buyout.beyond_rentals());
        self.balance() + vehicle
    }

    /// Everything that is owed: principal, interest, fees, for a lease the rentals that remain, and
    /// what was charged off, less the credit balance.
    pub fn balance(&self) -> Money {
        self.owed() + self.fees_due - self.credit
    }

    /// What is owed beside fees.
    fn owed(&self) -> Money {
        self.principal + self.interest_due + self.rentals_remaining + self.charged_off
    }

    /// What is unpaid of an instalment that has fallen due, from 0: no more than is owed beside
    /// those before it.
    pub(in crate::domain::account) fn unpaid_of(&self, plan: &InstalmentPlan, index: u32) -> Money {
        let (start, end) = (plan.total_of(index), plan.total_of(index.saturating_add(1)));
        let before = (start - self.billed).at_least_zero();
        let unpaid = end - self.billed.max(start);
        unpaid.min(self.owed() - before).at_least_zero()
    }

    /// Days past due: since the due date of the oldest unpaid instalment, 0 on the due date and
    /// when nothing is unpaid.
    pub fn days_past_due(&self) -> i64 {
        self.oldest_unpaid_due_date.map_or(0, |due| days_since(due, self.as_of))
    }
}

fn days_since(due: NaiveDate, as_of: NaiveDate) -> i64 {
    as_of.signed_duration_since(due).num_days().max(0)
}

impl Book {
    /// The last day on the timeline from which on nothing is owed at the close of any day.
    pub(in crate::domain::account) fn owes_nothing_since(&self) -> Option<NaiveDate> {
        self.closes()
            .fold(None, |since, close| close.owes_nothing.then(|| since.unwrap_or(close.as_of)))
    }

    /// Where the account stood at the close of each day on which something moved.
    fn closes(&self) -> impl Iterator<Item = Standing> + '_ {
        let mut running = Running::new(&self.terms);
        let days = self.entries.chunk_by(|one, next| one.effective == next.effective);
        days.filter_map(move |day| {
            for entry in day {
                running.follow(entry);
            }
            day.last().map(|entry| running.clone().standing(entry.effective))
        })
    }

    /// How many instalments are met, oldest first, at the close of each day on which something
    /// moved: all of them while nothing is owed that falls due.
    pub(in crate::domain::account) fn met_on(&self) -> BTreeMap<NaiveDate, u32> {
        let met = self.closes().map(|close| {
            let covered = self.instalments.covered_count(close.billed);
            let all = close.oldest_unpaid_due_date.is_none();
            (close.as_of, if all { self.instalments.count() } else { covered })
        });
        met.collect()
    }

    /// The first instalment, from 0, that is not met at the close of `as_of`. None once nothing is
    /// owed that falls due.
    pub(in crate::domain::account) fn first_open(&self, as_of: NaiveDate) -> Option<u32> {
        let standing = self.standing(as_of);
        standing.oldest_unpaid_due_date?;
        let last = self.instalments.count().saturating_sub(1);
        Some(self.instalments.covered_count(standing.billed).min(last))
    }

    /// Every instalment as it stands at the close of `as_of`, in order.
    pub fn instalment_standings(&self, as_of: NaiveDate) -> Vec<InstalmentStanding> {
        let mut expected = self.running(as_of);
        let standing = expected.clone().standing(as_of);
        let instalments = self.instalments_as_of(as_of);
        let plan = instalments.plan();
        let count = instalments.count();
        let last = count.saturating_sub(1);
        let covered = instalments.covered_count(standing.billed);
        let nothing_due = standing.oldest_unpaid_due_date.is_none();
        let of = |index: u32| {
            let number = index.saturating_add(1);
            let (start, end) = (plan.total_of(index), plan.total_of(number));
            let amount = end - start;
            let paid = (standing.billed - start).at_least_zero().min(amount);
            let due_date = instalments.due_date(index);
            // Those that do not fall due any more are open to nobody.
            let open = if nothing_due || index >= count {
                Money::ZERO
            } else {
                let most = (index != last).then_some(amount - paid);
                expected.expect(due_date.max(as_of), most)
            };
            let is_over = due_date < as_of;
            let met = nothing_due
                || index < covered.min(last)
                || index >= count
                || (is_over && open.is_zero());
            let days_past_due = if met { 0 } else { days_since(due_date, as_of) };
            InstalmentStanding { number, due_date, amount, paid, open, met, days_past_due }
        };
        (0..plan.count).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::book::{Entry, Movement};
    use crate::domain::account::events::Split;
    use crate::domain::account::scenarios::loan;
    use crate::domain::product::Channel;
    use crate::domain::rulebook::Rulebook;
    use crate::ids::{PaymentId, RequestId};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Two instalments of 310.00, of which `paid` was paid on the first one's day.
    fn short_loan(principal: &str, paid: &str) -> Book {
        let mut terms = loan();
        terms.instalments.count = 2;
        terms.principal = principal.parse().unwrap();
        let id = PaymentId::derived(&"a-1".parse().unwrap(), RequestId::derived("pay", ""), 0);
        let what = Movement::Payment {
            id,
            amount: paid.parse().unwrap(),
            channel: Channel::Mail,
            payoff: false,
            split: Split::default(),
        };
        let entry = Entry { effective: day("2026-04-01"), order: 0, what };
        let mut book = Book::new(terms).with_entries(vec![entry]);
        book.reallocate(NaiveDate::MIN, &Rulebook::built_in());
        book
    }

    fn texts(book: &Book, as_of: &str) -> Vec<String> {
        let standings = book.instalment_standings(day(as_of));
        let text = |it: &InstalmentStanding| {
            format!("{} {} {} {} {}", it.number, it.paid, it.open, it.met, it.days_past_due)
        };
        standings.iter().map(text).collect()
    }

    #[test]
    fn a_part_is_paid_and_the_rest_is_past_due_from_the_next_day_on() {
        let book = short_loan("600.00", "400.00");
        assert_eq!(texts(&book, "2026-05-01"), ["1 310.00 0.00 true 0", "2 90.00 204.94 false 0"]);
        assert_eq!(texts(&book, "2026-05-02")[1], "2 90.00 204.98 false 1");
        assert_eq!(book.standing(day("2026-05-02")).past_due.to_string(), "204.98");
    }

    #[test]
    fn what_is_owed_after_the_last_instalment_is_open_there() {
        let book = short_loan("1000.00", "620.00");
        let standing = book.standing(day("2026-05-11"));
        assert_eq!(standing.past_due.to_string(), "389.29");
        assert_eq!(
            texts(&book, "2026-05-11"),
            ["1 310.00 0.00 true 0", "2 310.00 389.29 false 10"]
        );
        assert_eq!(standing.days_past_due(), 10);
        // So is what the last one itself leaves.
        let book = short_loan("1000.00", "310.00");
        assert_eq!(texts(&book, "2026-05-01")[1], "2 0.00 700.38 false 0");
        assert_eq!(texts(&book, "2026-03-31"), ["1 0.00 310.00 false 0", "2 0.00 700.38 false 0"]);
    }

    #[test]
    fn nothing_is_open_once_nothing_is_owed() {
        let book = short_loan("300.00", "310.00");
        assert_eq!(texts(&book, "2026-06-01"), ["1 301.86 0.00 true 0", "2 0.00 0.00 true 0"]);
    }
}
