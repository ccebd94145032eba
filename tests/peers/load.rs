//! The load on `UmaDB` and NATS: callers that append opaque events, each to a stream of its own.
//!
//! `load umadb|nats ADDRESS CONNECTIONS CALLERS BATCH MILLISECONDS` prints how many events were
//! acknowledged in that time. A caller sends once the answer before is there, names the last event
//! that it saw of its stream, and stops the whole load if it is refused. `run` builds this file.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, stream};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use umadb_client::{AsyncUmaDbClient, UmaDbClient};
use umadb_dcb::{DcbAppendCondition, DcbEvent, DcbEventStoreAsync, DcbQuery, DcbQueryItem};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What an event carries.
static PAYLOAD: [u8; 200] = [b'x'; 200];

/// A connection to one of the servers.
enum Peer {
    UmaDb(Box<AsyncUmaDbClient>),
    Nats(async_nats::Client),
}

impl Peer {
    async fn connect(kind: &str, address: &str) -> Outcome<Self> {
        match kind {
            "umadb" => {
                let url = format!("http://{address}");
                let client = UmaDbClient::new(url).connect_async().await?;
                Ok(Self::UmaDb(Box::new(client)))
            }
            "nats" => {
                let client = async_nats::connect(address).await?;
                let config = stream::Config {
                    name: "events".to_owned(),
                    subjects: vec!["events.>".to_owned()],
                    storage: stream::StorageType::File,
                    allow_atomic_publish: true,
                    ..Default::default()
                };
                jetstream::new(client.clone()).get_or_create_stream(config).await?;
                Ok(Self::Nats(client))
            }
            _ => Err(format!("{kind} is no peer").into()),
        }
    }

    /// Appends a batch, provided that `last` is the last event of the stream, and says which one
    /// is now.
    async fn append(&self, name: &str, last: Option<u64>, batch: usize) -> Outcome<u64> {
        match self {
            Self::UmaDb(client) => {
                let event = DcbEvent::new().event_type("Recorded").tags([name]).data(PAYLOAD);
                let same_stream = DcbQuery::new().item(DcbQueryItem::new().tags([name]));
                let condition = DcbAppendCondition::new(same_stream).after(last);
                Ok(client.append(vec![event; batch], Some(condition), None).await?)
            }
            Self::Nats(client) => publish(client, name, last.unwrap_or(0), batch).await,
        }
    }
}

/// One message by itself; several as an atomic batch, whose last message asks for the commit.
async fn publish(client: &async_nats::Client, name: &str, last: u64, batch: usize) -> Outcome<u64> {
    let subject = format!("events.{name}");
    let id = format!("{name}.{last}");
    for number in 1..=batch {
        let mut headers = HeaderMap::new();
        if number == 1 {
            headers.insert("Nats-Expected-Last-Subject-Sequence", last.to_string());
        }
        if batch > 1 {
            headers.insert("Nats-Batch-Id", id.as_str());
            headers.insert("Nats-Batch-Sequence", number.to_string());
        }
        let payload = PAYLOAD.as_slice().into();
        if number < batch {
            client.publish_with_headers(subject.clone(), headers, payload).await?;
            continue;
        }
        if batch > 1 {
            headers.insert("Nats-Batch-Commit", "1");
        }
        let answer = client.request_with_headers(subject.clone(), headers, payload).await?;
        // A refusal has no sequence.
        let ack: PublishAck = serde_json::from_slice(&answer.payload)
            .map_err(|_| String::from_utf8_lossy(&answer.payload).into_owned())?;
        return Ok(ack.sequence);
    }
    Err("a batch of nothing".into())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, address, connections, callers, batch, millis] = arguments.as_slice() else {
        return Err("load umadb|nats ADDRESS CONNECTIONS CALLERS BATCH MILLISECONDS".into());
    };
    let mut peers = Vec::new();
    for _ in 0..connections.parse::<usize>()?.max(1) {
        peers.push(Arc::new(Peer::connect(kind, address).await?));
    }
    let (callers, batch): (usize, usize) = (callers.parse()?, batch.parse()?);
    let millis: u64 = millis.parse()?;
    // What is answered before that warms up and is not counted.
    let warm = Duration::from_millis(millis / 4);
    let end = warm.saturating_add(Duration::from_millis(millis));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (caller, peer) in (0..callers).zip(peers.iter().cycle()) {
        let peer = Arc::clone(peer);
        // The peer keeps its streams from one load to the next.
        let name = format!("{}-{caller}", std::process::id());
        tasks.spawn(async move {
            let (mut last, mut events) = (None, 0_usize);
            loop {
                last = Some(peer.append(&name, last, batch).await?);
                let elapsed = started.elapsed();
                if elapsed >= end {
                    return Outcome::Ok(events);
                }
                if elapsed >= warm {
                    events = events.saturating_add(batch);
                }
            }
        });
    }
    let mut events = 0_usize;
    while let Some(done) = tasks.join_next().await {
        events = events.saturating_add(done??);
    }
    writeln!(std::io::stdout(), "{events}")?;
    Ok(())
}
