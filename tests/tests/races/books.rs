//! Days that are opened and closed while many write: nothing is posted to a day after its close.

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use gateway::convert::commands::Mutation as _;
use ledger::clock::Clock;
use ledger::domain::account::commands::{Command, ReceivePayment};
use ledger::domain::books::Command as BooksCommand;
use ledger::domain::cutoff::eastern_date;
use ledger::domain::product::Channel;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{AccountPages, BooksRequest, Engine, EngineError, Request, audit_books};
use ledger::envelope::Position;
use ledger::ids::{AccountId, Actor, RequestId};
use ledger::store::embedded::{Embedded, Options};
use ledger::store::memory::Memory;
use ledger::store::{BoxError, BoxFuture, EventStore};
use tests::requests::{auto_loan, instant};
use tokio::sync::{RwLock, Semaphore};
use tokio::task::JoinSet;

use crate::desk::Desk;
use crate::faults::Fault;

const ACCOUNTS: usize = 6;
const DAYS: i64 = 6;

#[derive(Debug)]
struct Named(Vec<AccountId>);

impl AccountPages for Named {
    fn page<'a>(
        &'a self,
        after: Option<&'a AccountId>,
        _known: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>> {
        let later = self.0.iter().filter(move |id| after.is_none_or(|after| *id > after));
        let page = later.take(4).cloned().collect();
        Box::pin(async { Ok(page) })
    }
}

/// Names no account, and that only once the gate is opened.
#[derive(Debug)]
struct Gated(Semaphore);

impl AccountPages for Gated {
    fn page<'a>(
        &'a self,
        _after: Option<&'a AccountId>,
        _known: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>> {
        Box::pin(async {
            self.0.acquire().await.unwrap().forget();
            Ok(Vec::new())
        })
    }
}

fn accounts() -> Vec<AccountId> {
    (0..ACCOUNTS).map(|n| format!("a-{n}").parse().unwrap()).collect()
}

fn asked(engine: &Engine, account: &AccountId, name: &str, command: Command) -> Request {
    Request {
        account: account.clone(),
        request_id: RequestId::derived("a race", name),
        actor: Actor::unnamed(),
        receipt: engine.receive().unwrap(),
        command,
    }
}

fn receive(day: NaiveDate) -> Command {
    Command::ReceivePayment(ReceivePayment {
        channel: Channel::Mail,
        amount: "1.00".parse().unwrap(),
        received_date: day,
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: true,
        payoff_quote: None,
        preview: None,
    })
}

fn asked_of_books(engine: &Engine, name: &str, command: BooksCommand) -> BooksRequest {
    BooksRequest {
        request_id: RequestId::derived("books", name),
        actor: Actor::runner(),
        receipt: engine.receive().unwrap(),
        command,
        unsealed: Vec::new(),
    }
}

async fn close(engine: &Engine, gl_date: NaiveDate, accounts: Vec<AccountId>) {
    let command = BooksCommand::CloseDay { gl_date };
    let request = || asked_of_books(engine, &format!("close {gl_date}"), command);
    let accounts = Arc::new(Named(accounts));
    loop {
        match engine.keep_books(request(), accounts.clone()).await {
            Ok(_) => return,
            Err(EngineError::Contended | EngineError::Stale { .. }) => {}
            Err(error) => unreachable!("{error:?}"),
        }
    }
}

async fn engine_on(store: &Arc<dyn EventStore>, at: DateTime<Utc>) -> Engine {
    let clock = Arc::new(Clock::set_to(at));
    Engine::start(Arc::clone(store), clock, Rulebook::built_in()).await.unwrap()
}

/// Writes alone and in batches on `engine` until its clock shows `until`; what was received too
/// long ago, since the clock was set meanwhile, is received anew. Says how much was written.
async fn write(engine: Engine, lane: usize, until: DateTime<Utc>, pace: Pace) -> usize {
    let (mut written, mut n) = (0_usize, 0_usize);
    while engine.clock().now() < until {
        let _paced = pace.read().await;
        n = n.saturating_add(1);
        let account = accounts().swap_remove(lane % ACCOUNTS);
        let today = eastern_date(engine.clock().now());
        let some: Vec<_> = (0..n % 4)
            .map(|i| asked(&engine, &account, &format!("{lane} {n} {i}"), receive(today)))
            .collect();
        let answers = if some.len() == 1 {
            vec![engine.execute(some.into_iter().next().unwrap()).await]
        } else {
            engine.execute_batch(some).await
        };
        for answer in answers {
            match answer {
                Ok(_) => written = written.saturating_add(1),
                Err(EngineError::Contended | EngineError::Stale { .. }) => {}
                Err(error) => unreachable!("{error:?}"),
            }
        }
        tokio::task::yield_now().await;
    }
    written
}

/// Held for reading by who writes, and for writing by who sets the clocks of several gateways:
/// between those only time keeps a late append from a closed day, and an append that lasts while
/// hours are skipped would be one that lasts for hours.
type Pace = Arc<RwLock<()>>;

/// Sets all clocks, none of them back.
async fn set_clocks(engines: &[Engine], pace: &Pace, at: DateTime<Utc>) {
    let _paced = if engines.len() > 1 { Some(pace.write().await) } else { None };
    for engine in engines {
        engine.clock().set(at.max(engine.clock().now())).unwrap();
    }
}

/// Lets the writers go on while midnight passes, then closes the day before.
async fn turn_the_page(engines: &[Engine], pace: &Pace, start: DateTime<Utc>, day: i64) {
    let engine = engines.first().unwrap();
    let before = eastern_date(after(start, Duration::days(day)));
    for seconds in [1, 2, 3, 9, 20] {
        let passed = Duration::seconds(seconds).checked_add(&Duration::days(day)).unwrap();
        set_clocks(engines, pace, after(start, passed)).await;
        for _ in 0..40 {
            tokio::task::yield_now().await;
        }
    }
    engine.open_today().await.unwrap();
    set_clocks(engines, pace, after(engine.clock().now(), Duration::seconds(7))).await;
    close(engine, before, accounts()).await;
}

fn after(instant: DateTime<Utc>, passed: Duration) -> DateTime<Utc> {
    instant.checked_add_signed(passed).unwrap()
}

/// Opens and closes days on the first of several engines while all of them write.
async fn race(store: Arc<dyn EventStore>, count: usize) {
    let start = instant("2026-03-02T23:59:58-05:00");
    let until = after(start, Duration::days(DAYS));
    let mut engines = Vec::new();
    for _ in 0..count {
        engines.push(engine_on(&store, start).await);
    }
    let engine = engines.first().unwrap();
    for account in accounts() {
        let open = auto_loan(account.as_str()).asked().unwrap().command;
        engine.execute(asked(engine, &account, "open", open)).await.unwrap();
    }
    let pace = Pace::default();
    let mut writers = JoinSet::new();
    for lane in 0..count.saturating_mul(4) {
        let engine = engines.get(lane.checked_rem(count).unwrap()).unwrap();
        writers.spawn(write(engine.clone(), lane, until, Arc::clone(&pace)));
    }
    for day in 0..DAYS {
        turn_the_page(&engines, &pace, start, day).await;
    }
    set_clocks(&engines, &pace, until).await;
    let written = writers.join_all().await;
    assert!(written.iter().all(|written| *written > 0), "{written:?}");
    let audit = audit_books(store.as_ref()).await.unwrap();
    assert_eq!(audit.differences, []);
    assert_eq!(audit.days_closed, u64::try_from(DAYS).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_posted_to_a_closed_day_in_memory() {
    race(Arc::new(Memory::new()), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_posted_to_a_closed_day_on_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    race(Arc::new(Embedded::open(folder.path(), Options::default()).unwrap()), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_opened_by_one_gateway_is_seen_by_the_other() {
    race(Arc::new(Memory::new()), 2).await;
}

#[tokio::test]
async fn a_close_waits_for_what_is_being_written_on_its_day() {
    let desk = Desk::new().await;
    let engine = desk.engine.clone();
    desk.store.plan("PaymentReceived", Fault::Waits);
    let account: AccountId = "a-1".parse().unwrap();
    let day = eastern_date(engine.clock().now());
    let late = asked(&engine, &account, "late", receive(day));
    let writing = engine.clone();
    let writing = tokio::spawn(async move { writing.execute(late).await });
    desk.store.somebody_waits().await;
    engine.clock().set(instant("2026-03-04T09:00:00-05:00")).unwrap();
    // Others go on, on the next day.
    let other = asked(&engine, &"a-2".parse().unwrap(), "open", {
        auto_loan("a-2").asked().unwrap().command
    });
    engine.execute(other).await.unwrap();
    engine.clock().set(instant("2026-03-04T09:00:06-05:00")).unwrap();
    let closing = engine.clone();
    let both = vec![account.clone(), "a-2".parse().unwrap()];
    let closing = tokio::spawn(async move { close(&closing, day, both).await });
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(!closing.is_finished() && desk.count("DayClosed").await == 0);
    desk.store.open_gate();
    writing.await.unwrap().unwrap();
    closing.await.unwrap();
    let audit = audit_books(desk.store.as_ref()).await.unwrap();
    assert_eq!((audit.days_closed, audit.differences), (1, Vec::new()));
}

#[tokio::test]
async fn a_close_whose_answer_is_lost_is_found_and_not_made_twice() {
    let desk = Desk::new().await;
    let engine = desk.engine.clone();
    let day = eastern_date(engine.clock().now());
    for at in ["2026-03-04T09:00:00-05:00", "2026-03-04T09:00:06-05:00"] {
        engine.clock().set(instant(at)).unwrap();
        engine.open_today().await.unwrap();
    }
    desk.store.plan("DayClosed", Fault::AnswerLost);
    close(&engine, day, vec!["a-1".parse().unwrap()]).await;
    close(&engine, day, vec!["a-1".parse().unwrap()]).await;
    assert_eq!(desk.count("DayClosed").await, 1);
    assert_eq!(audit_books(desk.store.as_ref()).await.unwrap().differences, []);
}

#[tokio::test]
async fn nobody_waits_for_a_close_but_another_of_the_same_day() {
    let engine = Desk::new().await.engine;
    let day = eastern_date(engine.clock().now());
    for at in ["2026-03-04T09:00:00-05:00", "2026-03-05T09:00:00-05:00"] {
        engine.clock().set(instant(at)).unwrap();
        engine.open_today().await.unwrap();
    }
    let gate = Arc::new(Gated(Semaphore::new(0)));
    let close = BooksCommand::CloseDay { gl_date: day };
    let mut closing = JoinSet::new();
    for name in ["close", "close", "another"] {
        let (engine, pages) = (engine.clone(), Arc::clone(&gate));
        let request = asked_of_books(&engine, name, close);
        closing.spawn(async move { (name, engine.keep_books(request, pages).await) });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    // A cut-off run does not wait for them, however long the close takes.
    let later = after(engine.clock().now(), Duration::seconds(6));
    engine.clock().set(later).unwrap();
    let waiting = engine.clone();
    let run = tokio::spawn(async move { waiting.concluded_before(later).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(run.is_finished());
    let month = "2026-02".parse().unwrap();
    let month = asked_of_books(&engine, "month", BooksCommand::CloseMonth { month });
    let month = engine.keep_books(month, gate.clone()).await;
    assert!(matches!(month, Err(EngineError::BooksRefused { .. })), "{month:?}");
    gate.0.add_permits(1);
    let mut closed = closing.join_all().await;
    closed.sort_by_key(|(name, _)| *name);
    let [(_, another), (_, one), (_, two)] = closed.try_into().unwrap();
    assert!(matches!(another, Err(EngineError::Contended)), "{another:?}");
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.position, &one.event), (two.position, &two.event));
    assert!(one.replayed != two.replayed, "one is the answer of the other");
}

#[tokio::test]
async fn a_posting_to_a_closed_day_would_be_found() {
    let desk = Desk::new().await;
    let engine = desk.engine.clone();
    let day = eastern_date(engine.clock().now());
    let sloppy = crate::desk::engine_on(&desk.store, engine.clock().now()).await;
    let account: AccountId = "a-1".parse().unwrap();
    for at in ["2026-03-04T09:00:00-05:00", "2026-03-04T09:00:06-05:00"] {
        engine.clock().set(instant(at)).unwrap();
        engine.open_today().await.unwrap();
    }
    close(&engine, day, vec![account.clone()]).await;
    // Its clock stands still: its copy of the calendar never gets old.
    sloppy.execute(asked(&sloppy, &account, "late", receive(day))).await.unwrap();
    let audit = audit_books(desk.store.as_ref()).await.unwrap();
    let [late, close] = audit.differences.as_slice() else { unreachable!("{audit:?}") };
    assert_eq!(late.position, desk.head().await);
    assert!(late.cause.contains("was not open any more"), "{late:?}");
    assert!(close.cause.contains("the close of 2026-03-03"), "{close:?}");
}
