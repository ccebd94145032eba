//! Promises of the embedded store to those who remember it: a log that lost its end, or was
//! exchanged, is noticed.

use ledger::envelope::Position;
use ledger::store::EventStore;
use ledger::store::embedded::{Embedded, Options, Witness, WitnessError};
use rusqlite::Connection;
use uuid::Uuid;

use super::kit::{Directory, one, some};

#[tokio::test]
async fn a_position_inside_a_block_is_witnessed_by_the_block_before() {
    let directory = Directory::new();
    let store = directory.open();
    for version in [0, 10, 20] {
        store.append(some("a", version, 10)).await.unwrap();
    }
    for (at, end) in [(0, 0), (1, 0), (9, 0), (10, 10), (19, 10), (20, 20), (30, 30), (99, 30)] {
        let witness = store.witness(Position(at)).unwrap();
        assert_eq!(witness.position, Position(end), "at {at}");
        store.confirm(&witness).unwrap();
    }
    assert_eq!(store.witness(Position(30)).unwrap(), store.head_witness());
}

#[tokio::test]
async fn what_was_known_holds_as_the_log_grows_and_over_reopening() {
    let directory = Directory::with_appends(5).await;
    let store = directory.open();
    let known = store.head_witness();
    store.append(one("account-1", 5)).await.unwrap();
    store.confirm(&known).unwrap();
    drop(store);
    directory.open().confirm(&known).unwrap();
    Embedded::open_read_only(directory.path()).unwrap().confirm(&known).unwrap();
}

#[tokio::test]
async fn a_witness_can_be_written_down() {
    let directory = Directory::with_appends(5).await;
    let known = directory.open().head_witness();
    let text = serde_json::to_string(&known).unwrap();
    assert!(text.contains(&known.chain.to_string()), "{text}");
    assert_eq!(serde_json::from_str::<Witness>(&text).unwrap(), known);
    assert!("xyz".parse::<ledger::store::embedded::ChainHash>().is_err());
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_noticed() {
    let directory = Directory::with_appends(5).await;
    let known = directory.open().head_witness();
    let connection = Connection::open(directory.log()).unwrap();
    connection.execute("DELETE FROM blocks WHERE first_position = 5", []).unwrap();
    drop(connection);
    // Where the directory itself does not know better.
    std::fs::remove_file(directory.file("HEAD")).unwrap();
    match directory.open().confirm(&known) {
        Err(WitnessError::Ahead { witness, head }) => {
            assert_eq!((witness, head), (Position(5), Position(4)));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_log_that_went_another_way_is_noticed() {
    let directory = Directory::with_appends(5).await;
    let known = directory.open().head_witness();
    let other = Directory::new();
    let store = other.open();
    store.append(some("account-1", 0, 9)).await.unwrap();
    match store.confirm(&known) {
        Err(WitnessError::Different { position }) => assert_eq!(position, Position(5)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn another_log_is_noticed_even_while_it_is_empty() {
    let known = Directory::new().open().head_witness();
    let other = Directory::new();
    let options = Options { log_id: Some(Uuid::from_u128(9)), ..Options::default() };
    let store = Embedded::open(other.path(), options).unwrap();
    let refusal = store.confirm(&known).unwrap_err();
    assert!(matches!(refusal, WitnessError::OtherLog { .. }), "{refusal:?}");
}
