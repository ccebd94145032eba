//! What belongs to a day, read from the log: the range in which it was posted to, and every
//! account, some at one go and past the cache.

use std::collections::BTreeMap;

use crate::domain::account::events::Event;
use crate::domain::books::accrual::{PastEvent, add_earnings};
use crate::domain::books::gathering::{DayGathered, DayScope};
use crate::domain::books::restatement::restatements;
use crate::domain::product::Product;
use crate::engine::{EngineError, fold};
use crate::envelope::{Position, RecordedEvent, Version};
use crate::ids::AccountId;
use crate::store::{BoxError, BoxFuture, EventStore, ReadError};
use crate::streams::{self, Stream};

/// How many events are read at once.
const PAGE_EVENTS: usize = 1024;

/// How many accounts are read at one go, with as many events of each as are read at once: all that
/// they have is in memory meanwhile.
pub(super) const ACCOUNTS_AT_ONCE: usize = 128;

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
        for accounts in page.chunks(ACCOUNTS_AT_ONCE) {
            let pasts = pasts_of(store, accounts, scope.sealed).await?;
            let add = move || {
                for (account, past) in &pasts {
                    let earnings = std::slice::from_mut(&mut gathered.earnings);
                    add_earnings(past, &[scope], earnings);
                    let found = restatements(account, past, &[scope]);
                    gathered.restatements.extend(found.into_iter().map(|(_, found)| found));
                }
                gathered
            };
            gathered = fold::beside(add).await?;
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
        let posted = fold::beside(move || posted_in(page, scope)).await??;
        products.learn(store, &posted).await?;
        for Posted { recorded, account, event } in &posted {
            if let (Some(posting), Some(product)) = (event.posting(), products.0.get(account)) {
                let (kind, id) = (&recorded.kind, recorded.id);
                gathered.journals.add(*product, kind, id, &posting.lines);
            }
        }
    }
    Ok(())
}

/// An account's event that belongs to a day.
struct Posted {
    recorded: RecordedEvent,
    account: AccountId,
    event: Event,
}

/// What of a page was posted to the day.
fn posted_in(page: Vec<RecordedEvent>, scope: DayScope) -> Result<Vec<Posted>, EngineError> {
    let mut posted = Vec::new();
    for recorded in page {
        if recorded.position > scope.sealed {
            break;
        }
        if let Some((account, event)) = account_event(&recorded)?
            && scope.takes(&event)
        {
            posted.push(Posted { recorded, account, event });
        }
    }
    Ok(posted)
}

/// The products of accounts, read from their first events.
#[derive(Debug, Default)]
struct Products(BTreeMap<AccountId, Product>);

impl Products {
    /// Reads those that are not known yet, at one go.
    async fn learn(
        &mut self,
        store: &dyn EventStore,
        posted: &[Posted],
    ) -> Result<(), EngineError> {
        let unknown = posted.iter().filter(|posted| !self.0.contains_key(&posted.account));
        let unknown: BTreeMap<_, _> =
            unknown.map(|posted| (&posted.account, posted.recorded.position)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let accounts: Vec<_> = unknown.keys().copied().cloned().collect();
        let pages = first_pages(store, &accounts, 1).await?;
        for ((account, position), page) in unknown.into_iter().zip(pages) {
            let first = page.first().map(account_event).transpose()?.flatten();
            let Some((_, Event::AccountOpened(opened))) = first else {
                let cause = format!("account {account} does not begin with its opening").into();
                let account = Some(account.clone());
                return Err(EngineError::Damaged { position, account, cause });
            };
            self.0.insert(account.clone(), opened.terms.product);
        }
        Ok(())
    }
}

/// The account and its event that a recorded event is, if it is one.
pub(super) fn account_event(
    recorded: &RecordedEvent,
) -> Result<Option<(AccountId, Event)>, EngineError> {
    let Stream::Account(account) = Stream::of(&recorded.stream) else { return Ok(None) };
    Ok(Some((account, fold::account_event(recorded)?)))
}

/// The first events of several accounts. Damage is told with the account that meets it: nothing is
/// closed without it, and whoever mends the log wants to know both.
async fn first_pages(
    store: &dyn EventStore,
    accounts: &[AccountId],
    limit: usize,
) -> Result<Vec<Vec<RecordedEvent>>, EngineError> {
    let streams: Vec<_> = accounts.iter().map(streams::of_account).collect();
    let met = match store.read_streams(&streams, limit).await {
        Err(met @ ReadError::Damaged { .. }) => met,
        read => return Ok(read?),
    };
    for (account, stream) in accounts.iter().zip(&streams) {
        let read = store.read_stream(stream, Version::EMPTY, limit).await;
        if let Err(ReadError::Damaged { position, cause }) = read {
            let (account, cause) = (Some(account.clone()), cause.into());
            return Err(EngineError::Damaged { position, account, cause });
        }
    }
    Err(met.into())
}

/// The events of several accounts up to and with `sealed`.
pub(super) async fn pasts_of(
    store: &dyn EventStore,
    accounts: &[AccountId],
    sealed: Position,
) -> Result<Vec<(AccountId, Vec<PastEvent>)>, EngineError> {
    let pages = first_pages(store, accounts, PAGE_EVENTS).await?;
    let read = move || -> Result<Vec<_>, EngineError> {
        let past = |page: &Vec<RecordedEvent>| {
            let mut past = Vec::new();
            let more = read_page(page, sealed, &mut past)?;
            Ok((past, more))
        };
        pages.iter().map(past).collect()
    };
    let mut pasts = Vec::with_capacity(accounts.len());
    for (account, (mut past, more)) in accounts.iter().zip(fold::beside(read).await??) {
        if let Some(after) = more {
            read_on(store, account, after, sealed, &mut past).await?;
        }
        pasts.push((account.clone(), past));
    }
    Ok(pasts)
}

/// The events of an account up to and with `sealed`.
pub(super) async fn past_of(
    store: &dyn EventStore,
    account: &AccountId,
    sealed: Position,
) -> Result<Vec<PastEvent>, EngineError> {
    let mut past = Vec::new();
    read_on(store, account, Version::EMPTY, sealed, &mut past).await?;
    Ok(past)
}

/// Adds the events of an account above `after`, up to and with `sealed`.
async fn read_on(
    store: &dyn EventStore,
    account: &AccountId,
    after: Version,
    sealed: Position,
    past: &mut Vec<PastEvent>,
) -> Result<(), EngineError> {
    let stream = streams::of_account(account);
    let mut more = Some(after);
    while let Some(after) = more {
        let page = store.read_stream(&stream, after, PAGE_EVENTS).await?;
        more = read_page(&page, sealed, past)?;
    }
    Ok(())
}

/// Adds what a page holds up to and with `sealed`. The version after which to read on, if there may
/// be more.
fn read_page(
    page: &[RecordedEvent],
    sealed: Position,
    past: &mut Vec<PastEvent>,
) -> Result<Option<Version>, EngineError> {
    for recorded in page {
        if recorded.position > sealed {
            return Ok(None);
        }
        if let Some((_, event)) = account_event(recorded)? {
            let received_at = fold::metadata(recorded)?.received_at;
            past.push(PastEvent { position: recorded.position, received_at, event });
        }
    }
    let last = page.last().filter(|_| page.len() == PAGE_EVENTS);
    Ok(last.map(|last| last.version))
}
