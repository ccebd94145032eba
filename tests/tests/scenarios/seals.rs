//! Seals of windows against the accounts' own events: `verify` works each of them out again.

use std::path::Path;
use std::sync::Arc;

use ledger::clock::Clock;
use ledger::cycles::cutoff::{RunItem, RunOutcome, WindowKey};
use ledger::domain::account::commands::{Command, SchedulePayment};
use ledger::domain::product::Product as LedgerProduct;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{Engine, Request};
use ledger::envelope::{NewEvent, Position, RecordedEvent};
use ledger::ids::{Actor, PaymentId, RequestId};
use ledger::store::embedded::{Embedded, Options};
use ledger::store::{Append, EventStore, Expected};
use proto::payledger::v1::{Channel, Product};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::process::{answered, offline};
use tests::requests::{auto_loan, instant, interest_free, lease};
use tests::server::{Town, settings};

/// Opens accounts and schedules payments on them, most for the afternoon of the day.
async fn schedule_all(town: &Town) {
    for account in ["a-1", "a-2", "a-3"] {
        town.open(auto_loan(account)).await.unwrap();
    }
    town.open(interest_free("small", "1000.00")).await.unwrap();
    town.open(lease("l-1")).await.unwrap();
    for (name, account, amount, day) in [
        ("one", "a-1", "310.00", "2026-03-03"),
        ("two", "a-2", "99.99", "2026-03-03"),
        ("three", "a-3", "1.00", "2026-03-03"),
        ("payoff", "small", "1000.00", "2026-03-03"),
        ("too much", "small", "5.00", "2026-03-03"),
        ("lease", "l-1", "389.00", "2026-03-03"),
        ("later", "a-1", "311.00", "2026-03-05"),
    ] {
        town.schedule(name, account, amount, day).await.unwrap();
    }
}

/// A log with the seal of an empty window, and of one with payments that were made, cancelled in
/// time, and cancelled by the run since nothing was owed any more. Others wait, or are of none.
async fn windows_run() -> Arc<TempDir> {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    schedule_all(&town).await;
    town.receive("wire", "a-2", Channel::Wire, "12.00", "2026-03-03").await.unwrap();
    let three = town.payments_of("a-3").await.unwrap().remove(0).payment_id;
    town.cancel("cancel", "a-3", &three).await.unwrap();
    town.clock("2026-03-03T18:00:06-05:00").await;
    let run = town.run("2026-03-03", "15:00").await.unwrap().summary.unwrap();
    assert_eq!((run.applied_count, run.cancelled_count), (3, 2));
    town.run("2026-03-03", "18:00").await.unwrap();
    town.run_of(Product::Lease, "2026-03-03", "15:00").await.unwrap();
    town.stop().await
}

/// An engine on the log of a service that has stopped.
async fn engine_on(data_dir: &Path, at: &str) -> Engine {
    let log = Arc::new(Embedded::open(data_dir, Options::default()).unwrap());
    let clock = Arc::new(Clock::set_to(instant(at)));
    Engine::start(log, clock, Rulebook::built_in()).await.unwrap()
}

async fn execute(engine: &Engine, name: &str, command: Command) {
    let request = Request {
        account: "a-2".parse().unwrap(),
        request_id: RequestId::derived("seals", name),
        actor: Actor::runner(),
        receipt: engine.receive().unwrap(),
        command,
    };
    engine.execute(request).await.unwrap();
}

fn next_day() -> WindowKey {
    WindowKey {
        product: LedgerProduct::AutoLoan,
        date: "2026-03-04".parse().unwrap(),
        window: "15:00".parse().unwrap(),
    }
}

/// Two payments of a window, the second of which turns up after the first seal: where several
/// gateways write, one may.
async fn run_in_two_parts(data_dir: &Path) {
    let engine = engine_on(data_dir, "2026-03-04T09:00:00-05:00").await;
    let mut items = Vec::new();
    for amount in ["20.00", "30.00"] {
        let amount = amount.parse().unwrap();
        let pay = SchedulePayment {
            amount,
            payment_date: next_day().date,
            funding: None,
            allow_duplicate: false,
            payoff_quote: None,
        };
        let name = amount.to_string();
        execute(&engine, &name, Command::SchedulePayment(pay)).await;
        let request = RequestId::derived("seals", &name);
        let payment = PaymentId::derived(&"a-2".parse().unwrap(), request, 0);
        items.push(RunItem { payment, outcome: RunOutcome::Applied, amount });
    }
    engine.clock().set(instant("2026-03-04T15:00:06-05:00")).unwrap();
    for (seals, item) in items.into_iter().enumerate() {
        let name = format!("apply {seals}");
        execute(&engine, &name, Command::ApplyPayment { payment: item.payment }).await;
        let seals = u32::try_from(seals).unwrap();
        engine.seal_window(next_day(), seals, vec![item]).await.unwrap();
    }
}

fn verified(data_dir: &Path) -> Value {
    answered(&["verify", "--data-dir", data_dir.to_str().unwrap()])
}

/// What is found wrong: where, and why.
fn violation(data_dir: &Path) -> (u64, String) {
    let output = offline(&["verify", "--output", "json"], data_dir);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["is_whole"], &report["violations"]), (&json!(false), &json!(1)));
    let first = &report["first_violations"][0];
    (first["position"].as_u64().unwrap(), first["cause"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_have_sealed_is_what_the_log_gives() {
    let data_dir = windows_run().await;
    let report = verified(data_dir.path());
    assert_eq!((&report["seals_checked"], &report["violations"]), (&json!(3), &json!(0)));
    run_in_two_parts(data_dir.path()).await;
    let report = verified(data_dir.path());
    assert_eq!((&report["seals_checked"], &report["violations"]), (&json!(5), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_of_old_from_before_the_books_were_begun_stays_as_it_is() {
    let data_dir = windows_run().await;
    let engine = engine_on(data_dir.path(), "2026-03-04T09:00:00-05:00").await;
    let key = WindowKey { date: "1926-03-05".parse().unwrap(), ..next_day() };
    let (_, position) = engine.seal_window(key, 0, Vec::new()).await.unwrap();
    drop(engine);
    let report = verified(data_dir.path());
    assert_eq!((&report["seals_checked"], &report["violations"]), (&json!(4), &json!(0)));
    let settings = settings(data_dir.path(), instant("2026-03-04T09:00:00-05:00"));
    let town = Town::with(data_dir, settings).await;
    let run = town.run("1926-03-05", "15:00").await.unwrap();
    assert_eq!((run.position, run.replayed), (position.0, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_over_a_payment_that_never_was_is_found() {
    let data_dir = windows_run().await;
    run_in_two_parts(data_dir.path()).await;
    let engine = engine_on(data_dir.path(), "2026-03-04T16:00:00-05:00").await;
    let payment = "5b0f7d8e-6f5c-5a39-9d0c-0f1a2b3c4d5e".parse().unwrap();
    let amount = "310.00".parse().unwrap();
    let invented = RunItem { payment, outcome: RunOutcome::Applied, amount };
    let (_, position) = engine.seal_window(next_day(), 2, vec![invented]).await.unwrap();
    drop(engine);
    let (at, cause) = violation(data_dir.path());
    assert_eq!(at, position.0);
    let begins = "the seal of auto-2026-03-04-15:00: applied_count is 1, the log gives 0; \
                  applied_total is 310.00, the log gives 0.00; root is ";
    assert!(cause.starts_with(begins), "{cause}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_with_one_field_changed_is_found_wherever_it_is() {
    let data_dir = windows_run().await;
    run_in_two_parts(data_dir.path()).await;
    let log = Embedded::open_read_only(data_dir.path()).unwrap();
    let events = log.read_all(Position::START, usize::MAX).await.unwrap();
    let seals: Vec<_> = events.iter().filter(|event| event.kind == "WindowSealed").collect();
    for (seal, field, value, told) in [
        (0, "applied_count", json!(4), "applied_count is 4, the log gives 3"),
        (0, "applied_total", json!("1409.98"), "applied_total is 1409.98, the log gives 1409.99"),
        (0, "cancelled_count", json!(1), "cancelled_count is 1, the log gives 2"),
        (1, "cancelled_total", json!("0.01"), "cancelled_total is 0.01, the log gives 0.00"),
        (3, "root", json!("00"), "root is \"00\", the log gives \""),
        (4, "supplement", json!(0), "supplement is 0, the log gives 1"),
    ] {
        let position = seals[seal].position;
        let copy = copied(&events, position, (field, &value)).await;
        let (at, cause) = violation(copy.path());
        assert_eq!(at, position.0, "{field}: {cause}");
        assert!(cause.contains(told), "{field}: {cause}");
        assert_eq!(cause.matches("the log gives").count(), 1, "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_seal_is_accused_where_an_event_before_it_cannot_be_read() {
    let data_dir = windows_run().await;
    let log = Embedded::open_read_only(data_dir.path()).unwrap();
    let events = log.read_all(Position::START, usize::MAX).await.unwrap();
    let cancelled = events.iter().find(|event| event.kind == "PaymentCancelled").unwrap();
    let copy = copied(&events, cancelled.position, ("payment", &json!("nobody's"))).await;
    let (at, cause) = violation(copy.path());
    assert_eq!(at, cancelled.position.0);
    assert!(cause.contains("PaymentCancelled cannot be read"), "{cause}");
}

/// Another log of the same events, all but one, which says something else in a field, under
/// checksums that are right.
async fn copied(
    events: &[RecordedEvent],
    changed: Position,
    (field, value): (&str, &Value),
) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = Embedded::open(folder.path(), Options::default()).unwrap();
    for event in events {
        let mut data = event.data.clone();
        if event.position == changed {
            let mut document: Value = serde_json::from_slice(&data).unwrap();
            document[field] = value.clone();
            data = serde_json::to_vec(&document).unwrap();
        }
        let (kind, metadata) = (event.kind.clone(), event.metadata.clone());
        let new = NewEvent { id: event.id, kind, data, metadata };
        let expected = Expected::after(event.version.before());
        let append = Append::new(event.stream.clone(), expected, vec![new]).unwrap();
        log.append(append).await.unwrap();
    }
    folder
}
