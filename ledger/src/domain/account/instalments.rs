//! When instalments fall due: the plan of the contract, and what has shifted it since.

use chrono::NaiveDate;

use super::book::{Entry, Movement};
use super::terms::{InstalmentPlan, Terms, Tolerance, due_date_in};
use crate::domain::money::Money;

/// From one instalment on, due dates are some months later, or on another day of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// The first instalment that is moved, from 0.
    pub from: u32,
    /// By how many months; one that changes the due day only may move it into another month.
    pub months: i32,
    /// The anchor day from there on, if it changes.
    pub day_of_month: Option<u32>,
}

/// The instalments of an account as they fall due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instalments {
    plan: InstalmentPlan,
    tolerance: Money,
    /// By the order in which they were recorded: each was worked out on what the ones before it had
    /// moved, from whatever day it counts.
    shifts: Vec<(u64, Shift)>,
    /// How many fall due at all, if they end before the last one.
    ended: Option<u32>,
}

impl Instalments {
    /// The instalments of a contract, before anything is shifted.
    pub fn new(terms: &Terms) -> Self {
        let plan = terms.instalments.clone();
        let tolerance = terms.shortfall_tolerance.unwrap_or_default().of(plan.amount);
        Self::shifted(plan, tolerance, Vec::new())
    }

    /// The instalments of a plan as `shifts`, in the order in which they were recorded, move them;
    /// one counts as met when at most `tolerance` is missing.
    pub fn shifted(plan: InstalmentPlan, tolerance: Money, shifts: Vec<Shift>) -> Self {
        let shifts = (0_u64..).zip(shifts).collect();
        Self { plan, tolerance, shifts, ended: None }
    }

    /// Only the first `count` fall due: the leased vehicle came back.
    pub fn end(&mut self, count: u32) {
        self.ended = Some(count.min(self.plan.count));
    }

    /// How many fall due in all.
    pub fn count(&self) -> u32 {
        self.ended.unwrap_or(self.plan.count)
    }

    /// What all that fall due come to.
    pub fn total(&self) -> Money {
        self.plan.total_of(self.count())
    }

    /// The plan of the contract: amounts, and the due dates as they were agreed.
    pub const fn plan(&self) -> &InstalmentPlan {
        &self.plan
    }

    /// How much may be missing of an instalment that counts as met.
    pub const fn tolerance(&self) -> Money {
        self.tolerance
    }

    /// What has shifted it, in the order in which that was recorded.
    pub fn shifts(&self) -> impl ExactSizeIterator<Item = Shift> {
        self.shifts.iter().map(|(_, shift)| *shift)
    }

    /// Moves due dates from one instalment on, after everything that moved them before.
    pub fn shift(&mut self, shift: Shift) {
        let order = self.shifts.last().map_or(0, |(order, _)| order.saturating_add(1));
        self.shifts.push((order, shift));
    }

    /// Follows a movement of the account. One that moves due dates may be known of later than a
    /// movement that was recorded after it.
    pub(super) fn follow(&mut self, entry: &Entry) {
        match &entry.what {
            Movement::Shift(shift) => {
                let at = self.shifts.partition_point(|(other, _)| *other <= entry.order);
                self.shifts.insert(at, (entry.order, *shift));
            }
            Movement::VehicleReturned { due } => self.end(*due),
            Movement::Payment { .. }
            | Movement::Fee { .. }
            | Movement::Refund { .. }
            | Movement::Rate(_)
            | Movement::Principal { .. }
            | Movement::ChargeOff { .. } => {}
        }
    }

    /// The due date of the `index`-th remaining instalment, from 0: the anchor day of its month, or
    /// the last day of a shorter month.
    pub fn due_date(&self, index: u32) -> NaiveDate {
        let mut months = i64::from(index);
        let mut day = self.plan.day_of_month;
        for shift in self.shifts().filter(|shift| shift.from <= index) {
            months = months.saturating_add(i64::from(shift.months));
            day = shift.day_of_month.unwrap_or(day);
        }
        due_date_in(self.plan.first_due_date, months, day)
    }

    /// The anchor day of the `index`-th remaining instalment.
    pub fn day_of_month(&self, index: u32) -> u32 {
        let moved = self.shifts().filter(|shift| shift.from <= index);
        moved.filter_map(|shift| shift.day_of_month).last().unwrap_or(self.plan.day_of_month)
    }

    /// The due date of the last instalment.
    pub fn maturity_date(&self) -> NaiveDate {
        self.due_date(self.plan.count.saturating_sub(1))
    }

    /// How many instalments fall due on or before `date`.
    pub fn due_count(&self, date: NaiveDate) -> u32 {
        if self.shifts.is_empty() {
            return self.plan.due_count(date).min(self.count());
        }
        let (mut due, mut open) = (0, self.count());
        while due < open {
            let middle = due.midpoint(open);
            if self.due_date(middle) <= date {
                due = middle.saturating_add(1);
            } else {
                open = middle;
            }
        }
        due
    }

    /// How many instalments are met by `billed`, oldest first: what is missing through the last of
    /// them is within the contract's tolerance.
    pub fn covered_count(&self, billed: Money) -> u32 {
        self.plan.covered_count(billed + self.tolerance).min(self.count())
    }
}

impl Tolerance {
    /// What may be missing of an instalment of `amount`: never the whole of it.
    fn of(self, amount: crate::domain::money::Amount) -> Money {
        let amount = amount.money();
        let missing = match self {
            Self::Amount(missing) => missing,
            Self::Share(paid) => {
                let paid = amount.decimal().saturating_mul(paid.decimal());
                let rest = amount.decimal().saturating_sub(paid);
                Money::from_cents(Money::round_down(rest).cents())
            }
        };
        missing.min(amount - Money::from_cents(1)).at_least_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instalments(tolerance: Tolerance) -> Instalments {
        let plan = InstalmentPlan {
            amount: "310.00".parse().unwrap(),
            tax: Money::ZERO,
            first_due_date: "2026-01-31".parse().unwrap(),
            day_of_month: 31,
            count: 24,
            first_amount_due: None,
        };
        let tolerance = tolerance.of(plan.amount);
        Instalments::shifted(plan, tolerance, Vec::new())
    }

    fn due(of: &Instalments, index: u32) -> String {
        of.due_date(index).to_string()
    }

    #[test]
    fn the_tolerance_is_an_amount_or_what_a_share_leaves() {
        let amount = "310.00".parse().unwrap();
        let of = |tolerance: Tolerance| tolerance.of(amount).to_string();
        assert_eq!(of(Tolerance::Amount("1.00".parse().unwrap())), "1.00");
        assert_eq!(of(Tolerance::Share("0.9".parse().unwrap())), "31.00");
        let terms = crate::domain::account::scenarios::loan();
        let tolerance = Some(Tolerance::Share("0.9".parse().unwrap()));
        let terms = Terms { shortfall_tolerance: tolerance, ..terms };
        assert_eq!(Instalments::new(&terms).tolerance().to_string(), "31.00");
    }

    #[test]
    fn an_extension_moves_what_is_left_and_keeps_the_anchor_day() {
        let mut dates = instalments(Tolerance::default());
        dates.shift(Shift { from: 2, months: 2, day_of_month: None });
        assert_eq!(due(&dates, 1), "2026-02-28");
        assert_eq!(due(&dates, 2), "2026-05-31");
        assert_eq!(dates.maturity_date().to_string(), "2028-02-29");
        dates.shift(Shift { from: 4, months: -1, day_of_month: Some(10) });
        assert_eq!((due(&dates, 3), due(&dates, 4)), ("2026-06-30".into(), "2026-06-10".into()));
    }

    #[test]
    fn of_two_changes_of_the_due_day_the_one_recorded_last_counts() {
        let moved = |order, day| {
            let shift = Shift { from: 2, months: 0, day_of_month: Some(day) };
            Entry { effective: NaiveDate::default(), order, what: Movement::Shift(shift) }
        };
        let mut recorded = instalments(Tolerance::default());
        recorded.follow(&moved(7, 10));
        recorded.follow(&moved(9, 20));
        let mut by_effective_date = instalments(Tolerance::default());
        by_effective_date.follow(&moved(9, 20));
        by_effective_date.follow(&moved(7, 10));
        assert_eq!(due(&recorded, 2), "2026-03-20");
        assert_eq!(due(&by_effective_date, 2), "2026-03-20");
        assert_eq!([recorded.day_of_month(2), by_effective_date.day_of_month(2)], [20, 20]);
    }

    #[test]
    fn counting_what_is_due_agrees_with_the_dates_one_by_one() {
        let mut dates = instalments(Tolerance::default());
        dates.shift(Shift { from: 3, months: 1, day_of_month: None });
        dates.shift(Shift { from: 5, months: 0, day_of_month: Some(15) });
        dates.shift(Shift { from: 9, months: 12, day_of_month: None });
        let first = dates.due_date(0).pred_opt().unwrap();
        for date in first.iter_days().take(1500) {
            let one_by_one = (0..24).filter(|index| dates.due_date(*index) <= date).count();
            assert_eq!(usize::try_from(dates.due_count(date)), Ok(one_by_one), "{date}");
        }
    }

    #[test]
    fn a_shortfall_within_the_tolerance_is_met() {
        let covered =
            |tolerance, billed: &str| instalments(tolerance).covered_count(billed.parse().unwrap());
        let dollar = Tolerance::Amount("1.00".parse().unwrap());
        assert_eq!([covered(dollar, "308.99"), covered(dollar, "309.00")], [0, 1]);
        assert_eq!([covered(dollar, "618.00"), covered(dollar, "619.00")], [1, 2]);
        let share = Tolerance::Share("0.9".parse().unwrap());
        assert_eq!([covered(share, "278.99"), covered(share, "279.00")], [0, 1]);
        let all = Tolerance::Amount("999.00".parse().unwrap());
        assert_eq!([covered(all, "0.00"), covered(all, "0.01")], [0, 1]);
    }
}
