//! Whose questions wait for whose, and what is broken off.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::kit::Bank;
use super::open::followed;
use crate::readers::CALLERS_MAX;
use crate::{Options, Projections, Reader};

/// Longer than anything here takes that ends.
const FOR_EVER: Duration = Duration::from_secs(300);

/// A question that never ends, and says when it has begun.
fn endless(projections: &Projections, tell: &mpsc::UnboundedSender<()>) -> JoinHandle<()> {
    let (projections, tell) = (projections.clone(), tell.clone());
    tokio::spawn(async move {
        let ask = move |reader: &Reader<'_>| {
            tell.send(()).unwrap();
            let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";
            reader.database.query_row(sql, [], |_| Ok(()))
        };
        projections.read(None, ask).await.unwrap();
    })
}

/// As many of them as are answered at once.
async fn as_many_as_there_may_be(projections: &Projections) -> Vec<JoinHandle<()>> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let endless: Vec<_> = (0..CALLERS_MAX).map(|_| endless(projections, &tell)).collect();
    for _ in 0..CALLERS_MAX {
        told.recv().await.unwrap();
    }
    endless
}

#[tokio::test]
async fn what_the_service_asks_waits_for_no_caller() {
    let bank = Bank::lives(45, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let asked = as_many_as_there_may_be(&projections).await;
    let next = tokio::spawn({
        let projections = projections.clone();
        async move { projections.read(None, |reader| Ok(reader.position())).await }
    });
    let service = projections.clone().for_the_service();
    let answer = timeout(FOR_EVER, service.read(None, |reader| Ok(reader.position())));
    assert_eq!(answer.await.unwrap().unwrap().value, bank.head().await);
    assert!(!next.is_finished());
    asked.iter().for_each(JoinHandle::abort);
    timeout(FOR_EVER, next).await.unwrap().unwrap().unwrap();
    // Both come to their end with the read models.
    projections.shutdown().await.unwrap();
    service.read(None, |_| Ok(())).await.unwrap_err();
}

#[tokio::test]
async fn a_question_whose_asker_has_left_is_broken_off_and_no_other_after_it() {
    let bank = Bank::lives(45, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let projections = followed(&bank, &folder).await;
    let head = bank.head().await;
    for _ in 0..3 {
        for asked in as_many_as_there_may_be(&projections).await {
            asked.abort();
            assert!(asked.await.unwrap_err().is_cancelled());
        }
        for _ in 0..CALLERS_MAX {
            let counts = projections.read(None, |reader| {
                let sql = "WITH RECURSIVE n (i) AS \
                           (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) \
                           SELECT count(*) FROM n";
                reader.database.query_row(sql, [], |row| row.get::<_, u32>(0))
            });
            let answer = timeout(FOR_EVER, counts).await.unwrap().unwrap();
            assert_eq!((answer.value, answer.read_position), (100_000, head));
        }
    }
}

#[tokio::test]
async fn a_question_whose_asker_has_left_still_counts_as_one_until_it_is_answered() {
    let bank = Bank::lives(45, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    let (tell, mut started) = mpsc::unbounded_channel();
    let mut releases = Vec::new();
    for _ in 0..CALLERS_MAX {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        releases.push(release);
        let (projections, tell) = (projections.clone(), tell.clone());
        let asker = tokio::spawn(async move {
            let ask = projections.read(None, move |_| {
                tell.send(()).unwrap();
                // Ends when the other end is dropped.
                Ok(wait.recv().is_err())
            });
            ask.await
        });
        started.recv().await.unwrap();
        asker.abort();
        assert!(asker.await.unwrap_err().is_cancelled());
    }
    let next = tokio::spawn({
        let projections = projections.clone();
        async move { projections.read(None, |reader| Ok(reader.position())).await }
    });
    for _ in 0..50 {
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert!(!next.is_finished());
    }
    drop(releases);
    next.await.unwrap().unwrap();
}
