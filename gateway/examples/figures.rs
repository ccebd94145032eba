//! Measures the service on a large portfolio: writes accounts and payments through the engine,
//! closes the accounting days, opens the directory again as `serve` does, and says how long that
//! took and how much it holds.
//!
//! `cargo run --release -p gateway --example figures -- DIR ACCOUNTS PAYMENTS_EACH`, then the same
//! with `DIR 0 0`, which only opens the directory: its memory is that of a process just started.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{Days, NaiveDate};
use gateway::serve::{Service, ServiceSettings};
use gateway::server::{MESSAGE_WAIT_MAX, Settings};
use ledger::clock::Clock;
use ledger::domain::account::commands::{Command, SchedulePayment};
use ledger::domain::books::{self, SETTLING};
use ledger::domain::cutoff::{Window, instant_of};
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{self, AccountPages, BooksRequest, Engine, Request};
use ledger::envelope::Position;
use ledger::ids::{AccountId, Actor, PaymentId, RequestId};
use ledger::store::embedded::{Embedded, Options};
use ledger::store::{BoxError, BoxFuture, EventStore};
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many commands share a batch.
const BATCH: usize = 1000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, accounts, payments] = arguments.as_slice() else {
        return Err("usage: figures DIR ACCOUNTS PAYMENTS_EACH".into());
    };
    let folder = PathBuf::from(folder);
    let (accounts, payments): (usize, u64) = (accounts.parse()?, payments.parse()?);
    let first: NaiveDate = "2026-03-02".parse()?;
    if accounts > 0 {
        write(&folder, accounts, payments, first).await?;
        println!("memory after writing: {}", memory()?);
    }
    open(folder).await
}

/// Opens `accounts` accounts, and schedules and applies `payments` payments on each of them.
async fn write(folder: &Path, accounts: usize, payments: u64, first: NaiveDate) -> Outcome<()> {
    let clock = Arc::new(Clock::set_to(instant_of(first, "15:00".parse()?)));
    let store = Arc::new(Embedded::open(folder, Options::default())?);
    let engine = Engine::start(store.clone(), Arc::clone(&clock), Rulebook::built_in()).await?;
    let ids: Vec<AccountId> =
        (0..accounts).map(|n| format!("auto-{n:08}").parse()).collect::<Result<_, _>>()?;
    let started = Instant::now();
    run(&engine, &ids, "open", |_, _| open_account(first)).await?;
    for n in 0..payments {
        let date = first.checked_add_days(Days::new(n.saturating_add(1))).unwrap_or(first);
        let step = format!("pay-{n}");
        run(&engine, &ids, &step, |_, _| schedule(date)).await?;
        clock.set(instant_of(date, "18:00".parse::<Window>()?))?;
        let apply = format!("apply-{n}");
        run(&engine, &ids, &apply, |id, _| {
            let payment = PaymentId::derived(id, RequestId::derived(&step, id.as_str()), 0);
            Ok(Command::ApplyPayment { payment })
        })
        .await?;
    }
    let head = store.head().await?;
    println!("written: {head} events on {accounts} accounts in {:?}", started.elapsed());
    close_days(&engine, ids).await
}

/// All accounts, as the read models would name them.
#[derive(Debug)]
struct Named(Vec<AccountId>);

impl AccountPages for Named {
    fn page<'a>(
        &'a self,
        after: Option<&'a AccountId>,
        _: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>> {
        let from = after.map_or(0, |after| self.0.partition_point(|id| id <= after));
        let page = self.0.iter().skip(from).take(BATCH).cloned().collect();
        Box::pin(async { Ok(page) })
    }
}

/// Closes the accounting days but the last, and says how long each took.
async fn close_days(engine: &Engine, ids: Vec<AccountId>) -> Outcome<()> {
    let later = engine.clock().now().checked_add_signed(SETTLING).ok_or("the end of time")?;
    engine.clock().set(later)?;
    let accounts = Arc::new(Named(ids));
    while let Some(gl_date) = engine.books().await?.books.next_to_close() {
        let started = Instant::now();
        let request = BooksRequest {
            request_id: RequestId::derived("close", &gl_date.to_string()),
            actor: Actor::runner(),
            receipt: engine.receive()?,
            command: books::Command::CloseDay { gl_date },
            unsealed: Vec::new(),
        };
        engine.keep_books(request, accounts.clone()).await?;
        println!("closed {gl_date} in {:?}", started.elapsed());
    }
    Ok(())
}

/// Carries out a command on each account, in an order of the step's own, as customers come: else
/// the events of neighbours would stand side by side in the log.
async fn run(
    engine: &Engine,
    ids: &[AccountId],
    step: &str,
    command: impl Fn(&AccountId, &str) -> Outcome<Command>,
) -> Outcome<()> {
    let mut scattered: Vec<_> = ids.iter().collect();
    scattered.sort_by_cached_key(|id| RequestId::derived(step, id.as_str()));
    for chunk in scattered.chunks(BATCH) {
        let receipt = engine.receive()?;
        let requests = chunk
            .iter()
            .map(|id| {
                Ok(Request {
                    account: AccountId::clone(id),
                    request_id: RequestId::derived(step, id.as_str()),
                    actor: Actor::unnamed(),
                    receipt: receipt.clone(),
                    command: command(id, step)?,
                })
            })
            .collect::<Outcome<Vec<_>>>()?;
        drop(receipt);
        for answer in engine.execute_batch(requests).await {
            answer?;
        }
    }
    Ok(())
}

fn open_account(first: NaiveDate) -> Outcome<Command> {
    let terms = serde_json::from_value(serde_json::json!({
        "product": "auto", "opened_date": first, "principal": "25000.00",
        "annual_rate": "0.069", "interest_paid_through": first,
        "instalments": {
            "amount": "493.85", "first_due_date": "2026-04-01", "day_of_month": 1, "count": 60
        },
    }))?;
    Ok(Command::OpenAccount { terms, lien: None })
}

fn schedule(payment_date: NaiveDate) -> Outcome<Command> {
    let amount = "25.00".parse()?;
    Ok(Command::SchedulePayment(SchedulePayment {
        amount,
        payment_date,
        funding: None,
        allow_duplicate: false,
        payoff_quote: None,
    }))
}

/// Opens the directory as `serve` does, and waits until the read models have caught up.
async fn open(data_dir: PathBuf) -> Outcome<()> {
    let server = Settings {
        listen: "127.0.0.1:0".parse()?,
        tls: None,
        calls_max: 16,
        message_wait_max: MESSAGE_WAIT_MAX,
        drain_max: Duration::from_secs(1),
    };
    for attempt in ["opened", "opened again"] {
        let settings = ServiceSettings {
            data_dir: data_dir.clone(),
            store: None,
            eventstore_listen: None,
            eventstore_advertise: None,
            server: server.clone(),
            set_clock: None,
            runner: false,
            engine: engine::Settings::default(),
            log: Options::default(),
            scrub_rate: None,
        };
        let started = Instant::now();
        let service = Service::start(settings).await?;
        let opened = started.elapsed();
        service.caught_up().await?;
        let (head, ready) = (service.head().await?, started.elapsed());
        println!("{attempt}: open after {opened:?}, ready after {ready:?} at position {head}");
        println!("memory: {}", memory()?);
        service.shutdown().ask();
        service.run().await?;
    }
    Ok(())
}

/// Resident memory now and at its highest, as the system says.
fn memory() -> Outcome<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let wanted =
        status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    Ok(wanted.map(|line| line.replace('\t', " ")).collect::<Vec<_>>().join(", "))
}
