//! Health as probes see it (`grpc.health.v1`): the whole server and each service, ready or not.

use std::sync::Arc;

use prost::Message;
use prost_types::FileDescriptorSet;
use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, HealthService};

/// The name by which probes ask for the log.
const LOG: &str = "log";

/// Whether the server is ready. Not until told, and never again once it drains.
#[derive(Debug, Clone)]
pub struct Readiness {
    reporter: HealthReporter,
    services: Arc<[String]>,
    draining: Arc<Mutex<bool>>,
}

impl Readiness {
    /// A server that is not ready yet, on a log of which nothing bad is known.
    pub async fn new() -> Self {
        let readiness = Self {
            reporter: HealthReporter::new(),
            services: services().into(),
            draining: Arc::default(),
        };
        readiness.report(false).await;
        readiness.set_log(true).await;
        readiness
    }

    /// Says whether the log is recovered, the clock right and the read models within bounds.
    pub async fn set(&self, ready: bool) {
        // Held until the report is out, so that a late "ready" cannot overtake the drain.
        let draining = self.draining.lock().await;
        if !*draining {
            self.report(ready).await;
        }
    }

    /// Says whether the log is free of known damage. That is a name of its own: with damage the
    /// server stays ready, since no other could answer better, and most of it can be answered.
    pub async fn set_log(&self, whole: bool) {
        self.reporter.set_service_status(LOG, status(whole)).await;
    }

    /// Says that the server is not ready, for good.
    pub(super) async fn drain(&self) {
        let mut draining = self.draining.lock().await;
        *draining = true;
        self.report(false).await;
    }

    /// The service that probes ask.
    pub(super) fn service(&self) -> HealthServer<impl Health + use<>> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    async fn report(&self, ready: bool) {
        for service in self.services.iter() {
            self.reporter.set_service_status(service, status(ready)).await;
        }
    }
}

const fn status(good: bool) -> ServingStatus {
    if good { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// The names that probes may ask for: the empty one for the whole server, and every service's.
fn services() -> Vec<String> {
    let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let ours = set.file.iter().flat_map(|file| {
        file.service.iter().map(|service| format!("{}.{}", file.package(), service.name()))
    });
    std::iter::once(String::new()).chain(ours).collect()
}
