//! Promises of the embedded store about the copy of long streams: it saves reads, and is never
//! trusted over the log.

use std::fs;
use std::time::Duration;

use ledger::envelope::{Position, RecordedEvent, Version};
use ledger::store::embedded::{CopyState, Embedded, verify_with_derived};
use ledger::store::{Append, EventStore, ReadError};
use proptest::prelude::*;
use rusqlite::{Connection, OpenFlags, params};

use super::kit::{Directory, after, all, crc32, event, one, some, stream, whole};

/// Adds `count` events in turn to three streams that hold `from` each.
async fn append(store: &Embedded, from: u64, count: u64) {
    for version in from..from + count {
        for number in 0..3 {
            store.append(one(&format!("account-{number}"), version)).await.unwrap();
        }
    }
}

async fn views(store: &Embedded) -> Vec<Vec<RecordedEvent>> {
    let mut views = vec![all(store).await];
    for number in 0..3 {
        views.push(whole(store, &format!("account-{number}")).await);
    }
    views
}

fn copy(directory: &Directory) -> Connection {
    Connection::open_with_flags(
        directory.file("streams.db"),
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .unwrap()
}

/// How many events the copy holds.
fn gathered(directory: &Directory) -> u64 {
    let copy = copy(directory);
    copy.busy_timeout(Duration::from_secs(5)).unwrap();
    let sql = "SELECT coalesce(sum(events), 0) FROM pieces";
    copy.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap().into()
}

/// Waits until the copy holds `events`.
async fn gathers(directory: &Directory, events: u64) {
    for _ in 0..500 {
        if gathered(directory) >= events {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(gathered(directory), events);
}

/// A log whose three streams of `count` events were read once, and are in the copy.
async fn read_once(count: u64) -> Directory {
    let directory = Directory::new();
    let store = directory.open();
    append(&store, 0, count).await;
    views(&store).await;
    gathers(&directory, 3 * count).await;
    drop(store);
    directory
}

/// The log answers as it does without the copy, and goes on.
async fn assert_answers(directory: &Directory, events: u64) {
    let seen = Embedded::open_read_only(directory.path()).unwrap();
    let store = directory.open();
    assert_eq!(store.head().await.unwrap(), Position(3 * events));
    for _ in 0..2 {
        assert_eq!(views(&store).await, views(&seen).await);
    }
    append(&store, events, 1).await;
    assert_eq!(whole(&*store, "account-2").await.len(), usize::try_from(events + 1).unwrap());
}

fn state(directory: &Directory) -> CopyState {
    verify_with_derived(directory.path(), |_| Ok(())).unwrap().1.streams
}

/// Overwrites the payloads of the log's blocks, under sums that do not fit any more.
fn spoil_log(directory: &Directory) {
    let log = Connection::open(directory.log()).unwrap();
    log.execute("UPDATE blocks SET payload = zeroblob(40)", []).unwrap();
}

#[tokio::test]
async fn a_long_stream_that_was_read_once_is_read_from_one_place() {
    let directory = read_once(20).await;
    let store = directory.open();
    let before = views(&store).await;
    spoil_log(&directory);
    for number in 0..3 {
        let name = format!("account-{number}");
        assert_eq!(whole(&*store, &name).await, before[number + 1]);
        // A few of its events are read from the log, as those of short streams are.
        assert!(store.read_stream(&stream(&name), Version::EMPTY, 7).await.is_err());
    }
}

#[tokio::test]
async fn short_streams_are_not_gathered() {
    let directory = Directory::new();
    let store = directory.open();
    append(&store, 0, 7).await;
    views(&store).await;
    append(&store, 7, 1).await;
    assert_eq!(gathered(&directory), 0);
    views(&store).await;
    gathers(&directory, 24).await;
}

#[tokio::test]
async fn what_came_since_is_read_from_the_log_and_gathered_once_there_is_enough() {
    let directory = read_once(20).await;
    let store = directory.open();
    append(&store, 20, 7).await;
    assert_eq!(whole(&*store, "account-1").await.len(), 27);
    append(&store, 27, 1).await;
    assert_eq!(whole(&*store, "account-1").await.len(), 28);
    gathers(&directory, 60 + 8).await;
    drop(store);
    assert_answers(&directory, 28).await;
}

#[tokio::test]
async fn pages_are_the_same_wherever_they_begin_and_end() {
    let directory = Directory::new();
    let store = directory.open();
    for version in (0..200).step_by(10) {
        store.append(some("account-0", version, 10)).await.unwrap();
        store.append(some("account-1", version / 10, 1)).await.unwrap();
    }
    let events = whole(&*store, "account-0").await;
    gathers(&directory, 200).await;
    let name = stream("account-0");
    for after in (0..205_usize).step_by(5) {
        for limit in [0, 1, 7, 8, 9, 63, 64, 65, 128, 199, 200, 1000] {
            let version = Version(u64::try_from(after).unwrap());
            let page = store.read_stream(&name, version, limit).await.unwrap();
            let expected: Vec<_> = events.iter().skip(after).take(limit).cloned().collect();
            assert_eq!(page, expected, "after {after}, {limit} at most");
        }
    }
    // What begins in the middle is not gathered for itself: another beginning would overlap it.
    let rest = store.read_stream(&stream("account-1"), Version(5), 100).await.unwrap();
    assert_eq!(rest.len(), 15);
    whole(&*store, "account-1").await;
    gathers(&directory, 200 + 20).await;
    let rows = "SELECT count(*) FROM pieces WHERE stream = 'account-1'";
    assert_eq!(copy(&directory).query_row(rows, [], |row| row.get::<_, u32>(0)).unwrap(), 1);
}

#[tokio::test]
async fn many_streams_are_read_together_as_they_are_one_by_one() {
    let directory = read_once(20).await;
    let store = directory.open();
    append(&store, 20, 5).await;
    store.append(one("account-short", 0)).await.unwrap();
    let names = ["account-2", "account-short", "account-none", "account-0"].map(stream);
    for limit in [3, 20, 22, 100] {
        let together = store.read_streams(&names, limit).await.unwrap();
        for (name, page) in names.iter().zip(together) {
            assert_eq!(page, store.read_stream(name, Version::EMPTY, limit).await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_copy_that_was_changed_is_taken_away() {
    let changes = [
        "UPDATE pieces SET payload = zeroblob(length(payload)) WHERE stream = 'account-1'",
        "UPDATE pieces SET events = 19 WHERE stream = 'account-1'",
        "UPDATE pieces SET first_version = 2 WHERE stream = 'account-1'",
        "DROP TABLE pieces",
        "UPDATE pieces SET positions = zeroblob(length(positions))",
        "UPDATE pieces SET log_chain = zeroblob(32)",
        "UPDATE pieces SET log_position = 1000",
        "PRAGMA user_version = 2",
    ];
    for change in changes {
        let directory = read_once(20).await;
        copy(&directory).execute_batch(change).unwrap();
        assert_answers(&directory, 20).await;
        assert_answers(&directory, 21).await;
        assert!(matches!(state(&directory), CopyState::Fits(_)), "{change}");
    }
}

#[tokio::test]
async fn a_copy_that_is_no_database_is_taken_away() {
    let directory = read_once(20).await;
    let whole = fs::read(directory.file("streams.db")).unwrap();
    for content in [&b""[..], b"no database", &whole[..whole.len() / 2], &whole[..4096]] {
        fs::write(directory.file("streams.db"), content).unwrap();
        let seen = Embedded::open_read_only(directory.path()).unwrap();
        let store = directory.open();
        assert_eq!(views(&store).await, views(&seen).await);
        assert_eq!(views(&store).await, views(&seen).await);
    }
    drop(directory.open());
    assert!(matches!(state(&directory), CopyState::Fits(_)));
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_not_answered_for_by_the_copy_of_what_it_was() {
    let directory = Directory::new();
    let store = directory.open();
    append(&store, 0, 12).await;
    let older = directory.left_behind();
    append(&store, 12, 8).await;
    views(&store).await;
    gathers(&directory, 60).await;
    drop(store);
    fs::copy(directory.file("streams.db"), older.file("streams.db")).unwrap();
    assert_answers(&older, 12).await;
}

#[tokio::test]
async fn a_killed_service_finds_its_copy_again() {
    let directory = Directory::new();
    let store = directory.open();
    append(&store, 0, 20).await;
    views(&store).await;
    gathers(&directory, 60).await;
    let left = directory.left_behind();
    for name in ["streams.db", "streams.db-wal"] {
        fs::copy(directory.file(name), left.file(name)).unwrap();
    }
    drop(left.open());
    assert_eq!(state(&left), CopyState::Fits(60));
    assert_answers(&left, 20).await;
}

/// Changes an event in the copy, under a sum that is right.
fn forge(directory: &Directory) {
    let copy = copy(directory);
    let sql = "SELECT stream, first_version, events, positions, log_position, log_chain, payload
        FROM pieces LIMIT 1";
    let (mut summed, mut payload) = copy
        .query_row(sql, [], |row| {
            let mut summed = row.get::<_, String>(0)?.into_bytes();
            summed.extend(row.get::<_, i64>(1)?.to_be_bytes());
            summed.extend(row.get::<_, u32>(2)?.to_be_bytes());
            summed.extend(row.get::<_, Vec<u8>>(3)?);
            summed.extend(row.get::<_, i64>(4)?.to_be_bytes());
            summed.extend(row.get::<_, Vec<u8>>(5)?);
            Ok((summed, row.get::<_, Vec<u8>>(6)?))
        })
        .unwrap();
    let last = payload.len() - 2;
    payload[last] ^= 1;
    summed.extend(&payload);
    let sql = "UPDATE pieces SET payload = ?1, crc32 = ?2
        WHERE rowid = (SELECT rowid FROM pieces LIMIT 1)";
    assert_eq!(copy.execute(sql, params![payload, crc32(&summed)]).unwrap(), 1);
}

#[tokio::test]
async fn a_check_of_the_log_looks_at_the_copy_too() {
    let fresh = Directory::with_appends(3).await;
    assert_eq!(state(&fresh), CopyState::Fits(0));
    fs::remove_file(fresh.file("streams.db")).unwrap();
    assert_eq!(state(&fresh), CopyState::Absent);
    let directory = read_once(20).await;
    assert_eq!(state(&directory), CopyState::Fits(60));
    forge(&directory);
    assert!(matches!(state(&directory), CopyState::Differs(_)));
    // What a log holds that went on in another way.
    let [_, other] = branches().await;
    assert!(matches!(state(&other), CopyState::LeftAside(_)));
}

/// Two logs of one id that are the same for twelve events a stream, and then go on in two ways. The
/// second has the copy of the first beside it.
async fn branches() -> [Directory; 2] {
    let one_way = Directory::new();
    let store = one_way.open();
    append(&store, 0, 12).await;
    let other_way = one_way.left_behind();
    append(&store, 12, 8).await;
    views(&store).await;
    gathers(&one_way, 60).await;
    drop(store);
    let store = other_way.open();
    for version in 12..20 {
        for number in [1, 0, 2] {
            store.append(one(&format!("account-{number}"), version)).await.unwrap();
        }
    }
    drop(store);
    fs::copy(one_way.file("streams.db"), other_way.file("streams.db")).unwrap();
    [one_way, other_way]
}

#[tokio::test]
async fn the_copy_of_a_log_that_went_on_in_another_way_is_left_aside() {
    let [_, other] = branches().await;
    assert_answers(&other, 20).await;
}

#[tokio::test]
async fn each_row_is_of_the_log_that_it_names_or_is_not_believed() {
    let [_, other] = branches().await;
    // The last row is the one that an opening looks at: it is the log's own.
    let foreign = copy(&other);
    let own = read_again(&other).await;
    foreign.execute("ATTACH ?1 AS own", [own.file("streams.db").to_str().unwrap()]).unwrap();
    let sql = "DELETE FROM pieces WHERE stream = 'account-2';
        INSERT INTO pieces SELECT * FROM own.pieces WHERE stream = 'account-2'";
    foreign.execute_batch(sql).unwrap();
    drop(foreign);
    assert_answers(&other, 20).await;
}

/// What is left behind of a log, with a copy of its own.
async fn read_again(directory: &Directory) -> Directory {
    let again = directory.left_behind();
    let store = again.open();
    let events = views(&store).await[0].len();
    gathers(&again, u64::try_from(events).unwrap()).await;
    drop(store);
    again
}

#[tokio::test]
async fn what_is_put_in_the_place_of_the_copy_is_not_read() {
    let [one_way, other_way] = branches().await;
    let seen = Embedded::open_read_only(other_way.path()).unwrap();
    fs::remove_file(other_way.file("streams.db")).unwrap();
    let store = other_way.open();
    fs::rename(one_way.file("streams.db"), other_way.file("streams.db")).unwrap();
    for _ in 0..2 {
        assert_eq!(views(&store).await, views(&seen).await);
    }
    assert!(other_way.file("streams.db").exists(), "it is not ours");
}

#[tokio::test]
async fn an_index_that_leads_elsewhere_is_not_believed_for_the_copys_sake() {
    let directory = Directory::new();
    let store = directory.open_with_tail(4);
    append(&store, 0, 14).await;
    views(&store).await;
    gathers(&directory, 42).await;
    drop(store);
    // The fourth event of account-0 is at 10, and is said to follow one of account-1.
    directory.forge_link(10, 2);
    let store = directory.open_with_tail(4);
    for _ in 0..2 {
        let read = store.read_stream(&stream("account-0"), Version::EMPTY, 100).await;
        assert!(matches!(read, Err(ReadError::Damaged { .. })), "{read:?}");
    }
    assert_eq!(whole(&*store, "account-2").await.len(), 14);
}

#[tokio::test]
async fn a_copy_that_takes_nothing_more_is_read_all_the_same() {
    let directory = read_once(20).await;
    let no_more = "CREATE TRIGGER no_more BEFORE INSERT ON pieces
        BEGIN SELECT raise(ABORT, 'no more'); END";
    copy(&directory).execute_batch(no_more).unwrap();
    let store = directory.open();
    append(&store, 20, 8).await;
    let before = whole(&*store, "account-1").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    spoil_log(&directory);
    let page = store.read_stream(&stream("account-1"), Version::EMPTY, 20).await.unwrap();
    assert_eq!(page, before[..20]);
    assert_eq!(gathered(&directory), 60);
}

#[tokio::test]
async fn large_events_are_not_gathered() {
    let directory = Directory::new();
    let store = directory.open();
    for version in 0..10 {
        let mut event = event("account-0", version);
        event.data = vec![b' '; 20_000];
        let append = Append::new(stream("account-0"), after(version), vec![event]).unwrap();
        store.append(append).await.unwrap();
        store.append(one("account-1", version)).await.unwrap();
    }
    assert_eq!(whole(&*store, "account-0").await.len(), 10);
    assert_eq!(whole(&*store, "account-1").await.len(), 10);
    gathers(&directory, 10).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_damage_to_the_copy_changes_an_answer(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = read_once(20).await;
            let mut bytes = fs::read(directory.file("streams.db")).unwrap();
            for (place, value) in places {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            fs::write(directory.file("streams.db"), bytes).unwrap();
            assert_answers(&directory, 20).await;
        });
    }
}
