//! Promises about reading: order, pages, and what is not there.

use std::sync::Arc;

use ledger::envelope::{Position, Version};
use ledger::store::EventStore;

use super::kit::{self, all, one, places, some, stream, whole};

async fn an_empty_store_holds_nothing(store: Arc<dyn EventStore>) {
    assert_eq!(store.head().await.unwrap(), Position::START);
    assert!(store.read_all(Position::START, 10).await.unwrap().is_empty());
    assert!(store.read_all(Position(5), 10).await.unwrap().is_empty());
}

async fn an_unknown_stream_has_no_events(store: Arc<dyn EventStore>) {
    store.append(one("account-1", 0)).await.unwrap();
    assert!(whole(&*store, "account-2").await.is_empty());
    assert!(whole(&*store, "account-").await.is_empty());
}

async fn a_stream_is_read_in_pages(store: Arc<dyn EventStore>) {
    for round in 0..30 {
        store.append(some("account-1", round * 5, 5)).await.unwrap();
        store.append(one("account-2", round)).await.unwrap();
    }
    let name = stream("account-1");
    let mut versions = Vec::new();
    loop {
        let after = versions.last().copied().unwrap_or(Version::EMPTY);
        let page = store.read_stream(&name, after, 8).await.unwrap();
        assert!(page.len() <= 8);
        if page.is_empty() {
            break;
        }
        assert!(page.iter().all(|event| event.stream == name));
        versions.extend(page.iter().map(|event| event.version));
    }
    assert!(versions.iter().map(|version| version.0).eq(1..=150));
}

async fn a_stream_is_read_from_any_version(store: Arc<dyn EventStore>) {
    store.append(some("account-1", 0, 130)).await.unwrap();
    store.append(some("account-1", 130, 3)).await.unwrap();
    let name = stream("account-1");
    for after in [0, 1, 63, 64, 65, 129, 130, 132, 133, 134, u64::MAX] {
        let events = store.read_stream(&name, Version(after), usize::MAX).await.unwrap();
        let versions = events.iter().map(|event| event.version.0);
        assert!(versions.eq(after.saturating_add(1)..=133), "after {after}");
    }
}

async fn the_log_is_read_from_any_position(store: Arc<dyn EventStore>) {
    for name in ["account-a", "account-b", "account-c"] {
        store.append(some(name, 0, 50)).await.unwrap();
    }
    for after in [0, 1, 49, 50, 63, 64, 65, 100, 149, 150, 151, u64::MAX] {
        for limit in [1, 2, 64, 1000] {
            let events = store.read_all(Position(after), limit).await.unwrap();
            let count = u64::try_from(limit).unwrap();
            let last = after.saturating_add(count).min(150);
            let positions = events.iter().map(|event| event.position.0);
            assert!(positions.eq(after.saturating_add(1)..=last), "after {after}, limit {limit}");
        }
    }
}

async fn a_page_of_nothing_is_empty(store: Arc<dyn EventStore>) {
    store.append(one("account-1", 0)).await.unwrap();
    assert!(store.read_all(Position::START, 0).await.unwrap().is_empty());
    let name = stream("account-1");
    assert!(store.read_stream(&name, Version::EMPTY, 0).await.unwrap().is_empty());
}

async fn an_acknowledged_append_is_read_at_once(store: Arc<dyn EventStore>) {
    for version in 0..20 {
        let answer = store.append(one("account-1", version)).await.unwrap();
        assert_eq!(store.head().await.unwrap(), answer.position);
        assert_eq!(whole(&*store, "account-1").await.last().unwrap().version, answer.version);
        assert_eq!(all(&*store).await.last().unwrap().position, answer.position);
    }
}

async fn a_stream_and_the_log_tell_the_same(store: Arc<dyn EventStore>) {
    for round in 0..10 {
        store.append(some("account-a", round * 9, 9)).await.unwrap();
        store.append(some("account-b", round * 2, 2)).await.unwrap();
    }
    let log = all(&*store).await;
    for name in ["account-a", "account-b"] {
        let here: Vec<_> = log.iter().filter(|it| it.stream.as_str() == name).cloned().collect();
        assert_eq!(places(&whole(&*store, name).await), places(&here));
        assert_eq!(whole(&*store, name).await, here);
    }
}

async fn streams_read_at_one_go_are_as_each_read_by_itself(store: Arc<dyn EventStore>) {
    for round in 0..30 {
        for (name, events) in [("account-a", 3), ("account-b", 1), ("account-c", 7)] {
            store.append(some(name, round * events, events)).await.unwrap();
        }
    }
    // In any order, one of them twice, one unknown.
    let names = ["account-c", "account-a", "account-nobody", "account-b", "account-a"].map(stream);
    for limit in [0, 1, 5, 64, 1000] {
        let pages = store.read_streams(&names, limit).await.unwrap();
        assert_eq!(pages.len(), names.len());
        for (name, page) in names.iter().zip(pages) {
            assert_eq!(page, store.read_stream(name, Version::EMPTY, limit).await.unwrap());
        }
    }
    assert!(store.read_streams(&[], 5).await.unwrap().is_empty());
}

kit::on_every_store!(
    an_empty_store_holds_nothing,
    an_unknown_stream_has_no_events,
    a_stream_is_read_in_pages,
    a_stream_is_read_from_any_version,
    the_log_is_read_from_any_position,
    a_page_of_nothing_is_empty,
    an_acknowledged_append_is_read_at_once,
    a_stream_and_the_log_tell_the_same,
    streams_read_at_one_go_are_as_each_read_by_itself,
);
