//! What was written, and cannot be read back: nobody is told that nothing was.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::{
    AccountPages, BooksMode, BooksRequest, Engine, EngineError, RecoveryRequest, Settings,
};
use super::{account_id, instant, lost, receive, request};
use crate::clock::Clock;
use crate::domain::account::commands::Command;
use crate::domain::account::scenarios::loan;
use crate::domain::books::Command as BooksCommand;
use crate::domain::recovery::Command as RecoveryCommand;
use crate::domain::rulebook::Rulebook;
use crate::envelope::{Position, RecordedEvent, StreamName, Version};
use crate::ids::{AccountId, Actor, RequestId};
use crate::store::memory::Memory;
use crate::store::{Append, AppendError, Appended, BoxError, BoxFuture, EventStore, ReadError};

const ANY: u32 = u32::MAX;

/// A store of which only so many reads of streams have an answer from some moment on.
#[derive(Debug)]
struct Flaky {
    log: Memory,
    /// How many reads are answered behind the next append. Without a bound, all are.
    answered_behind: AtomicU32,
    answered: AtomicU32,
    /// How many answers to appends are lost.
    lost: AtomicU32,
}

impl Flaky {
    /// Behind the next append only so many reads are answered.
    fn fail_behind(&self, answered: u32) {
        self.answered_behind.store(answered, Ordering::SeqCst);
    }

    fn heal(&self) {
        self.answered_behind.store(ANY, Ordering::SeqCst);
        self.answered.store(ANY, Ordering::SeqCst);
    }

    /// Is one more answered?
    fn answers(left: &AtomicU32) -> bool {
        let less = |left: u32| if left == ANY { Some(ANY) } else { left.checked_sub(1) };
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }
}

impl EventStore for Flaky {
    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        Box::pin(async move {
            let mut appended = self.log.append_many(appends).await;
            let answered = self.answered_behind.load(Ordering::SeqCst);
            self.answered.store(answered, Ordering::SeqCst);
            if Self::answers(&self.lost) {
                for appended in &mut appended {
                    *appended = Err(AppendError::Indeterminate("the answer is lost".into()));
                }
            }
            appended
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>> {
        if !Self::answers(&self.answered) {
            return Box::pin(async { Err(ReadError::Unavailable("nobody leads".into())) });
        }
        self.log.read_stream(stream, after, limit)
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        if !Self::answers(&self.answered) {
            return Box::pin(async { Err(ReadError::Unavailable("nobody leads".into())) });
        }
        self.log.read_all(after, limit)
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.log.head()
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.log.wait_past(after)
    }
}

#[derive(Debug)]
struct Nobody;

impl AccountPages for Nobody {
    fn page<'a>(
        &'a self,
        _: Option<&'a AccountId>,
        _: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// An engine on such a store, with the books kept by hand, on 2 March 2026.
async fn flaky() -> (Arc<Flaky>, Engine) {
    let (answered_behind, answered) = (AtomicU32::new(ANY), AtomicU32::new(ANY));
    let (log, lost) = (Memory::new(), AtomicU32::new(0));
    let store = Arc::new(Flaky { log, answered_behind, answered, lost });
    let clock = Arc::new(Clock::set_to(instant("2026-03-01T09:00:00-05:00")));
    let settings = Settings { books: BooksMode::Manual, ..Settings::default() };
    let engine = Engine::start_with(store.clone(), clock, Rulebook::built_in(), settings).await;
    let engine = engine.unwrap();
    engine.clock().set(instant("2026-03-02T09:00:00-05:00")).unwrap();
    (store, engine)
}

async fn open_day(engine: &Engine) -> Result<Position, EngineError> {
    let request = BooksRequest {
        request_id: RequestId::derived("a test", "open"),
        actor: Actor::unnamed(),
        receipt: engine.receive()?,
        command: BooksCommand::OpenDay { gl_date: "2026-03-02".parse().unwrap() },
        unsealed: Vec::new(),
    };
    Ok(engine.keep_books(request, Arc::new(Nobody)).await?.position)
}

#[tokio::test]
async fn a_day_that_was_opened_and_not_read_back_may_be_open() {
    let (store, engine) = flaky().await;
    let before = store.head().await.unwrap();
    // Not read back; then the same request again, whose first answer cannot be read.
    store.fail_behind(0);
    let told = open_day(&engine).await;
    assert!(matches!(told, Err(EngineError::Indeterminate(_))), "{told:?}");
    assert_eq!(store.head().await.unwrap(), before.next());
    store.answered.store(1, Ordering::SeqCst);
    let told = open_day(&engine).await;
    assert!(matches!(told, Err(EngineError::Indeterminate(_))), "{told:?}");
    store.heal();
    assert_eq!(open_day(&engine).await.unwrap(), before.next());
}

#[tokio::test]
async fn an_approval_that_was_recorded_and_not_read_back_may_stand() {
    for answered in [0, 1] {
        let (store, engine) = flaky().await;
        let loss = engine.record_loss(lost()).await.unwrap();
        let approve = async || {
            let note = "looked at".to_owned();
            let approval = RecoveryRequest {
                request_id: RequestId::derived("a test", "approve"),
                actor: Actor::unnamed(),
                receipt: engine.receive().unwrap(),
                command: RecoveryCommand::ApproveOrigination { loss, note },
            };
            engine.recover(approval).await.map(|answer| answer.position)
        };
        store.fail_behind(answered);
        let told = approve().await;
        assert!(matches!(told, Err(EngineError::Indeterminate(_))), "{answered}: {told:?}");
        store.heal();
        assert_eq!(approve().await.unwrap(), loss.next());
    }
}

/// By itself and in a batch: the lost answer is found on record, and cannot be told.
#[tokio::test]
async fn a_command_that_is_found_on_record_and_not_read_again_was_written() {
    for in_batch in [false, true] {
        let (store, engine) = flaky().await;
        let open = Command::OpenAccount { terms: loan(), lien: None };
        engine.execute(request("open", engine.receive().unwrap(), open)).await.unwrap();
        let pay = async || {
            let command = receive("310.00", "2026-03-02");
            let pay = request("pay", engine.receive().unwrap(), command);
            if in_batch {
                engine.execute_batch(vec![pay]).await.remove(0)
            } else {
                engine.execute(pay).await
            }
        };
        store.lost.store(1, Ordering::SeqCst);
        store.fail_behind(1);
        let told = pay().await;
        assert!(matches!(told, Err(EngineError::Indeterminate(_))), "{in_batch}: {told:?}");
        store.heal();
        assert!(pay().await.unwrap().replayed);
        let account = engine.account(&account_id(), None).await.unwrap().unwrap();
        assert_eq!(account.version, Version(2));
    }
}
