//! A whole log that is left, and yet is not the last that there was: it rules out no loss.

use std::path::{Path, PathBuf};

use proto::payledger::v1::Channel;
use serde_json::Value;
use tempfile::TempDir;
use tests::client::Client;
use tests::process::{Process, answered};
use tests::requests::auto_loan;

const CLOCK: &str = "2026-03-03T09:00:00-05:00";
const TODAY: &str = "2026-03-03";
const UNKNOWN: Value = Value::Null;

/// A folder of data directories and backups.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn words(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn backup(&self, of: &str, to: &str) -> u64 {
        let report = answered(&["backup", "--data-dir", &self.words(of), "--to", &self.words(to)]);
        report["head_position"].as_u64().unwrap()
    }

    /// What a restore loses, beside what is left in `lost_dir`.
    fn restore(&self, from: &str, to: &str, lost_dir: &str, more: &[&str]) -> Value {
        let [from, to, lost_dir] = [from, to, lost_dir].map(|name| self.words(name));
        let mut words = vec!["restore", "--from", &from, "--data-dir", &to];
        words.extend(["--lost-dir", &lost_dir]);
        words.extend(more);
        answered(&words)["lost"].clone()
    }

    fn replicate(&self, from: &str, to: &str) -> u64 {
        let round = answered(&["replicate", "--from", &self.words(from), "--to", &self.words(to)]);
        round["head_position"].as_u64().unwrap()
    }
}

/// Serves the directory for as long as it takes to receive a payment for each name, and gives the
/// last position.
async fn receive(data_dir: &Path, names: &[&str]) -> u64 {
    let process = Process::start_without_runner(data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    for name in names {
        client.receive(name, "a-1", Channel::Wire, "5.00", TODAY).await.unwrap();
    }
    let head = client.head().await.unwrap();
    process.kill();
    head
}

#[tokio::test]
async fn what_was_brought_back_and_never_served_tells_what_it_lost() {
    let folder = Folder::new();
    receive(&folder.path("data"), &["one", "two"]).await;
    let kept = folder.backup("data", "backup");
    let head = receive(&folder.path("data"), &["three"]).await;
    let lost = folder.restore("backup", "first", "data", &[]);
    assert_eq!((&lost["to_position"], &lost["payments"]), (&head.into(), &1.into()), "{lost}");
    // It ends where the backup does, but the payment that it lost is lost by the next one, too.
    let again = folder.restore("backup", "again", "first", &[]);
    assert_eq!(again["from_position"], kept + 1, "{again}");
    for field in ["to_position", "known_by", "payments", "looked_at_through"] {
        assert_eq!(again[field], lost[field], "{field}: {again}");
    }
    // And with it what one to an earlier position loses of the backup.
    let earlier = (kept - 1).to_string();
    let more = folder.restore("backup", "less", "first", &["--to-position", &earlier]);
    assert_eq!(more["from_position"], kept, "{more}");
    assert_eq!((&more["to_position"], &more["payments"]), (&head.into(), &2.into()), "{more}");
    // What knows that nothing was lost rules out a loss again, once nothing goes on in its place.
    std::fs::remove_file(folder.path("data/SUPERSEDED")).unwrap();
    let whole = folder.words("whole");
    folder.backup("data", "whole");
    let restored = ["restore", "--from", &whole, "--data-dir", &folder.words("back")];
    let restored = answered(&[&restored[..], &["--lost-dir", &folder.words("data")]].concat());
    assert_eq!(restored["lost"], Value::Null);
}

#[tokio::test]
async fn a_standby_tells_what_it_saw_and_not_that_there_was_no_more() {
    let folder = Folder::new();
    receive(&folder.path("data"), &["one"]).await;
    let kept = folder.replicate("data", "standby");
    assert_eq!(folder.backup("data", "backup"), kept);
    receive(&folder.path("data"), &["two"]).await;
    let lost = folder.restore("backup", "restored", "standby", &[]);
    assert_eq!((&lost["from_position"], &lost["to_position"]), (&(kept + 1).into(), &UNKNOWN));
    // One that was cut off before it had copied what it saw knows of that.
    let head = folder.replicate("data", "standby");
    let log = rusqlite::Connection::open(folder.path("standby/events.db")).unwrap();
    log.execute("DELETE FROM blocks WHERE first_position > ?1", [kept.cast_signed()]).unwrap();
    log.close().unwrap();
    let lost = folder.restore("backup", "another", "standby", &[]);
    assert_eq!(
        (&lost["to_position"], &lost["known_by"]),
        (&head.into(), &"standby".into()),
        "{lost}"
    );
}

#[tokio::test]
async fn a_log_that_another_went_on_in_the_place_of_does_not_tell_where_that_ended() {
    let folder = Folder::new();
    receive(&folder.path("data"), &["one"]).await;
    let kept = folder.replicate("data", "standby");
    folder.backup("data", "backup");
    let [standby, data] = ["standby", "data"].map(|name| folder.words(name));
    let promoted = answered(&["promote", "--data-dir", &standby, "--lost-dir", &data]);
    assert_eq!(promoted["lost"], Value::Null);
    receive(&folder.path("standby"), &["two"]).await;
    let lost = folder.restore("backup", "restored", "data", &[]);
    assert_eq!((&lost["from_position"], &lost["to_position"]), (&(kept + 1).into(), &UNKNOWN));
}
