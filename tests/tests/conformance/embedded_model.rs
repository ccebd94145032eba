//! The embedded store against the one in memory: whatever is asked, both answer the same. It opens
//! again and again with the index that it wrote down.

use ledger::envelope::{Position, RecordedEvent, Version};
use ledger::store::{Append, AppendError, Appended, EventStore, ReadError};
use proptest::prelude::*;

use super::kit::{self, Directory, after, event, stream};

const STREAMS: [&str; 3] = ["account-1", "account-2", "books"];

#[derive(Debug, Clone)]
enum Step {
    AppendMany(Vec<Attempt>),
    ReadStream { stream: usize, after: u64, limit: usize },
    ReadAll { after: u64, limit: usize },
    Reopen,
}

/// An append whose expectation is right, or off by a little.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    stream: usize,
    off_by: u64,
    events: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let off_by = prop_oneof![4 => Just(0), 1 => 1..3_u64];
    let events = prop_oneof![6 => 1..4_u64, 1 => 60..140_u64];
    let attempt = (0..3_usize, off_by, events).prop_map(|(stream, off_by, events)| Attempt {
        stream,
        off_by,
        events,
    });
    let read_stream = (0..3_usize, 0..200_u64, 0..100_usize)
        .prop_map(|(stream, after, limit)| Step::ReadStream { stream, after, limit });
    let read_all =
        (0..400_u64, 0..150_usize).prop_map(|(after, limit)| Step::ReadAll { after, limit });
    let step = prop_oneof![
        6 => prop::collection::vec(attempt, 1..5).prop_map(Step::AppendMany),
        3 => read_stream,
        3 => read_all,
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..25)
}

/// Answers as values that can be compared.
fn outcome(answer: Result<Appended, AppendError>) -> Result<Appended, Version> {
    answer.map_err(|error| kit::conflict(Err(error)))
}

/// The appends that `attempts` mean for the model as it is; each is built on the one before it.
async fn build(model: &dyn EventStore, attempts: &[Attempt]) -> Vec<Append> {
    let mut versions = Vec::new();
    for name in STREAMS {
        versions.push(kit::whole(model, name).await.len() as u64);
    }
    let build = |attempt: &Attempt| {
        let name = STREAMS[attempt.stream];
        let version = versions[attempt.stream] + attempt.off_by;
        versions[attempt.stream] += if attempt.off_by == 0 { attempt.events } else { 0 };
        let events = (1..=attempt.events).map(|index| event(name, version + index)).collect();
        Append::new(stream(name), after(version), events).unwrap()
    };
    attempts.iter().map(build).collect()
}

async fn read(store: &dyn EventStore, step: &Step) -> Result<Vec<RecordedEvent>, ReadError> {
    match *step {
        Step::ReadStream { stream: name, after, limit } => {
            store.read_stream(&stream(STREAMS[name]), Version(after), limit).await
        }
        Step::ReadAll { after, limit } => store.read_all(Position(after), limit).await,
        Step::AppendMany(_) | Step::Reopen => Ok(Vec::new()),
    }
}

/// Appends the same to both; the answers agree.
async fn append(model: &dyn EventStore, store: &dyn EventStore, attempts: &[Attempt]) {
    let appends = build(model, attempts).await;
    let expected = model.append_many(appends.clone()).await;
    let found = store.append_many(appends).await;
    let expected: Vec<_> = expected.into_iter().map(outcome).collect();
    assert_eq!(found.into_iter().map(outcome).collect::<Vec<_>>(), expected);
}

async fn both_agree(steps: Vec<Step>) {
    let directory = Directory::new();
    let (model, mut store) = (kit::memory(), directory.open_with_tail(3));
    for step in steps {
        match &step {
            Step::AppendMany(attempts) => append(&*model, &*store, attempts).await,
            Step::ReadStream { .. } | Step::ReadAll { .. } => {
                let expected = read(&*model, &step).await.unwrap();
                assert_eq!(read(&*store, &step).await.unwrap(), expected);
            }
            Step::Reopen => {
                drop(store);
                store = directory.open_with_tail(3);
            }
        }
        assert_eq!(store.head().await.unwrap(), model.head().await.unwrap());
    }
    assert_eq!(kit::all(&*store).await, kit::all(&*model).await);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_is_asked_both_stores_answer_the_same(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(both_agree(steps));
    }
}
