//! Where figures come from: the recorded events behind each line of an explanation.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::fold::{Counted, Seen, fold_with};
use super::{Engine, EngineError, Folded, KnownAt};
use crate::domain::account::book::Movement;
use crate::domain::account::book::explain::{Figure, Line, Origin};
use crate::domain::account::events::Event;
use crate::domain::account::state::OpenAccount;
use crate::domain::money::Money;
use crate::envelope::{Position, Version};
use crate::ids::{AccountId, AdjustmentId, ChargeOffId, EventId, PaymentId, RequestId};
use crate::streams;

/// A recorded event, as what a line comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its place in the log.
    pub position: Position,
    /// The number of events in the account's stream up to and with it.
    pub version: Version,
    /// Its id.
    pub event_id: EventId,
    /// The stored name of its type.
    pub kind: String,
    /// When its request was received.
    pub received_at: DateTime<Utc>,
    /// The request that caused it.
    pub request_id: RequestId,
    /// The version of the rules that decided it.
    pub rules: String,
}

/// A line of an explanation, with the events behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLine {
    /// The line.
    pub line: Line,
    /// The event that it comes from. None for what only brings the sum to what is shown.
    pub source: Option<Source>,
    /// The event that changed last what the movement pays or takes: a payment was allocated anew.
    pub restated_by: Option<Source>,
}

/// What a figure is made of, with the events behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The figure.
    pub figure: Figure,
    /// The day at whose close it is shown.
    pub as_of: NaiveDate,
    /// What is shown: the sum of the lines.
    pub amount: Money,
    /// The lines, in order.
    pub lines: Vec<ExplainedLine>,
}

/// What is restated: allocated anew, or taken anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Restated {
    Payment(PaymentId),
    ChargeOff(ChargeOffId),
    Adjustment(AdjustmentId),
}

/// An account, and which recorded event made each of its movements what it is.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The account.
    pub account: Folded,
    opening: Option<Source>,
    movements: BTreeMap<u64, Source>,
    restated: BTreeMap<Restated, Source>,
}

impl Engine {
    /// The account as it is now, or as it was known at `known_at`, with the events behind it. Reads
    /// its own events and no others. None if it is, or was, not on the books.
    pub async fn history(
        &self,
        account: &AccountId,
        known_at: Option<KnownAt>,
    ) -> Result<Option<History>, EngineError> {
        let stream = streams::of_account(account);
        let counted = known_at.map_or(Counted::All, Counted::Known);
        let mut history = History::default();
        let mut recorded = 0;
        let account = fold_with(self.0.store.as_ref(), &stream, counted, |seen| {
            recorded = history.note(&seen, recorded);
        })
        .await?;
        history.account = account;
        Ok(history.account.open().is_some().then_some(history))
    }
}

impl History {
    /// What makes `figure` what it is at the close of `as_of`. None if the account is not on the
    /// books.
    pub fn explain(&self, figure: Figure, as_of: NaiveDate) -> Option<Explained> {
        let open = self.account.open()?;
        let explanation = open.book.explain(figure, as_of);
        let restatable = restatable(open);
        let explained = |line: Line| {
            let (source, restated_by) = match line.origin {
                None => (None, None),
                Some(Origin::Opening) => (self.opening.clone(), None),
                Some(Origin::Movement(order)) => {
                    let restated = restatable.get(&order).and_then(|it| self.restated.get(it));
                    (self.movements.get(&order).cloned(), restated.cloned())
                }
            };
            ExplainedLine { line, source, restated_by }
        };
        Some(Explained {
            figure,
            as_of,
            amount: explanation.amount,
            lines: explanation.lines.into_iter().map(explained).collect(),
        })
    }

    /// Notes what an event made, or made another, and answers how many movements there are.
    fn note(&mut self, seen: &Seen<'_>, recorded: u64) -> u64 {
        let source = || Source {
            position: seen.recorded.position,
            version: seen.recorded.version,
            event_id: seen.recorded.id,
            kind: seen.recorded.kind.clone(),
            received_at: seen.metadata.received_at,
            request_id: seen.metadata.request_id,
            rules: seen.metadata.rules.clone(),
        };
        if matches!(seen.event, Event::AccountOpened(_)) {
            self.opening = Some(source());
        }
        let movements = seen.after.open().map_or(0, OpenAccount::movements);
        if movements > recorded {
            self.movements.insert(recorded, source());
        }
        for restated in restated_by(seen.event) {
            self.restated.insert(restated, source());
        }
        movements
    }
}

/// What an event allocates or takes anew: a payment that is reinstated, too, pays what it pays
/// since then.
fn restated_by(event: &Event) -> Vec<Restated> {
    let Some(posting) = event.posting() else { return Vec::new() };
    let mut restated: Vec<Restated> =
        posting.reallocated.iter().map(|it| Restated::Payment(it.payment)).collect();
    restated.extend(posting.charge_offs.iter().map(|it| Restated::ChargeOff(it.charge_off)));
    restated.extend(posting.adjustments.iter().map(|it| Restated::Adjustment(it.adjustment)));
    if let Event::PaymentReinstated(reinstated) = event {
        restated.push(Restated::Payment(reinstated.payment));
    }
    restated
}

/// The movements that can be restated, by their order.
fn restatable(open: &OpenAccount) -> BTreeMap<u64, Restated> {
    let entries = open.book.entries().iter();
    entries
        .filter_map(|entry| {
            let restated = match &entry.what {
                Movement::Payment { id, .. } => Restated::Payment(*id),
                Movement::ChargeOff { id, .. } => Restated::ChargeOff(*id),
                Movement::Principal { id, .. } => Restated::Adjustment(*id),
                Movement::Fee { .. }
                | Movement::Refund { .. }
                | Movement::Rate(_)
                | Movement::Shift(_)
                | Movement::VehicleReturned { .. } => return None,
            };
            Some((entry.order, restated))
        })
        .collect()
}
