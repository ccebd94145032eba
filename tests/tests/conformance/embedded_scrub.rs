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
}
