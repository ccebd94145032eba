//! Questions about closed days, answered from the log itself.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::event_of;
use super::gather::{account_event, past_of};
use crate::domain::books::accrual::PastEvent;
use crate::domain::books::events::{DayClosed, Event, MonthClosed};
use crate::domain::books::gathering::DayScope;
use crate::domain::books::month::Month;
use crate::domain::books::restatement::{Restatement, restatements, restates};
use crate::engine::{Engine, EngineError, Inner, fold};
use crate::envelope::Position;
use crate::ids::{AccountId, Actor, EventId, RequestId};

/// How many events are read at once.
const PAGE_EVENTS: usize = 1024;

/// A restatement, and what caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestatementRow {
    /// What it changes.
    pub restatement: Restatement,
    /// The stored name of its event.
    pub kind: String,
    /// The event.
    pub event: EventId,
    /// The request that caused it.
    pub request_id: RequestId,
    /// When that was received.
    pub received_at: DateTime<Utc>,
    /// Who asked.
    pub actor: Actor,
}

impl Engine {
    /// What the close of a day sealed, and where that is recorded. None of a day that is not
    /// closed.
    pub async fn closed_day(
        &self,
        gl_date: NaiveDate,
    ) -> Result<Option<(DayClosed, Position)>, EngineError> {
        let folded = self.books().await?;
        let closed = folded.books.days().get(&gl_date).and_then(|day| day.closed);
        let Some(closed) = closed else { return Ok(None) };
        match self.0.books_event(closed.recorded).await? {
            Event::DayClosed(day) => Ok(Some((day, closed.recorded))),
            Event::DayOpened(_) | Event::MonthClosed(_) | Event::BooksRequestRefused(_) => Ok(None),
        }
    }

    /// What the close of a month sealed, and where that is recorded. None of a month that is not
    /// closed.
    pub async fn closed_month(
        &self,
        month: Month,
    ) -> Result<Option<(MonthClosed, Position)>, EngineError> {
        let Some(recorded) = self.books().await?.books.month_closed(month) else { return Ok(None) };
        match self.0.books_event(recorded).await? {
            Event::MonthClosed(month) => Ok(Some((month, recorded))),
            Event::DayOpened(_) | Event::DayClosed(_) | Event::BooksRequestRefused(_) => Ok(None),
        }
    }

    /// The restatements of a closed day after the position `after`, in order of position: at least
    /// one if there is one, and at most `limit`. None of a day that is not closed.
    pub async fn restatements(
        &self,
        gl_date: NaiveDate,
        after: Position,
        limit: usize,
    ) -> Result<Option<Vec<RestatementRow>>, EngineError> {
        let folded = self.books().await?;
        let closed = folded.books.days().get(&gl_date).and_then(|day| day.closed);
        let scope = closed.and_then(|closed| folded.books.scope(gl_date, closed.sealed));
        let Some(scope) = scope else { return Ok(None) };
        let mut causes = self.causes(scope, after, limit).await?;
        let mut rows = Vec::new();
        while let Some(account) = causes.values().next().map(|cause| cause.account.clone()) {
            let past = past_of(self.0.store.as_ref(), &account, scope.sealed).await?;
            for (_, found) in restatements(&account, &past, &[scope]) {
                if let Some(cause) = causes.remove(&found.position) {
                    rows.push(cause.row(found));
                }
            }
            // All of this account's are told; one that folding does not find would be asked for
            // for ever.
            causes.retain(|_, cause| cause.account != account);
            tokio::task::yield_now().await;
        }
        rows.sort_unstable_by_key(|row| row.restatement.position);
        Ok(Some(rows))
    }

    /// The events of the day that restate something, by position.
    async fn causes(
        &self,
        scope: DayScope,
        after: Position,
        limit: usize,
    ) -> Result<BTreeMap<Position, Cause>, EngineError> {
        let mut causes = BTreeMap::new();
        let mut after = after.max(scope.after);
        while after < scope.sealed && causes.len() < limit {
            let page = self.0.store.read_all(after, PAGE_EVENTS).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for recorded in &page {
                let Some((account, event)) = account_event(recorded)? else { continue };
                let metadata = fold::metadata(recorded)?;
                let (position, received_at) = (recorded.position, metadata.received_at);
                if restates(&scope, &PastEvent { position, received_at, event })
                    && causes.len() < limit
                {
                    let kind = recorded.kind.clone();
                    let (event, request_id, actor) =
                        (recorded.id, metadata.request_id, metadata.actor);
                    let cause = Cause { account, kind, event, request_id, received_at, actor };
                    causes.insert(position, cause);
                }
            }
        }
        Ok(causes)
    }
}

impl Inner {
    /// The event of the books that is recorded at `position`.
    pub(super) async fn books_event(&self, position: Position) -> Result<Event, EngineError> {
        let recorded = self.store.read_all(position.before(), 1).await?;
        let missing = || EngineError::Unavailable("an event of the books is not there yet".into());
        event_of(recorded.first().ok_or_else(missing)?)
    }
}

/// The event behind a restatement.
struct Cause {
    account: AccountId,
    kind: String,
    event: EventId,
    request_id: RequestId,
    received_at: DateTime<Utc>,
    actor: Actor,
}

impl Cause {
    fn row(self, restatement: Restatement) -> RestatementRow {
        let Self { kind, event, request_id, received_at, actor, .. } = self;
        RestatementRow { restatement, kind, event, request_id, received_at, actor }
    }
}
