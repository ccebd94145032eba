//! Every close of the books worked out again from the log alone, and held against what was sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use super::fold_on;
use super::gather::{ACCOUNTS_AT_ONCE, account_event, pasts_of};
use crate::domain::account::events::Event as AccountEvent;
use crate::domain::books::accrual::{Earnings, add_earnings};
use crate::domain::books::events::{DayClosed, Event, LedgerJournal, MonthClosed, ProductClose};
use crate::domain::books::gathering::{DayGathered, DayScope, gl_date};
use crate::domain::books::restatement::restatements;
use crate::domain::books::{Books, Day};
use crate::domain::product::Product;
use crate::engine::EngineError;
use crate::envelope::{Position, RecordedEvent};
use crate::ids::AccountId;
use crate::store::EventStore;

/// How many events are read at once.
const PAGE_EVENTS: usize = 4096;

/// Something that is not as the log gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The event that is wrong.
    pub position: Position,
    /// What is wrong with it.
    pub cause: String,
}

/// What an audit of the books found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BooksAudit {
    /// How many days were opened.
    pub days_opened: u64,
    /// How many closes of days were worked out again.
    pub days_closed: u64,
    /// How many closes of months were.
    pub months_closed: u64,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Works out every close again from the events of the accounts, and checks that nothing was posted
/// to a day that was not open.
pub async fn audit(store: &dyn EventStore) -> Result<BooksAudit, EngineError> {
    let folded = fold_on(store, Arc::default(), |_, _| {}).await?;
    let mut audit = Audit::new(&folded.books);
    audit.read_log(store).await?;
    audit.read_accounts(store).await?;
    // What was worked out is carried on, not what was recorded: an error shows in every close that
    // builds on it.
    let mut own = Books::default();
    let compare = |recorded: &_, event: &_| audit.compare(&mut own, recorded, event);
    fold_on(store, Arc::default(), compare).await?;
    Ok(audit.found)
}

struct Audit<'a> {
    books: &'a Books,
    scopes: Vec<DayScope>,
    places: BTreeMap<NaiveDate, usize>,
    gathered: Vec<DayGathered>,
    products: BTreeMap<AccountId, Product>,
    found: BooksAudit,
}

impl<'a> Audit<'a> {
    fn new(books: &'a Books) -> Self {
        let closed = |(gl_date, day): (&NaiveDate, &Day)| books.scope(*gl_date, day.closed?.sealed);
        let scopes: Vec<DayScope> = books.days().iter().filter_map(closed).collect();
        let places = scopes.iter().enumerate().map(|(place, scope)| (scope.gl_date, place));
        Self {
            books,
            places: places.collect(),
            gathered: scopes.iter().map(|_| DayGathered::default()).collect(),
            scopes,
            products: BTreeMap::new(),
            found: BooksAudit::default(),
        }
    }

    fn differs(&mut self, position: Position, cause: String) {
        self.found.differences.push(Difference { position, cause });
    }

    /// Gathers the journals of all closed days.
    async fn read_log(&mut self, store: &dyn EventStore) -> Result<(), EngineError> {
        let mut after = Position::START;
        loop {
            let page = store.read_all(after, PAGE_EVENTS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.position;
            for recorded in &page {
                if let Some((account, event)) = account_event(recorded)? {
                    self.see(recorded, &account, &event)?;
                }
            }
        }
    }

    fn see(
        &mut self,
        recorded: &RecordedEvent,
        account: &AccountId,
        event: &AccountEvent,
    ) -> Result<(), EngineError> {
        let position = recorded.position;
        if let AccountEvent::AccountOpened(opened) = event {
            self.products.insert(account.clone(), opened.terms.product);
        }
        let (Some(gl_date), Some(posting)) = (gl_date(event), event.posting()) else {
            return Ok(());
        };
        if let Some(cause) = not_open(self.books, gl_date, position) {
            self.differs(position, cause);
        }
        let first = self.scopes.first().filter(|first| first.takes(event)).map(|_| 0);
        let place = self.places.get(&gl_date).copied().or(first);
        let Some(gathered) = place.and_then(|place| self.gathered.get_mut(place)) else {
            return Ok(());
        };
        let product = self.products.get(account).copied().ok_or_else(|| {
            let cause = format!("account {account} does not begin with its opening").into();
            EngineError::Damaged { position, account: Some(account.clone()), cause }
        })?;
        gathered.journals.add(product, &recorded.kind, recorded.id, &posting.lines);
        Ok(())
    }

    /// Adds what every account had earned by each closed day, and what was restated.
    async fn read_accounts(&mut self, store: &dyn EventStore) -> Result<(), EngineError> {
        let Some(sealed) = self.scopes.last().map(|scope| scope.sealed) else { return Ok(()) };
        let mut earnings: Vec<Earnings> = self.scopes.iter().map(|_| Earnings::default()).collect();
        let accounts: Vec<_> = self.products.keys().cloned().collect();
        for accounts in accounts.chunks(ACCOUNTS_AT_ONCE) {
            for (account, past) in pasts_of(store, accounts, sealed).await? {
                add_earnings(&past, &self.scopes, &mut earnings);
                for (place, restatement) in restatements(&account, &past, &self.scopes) {
                    if let Some(gathered) = self.gathered.get_mut(place) {
                        gathered.restatements.push(restatement);
                    }
                }
            }
        }
        for (gathered, earnings) in self.gathered.iter_mut().zip(earnings) {
            gathered.earnings = earnings;
        }
        Ok(())
    }

    fn compare(&mut self, own: &mut Books, recorded: &RecordedEvent, event: &Event) {
        let position = recorded.position;
        let count = |count: &mut u64| *count = count.saturating_add(1);
        let mut worked_out = event.clone();
        match event {
            Event::DayOpened(_) => count(&mut self.found.days_opened),
            Event::BooksRequestRefused(_) => {}
            Event::DayClosed(closed) => {
                count(&mut self.found.days_closed);
                let place = self.places.get(&closed.gl_date).copied();
                let gathered = place.and_then(|place| self.gathered.get_mut(place));
                let scope = place.and_then(|place| self.scopes.get(place));
                if let (Some(gathered), Some(scope)) = (gathered, scope) {
                    let expected = own.close(*scope, std::mem::take(gathered), recorded.id);
                    if let Some(cause) = difference(closed, &expected) {
                        self.differs(position, format!("the close of {}: {cause}", closed.gl_date));
                    }
                    worked_out = Event::DayClosed(expected);
                } else {
                    let cause = format!("{} was closed, and is the last day", closed.gl_date);
                    self.differs(position, cause);
                }
            }
            Event::MonthClosed(closed) => {
                count(&mut self.found.months_closed);
                if own.month_end(closed.month).as_ref() != Some(closed) {
                    let MonthClosed { month, .. } = closed;
                    self.differs(position, format!("the close of {month} is not its days' sum"));
                }
            }
        }
        own.follow(&worked_out, position, chrono::DateTime::UNIX_EPOCH);
    }
}

/// Why nothing could be posted to `gl_date` at `position`, in words, if so.
fn not_open(books: &Books, gl_date: NaiveDate, position: Position) -> Option<String> {
    let (first, first_day) = books.days().first_key_value()?;
    // What was posted before there were books belongs to their first day, that day's own included:
    // see `DayScope::takes`.
    if gl_date <= *first && position < first_day.opened {
        return None;
    }
    let opened = books.days().get(&gl_date).map(|day| day.opened);
    if opened.is_none_or(|opened| position < opened) {
        return Some(format!("posted to {gl_date}, which was not open yet"));
    }
    let mut later = books.days().range(gl_date.succ_opt()?..).map(|(_, day)| day.opened);
    let closed = books.days().get(&gl_date).and_then(|day| day.closed);
    let is_late = later.nth(1).is_some_and(|opened| position > opened)
        || closed.is_some_and(|closed| position > closed.sealed);
    is_late.then(|| format!("posted to {gl_date}, which was not open any more"))
}

/// The first thing in which a close is not what was worked out, in words.
fn difference(sealed: &DayClosed, worked_out: &DayClosed) -> Option<String> {
    if sealed == worked_out {
        return None;
    }
    let products = differing(&sealed.products, &worked_out.products, |of| of.product);
    let journals = differing(&sealed.journals, &worked_out.journals, |journal| {
        (journal.product, journal.kind.clone())
    });
    let said = match (products, journals) {
        (Some((product, sealed, worked_out)), _) => {
            let accrual = |of: Option<&ProductClose>| of.map(|of| of.accrual.clone());
            let what = if accrual(sealed) == accrual(worked_out) {
                "trial balance or count of accounts"
            } else {
                "accrual"
            };
            format!("the {what} of {product} is not what the log gives")
        }
        (None, Some(((product, kind), sealed, worked_out))) => {
            let id = |of: Option<&LedgerJournal>| of.map(|of| of.id.clone()).unwrap_or_default();
            let (sealed, worked_out) = (id(sealed), id(worked_out));
            format!("journal {kind} of {product} is {sealed:?}, the log gives {worked_out:?}")
        }
        (None, None) => {
            let (sealed, worked_out) = (&sealed.restatements, &worked_out.restatements);
            let (count, of_log) = (sealed.count, worked_out.count);
            format!("{count} restatements with another root than the log's {of_log}")
        }
    };
    Some(said)
}

/// The first key whose values differ, with both.
fn differing<'a, K: Ord, V: PartialEq>(
    one: &'a [V],
    other: &'a [V],
    key: impl Fn(&V) -> K,
) -> Option<(K, Option<&'a V>, Option<&'a V>)> {
    let other: BTreeMap<K, &V> = other.iter().map(|value| (key(value), value)).collect();
    let one: BTreeMap<K, &V> = one.iter().map(|value| (key(value), value)).collect();
    let missing = other.iter().find(|(name, _)| !one.contains_key(*name)).map(|(_, value)| *value);
    let found = one.into_iter().find(|(name, value)| other.get(name) != Some(value));
    match (found, missing) {
        (Some((name, value)), _) => {
            let counterpart = other.get(&name).copied();
            Some((name, Some(value), counterpart))
        }
        (None, Some(value)) => Some((key(value), None, Some(value))),
        (None, None) => None,
    }
}
