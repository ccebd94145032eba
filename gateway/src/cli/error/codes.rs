//! The exit codes of what the log, its copies and the service fail with.

use ledger::engine::EngineError;
use ledger::store::ReadError;
use ledger::store::embedded::{OpenError, ReplicaError, RestoreError};
use ledger::store::eventstore::OpenError as ClusterError;
use projections::error::{FeedError, ProjectionError};

use crate::serve::ServiceError;

/// A log that is damaged, or lacks what its read models know or a gateway has read, is a broken
/// promise; the rest is an error.
pub(super) fn of_service(error: &ServiceError) -> u8 {
    match error {
        ServiceError::Projections(error) if is_broken(error) => 3,
        ServiceError::Engine(EngineError::Damaged { .. })
        | ServiceError::Cluster {
            cause: ClusterError::EndMissing { .. } | ClusterError::Read(ReadError::Damaged { .. }),
            ..
        } => 3,
        ServiceError::Cluster { .. } => 7,
        ServiceError::Projections(_)
        | ServiceError::Server(_)
        | ServiceError::LogBeside(_)
        | ServiceError::StoreUnnamed(_)
        | ServiceError::Log { .. }
        | ServiceError::Engine(_)
        | ServiceError::Loss { .. }
        | ServiceError::Writer(_)
        | ServiceError::Task(_) => 1,
    }
}

fn is_broken(error: &ProjectionError) -> bool {
    if let ProjectionError::Feed(error) = error {
        return matches!(**error, FeedError::Log(ReadError::Damaged { .. }));
    }
    matches!(
        error,
        ProjectionError::AheadOfLog { .. }
            | ProjectionError::OtherLog { .. }
            | ProjectionError::LogGone(_)
            | ProjectionError::Log(ReadError::Damaged { .. })
    )
}

pub(super) const fn of_restore(error: &RestoreError) -> u8 {
    match error {
        RestoreError::Open(error) => of_log(error),
        RestoreError::BeyondHead { .. } => 4,
        RestoreError::InsideRequest { .. } | RestoreError::NotABackup { .. } => 5,
        RestoreError::Loss(_) => 1,
    }
}

pub(super) const fn of_replica(error: &ReplicaError) -> u8 {
    match error {
        ReplicaError::Target(error) | ReplicaError::Source(error) => of_log(error),
        ReplicaError::NotAStandby { .. }
        | ReplicaError::OwnSource { .. }
        | ReplicaError::OtherLog { .. } => 5,
        ReplicaError::Behind { .. } | ReplicaError::Diverged { .. } => 3,
        ReplicaError::Loss(_) => 1,
    }
}

pub(super) const fn of_log(error: &OpenError) -> u8 {
    match error {
        OpenError::Damaged { .. }
        | OpenError::EndMissing { .. }
        | OpenError::HeadDiffers { .. }
        | OpenError::NoteUnreadable { .. }
        | OpenError::LogGone { .. } => 3,
        OpenError::Missing { .. } => 4,
        OpenError::NotEmpty { .. }
        | OpenError::Standby { .. }
        | OpenError::Superseded { .. }
        | OpenError::Unfinished { .. }
        | OpenError::CopyUnfinished { .. }
        | OpenError::LossPending { .. } => 5,
        OpenError::DirectoryInUse { .. } => 7,
        OpenError::Io { .. }
        | OpenError::NotALog { .. }
        | OpenError::Format { .. }
        | OpenError::Full { .. }
        | OpenError::Sqlite { .. } => 1,
    }
}
