//! Promises of the embedded store about standbys: the same blocks, or a refusal.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use chrono::{DateTime, Utc};
use ledger::envelope::{NewEvent, Position};
use ledger::store::embedded::{
    Embedded, Extent, OpenError, Promoted, Replica, ReplicaError, Round, begin_copy, pending_loss,
    standby, verify,
};
use ledger::store::{Append, EventStore};
use rusqlite::Connection;

use super::embedded_backup::restore;
use super::kit::{Directory, OPTIONS, after, all, event, one, some, stream};

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn replicate(from: &Directory, to: &Directory) -> Result<Round, ReplicaError> {
    let mut replica = Replica::open(from.path(), to.path(), NOW)?;
    loop {
        let round = replica.round(NOW)?;
        if round.lag == Extent::default() {
            return Ok(round);
        }
    }
}

#[tokio::test]
async fn a_standby_whose_log_is_gone_follows_no_further() {
    let (directory, to) = (Directory::with_appends(3).await, Directory::new());
    let mut replica = Replica::open(directory.path(), to.path(), NOW).unwrap();
    replica.round(NOW).unwrap();
    fs::remove_file(to.log()).unwrap();
    let refusal = replica.round(NOW).unwrap_err();
    assert!(matches!(refusal, ReplicaError::Target(OpenError::Missing { .. })), "{refusal:?}");
}

#[tokio::test]
async fn a_standby_belongs_to_where_its_sources_name_leads_by_now() {
    let (directory, folder) = (Directory::with_appends(3).await, Directory::new());
    let [name, next, to] = ["name", "next", "to"].map(|it| folder.file(it));
    Replica::open(directory.path(), &next, NOW).unwrap().round(NOW).unwrap();
    ledger::store::embedded::promote(&next, |_| Ok(None)).unwrap();
    symlink(directory.path(), &name).unwrap();
    let mut replica = Replica::open(&name, &to, NOW).unwrap();
    for source in [directory.path(), &next] {
        fs::remove_file(&name).unwrap();
        symlink(source, &name).unwrap();
        replica.round(NOW).unwrap();
        let followed = standby(&to).unwrap().unwrap().source;
        assert_eq!(Path::new(&followed), fs::canonicalize(source).unwrap());
    }
}

#[tokio::test]
async fn a_standby_whose_promotion_was_cut_off_follows_on() {
    let (directory, to) = (Directory::with_appends(3).await, Directory::new());
    replicate(&directory, &to).unwrap();
    // The loss is written down, and then the disk takes nothing any more.
    fs::create_dir(to.file("HEAD.new")).unwrap();
    let lost = |_: &_| Ok(Some(b"{}".to_vec()));
    ledger::store::embedded::promote(to.path(), lost).unwrap_err();
    fs::remove_dir(to.file("HEAD.new")).unwrap();
    assert!(pending_loss(to.path()).unwrap().is_some());
    assert!(matches!(to.refusal(), OpenError::Standby { .. }));
    directory.open().append(one("z", 0)).await.unwrap();
    assert_eq!(replicate(&directory, &to).unwrap().copied.events, 1);
    assert_eq!(pending_loss(to.path()).unwrap(), None);
    promote(&to).unwrap();
}

#[tokio::test]
async fn what_is_in_a_standbys_place_by_now_is_not_made_one() {
    let (directory, folder) = (Directory::with_appends(3).await, Directory::new());
    let [first, second, name] = ["first", "second", "name"].map(|it| folder.file(it));
    drop(Embedded::open(&second, OPTIONS).unwrap());
    fs::create_dir(&first).unwrap();
    symlink(&first, &name).unwrap();
    let mut replica = Replica::open(directory.path(), &name, NOW).unwrap();
    replica.round(NOW).unwrap();
    fs::remove_file(&name).unwrap();
    symlink(&second, &name).unwrap();
    directory.open().append(one("z", 0)).await.unwrap();
    let refusal = replica.round(NOW).unwrap_err();
    assert!(matches!(refusal, ReplicaError::Target(OpenError::Io { .. })), "{refusal:?}");
    drop(Embedded::open(&second, OPTIONS).unwrap());
}

#[tokio::test]
async fn a_standby_that_an_earlier_build_began_follows_on() {
    let (directory, to) = (Directory::with_appends(3).await, Directory::new());
    replicate(&directory, &to).unwrap();
    let begun = standby(to.path()).unwrap().unwrap();
    let mark = to.file("STANDBY");
    // That build wrote the document alone.
    fs::write(&mark, serde_json::to_vec(&begun).unwrap()).unwrap();
    assert_eq!(standby(to.path()).unwrap().unwrap(), begun);
    assert!(matches!(to.refusal(), OpenError::Standby { .. }));
    directory.open().append(one("z", 0)).await.unwrap();
    assert_eq!(replicate(&directory, &to).unwrap().copied.events, 1);
    assert!(fs::read_to_string(&mark).unwrap().contains("\ncrc32 "), "written anew, it has one");
    promote(&to).unwrap();
}

#[tokio::test]
async fn a_copy_that_an_earlier_build_began_is_still_unfinished() {
    let directory = Directory::with_appends(3).await;
    fs::write(directory.file("COPY"), "./elsewhere up to position 7").unwrap();
    let refusal = directory.refusal();
    let OpenError::CopyUnfinished { what, .. } = &refusal else { unreachable!("{refusal:?}") };
    assert_eq!(what, "./elsewhere up to position 7");
    begin_copy(directory.path(), "./elsewhere up to position 9").unwrap();
    let whole = fs::read(directory.file("COPY")).unwrap();
    for place in 0..whole.len() {
        fs::write(directory.file("COPY"), &whole[..place]).unwrap();
        let told = matches!(
            directory.refusal(),
            OpenError::NoteUnreadable { .. } | OpenError::CopyUnfinished { .. }
        );
        assert!(told, "{place}");
    }
}

fn promote(directory: &Directory) -> Result<Promoted, ReplicaError> {
    ledger::store::embedded::promote(directory.path(), |_| Ok(None))
}

type Block = (i64, i64, i64, Vec<u8>, Vec<u8>);

/// Every column of every block.
fn blocks(log: &Path) -> Vec<Block> {
    let log = Connection::open(log).unwrap();
    let sql = "SELECT first_position, events, crc32, chain, payload FROM blocks ORDER BY 1";
    let mut statement = log.prepare(sql).unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Three events of one request, which no block holds together.
fn large(name: &str, version: u64) -> Append {
    let numbers = version + 1..=version + 3;
    let large = |number| NewEvent { data: vec![b' '; 1500], ..event(name, number) };
    Append::new(stream(name), after(version), numbers.map(large).collect()).unwrap()
}

#[tokio::test]
async fn a_standby_never_ends_inside_a_request() {
    let (directory, to) = (Directory::new(), Directory::new());
    let store = directory.open();
    let mut ends = Vec::new();
    for version in 0..500 {
        for name in ["a", "b"] {
            let appended = store.append(large(name, version * 3)).await.unwrap();
            ends.push(appended.position);
        }
    }
    let mut replica = Replica::open(directory.path(), to.path(), NOW).unwrap();
    let first = replica.round(NOW).unwrap();
    assert_ne!(first.lag, Extent::default(), "it is more than a round");
    assert!(ends.contains(&first.head.position), "{first:?}");
    drop(replica);
    // Damage in the midst of a request leaves it out whole.
    let before = |first: i64| Position(u64::try_from(first - 1).unwrap());
    let firsts = blocks(&directory.log()).into_iter().map(|block| block.0);
    let last = firsts.filter(|first| !ends.contains(&before(*first))).max().unwrap();
    drop(store);
    let log = Connection::open(directory.log()).unwrap();
    log.execute("UPDATE blocks SET crc32 = crc32 + 1 WHERE first_position = ?1", [last]).unwrap();
    drop(log);
    let refusal = replicate(&directory, &to).unwrap_err();
    assert!(matches!(refusal, ReplicaError::Source(OpenError::Damaged { .. })), "{refusal:?}");
    let head = verify(to.path()).unwrap().head.position;
    assert!(ends.contains(&head) && head < before(last), "{head}");
}

#[tokio::test]
async fn a_standby_receives_the_same_blocks_beside_a_writer_and_only_what_is_new() {
    let (directory, to) = (Directory::new(), Directory::new());
    let store = directory.open();
    for (version, count) in [(0, 1), (1, 200), (201, 3)] {
        store.append(some("a", version, count)).await.unwrap();
    }
    let round = replicate(&directory, &to).unwrap();
    assert_eq!((round.head, round.copied.events), (store.head_witness(), 204));
    assert_eq!(blocks(&to.log()), blocks(&directory.log()));
    store.append(one("b", 0)).await.unwrap();
    let round = replicate(&directory, &to).unwrap();
    assert_eq!((round.copied.blocks, round.copied.events), (1, 1));
    assert_eq!(replicate(&directory, &to).unwrap().copied, Extent::default());
    assert_eq!(verify(to.path()).unwrap().head, store.head_witness());
    assert_eq!(blocks(&to.log()), blocks(&directory.log()));
}

#[tokio::test]
async fn a_standby_is_not_written_to_until_it_is_promoted_and_no_standby_after_that() {
    let (directory, to) = (Directory::with_appends(5).await, Directory::new());
    replicate(&directory, &to).unwrap();
    assert!(matches!(to.refusal(), OpenError::Standby { .. }));
    let replica = Replica::open(directory.path(), to.path(), NOW).unwrap();
    let busy = promote(&to).unwrap_err();
    assert!(matches!(busy, ReplicaError::Target(OpenError::DirectoryInUse { .. })), "{busy:?}");
    drop(replica);
    let promoted = promote(&to).unwrap();
    assert_eq!(promoted.report, verify(directory.path()).unwrap());
    assert_eq!(promoted.standby.seen.extent.beyond(promoted.extent), Extent::default());
    let copy = to.open();
    assert_eq!(all(&*copy).await, all(&*directory.open()).await);
    copy.append(one("account-1", 5)).await.unwrap();
    drop(copy);
    for again in [promote(&to).map(drop), replicate(&directory, &to).map(drop)] {
        assert!(matches!(again, Err(ReplicaError::NotAStandby { .. })), "{again:?}");
    }
}

#[tokio::test]
async fn a_standby_of_another_log_and_a_directory_that_is_none_are_not_touched() {
    let (directory, to) = (Directory::with_appends(5).await, Directory::new());
    replicate(&directory, &to).unwrap();
    let other = Directory::new();
    drop(Embedded::open(other.path(), ledger::store::embedded::Options::default()).unwrap());
    let refusal = replicate(&other, &to).unwrap_err();
    assert!(matches!(refusal, ReplicaError::OtherLog { .. }), "{refusal:?}");
    let mine = Directory::new();
    fs::write(mine.path().join("precious"), "").unwrap();
    for target in [&mine, &other, &directory] {
        let refusal = replicate(&directory, target).unwrap_err();
        assert!(matches!(refusal, ReplicaError::NotAStandby { .. }), "{refusal:?}");
    }
    let refusal = promote(&mine).unwrap_err();
    assert!(matches!(refusal, ReplicaError::NotAStandby { .. }), "{refusal:?}");
    assert_eq!(fs::read_dir(mine.path()).unwrap().count(), 1);
    let nothing = Directory::new();
    let refusal = replicate(&nothing, &to).unwrap_err();
    assert!(matches!(refusal, ReplicaError::Source(OpenError::Missing { .. })), "{refusal:?}");
}

#[tokio::test]
async fn logs_that_have_parted_are_not_mixed_and_a_source_that_lost_commits_is_told() {
    let (directory, to, elsewhere) = (Directory::new(), Directory::new(), Directory::new());
    let store = directory.open();
    store.append(some("a", 0, 10)).await.unwrap();
    let file = elsewhere.path().join("backup");
    store.backup(&file, |_| ()).unwrap();
    store.append(one("a", 10)).await.unwrap();
    let round = replicate(&directory, &to).unwrap();
    let back = Directory::new();
    restore(&file, back.path(), None).unwrap();
    let refusal = replicate(&back, &to).unwrap_err();
    let ReplicaError::Behind { known, head } = refusal else { panic!("{refusal:?}") };
    assert_eq!((known, head), (Position(11), Position(10)));
    back.open().append(one("b", 0)).await.unwrap();
    let refusal = replicate(&back, &to).unwrap_err();
    let ReplicaError::Diverged { position } = refusal else { panic!("{refusal:?}") };
    assert_eq!(position, Position(11));
    assert_eq!(verify(to.path()).unwrap().head, round.head);
}

#[tokio::test]
async fn damage_of_the_source_is_found_and_never_copied() {
    let (directory, to) = (Directory::with_appends(5).await, Directory::new());
    replicate(&directory, &to).unwrap();
    let store = directory.open();
    for account in ["b", "c", "d", "e"] {
        store.append(one(account, 0)).await.unwrap();
    }
    drop(store);
    let spoil = |sql: &str| Connection::open(directory.log()).unwrap().execute(sql, []).unwrap();
    let faults = [
        "UPDATE blocks SET crc32 = crc32 + 1 WHERE first_position = 8",
        "UPDATE blocks SET crc32 = crc32 - 1, chain = zeroblob(32) WHERE first_position = 8",
    ];
    for fault in faults {
        spoil(fault);
        let refusal = replicate(&directory, &to).unwrap_err();
        let ReplicaError::Source(OpenError::Damaged { position, .. }) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(position, Position(8));
        // Of what is before the damage the last may go on in it.
        assert_eq!(verify(to.path()).unwrap().events, 6);
    }
    let seen = standby(to.path()).unwrap().unwrap().seen;
    assert_eq!(seen.position, Position(9), "it knows what it lacks");
}

#[tokio::test]
async fn an_end_of_the_source_that_cannot_be_read_is_damage_within_the_log() {
    let (directory, to) = (Directory::with_appends(5).await, Directory::new());
    let spoil = "UPDATE blocks SET chain = x'00'
         WHERE first_position = (SELECT max(first_position) FROM blocks)";
    Connection::open(directory.log()).unwrap().execute(spoil, []).unwrap();
    let refusal = replicate(&directory, &to).unwrap_err();
    let ReplicaError::Source(OpenError::Damaged { position, .. }) = refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!(position, Position(1));
}

#[tokio::test]
async fn damage_of_the_standby_is_found_before_anything_is_added() {
    let (directory, to) = (Directory::with_appends(5).await, Directory::new());
    replicate(&directory, &to).unwrap();
    let log = Connection::open(to.log()).unwrap();
    log.execute("UPDATE blocks SET payload = zeroblob(9) WHERE first_position = 2", []).unwrap();
    drop(log);
    for refusal in [replicate(&directory, &to).map(drop), promote(&to).map(drop)] {
        let Err(ReplicaError::Target(OpenError::Damaged { position, .. })) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(position, Position(2));
    }
}

#[tokio::test]
async fn what_was_seen_and_not_received_is_known_at_the_promotion() {
    let (directory, to) = (Directory::new(), Directory::new());
    let store = directory.open();
    for account in 0..20 {
        let account = format!("a-{account}");
        let mut large = event(&account, 1);
        large.data = vec![b' '; 400 * 1024];
        let append = Append::new(stream(&account), after(0), vec![large]).unwrap();
        store.append(append).await.unwrap();
    }
    let mut replica = Replica::open(directory.path(), to.path(), NOW).unwrap();
    let round = replica.round(NOW).unwrap();
    drop(replica);
    assert!(round.copied.blocks > 0 && round.lag.blocks > 0, "{round:?}");
    assert_eq!(round.copied.and(round.lag).events, 20);
    let mut told = None;
    let promoted = ledger::store::embedded::promote(to.path(), |promoted| {
        told = Some(promoted.clone());
        Ok(Some(b"lost".to_vec()))
    });
    let promoted = promoted.unwrap();
    assert_eq!(told.as_ref(), Some(&promoted));
    let seen = promoted.standby.seen;
    assert_eq!((seen.position, seen.chain), (Position(20), store.head_witness().chain));
    assert_eq!(seen.extent.beyond(promoted.extent), round.lag);
    let refusal = Replica::open(to.path(), Directory::new().path(), NOW).unwrap_err();
    assert!(matches!(refusal, ReplicaError::Source(OpenError::LossPending { .. })), "{refusal:?}");
    assert_eq!(Embedded::open(to.path(), OPTIONS).unwrap().head_witness(), round.head);
}
