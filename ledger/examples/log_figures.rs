//! Measures the embedded store: commits of 256 events, then opening and reading a large log.
//!
//! `cargo run --release -p ledger --example log_figures -- DIRECTORY [EVENTS] [STREAMS]`

use std::path::PathBuf;

use ledger::envelope::{NewEvent, Position, StreamName, Version};
use ledger::ids::{EventId, RequestId};
use ledger::store::embedded::{Embedded, Options};
use ledger::store::{Append, AppendError, Appended, BoxError, BoxFuture, EventStore, Expected};
use tokio::time::Instant;

/// The events that are handed over together, each to another stream.
const EVENTS_PER_COMMIT: u64 = 256;

/// The bytes of one event's data.
const DATA_BYTES: usize = 220;

fn append(number: u64, streams: u64) -> Result<Append, BoxError> {
    let name = format!("account-{:010}", number.checked_rem(streams).unwrap_or(0));
    let version = Version(number.checked_div(streams).unwrap_or(0));
    let request = RequestId::derived(&name, &version.to_string());
    let event = NewEvent {
        id: EventId::from_uuid(request.uuid()),
        kind: "payment-applied".to_owned(),
        data: vec![b'x'; DATA_BYTES],
        metadata: format!(r#"{{"at":"2026-03-03T19:59:59Z","req":"{request}"}}"#).into_bytes(),
    };
    Ok(Append::new(StreamName::new(name)?, Expected::after(version), vec![event])?)
}

/// What the process holds in memory, as the kernel says it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines =
        status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Waits until the appends are durable.
async fn acknowledged(
    answers: BoxFuture<'_, Vec<Result<Appended, AppendError>>>,
) -> Result<(), BoxError> {
    for answer in answers.await {
        answer?;
    }
    Ok(())
}

/// Fills the log up to `events` events; says how many were missing.
async fn write(store: &Embedded, events: u64, streams: u64) -> Result<u64, BoxError> {
    let start = store.head().await?.0;
    let mut next = start;
    let mut under_way = None;
    while next < events {
        let end = next.saturating_add(EVENTS_PER_COMMIT).min(events);
        let appends =
            (next..end).map(|number| append(number, streams)).collect::<Result<_, _>>()?;
        next = end;
        // One commit is under way while the next one is prepared, as in a busy gateway.
        if let Some(earlier) = under_way.replace(store.append_many(appends)) {
            acknowledged(earlier).await?;
        }
    }
    if let Some(last) = under_way {
        acknowledged(last).await?;
    }
    Ok(next.saturating_sub(start))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("which directory?")?);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<u64>());
    let (events, streams) = (number(1_000_000)?, number(100_000)?);

    let store = Embedded::open(&directory, Options::default())?;
    let begun = Instant::now();
    let written = write(&store, events, streams).await?;
    eprintln!("{written} events written in {:?}; {}", begun.elapsed(), memory());
    drop(store);

    let begun = Instant::now();
    let store = Embedded::open(&directory, Options::default())?;
    eprintln!("opened in {:?}; {}", begun.elapsed(), memory());
    let begun = Instant::now();
    let mut after = Position::START;
    while let Some(last) = store.read_all(after, 1000).await?.last() {
        after = last.position;
    }
    eprintln!("{after} events read in {:?}; {}", begun.elapsed(), memory());
    eprintln!("the log's head is {}", store.head_witness().chain);
    Ok(())
}
