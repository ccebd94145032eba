//! The command line's verbs: each a function of its arguments that writes its answer to a stream.

pub mod calendar;
pub mod output;
pub mod preview;

/// Why a verb has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments do not make a whole question.
    #[error("{0}")]
    Usage(String),
    /// A file or stream could not be read or written.
    #[error("{subject}: {error}")]
    Io {
        /// Which file or stream.
        subject: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl CliError {
    /// Names the file or stream that an error came from.
    pub fn io(subject: &str) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::Io { subject: subject.to_owned(), error }
    }

    /// An error in writing the answer.
    pub fn output() -> impl FnOnce(std::io::Error) -> Self {
        Self::io("standard output")
    }

    /// The process's exit code: 1 for an error, 2 for a wrong usage. Whoever reads our output may
    /// stop reading, which is no error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { error, .. } if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
            Self::Io { .. } => 1,
        }
    }
}
