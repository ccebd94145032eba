//! What each event changes.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    Fee, OpenAccount, Payment, Progress, Quote, Receipt, Refund, Schedule, Settlement, Title,
};
use crate::domain::account::book::{Entry, Movement};
use crate::domain::account::events::{
    AccountChargedOff, CreditRefunded, Event, FeeAssessed, FeeWaived, LeftOpen, LienReleased,
    PaymentApplied, PaymentReceived, PaymentReinstated, PaymentReturned, PaymentScheduled,
    PaymentSettled, Posting, PrincipalAdjusted, RefundReturned, RefundSettled, Reopened,
};
use crate::domain::account::instalments::Shift;
use crate::domain::product::Channel;
use crate::ids::PaymentId;

impl OpenAccount {
    pub(in crate::domain::account) fn follow(&mut self, event: &Event, at: DateTime<Utc>) {
        match event {
            Event::AccountOpened(_) | Event::RequestRefused(_) | Event::NothingChanged(_) => {}
            Event::PaymentScheduled(scheduled) => self.payment_scheduled(scheduled, at),
            Event::PaymentCancelled(cancelled) => {
                if let Some(payment) = self.payment_mut(&cancelled.payment) {
                    payment.progress = Progress::Cancelled { at, reason: cancelled.reason };
                }
            }
            Event::PaymentApplied(applied) => self.payment_applied(applied, at),
            Event::PaymentReceived(received) => self.payment_received(received, at),
            Event::PaymentReturned(returned) => self.payment_returned(returned, at),
            Event::PaymentReinstated(reinstated) => self.payment_reinstated(reinstated),
            Event::PaymentSettled(settled) => self.payment_settled(settled),
            Event::FeeAssessed(assessed) => self.fee_assessed(assessed),
            Event::FeeWaived(waived) => self.fee_waived(waived),
            Event::RateChanged(changed) => {
                let what = Movement::Rate(changed.annual_rate);
                self.moved(changed.effective_date, what, &changed.posting);
            }
            Event::PrincipalAdjusted(adjusted) => self.principal_adjusted(adjusted),
            Event::ExtensionGranted(granted) => {
                self.extensions.push((granted.effective_date, granted.months));
                self.dates_moved(granted.effective_date, granted.shift(), &granted.posting);
            }
            Event::DueDateChanged(changed) => {
                self.dates_moved(changed.effective_date, changed.shift(), &changed.posting);
            }
            Event::AccountChargedOff(charged_off) => self.account_charged_off(charged_off),
            Event::VehicleReturned(returned) => {
                let what = Movement::VehicleReturned { due: returned.rentals_due };
                self.moved(returned.effective_date, what, &returned.posting);
            }
            Event::NonAccrualStarted(started) => {
                self.book.set_non_accrual(Some(started.since()));
                if let Some(posting) = &started.posting {
                    self.book.post(started.as_of, posting);
                }
            }
            Event::AccrualResumed(resumed) => {
                self.book.set_non_accrual(None);
                self.book.post(resumed.effective_date, &resumed.posting);
            }
            Event::PayoffQuoted(quoted) => {
                self.quotes.insert(quoted.quote, Quote { quoted: quoted.clone(), at });
            }
            Event::CreditRefunded(refunded) => self.credit_refunded(refunded),
            Event::RefundReturned(returned) => self.refund_returned(returned),
            Event::RefundSettled(settled) => self.refund_settled(settled),
            Event::LienRecorded(lien) => self.title = Title::Held(lien.clone()),
            Event::AccountPaidOff(paid_off) => self.paid_off = Some(paid_off.clone()),
            Event::PayoffReversed(_) => self.paid_off = None,
            Event::LienReleased(released) => self.lien_released(released, at),
        }
        self.refresh_splits(event);
    }

    fn payment_mut(&mut self, id: &PaymentId) -> Option<&mut Payment> {
        self.payments.get_mut(id)
    }

    fn payment_scheduled(&mut self, scheduled: &PaymentScheduled, at: DateTime<Utc>) {
        let payment = Payment {
            id: scheduled.payment,
            channel: Channel::OwnAch,
            amount: scheduled.amount,
            effective_date: scheduled.payment_date,
            progress: Progress::Scheduled,
            schedule: Some(Schedule {
                scheduled_at: at,
                window: scheduled.window,
                cutoff_at: scheduled.cutoff_at,
                origination_date: scheduled.origination_date,
                funding: scheduled.funding.clone(),
            }),
            receipt: None,
            payoff_quote: scheduled.payoff_quote,
            split: None,
            settlement: None,
            applied_at: None,
            return_codes: Vec::new(),
            order: 0,
            since: 0,
        };
        self.payments.insert(payment);
    }

    fn payment_applied(&mut self, applied: &PaymentApplied, at: DateTime<Utc>) {
        let order = self.movements;
        if let Some(payment) = self.payment_mut(&applied.payment) {
            payment.progress = Progress::Applied;
            payment.applied_at = Some(at);
            payment.split = Some(applied.split);
            payment.payoff_quote = applied.payoff_quote;
            (payment.order, payment.since) = (order, order);
        }
        let what = Movement::Payment {
            id: applied.payment,
            amount: applied.amount,
            channel: Channel::OwnAch,
            payoff: applied.payoff_quote.is_some(),
            split: applied.split,
        };
        self.moved(applied.effective_date, what, &applied.posting);
    }

    fn payment_received(&mut self, received: &PaymentReceived, at: DateTime<Utc>) {
        let payment = Payment {
            id: received.payment,
            channel: received.channel,
            amount: received.amount,
            effective_date: received.effective_date,
            progress: Progress::Applied,
            schedule: None,
            receipt: Some(Receipt {
                reference: received.reference.clone(),
                third_party_fee: received.third_party_fee,
                guaranteed_funds: received.guaranteed_funds,
                paid_by_dealer: received.paid_by_dealer,
            }),
            payoff_quote: received.payoff_quote,
            split: Some(received.split),
            settlement: None,
            applied_at: Some(at),
            return_codes: Vec::new(),
            order: self.movements,
            since: self.movements,
        };
        let what = payment.entry(received.split).what;
        self.payments.insert(payment);
        self.moved(received.effective_date, what, &received.posting);
    }

    fn payment_returned(&mut self, returned: &PaymentReturned, at: DateTime<Utc>) {
        if let Some(payment) = self.payment_mut(&returned.payment) {
            let PaymentReturned { return_code, return_due_date, .. } = returned;
            let (return_code, return_due_date) = (return_code.clone(), *return_due_date);
            payment.return_codes.push(return_code.clone());
            payment.progress = Progress::Returned { at, return_code, return_due_date };
        }
        let reopened = returned.reopened.iter().map(|reopened| (returned.payment, *reopened));
        self.reopened.extend(reopened);
        self.book.remove(|what| what.is_payment(returned.payment));
        self.book.post(returned.effective_date, &returned.posting);
    }

    fn payment_reinstated(&mut self, reinstated: &PaymentReinstated) {
        let named = |payment: PaymentId| {
            payment == reinstated.payment
                || reinstated.reopened.iter().any(|left| left.payment == payment)
        };
        self.reopened.retain(|(payment, _)| !named(*payment));
        let left_open = reinstated.reopened.iter().map(|left| {
            let LeftOpen { payment, instalment, grace_from } = *left;
            (payment, Reopened { instalment, grace_from })
        });
        self.reopened.extend(left_open);
        let since = self.movements;
        if let Some(payment) = self.payments.get_mut(&reinstated.payment) {
            payment.progress = Progress::Applied;
            payment.since = since;
            payment.split = Some(reinstated.split);
            self.book.insert(payment.entry(reinstated.split));
        }
        self.book.post(reinstated.effective_date, &reinstated.posting);
    }

    fn payment_settled(&mut self, settled: &PaymentSettled) {
        if let Some(payment) = self.payment_mut(&settled.payment) {
            let (date, withheld) = (settled.effective_date, settled.withheld);
            payment.settlement = Some(Settlement { date, withheld });
        }
        self.book.post_lines(&settled.posting);
    }

    fn fee_assessed(&mut self, assessed: &FeeAssessed) {
        let (effective_date, amount) = (assessed.effective_date, assessed.amount);
        let what = Movement::Fee { id: assessed.fee, kind: assessed.kind, amount };
        let entry = self.fee_entry(effective_date, what, assessed.replaces);
        let fee = Fee {
            kind: assessed.kind,
            amount,
            effective_date,
            payment: assessed.payment,
            instalment: assessed.instalment,
            waived: None,
            order: entry.order,
            since: self.movements,
        };
        self.fees.insert(assessed.fee, fee);
        self.recorded(entry, &assessed.posting);
    }

    fn fee_waived(&mut self, waived: &FeeWaived) {
        if let Some(fee) = self.fees.get_mut(&waived.fee) {
            fee.waived = Some(waived.reason);
        }
        self.book.remove(|what| what.is_fee(waived.fee));
        self.book.post(waived.effective_date, &waived.posting);
    }

    fn principal_adjusted(&mut self, adjusted: &PrincipalAdjusted) {
        let (id, change) = (adjusted.adjustment, adjusted.change);
        let what = Movement::Principal { id, change, credited: adjusted.credited };
        self.moved(adjusted.effective_date, what, &adjusted.posting);
    }

    fn account_charged_off(&mut self, charged_off: &AccountChargedOff) {
        let (part, taken) = (charged_off.part, charged_off.taken);
        if part.is_none() {
            self.charged_off = Some(charged_off.effective_date);
        }
        let what = Movement::ChargeOff { id: charged_off.charge_off, part, taken };
        self.moved(charged_off.effective_date, what, &charged_off.posting);
    }

    fn credit_refunded(&mut self, refunded: &CreditRefunded) {
        let (amount, effective_date) = (refunded.amount, refunded.effective_date);
        let (method, payment) = (refunded.method, refunded.payment);
        let (settled, returned) = (None, false);
        let refund = Refund { amount, method, payment, effective_date, settled, returned };
        self.refunds.insert(refunded.refund, refund);
        let what = Movement::Refund { id: refunded.refund, amount };
        self.moved(effective_date, what, &refunded.posting);
    }

    fn refund_returned(&mut self, returned: &RefundReturned) {
        if let Some(refund) = self.refunds.get_mut(&returned.refund) {
            refund.returned = true;
        }
        self.book.remove(|what| what.is_refund(returned.refund));
        self.book.post(returned.effective_date, &returned.posting);
    }

    fn refund_settled(&mut self, settled: &RefundSettled) {
        if let Some(refund) = self.refunds.get_mut(&settled.refund) {
            refund.settled = Some(settled.effective_date);
        }
        self.book.post_lines(&settled.posting);
    }

    fn lien_released(&mut self, released: &LienReleased, at: DateTime<Utc>) {
        if let Title::Held(lien) = &self.title {
            let (lien, released_date) = (lien.clone(), released.released_date);
            self.title = Title::Released { lien, released_date, released_at: at };
        }
    }

    /// Other due dates post nothing, and so catch nothing up, unless payments pay something else.
    fn dates_moved(&mut self, effective: NaiveDate, shift: Shift, posting: &Posting) {
        let entry = self.next_entry(effective, Movement::Shift(shift));
        self.movements = self.movements.saturating_add(1);
        self.book.insert(entry);
        if posting.restates() {
            self.book.post(effective, posting);
        }
    }

    /// Writes down a movement, and what it posted.
    fn moved(&mut self, effective: NaiveDate, what: Movement, posting: &Posting) {
        self.recorded(self.next_entry(effective, what), posting);
    }

    fn recorded(&mut self, entry: Entry, posting: &Posting) {
        let effective = entry.effective;
        self.movements = self.movements.saturating_add(1);
        self.book.insert(entry);
        self.book.post(effective, posting);
    }

    /// Payments show the split that the timeline has for them.
    fn refresh_splits(&mut self, event: &Event) {
        let Some(posting) = event.posting() else { return };
        for moved in &posting.reallocated {
            if let Some(payment) = self.payment_mut(&moved.payment) {
                payment.split = Some(moved.split);
            }
        }
    }
}
