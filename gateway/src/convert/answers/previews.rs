//! What a change would mean, as the contract tells it.

use std::collections::BTreeSet;

use ledger::domain::account::consequences::{
    ChargeOffChange, Consequences, FeeChange, Figures, InstalmentChange, JournalLine,
    PaymentChange, PendingChange,
};
use ledger::domain::account::events::ChargedOff;
use ledger::domain::account::state::{Account, OpenAccount, Payment, Progress};
use ledger::engine::Preview;
use proto::google::r#type::Date;
use proto::payledger::v1 as wire;

use super::{account_state, allocation, balance, fee, instalment, rate_on, title_state};
use crate::convert::enums::channel_to_wire;
use crate::convert::money::to_wire;
use crate::convert::time::date_to_wire;

/// Everything that a change would do. None if it would put an account on the books, which nothing
/// previews. Ids that the request itself would give are left out: they are not known before.
pub fn preview(preview: &Preview) -> Option<wire::ChangePreview> {
    let consequences = preview.consequences()?;
    let (Some(before), Account::Open(after)) = (preview.before.open(), &preview.after) else {
        return None;
    };
    let whole = Whole { preview, before, after };
    let Consequences { payments, pending, charge_offs, instalments, fees, journal, .. } =
        &consequences;
    Some(wire::ChangePreview {
        hash: preview.hash.clone(),
        effective_date: Some(date_to_wire(preview.today)),
        event_types: preview.events.iter().map(|event| event.kind().to_owned()).collect(),
        before: Some(whole.standing(before, &consequences.before)),
        after: Some(whole.standing(after, &consequences.after)),
        payments: payments.iter().map(|change| whole.payment(change)).collect(),
        charge_offs: charge_offs.iter().map(charge_off).collect(),
        instalments: instalments.iter().map(|change| whole.instalment(change)).collect(),
        fees: fees.iter().map(fee_change).collect(),
        journal: journal.iter().map(|line| whole.line(line)).collect(),
        pending_payments: pending.iter().map(pending_payment).collect(),
    })
}

/// A preview and the account on both sides of it.
struct Whole<'a> {
    preview: &'a Preview,
    before: &'a OpenAccount,
    after: &'a OpenAccount,
}

impl Whole<'_> {
    fn standing(&self, open: &OpenAccount, figures: &Figures) -> wire::AccountStanding {
        let today = self.preview.today;
        let paid_off = figures.paid_off.as_ref();
        let released = paid_off.filter(|it| !it.vehicle_kept);
        wire::AccountStanding {
            state: account_state(open).into(),
            balance: Some(balance(open, today)),
            annual_rate: rate_on(open, today),
            maturity_date: Some(date_to_wire(figures.maturity_date)),
            non_accrual: figures.non_accrual,
            charged_off_date: figures.charged_off.map(date_to_wire),
            title_state: title_state(figures.title).into(),
            paid_off_date: paid_off.map(|it| date_to_wire(it.paid_off_date)),
            release_date: released.map(|it| date_to_wire(it.release_date)),
            statutory_date: released.map(|it| date_to_wire(it.statutory_date)),
            vehicle_returned_date: figures.vehicle_returned.map(date_to_wire),
        }
    }

    fn payment(&self, change: &PaymentChange) -> wire::PaymentChange {
        let known = self.before.payments.contains_key(&change.payment);
        wire::PaymentChange {
            payment_id: if known { change.payment.to_string() } else { String::new() },
            channel: channel_to_wire(change.channel).into(),
            amount: Some(to_wire(change.amount)),
            effective_date: Some(date_to_wire(change.effective_date)),
            before: change.before.as_ref().map(allocation),
            after: change.after.as_ref().map(allocation),
            return_due_date: self.after.payments.get(&change.payment).and_then(missed),
        }
    }

    fn instalment(&self, change: &InstalmentChange) -> wire::InstalmentChange {
        let today = self.preview.today;
        let mut after = instalment(self.after, &change.after, today);
        let known: BTreeSet<String> = self.before.fees.keys().map(ToString::to_string).collect();
        if !known.contains(&after.late_fee_id) {
            after.late_fee_id.clear();
        }
        let before = instalment(self.before, &change.before, today);
        wire::InstalmentChange { before: Some(before), after: Some(after) }
    }

    fn line(&self, line: &JournalLine) -> wire::PreviewedLine {
        let event = self.preview.events.get(line.event);
        wire::PreviewedLine {
            event_type: event.map(|event| event.kind().to_owned()).unwrap_or_default(),
            gl_date: Some(date_to_wire(line.gl_date)),
            effective_date: Some(date_to_wire(line.effective_date)),
            ledger_account: line.account.to_string(),
            amount: Some(to_wire(line.amount)),
        }
    }
}

/// By when a payment had to be sent back that came back late.
fn missed(payment: &Payment) -> Option<Date> {
    let Progress::Returned { return_due_date, .. } = &payment.progress else { return None };
    return_due_date.map(date_to_wire)
}

fn pending_payment(change: &PendingChange) -> wire::PendingPaymentChange {
    wire::PendingPaymentChange {
        payment_id: change.payment.to_string(),
        amount: Some(to_wire(change.amount)),
        payment_date: Some(date_to_wire(change.payment_date)),
        made: change.made,
    }
}

fn charge_off(change: &ChargeOffChange) -> wire::ChargeOffChange {
    let is_new = change.before.is_none();
    wire::ChargeOffChange {
        charge_off_id: if is_new { String::new() } else { change.charge_off.to_string() },
        effective_date: Some(date_to_wire(change.effective_date)),
        before: change.before.as_ref().map(taken),
        after: Some(taken(&change.after)),
    }
}

fn taken(taken: &ChargedOff) -> wire::ChargedOffParts {
    wire::ChargedOffParts {
        principal: Some(to_wire(taken.principal)),
        interest: Some(to_wire(taken.interest)),
        fees: Some(to_wire(taken.fees())),
        rentals: Some(to_wire(taken.rentals + taken.rental_tax)),
        rentals_ahead: Some(to_wire(taken.rentals_ahead)),
    }
}

fn fee_change(change: &FeeChange) -> wire::FeeChange {
    let mut after = fee(change.fee, &change.after);
    if change.before.is_none() {
        after.fee_id.clear();
    }
    wire::FeeChange {
        before: change.before.as_ref().map(|was| fee(change.fee, was)),
        after: Some(after),
    }
}
