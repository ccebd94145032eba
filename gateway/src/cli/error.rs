//! Why a verb has no answer, and the exit code that says so to programs.

mod codes;

use std::io;
use std::path::Path;

use ledger::causes::with_causes;
use ledger::store::ReadError;
use ledger::store::embedded::{BackupError, LOG_FILE, OpenError, ReplicaError, RestoreError};
use ledger::store::eventstore::{Cluster, OpenError as ClusterError};
use projections::error::ProjectionError;

use super::client::failure::{self, CallFailure};
use super::render::document::Document;
use crate::bench::BenchError;
use crate::demo::DemoError;
use crate::serve::ServiceError;

/// What helps where a log is not what its `HEAD` knows.
const AGAINST_HEAD: &str = "put the log back that belongs here, or restore a backup into an empty \
                            directory; only if the log is right as it is, remove the file HEAD";

/// What helps where a backup is not what it was when it was made: there is no `HEAD` beside it.
const AGAINST_BACKUP: &str = "the file has lost its end, or was changed, since it was made: take \
                              another backup";

const ON_CLUSTER: &str = "its log is on a cluster: `payledger copy-log --from CONNECTION --to \
                          DIRECTORY` makes a data directory of it";

const UNBELIEVED: &str = "it says what the directory is, so nothing else is believed: restore, \
                          replicate or copy into an empty directory";

const AFTER_PROMOTION: &str = "serve or follow that one; only if it is given up, remove the file \
                               SUPERSEDED";

/// What helps where a log is not what something else knows of it: `HEAD`, or a backup itself.
fn against_what(error: &OpenError) -> Option<&'static str> {
    let knows_head = |path: &Path| path.ends_with("HEAD");
    if let OpenError::NoteUnreadable { path } = error {
        return knows_head(path).then_some(AGAINST_HEAD);
    }
    let (OpenError::EndMissing { path, .. }
    | OpenError::HeadDiffers { path, .. }
    | OpenError::LogGone { path, .. }) = error
    else {
        return None;
    };
    Some(if knows_head(path) { AGAINST_HEAD } else { AGAINST_BACKUP })
}

/// What helps whoever opens a data directory, or follows one.
fn directory_hint(error: &OpenError) -> Option<&'static str> {
    if let Some(hint) = against_what(error) {
        return Some(hint);
    }
    if let OpenError::Missing { path } = error {
        return path.parent().is_some_and(Cluster::is_in).then_some(ON_CLUSTER);
    }
    if matches!(error, OpenError::NoteUnreadable { .. }) {
        return Some(UNBELIEVED);
    }
    matches!(error, OpenError::Superseded { .. }).then_some(AFTER_PROMOTION)
}

/// Why a verb has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments do not make a whole question.
    #[error("{0}")]
    Usage(String),
    /// A file or stream could not be read or written.
    #[error("{subject}: {}", with_causes(error))]
    Io {
        /// Which file or stream.
        subject: String,
        /// What the system said.
        error: io::Error,
    },
    /// The server answered with an error.
    #[error("{0}")]
    Call(Box<CallFailure>),
    /// The server could not be reached.
    #[error("cannot reach {server}: {cause}")]
    Unreachable {
        /// The address.
        server: String,
        /// What the transport said.
        cause: String,
    },
    /// Nobody reads what a verb says while it works, so that it goes no further.
    #[error("nobody reads standard output any more: {0}")]
    Unread(&'static str),
    /// Commands of a batch failed; the answer has each with its reason.
    #[error("{failed} of {commands} commands failed")]
    Batch {
        /// How many failed.
        failed: u64,
        /// How many there were.
        commands: u64,
        /// The exit code of the first that failed.
        exit_code: u8,
    },
    /// Rows of files could not be read; each was told with its reason, and the rest is done.
    #[error("{rows} rows were set aside")]
    SetAside {
        /// How many.
        rows: usize,
    },
    /// The log cannot be opened, or is not what it was.
    #[error("{}", with_causes(.0))]
    Log(#[from] OpenError),
    /// One of the two logs of a copy cannot be used now; what was copied is kept.
    #[error("{0}")]
    Copy(String),
    /// The log could not be backed up.
    #[error("{}", with_causes(.0))]
    Backup(#[from] BackupError),
    /// Nothing was restored.
    #[error("{}", with_causes(.0))]
    Restore(RestoreError),
    /// The standby was not written to, or not promoted.
    #[error("{}", with_causes(.0))]
    Replica(ReplicaError),
    /// What is recorded breaks a promise of the ledger.
    #[error("{0}")]
    Integrity(String),
    /// What was asked for is not in the log.
    #[error("{0}")]
    NotFound(String),
    /// The service could not start, or could not go on.
    #[error("{}", with_causes(.0))]
    Service(Box<ServiceError>),
    /// The demo met something that it does not promise.
    #[error("{}", with_causes(.0))]
    Demo(#[from] DemoError),
    /// The target of a copy holds something else than the log that is copied.
    #[error("{0}")]
    OtherTarget(String),
    /// A log is a part of another one, which is still to be copied into it.
    #[error("{0}")]
    CopyUnfinished(String),
    /// The measurement did not come to its end.
    #[error("{}", with_causes(.0))]
    Bench(#[from] BenchError),
    /// There is something at the target already.
    #[error("{0} exists already")]
    TargetExists(String),
}

impl CliError {
    /// Names the file or stream that an error came from.
    pub fn io(subject: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::Io { subject: subject.to_owned(), error }
    }

    /// An error in writing the answer.
    pub fn output() -> impl FnOnce(io::Error) -> Self {
        Self::io("standard output")
    }

    /// An error in writing what a verb says while it works; `left` is what it does not do then.
    pub fn output_at_work(left: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            let is_unread = error.kind() == io::ErrorKind::BrokenPipe;
            if is_unread { Self::Unread(left) } else { Self::output()(error) }
        }
    }

    /// The process's exit code: 1 an error, 2 wrong usage, 3 a broken promise of the log, 4 not
    /// found, 5 refused, 6 not allowed, 7 unavailable. Whoever reads our output may stop reading,
    /// which is no error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { error, .. } if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Demo(DemoError::Io { cause, .. })
                if cause.kind() == io::ErrorKind::BrokenPipe =>
            {
                0
            }
            Self::Bench(BenchError::Io { cause, .. })
                if cause.kind() == io::ErrorKind::BrokenPipe =>
            {
                0
            }
            Self::Service(error) => codes::of_service(error),
            Self::Io { .. }
            | Self::Unread(_)
            | Self::Bench(_)
            | Self::Demo(_)
            | Self::SetAside { .. }
            | Self::Backup(BackupError::Copy { .. }) => 1,
            Self::Call(failure) => failure.exit_code(),
            Self::Unreachable { .. }
            | Self::Copy(_)
            | Self::Backup(BackupError::UnderWay { .. }) => 7,
            Self::Batch { exit_code, .. } => *exit_code,
            Self::Log(error) | Self::Backup(BackupError::Check(error)) => codes::of_log(error),
            Self::Restore(error) => codes::of_restore(error),
            Self::Replica(error) => codes::of_replica(error),
            Self::Backup(BackupError::TargetExists { .. })
            | Self::TargetExists(_)
            | Self::CopyUnfinished(_)
            | Self::OtherTarget(_) => 5,
            Self::Integrity(_) => 3,
            Self::NotFound(_) => 4,
        }
    }

    /// What may help, if anything is known to.
    pub fn hint(&self) -> Option<String> {
        if let Self::Log(error) | Self::Replica(ReplicaError::Source(error)) = self
            && let Some(hint) = directory_hint(error)
        {
            return Some(hint.to_owned());
        }
        match self {
            Self::Service(error) => service_hint(error),
            Self::Unreachable { cause, .. } if cause.contains("certificate") => {
                Some(failure::certificate_hint(cause).to_owned())
            }
            Self::Unreachable { .. } => Some(
                "start one with `payledger serve`, or name another with --server or \
                 PAYLEDGER_SERVER"
                    .to_owned(),
            ),
            Self::Log(OpenError::Missing { path }) if path.ends_with(LOG_FILE) => Some(
                "--data-dir or PAYLEDGER_DATA_DIR names the directory that `payledger serve` \
                 writes to"
                    .to_owned(),
            ),
            Self::Log(OpenError::Standby { .. }) => Some(
                "`payledger promote --data-dir DIRECTORY` makes it a data directory like any other"
                    .to_owned(),
            ),
            Self::Replica(ReplicaError::NotAStandby { .. }) => Some(
                "a standby is begun by `payledger replicate`, in a directory that is empty or \
                 missing; one that was promoted already is one no more: serve it, and its first \
                 start records what was lost"
                    .to_owned(),
            ),
            Self::Copy(_) => Some("run it again: it goes on where it stopped".to_owned()),
            Self::CopyUnfinished(_)
            | Self::Log(OpenError::CopyUnfinished { .. })
            | Self::Replica(
                ReplicaError::Source(OpenError::CopyUnfinished { .. })
                | ReplicaError::Target(OpenError::CopyUnfinished { .. }),
            ) => Some("run `payledger copy-log` again: it goes on where it stopped".to_owned()),
            Self::Call(failure) => failure.hint(),
            Self::Usage(_)
            | Self::Io { .. }
            | Self::Unread(_)
            | Self::Batch { .. }
            | Self::SetAside { .. }
            | Self::Log(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Replica(_)
            | Self::Demo(_)
            | Self::Bench(_)
            | Self::Integrity(_)
            | Self::NotFound(_)
            | Self::OtherTarget(_)
            | Self::TargetExists(_) => None,
        }
    }

    /// The error as one document, for programs.
    pub fn document(&self) -> Document {
        let mut fields = if let Self::Call(failure) = self {
            failure.fields()
        } else {
            vec![Document::field("message", self.to_string())]
        };
        if let Some(hint) = self.hint() {
            fields.push(Document::field("hint", hint));
        }
        fields.push(Document::field("exit_code", u64::from(self.exit_code())));
        Document::Object(vec![("error".to_owned(), Document::Object(fields))])
    }

    /// The error in lines for people: the message first, then facts, then what may help.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("error: {self}")];
        if let Self::Call(failure) = self {
            lines.extend(failure.detail_lines());
        }
        lines.extend(self.hint().map(|hint| format!("hint: {hint}")));
        lines
    }
}

/// What helps where a cluster's log is not what a gateway has read of it.
const AGAINST_CLUSTER: &str = "name the cluster that the directory belongs to, or restore the \
                               cluster from a backup that holds it; only if its log is right as \
                               it is, remove the file positions and the folder read of each \
                               gateway's directory";

fn service_hint(error: &ServiceError) -> Option<String> {
    if let ServiceError::Cluster {
        cause: ClusterError::EndMissing { .. } | ClusterError::Read(ReadError::Damaged { .. }),
        ..
    } = error
    {
        return Some(AGAINST_CLUSTER.to_owned());
    }
    let ServiceError::Projections(error) = error else { return None };
    let hint = match error {
        ProjectionError::AheadOfLog { .. }
        | ProjectionError::OtherLog { .. }
        | ProjectionError::LogGone(_) => {
            "put the log back that belongs here, or restore a backup into an empty directory; only \
             if the log is right as it is, remove the folder read"
        }
        ProjectionError::Pointer { .. } | ProjectionError::Database(_) => {
            "the read models hold nothing of their own: remove the folder read of the data \
             directory, and they are built from the log at the next start"
        }
        ProjectionError::Missing(_)
        | ProjectionError::FoldVersion { .. }
        | ProjectionError::Rebuilding
        | ProjectionError::Cancelled
        | ProjectionError::Feed(_)
        | ProjectionError::Log(_)
        | ProjectionError::File { .. }
        | ProjectionError::Thread(_) => return None,
    };
    Some(hint.to_owned())
}

/// What stopped a restore or a promotion from telling what it loses is an error of its own.
impl From<RestoreError> for CliError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Open(error) => Self::Log(error),
            RestoreError::Loss(cause) => cause
                .downcast::<Self>()
                .map_or_else(|cause| Self::Restore(RestoreError::Loss(cause)), |error| *error),
            error @ (RestoreError::BeyondHead { .. }
            | RestoreError::InsideRequest { .. }
            | RestoreError::NotABackup { .. }) => Self::Restore(error),
        }
    }
}

impl From<ReplicaError> for CliError {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Loss(cause) => cause
                .downcast::<Self>()
                .map_or_else(|cause| Self::Replica(ReplicaError::Loss(cause)), |error| *error),
            error @ (ReplicaError::Target(_)
            | ReplicaError::Source(_)
            | ReplicaError::NotAStandby { .. }
            | ReplicaError::OwnSource { .. }
            | ReplicaError::OtherLog { .. }
            | ReplicaError::Behind { .. }
            | ReplicaError::Diverged { .. }) => Self::Replica(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::envelope::Position;

    #[test]
    fn programs_can_tell_errors_apart_by_exit_code() {
        let damaged = OpenError::Damaged { position: Position(7), cause: "checksum".to_owned() };
        let missing = OpenError::Missing { path: "events.db".into() };
        let not_empty = OpenError::NotEmpty { directory: "data".into() };
        let unreachable = CliError::Unreachable { server: "s".to_owned(), cause: "c".to_owned() };
        for (error, code) in [
            (CliError::Usage("no".to_owned()), 2),
            (damaged.into(), 3),
            (CliError::Integrity("no".to_owned()), 3),
            (missing.into(), 4),
            (CliError::NotFound("no".to_owned()), 4),
            (not_empty.into(), 5),
            (CliError::TargetExists("file".to_owned()), 5),
            (unreachable, 7),
            (CliError::output()(io::ErrorKind::StorageFull.into()), 1),
            (CliError::output()(io::ErrorKind::BrokenPipe.into()), 0),
            (CliError::output_at_work("left")(io::ErrorKind::BrokenPipe.into()), 1),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }

    #[test]
    fn an_unreachable_server_comes_with_a_hint_in_both_forms() {
        let error = CliError::Unreachable { server: "http://x".to_owned(), cause: "no".to_owned() };
        let lines = error.lines();
        assert_eq!(lines[0], "error: cannot reach http://x: no");
        assert!(lines[1].starts_with("hint: start one with `payledger serve`"), "{lines:?}");
        let json = serde_json::to_value(error.document()).unwrap();
        assert_eq!(json["error"]["exit_code"], 7);
        assert!(json["error"]["hint"].is_string());
    }
}
