//! Promises of the embedded store about its scrub: what an opening takes on trust is looked at.

use ledger::envelope::Position;
use ledger::store::embedded::{Scrub, ScrubStep};
use ledger::store::{EventStore, ReadError};
use rusqlite::Connection;

use super::kit::{Directory, one, some};

/// Goes on to the end of the pass, a little at a time.
fn finish(mut pass: Scrub) -> Result<Position, ReadError> {
    while pass.step(500)? == ScrubStep::More {}
    Ok(pass.position())
}

fn damaged(pass: Scrub) -> u64 {
    match finish(pass) {
        Err(ReadError::Damaged { position, .. }) => position.0,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_whole_log_is_found_whole_while_it_grows() {
    let directory = Directory::new();
    let store = directory.open();
    assert_eq!(finish(store.scrub()).unwrap(), Position::START);
    store.append(some("account-1", 0, 150)).await.unwrap();
    let mut pass = store.scrub();
    for version in 0..20 {
        store.append(one("account-2", version)).await.unwrap();
        pass.step(500).unwrap();
    }
    assert_eq!(pass.through(), Position(150));
    assert_eq!(finish(pass).unwrap(), Position(150));
    assert_eq!(finish(store.scrub()).unwrap(), Position(170));
}

#[tokio::test]
async fn damage_is_found_wherever_it_is() {
    for (statement, position) in [
        ("UPDATE blocks SET payload = zeroblob(40) WHERE first_position = 3", 3),
        ("UPDATE blocks SET chain = zeroblob(32) WHERE first_position = 1", 1),
        ("UPDATE blocks SET crc32 = crc32 + 1 WHERE first_position = 20", 20),
        ("DELETE FROM blocks WHERE first_position = 9", 9),
        ("DELETE FROM blocks WHERE first_position = 20", 20),
        ("UPDATE blocks SET first_position = -3 WHERE first_position = 5", 1),
    ] {
        let directory = Directory::with_appends(20).await;
        let store = directory.open();
        let connection = Connection::open(directory.log()).unwrap();
        assert_eq!(connection.execute(statement, []).unwrap(), 1);
        assert_eq!(damaged(store.scrub()), position, "{statement}");
    }
}

/// All damage of a pass, which goes on to its end.
fn all_damage(mut pass: Scrub) -> Vec<u64> {
    let mut found = Vec::new();
    loop {
        match pass.step(500) {
            Ok(ScrubStep::More) => {}
            Ok(ScrubStep::Damaged) => break,
            Ok(ScrubStep::Whole) => panic!("{found:?}, and then whole"),
            Err(ReadError::Damaged { position, .. }) => found.push(position.0),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(pass.position(), pass.through());
    found
}

#[tokio::test]
async fn a_pass_goes_on_past_damage_and_finds_all_of_it() {
    for (statements, positions) in [
        (
            "UPDATE blocks SET payload = zeroblob(40) WHERE first_position IN (3, 4, 20);
             DELETE FROM blocks WHERE first_position IN (8, 9);
             UPDATE blocks SET crc32 = crc32 + 1 WHERE first_position = 12",
            vec![3, 4, 8, 12, 20],
        ),
        (
            "UPDATE blocks SET chain = zeroblob(32) WHERE first_position = 5;
             UPDATE blocks SET chain = zeroblob(32) WHERE first_position = 15",
            vec![5, 15],
        ),
        (
            "UPDATE blocks SET first_position = -3 WHERE first_position = 5;
             DELETE FROM blocks WHERE first_position > 17",
            vec![1, 5, 18],
        ),
    ] {
        let directory = Directory::with_appends(20).await;
        let store = directory.open();
        Connection::open(directory.log()).unwrap().execute_batch(statements).unwrap();
        assert_eq!(all_damage(store.scrub()), positions, "{statements}");
    }
}

#[tokio::test]
async fn a_pass_goes_on_past_pages_that_cannot_be_read() {
    let directory = Directory::new();
    let store = directory.open_with_tail(64);
    for version in 0..400 {
        store.append(some("account-1", version * 64, 64)).await.unwrap();
    }
    drop(store);
    // In the middle of the file a few pages of the table.
    let mut file = std::fs::read(directory.log()).unwrap();
    let middle = file.len() / 2 / 4096 * 4096;
    file[middle..middle + 3 * 4096].fill(0xff);
    std::fs::write(directory.log(), &file).unwrap();
    let store = directory.open_with_tail(64);
    let found = all_damage(store.scrub());
    assert!((1..=4).contains(&found.len()), "{found:?}");
    let last = found.last().unwrap();
    assert!(*last < 400 * 64, "{found:?}");
}

#[tokio::test]
async fn an_index_that_does_not_fit_is_found() {
    let directory = Directory::new();
    let store = directory.open_with_tail(4);
    for version in 0..20 {
        store.append(one("account-1", version)).await.unwrap();
        store.append(one("account-2", version)).await.unwrap();
    }
    drop(store);
    // Its event is the fifth of its stream, and is said to follow the third.
    directory.forge_link(10, 4);
    let store = directory.open_with_tail(4);
    let fault = finish(store.scrub()).unwrap_err();
    assert!(fault.to_string().contains("remove events.index"), "{fault}");
    assert_eq!(all_damage(store.scrub()), [1]);
}
