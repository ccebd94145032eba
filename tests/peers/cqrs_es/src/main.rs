//! The load on cqrs-es: callers that send commands to aggregates in `PostgreSQL`, one at a time.
//!
//! `cqrs_es_load URL CALLERS MILLISECONDS` prints how many commands were answered in that time. A
//! caller sends once the answer before is there, and stops the whole load if it is refused. The
//! library works as it comes: before each command it reads all events of the aggregate, and it
//! inserts the new one in a transaction of its own. `run` builds this program.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Among how many accounts each caller chooses: so many that what is read before a command is
/// seldom more than an event. They are its own, so that no two commands meet and one is refused.
const ACCOUNTS: u32 = 10_000;

/// The most connections: a server takes 100 by default. When there are more callers, they wait.
const CONNECTIONS_MAX: u32 = 64;

/// How many bytes an event carries.
const PAYLOAD_BYTES: usize = 200;

/// The aggregate: it has no rules, and counts what was recorded.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    events: u64,
}

/// Its one command.
#[derive(Debug)]
struct Record {
    data: String,
}

/// Its one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Recorded {
    data: String,
}

impl DomainEvent for Recorded {
    fn event_type(&self) -> String {
        "Recorded".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Record;
    type Event = Recorded;
    type Error = Infallible;
    type Services = ();

    async fn handle(
        &mut self,
        command: Record,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Infallible> {
        sink.write(Recorded { data: command.data }, self).await;
        Ok(())
    }

    fn apply(&mut self, _event: Recorded) {
        self.events = self.events.saturating_add(1);
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, callers, millis] = arguments.as_slice() else {
        return Err("cqrs_es_load URL CALLERS MILLISECONDS".into());
    };
    let (callers, millis): (u32, u64) = (callers.parse()?, millis.parse()?);
    // The library's own pool but for its size, which is 10; all connections are there at the start.
    let connections = callers.clamp(1, CONNECTIONS_MAX);
    let pool = PgPoolOptions::new().min_connections(connections).max_connections(connections);
    let framework = postgres_es::postgres_cqrs::<Account>(pool.connect(url).await?, vec![], ());
    let framework = Arc::new(framework);
    // What is answered before that warms up and is not counted.
    let warm = Duration::from_millis(millis / 4);
    let end = warm.saturating_add(Duration::from_millis(millis));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let framework = Arc::clone(&framework);
        tasks.spawn(async move {
            let mut random = fastrand::Rng::new();
            let mut commands = 0_usize;
            loop {
                let account = format!("{caller}-{}", random.u32(..ACCOUNTS));
                framework.execute(&account, Record { data: "x".repeat(PAYLOAD_BYTES) }).await?;
                let elapsed = started.elapsed();
                if elapsed >= end {
                    return Outcome::Ok(commands);
                }
                if elapsed >= warm {
                    commands = commands.saturating_add(1);
                }
            }
        });
    }
    let mut commands = 0_usize;
    while let Some(done) = tasks.join_next().await {
        commands = commands.saturating_add(done??);
    }
    writeln!(std::io::stdout(), "{commands}")?;
    Ok(())
}
