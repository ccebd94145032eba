//! Promises of the embedded store about restores to a position: whole requests, byte for byte.

use std::fs;
use std::path::PathBuf;

use ledger::envelope::{Metadata, Position, RecordedEvent};
use ledger::ids::RequestId;
use ledger::store::embedded::{
    ChainHash, OpenError, RestoreError, clear_pending_loss, pending_loss, verify,
};
use ledger::store::{Append, EventStore};

use super::embedded_backup::restore;
use super::kit::{Directory, after, all, event, one, stream};

/// `count` events of one request of its own, for a stream that holds `version` events.
fn request(name: &str, version: u64, count: u64) -> Append {
    let events = (0..count).map(|index| {
        let mut event = event(name, version + index + 1);
        let mut metadata: Metadata = serde_json::from_slice(&event.metadata).unwrap();
        metadata.request_id = RequestId::derived(name, &version.to_string());
        event.metadata = serde_json::to_vec(&metadata).unwrap();
        event
    });
    Append::new(stream(name), after(version), events.collect()).unwrap()
}

/// A backup of a log in which blocks hold several requests, and a request several blocks.
struct Backup {
    _elsewhere: Directory,
    file: PathBuf,
    events: Vec<RecordedEvent>,
    /// Where requests end.
    ends: Vec<u64>,
    /// Where blocks end, and the chain's value there.
    blocks: Vec<(u64, ChainHash)>,
}

async fn backup() -> Backup {
    let directory = Directory::new();
    let store = directory.open();
    let (mut ends, mut versions) = (Vec::new(), [0_u64; 3]);
    for group in [vec![1, 3, 2, 1], vec![2], vec![1, 70, 3], vec![1, 1, 4]] {
        let appends = group.into_iter().enumerate().map(|(index, count)| {
            let append = request(["a", "b", "c"][index % 3], versions[index % 3], count);
            versions[index % 3] += count;
            append
        });
        let appends = appends.collect();
        for appended in store.append_many(appends).await {
            ends.push(appended.unwrap().position.0);
        }
    }
    let head = store.head_witness().position;
    let blocks = (1..=head.0).filter_map(|position| {
        let witness = store.witness(Position(position)).unwrap();
        (witness.position.0 == position).then_some((position, witness.chain))
    });
    let blocks = blocks.collect();
    let elsewhere = Directory::new();
    let file = elsewhere.path().join("backup");
    store.backup(&file, |_| ()).unwrap();
    Backup { _elsewhere: elsewhere, file, events: all(&*store).await, ends, blocks }
}

#[tokio::test]
async fn a_restore_to_the_end_of_any_request_holds_every_event_up_to_there() {
    let backup = backup().await;
    assert!(backup.ends.iter().any(|end| !backup.blocks.iter().any(|(block, _)| block == end)));
    for end in &backup.ends {
        let fresh = Directory::new();
        let restored = restore(&backup.file, fresh.path(), Some(*end)).unwrap();
        assert_eq!(restored.report.head.position, Position(*end));
        assert_eq!(verify(fresh.path()).unwrap(), restored.report);
        if let Some((_, chain)) = backup.blocks.iter().find(|(block, _)| block == end) {
            assert_eq!(restored.report.head.chain, *chain, "the same chain at the end of a block");
        }
        let copy = fresh.open();
        let kept = usize::try_from(*end).unwrap();
        assert_eq!(all(&*copy).await, backup.events[..kept]);
        copy.append(one("d", 0)).await.unwrap();
    }
}

#[tokio::test]
async fn a_restore_never_cuts_a_request_in_two() {
    let backup = backup().await;
    let head = u64::try_from(backup.events.len()).unwrap();
    for wanted in (1..=head).filter(|position| !backup.ends.contains(position)) {
        let fresh = Directory::new();
        let refusal = restore(&backup.file, fresh.path(), Some(wanted)).unwrap_err();
        let RestoreError::InsideRequest { position, before, after } = refusal else {
            panic!("{refusal:?}")
        };
        let nearest = |end: Option<&u64>| Position(end.copied().unwrap_or_default());
        assert_eq!(position, Position(wanted));
        assert_eq!(before, nearest(backup.ends.iter().rfind(|end| **end < wanted)));
        assert_eq!(after, nearest(backup.ends.iter().find(|end| **end > wanted)));
        assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0, "nothing is left behind");
    }
}

#[tokio::test]
async fn a_position_that_the_backup_does_not_reach_is_refused() {
    let backup = backup().await;
    let fresh = Directory::new();
    let head = u64::try_from(backup.events.len()).unwrap();
    let refusal = restore(&backup.file, fresh.path(), Some(head + 1)).unwrap_err();
    assert!(matches!(refusal, RestoreError::BeyondHead { .. }), "{refusal:?}");
    let whole = restore(&backup.file, fresh.path(), Some(head)).unwrap();
    assert_eq!(whole.report.head, whole.backup);
}

#[tokio::test]
async fn what_is_lost_waits_beside_the_log_until_it_is_recorded() {
    let backup = backup().await;
    let fresh = Directory::new();
    let to = Some(Position(backup.ends[1]));
    let lost = br#"{"what":"is lost"}"#;
    let told = |_: &_| Ok(Some(lost.to_vec()));
    ledger::store::embedded::restore(&backup.file, fresh.path(), to, told).unwrap();
    assert_eq!(pending_loss(fresh.path()).unwrap().unwrap(), lost);
    let whole = fs::read(fresh.path().join("LOSS")).unwrap();
    for place in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[place] ^= 1 << bit;
            fs::write(fresh.path().join("LOSS"), changed).unwrap();
            let refusal = pending_loss(fresh.path()).unwrap_err();
            assert!(matches!(refusal, OpenError::NoteUnreadable { .. }), "{place}: {refusal:?}");
        }
        fs::write(fresh.path().join("LOSS"), &whole[..place]).unwrap();
        match pending_loss(fresh.path()) {
            // As an earlier build wrote it, without a checksum.
            Ok(kept) => assert_eq!((kept.unwrap(), place), (lost.to_vec(), lost.len())),
            Err(refusal) => {
                let told = matches!(refusal, OpenError::NoteUnreadable { .. });
                assert!(told && place != lost.len(), "{place}: {refusal:?}");
            }
        }
    }
    fs::write(fresh.path().join("LOSS"), whole).unwrap();
    clear_pending_loss(fresh.path()).unwrap();
    assert_eq!(pending_loss(fresh.path()).unwrap(), None);
}

#[tokio::test]
async fn a_restore_that_was_killed_is_not_taken_for_a_new_log_and_is_done_again() {
    let backup = backup().await;
    let fresh = Directory::new();
    // At its beginning only the log itself is there, and somebody else's lock.
    fs::write(fresh.path().join("events.db.restored"), "half of it").unwrap();
    fs::write(fresh.path().join("LOCK"), "process 1").unwrap();
    let refusal = fresh.refusal();
    assert!(matches!(refusal, OpenError::Unfinished { .. }), "{refusal:?}");
    restore(&backup.file, fresh.path(), None).unwrap();
    assert!(!fresh.path().join("events.db.restored").exists());
    assert_eq!(all(&*fresh.open()).await, backup.events);

    // An earlier build gave it another name.
    let fresh = Directory::new();
    fs::write(fresh.path().join("events.db.new"), "half of it").unwrap();
    fs::write(fresh.path().join("LOSS"), "{}\ncrc32 dda1b006\n").unwrap();
    fs::write(fresh.path().join("LOCK"), "process 1").unwrap();
    let refusal = fresh.refusal();
    assert!(matches!(refusal, OpenError::Unfinished { .. }), "{refusal:?}");
    for name in ["HEAD.new", "HEAD"] {
        fs::write(fresh.path().join(name), "of what is restored").unwrap();
    }
    restore(&backup.file, fresh.path(), None).unwrap();
    assert_eq!(pending_loss(fresh.path()).unwrap(), None, "this one loses nothing");
    assert_eq!(all(&*fresh.open()).await, backup.events);
}

#[tokio::test]
async fn a_directory_whose_log_is_gone_is_not_restored_over() {
    let (backup, lost) = (backup().await, Directory::with_appends(3).await);
    fs::remove_file(lost.log()).unwrap();
    let refusal = restore(&backup.file, lost.path(), None).unwrap_err();
    assert!(matches!(refusal, RestoreError::Open(OpenError::NotEmpty { .. })), "{refusal:?}");
}

#[tokio::test]
async fn a_restore_that_cannot_tell_what_it_loses_restores_nothing() {
    let backup = backup().await;
    let fresh = Directory::new();
    let missing = fresh.path().join("not/there");
    for directory in [fresh.path(), &missing] {
        let told = |_: &_| Err("nobody knows".into());
        let refusal = ledger::store::embedded::restore(&backup.file, directory, None, told);
        assert!(matches!(refusal, Err(RestoreError::Loss(_))), "{refusal:?}");
        assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
