//! The runner of several gateways: one has the lease, another takes over, and two that run all the
//! same do no harm.

use std::sync::Arc;

use chrono::Duration;
use gateway::cycles::Cycles;
use gateway::cycles::lease::Lease;
use gateway::server::Shutdown;
use ledger::clock::Clock;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{self, BooksMode, Engine};
use ledger::envelope::Position;
use ledger::store::memory::Memory;
use ledger::store::{EventStore, Note, Notes as _};
use projections::{Options, Projections};
use proto::payledger::v1::RunsState;
use tests::cluster::{Fault, Node};
use tests::process::offline_finds_nothing_wrong;
use tests::requests::{auto_loan, instant};
use tests::server::Town;
use tests::views::agree;

use crate::copies::{copy, said};
use crate::kit::{Store, saying, store_on};

const MORNING: &str = "2026-03-03T09:00:00-05:00";

async fn lease_on(store: &Store, port: u16) -> (Engine, Lease) {
    lease_with(store, port, BooksMode::Automatic).await
}

async fn lease_with(store: &Store, port: u16, books: BooksMode) -> (Engine, Lease) {
    let events: Arc<dyn EventStore> = store.cluster.clone();
    let clock = Arc::new(Clock::set_to(instant(MORNING)));
    let settings = engine::Settings { books, ..engine::Settings::default() };
    let engine = Engine::start_with(events, clock, Rulebook::built_in(), settings).await.unwrap();
    let lease = Lease::new(&engine, ([127, 0, 0, 1], port).into());
    (engine, lease)
}

#[tokio::test]
async fn one_gateway_has_the_lease_until_it_ends_by_the_clock_or_is_given_up() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    let (one_engine, one_lease) = lease_on(&one, 1).await;
    let (other_engine, other_lease) = lease_on(&other, 2).await;
    assert!(one_lease.turn().await.unwrap());
    assert!(!other_lease.turn().await.unwrap());
    let head = one.cluster.head().await.unwrap();
    let later = |seconds| instant(MORNING) + Duration::seconds(seconds);
    // Renewed in time, it goes on; the other waits for its end and for the skew of the clocks.
    one_engine.clock().set(later(30)).unwrap();
    assert!(one_lease.turn().await.unwrap());
    for (seconds, has) in [(61, false), (90, false), (91, false), (92, true)] {
        other_engine.clock().set(later(seconds)).unwrap();
        assert_eq!(other_lease.turn().await.unwrap(), has, "after {seconds} s");
    }
    // The first one learns that it has lost it.
    one_engine.clock().set(later(92)).unwrap();
    assert!(!one_lease.turn().await.unwrap());
    other_lease.give_up().await;
    assert!(one_lease.turn().await.unwrap());
    assert_eq!(one.cluster.head().await.unwrap(), head, "none of it is in the log");
}

#[tokio::test]
async fn a_lease_whose_answer_is_lost_is_read_again() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    let (_, one_lease) = lease_on(&one, 1).await;
    let (_, other_lease) = lease_on(&other, 2).await;
    node.faults().plan_for("Note", Fault::AnswerLost);
    assert!(!one_lease.turn().await.unwrap());
    assert!(!other_lease.turn().await.unwrap());
    assert!(one_lease.turn().await.unwrap());
}

#[tokio::test]
async fn a_note_is_written_by_whoever_read_its_last_version() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    let notes = &*store.cluster;
    assert_eq!(notes.note("n").await.unwrap(), Note::default());
    notes.write_note("n", Note::default().version, b"one").await.unwrap();
    let one = notes.note("n").await.unwrap();
    assert_eq!((one.version.0, one.text.as_slice()), (1, b"one".as_slice()));
    notes.write_note("n", Note::default().version, b"two").await.unwrap_err();
    notes.write_note("n", one.version, b"two").await.unwrap();
    assert_eq!(notes.note("n").await.unwrap().text, b"two");
    assert_eq!(store.cluster.head().await.unwrap().0, 0, "a note has no position");
}

async fn with_payments(town: &Town, count: u32) {
    for number in 0..count {
        let account = format!("a-{number}");
        town.open(auto_loan(&account)).await.unwrap();
        town.schedule(&account, &account, "310.00", "2026-03-03").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_run_the_same_window_at_once_apply_each_payment_once() {
    let node = Node::start().await;
    let one = Town::on_cluster(&node.connection(), MORNING).await;
    let other = Town::on_cluster(&node.connection(), MORNING).await;
    with_payments(&one, 20).await;
    node.faults().often(4, &[Fault::AnswerLost, Fault::RequestLost]);
    let mut runs = tokio::task::JoinSet::new();
    for gateway in [&one, &other] {
        gateway.clock("2026-03-03T15:00:06-05:00").await;
        let client = gateway.another_client().await;
        runs.spawn(async move {
            // A run that lost a race, or an answer, is run again; so does the runner.
            loop {
                if let Ok(run) = client.run("2026-03-03", "15:00").await {
                    return run.summary.unwrap();
                }
            }
        });
    }
    let runs = runs.join_all().await;
    node.faults().heal();
    assert_eq!(runs[0].applied_count, 20);
    assert_eq!(runs[1].applied_count, 20);
    let events = one.replay().await.unwrap();
    let count = |kind: &str| events.iter().filter(|event| event.r#type == kind).count();
    assert_eq!((count("PaymentApplied"), count("RequestRefused")), (20, 0));
    agree(&one).await;
    agree(&other).await;
}

/// The seal is on its way when a payment comes through a gateway whose clock has not come to the
/// cut-off, and is cancelled in time: as it is when that gateway's append took long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_settled_while_a_seal_is_being_written_is_in_the_next_one() {
    let node = Node::start().await;
    let one = Town::on_cluster(&node.connection(), MORNING).await;
    let other = Town::on_cluster(&node.connection(), MORNING).await;
    with_payments(&one, 2).await;
    one.clock("2026-03-03T15:00:06-05:00").await;
    node.faults().plan_for("WindowSealed", Fault::Slow);
    let client = one.another_client().await;
    let run = tokio::spawn(async move { client.run("2026-03-03", "15:00").await });
    node.faults().waits_at_gate(1).await;
    let late = other.schedule("late", "a-0", "1.00", "2026-03-03").await.unwrap();
    other.cancel("late, too", "a-0", &late.payment.unwrap().payment_id).await.unwrap();
    node.faults().open_gate();
    let first = run.await.unwrap().unwrap().summary.unwrap();
    assert_eq!((first.applied_count, first.cancelled_count, first.supplements), (2, 0, 0));
    let again = one.run("2026-03-03", "15:00").await.unwrap();
    let second = again.summary.unwrap();
    assert_eq!((second.applied_count, second.cancelled_count, second.supplements), (2, 1, 1));
    assert!(!again.replayed);
    other.clock("2026-03-03T15:00:06-05:00").await;
    for gateway in [&one, &other] {
        let again = gateway.run("2026-03-03", "15:00").await.unwrap();
        assert_eq!((again.summary.as_ref(), again.replayed), (Some(&second), true));
        agree(gateway).await;
    }
    let copied = tempfile::tempdir().unwrap();
    said(&copy(&node.connection(), copied.path().to_str().unwrap()).await);
    offline_finds_nothing_wrong(&["verify"], copied.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runner_of_one_gateway_takes_over_when_the_other_stops() {
    let node = Node::start().await;
    let one = Town::on_cluster_with_runner(&node.connection(), MORNING).await;
    with_payments(&one, 3).await;
    let other = Town::on_cluster_with_runner(&node.connection(), MORNING).await;
    let _files = one.stop().await;
    other.clock("2026-03-03T15:00:06-05:00").await;
    other.until(async |other| sealed(other).await).await;
    agree(&other).await;
}

/// As on a full disk. The log goes on, which is not there; but what is due is found in read models.
#[tokio::test]
async fn a_runner_whose_read_models_have_stopped_leaves_the_lease_to_another() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    let (engine, lease) = lease_on(&one, 1).await;
    let (_, other_lease) = lease_on(&other, 2).await;
    assert!(lease.turn().await.unwrap());
    assert!(!other_lease.turn().await.unwrap());
    let unreadable = Arc::new(Memory::default());
    unreadable.append(saying("account-a", 0, "no event of the ledger's")).await.unwrap();
    let reads = Projections::open(one.directory.path(), unreadable, Options::default()).await;
    let reads = reads.unwrap();
    reads.wait_for(Position(1)).await.unwrap_err();
    let cycles = Cycles::new(engine, reads).with_lease(lease);
    let shutdown = Shutdown::default();
    let running = tokio::spawn(cycles.run_until(shutdown.clone()));
    let taken_over = async {
        while !other_lease.turn().await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    let taken_over = tokio::time::timeout(RENEWED_WITHIN, taken_over).await;
    assert!(taken_over.is_ok(), "it keeps the lease, and can run nothing");
    shutdown.ask();
    running.await.unwrap();
}

/// The stream of the lease, and how often it is read until a runner without it has come to the end
/// of all that it does in one turn: windows and books are each looked at again only after that.
const LEASE: &str = "payledger-runner";
const LOOKS: u64 = 6;

/// A runner asks for its turn every second.
const RENEWED_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_without_the_lease_does_nothing_though_a_window_is_due_by_its_clock() {
    let node = Node::start().await;
    let before_the_cutoff = "2026-03-03T14:59:50-05:00";
    let one = Town::on_cluster_with_runner(&node.connection(), before_the_cutoff).await;
    let seen = store_on(&node).await;
    let held = async || seen.cluster.note("runner").await.unwrap() != Note::default();
    // Nobody but its runner writes yet: it opens the day.
    one.until(async |one| held().await || one.head().await.unwrap() > 0).await;
    assert!(held().await, "it acts only with the lease");
    with_payments(&one, 3).await;
    let other = Town::on_cluster_with_runner(&node.connection(), before_the_cutoff).await;
    // The lease of the first one has not ended by the other's clock, which alone says that the
    // window is due.
    let runs = other.set_clock(instant("2026-03-03T15:00:06-05:00")).await.unwrap();
    assert_eq!(runs, RunsState::Elsewhere);
    let looks = node.reads_of(LEASE).await + LOOKS;
    other.until(async |it| sealed(it).await || node.reads_of(LEASE).await >= looks).await;
    let acted = other.replay().await.unwrap();
    let acted: Vec<_> = acted.iter().filter(|event| event.r#type == "PaymentApplied").collect();
    assert!(acted.is_empty(), "it has no lease: {acted:?}");
    let runs = one.set_clock(instant("2026-03-03T15:00:06-05:00")).await.unwrap();
    assert_eq!(runs, RunsState::Done);
    assert!(sealed(&one).await);
    for gateway in [&one, &other] {
        agree(gateway).await;
    }
}

#[tokio::test]
async fn a_long_run_keeps_the_lease_whoever_keeps_the_books() {
    for books in [BooksMode::Automatic, BooksMode::Manual] {
        let node = Node::start().await;
        let store = store_on(&node).await;
        let (engine, lease) = lease_with(&store, 1, books).await;
        let port: Arc<dyn EventStore> = store.cluster.clone();
        let reads = Projections::open(store.directory.path(), port, Options::default()).await;
        let cycles = Cycles::new(engine.clone(), reads.unwrap()).with_lease(lease);
        // The runner waits for what was received the day before.
        let under_way = engine.receive().unwrap();
        let morning = instant(MORNING) + Duration::days(1);
        engine.clock().set(morning).unwrap();
        let shutdown = Shutdown::default();
        let running = tokio::spawn(cycles.run_until(shutdown.clone()));
        for seconds in [0, 30, 60] {
            engine.clock().set(morning + Duration::seconds(seconds)).unwrap();
            let ends = (morning + Duration::seconds(seconds + 60)).format("%H:%M:%S").to_string();
            let held = async || store.cluster.note("runner").await.unwrap().text;
            let renewed = async {
                while !String::from_utf8(held().await).unwrap().contains(&ends) {
                    tokio::task::yield_now().await;
                }
            };
            let renewed = tokio::time::timeout(RENEWED_WITHIN, renewed).await;
            assert!(renewed.is_ok(), "{books:?}, after {seconds} s");
        }
        drop(under_way);
        shutdown.ask();
        running.await.unwrap();
    }
}

async fn sealed(town: &tests::client::Client) -> bool {
    town.replay().await.unwrap().iter().any(|event| event.r#type == "WindowSealed")
}
