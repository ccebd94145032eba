//! The official clients of EventStoreDB in Python and Node, installed by name, replay a ledger.
//!
//! Where a client cannot be installed, or its language is not there, the test says so and checks
//! nothing. `PAYLEDGER_OFFICIAL_CLIENTS=required` makes that a failure; `skip` leaves the
//! installation out.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::requests::auto_loan;
use tests::server::Town;

/// How long an installation and a replay may take, in seconds.
const INSTALL_MAX: &str = "180";
const REPLAY_MAX: &str = "60";

fn run(program: &str, args: &[&str], limit: &str, path: &Path) -> Result<String, String> {
    let mut command = Command::new("timeout");
    command.args([limit, program]).args(args).env("PYTHONPATH", path).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{program} {}: {}: {said}", args.join(" "), output.status))
}

/// Was the client installed? Says so if not.
fn installed(package: &str, program: &str, args: &[&str], folder: &Path) -> bool {
    let asked = std::env::var("PAYLEDGER_OFFICIAL_CLIENTS").unwrap_or_default();
    let outcome = if asked == "skip" {
        Err("PAYLEDGER_OFFICIAL_CLIENTS is skip".to_owned())
    } else {
        run(program, args, INSTALL_MAX, folder)
    };
    let Err(problem) = outcome else { return true };
    // Not by `eprintln!`, which the test harness keeps to itself while the test passes.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "NOT CHECKED: {package} is not installed: {problem}").unwrap();
    assert_ne!(asked, "required", "{package} is required");
    false
}

async fn town() -> (Town, String) {
    let (town, address) = Town::with_eventstore("2026-03-03T09:00:00-05:00").await;
    for account in ["a-1", "a-2"] {
        town.open(auto_loan(account)).await.unwrap();
        town.schedule(account, account, "310.00", "2026-03-03").await.unwrap();
    }
    (town, format!("esdb://{address}?tls=false"))
}

/// Holds what a client printed against the ledger.
async fn check(town: &Town, printed: &str) {
    let answer: Value = serde_json::from_str(printed).unwrap();
    let events = town.replay().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let all: Vec<Value> = events
        .iter()
        .map(|event| {
            serde_json::json!([
                event.position,
                event.stream,
                event.version - 1,
                event.event_id,
                event.r#type,
                text(&event.data),
                text(&event.metadata),
            ])
        })
        .collect();
    assert_eq!(answer["all"], Value::Array(all), "no event was forged, and all are as recorded");
    let positions: Vec<_> = events.iter().map(|event| event.position).collect();
    let backwards: Vec<_> = positions.iter().rev().collect();
    assert_eq!(answer["backwards"], serde_json::json!(backwards));
    assert_eq!(answer["live"], serde_json::json!(positions));
    assert_eq!(answer["filtered"], serde_json::json!(["PaymentScheduled", "PaymentScheduled"]));
    let own = events.iter().filter(|event| event.stream == "account-a-1");
    let own: Vec<_> = own.map(|event| event.version - 1).collect();
    assert_eq!(answer["stream"], serde_json::json!(own));
    assert_eq!(answer["missing"], true);
    let refused = answer["refused"].as_str().unwrap();
    assert!(refused.contains("AccessDenied"), "{refused}");
}

fn script(name: &str) -> String {
    format!("{}/tests/cluster/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_python_client_replays_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().to_str().unwrap();
    let args = ["-m", "pip", "install", "--quiet", "--timeout", "10", "--retries", "0"];
    let args = [args.as_slice(), &["--target", target, "kurrentdbclient"]].concat();
    if !installed("kurrentdbclient", "python3", &args, folder.path()) {
        return;
    }
    let (town, connection) = town().await;
    let path = folder.path().to_owned();
    let replay = move || run("python3", &[&script("replay.py"), &connection], REPLAY_MAX, &path);
    let printed = tokio::task::spawn_blocking(replay).await.unwrap().unwrap();
    check(&town, &printed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_node_client_replays_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().to_str().unwrap();
    let args = ["install", "--silent", "--no-audit", "--no-fund", "--fetch-retries", "0"];
    let args = [args.as_slice(), &["--prefix", target, "@kurrent/kurrentdb-client"]].concat();
    if !installed("@kurrent/kurrentdb-client", "npm", &args, folder.path()) {
        return;
    }
    let (town, connection) = town().await;
    let path = folder.path().to_owned();
    let replay = move || {
        let folder = path.to_str().unwrap();
        run("node", &[&script("replay.mjs"), &connection, folder], REPLAY_MAX, &path)
    };
    let printed = tokio::task::spawn_blocking(replay).await.unwrap().unwrap();
    check(&town, &printed).await;
}
