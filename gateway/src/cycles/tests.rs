//! The runner on a log in memory: when it stops, and when it tries again.

use chrono::DateTime;
use ledger::clock::Clock;
use ledger::domain::books::Command as BooksCommand;
use ledger::domain::product::Product;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{AccountPages, BooksRequest};
use ledger::store::memory::Memory;
use ledger::store::{BoxError, BoxFuture, EventStore};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;

/// Longer than the runner takes to be where it waits.
const A_WHILE: Duration = Duration::from_millis(500);
/// What waits for something longer waits for ever.
const FOR_EVER: Duration = Duration::from_secs(30);

struct Desk {
    engine: Engine,
    reads: Projections,
    cycles: Cycles,
    _folder: TempDir,
}

impl Desk {
    /// Engine, read models and runner on a fresh log.
    async fn at(at: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn EventStore> = Arc::new(Memory::new());
        let clock = Arc::new(Clock::set_to(at.parse().unwrap()));
        let engine = Engine::start(Arc::clone(&store), clock, Rulebook::built_in()).await.unwrap();
        let options = projections::Options::default();
        let reads = Projections::open(folder.path(), store, options).await.unwrap();
        let cycles = Cycles::new(engine.clone(), reads.clone());
        Self { engine, reads, cycles, _folder: folder }
    }

    fn set_clock(&self, at: &str) {
        self.engine.clock().set(at.parse::<DateTime<chrono::Utc>>().unwrap()).unwrap();
    }

    /// Lets the runner come to where it waits, then tells it to stop, which it must.
    async fn stops_at_once(&self) {
        let shutdown = Shutdown::default();
        let running = tokio::spawn(self.cycles.clone().run_until(shutdown.clone()));
        tokio::time::sleep(A_WHILE).await;
        assert!(!running.is_finished());
        shutdown.ask();
        tokio::time::timeout(FOR_EVER, running).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_run_waits_for_no_list() {
    let desk = Desk::at("2026-03-02T15:00:07-05:00").await;
    let (tell, mut started) = tokio::sync::mpsc::unbounded_channel();
    let mut releases = Vec::new();
    // More than are answered at once.
    for _ in 0..16 {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        releases.push(release);
        let (reads, tell) = (desk.reads.clone(), tell.clone());
        tokio::spawn(async move {
            let ask = move |_: &projections::Reader<'_>| {
                tell.send(()).unwrap();
                // Ends when the other end is dropped.
                Ok(wait.recv().is_err())
            };
            reads.read(None, ask).await
        });
    }
    started.recv().await.unwrap();
    tokio::time::sleep(A_WHILE).await;
    let (product, date) = (Product::AutoLoan, "2026-03-02".parse().unwrap());
    let key = WindowKey { product, date, window: "15:00".parse().unwrap() };
    let run = tokio::time::timeout(FOR_EVER, desk.cycles.run_window(key)).await;
    assert_eq!(run.unwrap().unwrap().seals.len(), 1);
    drop(releases);
}

#[tokio::test]
async fn a_runner_that_waits_for_what_was_received_before_stops_at_once() {
    let desk = Desk::at("2026-03-02T09:00:00-05:00").await;
    let under_way = desk.engine.receive().unwrap();
    desk.set_clock("2026-03-05T09:00:00-05:00");
    desk.stops_at_once().await;
    drop(under_way);
}

/// Accounts that are never named: a close that asks for them does not end.
#[derive(Debug)]
struct Never;

impl AccountPages for Never {
    fn page<'a>(
        &'a self,
        _: Option<&'a AccountId>,
        _: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>> {
        Box::pin(std::future::pending())
    }
}

/// A close of the day that is over, which does not end, and keeps others from theirs.
async fn endless_close(engine: &Engine) -> JoinHandle<()> {
    let day = eastern_date(engine.clock().now()).pred_opt().unwrap();
    let request = BooksRequest {
        request_id: RequestId::derived("a close", "endless"),
        actor: Actor::runner(),
        receipt: engine.receive().unwrap(),
        command: BooksCommand::CloseDay { gl_date: day },
        unsealed: Vec::new(),
    };
    let engine = engine.clone();
    let closing = tokio::spawn(async move {
        engine.keep_books(request, Arc::new(Never)).await.unwrap();
    });
    tokio::time::sleep(A_WHILE).await;
    assert!(!closing.is_finished());
    closing
}

#[tokio::test]
async fn a_runner_that_closes_a_day_stops_at_once() {
    let desk = Desk::at("2026-03-02T09:00:00-05:00").await;
    desk.set_clock("2026-03-03T09:00:00-05:00");
    desk.engine.open_today().await.unwrap();
    desk.set_clock("2026-03-03T09:00:07-05:00");
    let closing = endless_close(&desk.engine).await;
    desk.stops_at_once().await;
    closing.abort();
}

#[tokio::test]
async fn a_close_that_fails_is_not_begun_again_at_once() {
    let desk = Desk::at("2026-03-02T09:00:00-05:00").await;
    desk.set_clock("2026-03-03T09:00:00-05:00");
    desk.engine.open_today().await.unwrap();
    desk.set_clock("2026-03-03T09:00:07-05:00");
    // What is not sealed cannot be asked any more.
    desk.cycles.reads.shutdown().await.unwrap();
    let shutdown = Shutdown::default();
    let running = tokio::spawn(desk.cycles.clone().run_until(shutdown.clone()));
    tokio::time::sleep(A_WHILE).await;
    // Every round begins with today's accounting day.
    desk.set_clock("2026-03-04T09:00:00-05:00");
    let current = async || desk.engine.books().await.unwrap().books.current().unwrap().to_string();
    tokio::time::sleep(LOOK_EVERY.saturating_mul(2)).await;
    assert_eq!(current().await, "2026-03-03");
    desk.cycles.wake();
    let opened = async {
        while current().await != "2026-03-04" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(FOR_EVER, opened).await.unwrap();
    shutdown.ask();
    running.await.unwrap();
}

/// The pass of 12 April finds that it is the 13th: it does nothing more, and the next one does all.
#[tokio::test]
async fn a_day_that_ends_amidst_the_pass_over_the_accounts_leaves_the_rest_to_the_next() {
    let desk = Desk::at("2026-03-02T09:00:00-05:00").await;
    let terms = serde_json::from_value(serde_json::json!({
        "product": "auto", "opened_date": "2026-03-02", "principal": "10000.00",
        "annual_rate": "0.073", "interest_paid_through": "2026-03-02",
        "instalments": {
            "amount": "310.00", "first_due_date": "2026-04-01", "day_of_month": 1, "count": 36
        },
        "late_fee": { "grace_days": 10, "amount": "15.00" },
    }));
    let open = Request {
        account: "a-1".parse().unwrap(),
        request_id: RequestId::derived("a test", "open"),
        actor: Actor::unnamed(),
        receipt: desk.engine.receive().unwrap(),
        command: Command::OpenAccount { terms: terms.unwrap(), lien: None },
    };
    let account = open.account.clone();
    desk.engine.execute(open).await.unwrap();
    desk.set_clock("2026-04-13T00:00:00-04:00");
    let mut daily = Daily::default();
    let written = async || desk.engine.account(&account, None).await.unwrap().unwrap().version.0;

    let ended = "2026-04-12".parse().unwrap();
    assert!(desk.cycles.look_at_accounts(&mut daily, ended).await.unwrap(), "it is not done");
    assert_eq!(written().await, 1);
    let today = "2026-04-13".parse().unwrap();
    while desk.cycles.look_at_accounts(&mut daily, today).await.unwrap() {}
    assert_eq!(written().await, 2);
}
