//! One account's row, and what each event changes in it.

use chrono::{DateTime, Days, NaiveDate};
use ledger::domain::account::events::{AccountPaidOff, Event};
use ledger::domain::account::instalments::Instalments;
use ledger::domain::account::terms::Terms;
use ledger::domain::cutoff::eastern_date;
use ledger::domain::journal::{LedgerAccount, Line};
use ledger::domain::money::{Money, Rate};
use ledger::domain::product::Product;
use ledger::ids::AccountId;

use super::At;

/// One account.
#[derive(Debug)]
pub(crate) struct AccountRow {
    pub(super) key: i64,
    pub(super) product: Product,
    /// As they fall due by everything that is known.
    pub(super) instalments: Instalments,
    /// Of its late fee, if the contract has one.
    pub(super) grace_days: Option<u16>,
    /// Is it a lease whose vehicle can be bought, or was?
    pub(super) has_residual: bool,
    /// Set until the row is in the table.
    pub(super) opened: Option<Box<Opened>>,
    /// In the order of the chart.
    pub(super) ledger: Vec<Money>,
    pub(super) accrued_through: NaiveDate,
    /// What payments have paid of the contract, which satisfies the instalments, oldest first: it
    /// can be more than they come to.
    pub(super) billed: Money,
    pub(super) rate: Rate,
    /// The first day that earns at it.
    pub(super) rate_from: NaiveDate,
    /// What all charge-offs take, whatever was recovered since.
    pub(super) charged_off_total: Money,
    /// Set once everything owed was charged off.
    pub(super) charged_off: Option<NaiveDate>,
    /// When the leased vehicle came back, and how many rentals had fallen due by then.
    pub(super) vehicle_returned: Option<(NaiveDate, u32)>,
    pub(super) non_accrual: Option<NaiveDate>,
    /// The last day on which something was recorded by which a met instalment may have been late.
    pub(super) late_after_all: Option<NaiveDate>,
    pub(super) paid_off: Option<AccountPaidOff>,
}

/// What is written once.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: AccountId,
    pub(super) terms: Terms,
}

impl AccountRow {
    pub(super) fn new(id: &AccountId, terms: &Terms, at: At) -> Self {
        Self {
            key: at.position,
            product: terms.product,
            instalments: Instalments::new(terms),
            grace_days: terms.late_fee.map(|fee| fee.grace_days),
            has_residual: terms.purchase_option.is_some(),
            opened: Some(Box::new(Opened { id: id.clone(), terms: terms.clone() })),
            ledger: vec![Money::ZERO; LedgerAccount::ALL.len()],
            accrued_through: terms.opened_date,
            billed: Money::ZERO,
            rate: terms.annual_rate,
            rate_from: terms.interest_paid_through,
            charged_off_total: Money::ZERO,
            charged_off: None,
            vehicle_returned: None,
            non_accrual: None,
            late_after_all: None,
            paid_off: None,
        }
    }

    fn post(&mut self, lines: &[Line]) {
        for line in lines {
            let at = LedgerAccount::ALL.iter().position(|other| *other == line.account);
            if let Some(balance) = at.and_then(|at| self.ledger.get_mut(at)) {
                *balance += line.amount;
            }
        }
    }

    /// How many instalments are met, oldest first.
    fn covered_count(&self) -> u32 {
        self.instalments.covered_count(self.billed)
    }

    /// Is anything owed but fees? What was charged off is, until it is recovered.
    fn owes_instalments(&self) -> bool {
        let balance = |account| {
            let at = LedgerAccount::ALL.iter().position(|other| *other == account);
            at.and_then(|at| self.ledger.get(at)).copied().unwrap_or_default()
        };
        let bought = self.has_residual
            && balance(LedgerAccount::LeasedVehicles).is_zero()
            && balance(LedgerAccount::ReturnedVehicles).is_zero();
        let rentals = self.product == Product::Lease
            && self.billed < self.instalments.total()
            && self.charged_off.is_none()
            && !bought;
        let charged_off = self.charged_off_total + balance(LedgerAccount::Recoveries);
        rentals
            || self.non_accrual.is_some()
            || charged_off.is_positive()
            || balance(LedgerAccount::Principal).is_positive()
            || balance(LedgerAccount::AccruedInterest).is_positive()
    }

    /// The due date of the oldest instalment that is not met, and of the first such one that falls
    /// due on or after the account's last accounting day. None once nothing is owed; what was
    /// charged off falls due no more.
    pub(super) fn due_dates(&self) -> (Option<NaiveDate>, Option<NaiveDate>) {
        let count = self.instalments.count();
        if self.paid_off.is_some() || !self.owes_instalments() || count == 0 {
            return (None, None);
        }
        // What is still owed after the last instalment has been due since then.
        let oldest = self.covered_count().min(count.saturating_sub(1));
        let yesterday = self.accrued_through.pred_opt().unwrap_or(self.accrued_through);
        let next = oldest.max(self.instalments.due_count(yesterday));
        let next =
            (next < count && self.charged_off.is_none()).then(|| self.instalments.due_date(next));
        (Some(self.instalments.due_date(oldest)), next)
    }

    /// Notes the day of recording if a fee may be due for an instalment that is met: it was met
    /// after its grace was over, or what was paid within the grace is now another than before.
    /// `met` is how many were met before the event.
    fn look_for_late(&mut self, event: &Event, met: u32, at: At) {
        let Some(grace) = self.grace_days else { return };
        let Some(effective) = event.effective_date() else { return };
        let recorded = eastern_date(DateTime::from_timestamp_nanos(at.nanos));
        let last_grace_day = |index: u32| {
            let due = self.instalments.due_date(index);
            due.checked_add_days(Days::new(grace.into())).unwrap_or(NaiveDate::MAX)
        };
        let judged_anew = (0..self.covered_count())
            .rev()
            .map(|index| (index, last_grace_day(index)))
            .take_while(|(index, last)| *index >= met || *last >= effective);
        if judged_anew.into_iter().any(|(_, last)| last < recorded) {
            self.late_after_all = Some(recorded);
        }
    }

    /// What an event posts, and through which day. Other due dates catch nothing up, unless
    /// payments pay something else; an opening and what the bank settles never do.
    fn post_event(&mut self, event: &Event) {
        let (Some(posting), Some(effective)) = (event.posting(), event.effective_date()) else {
            return;
        };
        self.post(&posting.lines);
        self.billed = posting.billed.unwrap_or(self.billed);
        let catches_up = !event.is_settlement()
            && !matches!(
                event,
                Event::AccountOpened(_) | Event::ExtensionGranted(_) | Event::DueDateChanged(_)
            );
        if catches_up || posting.restates() {
            let through = posting.gl_date(effective).max(effective);
            self.accrued_through = self.accrued_through.max(through);
        }
    }

    pub(super) fn follow(&mut self, event: &Event, at: At) {
        let met = self.covered_count();
        self.post_event(event);
        match event {
            Event::AccountPaidOff(paid_off) => self.paid_off = Some(paid_off.clone()),
            Event::PayoffReversed(_) => self.paid_off = None,
            Event::RateChanged(changed) if changed.effective_date >= self.rate_from => {
                (self.rate, self.rate_from) = (changed.annual_rate, changed.effective_date);
            }
            Event::ExtensionGranted(granted) => self.instalments.shift(granted.shift()),
            Event::DueDateChanged(changed) => self.instalments.shift(changed.shift()),
            Event::AccountChargedOff(charged_off) if charged_off.part.is_none() => {
                self.charged_off = Some(charged_off.effective_date);
            }
            Event::VehicleReturned(returned) => {
                self.vehicle_returned = Some((returned.effective_date, returned.rentals_due));
                self.instalments.end(returned.rentals_due);
            }
            Event::NonAccrualStarted(started) => self.non_accrual = Some(started.since()),
            Event::AccrualResumed(_) => self.non_accrual = None,
            Event::AccountOpened(_)
            | Event::PaymentScheduled(_)
            | Event::PaymentCancelled(_)
            | Event::PaymentApplied(_)
            | Event::PaymentReceived(_)
            | Event::PaymentReturned(_)
            | Event::PaymentReinstated(_)
            | Event::PaymentSettled(_)
            | Event::FeeAssessed(_)
            | Event::FeeWaived(_)
            | Event::RateChanged(_)
            | Event::PrincipalAdjusted(_)
            | Event::AccountChargedOff(_)
            | Event::PayoffQuoted(_)
            | Event::CreditRefunded(_)
            | Event::RefundReturned(_)
            | Event::RefundSettled(_)
            | Event::LienRecorded(_)
            | Event::LienReleased(_)
            | Event::RequestRefused(_)
            | Event::NothingChanged(_) => {}
        }
        self.look_for_late(event, met, at);
    }
}
