//! A log that was written before there were books: what is in it belongs to their first day.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::super::{AccountPages, BooksRequest, Engine, audit_books};
use super::{account_id, at, execute, instant, receive};
use crate::clock::Clock;
use crate::domain::account::commands::Command;
use crate::domain::account::scenarios::loan;
use crate::domain::books::Command as BooksCommand;
use crate::domain::books::events::{DayClosed, Event};
use crate::domain::rulebook::Rulebook;
use crate::envelope::{NewEvent, Position, Version};
use crate::ids::{AccountId, Actor, RequestId};
use crate::store::memory::Memory;
use crate::store::{Append, BoxError, BoxFuture, EventStore, Expected};
use crate::streams;

/// Names the one account.
#[derive(Debug)]
struct OneAccount;

impl AccountPages for OneAccount {
    fn page<'a>(
        &'a self,
        after: Option<&'a AccountId>,
        _known: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>> {
        let page = if after.is_none() { vec![account_id()] } else { Vec::new() };
        Box::pin(async { Ok(page) })
    }
}

async fn engine_on(store: &Arc<Memory>, now: DateTime<Utc>) -> Engine {
    let clock = Arc::new(Clock::set_to(now));
    Engine::start(store.clone(), clock, Rulebook::built_in()).await.unwrap()
}

/// The log as a build would have written it that knew of no accounting days.
async fn without_books(store: &Memory) -> Arc<Memory> {
    let older = Arc::new(Memory::new());
    let mut versions = BTreeMap::new();
    for event in store.read_all(Position::START, usize::MAX).await.unwrap() {
        if event.stream == streams::of_books() {
            continue;
        }
        let before = versions.insert(event.stream.clone(), event.version);
        let expected = Expected::after(before.unwrap_or(Version::EMPTY));
        let (id, kind, data, metadata) = (event.id, event.kind, event.data, event.metadata);
        let event_alone = vec![NewEvent { id, kind, data, metadata }];
        older.append(Append::new(event.stream, expected, event_alone).unwrap()).await.unwrap();
    }
    older
}

async fn close(engine: &Engine, gl_date: NaiveDate) -> DayClosed {
    let request = BooksRequest {
        request_id: RequestId::derived("a test", "close"),
        actor: Actor::unnamed(),
        receipt: engine.receive().unwrap(),
        command: BooksCommand::CloseDay { gl_date },
        unsealed: Vec::new(),
    };
    let answer = engine.keep_books(request, Arc::new(OneAccount)).await.unwrap();
    let Event::DayClosed(closed) = answer.event else { unreachable!("{:?}", answer.event) };
    closed
}

#[tokio::test]
async fn what_was_posted_on_the_first_day_before_it_was_opened_belongs_to_it() {
    let store = Arc::new(Memory::new());
    let engine = engine_on(&store, instant("2026-03-02T09:00:00-05:00")).await;
    execute(&engine, "open", Command::OpenAccount { terms: loan(), lien: None }).await.unwrap();
    execute(&engine, "before", receive("20.00", "2026-03-02")).await.unwrap();
    at(&engine, "2026-03-03T09:00:00-05:00");
    execute(&engine, "same day", receive("30.00", "2026-03-03")).await.unwrap();

    let older = without_books(&store).await;
    let engine = engine_on(&older, instant("2026-03-03T12:00:00-05:00")).await;
    assert_eq!(audit_books(older.as_ref()).await.unwrap().differences, []);
    execute(&engine, "after", receive("40.00", "2026-03-03")).await.unwrap();
    for text in ["2026-03-04T09:00:00-05:00", "2026-03-04T09:00:06-05:00"] {
        at(&engine, text);
        engine.open_today().await.unwrap();
    }
    let closed = close(&engine, "2026-03-03".parse().unwrap()).await;
    let payments = closed.journals.iter().find(|journal| journal.kind == "PaymentReceived");
    assert_eq!(payments.unwrap().events, 3);
    let audit = audit_books(older.as_ref()).await.unwrap();
    assert_eq!((audit.days_closed, audit.differences), (1, Vec::new()));
}
