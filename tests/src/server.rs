//! A service of its own for each test: in this process, on a free port, on a clock that is set.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use gateway::esdb::advertised::Advertised;
use gateway::serve::{Service, ServiceError, ServiceSettings};
use gateway::server::{Drained, MESSAGE_WAIT_MAX, Settings, Shutdown};
use ledger::engine::{self, BooksMode};
use ledger::store::embedded::Options;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::requests::instant;

/// How a server of these tests is to be.
pub fn server_settings() -> Settings {
    Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        calls_max: 1000,
        message_wait_max: MESSAGE_WAIT_MAX,
        drain_max: Duration::from_secs(10),
    }
}

/// How a service of these tests is to be, on `data_dir`, with its clock at `at`.
pub fn settings(data_dir: &Path, at: DateTime<Utc>) -> ServiceSettings {
    ServiceSettings {
        data_dir: data_dir.to_owned(),
        store: None,
        eventstore_listen: None,
        eventstore_advertise: None,
        server: server_settings(),
        set_clock: Some(at),
        runner: false,
        engine: engine::Settings::default(),
        log: Options::default(),
        scrub_rate: None,
    }
}

fn fresh() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

/// A running service, and a client of it.
#[derive(Debug)]
pub struct Town {
    client: Client,
    data_dir: Arc<TempDir>,
    shutdown: Shutdown,
    running: JoinHandle<Result<Drained, ServiceError>>,
}

impl Deref for Town {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Town {
    /// A fresh service whose clock stands at an instant in RFC 3339. Nothing runs by itself.
    pub async fn at(at: &str) -> Self {
        Self::start(fresh(), instant(at), false, BooksMode::Automatic).await
    }

    /// A service on a log that others may share: it keeps read models only.
    pub async fn on_cluster(connection: &str, at: &str) -> Self {
        Self::on_cluster_in(fresh(), connection, at, false).await
    }

    /// The same, with the runner.
    pub async fn on_cluster_with_runner(connection: &str, at: &str) -> Self {
        Self::on_cluster_in(fresh(), connection, at, true).await
    }

    /// The same, on the read models that are there.
    pub async fn on_cluster_in(
        data_dir: Arc<TempDir>,
        connection: &str,
        at: &str,
        runner: bool,
    ) -> Self {
        let store = Some(connection.to_owned());
        let settings = ServiceSettings { store, runner, ..settings(data_dir.path(), instant(at)) };
        Self::with(data_dir, settings).await
    }

    /// A fresh service that also serves the read protocol of EventStoreDB, and where it does.
    pub async fn with_eventstore(at: &str) -> (Self, SocketAddr) {
        Self::with_eventstore_at(at, None).await
    }

    /// The same, which tells its clients to connect to somewhere else.
    pub async fn with_eventstore_at(
        at: &str,
        eventstore_advertise: Option<Advertised>,
    ) -> (Self, SocketAddr) {
        let data_dir = fresh();
        let settings = ServiceSettings {
            eventstore_listen: Some(([127, 0, 0, 1], 0).into()),
            eventstore_advertise,
            ..settings(data_dir.path(), instant(at))
        };
        let service = Service::start(settings).await.unwrap();
        let address = service.eventstore_address().unwrap();
        (Self::of(data_dir, service).await, address)
    }

    /// The same, and accounting days are opened and closed by requests only.
    pub async fn with_manual_books(at: &str) -> Self {
        Self::start(fresh(), instant(at), true, BooksMode::Manual).await
    }

    /// The same, with the runner: windows and releases that are due are run by themselves.
    pub async fn with_runner(at: &str) -> Self {
        Self::start(fresh(), instant(at), true, BooksMode::Automatic).await
    }

    async fn start(
        data_dir: Arc<TempDir>,
        at: DateTime<Utc>,
        runner: bool,
        books: BooksMode,
    ) -> Self {
        let engine = engine::Settings { books, ..engine::Settings::default() };
        let settings = ServiceSettings { runner, engine, ..settings(data_dir.path(), at) };
        Self::with(data_dir, settings).await
    }

    /// A service as it is to be, on the directory that its settings name.
    pub async fn with(data_dir: Arc<TempDir>, settings: ServiceSettings) -> Self {
        Self::of(data_dir, Service::start(settings).await.unwrap()).await
    }

    async fn of(data_dir: Arc<TempDir>, service: Service) -> Self {
        let (address, shutdown) = (service.address(), service.shutdown());
        let running = tokio::spawn(service.run());
        let client = Client::connect(address).await;
        Self { client, data_dir, shutdown, running }
    }

    /// Another client, on a connection of its own.
    pub async fn another_client(&self) -> Client {
        Client::connect(self.client.address()).await
    }

    /// Where the service keeps its files.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Asks the service to stop, and goes on at once.
    pub fn ask_to_stop(&self) {
        self.shutdown.ask();
    }

    /// Stops the service in order and returns its directory.
    pub async fn stop(self) -> Arc<TempDir> {
        self.shutdown.ask();
        let Self { client, data_dir, running, .. } = self;
        drop(client);
        assert_eq!(running.await.unwrap().unwrap(), Drained::Fully);
        data_dir
    }

    /// Stops the service and starts it again on the same files, its clock where it stood.
    pub async fn restart(self) -> Self {
        let now = self.client.now().await;
        self.restart_at(now).await
    }

    /// The same, with the runner.
    pub async fn restart_with_runner(self) -> Self {
        let now = self.client.now().await;
        let data_dir = self.stop().await;
        Self::start(data_dir, now, true, BooksMode::Automatic).await
    }

    /// The same, with its clock at another instant.
    pub async fn restart_at(self, at: DateTime<Utc>) -> Self {
        let data_dir = self.stop().await;
        Self::start(data_dir, at, false, BooksMode::Automatic).await
    }
}
