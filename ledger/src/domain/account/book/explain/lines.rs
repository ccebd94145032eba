//! The lines of an explanation.

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{Figure, Line, Origin, What, shown};
use crate::domain::account::book::running::{Cut, Earning, End, Running};
use crate::domain::account::book::{Book, Entry, Movement, Standing};
use crate::domain::money::Money;
use crate::domain::product::Product;

/// Decimals of a line of interest. What is lost of it is in the line that rounds to the cent.
const INTEREST_DECIMALS: u32 = 12;

/// The lines of `figure` as `standing` has it.
pub(super) fn of(book: &Book, figure: Figure, standing: &Standing) -> Vec<Line> {
    let mut lines = Lines { book, as_of: standing.as_of, written: Vec::new() };
    lines.explain(figure, standing);
    lines.written
}

/// An explanation that is being written.
struct Lines<'a> {
    book: &'a Book,
    as_of: NaiveDate,
    written: Vec<Line>,
}

impl Lines<'_> {
    fn explain(&mut self, figure: Figure, standing: &Standing) {
        let terms = &self.book.terms;
        let shown = shown(figure, standing);
        let is_lease = terms.product == Product::Lease;
        match figure {
            Figure::Principal => {
                self.boarded(figure, terms.principal);
                self.movements(figure);
            }
            Figure::AccruedInterest => {
                self.boarded(figure, terms.unpaid_interest);
                self.opening(figure, What::Carry, terms.interest_carry.decimal());
                self.accruals();
                self.movements(figure);
                self.close(figure, What::Rounding, shown);
            }
            Figure::FeesDue => {
                self.boarded(figure, terms.unpaid_fees);
                self.movements(figure);
            }
            Figure::RentalsRemaining if is_lease => {
                let plan = self.book.instalments().plan();
                self.boarded(figure, plan.total_of(plan.count));
                self.movements(figure);
                let cut = self.cut().is_some();
                self.close(figure, if cut { What::TaxNotDue } else { What::PaidAhead }, shown);
            }
            Figure::RentalsDue if is_lease => {
                let through = self.cut().map_or(self.as_of, |cut| cut.on);
                self.instalments(figure, through);
                self.movements(figure);
                self.close(figure, What::PaidAhead, shown);
            }
            Figure::RentalsDue | Figure::RentalsRemaining => {}
            Figure::PastDue => self.past_due(standing),
            Figure::ChargedOff | Figure::CreditBalance => self.movements(figure),
            Figure::Payoff => self.payoff(standing),
        }
    }

    fn payoff(&mut self, standing: &Standing) {
        for part in [
            Figure::Principal,
            Figure::AccruedInterest,
            Figure::FeesDue,
            Figure::RentalsRemaining,
            Figure::ChargedOff,
        ] {
            self.explain(part, standing);
        }
        if let Some(buyout) = standing.buyout {
            let tax_ahead = -buyout.tax_ahead;
            self.opening(Figure::Payoff, What::TaxNotDue, tax_ahead.decimal());
            self.opening(Figure::Payoff, What::Residual, buyout.residual.decimal());
            self.opening(Figure::Payoff, What::SalesTax, buyout.sales_tax.decimal());
        }
        let owed = self.written.len();
        self.explain(Figure::CreditBalance, standing);
        for line in self.written.iter_mut().skip(owed) {
            line.amount = Decimal::ZERO.saturating_sub(line.amount);
        }
        self.close(Figure::Payoff, What::LeftOver, standing.payoff().at_least_zero());
    }

    /// Instalments, what met them, and what makes the rest more, or less, than what is past due.
    fn past_due(&mut self, standing: &Standing) {
        let Some(yesterday) = self.as_of.pred_opt() else { return };
        let instalments = self.book.instalments_as_of(self.as_of);
        let due = instalments.due_count(yesterday);
        self.instalments(Figure::PastDue, yesterday);
        self.movements(Figure::PastDue);
        let open = instalments.plan().total_of(due) - standing.billed;
        let why = if due >= instalments.count() {
            What::Matured
        } else if due > instalments.covered_count(standing.billed) {
            What::NotOwed
        } else if open.is_positive() {
            What::Tolerance
        } else {
            What::PaidAhead
        };
        self.close(Figure::PastDue, why, standing.past_due);
    }

    fn opening(&mut self, part: Figure, what: What, amount: Decimal) {
        let (effective_date, origin) = (Some(self.book.terms.opened_date), Some(Origin::Opening));
        if !amount.is_zero() {
            self.written.push(Line { part, what, amount, effective_date, origin });
        }
    }

    fn boarded(&mut self, part: Figure, amount: Money) {
        self.opening(part, What::Boarded, amount.decimal());
    }

    /// Where the rentals of a lease end before the last one, as of the day that is explained.
    fn cut(&self) -> Option<Cut> {
        self.book.running(self.as_of).cut()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let as_of = self.as_of;
        self.book.entries().iter().take_while(move |entry| entry.effective <= as_of)
    }

    /// What every movement adds to `part`.
    fn movements(&mut self, part: Figure) {
        let returned = self.vehicle_returned(part);
        let mut given_up = false;
        let moved: Vec<Line> = self
            .entries()
            .flat_map(|entry| {
                given_up |= entry.what.is_whole_charge_off();
                let came_back = matches!(entry.what, Movement::VehicleReturned { .. });
                let effects =
                    if came_back { returned.clone() } else { effects(part, &entry.what, given_up) };
                effects.into_iter().map(|(what, amount)| Line {
                    part,
                    what,
                    amount: amount.decimal(),
                    effective_date: Some(entry.effective),
                    origin: Some(Origin::Movement(entry.order)),
                })
            })
            .filter(|line| !line.amount.is_zero())
            .collect();
        self.written.extend(moved);
    }

    /// What a leased vehicle that came back adds to `part`: nothing if it was bought before that.
    fn vehicle_returned(&self, part: Figure) -> Vec<(What, Money)> {
        let Some(End::Returned { base_ahead, tax_ahead }) = self.cut().map(|cut| cut.why) else {
            return Vec::new();
        };
        let ahead = base_ahead + tax_ahead;
        let instalments = self.book.instalments();
        let plan = instalments.plan();
        let never_due = plan.total_of(plan.count) - instalments.total();
        let amounts = match part {
            Figure::RentalsRemaining => vec![-never_due, ahead],
            Figure::RentalsDue | Figure::PastDue | Figure::CreditBalance => vec![ahead],
            Figure::Principal
            | Figure::AccruedInterest
            | Figure::FeesDue
            | Figure::ChargedOff
            | Figure::Payoff => Vec::new(),
        };
        amounts.into_iter().map(|amount| (What::VehicleReturned, amount)).collect()
    }

    /// What was earned, a line for each stretch in which neither principal nor rate nor divisor
    /// changes.
    fn accruals(&mut self) {
        let mut running = Running::new(&self.book.terms);
        let mut origin = Origin::Opening;
        let mut earned = Vec::new();
        for entry in self.entries() {
            let before = running.earning();
            running.follow(entry);
            let now = running.earning();
            if now != before {
                earned.push((before, now.since, origin));
                origin = Origin::Movement(entry.order);
            }
        }
        earned.push((running.earning(), self.as_of, origin));
        for (earning, to, origin) in earned {
            self.accrued(earning, to, origin);
        }
    }

    fn accrued(&mut self, earning: Earning, to: NaiveDate, origin: Origin) {
        let Earning { since, principal, rate } = earning;
        if principal.is_zero() {
            return;
        }
        let a_day = principal.decimal().saturating_mul(rate.decimal());
        for days in self.book.terms.day_count.by_divisor(since, to) {
            let exact = a_day
                .saturating_mul(Decimal::from(days.count))
                .checked_div(Decimal::from(days.divisor))
                .unwrap_or_default();
            let nearest = RoundingStrategy::MidpointAwayFromZero;
            let amount = exact.round_dp_with_strategy(INTEREST_DECIMALS, nearest).normalize();
            self.written.push(Line {
                part: Figure::AccruedInterest,
                what: What::Accrued { days, principal, rate },
                amount,
                effective_date: Some(days.from),
                origin: Some(origin),
            });
        }
    }

    /// The instalments that fell due by the close of `through`.
    fn instalments(&mut self, part: Figure, through: NaiveDate) {
        let shifts: Vec<(u32, u64)> = self
            .entries()
            .filter_map(|entry| {
                let Movement::Shift(shift) = &entry.what else { return None };
                Some((shift.from, entry.order))
            })
            .collect();
        let instalments = self.book.instalments_as_of(self.as_of);
        let plan = instalments.plan();
        for index in 0..instalments.due_count(through) {
            let number = index.saturating_add(1);
            let due_date = instalments.due_date(index);
            let moved = shifts.iter().rev().find(|(from, _)| *from <= index);
            let origin = moved.map_or(Origin::Opening, |(_, order)| Origin::Movement(*order));
            self.written.push(Line {
                part,
                what: What::Instalment { number, due_date },
                amount: (plan.total_of(number) - plan.total_of(index)).decimal(),
                effective_date: Some(due_date),
                origin: Some(origin),
            });
        }
    }

    /// What is missing from the lines of `part`, or all lines of a payoff, to what is shown.
    fn close(&mut self, part: Figure, why: What, shown: Money) {
        let whole = part == Figure::Payoff;
        let counted = self.written.iter().filter(|line| whole || line.part == part);
        let sum = counted.fold(Decimal::ZERO, |sum, line| sum.saturating_add(line.amount));
        let amount = shown.decimal().saturating_sub(sum).normalize();
        if !amount.is_zero() {
            let (effective_date, origin) = (None, None);
            self.written.push(Line { part, what: why, amount, effective_date, origin });
        }
    }
}

/// What a movement adds to `part`; `given_up` once everything is charged off.
fn effects(part: Figure, movement: &Movement, given_up: bool) -> Vec<(What, Money)> {
    match movement {
        Movement::Payment { id, amount, split, .. } => {
            let forgiven = split.write_off.unwrap_or_default();
            let (paid, written_off) = match part {
                Figure::Principal => (-split.principal, -forgiven.principal),
                Figure::AccruedInterest => (-split.interest, -forgiven.interest),
                Figure::FeesDue => (-split.fees, -forgiven.fees),
                Figure::ChargedOff => (-split.recovery, Money::ZERO),
                Figure::CreditBalance => (split.credit, forgiven.credit),
                Figure::RentalsDue | Figure::RentalsRemaining | Figure::PastDue => {
                    (-split.billed(*amount, given_up), Money::ZERO)
                }
                Figure::Payoff => (Money::ZERO, Money::ZERO),
            };
            vec![(What::Payment(*id), paid), (What::WriteOff(*id), written_off)]
        }
        Movement::Fee { id, kind, amount } if part == Figure::FeesDue => {
            vec![(What::Fee(*id, *kind), amount.money())]
        }
        Movement::Refund { id, amount } if part == Figure::CreditBalance => {
            vec![(What::Refund(*id), -amount.money())]
        }
        Movement::Principal { id, change, credited } => match part {
            Figure::Principal => vec![(What::Adjustment(*id), *change + *credited)],
            Figure::CreditBalance => vec![(What::Adjustment(*id), *credited)],
            Figure::AccruedInterest
            | Figure::FeesDue
            | Figure::RentalsDue
            | Figure::RentalsRemaining
            | Figure::PastDue
            | Figure::ChargedOff
            | Figure::Payoff => Vec::new(),
        },
        Movement::ChargeOff { id, taken, .. } => {
            let change = match part {
                Figure::Principal => -taken.principal,
                Figure::AccruedInterest => -taken.interest,
                Figure::FeesDue => -taken.fees(),
                Figure::ChargedOff => taken.total(),
                Figure::RentalsDue => -(taken.rentals + taken.rental_tax),
                Figure::RentalsRemaining => -taken.rentals_in_all(),
                Figure::PastDue | Figure::CreditBalance | Figure::Payoff => Money::ZERO,
            };
            vec![(What::ChargeOff(*id), change)]
        }
        Movement::Fee { .. }
        | Movement::Refund { .. }
        | Movement::Rate(_)
        | Movement::Shift(_)
        | Movement::VehicleReturned { .. } => Vec::new(),
    }
}
