//! A cluster that is far away: many accounts take longer to read than a command may wait to be
//! decided. What comes in large numbers is received in parts, each when its turn comes.

use std::sync::Arc;

use chrono::Duration;
use gateway::cycles::Cycles;
use gateway::scrub::LogWatch;
use gateway::server::Shutdown;
use gateway::services::Gateway;
use ledger::clock::Clock;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{BooksMode, Engine, Settings};
use ledger::store::EventStore;
use projections::Projections;
use proto::payledger::v1::{self as wire, LateFee, late_fee};
use tests::client::Client;
use tests::cluster::{Fault, Node};
use tests::refusals::Refused;
use tests::requests::{auto_loan, date, instant, money, request_id};
use tests::server::Town;
use tonic::Request;
use wire::batch_command::Command;
use wire::batch_result::Outcome;
use wire::payment_service_server::PaymentService as _;

use crate::kit::store_on;

const MORNING: &str = "2026-03-03T09:00:00-05:00";

/// How many accounts there are: to read all of them takes longer than a command waits for.
const ACCOUNTS: usize = 48;
/// How many commands of a batch are received at one time.
const PART: usize = 32;
/// How long one read of an account takes, by the gateway's clock. Two are made at one time, and
/// take twice as long.
const READ: Duration = Duration::milliseconds(60);

fn name(number: usize) -> String {
    format!("a-{number}")
}

/// From now on the gateway's clock goes on with every read of an account, and only so.
async fn far_away(node: &Node, town: &Client) {
    let clock = Client::connect(town.address()).await;
    // The test may set the clock meanwhile.
    goes_on(node, move || {
        let clock = clock.clone();
        async move { drop(clock.set_clock(clock.now().await + READ).await) }
    });
}

fn goes_on<F>(node: &Node, mut ticks: impl FnMut() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let mut reads = node.faults().hold_reads();
    tokio::spawn(async move {
        while let Some(read) = reads.recv().await {
            ticks().await;
            let _answered = read.send(());
        }
    });
}

/// What each command of a batch came to, by its place: why it failed, or nothing.
fn reasons(answer: wire::ExecuteBatchResponse) -> Vec<String> {
    let reason = |result: wire::BatchResult| {
        let Some(Outcome::Error(error)) = result.outcome else { return String::new() };
        Refused::of_command(&error).reason
    };
    answer.results.into_iter().map(reason).collect()
}

/// Carries out a batch of which every command must be carried out.
async fn carried_out(town: &Client, commands: impl Iterator<Item = Command>) {
    let answer = town.batch(commands.collect()).await.unwrap();
    assert_eq!(reasons(answer), [""; ACCOUNTS]);
}

fn opened() -> impl Iterator<Item = Command> {
    let charge = late_fee::Charge::Amount(money("15.00"));
    let late_fee = Some(LateFee { grace_days: 10, charge: Some(charge), ..LateFee::default() });
    (0..ACCOUNTS).map(move |number| {
        let late_fee = late_fee.clone();
        let loan = wire::OpenAccountRequest { late_fee, ..auto_loan(&name(number)) };
        Command::OpenAccount(Box::new(loan))
    })
}

fn payments() -> impl Iterator<Item = Command> {
    let pay = |number| {
        Command::SchedulePayment(wire::SchedulePaymentRequest {
            request_id: request_id(&format!("pay {number}")),
            account_id: name(number),
            amount: Some(money("310.00")),
            payment_date: Some(date("2026-03-03")),
            ..wire::SchedulePaymentRequest::default()
        })
    };
    (0..ACCOUNTS).map(pay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_batch_and_the_run_of_its_window_are_decided_in_time() {
    let node = Node::start().await;
    let town = Town::on_cluster(&node.connection(), MORNING).await;
    carried_out(&town, opened()).await;
    far_away(&node, &town).await;
    carried_out(&town, payments()).await;
    town.clock("2026-03-03T15:00:06-05:00").await;
    let run = town.run("2026-03-03", "15:00").await.unwrap().summary.unwrap();
    assert_eq!(run.applied_count, i64::try_from(ACCOUNTS).unwrap());
}

/// What cannot be sent after it fails in the same part only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_batch_that_breaks_off_hides_nothing_of_the_parts_after_it() {
    let node = Node::start().await;
    let town = Town::on_cluster(&node.connection(), MORNING).await;
    carried_out(&town, opened()).await;
    node.faults().plan_for("PaymentScheduled", Fault::RequestLost);
    let reasons = reasons(town.batch(payments().collect()).await.unwrap());
    let (first, rest) = reasons.split_at(PART);
    assert!(first.contains(&"OUTCOME_UNKNOWN".to_owned()), "{reasons:?}");
    assert_eq!(rest, [""; ACCOUNTS - PART]);
    // What was carried out then is not carried out again.
    carried_out(&town, payments()).await;
    let events = town.replay().await.unwrap();
    let scheduled = events.iter().filter(|event| event.r#type == "PaymentScheduled");
    assert_eq!(scheduled.count(), ACCOUNTS);
}

/// The second part of a batch is received after the clock went back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_batch_that_is_not_received_hides_nothing_of_the_parts_before_it() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    let events: Arc<dyn EventStore> = store.cluster.clone();
    let clock = Arc::new(Clock::set_to(instant(MORNING)));
    let engine = Engine::start(events.clone(), clock.clone(), Rulebook::built_in()).await.unwrap();
    let options = projections::Options::default();
    let reads = Projections::open(store.directory.path(), events, options).await.unwrap();
    let cycles = Cycles::new(engine.clone(), reads.clone());
    let log = LogWatch::new(None, clock.clone());
    let gateway = Gateway::new(engine, reads, cycles, log, Shutdown::default());

    let mut read = node.faults().hold_reads();
    tokio::spawn(async move {
        while let Some(read) = read.recv().await {
            let Clock::Set(now) = &*clock else { unreachable!() };
            *now.lock().unwrap() = instant(MORNING) - Duration::hours(1);
            let _answered = read.send(());
        }
    });
    let commands = opened().map(|command| wire::BatchCommand { command: Some(command) }).collect();
    let batch = Request::new(wire::ExecuteBatchRequest { commands });
    let reasons = reasons(gateway.execute_batch(batch).await.unwrap().into_inner());
    let (first, rest) = reasons.split_at(PART);
    assert_eq!(first, [""; PART]);
    assert_eq!(rest, ["CLOCK_BEHIND"; ACCOUNTS - PART]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_day_does_to_many_accounts_is_done_by_one_pass() {
    let node = Node::start().await;
    let town = Town::on_cluster(&node.connection(), MORNING).await;
    carried_out(&town, opened()).await;

    let store = store_on(&node).await;
    let events: Arc<dyn EventStore> = store.cluster.clone();
    let clock = Arc::new(Clock::set_to(instant("2026-06-15T09:00:00-04:00")));
    // A close of the books would read the accounts, too.
    let settings = Settings { books: BooksMode::Manual, ..Settings::default() };
    let rules = Rulebook::built_in();
    let engine = Engine::start_with(events.clone(), clock.clone(), rules, settings).await.unwrap();
    let options = projections::Options::default();
    let reads = Projections::open(store.directory.path(), events, options).await.unwrap();
    goes_on(&node, move || {
        clock.set(clock.now() + READ).unwrap();
        std::future::ready(())
    });
    let charged = async |town: &Client| {
        let events = town.replay().await.unwrap();
        let fees = events.iter().filter(|event| event.r#type == "FeeAssessed");
        fees.map(|fee| fee.stream.clone()).collect::<std::collections::BTreeSet<_>>().len()
    };
    // An account is looked at, and then read for its command: two reads each. A pass that came to
    // nothing would do that again.
    let first = format!("account-{}", name(0));
    let before = node.reads_of(&first).await;
    let shutdown = Shutdown::default();
    let running = tokio::spawn(Cycles::new(engine, reads).run_until(shutdown.clone()));
    town.until(async |town| {
        charged(town).await == ACCOUNTS || node.reads_of(&first).await >= before + 8
    })
    .await;
    assert_eq!(charged(&town).await, ACCOUNTS);
    shutdown.ask();
    running.await.unwrap();
}
