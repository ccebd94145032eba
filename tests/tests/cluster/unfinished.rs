//! Copies of logs that were cut off: nobody serves or copies a target before it is whole.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use proto::payledger::v1::batch_command::Command as Sending;
use rusqlite::Connection;
use tempfile::TempDir;
use tests::client::schedule;
use tests::cluster::{Fault, Node};
use tests::process::{Process, answered, binary, failed, offline_finds_nothing_wrong};
use tests::requests::auto_loan;
use tests::server::Town;
use tests::shim::{Rule, disturbed};
use tests::views::agree;

const MORNING: &str = "2026-03-03T09:00:00-05:00";
/// Enough payments for several commits of a copy.
const PAYMENTS: u64 = 2000;

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A stopped log of some length, and how many events it has.
async fn source() -> (TempDir, u64) {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), MORNING).unwrap();
    let client = tests::client::Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    let pay = |number: u64| {
        let amount = format!("{}.{:02}", number / 100 + 1, number % 100);
        let order = schedule(&format!("pay {number}"), "a-1", &amount, "2026-03-03");
        Sending::SchedulePayment(order)
    };
    client.batch((0..PAYMENTS).map(pay).collect()).await.unwrap();
    let head = client.head().await.unwrap();
    assert!(process.stop().status.success());
    (folder, head)
}

/// How many events the log in a directory has, whole or not.
fn events_in(directory: &Path) -> u64 {
    let log = directory.join("events.db");
    if !log.exists() {
        return 0;
    }
    let log = Connection::open(log).unwrap();
    let sum = "SELECT coalesce(sum(events), 0) FROM blocks";
    let events: i64 = log.query_row(sum, [], |row| row.get(0)).unwrap();
    u64::try_from(events).unwrap()
}

fn copying(mut command: Command, from: &str, to: &str) -> Output {
    command.args(["copy-log", "--from", from, "--to", to]).stdin(Stdio::null()).output().unwrap()
}

fn copied(from: &str, to: &str) -> serde_json::Value {
    answered(&["copy-log", "--from", from, "--to", to])
}

/// Every verb that reads a data directory refuses this one by name.
fn refused_by_all(directory: &Path, source: &str) {
    let (here, elsewhere) = (words(directory), tempfile::tempdir().unwrap());
    let other = elsewhere.path().join("other");
    let (other, log) = (words(&other), directory.join("events.db"));
    for verb in [
        &["serve", "--listen", "127.0.0.1:0", "--data-dir", here][..],
        &["replicate", "--from", here, "--to", other],
        &["replicate", "--from", source, "--to", here],
        &["promote", "--data-dir", here],
        &["backup", "--data-dir", here, "--to", other],
        &["verify", "--data-dir", here],
        &["verify", "--file", words(&log)],
        &["inspect", "--data-dir", here],
        &["replay", "--data-dir", here, "--account", "a-1"],
        &["export", "events", "--data-dir", here],
        &["projections", "verify", "--data-dir", here],
        &["copy-log", "--from", here, "--to", other],
    ] {
        let (code, said) = failed(verb);
        assert_eq!(code, 5, "{verb:?}: {said}");
        assert!(said.contains("has not come to its end"), "{verb:?}: {said}");
        assert!(said.contains("run `payledger copy-log` again"), "{verb:?}: {said}");
    }
    // It may be refused for the write-ahead log of the killed process already.
    let restored = failed(&["restore", "--from", words(&log), "--data-dir", other]);
    assert_eq!(restored.0, 5, "{restored:?}");
}

/// Killed between any two writes, the directory is refused, or whole, or not begun; and the copy
/// goes on from there.
#[tokio::test]
async fn a_directory_that_was_half_copied_is_refused_by_name_until_the_copy_is_done() {
    let (source, head) = source().await;
    let from = words(source.path());
    let whole = tempfile::tempdir().unwrap();
    let expected = copied(from, words(whole.path()))["sha256"].clone();
    offline_finds_nothing_wrong(&["verify"], whole.path());
    let (mut parts, mut all) = (0, 0);
    for (op, file, numbers) in [
        ("open", "COPY.new", &[1][..]),
        ("sync", "COPY.new", &[1]),
        ("open", "events.db.new", &[1]),
        ("open", "HEAD.new", &[1]),
        ("write", "events.db-wal", &[1, 100, 200, 300, 400]),
        ("sync", "events.db-wal", &[1, 2]),
        ("sync", "events.db", &[1, 2]),
    ] {
        for number in numbers {
            let target = tempfile::tempdir().unwrap();
            let to = words(target.path());
            let rule = Rule { op, file, number: *number, action: "kill" };
            let output = copying(disturbed(target.path(), Some(&rule), None), from, to);
            let here = events_in(target.path());
            if target.path().join("COPY").exists() {
                assert!(!output.status.success(), "{rule}: {output:?}");
                refused_by_all(target.path(), from);
                parts += u64::from(here > 0 && here < head);
            } else {
                assert!(here == 0 || here == head, "{rule}: {here} of {head}");
                all += u64::from(here == head);
            }
            let again = copied(from, to);
            assert_eq!((&again["events"], &again["sha256"]), (&head.into(), &expected), "{rule}");
            offline_finds_nothing_wrong(&["verify"], target.path());
        }
    }
    assert!(parts > 1 && all > 0, "{parts} were cut off half-way, {all} were whole");
    let process = Process::start(whole.path(), MORNING).unwrap();
    let client = tests::client::Client::connect(process.address()).await;
    let again = client.schedule("pay 7", "a-1", "1.07", "2026-03-03").await.unwrap();
    assert!(again.replayed);
    process.kill();
}

/// A copy that never ends by itself.
fn begun(from: &str, to: &str) -> Child {
    let mut command = Command::new(binary());
    command.args(["copy-log", "--from", from, "--to", to]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_was_half_copied_is_served_by_nobody_until_the_copy_is_done() {
    let town = Town::at(MORNING).await;
    for number in 0..20 {
        let account = format!("a-{number}");
        town.open(auto_loan(&account)).await.unwrap();
    }
    let head = town.head().await.unwrap();
    let source = town.stop().await;
    let from = words(source.path());
    let node = Node::start().await;
    // The mark and ten appends are let through, and the next one is held up until the kill.
    for _ in 0..12 {
        node.faults().plan(Fault::Slow);
    }
    for _ in 0..11 {
        node.faults().open_gate();
    }
    let mut copy = begun(from, &node.connection());
    node.faults().waits_at_gate(12).await;
    copy.kill().unwrap();
    copy.wait().unwrap();
    node.faults().heal();

    let (models, back) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let connection = node.connection();
    let asked = tokio::task::spawn_blocking(move || {
        let (models, back) = (words(models.path()), words(back.path()));
        let serve = ["serve", "--listen", "127.0.0.1:0", "--store", &connection];
        let refused = [
            failed(&[&serve[..], &["--data-dir", models]].concat()),
            failed(&["copy-log", "--from", &connection, "--to", back]),
        ];
        (refused, std::fs::read_dir(back).unwrap().count())
    });
    let (refused, left) = asked.await.unwrap();
    for (code, said) in refused {
        assert_eq!(code, 5, "{said}");
        let of = format!("has not come to its end: of {from} up to position {head}");
        assert!(said.contains(&of), "{said}");
        assert!(said.contains("run `payledger copy-log` again"), "{said}");
    }
    assert_eq!(left, 0, "nothing was begun");

    let (from, connection) = (from.to_owned(), node.connection());
    let done = tokio::task::spawn_blocking(move || copied(&from, &connection)).await.unwrap();
    assert_eq!(done["events"], head);
    assert!(done["copied"].as_u64().unwrap() < head, "it went on: {done}");
    let moved = Town::on_cluster(&node.connection(), MORNING).await;
    assert!(moved.open(auto_loan("a-7")).await.unwrap().replayed);
    agree(&moved).await;
}
