//! The model lives through what the product says: what was asked and accepted counts, and nothing
//! of what the product worked out.

use chrono::{DateTime, NaiveDate, Utc};
use ledger::domain::account::events::{Event, FeeKind, WaiveReason};
use ledger::domain::journal::is_balanced;
use ledger::domain::product::Channel;
use ledger::ids::PaymentId;

use crate::asks::blameless;
use crate::days::{between, open_days};
use crate::model::What;
use crate::pair::{Charged, Fault, Happening, Paid, Pair, State};
use crate::readings::{cents, millionths};

impl Pair {
    /// Lets the model live through an event.
    pub(crate) fn follow(&mut self, event: &Event) -> Result<Option<Happening>, Fault> {
        let books = self.book(event)?;
        let happening = self.note(event)?;
        if books {
            self.model.book_rentals();
        }
        Ok(happening)
    }

    fn note(&mut self, event: &Event) -> Result<Option<Happening>, Fault> {
        Ok(Some(match event {
            Event::AccountOpened(_) => Happening::Opened,
            Event::PaymentScheduled(_)
            | Event::PaymentCancelled(_)
            | Event::PaymentApplied(_)
            | Event::PaymentReceived(_)
            | Event::PaymentReturned(_)
            | Event::PaymentReinstated(_)
            | Event::PaymentSettled(_) => self.follow_payment(event)?,
            Event::FeeAssessed(assessed) => {
                let amount = cents(assessed.amount.money());
                let income = income(assessed.kind);
                let number = assessed.instalment.map(|number| usize::try_from(number).unwrap());
                let instalment = number.map(|number| number - 1);
                let what = What::Fee { amount, income, instalment };
                let fact = self.model.happens(assessed.effective_date, what);
                let (id, payment) = (assessed.fee, assessed.payment);
                self.fees.push(Charged { id, fact, payment, asked: false });
                Happening::Fee(assessed.effective_date, amount, payment, number)
            }
            Event::FeeWaived(waived) => {
                let fee = self.fees.iter_mut().find(|fee| fee.id == waived.fee);
                let fee = fee.ok_or("an unknown fee was waived")?;
                fee.asked = waived.reason == WaiveReason::Requested;
                if fee.asked || fee.payment.is_some() {
                    self.model.facts[fee.fact].gone = true;
                }
                Happening::FeeWaived(waived.fee)
            }
            Event::AccountPaidOff(_) => Happening::PaidOff,
            Event::PayoffReversed(_) => Happening::Reopened,
            Event::NonAccrualStarted(started) => Happening::AccrualStopped(started.since()),
            Event::AccrualResumed(_) => Happening::AccrualResumed,
            Event::RateChanged(_)
            | Event::PrincipalAdjusted(_)
            | Event::ExtensionGranted(_)
            | Event::DueDateChanged(_)
            | Event::AccountChargedOff(_)
            | Event::VehicleReturned(_)
            | Event::PayoffQuoted(_)
            | Event::CreditRefunded(_)
            | Event::RefundReturned(_)
            | Event::RefundSettled(_) => self.follow_servicing(event)?,
            Event::LienRecorded(_)
            | Event::LienReleased(_)
            | Event::RequestRefused(_)
            | Event::NothingChanged(_) => return Err(format!("unexpected: {event:?}")),
        }))
    }

    /// Every journal balances, and is booked today, or by the run that ends its day on that day.
    /// Tells whether interest and rentals were brought up to that day.
    fn book(&mut self, event: &Event) -> Result<bool, Fault> {
        let (Some(posting), Some(effective)) = (event.posting(), event.effective_date()) else {
            return Ok(false);
        };
        if !is_balanced(&posting.lines) {
            return Err(format!("out of balance: {event:?}"));
        }
        let booked = posting.gl_date(effective);
        let run = matches!(event, Event::PaymentApplied(_))
            && booked == effective
            && between(booked, self.today) == 1;
        if booked != self.today && !run {
            return Err(format!("booked on {booked}: {event:?}"));
        }
        // Moving due dates moves no money, unless payments since pay something else.
        let shift = matches!(event, Event::ExtensionGranted(_) | Event::DueDateChanged(_));
        // Nor does what the bank does with it.
        let books = !is_settled(event) && (!shift || posting.restates());
        if books {
            self.model.books(booked.max(effective));
        }
        Ok(books)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "any other is a fault, and is told")]
    fn follow_payment(&mut self, event: &Event) -> Result<Happening, Fault> {
        Ok(match event {
            Event::PaymentScheduled(scheduled) => {
                let (id, cutoff_at) = (scheduled.payment, scheduled.cutoff_at);
                let state = State::Scheduled;
                let (fact, since, debited) = (usize::MAX, usize::MAX, None);
                self.payments.push(Paid { id, state, cutoff_at, fact, debited, since });
                Happening::Scheduled
            }
            Event::PaymentCancelled(cancelled) => {
                self.paid(cancelled.payment)?.state = State::Cancelled;
                Happening::Cancelled
            }
            Event::PaymentApplied(applied) => {
                let (date, amount) = (applied.effective_date, cents(applied.amount.money()));
                let fact = self.pays(date, amount, "1020");
                let today = self.today;
                let paid = self.paid(applied.payment)?;
                (paid.state, paid.fact, paid.since) = (State::Good, fact, fact);
                // A cut-off is in the day or at its end, in UTC as in New York.
                let asked = if today > paid.cutoff_at.date_naive() { today } else { date };
                paid.debited = open_days(asked).next();
                Happening::Paid(date, amount)
            }
            Event::PaymentReceived(received) => {
                let (date, amount) = (received.effective_date, cents(received.amount.money()));
                let fact = self.pays(date, amount, clearing(received.channel));
                let (id, cutoff_at) = (received.payment, DateTime::<Utc>::MAX_UTC);
                let (state, since, debited) = (State::Good, fact, None);
                self.payments.push(Paid { id, state, cutoff_at, fact, debited, since });
                Happening::Paid(date, amount)
            }
            Event::PaymentReturned(returned) => {
                let today = self.today;
                let paid = self.paid(returned.payment)?;
                paid.state = State::Returned;
                let (fact, since) = (paid.fact, paid.since);
                let before = self.model.clone();
                self.model.comes_back(fact, today, blameless(&returned.return_code));
                let again = self.model.late_again(&before, since, &self.asked());
                let back = self.seen.entry("a late fee that is back".to_owned()).or_default();
                *back += u64::try_from(again.len()).unwrap();
                for lower in again.into_iter().filter_map(|(_, lower)| lower) {
                    self.model.facts[lower].gone = true;
                }
                let reopened = returned.reopened.iter();
                let reopened = reopened
                    .map(|again| (usize::try_from(again.instalment).unwrap(), again.grace_from));
                let due = returned.return_due_date;
                Happening::Returned(returned.payment, reopened.collect(), due)
            }
            Event::PaymentReinstated(reinstated) => {
                let since = self.model.facts.len();
                let paid = self.paid(reinstated.payment)?;
                (paid.state, paid.since) = (State::Good, since);
                let fact = paid.fact;
                self.model.is_good(fact);
                Happening::Reinstated(reinstated.payment)
            }
            Event::PaymentSettled(settled) => {
                let paid = self.paid(settled.payment)?;
                paid.debited = paid.debited.map(|_| settled.effective_date);
                let fact = paid.fact;
                let kept = settled.withheld.map_or(0, |kept| cents(kept.money()));
                self.model.facts[fact].bank = Some(kept);
                Happening::Settled(settled.payment, settled.effective_date)
            }
            _ => return Err(format!("no payment: {event:?}")),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "any other is a fault, and is told")]
    fn follow_servicing(&mut self, event: &Event) -> Result<Happening, Fault> {
        Ok(match event {
            Event::RateChanged(changed) => {
                let (date, rate) = (changed.effective_date, millionths(changed.annual_rate)?);
                self.model.happens(date, What::Rate(rate));
                Happening::RateChanged(date, rate)
            }
            Event::PrincipalAdjusted(adjusted) => {
                let (date, change) = (adjusted.effective_date, cents(adjusted.change));
                self.model.happens(date, What::Adjustment(change));
                Happening::Adjusted(date, change)
            }
            Event::ExtensionGranted(granted) => {
                let months = i32::try_from(granted.months).unwrap();
                let from = usize::try_from(granted.from_instalment).unwrap();
                self.extensions.push((granted.effective_date, months));
                let what = What::Shift { from: from - 1, months, anchor: None };
                self.model.happens(granted.effective_date, what);
                Happening::Shifted(from, granted.next_due_date, granted.maturity_date)
            }
            Event::DueDateChanged(changed) => {
                let from = usize::try_from(changed.from_instalment).unwrap();
                let (months, anchor) = (changed.months, Some(changed.day_of_month));
                let what = What::Shift { from: from - 1, months, anchor };
                self.model.happens(changed.effective_date, what);
                Happening::Shifted(from, changed.next_due_date, changed.maturity_date)
            }
            Event::AccountChargedOff(charged) => {
                let part = charged.part.map(|part| cents(part.money()));
                self.model.happens(charged.effective_date, What::ChargeOff(part));
                Happening::ChargedOff(charged.effective_date)
            }
            Event::VehicleReturned(returned) => {
                self.model.happens(returned.effective_date, What::VehicleBack);
                Happening::VehicleBack(returned.effective_date)
            }
            Event::PayoffQuoted(quoted) => {
                self.quotes.push((quoted.quote, cents(quoted.amount)));
                self.quote_adds_up(quoted)?;
                Happening::Quoted(cents(quoted.amount))
            }
            Event::CreditRefunded(refunded) => {
                let amount = cents(refunded.amount.money());
                let fact = self.model.happens(refunded.effective_date, What::Refund(amount));
                self.refunds.push((refunded.refund, fact));
                Happening::Refunded(amount)
            }
            Event::RefundReturned(returned) => {
                let refund = self.refunds.iter().find(|(id, _)| *id == returned.refund);
                let (_, fact) = refund.ok_or("an unknown refund came back")?;
                self.model.facts[*fact].gone = true;
                Happening::RefundReturned(returned.refund)
            }
            Event::RefundSettled(settled) => {
                let refund = self.refunds.iter().find(|(id, _)| *id == settled.refund);
                let (_, fact) = refund.ok_or("an unknown refund was settled")?;
                self.model.facts[*fact].bank = Some(0);
                Happening::RefundSettled(settled.refund, settled.effective_date)
            }
            _ => return Err(format!("no servicing: {event:?}")),
        })
    }

    /// A payment that is of the amount of a quote pays the quote.
    fn pays(&mut self, date: NaiveDate, amount: i128, clearing: &'static str) -> usize {
        let quoted = self.quotes.iter().any(|(_, quote)| *quote == amount);
        self.model.happens(date, What::Payment { amount, clearing, quoted })
    }

    fn paid(&mut self, id: PaymentId) -> Result<&mut Paid, Fault> {
        let paid = self.payments.iter_mut().find(|paid| paid.id == id);
        paid.ok_or_else(|| format!("payment {id} is not known"))
    }
}

/// Is it about the bank's side only?
pub(crate) const fn is_settled(event: &Event) -> bool {
    matches!(event, Event::PaymentSettled(_) | Event::RefundSettled(_))
}

/// Where a fee is earned, or owed to others.
const fn income(kind: FeeKind) -> &'static str {
    match kind {
        FeeKind::Late => "4020",
        FeeKind::ReturnedItem => "4030",
        FeeKind::EarlyTermination
        | FeeKind::Disposition
        | FeeKind::ExcessWear
        | FeeKind::ExcessMileage => "4050",
        FeeKind::Toll => "2150",
        FeeKind::PropertyTax => "2140",
    }
}

/// Where money of a channel is until the bank has it.
fn clearing(channel: Channel) -> &'static str {
    match channel {
        Channel::OwnAch => "1020",
        Channel::Mail => "1025",
        Channel::BillPay => "1026",
        Channel::PhoneVendor
        | Channel::DebitCardVendor
        | Channel::MoneyGram
        | Channel::WesternUnion => "1027",
        Channel::Wire => "1010",
    }
}
