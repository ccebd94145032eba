//! Our figures against the reported ones, loan by loan and month by month.

mod reasons;
mod verdict;

use std::sync::Arc;

use ledger::domain::account::Denial;
use ledger::domain::money::{Carry, Money};
use ledger::domain::rulebook::Rulebook;
use serde::Serialize;

pub use reasons::DaysReason;
pub use reasons::Reason;
pub use verdict::{Figures, Row, Status};

use super::billing::{Position, positions};
use super::history::{Explained, Inferred, Origin, boarding, infer, reported};
use super::loans::Loan;
use super::plan::{self, Paying};
use super::record::LoanMonth;
use super::replay::{Movements, Replay};

/// How a loan is replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Every month is boarded anew from the report of the month before: each month by itself.
    #[default]
    Reboarded,
    /// Boarded once, and again after a gap: shows how far a loan drifts.
    FreeRunning,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// How loans are replayed.
    pub mode: Mode,
    /// May the payment's day be another than the reported one?
    pub search_dates: bool,
    /// May a month help to tell where its own interest counts from, and the months after it?
    pub hindsight: bool,
    /// The rules in force.
    pub rules: Arc<Rulebook>,
}

/// Replays a loan and compares: one row for each of its months.
pub fn reconcile(loan: &Loan, question: &Question) -> Vec<Row> {
    let inferred = infer(&loan.months);
    let positions = positions(&loan.months);
    let known = Known { loan, inferred: &inferred, positions: &positions, question };
    match question.mode {
        Mode::Reboarded => {
            (0..loan.months.len()).filter_map(|index| known.reboarded(index)).collect()
        }
        Mode::FreeRunning => known.free_running(),
    }
}

struct Known<'a> {
    loan: &'a Loan,
    inferred: &'a [Option<Inferred>],
    positions: &'a [Option<Position>],
    question: &'a Question,
}

/// Why a month cannot be replayed.
enum Stopped {
    /// The month before cannot be boarded.
    NotBoarded,
    /// The ledger refused a command.
    Refused(Denial),
}

impl From<Denial> for Stopped {
    fn from(denial: Denial) -> Self {
        Self::Refused(denial)
    }
}

impl Known<'_> {
    fn reboarded(&self, index: usize) -> Option<Row> {
        let month = self.loan.months.get(index)?;
        let Some((before, _)) = self.loan.step(index) else {
            return Some(Row::boarded(self.loan, month, self.is_gap(index)));
        };
        if before.is_closed() {
            return Some(Row::closed(self.loan, month));
        }
        let inferred = self.inferred.get(index).copied().flatten();
        let hindsight = self.question.hindsight;
        let other = inferred.and_then(|inferred| inferred.other).filter(|_| hindsight);
        let best = inferred.map(|found| if hindsight { found.origin } else { found.foreseen });
        let origin = other.or(best);
        let origin = match origin {
            Some(origin) => origin,
            // Without a payment nothing but the balance and the days past due is compared.
            None if month.paid.is_zero() => reported(before).unwrap_or(Origin {
                paid_through: before.period_end,
                unpaid: Money::ZERO,
                carry: Carry::default(),
            }),
            None => return Some(Row::not_boarded(self.loan, month)),
        };
        let explained = match (other, inferred) {
            (Some(_), _) => Explained::OnItsDay,
            (None, Some(inferred)) => inferred.explained,
            (None, None) => Explained::Not,
        };
        let boarded = self.board_from(index.checked_sub(1)?, &origin);
        let row =
            boarded.and_then(|mut replay| Ok(self.month(&mut replay, before, month, explained)?));
        Some(match row {
            Ok(row) => Row { other_reading: other.is_some(), ..row },
            Err(Stopped::NotBoarded) => Row::not_boarded(self.loan, month),
            Err(Stopped::Refused(denial)) => Row::refused(self.loan, month, &denial),
        })
    }

    /// The loan's account as of the end of a month.
    fn board_from(&self, index: usize, origin: &Origin) -> Result<Replay, Stopped> {
        let month = self.loan.months.get(index).ok_or(Stopped::NotBoarded)?;
        let position = self.positions.get(index).and_then(Option::as_ref);
        let step = position.and_then(|position| plan::boarding(month, origin, position));
        let mut replay = Replay::new(self.loan.account.clone(), Arc::clone(&self.question.rules));
        replay.give(&step.ok_or(Stopped::NotBoarded)?, &mut Movements::default())?;
        Ok(replay)
    }

    fn free_running(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut running: Option<Replay> = None;
        for (index, month) in self.loan.months.iter().enumerate() {
            let step = self.loan.step(index);
            if step.is_none() {
                running = None;
            }
            let row = match (running.as_mut(), step) {
                (Some(replay), Some((before, _)))
                    if !before.is_closed()
                        || replay.open().is_some_and(|open| open.charged_off.is_some()) =>
                {
                    let explained = self.inferred.get(index).copied().flatten();
                    let explained = explained.map_or(Explained::Not, |found| found.explained);
                    let row = self.month(replay, before, month, explained);
                    row.unwrap_or_else(|denial| Row::refused(self.loan, month, &denial))
                }
                _ => {
                    running = self.board(index);
                    let boarded = running.is_some();
                    if boarded || step.is_none() {
                        Row::boarded(self.loan, month, self.is_gap(index))
                    } else if month.is_closed() {
                        Row::closed(self.loan, month)
                    } else {
                        Row::not_boarded(self.loan, month)
                    }
                }
            };
            rows.push(row);
        }
        rows
    }

    fn board(&self, index: usize) -> Option<Replay> {
        let origin = boarding(&self.loan.months, self.inferred, index)?;
        self.board_from(index, &origin).ok()
    }

    fn is_gap(&self, index: usize) -> bool {
        index > 0 && self.loan.step(index).is_none()
    }

    fn month(
        &self,
        replay: &mut Replay,
        before: &LoanMonth,
        month: &LoanMonth,
        explained: Explained,
    ) -> Result<Row, Denial> {
        let begin = replay.open().map_or(Money::ZERO, |open| open.book.final_standing().principal);
        let mut moved = Movements::default();
        let charged_off = replay.open().is_some_and(|open| open.charged_off.is_some());
        let mut searched = None;
        if charged_off {
            if let Some(step) = plan::recovery(month) {
                replay.give(&step, &mut moved)?;
            }
        } else {
            let (paid, found) = self.paid(month, explained);
            searched = found;
            for step in plan::events(month, before.rate(), &paid) {
                replay.give(&step, &mut moved)?;
            }
            let owed = replay.open().is_some_and(|open| open.paid_off.is_none());
            if let Some(step) = plan::charge_off(month).filter(|_| owed) {
                replay.give(&step, &mut moved)?;
            }
        }
        let Some(open) = replay.open() else { return Err(Denial::AccountNotFound) };
        let end = open.standing(month.period_end).principal;
        let ours = Figures {
            interest: moved.interest,
            principal: moved.principal,
            end_balance: end,
            days_past_due: open.days_past_due(month.period_end),
        };
        let holds = moved.holds(begin, end);
        let mut row = Row::compared(self.loan, before, month, ours, holds);
        row.payment_day =
            (!month.paid.is_zero()).then(|| searched.unwrap_or_else(|| plan::reported_day(month)));
        row.searched = searched.is_some();
        if charged_off {
            row.recovered();
        } else {
            row.reason = Some(reasons::reason(&row, before, month, explained));
        }
        Ok(row)
    }

    /// The payments of a month: one on the reported day, or what a search has found; and the day
    /// that was found.
    fn paid(
        &self,
        month: &LoanMonth,
        explained: Explained,
    ) -> (Vec<Paying>, Option<chrono::NaiveDate>) {
        let Some(amount) = month.paid.amount() else { return (Vec::new(), None) };
        let one = |on| vec![Paying { on, amount }];
        let reported = plan::reported_day(month);
        if !self.question.search_dates {
            return (one(reported), None);
        }
        match explained {
            Explained::OnItsDay | Explained::WithinACent | Explained::Not => (one(reported), None),
            Explained::OnAnotherDay(day) => (one(day), Some(day)),
            Explained::TwoPayments(day, first) => {
                // Fees go with the first of them.
                let first = first.money() + month.other;
                let rest = (month.paid - first).amount();
                let paying = |on| move |amount| Paying { on, amount };
                let both = first.amount().map(paying(day)).into_iter();
                (both.chain(rest.map(paying(reported))).collect(), Some(day))
            }
        }
    }
}
