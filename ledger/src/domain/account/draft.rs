//! Events of one decision, each worked out on what the one before leaves behind, and what follows
//! from them for the account.

use super::aging::{is_current, stop_accrual, wrongly_late};
use super::events::{AccrualResumed, Event, WaiveReason};
use super::fees::{self, Charge};
use super::posting::{Change, Subject, restate};
use super::state::OpenAccount;
use super::{Context, payoff};
use crate::domain::money::Amount;
use crate::ids::{FeeId, PaymentId};

/// A decision that is being worked out.
pub(super) struct Draft<'a> {
    /// The account after the events so far.
    pub(super) account: OpenAccount,
    events: Vec<Event>,
    context: &'a Context<'a>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(open: &OpenAccount, context: &'a Context<'a>) -> Self {
        Self { account: open.clone(), events: Vec::new(), context }
    }

    pub(super) fn push(&mut self, event: Event) {
        self.account.follow(&event, self.context.received_at);
        self.events.push(event);
    }

    /// Notes that the account is paid off, or is so no longer.
    pub(super) fn note_payoff(&mut self, subject: Option<PaymentId>) {
        if let Some(event) = payoff::change(&self.account, subject, self.context) {
            self.push(event);
        }
    }

    /// What follows from money that moved: late fees for what was not late after all go or become
    /// less, interest income stops, or is booked again once nothing is past due, and the account is
    /// paid off or is not.
    pub(super) fn conclude(mut self, subject: Option<PaymentId>) -> Vec<Event> {
        // One after the other: a waiver may change what later payments satisfied.
        while let Some((fee, right)) = wrongly_late(&self.account) {
            self.correct_late_fee(fee, right);
        }
        self.resume_accrual();
        if let Some(stopped) = stop_accrual(&self.account, self.context) {
            self.push(stopped);
        }
        self.note_payoff(subject);
        self.events
    }

    /// The events so far, without what follows from them.
    pub(super) fn finish(self) -> Vec<Event> {
        self.events
    }

    /// Takes a late fee back, and charges what is right for the same instalment and day.
    fn correct_late_fee(&mut self, fee: FeeId, right: Option<Amount>) {
        let Some(charged) = self.account.fees.get(&fee).cloned() else { return };
        let (context, reason) = (self.context, WaiveReason::Corrected);
        self.push(fees::take_back(&self.account, (fee, &charged), reason, context));
        if let (Some(amount), Some(number)) = (right, charged.instalment) {
            let owed = Charge {
                fee: FeeId::of_correction(context.account, context.request, number),
                kind: charged.kind,
                amount,
                on: charged.effective_date,
                payment: None,
                instalment: Some(number),
            };
            self.push(fees::charge(&self.account, owed, context));
        }
    }

    fn resume_accrual(&mut self) {
        let today = self.context.today();
        if !self.account.book.is_non_accrual() || !is_current(&self.account, today) {
            return;
        }
        let mut book = self.account.book.clone();
        book.set_non_accrual(false);
        let entries = book.entries().to_vec();
        let gl_date = self.context.gl_date();
        let change = Change { subject: Subject::CatchUp, entries, effective: today, gl_date };
        let posting = restate(&book, change, self.context).posting;
        self.push(Event::AccrualResumed(AccrualResumed { effective_date: today, posting }));
    }
}
