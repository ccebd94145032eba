//! A small sweep of faults under real data directories; `--bin faults` does thousands.

use tests::faults::{Settings, run};

const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_costs_nothing_acknowledged_that_anything_left_knows_of() {
    let settings = Settings {
        structural: 24,
        random: 12,
        far_back: 0,
        power: 12,
        calls: 14,
        seed: SEED,
        only: None,
    };
    let report = run(settings, |_| {}).await;
    tests::shim::clean_up();
    assert!(report.violations.is_empty(), "seed {SEED}: {report}");
    assert!(!report.damage.is_empty() && !report.power.is_empty() && !report.calls.is_empty());
}
