//! Readers that stop, on a clock that stands.

use std::sync::Arc;

use ledger::clock::Clock;
use ledger::domain::rulebook::Rulebook;
use ledger::envelope::NewEvent;
use ledger::ids::{EventId, RequestId};
use ledger::store::memory::Memory;
use ledger::store::{Append, EventStore, Expected};
use tokio::sync::Semaphore;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::outlet::{Messages, SILENCE_MAX, outlet};

/// How many events there are; two do not fit into one message.
const EVENTS: usize = 20;

/// A log of more messages than may wait for a reader.
struct Desk {
    engine: Engine,
    reads: Arc<Semaphore>,
    stays: Arc<Semaphore>,
}

impl Desk {
    async fn new() -> Self {
        let store: Arc<dyn EventStore> = Arc::new(Memory::new());
        let clock = Arc::new(Clock::set_to("2026-03-02T09:00:00-05:00".parse().unwrap()));
        let engine = Engine::start(Arc::clone(&store), clock, Rulebook::built_in()).await.unwrap();
        let event = |index| NewEvent {
            id: EventId::derived("a test", RequestId::derived("a test", "one"), index),
            kind: "Said".to_owned(),
            data: vec![b' '; MESSAGE_EVENT_BYTES_MAX / 2],
            metadata: b"{}".to_vec(),
        };
        let name = StreamName::new("account-a").unwrap();
        let events = (0..EVENTS).map(event).collect();
        let append = Append::new(name, Expected::after(Version::EMPTY), events).unwrap();
        store.append(append).await.unwrap();
        let [reads, stays] = [1, 1].map(|places| Arc::new(Semaphore::new(places)));
        Self { engine, reads, stays }
    }

    /// Takes a place, which there has to be, and reads from `after` on.
    fn read(&self, after: Position, stays: bool) -> Messages<Message> {
        let (out, last_word, messages) = outlet(MESSAGES_WAITING_MAX);
        let place = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().unwrap();
        let stays = stays.then(|| place(&self.stays));
        let places = Places { reads: place(&self.reads), stays };
        let wanted = Wanted::read(None).unwrap();
        let (engine, shutdown) = (self.engine.clone(), Shutdown::default());
        let reading = Reading { engine, wanted, after, until: None, out, shutdown };
        tokio::spawn(reading.run(last_word, places));
        messages
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_for_a_minute_is_given_up_and_told_where() {
    let desk = Desk::new().await;
    for stays in [false, true] {
        let mut messages = desk.read(Position::START, stays);
        assert!(messages.next().await.unwrap().is_ok());
        tokio::time::sleep(SILENCE_MAX / 2).await;
        assert_eq!(desk.reads.available_permits(), 0);
        tokio::time::sleep(SILENCE_MAX).await;
        assert_eq!((desk.reads.available_permits(), desk.stays.available_permits()), (1, 1));
        let mut rest: Vec<_> = messages.collect().await;
        let told = rest.pop().unwrap().unwrap_err();
        let last = rest.pop().unwrap().unwrap();
        let details = told.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((told.code(), info.reason.as_str()), (Code::Aborted, "READER_STALLED"));
        assert_eq!(info.metadata["position"], last.checkpoint.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_leaves_its_place_to_others_once_all_was_taken() {
    let desk = Desk::new().await;
    let head = desk.engine.store().head().await.unwrap();
    let mut messages = desk.read(head, true);
    tokio::time::sleep(SILENCE_MAX / 2).await;
    assert_eq!(desk.reads.available_permits(), 0, "it has not been taken that there is no more");
    assert!(messages.next().await.unwrap().unwrap().caught_up);
    tokio::time::sleep(SILENCE_MAX.saturating_mul(10)).await;
    assert_eq!((desk.reads.available_permits(), desk.stays.available_permits()), (1, 0));
    drop(messages);
    tokio::time::sleep(SILENCE_MAX).await;
    assert_eq!(desk.stays.available_permits(), 1);
}
