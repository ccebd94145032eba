//! What belongs to a day, read from the log: the range in which it was posted to, and every
//! account, one after the other and past the cache.

use std::collections::BTreeMap;

use crate::domain::account::events::Event;
use crate::domain::books::accrual::{Past, add_earnings};
use crate::domain::books::gathering::{DayGathered, DayScope};
use crate::domain::books::restatement::restatements;
use crate::domain::product::Product;
use crate::engine::{EngineError, fold};
use crate::envelope::{Position, RecordedEvent, Version};
use crate::ids::AccountId;
use crate::store::{BoxError, BoxFuture, EventStore};
use crate::streams::{self, Stream};

/// How many events are read at once.
const PAGE_EVENTS: usize = 1024;

/// The accounts on the books, a page at a time.
pub trait AccountPages: Send + Sync + std::fmt::Debug {
    /// The accounts after `after`, in order of id: at least all that were on the books at the
    /// position `known`. None ends the list.
    fn page<'a>(
        &'a self,
        after: Option<&'a AccountId>,
        known: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>>;
}

/// Gathers what belongs to the day of `scope`.
pub(super) async fn gather(
    store: &dyn EventStore,
    scope: DayScope,
    accounts: &dyn AccountPages,
) -> Result<DayGathered, EngineError> {
    let mut gathered = DayGathered::default();
    gather_journals(store, scope, &mut gathered).await?;
    let mut last: Option<AccountId> = None;
    loop {
        let page = accounts.page(last.as_ref(), scope.sealed).await;
        let page = page.map_err(EngineError::Unavailable)?;
        for account in &page {
            let past = past_of(store, account, scope.sealed).await?;
            let earnings = std::slice::from_mut(&mut gathered.earnings);
            add_earnings(&past, &[scope], earnings);
            let found = restatements(account, &past, &[scope]);
            gathered.restatements.extend(found.into_iter().map(|(_, found)| found));
            // Whoever waits for an answer comes first.
            tokio::task::yield_now().await;
        }
        match page.last() {
            Some(account) => last = Some(account.clone()),
            None => return Ok(gathered),
        }
    }
}

async fn gather_journals(
    store: &dyn EventStore,
    scope: DayScope,
    gathered: &mut DayGathered,
) -> Result<(), EngineError> {
    let mut products = Products::default();
    let mut after = scope.after;
    while after < scope.sealed {
        let page = store.read_all(after, PAGE_EVENTS).await?;
        let Some(last) = page.last() else { break };
        after = last.position;
        for recorded in page.iter().filter(|recorded| recorded.position <= scope.sealed) {
            let Some((account, event)) = account_event(recorded)? else { continue };
            if !scope.takes(&event) {
                continue;
            }
            let product = products.of(store, &account, recorded).await?;
            if let Some(posting) = event.posting() {
                let (kind, id) = (&recorded.kind, recorded.id);
                gathered.journals.add(product, kind, id, &posting.lines);
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The products of accounts, read from their first events.
#[derive(Debug, Default)]
struct Products(BTreeMap<AccountId, Product>);

impl Products {
    async fn of(
        &mut self,
        store: &dyn EventStore,
        account: &AccountId,
        at: &RecordedEvent,
    ) -> Result<Product, EngineError> {
        if let Some(product) = self.0.get(account) {
            return Ok(*product);
        }
        let stream = streams::of_account(account);
        let first = store.read_stream(&stream, Version::EMPTY, 1).await?;
        let first = first.first().map(account_event).transpose()?.flatten();
        let Some((_, Event::AccountOpened(opened))) = first else {
            let cause = format!("account {account} does not begin with its opening").into();
            return Err(EngineError::Damaged { position: at.position, cause });
        };
        let product = opened.terms.product;
        self.0.insert(account.clone(), product);
        Ok(product)
    }
}

/// The account and its event that a recorded event is, if it is one.
pub(super) fn account_event(
    recorded: &RecordedEvent,
) -> Result<Option<(AccountId, Event)>, EngineError> {
    let Stream::Account(account) = Stream::of(&recorded.stream) else { return Ok(None) };
    Ok(Some((account, fold::account_event(recorded)?)))
}

/// The events of an account up to and with `sealed`.
pub(super) async fn past_of(
    store: &dyn EventStore,
    account: &AccountId,
    sealed: Position,
) -> Result<Vec<Past>, EngineError> {
    let stream = streams::of_account(account);
    let mut past = Vec::new();
    let mut version = Version::EMPTY;
    loop {
        let page = store.read_stream(&stream, version, PAGE_EVENTS).await?;
        for recorded in &page {
            if recorded.position > sealed {
                return Ok(past);
            }
            version = recorded.version;
            if let Some((_, event)) = account_event(recorded)? {
                let received_at = fold::metadata(recorded)?.received_at;
                past.push(Past { position: recorded.position, received_at, event });
            }
        }
        if page.len() < PAGE_EVENTS {
            return Ok(past);
        }
    }
}
