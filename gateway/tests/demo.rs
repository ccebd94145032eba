//! The demo, run as a newcomer runs it: the real binary, its service, a kill, and the proof.

use std::path::Path;
use std::process::{Command, Output};

fn demo(directory: &Path) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_payledger"))
        .args(["demo", "--exit", "--data-dir"])
        .arg(directory)
        .output()
}

#[test]
fn the_demo_tells_its_story_and_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let told = demo(&ledger).unwrap();
    let story = String::from_utf8_lossy(&told.stdout);
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{story}\n{errors}");
    for promised in [
        "auto loans      311",
        "CUTOFF_PASSED",
        "CANCEL_WINDOW_CLOSED",
        "REQUEST_ID_REUSED",
        "payments listed, each exactly once",
        "FUNDS_ON_HOLD until",
        "PAYOFF_RETURNED_AFTER_RELEASE",
        "generation 2",
        "The demo has kept all its promises.",
    ] {
        assert!(story.contains(promised), "{promised:?} is not in\n{story}");
    }

    // The ledger that it left can be checked without it.
    let verified = Command::new(env!("CARGO_BIN_EXE_payledger"))
        .args(["verify", "--data-dir"])
        .arg(&ledger)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn the_demo_leaves_a_directory_alone_that_holds_something() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("events.db");
    std::fs::write(&kept, "somebody's").unwrap();
    let told = demo(folder.path()).unwrap();
    assert_eq!(told.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(errors.contains("is not empty"), "{errors}");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "somebody's");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
