//! `kill -9` under load, again and again on one directory: what was acknowledged is there once.

use std::collections::BTreeMap;

use proto::payledger::v1::RecordedEvent;
use tests::chance::Chance;
use tests::client::Client;
use tests::process::{Process, offline_finds_nothing_wrong};
use tests::views::agree;

use crate::load::{Sent, repeated, under_load};

/// How often the service is killed; `PAYLEDGER_CRASH_ROUNDS` says otherwise.
const ROUNDS: u64 = 6;
/// Where the chances start; `PAYLEDGER_CRASH_SEED` says otherwise.
const SEED: u64 = 1;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The last position of each request, and that no request is recorded in two places.
fn recorded(events: &[RecordedEvent]) -> BTreeMap<(String, String), u64> {
    let mut last: BTreeMap<(String, String), u64> = BTreeMap::new();
    for event in events {
        let metadata: serde_json::Value = serde_json::from_slice(&event.metadata).unwrap();
        let request = metadata.get("req").and_then(|id| id.as_str()).unwrap().to_owned();
        if let Some(account) = event.stream.strip_prefix("account-") {
            let key = (account.to_owned(), request);
            if let Some(before) = last.insert(key, event.position) {
                assert_eq!(before + 1, event.position, "a request recorded twice: {event:?}");
            }
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_under_load_loses_nothing_and_repeats_nothing() {
    let (rounds, seed) =
        (setting("PAYLEDGER_CRASH_ROUNDS", ROUNDS), setting("PAYLEDGER_CRASH_SEED", SEED));
    let again = format!("PAYLEDGER_CRASH_ROUNDS={rounds} PAYLEDGER_CRASH_SEED={seed}");
    println_on_failure(&again);
    let mut chance = Chance::of(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut sent: Vec<Sent> = Vec::new();
    for round in 0..rounds {
        let date = format!("2026-03-{:02}", round % 28 + 3);
        let clock = format!("{date}T09:00:00-05:00");
        let process = Process::start(folder.path(), &clock).unwrap();
        let address = process.address();
        let mut process = Some(process);
        let kill = || process.take().unwrap().kill();
        let written = under_load(address, round, &date, &mut chance, kill).await;
        assert!(written.iter().any(|sent| sent.position.is_some()));
        offline_finds_nothing_wrong(&["verify"], folder.path());

        let process = Process::start(folder.path(), &clock).unwrap();
        let client = Client::connect(process.address()).await;
        sent.extend(written);
        let answered = repeated(&client, &sent).await;
        for sent in &mut sent {
            sent.position = answered.get(&crate::load::id_of(&sent.command)).copied();
        }
        let events = client.replay().await.unwrap();
        let positions = events.iter().map(|event| event.position);
        assert!(positions.eq(1..=client.head().await.unwrap()), "positions have no gaps");
        let recorded = recorded(&events);
        for (request, position) in &answered {
            assert_eq!(recorded.get(request), Some(position), "{request:?}");
        }
        // What the runner is in the middle of may be cut off too.
        client.clock(&format!("{date}T15:00:06-05:00")).await;
        let run = client.run(&date, "15:00").await.unwrap();
        client.head().await.unwrap();
        if round % 2 == 0 {
            process.kill();
        } else {
            let ended = process.stop();
            assert!(ended.status.success(), "{}", ended.said);
        }
        let after = Process::start(folder.path(), &format!("{date}T15:00:06-05:00")).unwrap();
        let client = Client::connect(after.address()).await;
        let rerun = client.run(&date, "15:00").await.unwrap();
        assert_eq!((rerun.summary, rerun.replayed), (run.summary, true));
        if round + 1 == rounds {
            agree(&client).await;
        }
        assert!(after.stop().status.success());
        offline_finds_nothing_wrong(&["verify"], folder.path());
        offline_finds_nothing_wrong(&["projections", "verify"], folder.path());
    }
}

/// Says how to run a failed test again: the harness shows it only if the test fails.
#[expect(clippy::print_stdout, reason = "the harness keeps it back unless the test fails")]
fn println_on_failure(line: &str) {
    println!("to run this again: {line} cargo test -p tests --test crash");
}
