//! What belongs to a day, gathered from the log: the journals of its feed, and what its close
//! makes of them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::Books;
use super::accrual::Earnings;
use super::events::{DayClosed, Fractions, LedgerJournal, ProductClose};
use super::restatement::{Restatement, seal};
use super::turnover::Turnovers;
use crate::domain::account::events::Event;
use crate::domain::journal::Line;
use crate::domain::product::Product;
use crate::envelope::Position;
use crate::hex;
use crate::ids::EventId;

/// What the journal of a close's own entry is called.
const ACCRUAL: &str = "Accrual";

/// Which events belong to a day, and which of them it knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayScope {
    /// The day.
    pub gl_date: NaiveDate,
    /// Is it the first day of the books? What was posted before there were any belongs to it.
    pub is_first: bool,
    /// What is posted to it comes after this position.
    pub after: Position,
    /// Where the next day was opened.
    pub next_opened: Position,
    /// What is posted to it is not after this position.
    pub sealed: Position,
    /// How its close counts.
    pub fractions: Fractions,
}

impl DayScope {
    /// Is `event` posted to the day?
    pub fn takes(&self, event: &Event) -> bool {
        let Some(gl_date) = gl_date(event) else { return false };
        gl_date == self.gl_date || (self.is_first && gl_date < self.gl_date)
    }

    /// Do the books of the day know of `event`, recorded at `position`? Of what is posted to it or
    /// to an earlier day; of what posts nothing, if it happened before the next day was opened.
    pub fn knows(&self, event: &Event, position: Position) -> bool {
        if position > self.sealed {
            return false;
        }
        match gl_date(event) {
            Some(gl_date) => gl_date <= self.gl_date,
            None => position < self.next_opened,
        }
    }
}

/// The accounting day of an event that posts something.
pub fn gl_date(event: &Event) -> Option<NaiveDate> {
    Some(event.posting()?.gl_date(event.effective_date()?))
}

/// The events of one journal.
#[derive(Debug, Clone, Default)]
struct Gathered {
    ids: Vec<EventId>,
    turnovers: Turnovers,
}

/// The journals of one day while the log is read.
#[derive(Debug, Clone, Default)]
pub struct Journals(BTreeMap<(Product, String), Gathered>);

impl Journals {
    /// Adds an event that is posted to the day.
    pub fn add(&mut self, product: Product, kind: &str, id: EventId, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        let gathered = self.0.entry((product, kind.to_owned())).or_default();
        gathered.ids.push(id);
        gathered.turnovers.post(lines);
    }

    /// The journals as the feed of `gl_date` has them.
    pub fn finish(self, gl_date: NaiveDate) -> Vec<LedgerJournal> {
        let journals = self.0.into_iter().map(|((product, kind), mut gathered)| {
            gathered.ids.sort_unstable();
            LedgerJournal {
                id: journal_id(gl_date, product, &kind, &gathered.ids),
                product,
                kind,
                events: u64::try_from(gathered.ids.len()).unwrap_or(u64::MAX),
                lines: gathered.turnovers.to_vec(),
            }
        });
        journals.collect()
    }
}

/// The name of a journal. The day, the product and the kind are in it, since one close books the
/// accruals of several products.
fn journal_id(gl_date: NaiveDate, product: Product, kind: &str, ids: &[EventId]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{gl_date} {product} {kind}\n"));
    for id in ids {
        hash.update(format!("{id}\n"));
    }
    hex::lower(hash.finalize().as_slice().get(..16).unwrap_or_default())
}

/// What the log says about a day, gathered up to the position that its close seals.
#[derive(Debug, Clone, Default)]
pub struct DayGathered {
    /// What is posted to it.
    pub journals: Journals,
    /// What its accounts have earned that is not in the general ledger yet.
    pub earnings: Earnings,
    /// What is posted to it with an earlier effective date, in any order.
    pub restatements: Vec<Restatement>,
}

impl Books {
    /// What closing the day of `scope` records, as an event with the id `event`.
    pub fn close(&self, scope: DayScope, gathered: DayGathered, event: EventId) -> DayClosed {
        let gl_date = scope.gl_date;
        let DayGathered { mut journals, earnings, mut restatements } = gathered;
        let accruals = earnings.entries(self, gl_date);
        for (product, lines) in &accruals {
            journals.add(*product, ACCRUAL, event, lines);
        }
        let journals = journals.finish(gl_date);
        let mut balances = self.balances().clone();
        for product in earnings.products() {
            balances.entry(product).or_default();
        }
        for journal in &journals {
            balances.entry(journal.product).or_default().extend(journal.lines.iter().copied());
        }
        let products = balances.into_iter().map(|(product, balances)| ProductClose {
            product,
            accounts: earnings.accounts(product),
            accrual: accruals.get(&product).cloned().unwrap_or_default(),
            trial_balance: balances.to_vec(),
        });
        restatements.sort_unstable_by_key(|restatement| restatement.position);
        DayClosed {
            gl_date,
            position: scope.sealed,
            products: products.collect(),
            fractions: scope.fractions,
            journals,
            restatements: seal(&restatements),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::restatement::Owed;
    use super::*;
    use crate::domain::journal::{Journal, LedgerAccount};
    use crate::ids::RequestId;

    fn day() -> NaiveDate {
        "2026-03-03".parse().unwrap()
    }

    fn event(name: &str) -> EventId {
        EventId::derived("account-a-1", RequestId::derived("test", name), 0)
    }

    #[test]
    fn a_journal_is_named_after_its_day_its_product_its_kind_and_its_events() {
        let (fees, income) = (LedgerAccount::FeesReceivable, LedgerAccount::LateFeeIncome);
        let mut lines = Journal::new(day());
        lines.transfer(fees, income, "15.50".parse().unwrap(), day());
        let lines = lines.finish();
        let gathered = |order: [EventId; 2]| {
            let mut journals = Journals::default();
            for id in order {
                journals.add(Product::AutoLoan, "FeeAssessed", id, &lines);
            }
            journals.finish(day())
        };
        let (one, two) = (event("one"), event("two"));
        let journals = gathered([one, two]);
        assert_eq!(journals, gathered([two, one]), "in whatever order they were found");
        let (first, second) = (one.min(two), one.max(two));
        let named = Sha256::digest(format!("2026-03-03 auto FeeAssessed\n{first}\n{second}\n"));
        let journal = journals.first().unwrap();
        assert_eq!(journal.id, hex::lower(&named[..16]));
        assert_eq!(journal.events, 2);
    }

    #[test]
    fn restatements_are_sealed_in_the_order_of_the_log() {
        let restatement = |position| Restatement {
            account: "a-1".parse().unwrap(),
            position: Position(position),
            version: 2,
            effective_date: day(),
            before: Owed::default(),
            after: Owed::default(),
        };
        let scope = DayScope {
            gl_date: day(),
            is_first: true,
            after: Position::START,
            next_opened: Position(90),
            sealed: Position(99),
            fractions: Fractions::Earning,
        };
        let found = [7, 5, 6].map(restatement).to_vec();
        let gathered = DayGathered { restatements: found, ..DayGathered::default() };
        let closed = Books::default().close(scope, gathered, event("close"));
        assert_eq!(closed.restatements, seal(&[5, 6, 7].map(restatement)));
    }
}
