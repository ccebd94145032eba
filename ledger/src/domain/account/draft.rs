//! Events of one decision, each worked out on what the one before leaves behind, and what follows
//! from them for the account.

use chrono::NaiveDate;

use super::aging::{not_accruing_since, wrongly_late};
use super::events::{AccrualResumed, Event, NonAccrualStarted, Posting, WaiveReason};
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
    /// less, interest income stops, or is booked again since the account was current, and it is
    /// paid off or is not.
    pub(super) fn conclude(mut self, subject: Option<PaymentId>) -> Vec<Event> {
        // One after the other: a waiver may change what later payments satisfied.
        while let Some((fee, right)) = wrongly_late(&self.account) {
            self.correct_late_fee(fee, right);
        }
        self.settle_accrual();
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

    /// Stops booking interest income, or books it again. Said anew when a change moves the day from
    /// which on it is not booked, or when a log of before had not said what stays booked.
    fn settle_accrual(&mut self) {
        let recorded = self.account.book.non_accrual_since();
        let since = not_accruing_since(&self.account, self.context);
        if recorded.or(since).is_none() {
            return;
        }
        let today = self.context.today();
        let posting = self.interest_catch_up(since);
        let Some(day) = since else {
            let resumed = AccrualResumed { effective_date: today, posting };
            return self.push(Event::AccrualResumed(resumed));
        };
        if since != recorded || !posting.lines.is_empty() {
            let days = self.account.standing(today).days_past_due();
            self.push(Event::NonAccrualStarted(NonAccrualStarted {
                as_of: today,
                days_past_due: u32::try_from(days).unwrap_or(u32::MAX),
                since: since.filter(|_| day != today),
                posting: Some(posting),
            }));
        }
    }

    /// What brings interest in the general ledger up to today, or to what was earned by `since`.
    fn interest_catch_up(&self, since: Option<NaiveDate>) -> Posting {
        let mut book = self.account.book.clone();
        book.set_non_accrual(since);
        let entries = book.entries().to_vec();
        let (effective, gl_date) = (self.context.today(), self.context.gl_date());
        let change = Change { subject: Subject::CatchUp, entries, effective, gl_date };
        restate(&book, change, self.context).posting
    }
}
