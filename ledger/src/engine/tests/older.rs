//! Logs that earlier builds have written.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::super::{AccountPages, BooksRequest, Engine, EngineError, audit_books};
use super::{account_id, at, execute, instant, receive};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::domain::account::commands::{Command, Lien};
use crate::domain::account::scenarios::loan;
use crate::domain::account::terms::{Terms, TermsError};
use crate::domain::books::Command as BooksCommand;
use crate::domain::books::events::{DayClosed, Event};
use crate::domain::rulebook::Rulebook;
use crate::envelope::{NewEvent, Position, RecordedEvent};
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

/// The events of `store` as an earlier build would have written them: `written` gives each as it
/// was then, if it was.
async fn older(
    store: &Memory,
    written: impl Fn(&RecordedEvent) -> Option<NewEvent>,
) -> Arc<Memory> {
    let older = Arc::new(Memory::new());
    for event in store.read_all(Position::START, usize::MAX).await.unwrap() {
        if let Some(written) = written(&event) {
            let expected = Expected::after(event.version.before());
            older
                .append(Append::new(event.stream, expected, vec![written]).unwrap())
                .await
                .unwrap();
        }
    }
    older
}

/// An event as it is.
fn same(event: &RecordedEvent) -> NewEvent {
    let RecordedEvent { id, kind, data, metadata, .. } = event.clone();
    NewEvent { id, kind, data, metadata }
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

    let is_of_books = |event: &RecordedEvent| event.stream == streams::of_books();
    let older = older(&store, |event| (!is_of_books(event)).then(|| same(event))).await;
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

fn opening_in(state: &str) -> Command {
    let terms = Terms { governing_state: Some(state.parse().unwrap()), ..loan() };
    Command::OpenAccount { terms, lien: Some(lien_in(state)) }
}

fn lien_in(state: &str) -> Lien {
    Lien {
        title_state: state.to_owned(),
        vin: "1HGCM82633A004352".to_owned(),
        lienholder: "Example Auto Finance".to_owned(),
    }
}

#[tokio::test]
async fn what_was_accepted_of_a_state_that_there_is_not_is_answered_again() {
    let store = Arc::new(Memory::new());
    let engine = engine_on(&store, instant("2026-03-01T09:00:00-05:00")).await;
    let first = execute(&engine, "open", opening_in("TX")).await.unwrap();

    let digest = |state| Digest::of_json(&opening_in(state)).unwrap().to_string();
    let replaced = |bytes: &[u8], from: &str, to: &str| {
        str::from_utf8(bytes).unwrap().replace(from, to).into_bytes()
    };
    let older = older(&store, |event| {
        Some(NewEvent {
            data: replaced(&event.data, "\"TX\"", "\"ZZ\""),
            metadata: replaced(&event.metadata, &digest("TX"), &digest("ZZ")),
            ..same(event)
        })
    })
    .await;
    let engine = engine_on(&older, instant("2026-03-02T09:00:00-05:00")).await;
    let again = execute(&engine, "open", opening_in("ZZ")).await.unwrap();
    assert_eq!((again.position, again.replayed), (first.position, true));

    let reused = execute(&engine, "open", opening_in("TX")).await.unwrap_err();
    assert!(matches!(reused, EngineError::RequestIdReused(_)), "{reused:?}");
    let record = Command::RecordLien { lien: lien_in("QQ"), replaced_vin: None };
    engine.open_today().await.unwrap();
    let head = older.head().await.unwrap();
    for _ in 0..2 {
        let denied = execute(&engine, "record", record.clone()).await.unwrap_err();
        let EngineError::Terms(TermsError::Invalid { field, .. }) = &denied else {
            unreachable!("{denied:?}");
        };
        assert_eq!(*field, "lien.title_state");
    }
    assert_eq!(older.head().await.unwrap(), head, "nothing is recorded of it");
}
