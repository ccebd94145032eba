//! The measurement, run through the binary: it comes to its end and its JSON is whole. How fast
//! anything was is not a test's business.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

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

/// The processes that one has started.
fn children_of(id: u32) -> std::io::Result<Vec<String>> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may hold anything; the parent is the second field after it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        if fields.split_whitespace().nth(1) == Some(&id.to_string()) {
            children.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(children)
}

/// A measurement that has started its servers, and these.
fn under_way(folder: &Path) -> std::io::Result<(Child, Vec<String>)> {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_payledger"))
        .args(["bench", "--quick", "--only", "single", "--accounts", "64"])
        .env("TMPDIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let said = bench.stderr.take().map(|said| BufReader::new(said).lines());
    let begun = said.into_iter().flatten().map_while(Result::ok);
    assert!(begun.into_iter().any(|line| line.starts_with("single")), "the servers are there");
    let servers = children_of(bench.id())?;
    Ok((bench, servers))
}

/// Is there a process of that id, and not only what is left of one that has ended?
fn is_running(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    let stat = stat.unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with('Z'))
}

#[test]
fn killed_it_leaves_no_server() {
    const LOOKS_MAX: u32 = 600;
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, servers) = under_way(folder.path()).unwrap();
    bench.kill().unwrap();
    bench.wait().unwrap();
    for _ in 0..LOOKS_MAX {
        if !servers.iter().any(|id| is_running(id)) {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let mut left = servers.clone();
    left.retain(|id| is_running(id));
    for id in &left {
        // So that a failure leaves none either. It may have ended by now.
        let _told = Command::new("kill").args(["-9", id]).status();
    }
    assert_eq!((servers.len(), left.len()), (2, 0));
}

#[test]
fn ended_by_sigterm_it_leaves_no_server_and_no_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, servers) = under_way(folder.path()).unwrap();
    let told = Command::new("kill").arg(bench.id().to_string()).status().unwrap();
    assert!(told.success());
    let ended = bench.wait().unwrap();
    let mut left = servers.clone();
    left.retain(|id| Path::new("/proc").join(id).exists());
    for id in &left {
        // So that a failure leaves none either. It may have ended by now.
        let _told = Command::new("kill").args(["-9", id]).status();
    }
    assert_eq!((servers.len(), left.len()), (2, 0));
    assert_eq!(ended.code(), Some(1));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
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
