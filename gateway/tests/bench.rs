//! The measurement, run through the binary: it comes to its end and its JSON is whole. How fast
//! anything was is not a test's business.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str], data_dir: &Path) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_payledger"))
        .args(["bench", "--quick", "--rounds", "1", "--round-millis", "20", "--accounts", "64"])
        .args(["--payments", "70", "--events", "2000", "--rate", "100", "--output", "json"])
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .output()
}

#[test]
fn every_section_is_measured_and_the_json_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let measured = bench(&[], &folder.path().join("ledger")).unwrap();
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let report: Value = serde_json::from_slice(&measured.stdout).unwrap();
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let figures = report["figures"].as_array().unwrap();
    let sections: BTreeSet<_> = figures.iter().map(|it| it["section"].as_str().unwrap()).collect();
    let all = ["setup", "single", "open", "batch", "query", "cutoff", "history", "disk", "restart"];
    assert_eq!(sections, BTreeSet::from(all));
    let of = |figure: &Value, begins: &str| figure["what"].as_str().unwrap().starts_with(begins);
    let ready = figures.iter().find(|it| of(it, "ready after kill -9")).unwrap();
    let listening = figures.iter().find(|it| of(it, "listening after kill -9")).unwrap();
    assert!(ready["ours"]["min"].as_u64() >= listening["ours"]["min"].as_u64(), "{ready}");
    for figure in figures {
        let ours = &figure["ours"];
        let [min, median, max] = ["min", "median", "max"].map(|it| ours[it].as_u64().unwrap());
        assert!(min <= median && median <= max, "{figure}");
        if let Some(latency) = figure.get("latency_us") {
            assert!(latency["p50"].as_u64().unwrap() <= latency["max"].as_u64().unwrap());
        }
    }
    let beside = figures.iter().filter(|it| it.get("ceiling").is_some());
    assert!(beside.count() >= 7 + 5 + 4);
}

#[test]
fn a_section_can_be_picked() {
    let folder = tempfile::tempdir().unwrap();
    let measured = bench(&["--only", "open"], folder.path()).unwrap();
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let report: Value = serde_json::from_slice(&measured.stdout).unwrap();
    let figures = report["figures"].as_array().unwrap();
    let sections: BTreeSet<_> = figures.iter().map(|it| it["section"].as_str().unwrap()).collect();
    assert_eq!(sections, BTreeSet::from(["setup", "open"]));
}

#[test]
fn a_directory_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("events.db");
    std::fs::write(&kept, "somebody's").unwrap();
    let refused = bench(&[], folder.path()).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not empty"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "somebody's");
}
