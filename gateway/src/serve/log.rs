//! The log of a service: in its data directory, or kept by a cluster.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ledger::causes::with_causes;
use ledger::envelope::Position;
use ledger::store::EventStore;
use ledger::store::embedded::{Embedded, Options, Witness};
use ledger::store::eventstore::Cluster;
use projections::{LogWitness, Projections};

use super::ServiceError;

/// The log.
#[derive(Debug)]
pub(super) enum Log {
    /// A file in the data directory.
    Embedded(Arc<Embedded>),
    /// A cluster, which other gateways may share, and its connection string as it may be shown.
    Cluster(Arc<Cluster>, String),
}

impl Log {
    /// Opens the cluster that `store` names, or the log in `data_dir`.
    pub(super) async fn open(
        data_dir: &Path,
        store: Option<&str>,
        options: Options,
    ) -> Result<Self, ServiceError> {
        let Some(store) = store else {
            return embedded(data_dir, options).await.map(Self::Embedded);
        };
        if Embedded::is_in(data_dir) {
            return Err(ServiceError::LogBeside(data_dir.to_owned()));
        }
        let shown = Cluster::shown(store);
        match Cluster::open(store, data_dir).await {
            Ok(log) => Ok(Self::Cluster(Arc::new(log), shown)),
            Err(cause) => Err(ServiceError::Cluster { store: shown, cause }),
        }
    }

    /// The file, if that is what it is.
    pub(super) fn embedded(&self) -> Option<Arc<Embedded>> {
        match self {
            Self::Embedded(log) => Some(log.clone()),
            Self::Cluster(..) => None,
        }
    }

    /// The log as the engine and the read models use it.
    pub(super) fn port(&self) -> Arc<dyn EventStore> {
        match self {
            Self::Embedded(log) => log.clone(),
            Self::Cluster(log, _) => log.clone(),
        }
    }

    /// By what a read model knows that it belongs to this log.
    pub(super) fn witness(&self) -> Arc<dyn LogWitness> {
        match self {
            Self::Embedded(log) => Arc::new(ChainWitness::of(log.clone())),
            Self::Cluster(log, _) => Arc::new(EventWitness(log.clone())),
        }
    }

    /// Ends when nothing can be written any more.
    pub(super) async fn stopped(&self) {
        match self {
            Self::Embedded(log) => log.stopped().await,
            Self::Cluster(log, _) => log.stopped().await,
        }
    }

    /// Why nothing can be written any more, if that is so.
    pub(super) fn failure(&self) -> Option<ServiceError> {
        match self {
            Self::Embedded(log) => {
                log.failure().map(|cause| ServiceError::Writer(with_causes(cause)))
            }
            Self::Cluster(log, store) => {
                let told = |cause| ServiceError::Cluster { store: store.clone(), cause };
                log.failure().map(told)
            }
        }
    }
}

async fn embedded(data_dir: &Path, options: Options) -> Result<Arc<Embedded>, ServiceError> {
    if !Embedded::is_in(data_dir) {
        if Cluster::is_in(data_dir) {
            return Err(ServiceError::StoreUnnamed(data_dir.to_owned()));
        }
        Projections::refuse_without_log(data_dir)?;
    }
    let folder = data_dir.to_owned();
    let opening = move || Embedded::open(&folder, options);
    let opened = tokio::task::spawn_blocking(opening).await;
    let opened = opened.map_err(|fault| ServiceError::Task(fault.to_string()))?;
    let failed = |cause| ServiceError::Log { data_dir: data_dir.to_owned(), cause };
    Ok(Arc::new(opened.map_err(failed)?))
}

/// The log's chain of hashes, by which a read model knows that it belongs to this log.
#[derive(Debug)]
struct ChainWitness {
    log: Arc<Embedded>,
    /// What the log said last. It stands for all before it, so it still says something where the
    /// log cannot be asked; a read model that remembers nothing would belong to any log.
    last: Mutex<Witness>,
}

impl ChainWitness {
    fn of(log: Arc<Embedded>) -> Self {
        let last = Mutex::new(log.head_witness());
        Self { log, last }
    }
}

impl LogWitness for ChainWitness {
    fn witness(&self, at: Position) -> Option<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match self.log.witness(at) {
            Ok(witness) => *last = witness,
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(position = at.0, error, "the log cannot say what it holds there");
            }
        }
        serde_json::to_string(&*last).ok()
    }

    fn confirm(&self, _: Position, witness: &str) -> Result<(), String> {
        let witness: Witness = serde_json::from_str(witness).map_err(|error| error.to_string())?;
        self.log.confirm(&witness).map_err(|error| with_causes(&error))
    }
}

/// A cluster's log has no chain: what binds a read model to it is the id of the event at its
/// position, and where in the cluster's log that is.
#[derive(Debug)]
struct EventWitness(Arc<Cluster>);

impl LogWitness for EventWitness {
    fn witness(&self, at: Position) -> Option<String> {
        self.0.witness(at)
    }

    fn confirm(&self, at: Position, witness: &str) -> Result<(), String> {
        self.0.confirm(at, witness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_log_cannot_be_asked_what_it_said_last_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(Embedded::open(folder.path(), Options::default()).unwrap());
        let (at, before) = (Position(1), log.head_witness());
        let witness = ChainWitness::of(Arc::clone(&log));
        std::fs::write(folder.path().join("events.db"), "no log any more").unwrap();
        log.witness(at).unwrap_err();
        let remembered = witness.witness(at).unwrap();
        assert_eq!(serde_json::from_str::<Witness>(&remembered).unwrap(), before);
    }
}
