//! Data directories that cannot be used: each is refused clearly, and left as it was.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use ledger::store::embedded::Options;
use proto::payledger::v1::Channel;
use tests::client::Client;
use tests::process::{Process, answered, binary, failed, offline, offline_finds_nothing_wrong};
use tests::requests::auto_loan;
use tests::shim::{Rule, disturbed};

const CLOCK: &str = "2026-03-03T09:00:00-05:00";

/// What the binary says when it does not start here.
fn refusal(data_dir: &Path) -> String {
    let ended = Process::start(data_dir, CLOCK).unwrap_err();
    assert_ne!(ended.status.code(), Some(0));
    assert!(!ended.said.contains("panicked"), "{}", ended.said);
    ended.said
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_holds_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let said = refusal(folder.path());
    assert!(said.contains(&format!("process {}", process.id())), "{said}");
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    process.kill();
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    assert!(client.open(auto_loan("a-1")).await.unwrap().replayed);
    process.kill();
}

#[tokio::test]
async fn commands_are_answered_though_nobody_hears_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path(), CLOCK).unwrap();
    process.leave_unheard();
    let client = Client::connect(process.address()).await;
    // A clock that goes back is told of in the log, and so is what cannot be carried out.
    for number in 0..3 {
        client.open(auto_loan(&format!("a-{number}"))).await.unwrap();
        client.receive("once", "nobody", Channel::Wire, "5.00", "2026-03-03").await.unwrap_err();
    }
    let ended = process.stop();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
}

#[test]
fn what_is_made_is_its_owners_alone_and_what_was_there_stays_as_it_was() {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, standby, restored, shared, backup] =
        ["data", "standby", "restored", "shared", "backup.db"].map(|it| folder.path().join(it));
    assert!(Process::start(&data_dir, CLOCK).unwrap().stop().status.success());
    let [from, to, copy, new] =
        [&data_dir, &standby, &backup, &restored].map(|path| path.to_str().unwrap());
    answered(&["replicate", "--from", from, "--to", to]);
    answered(&["backup", "--data-dir", from, "--to", copy]);
    answered(&["restore", "--from", copy, "--data-dir", new]);
    for directory in [&data_dir, &standby, &restored] {
        assert_eq!(mode(directory), 0o700, "{}", directory.display());
    }
    assert_eq!(mode(&backup), 0o600);
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, Permissions::from_mode(0o750)).unwrap();
    assert!(Process::start(&shared, CLOCK).unwrap().stop().status.success());
    assert_eq!(mode(&shared), 0o750);
}

#[test]
fn a_place_where_nothing_can_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, b"mine").unwrap();
    for place in [file.clone(), file.join("below"), "/proc/payledger".into()] {
        let said = refusal(&place);
        assert!(said.contains(&place.display().to_string()), "{said}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_backup_is_one_file_or_none_wherever_its_journal_fails() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    assert!(Process::start(&data_dir, CLOCK).unwrap().stop().status.success());
    let mut failures = 0;
    for (op, number) in
        ["open", "write", "sync"].into_iter().flat_map(|op| (1..=6).map(move |it| (op, it)))
    {
        let to = folder.path().join(format!("{op} {number}"));
        std::fs::create_dir(&to).unwrap();
        let rule = Rule { op, file: "*-journal", number, action: "enospc" };
        let mut backup = disturbed(&to, Some(&rule), None);
        backup.arg("backup").arg("--data-dir").arg(&data_dir).arg("--to").arg(to.join("copy"));
        let status = backup.output().unwrap().status;
        let names = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<_> = names.collect();
        if !status.success() {
            assert!(names.is_empty(), "{op} {number}: {names:?}");
            failures += 1;
            continue;
        }
        assert_eq!(names, ["copy"], "{op} {number}");
        // What the header says where nothing is kept beside the file.
        let header = std::fs::read(to.join("copy")).unwrap();
        assert_eq!(header[18..20], [1, 1], "{op} {number}");
    }
    assert!(failures > 3, "{failures}");
}

#[tokio::test]
async fn a_log_of_another_format_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    drop(ledger::store::embedded::Embedded::open(folder.path(), Options::default()).unwrap());
    let log = folder.path().join("events.db");
    let database = rusqlite::Connection::open(&log).unwrap();
    database.execute("UPDATE meta SET value = '2' WHERE name = 'format'", []).unwrap();
    database.close().unwrap();
    let before = std::fs::read(&log).unwrap();
    let said = refusal(folder.path());
    assert!(said.contains("has format 2"), "{said}");
    assert_eq!(std::fs::read(&log).unwrap(), before);
}

#[tokio::test]
async fn rubbish_in_place_of_the_log_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("events.db");
    std::fs::write(&log, b"this is no database at all, and it is longer than a header of one is")
        .unwrap();
    let said = refusal(folder.path());
    assert!(said.contains("events.db"), "{said}");
    assert!(std::fs::read(&log).unwrap().starts_with(b"this is no database"));
}

#[tokio::test]
async fn a_log_that_is_gone_is_not_begun_anew_beside_its_read_models() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    assert!(process.stop().status.success());
    let log = folder.path().join("events.db");
    let kept = folder.path().join("kept");
    std::fs::rename(&log, &kept).unwrap();
    let ended = Process::start(folder.path(), CLOCK).unwrap_err();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.said);
    assert!(ended.said.contains("the log is gone"), "{}", ended.said);
    assert!(!log.exists());
    std::fs::rename(&kept, &log).unwrap();
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    assert!(client.open(auto_loan("a-1")).await.unwrap().replayed);
    process.kill();
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_refused_even_where_its_read_models_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("events.db");
    let process = Process::start(folder.path(), CLOCK).unwrap();
    Client::connect(process.address()).await.open(auto_loan("a-1")).await.unwrap();
    assert!(process.stop().status.success());
    let older = std::fs::read(&log).unwrap();
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    let position = client.open(auto_loan("a-2")).await.unwrap().position;
    assert!(process.stop().status.success());
    let whole = std::fs::read(&log).unwrap();

    std::fs::write(&log, &older).unwrap();
    std::fs::remove_dir_all(folder.path().join("read")).unwrap();
    let ended = Process::start(folder.path(), CLOCK).unwrap_err();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.said);
    let known = format!("HEAD knows of position {position}");
    assert!(ended.said.contains(&known), "{}", ended.said);
    let verified = offline(&["verify"], folder.path());
    assert_eq!(verified.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&verified.stderr).contains(&known));
    assert_eq!(std::fs::read(&log).unwrap(), older, "it is left for somebody to look at");

    std::fs::write(&log, &whole).unwrap();
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    assert!(client.open(auto_loan("a-2")).await.unwrap().replayed);
    assert!(process.stop().status.success());
}

#[tokio::test]
async fn read_models_that_cannot_be_read_are_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Process::start(folder.path(), CLOCK).unwrap().stop().status.success());
    std::fs::write(folder.path().join("read/CURRENT"), b"rubbish").unwrap();
    assert!(Process::start(folder.path(), CLOCK).unwrap().stop().status.success());
    offline_finds_nothing_wrong(&["verify"], folder.path());
    std::fs::remove_dir_all(folder.path().join("read")).unwrap();
    assert!(Process::start(folder.path(), CLOCK).unwrap().stop().status.success());
    offline_finds_nothing_wrong(&["verify"], folder.path());
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_acknowledged_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    // No file may grow beyond this many blocks of 512 bytes: writes fail as on a full disk, and are
    // told instead of the signal that comes with it.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 800; exec \"$0\" \"$@\""]).arg(binary());
    let process = Process::start_as(limited, folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    let mut acknowledged = Vec::new();
    let failure = loop {
        let name = format!("wire {}", acknowledged.len());
        match client.receive(&name, "a-1", Channel::Wire, "0.01", "2026-03-03").await {
            Ok(answer) => acknowledged.push((name, answer.position)),
            Err(status) => break status,
        }
        assert!(acknowledged.len() < 20_000, "the disk never filled");
    };
    let code = failure.code();
    assert!(
        matches!(code, tonic::Code::Unavailable | tonic::Code::Unknown),
        "{failure:?} after {}",
        acknowledged.len()
    );
    let ended = process.wait();
    assert_eq!(ended.status.code(), Some(1), "{:?}: {}", ended.status, ended.said);
    let told = ended.said.contains("the log's writer failed");
    assert!(told && !ended.said.contains("panicked"), "{}", ended.said);
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    for (name, position) in acknowledged.iter().rev().take(50) {
        let again = client.receive(name, "a-1", Channel::Wire, "0.01", "2026-03-03").await.unwrap();
        assert_eq!((again.position, again.replayed), (*position, true), "{name}");
    }
    assert_eq!(client.payments_of("a-1").await.unwrap().len(), acknowledged.len().min(1000));
    assert!(process.stop().status.success());
    offline_finds_nothing_wrong(&["verify"], folder.path());
}

#[tokio::test]
async fn what_a_reader_keeps_out_of_the_file_is_written_anew_at_an_opening() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    let reader = rusqlite::Connection::open(folder.path().join("events.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM blocks").unwrap();
    client.open(auto_loan("a-2")).await.unwrap();
    process.kill();
    // What a sync that failed has left there is not on the disk, although it can be read.
    let rule = Rule { op: "write", file: "events.db-wal", number: 1, action: "eio" };
    let command = disturbed(folder.path(), Some(&rule), None);
    let ended = Process::start_as(command, folder.path(), CLOCK).unwrap_err();
    assert!(ended.said.contains("events.db-wal"), "{}", ended.said);
    let process = Process::start(folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    assert!(client.open(auto_loan("a-2")).await.unwrap().replayed);
    assert!(process.stop().status.success());
    drop(reader);
    offline_finds_nothing_wrong(&["verify"], folder.path());
}

/// Runs a verb on a disk that is full after more and more writes to `file`, below `place`, until it
/// fits. What did not come about must leave nothing.
fn fails_without_a_trace(verb: &[&str], place: &Path, file: &'static str) {
    for number in 1..100 {
        let rule = Rule { op: "write", file, number, action: "enospc,on" };
        let mut command = disturbed(place, Some(&rule), None);
        let output = command.args(verb).output().unwrap();
        if output.status.success() {
            assert!(number > 1, "it writes to {file}");
            return;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{rule}: {said}");
        let left: Vec<_> = std::fs::read_dir(place).unwrap().map(|it| it.unwrap().path()).collect();
        assert!(left.is_empty(), "{rule}: {left:?}: {said}");
    }
    unreachable!("{verb:?} does not come to its end");
}

#[tokio::test]
async fn a_copy_that_does_not_fit_on_the_disk_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, place, back] = ["data", "place", "back"].map(|name| folder.path().join(name));
    let process = Process::start(&data_dir, CLOCK).unwrap();
    Client::connect(process.address()).await.open(auto_loan("a-1")).await.unwrap();
    assert!(process.stop().status.success());
    for place in [&place, &back] {
        std::fs::create_dir(place).unwrap();
    }
    let [backup, restored] = [place.join("backup"), back.join("to/be/made")];
    let [data_dir, file, to] = [&data_dir, &backup, &restored].map(|it| it.to_str().unwrap());
    fails_without_a_trace(&["backup", "--data-dir", data_dir, "--to", file], &place, "*backup");
    fails_without_a_trace(&["restore", "--from", file, "--data-dir", to], &back, "*made");
    offline_finds_nothing_wrong(&["verify"], &restored);
}

#[test]
fn read_models_of_another_version_are_no_broken_promise() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Process::start(folder.path(), CLOCK).unwrap().stop().status.success());
    let models = rusqlite::Connection::open(folder.path().join("read/gen-1.db")).unwrap();
    assert_eq!(models.execute("UPDATE progress SET fold_version = 1", []).unwrap(), 1);
    drop(models);
    offline_finds_nothing_wrong(&["verify"], folder.path());
    let compared = offline(&["projections", "verify"], folder.path());
    assert_eq!(compared.status.code(), Some(4), "{compared:?}");
}

#[tokio::test]
async fn a_backup_that_lost_its_end_is_told_apart_from_a_directory_that_did() {
    let folder = tempfile::tempdir().unwrap();
    let [data_dir, backup, restored] =
        ["data", "backup.db", "restored"].map(|it| folder.path().join(it));
    let process = Process::start(&data_dir, CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    assert!(process.stop().status.success());
    let [from, file, to] = [&data_dir, &backup, &restored].map(|path| path.to_str().unwrap());
    answered(&["backup", "--data-dir", from, "--to", file]);
    for log in [&backup, &data_dir.join("events.db")] {
        let log = rusqlite::Connection::open(log).unwrap();
        let last = "DELETE FROM blocks WHERE first_position = (
            SELECT max(first_position) FROM blocks)";
        assert_eq!(log.execute(last, []).unwrap(), 1);
    }
    for words in [
        ["verify", "--file", file, "--output", "json"].as_slice(),
        &["restore", "--from", file, "--data-dir", to],
    ] {
        let (code, said) = failed(words);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("take another backup") && !said.contains("HEAD"), "{said}");
    }
    let (code, said) = failed(&["verify", "--data-dir", from]);
    assert!(code == 3 && said.contains("remove the file HEAD"), "{said}");
}
