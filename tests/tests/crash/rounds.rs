//! A few rounds of the crash harness; `--bin crash` runs hundreds.

use tests::crash::{Settings, run};

/// One round for each moment at which the service is killed.
const ROUNDS: u64 = 8;
const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_and_as_answered_however_the_service_is_killed() {
    let settings = Settings { rounds: ROUNDS, seed: SEED, load: 250 };
    let report = run(settings, |_| {}).await;
    tests::shim::clean_up();
    let again = format!("cargo run -p tests --bin crash -- --rounds {ROUNDS} --seed {SEED}");
    let report = report.unwrap_or_else(|problem| unreachable!("{problem}; again: {again}"));
    let seen = report.coverage;
    assert!(seen.acknowledged > seen.refused && seen.questions > 0, "{report}");
    assert!(seen.repeated > 0 && seen.rejected > 0, "{report}");
}
