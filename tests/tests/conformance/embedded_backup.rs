//! Promises of the embedded store about copies: they are whole, and overwrite nothing.

use std::fs;
use std::path::Path;

use ledger::envelope::Position;
use ledger::store::EventStore;
use ledger::store::embedded::{
    BackupError, Embedded, OpenError, Options, RestoreError, Restored, stand_still, verify,
    verify_file,
};

use super::kit::{Directory, all, one, some};

/// Restores all of a backup, or up to a position, and has no loss to tell.
pub(super) fn restore(
    from: &Path,
    directory: &Path,
    to: Option<u64>,
) -> Result<Restored, RestoreError> {
    ledger::store::embedded::restore(from, directory, to.map(Position), |_| Ok(None))
}

#[tokio::test]
async fn a_backup_is_the_log_as_it_was() {
    let directory = Directory::new();
    let store = directory.open();
    store.append(some("a", 0, 500)).await.unwrap();
    let elsewhere = Directory::new();
    let to = elsewhere.path().join("backup");
    let mut steps = Vec::new();
    let report = store.backup(&to, |progress| steps.push(progress)).unwrap();
    assert_eq!(report.head, store.head_witness());
    let last = steps.last().unwrap();
    assert!(last.pages_total > 0 && last.pages_done == last.pages_total);
    store.append(one("a", 500)).await.unwrap();
    assert_eq!(verify_file(&to).unwrap(), report);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "one file, nothing beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_made_while_appends_go_on() {
    let directory = Directory::new();
    let store = directory.open();
    for round in 0..20 {
        store.append(some("a", round * 1000, 1000)).await.unwrap();
    }
    let elsewhere = Directory::new();
    let to = elsewhere.path().join("backup");
    // Between two steps of the copy a commit comes.
    let (runtime, mut version) = (tokio::runtime::Handle::current(), 0);
    let report = tokio::task::block_in_place(|| {
        store.backup(&to, |_| {
            runtime.block_on(store.append(one("b", version))).unwrap();
            version += 1;
        })
    });
    assert_eq!(report.unwrap().head.position, Position(20_000));
    assert!(version > 1, "the copy took more than one step");
    assert_eq!(store.head().await.unwrap(), Position(20_000 + version));
}

#[tokio::test]
async fn a_flipped_bit_takes_no_event_from_a_backup_unnoticed() {
    const PAGE: usize = 4096;
    let (directory, elsewhere) = (Directory::with_appends(24).await, Directory::new());
    let to = elsewhere.path().join("backup");
    let report = directory.open().backup(&to, |_| ()).unwrap();
    let whole = fs::read(&to).unwrap();
    // How many rows a page holds, and where they are, stands at its beginning.
    let heads = (0..whole.len() / PAGE).flat_map(|page| page * PAGE..page * PAGE + 16);
    let mut refused = 0;
    for (place, bit) in heads.flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << bit;
        fs::write(&to, &flipped).unwrap();
        match verify_file(&to) {
            Ok(found) => assert_eq!(found, report, "bit {bit} of byte {place}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn a_backup_overwrites_nothing() {
    let directory = Directory::with_appends(1).await;
    let elsewhere = Directory::new();
    let to = elsewhere.path().join("backup");
    fs::write(&to, "precious").unwrap();
    let refusal = directory.open().backup(&to, |_| ()).unwrap_err();
    assert!(matches!(refusal, BackupError::TargetExists { .. }), "{refusal:?}");
    assert_eq!(fs::read(&to).unwrap(), b"precious");
}

#[tokio::test]
async fn a_backup_to_nowhere_is_refused() {
    let directory = Directory::with_appends(1).await;
    let nowhere = directory.path().join("missing/backup");
    let refusal = directory.open().backup(&nowhere, |_| ()).unwrap_err();
    assert!(matches!(refusal, BackupError::Check(OpenError::Io { .. })), "{refusal:?}");
}

#[tokio::test]
async fn a_second_backup_to_the_same_file_leaves_the_first_alone() {
    let directory = Directory::with_appends(3).await;
    let store = directory.open();
    let elsewhere = Directory::new();
    let to = elsewhere.path().join("backup");
    // An earlier one was killed.
    fs::write(elsewhere.path().join("backup.partial"), "half of a page").unwrap();
    let mut refusals = Vec::new();
    let report = store.backup(&to, |_| refusals.push(store.backup(&to, |_| ())));
    assert_eq!(verify_file(&to).unwrap(), report.unwrap());
    assert!(!refusals.is_empty());
    for refusal in refusals {
        assert!(matches!(refusal, Err(BackupError::UnderWay { .. })), "{refusal:?}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "one file, nothing beside it");
}

#[tokio::test]
async fn a_backup_that_was_killed_once_it_had_its_name_is_not_written_over() {
    let directory = Directory::with_appends(3).await;
    let store = directory.open();
    let elsewhere = Directory::new();
    let [to, kept] = ["backup", "kept"].map(|name| elsewhere.path().join(name));
    let report = store.backup(&to, |_| ()).unwrap();
    fs::hard_link(&to, elsewhere.path().join("backup.partial")).unwrap();
    fs::rename(&to, &kept).unwrap();
    store.append(one("b", 0)).await.unwrap();
    assert_eq!(store.backup(&to, |_| ()).unwrap().head, store.head_witness());
    assert_eq!(verify_file(&kept).unwrap(), report);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 2, "and nothing beside them");
}

#[tokio::test]
async fn a_log_that_is_to_stand_still_is_not_opened_for_writing() {
    let directory = Directory::with_appends(3).await;
    let still = [(); 2].map(|()| stand_still(directory.path()).unwrap());
    let refusal = Embedded::open(directory.path(), Options::default()).unwrap_err();
    assert!(
        refusal.to_string().ends_with("by a process that reads it and wants it to stand still")
    );
    verify(directory.path()).unwrap();
    drop(still);
    let store = directory.open();
    let refusal = stand_still(directory.path()).unwrap_err();
    let holder = format!("in use by process {}", std::process::id());
    assert!(refusal.to_string().ends_with(&holder), "{refusal}");
    store.append(one("b", 0)).await.unwrap();
}

#[tokio::test]
async fn what_is_restored_is_what_was_backed_up() {
    let directory = Directory::new();
    let store = directory.open();
    store.append(some("a", 0, 200)).await.unwrap();
    let elsewhere = Directory::new();
    let file = elsewhere.path().join("backup");
    let backed_up = store.backup(&file, |_| ()).unwrap();

    let fresh = Directory::new();
    let restored = restore(&file, fresh.path(), None).unwrap();
    assert_eq!((restored.report, restored.backup), (backed_up, backed_up.head));
    assert_eq!(verify(fresh.path()).unwrap().head.chain, backed_up.head.chain);
    let copy = fresh.open();
    assert_eq!(copy.head_witness(), store.head_witness());
    assert_eq!(all(&*copy).await, all(&*store).await);
    copy.append(one("a", 200)).await.unwrap();
}

#[tokio::test]
async fn a_restore_overwrites_nothing() {
    let directory = Directory::with_appends(3).await;
    let elsewhere = Directory::new();
    let file = elsewhere.path().join("backup");
    directory.open().backup(&file, |_| ()).unwrap();
    let other = Directory::new();
    fs::write(other.path().join("precious"), "").unwrap();
    for full in [directory.path(), other.path()] {
        let refusal = restore(&file, full, None).unwrap_err();
        let RestoreError::Open(refusal) = refusal else { panic!("{refusal:?}") };
        assert!(matches!(refusal, OpenError::NotEmpty { .. }), "{refusal:?}");
    }
    assert_eq!(verify(directory.path()).unwrap().events, 3);
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let directory = Directory::with_appends(30).await;
    let elsewhere = Directory::new();
    let file = elsewhere.path().join("backup");
    directory.open().backup(&file, |_| ()).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute("UPDATE blocks SET crc32 = 0 WHERE first_position = 9", []).unwrap();
    drop(connection);
    let fresh = Directory::new();
    let refusal = restore(&file, fresh.path(), None).unwrap_err();
    let RestoreError::Open(OpenError::Damaged { position, .. }) = refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!(position, Position(9));
    assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0, "nothing is left behind");
}
