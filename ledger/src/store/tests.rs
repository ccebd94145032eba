//! What every store of this crate promises about appends that build on each other.

use super::embedded::{Embedded, Options};
use super::memory::Memory;
use super::*;
use crate::envelope::NewEvent;
use crate::ids::{EventId, RequestId};

fn one(stream: &str, after: u64, name: &str) -> Append {
    let id = EventId::derived(stream, RequestId::derived("a test", name), 0);
    let (data, metadata) = (b"{}".to_vec(), b"{}".to_vec());
    let event = NewEvent { id, kind: "Tested".to_owned(), data, metadata };
    let stream = StreamName::new(stream).unwrap();
    Append::new(stream, Expected::after(Version(after)), vec![event]).unwrap()
}

async fn check(store: &dyn EventStore) {
    store.append(one("a", 0, "another writer")).await.unwrap();
    // The first was decided on an empty stream, the second and third on what it would have left.
    let many = vec![
        one("a", 0, "first"),
        one("a", 1, "second"),
        one("b", 0, "elsewhere"),
        one("a", 2, "third"),
    ];
    let outcomes = store.append_many(many).await;
    let written: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(written, [false, false, true, false], "{outcomes:?}");
    let conflict = |outcome: &_| matches!(outcome, Err(AppendError::Conflict { .. }));
    assert_eq!(outcomes.iter().filter(|outcome| conflict(outcome)).count(), 3, "{outcomes:?}");
    // The next request may expect it.
    store.append(one("a", 1, "second")).await.unwrap();
}

#[tokio::test]
async fn what_builds_on_a_failed_append_conflicts_though_another_writer_left_as_many_events() {
    check(&Memory::new()).await;
    let folder = tempfile::tempdir().unwrap();
    check(&Embedded::open(folder.path(), Options::default()).unwrap()).await;
}
