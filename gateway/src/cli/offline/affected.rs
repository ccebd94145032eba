//! The payments, refunds and lien releases in a lost range, from whatever is left that tells.

use std::collections::BTreeMap;
use std::path::Path;

use ledger::causes::with_causes;
use ledger::codec::{self, Fact};
use ledger::domain::account::events::Event;
use ledger::domain::recovery::events::{
    Affected, AffectedLienRelease, AffectedPayment, AffectedRefund,
};
use ledger::envelope::{Position, RecordedEvent};
use ledger::ids::{AccountId, PaymentId, RefundId};
use ledger::store::embedded::{self, OpenError, Witness};
use ledger::streams::Stream;
use projections::lost::{ChangedAfter, changed_after};

use crate::cli::CliError;

/// How many of each kind a recorded loss lists; more are only counted.
pub(super) const LISTED_MAX: usize = 1000;

/// What a log tells of its end.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The end, of a log that is whole.
    pub(super) head: Option<Witness>,
    /// The last position that can be read.
    pub(super) through: Position,
    /// What is affected, if there is a log.
    pub(super) affected: Option<Affected>,
}

/// Reads a log as far as it can be read. A log that is not there, or is none, tells nothing.
pub(super) fn of_log(log: &Path, after: Position) -> Told {
    let mut range = Range::default();
    let mut through = Position::START;
    let read = embedded::verify_file_with(log, |event| {
        if event.position > after {
            range.see(&event);
        }
        through = event.position;
        Ok(())
    });
    match read {
        Ok(report) => {
            Told { head: Some(report.head), through, affected: Some(range.affected(through)) }
        }
        Err(OpenError::Damaged { .. }) if through > Position::START => {
            Told { head: None, through, affected: Some(range.affected(through)) }
        }
        Err(_) => Told::default(),
    }
}

/// What events of the range have touched.
#[derive(Debug, Default)]
struct Range {
    payments: BTreeMap<PaymentId, AffectedPayment>,
    refunds: BTreeMap<RefundId, AffectedRefund>,
    lien_releases: Vec<AffectedLienRelease>,
    lien_releases_count: u64,
}

impl Range {
    fn see(&mut self, recorded: &RecordedEvent) {
        let Stream::Account(account) = Stream::of(&recorded.stream) else { return };
        let Ok(Fact::Account(event)) = codec::decode(&recorded.kind, &recorded.data) else {
            return;
        };
        let position = recorded.position;
        if let Event::CreditRefunded(sent) = &event {
            self.refund(&account, sent.refund, Some(sent.amount), false, position);
        }
        if let Event::RefundReturned(back) = &event {
            self.refund(&account, back.refund, None, true, position);
        }
        if let Event::RefundSettled(paid) = &event {
            let returned = self.refunds.get(&paid.refund).is_some_and(|before| before.returned);
            self.refund(&account, paid.refund, None, returned, position);
        }
        if let Event::LienReleased(_) = &event {
            self.lien_releases_count = self.lien_releases_count.saturating_add(1);
            if self.lien_releases.len() < LISTED_MAX {
                self.lien_releases.push(AffectedLienRelease { account: account.clone(), position });
            }
        }
        let reallocated = event.posting().into_iter().flat_map(|posting| &posting.reallocated);
        let reallocated = reallocated.map(|other| (other.payment, "applied"));
        for (payment, state) in payment_of(&event).into_iter().chain(reallocated) {
            let (account, state) = (account.clone(), state.to_owned());
            let affected = AffectedPayment { account, payment, state, position };
            self.payments.insert(payment, affected);
        }
    }

    fn refund(
        &mut self,
        account: &AccountId,
        refund: RefundId,
        amount: Option<ledger::domain::money::Amount>,
        returned: bool,
        position: Position,
    ) {
        let before = self.refunds.get(&refund).and_then(|before| before.amount);
        let (account, amount) = (account.clone(), amount.or(before));
        let affected = AffectedRefund { account, refund, amount, returned, position };
        self.refunds.insert(refund, affected);
    }

    fn affected(self, through_position: Position) -> Affected {
        let (payments_count, refunds_count) = (count(&self.payments), count(&self.refunds));
        let mut payments: Vec<_> = self.payments.into_values().collect();
        payments.sort_by_key(|payment| payment.position);
        payments.truncate(LISTED_MAX);
        let mut refunds: Vec<_> = self.refunds.into_values().collect();
        refunds.sort_by_key(|refund| refund.position);
        refunds.truncate(LISTED_MAX);
        Affected {
            through_position,
            payments_count,
            payments,
            refunds_count,
            refunds,
            lien_releases_count: Some(self.lien_releases_count),
            lien_releases: self.lien_releases,
        }
    }
}

/// The payment that an event changes, and what it is then.
const fn payment_of(event: &Event) -> Option<(PaymentId, &'static str)> {
    match event {
        Event::PaymentScheduled(event) => Some((event.payment, "scheduled")),
        Event::PaymentCancelled(event) => Some((event.payment, "cancelled")),
        Event::PaymentApplied(event) => Some((event.payment, "applied")),
        Event::PaymentReceived(event) => Some((event.payment, "applied")),
        Event::PaymentReturned(event) => Some((event.payment, "returned")),
        Event::PaymentReinstated(event) => Some((event.payment, "applied")),
        Event::PaymentSettled(event) => Some((event.payment, "applied")),
        Event::AccountOpened(_)
        | Event::FeeAssessed(_)
        | Event::FeeWaived(_)
        | Event::LienRecorded(_)
        | Event::AccountPaidOff(_)
        | Event::PayoffReversed(_)
        | Event::LienReleased(_)
        | Event::RateChanged(_)
        | Event::PrincipalAdjusted(_)
        | Event::ExtensionGranted(_)
        | Event::DueDateChanged(_)
        | Event::AccountChargedOff(_)
        | Event::VehicleReturned(_)
        | Event::NonAccrualStarted(_)
        | Event::AccrualResumed(_)
        | Event::PayoffQuoted(_)
        | Event::CreditRefunded(_)
        | Event::RefundReturned(_)
        | Event::RefundSettled(_)
        | Event::RequestRefused(_)
        | Event::NothingChanged(_) => None,
    }
}

/// What was touched after `kept` by events of a log, and then by what the same log has lost: of a
/// payment that both touched it is what became of it last.
pub(super) fn joined(
    earlier: Option<Affected>,
    lost: Option<Affected>,
    kept: Position,
) -> Option<Affected> {
    let Some(mut lost) = lost else { return earlier };
    retain(&mut lost.payments, &mut lost.payments_count, |it| it.position > kept);
    retain(&mut lost.refunds, &mut lost.refunds_count, |it| it.position > kept);
    let mut releases = lost.lien_releases_count.unwrap_or_default();
    retain(&mut lost.lien_releases, &mut releases, |it| it.position > kept);
    lost.lien_releases_count = lost.lien_releases_count.map(|_| releases);
    let Some(mut all) = earlier else { return Some(lost) };
    retain(&mut all.payments, &mut all.payments_count, |before| {
        lost.payments.iter().all(|after| after.payment != before.payment)
    });
    retain(&mut all.refunds, &mut all.refunds_count, |before| {
        let after = lost.refunds.iter_mut().find(|after| after.refund == before.refund);
        after.map(|after| after.amount = after.amount.or(before.amount)).is_none()
    });
    all.through_position = all.through_position.max(lost.through_position);
    all.payments_count = all.payments_count.saturating_add(lost.payments_count);
    all.refunds_count = all.refunds_count.saturating_add(lost.refunds_count);
    let releases = all.lien_releases_count.zip(lost.lien_releases_count);
    all.lien_releases_count = releases.map(|(before, after)| before.saturating_add(after));
    all.payments.append(&mut lost.payments);
    all.refunds.append(&mut lost.refunds);
    all.lien_releases.append(&mut lost.lien_releases);
    all.payments.truncate(LISTED_MAX);
    all.refunds.truncate(LISTED_MAX);
    all.lien_releases.truncate(LISTED_MAX);
    Some(all)
}

/// Keeps what is to be kept of a list, whose count may be of more than it lists.
fn retain<T>(list: &mut Vec<T>, count: &mut u64, keeps: impl FnMut(&T) -> bool) {
    let before = list.len();
    list.retain(keeps);
    let gone = u64::try_from(before.saturating_sub(list.len())).unwrap_or(u64::MAX);
    *count = count.saturating_sub(gone);
}

fn count<K, V>(map: &BTreeMap<K, V>) -> u64 {
    u64::try_from(map.len()).unwrap_or(u64::MAX)
}

/// What the read models beside a lost log tell, with what they knew of the log. None if there are
/// none that can be read.
pub(super) fn of_read_models(
    lost_dir: &Path,
    after: Position,
) -> Result<Option<(Option<Witness>, Affected)>, CliError> {
    let changed = match changed_after(lost_dir, after, LISTED_MAX) {
        Ok(Some(changed)) => changed,
        Ok(None) => return Ok(None),
        Err(error) => {
            let (lost_dir, error) = (lost_dir.display(), with_causes(&error));
            let message = format!("the read models in {lost_dir} cannot be read: {error}");
            return Err(CliError::Integrity(message));
        }
    };
    let ChangedAfter { through, witness, payments_count, payments, refunds_count, refunds } =
        changed;
    let witness = witness.and_then(|witness| serde_json::from_str(&witness).ok());
    let affected = Affected {
        through_position: through,
        payments_count,
        payments,
        refunds_count,
        refunds,
        lien_releases_count: None,
        lien_releases: Vec::new(),
    };
    Ok(Some((witness, affected)))
}
