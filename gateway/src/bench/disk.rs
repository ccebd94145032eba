//! The disk without a ledger, the log without rules, and what both servers hold.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use ledger::envelope::{NewEvent, StreamName, Version};
use ledger::ids::EventId;
use ledger::store::embedded::{Embedded, Options};
use ledger::store::{Append, EventStore as _, Expected};
use tokio::time::Instant;

use super::BenchError;
use super::report::{Figure, Spread, per_second};
use super::stage::Stage;
use super::traffic::Origin;

/// How many events share one durable write.
const COMMITS: [u64; 4] = [1, 64, 256, 1000];
/// What an event of the log comes to with what surrounds it, about.
const EVENT_BYTES: usize = 430;

impl Stage {
    pub(super) async fn disk(&mut self) -> Result<(), BenchError> {
        for events in COMMITS {
            let (mut bare, mut log) = (Vec::new(), Vec::new());
            for round in 0..self.sizes.rounds {
                let scratch = self.data_dir.join(format!("bench-{events}-{round}"));
                std::fs::create_dir(&scratch).map_err(BenchError::io("a scratch directory"))?;
                bare.push(synced_writes(&scratch, events, self.sizes.round)?);
                log.push(log_alone(&scratch, events, self.sizes.round).await?);
                std::fs::remove_dir_all(&scratch).map_err(BenchError::io("a scratch directory"))?;
            }
            let what = format!("the log alone, opaque events, commits of {events}");
            let figure = Figure::new("disk", what, "events/s", Spread::of(log));
            self.figure(figure.beside(Spread::of(bare)));
        }
        self.sizes_on_disk().await
    }

    async fn sizes_on_disk(&mut self) -> Result<(), BenchError> {
        let events = self.head().await?;
        let log = bytes_of(&self.data_dir, "events.db")?;
        let reads = bytes_of(&self.data_dir.join("read"), "")?;
        let each = |bytes: u64| Spread::once(bytes.checked_div(events).unwrap_or_default());
        let what = format!("of {events} events: the log");
        self.figure(Figure::new("disk", what, "bytes/event", each(log)));
        let what = format!("of {events} events: the read models");
        self.figure(Figure::new("disk", what, "bytes/event", each(reads)));
        let ledger = (self.ledger.memory(), self.held_before, "the ledger");
        for (memory, before, whose) in [ledger, (self.echo.memory(), 0, "the echo")] {
            if let Some((now, most)) = memory {
                let mebibytes = |bytes: u64| Spread::once(bytes >> 20);
                let what = format!("resident memory of {whose}");
                self.figure(Figure::new("disk", what, "MiB", mebibytes(now)));
                let what = format!("resident memory of {whose}, at most");
                self.figure(Figure::new("disk", what, "MiB", mebibytes(most.max(before))));
            }
        }
        Ok(())
    }
}

/// Bytes of as many events appended to a plain file, each write synced: events a second.
fn synced_writes(scratch: &Path, events: u64, lasts: Duration) -> Result<u64, BenchError> {
    let failed = || BenchError::io("a scratch file");
    let mut file = File::create(scratch.join("bare")).map_err(failed())?;
    let count = usize::try_from(events).unwrap_or(usize::MAX);
    let block = vec![0x5a; EVENT_BYTES.saturating_mul(count)];
    let begun = Instant::now();
    let mut written = 0_u64;
    while begun.elapsed() < lasts {
        file.write_all(&block).map_err(failed())?;
        file.sync_data().map_err(failed())?;
        written = written.saturating_add(events);
    }
    Ok(per_second(written, begun.elapsed()))
}

/// As many opaque events appended to a log in each commit: events a second.
async fn log_alone(scratch: &Path, events: u64, lasts: Duration) -> Result<u64, BenchError> {
    let failed = |cause: &dyn std::fmt::Display| BenchError::Server(cause.to_string());
    let store = Embedded::open(scratch, Options::default()).map_err(|error| failed(&error))?;
    let begun = Instant::now();
    let mut written = 0_u64;
    while begun.elapsed() < lasts {
        let end = written.saturating_add(events);
        let appends = (written..end).map(opaque).collect::<Result<Vec<_>, _>>()?;
        for answer in store.append_many(appends).await {
            answer.map_err(|error| failed(&error))?;
        }
        written = end;
    }
    Ok(per_second(written, begun.elapsed()))
}

/// An event that is the first of its stream.
fn opaque(number: u64) -> Result<Append, BenchError> {
    let failed = |cause: &dyn std::fmt::Display| BenchError::Settings(cause.to_string());
    let stream = StreamName::new(format!("bench-{number}")).map_err(|error| failed(&error))?;
    let id = EventId::from_uuid(Origin::Filling.request(number).uuid());
    let event = NewEvent {
        id,
        kind: "PaymentScheduled".to_owned(),
        data: vec![b'd'; 220],
        metadata: format!("{number:0170}").into_bytes(),
    };
    let expected = Expected::after(Version::EMPTY);
    Append::new(stream, expected, vec![event]).map_err(|error| failed(&error))
}

/// The bytes of the files in a folder whose names begin with `prefix`, deeper ones included.
fn bytes_of(folder: &Path, prefix: &str) -> Result<u64, BenchError> {
    let failed = || BenchError::io(folder.display().to_string());
    let mut bytes = 0_u64;
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let found = entry.metadata().map_err(failed())?;
        let more = if found.is_dir() { bytes_of(&entry.path(), "")? } else { found.len() };
        bytes = bytes.saturating_add(more);
    }
    Ok(bytes)
}
