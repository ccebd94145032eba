//! The first read models of a log that has events: filled in bulk while it takes more in.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ledger::envelope::{Position, StreamName};
use ledger::store::ReadError;
use tokio::sync::watch;

use super::guarded::Guarded;
use super::kit::{Bank, Dice, id};
use super::open::opened;
use crate::error::QueryError;
use crate::verify::Live;
use crate::{Options, Projections, generation};

#[tokio::test]
async fn questions_wait_until_the_first_read_models_hold_what_the_log_held() {
    let mut bank = Bank::lives(46, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let (open, gate) = watch::channel(false);
    let store = Guarded::new(bank.port(), move |_| {
        let mut gate = gate.clone();
        Box::pin(async move {
            gate.wait_for(|open| *open).await.unwrap();
            Ok(usize::MAX)
        })
    });
    // The log is not read yet, and more may come.
    let projections = Projections::open(folder.path(), store, Options::default()).await.unwrap();
    let head = bank.head().await;
    bank.live_on(&mut Dice::new(47), 20).await;
    let read = generation::folder(folder.path());
    assert_eq!(generation::current(&read).unwrap(), None);
    assert_eq!(projections.status().await.unwrap().position, Position::START);
    let mut asked = pin!(projections.read(None, |reader| reader.account(&id("a-0"))));
    let waits = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(waits, Poll::Pending));
    open.send_replace(true);
    let found = asked.await.unwrap();
    assert!(found.value.is_some());
    assert!(found.read_position >= head);
    assert_eq!(generation::current(&read).unwrap(), Some(1));
    projections.wait_for(bank.head().await).await.unwrap();
    let report = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
    assert_eq!((report.difference(), report.position), (None, bank.head().await));
}

#[tokio::test]
async fn first_read_models_that_fail_are_never_seen_and_are_begun_again() {
    let bank = Bank::lives(48, 3, 20).await;
    let folder = tempfile::tempdir().unwrap();
    let read = generation::folder(folder.path());
    let damage = |position| ReadError::Damaged { position, cause: "a bit".to_owned() };
    let store = Guarded::up_to(Position(7), bank.port(), damage);
    let projections = Projections::open(folder.path(), store, Options::default()).await.unwrap();
    for _ in 0..2 {
        let error = projections.read(None, |reader| reader.account(&id("a-0"))).await.unwrap_err();
        assert!(matches!(error, QueryError::Stopped { position: Position(7), .. }), "{error}");
    }
    projections.shutdown().await.unwrap();
    assert_eq!(generation::current(&read).unwrap(), None);
    let projections = opened(&bank, &folder).await;
    let number = projections.status().await.unwrap().generation;
    assert_eq!(generation::current(&read).unwrap(), Some(number));
    let report = Live::open(folder.path()).unwrap().verify(bank.port()).await.unwrap();
    assert_eq!((report.difference(), report.position), (None, bank.head().await));
}

#[tokio::test]
async fn what_is_before_a_first_event_that_cannot_be_folded_is_answered() {
    let mut bank = Bank::lives(49, 3, 20).await;
    let good = bank.head().await;
    let stream = StreamName::new("account-a-0").unwrap();
    bank.append(&stream, vec![("PaymentTeleported".to_owned(), b"{}".to_vec())]).await;
    let folder = tempfile::tempdir().unwrap();
    let open = Projections::open(folder.path(), bank.port(), Options::default());
    let projections = open.await.unwrap();
    let found = projections.read(None, |reader| reader.account(&id("a-0"))).await.unwrap();
    assert!(found.value.is_some());
    assert_eq!(found.read_position, good);
    let current = generation::current(&generation::folder(folder.path()));
    assert_eq!(current.unwrap(), Some(1));
}
