//! What the service says in its log, and how often.

use std::time::Duration;

use proto::payledger::v1::Channel;
use proto::payledger::v1::batch_command::Command;
use rusqlite::Connection;
use tests::client::Client;
use tests::process::{Process, binary};
use tests::requests::{auto_loan, instant};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const MORNING: &str = "2026-03-03T09:00:00-05:00";
const OTHERS: usize = 3000;
/// Longer than anything here takes.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// Longer than a start may leave the service not ready without a word.
const A_WHILE: Duration = Duration::from_millis(2500);

fn started(folder: &std::path::Path, clock: &str) -> Process {
    let more = ["--log", "info", "--no-runner"];
    Process::start_watched(std::process::Command::new(binary()), folder, clock, &more, HANGS_AFTER)
        .unwrap()
}

async fn ready(client: &Client) {
    let request = || HealthCheckRequest { service: String::new() };
    client
        .until(async |client| {
            let health = HealthClient::new(client.channel()).check(request()).await;
            health.unwrap().into_inner().status() == ServingStatus::Serving
        })
        .await;
}

fn count(said: &str, what: &str) -> usize {
    said.lines().filter(|line| line.contains(what)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_says_why_it_is_not_ready_and_when_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path(), MORNING);
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    ready(&client).await;
    tokio::time::sleep(A_WHILE).await;
    let said = process.kill_and_hear().said;
    assert_eq!((count(&said, "is not ready"), count(&said, "is ready")), (0, 1), "{said}");

    let process = started(folder.path(), "2026-03-03T08:00:00-05:00");
    let client = Client::connect(process.address()).await;
    tokio::time::sleep(A_WHILE).await;
    client.set_clock(instant(MORNING)).await.unwrap();
    ready(&client).await;
    // The line may be written after the health is told, and a kill would come first.
    tokio::time::sleep(A_WHILE).await;
    let said = process.kill_and_hear().said;
    assert_eq!((count(&said, "is not ready"), count(&said, "is ready")), (1, 1), "{said}");
    for told in ["the clock shows 2026-03-03T13:00:00Z", "receipt is of 2026-03-03T14:00:00Z"] {
        assert!(said.contains(told), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_read_models_are_told_once_however_often_they_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path(), MORNING);
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    client.receive("wire", "a-1", Channel::Wire, "1.00", "2026-03-03").await.unwrap();
    // To build them anew takes longer than to ask.
    let others = (0..OTHERS).map(|n| Command::OpenAccount(auto_loan(&format!("b-{n}")).into()));
    client.batch(others.collect()).await.unwrap();
    ready(&client).await;
    assert!(process.stop().status.success());
    let models = Connection::open(folder.path().join("read/gen-1.db")).unwrap();
    models.execute("UPDATE payment SET amount_cents = amount_cents + 4096", []).unwrap();
    drop(models);

    let process = started(folder.path(), MORNING);
    let client = Client::connect(process.address()).await;
    let mut refused = 0;
    while client.payments_of("a-1").await.is_err() {
        refused += 1;
    }
    assert!(refused > 0, "it was not damaged");
    let said = process.kill_and_hear().said;
    assert_eq!(count(&said, "damaged, and are built anew"), 1, "{said}");
    assert_eq!(count(&said, "ERROR"), 1, "{said}");
}
