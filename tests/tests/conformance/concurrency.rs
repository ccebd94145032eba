//! Promises to many callers at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::store::{AppendError, EventStore};
use tokio::task::JoinSet;

use super::kit::{self, all, one, some, whole};

async fn many_tasks_on_many_streams_lose_nothing(store: Arc<dyn EventStore>) {
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let name = format!("account-{number}");
            let mut answers = Vec::new();
            for round in 0..15 {
                let answer = store.append(some(&name, round * 3, 3)).await.unwrap();
                assert_eq!(answer.version.0, (round + 1) * 3);
                answers.push(answer.position);
            }
            (name, answers)
        });
    }
    let acknowledged = tasks.join_all().await;
    let log = all(&*store).await;
    assert!(log.iter().map(|event| event.position.0).eq(1..=32 * 15 * 3));
    let mut versions = BTreeMap::new();
    for event in &log {
        let version: &mut u64 = versions.entry(&event.stream).or_default();
        *version += 1;
        assert_eq!(event.version.0, *version);
    }
    for (name, answers) in acknowledged {
        let here = whole(&*store, &name).await;
        let last_of_each = here.iter().skip(2).step_by(3).map(|event| event.position);
        assert!(last_of_each.eq(answers), "{name} is where it was said to be");
    }
}

async fn of_those_who_race_for_a_version_one_wins(store: Arc<dyn EventStore>) {
    for version in 0..12 {
        let mut racers = JoinSet::new();
        for _ in 0..16 {
            let store = Arc::clone(&store);
            racers.spawn(async move { store.append(one("account-1", version)).await });
        }
        let mut won = 0;
        for outcome in racers.join_all().await {
            match outcome {
                Ok(answer) => {
                    assert_eq!(answer.version.0, version + 1);
                    won += 1;
                }
                Err(AppendError::Conflict { actual, .. }) => assert_eq!(actual.0, version + 1),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(won, 1);
    }
    assert!(whole(&*store, "account-1").await.iter().map(|event| event.version.0).eq(1..=12));
}

async fn who_reads_meanwhile_sees_no_gap(store: Arc<dyn EventStore>) {
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for version in 0..100 {
                store
                    .append_many(vec![one("account-a", version), some("account-b", version * 2, 2)])
                    .await;
            }
        })
    };
    while !writer.is_finished() {
        let head = store.head().await.unwrap();
        let log = all(&*store).await;
        assert!(log.iter().map(|event| event.position.0).eq(1..=log.len() as u64));
        assert!(log.len() as u64 >= head.0, "what was the head is there");
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert_eq!(all(&*store).await.len(), 300);
}

kit::on_every_store!(
    many_tasks_on_many_streams_lose_nothing,
    of_those_who_race_for_a_version_one_wins,
    who_reads_meanwhile_sees_no_gap,
);
