//! Why the measurement did not come to its end.

use std::io;

use tonic::Status;

/// Why the measurement did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A call failed that should not have.
    #[error("{what} failed: {} ({})", status.message(), status.code())]
    Call {
        /// What was asked for.
        what: String,
        /// The server's answer.
        status: Box<Status>,
    },
    /// A server could not be started or reached, or an answer lacks what the contract promises.
    #[error("{0}")]
    Server(String),
    /// The settings do not make a measurement.
    #[error("{0}")]
    Settings(String),
    /// A signal came before the end.
    #[error("interrupted; the servers are stopped too")]
    Interrupted,
    /// A directory, a process or a stream could not be used.
    #[error("{subject}: {cause}")]
    Io {
        /// Which one.
        subject: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl BenchError {
    /// Names the call that a status answered.
    pub(super) fn call(what: &str) -> impl FnOnce(Status) -> Self + '_ {
        move |status| Self::Call { what: what.to_owned(), status: Box::new(status) }
    }

    /// Names what could not be used.
    pub(super) fn io(subject: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let subject = subject.into();
        |cause| Self::Io { subject, cause }
    }

    /// An answer without what it must have.
    pub(super) fn lacks(what: &str) -> Self {
        Self::Server(format!("an answer lacks {what}"))
    }
}
