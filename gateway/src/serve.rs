//! The service as a whole: log, read models, engine, runner and server, started and stopped in
//! order.

mod log;
mod ready;

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::causes::with_causes;
use ledger::clock::Clock;
use ledger::domain::recovery::events::CommitsLost;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{self, Engine, EngineError};
use ledger::envelope::Position;
use ledger::store::embedded::{
    OpenError, Options, clear_pending_loss, pending_loss, refuse_in_use,
};
use ledger::store::eventstore::OpenError as ClusterError;
use projections::Projections;
use projections::error::ProjectionError;
use tokio::task::{JoinError, JoinHandle};

use crate::cycles::Cycles;
use crate::cycles::lease::Lease;
use crate::esdb;
use crate::esdb::advertised::Advertised;
use crate::scrub::{LogWatch, scrub_read_models};
use crate::server::{Bound, Drained, Readiness, ServeError, Settings, Shutdown};
use crate::services::Gateway;
use log::Log;
use ready::keep_readiness;

/// How long a service that has ended waits for its directory to be free, and how often it looks.
const LET_GO_MAX: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How the service is to be.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// Where the log and the read models are; with a cluster, the read models.
    pub data_dir: PathBuf,
    /// The connection string of the cluster that keeps the log; without one it is in `data_dir`.
    pub store: Option<String>,
    /// Where the log is served over the read protocol of EventStoreDB, if anywhere.
    pub eventstore_listen: Option<SocketAddr>,
    /// Where the clients of that protocol are told to connect; the address that was taken if none.
    pub eventstore_advertise: Option<Advertised>,
    /// How the server is to be.
    pub server: Settings,
    /// A clock that stands at this instant until it is set; the system's clock if none.
    pub set_clock: Option<DateTime<Utc>>,
    /// Whether windows and releases are run when they are due, or only by hand.
    pub runner: bool,
    /// How the engine is to be.
    pub engine: engine::Settings,
    /// How the log is opened.
    pub log: Options,
    /// How many bytes of the log, and of the read models, the scrub reads a second; none turns it
    /// off.
    pub scrub_rate: Option<NonZeroU64>,
}

/// Why the service did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The server could not listen, or failed.
    #[error(transparent)]
    Server(#[from] ServeError),
    /// The log cannot be opened.
    #[error("the log in {} cannot be opened", data_dir.display())]
    Log {
        /// The data directory.
        data_dir: PathBuf,
        /// Why.
        #[source]
        cause: OpenError,
    },
    /// The cluster cannot be opened, or not be used any more: another log is being copied into it,
    /// or its log is not the one that was read.
    #[error("the cluster at {store} cannot be used")]
    Cluster {
        /// The connection string, without name and password.
        store: String,
        /// Why.
        #[source]
        cause: ClusterError,
    },
    /// Read models belong to one log, and there is another one beside them.
    #[error(
        "{} holds a log of its own: read models of a cluster need a directory of their own",
        .0.display()
    )]
    LogBeside(PathBuf),
    /// A log that begins anew there would pass for the one of the cluster.
    #[error("{} is a gateway's of a cluster: name the cluster with --store", .0.display())]
    StoreUnnamed(PathBuf),
    /// The engine could not start on the log.
    #[error("the log cannot be continued")]
    Engine(#[from] EngineError),
    /// What a restore or a promotion has left to be recorded cannot be read.
    #[error("the file LOSS in {} cannot be read", data_dir.display())]
    Loss {
        /// The data directory.
        data_dir: PathBuf,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// The read models cannot be opened.
    #[error("the read models cannot be opened")]
    Projections(#[from] ProjectionError),
    /// The log's writer failed: nothing more is accepted. Reopening recovers what was acknowledged.
    #[error(
        "the log's writer failed: {0}; what was acknowledged was synced: mend the cause, then \
         start again"
    )]
    Writer(String),
    /// A task of the service ended by a fault.
    #[error("a task of the service failed: {0}")]
    Task(String),
}

/// A service that is ready to answer.
#[derive(Debug)]
pub struct Service {
    data_dir: PathBuf,
    bound: Bound,
    eventstore: Option<(Bound, Advertised)>,
    log: Log,
    reads: Projections,
    cycles: Cycles,
    engine: Engine,
    gateway: Gateway,
    watched: LogWatch,
    shutdown: Shutdown,
    runner: bool,
    scrub_rate: Option<NonZeroU64>,
}

impl Service {
    /// Opens everything. Connections wait from the first moment; they are answered by
    /// [`run`](Self::run).
    pub async fn start(settings: ServiceSettings) -> Result<Self, ServiceError> {
        let eventstore = match settings.eventstore_listen {
            Some(listen) => {
                let bound = Bound::guarded(Settings { listen, ..settings.server.clone() }).await?;
                let advertised = settings.eventstore_advertise;
                let advertised = advertised.unwrap_or_else(|| bound.address().into());
                Some((bound, advertised))
            }
            None => None,
        };
        let bound = Bound::new(settings.server).await?;
        let data_dir = settings.data_dir;
        let log = Log::open(&data_dir, settings.store.as_deref(), settings.log).await?;
        let clock = Arc::new(settings.set_clock.map_or(Clock::System, Clock::set_to));
        let port = log.port();
        let options = projections::Options { witness: Some(log.witness()) };
        // Before the engine, which writes: a log that its read models refuse is left as it is.
        let reads = Projections::open(&data_dir, Arc::clone(&port), options).await?;
        let rules = Rulebook::built_in();
        let engine = Engine::start_with(port, clock, rules, settings.engine).await?;
        record_loss(&engine, &data_dir).await?;
        let shutdown = Shutdown::default();
        let lease = Lease::new(&engine, bound.address());
        let cycles = Cycles::new(engine.clone(), reads.clone()).with_lease(lease);
        let cycles = if settings.runner { cycles } else { cycles.by_hand() };
        let watched = LogWatch::new(log.embedded(), Arc::clone(engine.clock()));
        let (watch, order) = (watched.clone(), shutdown.clone());
        let gateway = Gateway::new(engine.clone(), reads.clone(), cycles.clone(), watch, order);
        let (runner, scrub_rate) = (settings.runner, settings.scrub_rate);
        Ok(Self {
            data_dir,
            bound,
            eventstore,
            log,
            reads,
            cycles,
            engine,
            gateway,
            watched,
            shutdown,
            runner,
            scrub_rate,
        })
    }

    /// The address that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.bound.address()
    }

    /// The address of the read protocol of EventStoreDB, if it is served.
    pub fn eventstore_address(&self) -> Option<SocketAddr> {
        self.eventstore.as_ref().map(|(bound, _)| bound.address())
    }

    /// The order by which the service is stopped.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// The last position of the log.
    pub async fn head(&self) -> Result<Position, ServiceError> {
        Ok(self.engine.store().head().await.map_err(EngineError::from)?)
    }

    /// Waits until the read models hold what the log holds now.
    pub async fn caught_up(&self) -> Result<(), ServiceError> {
        let head = self.head().await?;
        let reached = self.reads.wait_for(head).await;
        reached.map(|_| ()).map_err(|error| ServiceError::Task(with_causes(&error)))
    }

    /// Answers until the service is told to stop, or something fails that it cannot do without: the
    /// log's writer, or the runner. Then another may be started on the same directory.
    pub async fn run(self) -> Result<Drained, ServiceError> {
        let data_dir = self.data_dir.clone();
        let ended = self.answer().await;
        // A connection that was told to end may hold the log for a moment more.
        let let_go = async {
            while refuse_in_use(&data_dir).is_err() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(LET_GO_MAX, let_go).await.is_err() {
            tracing::warn!("what was cut off holds the directory until the process ends");
        }
        ended
    }

    async fn answer(self) -> Result<Drained, ServiceError> {
        let readiness = Readiness::new().await;
        let runner = if self.runner {
            tokio::spawn(self.cycles.clone().run_until(self.shutdown.clone()))
        } else {
            let shutdown = self.shutdown.clone();
            tokio::spawn(async move { shutdown.asked().await })
        };
        let scrub = self.scrub_rate.map(|rate| {
            let log = self.watched.clone().run_until(rate, self.shutdown.clone());
            let models = scrub_read_models(self.reads.clone(), rate, self.shutdown.clone());
            tokio::spawn(async move { tokio::join!(log, models) })
        });
        let (engine, reads) = (self.engine.clone(), self.reads.clone());
        let keeping = keep_readiness(engine, reads, self.watched, readiness.clone());
        let shutdown = self.shutdown.clone();
        let watch = spawn_part(&self.shutdown, async move {
            tokio::select! {
                () = keeping => {}
                () = shutdown.asked() => {}
            }
        });
        let eventstore = self.eventstore.map(|(bound, advertised)| {
            let (port, shutdown) = (self.log.port(), self.shutdown.clone());
            let routes = esdb::routes(port, advertised, shutdown.clone());
            spawn_part(&self.shutdown, bound.serve_plain(routes, shutdown))
        });
        let serving = self.bound.serve(self.gateway.routes(), readiness, self.shutdown.clone());
        let ended = until_ended(serving, self.log.stopped(), runner, &self.shutdown).await;
        let watch = watch.await;
        let eventstore = match eventstore {
            Some(ended) => ended.await,
            None => Ok(Ok(())),
        };
        if let Some(scrub) = scrub {
            // How it fared is in its findings.
            let _ = scrub.await;
        }
        let closed = self.reads.shutdown().await;
        let failure = self.log.failure();
        if ended.writer_stopped || failure.is_some() {
            let unsaid = || ServiceError::Writer("it ended without saying why".to_owned());
            return Err(failure.unwrap_or_else(unsaid));
        }
        told("the runner", ended.runner)?;
        let drained = ended.drained?;
        told("the read protocol of EventStoreDB", eventstore)??;
        told("the look whether the service is ready", watch)?;
        closed?;
        Ok(drained)
    }
}

/// How the parts of the service ended.
struct Ended {
    drained: Result<Drained, ServeError>,
    writer_stopped: bool,
    runner: Result<(), JoinError>,
}

/// Waits until the server and the runner have ended. Whatever ends first takes the others along.
async fn until_ended(
    serving: impl Future<Output = Result<Drained, ServeError>>,
    writer_stopped: impl Future<Output = ()>,
    mut runner: JoinHandle<()>,
    shutdown: &Shutdown,
) -> Ended {
    let (mut serving, mut stopped) = (pin!(serving), pin!(writer_stopped));
    let (mut writer_stopped, mut runner_ended) = (false, None);
    let drained = loop {
        tokio::select! {
            drained = &mut serving => break drained,
            () = &mut stopped, if !writer_stopped => writer_stopped = true,
            ended = &mut runner, if runner_ended.is_none() => runner_ended = Some(ended),
        }
        shutdown.ask();
    };
    shutdown.ask();
    let runner = match runner_ended {
        Some(ended) => ended,
        None => runner.await,
    };
    Ended { drained, writer_stopped, runner }
}

/// Records what a restore or a promotion has lost, before anything is done that would be held.
async fn record_loss(engine: &Engine, data_dir: &Path) -> Result<(), ServiceError> {
    let broken = |cause| ServiceError::Log { data_dir: data_dir.to_owned(), cause };
    if let Some(document) = pending_loss(data_dir).map_err(broken)? {
        let lost: CommitsLost = serde_json::from_slice(&document)
            .map_err(|cause| ServiceError::Loss { data_dir: data_dir.to_owned(), cause })?;
        let (kept, known) = (lost.position.0, lost.known_position.0);
        let position = engine.record_loss(lost).await?.0;
        clear_pending_loss(data_dir).map_err(broken)?;
        tracing::warn!(kept, known, position, "the log has or may have lost commits: recorded");
    }
    if let Some(loss) = engine.origination_on_hold().await? {
        let message = "origination is on hold until every loss is approved; this is the first";
        tracing::warn!(loss = loss.0, "{message}");
    }
    Ok(())
}

/// Runs a part of the service that lasts as long as the service. However it ends, also by a panic,
/// the service stops.
fn spawn_part<T: Send + 'static>(
    shutdown: &Shutdown,
    part: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let stops = shutdown.guard();
    tokio::spawn(async move {
        let _stops = stops;
        part.await
    })
}

/// A part that ended by a fault is told by its name.
fn told<T>(part: &str, ended: Result<T, JoinError>) -> Result<T, ServiceError> {
    ended.map_err(|fault| ServiceError::Task(format!("{part}: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn serving(shutdown: Shutdown) -> Result<Drained, ServeError> {
        shutdown.asked().await;
        Ok(Drained::Fully)
    }

    #[tokio::test]
    async fn a_runner_that_dies_stops_the_service_and_is_told() {
        let shutdown = Shutdown::default();
        let runner = tokio::spawn(async { panic!("a fault in the runner") });
        let stopped = std::future::pending();
        let ended = until_ended(serving(shutdown.clone()), stopped, runner, &shutdown).await;
        assert!(ended.runner.unwrap_err().is_panic());
        assert!(!ended.writer_stopped);
    }

    #[tokio::test]
    async fn a_part_that_dies_stops_the_service_and_is_told() {
        let shutdown = Shutdown::default();
        let part = spawn_part(&shutdown, async { panic!("a fault in a part") });
        tokio::time::timeout(LET_GO_MAX, shutdown.asked()).await.unwrap();
        let fault = told::<()>("a part", part.await).unwrap_err().to_string();
        assert!(fault.contains("a part") && fault.contains("panicked"), "{fault}");
    }

    #[tokio::test]
    async fn a_writer_that_stops_for_no_known_reason_stops_the_service_and_is_told() {
        let shutdown = Shutdown::default();
        let order = shutdown.clone();
        let runner = tokio::spawn(async move { order.asked().await });
        let stopped = std::future::ready(());
        let ended = until_ended(serving(shutdown.clone()), stopped, runner, &shutdown).await;
        assert!(ended.writer_stopped);
        ended.runner.unwrap();
        assert_eq!(ended.drained.unwrap(), Drained::Fully);
    }

    #[tokio::test]
    async fn a_server_that_fails_takes_the_runner_along() {
        let shutdown = Shutdown::default();
        let order = shutdown.clone();
        let runner = tokio::spawn(async move { order.asked().await });
        let address = ([127, 0, 0, 1], 0).into();
        let fails = std::future::ready(Err(ServeError::PlaintextBeyondLoopback(address)));
        let ended = until_ended(fails, std::future::pending(), runner, &shutdown).await;
        assert!(ended.drained.is_err());
        ended.runner.unwrap();
    }
}
