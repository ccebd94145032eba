//! Measures how many events a second are folded: a portfolio that pays every month for two years.
//!
//! `cargo run --release -p projections --example feed_rate -- ACCOUNTS` (10,000 unless given; 50
//! events each).

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement on the command line")]

use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, Utc};
use ledger::digest::Digest;
use ledger::domain::account::commands::{Command, Lien, SchedulePayment};
use ledger::domain::account::events::Event;
use ledger::domain::account::state::Account;
use ledger::domain::account::terms::Terms;
use ledger::domain::account::{Context, decide, evolve};
use ledger::domain::books::AccountingDays;
use ledger::domain::cutoff::eastern_date;
use ledger::domain::rulebook::Rulebook;
use ledger::envelope::{Metadata, NewEvent, Version};
use ledger::ids::{AccountId, Actor, EventId, RequestId};
use ledger::store::memory::Memory;
use ledger::store::{Append, EventStore, Expected};
use ledger::streams::of_account;
use projections::verify::Live;
use projections::{Options, Projections};
use tokio::time::Instant;

const MONTHS: u32 = 24;

struct Borrower {
    id: AccountId,
    account: Account,
    version: Version,
}

fn terms() -> Terms {
    serde_json::from_value(serde_json::json!({
        "product": "auto", "opened_date": "2026-03-02", "principal": "20000.00",
        "annual_rate": "0.0575", "interest_paid_through": "2026-03-02",
        "instalments": {
            "amount": "384.36", "first_due_date": "2026-04-01", "day_of_month": 1, "count": 60
        },
    }))
    .unwrap()
}

/// Carries out one command and appends what comes of it.
async fn carry_out(
    store: &Memory,
    borrower: &mut Borrower,
    command: &Command,
    received_at: DateTime<Utc>,
    rules: &Rulebook,
) -> Vec<Event> {
    let request = RequestId::derived(borrower.id.as_str(), &format!("{}", borrower.version));
    let days = AccountingDays::of_calendar(eastern_date(received_at));
    let context = Context { account: &borrower.id, request, received_at, rules, days };
    let events = decide(&borrower.account, command, &context).unwrap();
    let metadata = Metadata {
        received_at,
        request_id: request,
        digest: Digest::of(b""),
        actor: Actor::unnamed(),
        rules: rules.version().to_owned(),
    };
    let metadata = serde_json::to_vec(&metadata).unwrap();
    let stream = of_account(&borrower.id);
    let new = events.iter().enumerate().map(|(index, event)| {
        let (kind, data) = event.document().unwrap();
        let id = EventId::derived(stream.as_str(), request, index);
        NewEvent { id, kind: kind.to_owned(), data, metadata: metadata.clone() }
    });
    let append = Append::new(stream.clone(), Expected::after(borrower.version), new.collect());
    borrower.version = store.append(append.unwrap()).await.unwrap().version;
    let account = std::mem::take(&mut borrower.account);
    borrower.account =
        events.iter().fold(account, |account, event| evolve(account, event, received_at));
    events
}

fn noon(date: NaiveDate) -> DateTime<Utc> {
    date.and_hms_opt(17, 0, 0).unwrap().and_utc()
}

async fn portfolio(accounts: u32) -> Memory {
    let store = Memory::new();
    let rules = Rulebook::built_in();
    let opened = noon("2026-03-02".parse().unwrap());
    let mut borrowers = Vec::new();
    for number in 0..accounts {
        let id = format!("auto-{number}").parse().unwrap();
        let mut borrower = Borrower { id, account: Account::Absent, version: Version::EMPTY };
        let lien = Lien {
            title_state: "CA".to_owned(),
            vin: "1HGCM82633A004352".to_owned(),
            lienholder: "Example Auto Finance".to_owned(),
        };
        let open = Command::OpenAccount { terms: terms(), lien: Some(lien) };
        carry_out(&store, &mut borrower, &open, opened, &rules).await;
        borrowers.push(borrower);
    }
    for month in 0..MONTHS {
        let due: NaiveDate = "2026-04-01".parse().unwrap();
        let due = due.checked_add_months(Months::new(month)).unwrap();
        for borrower in &mut borrowers {
            let schedule = Command::SchedulePayment(SchedulePayment {
                amount: "384.36".parse().unwrap(),
                payment_date: due,
                funding: None,
                allow_duplicate: false,
                payoff_quote: None,
            });
            let before = noon(due.pred_opt().unwrap());
            let events = carry_out(&store, borrower, &schedule, before, &rules).await;
            let Some(Event::PaymentScheduled(scheduled)) = events.first() else { continue };
            let apply = Command::ApplyPayment { payment: scheduled.payment };
            let after = noon(due.succ_opt().unwrap());
            carry_out(&store, borrower, &apply, after, &rules).await;
        }
    }
    store
}

#[tokio::main]
async fn main() {
    let accounts = std::env::args().nth(1).map_or(10_000, |count| count.parse().unwrap());
    let store: Arc<dyn EventStore> = Arc::new(portfolio(accounts).await);
    let head = store.head().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rate = |started: Instant| {
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap();
        head.0.saturating_mul(1_000_000).checked_div(micros).unwrap_or_default()
    };
    let started = Instant::now();
    let projections =
        Projections::open(folder.path(), Arc::clone(&store), Options::default()).await.unwrap();
    projections.wait_for(head).await.unwrap();
    println!("{head} events folded: {}/s", rate(started));
    let started = Instant::now();
    projections.rebuild().unwrap().finished().await.unwrap();
    println!("{head} events rebuilt: {}/s", rate(started));
    let started = Instant::now();
    let report = Live::open(folder.path()).unwrap().verify(store).await.unwrap();
    let is_clean = report.difference().is_none();
    println!("{head} events verified: {}/s, clean: {is_clean}", rate(started));
    let status = projections.status().await.unwrap();
    let file = folder.path().join("read").join(format!("gen-{}.db", status.generation));
    projections.shutdown().await.unwrap();
    println!("the read database holds {} bytes", std::fs::metadata(file).unwrap().len());
}
