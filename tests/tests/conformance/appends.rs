//! Promises about appending: what is written, what is refused, and that there is nothing between.

use std::sync::Arc;

use ledger::envelope::{NewEvent, Position, Version};
use ledger::store::{
    APPEND_EVENTS_MAX, Append, AppendShapeError, EVENT_BYTES_MAX, EventStore, Expected,
};

use super::kit::{self, after, all, appended, conflict, event, one, places, some, stream, whole};

async fn a_new_stream_takes_its_first_events(store: Arc<dyn EventStore>) {
    let answer = store.append(some("account-1", 0, 3)).await.unwrap();
    assert_eq!(answer, appended(3, 3));
    let events = all(&*store).await;
    assert_eq!(places(&events), [(1, "account-1", 1), (2, "account-1", 2), (3, "account-1", 3)]);
}

async fn what_comes_back_is_what_went_in_byte_for_byte(store: Arc<dyn EventStore>) {
    let bytes: Vec<u8> = (0..=255).collect();
    let odd = [
        NewEvent { data: bytes.clone(), ..event("account-1", 1) },
        NewEvent { data: Vec::new(), metadata: Vec::new(), ..event("account-1", 2) },
        NewEvent { kind: "ä–z".to_owned(), metadata: bytes, ..event("account-1", 3) },
        NewEvent { data: vec![0; EVENT_BYTES_MAX], metadata: vec![], ..event("account-1", 4) },
    ];
    let append = Append::new(stream("account-1"), Expected::NoStream, odd.to_vec()).unwrap();
    store.append(append).await.unwrap();
    for events in [all(&*store).await, whole(&*store, "account-1").await] {
        let bare = |it: ledger::envelope::RecordedEvent| NewEvent {
            id: it.id,
            kind: it.kind,
            data: it.data,
            metadata: it.metadata,
        };
        assert!(events.into_iter().map(bare).eq(odd.iter().cloned()));
    }
}

async fn a_stream_that_exists_is_not_new(store: Arc<dyn EventStore>) {
    store.append(some("account-1", 0, 2)).await.unwrap();
    assert_eq!(conflict(store.append(one("account-1", 0)).await), Version(2));
    assert_eq!(all(&*store).await.len(), 2, "nothing was written");
}

async fn a_stream_that_does_not_exist_has_no_version(store: Arc<dyn EventStore>) {
    assert_eq!(conflict(store.append(one("account-1", 1)).await), Version::EMPTY);
    assert!(all(&*store).await.is_empty(), "nothing was written");
    assert_eq!(store.append(one("account-1", 0)).await.unwrap(), appended(1, 1));
}

async fn a_version_too_low_or_too_high_is_a_conflict(store: Arc<dyn EventStore>) {
    store.append(some("account-1", 0, 3)).await.unwrap();
    for wrong in [1, 2, 4, u64::MAX] {
        let event = event("account-1", 9);
        let append = Append::new(stream("account-1"), after(wrong), vec![event]).unwrap();
        assert_eq!(conflict(store.append(append).await), Version(3), "{wrong}");
    }
    assert_eq!(store.head().await.unwrap(), Position(3), "nothing was written");
    assert_eq!(store.append(one("account-1", 3)).await.unwrap(), appended(4, 4));
}

async fn an_append_that_conflicts_writes_none_of_its_events(store: Arc<dyn EventStore>) {
    store.append(one("account-1", 0)).await.unwrap();
    conflict(store.append(some("account-1", 2, 200)).await);
    assert_eq!(places(&all(&*store).await), [(1, "account-1", 1)]);
}

async fn the_largest_append_is_taken_whole(store: Arc<dyn EventStore>) {
    store.append(some("account-1", 0, 1024)).await.unwrap();
    let versions: Vec<_> = whole(&*store, "account-1").await;
    assert_eq!(versions.len(), APPEND_EVENTS_MAX);
    assert!(versions.iter().map(|event| event.version.0).eq(1..=1024));
    assert!(all(&*store).await.iter().map(|event| event.position.0).eq(1..=1024));
}

async fn streams_share_one_numbering_without_gaps(store: Arc<dyn EventStore>) {
    for (name, version) in [
        ("account-a", 0),
        ("account-b", 0),
        ("account-a", 1),
        ("account-c", 0),
        ("account-b", 1),
        ("account-a", 2),
    ] {
        store.append(one(name, version)).await.unwrap();
        conflict(store.append(one(name, 7)).await);
    }
    let expected = [
        (1, "account-a", 1),
        (2, "account-b", 1),
        (3, "account-a", 2),
        (4, "account-c", 1),
        (5, "account-b", 2),
        (6, "account-a", 3),
    ];
    assert_eq!(places(&all(&*store).await), expected);
}

async fn many_appends_are_answered_in_their_order(store: Arc<dyn EventStore>) {
    let many = vec![some("account-a", 0, 2), one("account-b", 0), one("account-c", 0)];
    let answers = store.append_many(many).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [appended(2, 2), appended(3, 1), appended(4, 1)]);
}

async fn a_later_append_builds_on_an_earlier_one_to_its_stream(store: Arc<dyn EventStore>) {
    let many = vec![
        one("account-a", 0),
        one("account-b", 0),
        some("account-a", 1, 2),
        one("account-a", 3),
    ];
    let answers = store.append_many(many).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [appended(1, 1), appended(2, 1), appended(4, 3), appended(5, 4)]);
    assert!(whole(&*store, "account-a").await.iter().map(|event| event.version.0).eq(1..=4));
}

async fn what_builds_on_a_failed_append_conflicts_and_the_rest_goes_on(store: Arc<dyn EventStore>) {
    let many =
        vec![one("account-a", 5), one("account-a", 6), one("account-b", 0), one("account-a", 0)];
    let mut answers = store.append_many(many).await.into_iter();
    assert_eq!(conflict(answers.next().unwrap()), Version::EMPTY);
    assert_eq!(conflict(answers.next().unwrap()), Version::EMPTY);
    assert_eq!(answers.next().unwrap().unwrap(), appended(1, 1));
    assert_eq!(answers.next().unwrap().unwrap(), appended(2, 1));
    assert_eq!(places(&all(&*store).await), [(1, "account-b", 1), (2, "account-a", 1)]);
}

async fn appends_apart_keep_the_order_of_each_stream(store: Arc<dyn EventStore>) {
    let many = vec![
        one("account-a", 0),
        one("account-b", 5),
        some("account-a", 1, 2),
        one("account-c", 0),
        one("account-b", 6),
        one("account-a", 3),
    ];
    let answers = store.append_apart(many).await;
    let versions = answers.into_iter().map(|answer| answer.map(|it| it.version.0).ok());
    assert!(versions.eq([Some(1), None, Some(3), Some(1), None, Some(4)]));
    let versions = |events: Vec<ledger::envelope::RecordedEvent>| -> Vec<u64> {
        events.into_iter().map(|event| event.version.0).collect()
    };
    assert_eq!(versions(whole(&*store, "account-a").await), [1, 2, 3, 4]);
    assert!(whole(&*store, "account-b").await.is_empty());
    let positions: Vec<_> = all(&*store).await.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
    assert!(store.append_apart(Vec::new()).await.is_empty());
}

async fn many_appends_may_be_none(store: Arc<dyn EventStore>) {
    assert!(store.append_many(Vec::new()).await.is_empty());
    assert_eq!(store.head().await.unwrap(), Position::START);
}

async fn an_append_goes_on_when_nobody_waits_for_it(store: Arc<dyn EventStore>) {
    drop(store.append(one("account-1", 0)));
    assert_eq!(store.wait_past(Position::START).await.unwrap(), Position(1));
    assert_eq!(places(&all(&*store).await), [(1, "account-1", 1)]);
}

kit::on_every_store!(
    a_new_stream_takes_its_first_events,
    what_comes_back_is_what_went_in_byte_for_byte,
    a_stream_that_exists_is_not_new,
    a_stream_that_does_not_exist_has_no_version,
    a_version_too_low_or_too_high_is_a_conflict,
    an_append_that_conflicts_writes_none_of_its_events,
    the_largest_append_is_taken_whole,
    streams_share_one_numbering_without_gaps,
    many_appends_are_answered_in_their_order,
    a_later_append_builds_on_an_earlier_one_to_its_stream,
    what_builds_on_a_failed_append_conflicts_and_the_rest_goes_on,
    appends_apart_keep_the_order_of_each_stream,
    many_appends_may_be_none,
    an_append_goes_on_when_nobody_waits_for_it,
);

#[test]
fn what_no_store_could_take_cannot_be_built() {
    let build = |events| Append::new(stream("account-a"), Expected::NoStream, events).unwrap_err();
    assert_eq!(build(Vec::new()), AppendShapeError::Empty);
    let events = vec![event("account-a", 1); APPEND_EVENTS_MAX + 1];
    assert_eq!(build(events), AppendShapeError::TooManyEvents { events: 1025 });
    let unnamed = NewEvent { kind: String::new(), ..event("account-a", 1) };
    let refusal = AppendShapeError::Kind { index: 1, bytes: 0 };
    assert_eq!(build(vec![event("account-a", 1), unnamed]), refusal);
    let metadata = vec![0];
    let large = NewEvent { data: vec![0; EVENT_BYTES_MAX], metadata, ..event("account-a", 1) };
    let bytes = EVENT_BYTES_MAX + 1;
    assert_eq!(build(vec![large]), AppendShapeError::TooLarge { index: 0, bytes });
}
