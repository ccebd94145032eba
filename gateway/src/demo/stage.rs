//! Where the story is told: sentences, tables, and what is expected of every answer.

use std::fmt::Debug;
use std::io::{self, Write};

use comfy_table::{Table, presets};
use tonic::Status;

use crate::convert::FieldError;

/// How long a line of sentences may be.
const COLUMNS_MAX: usize = 96;

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// An answer is not what the story promises.
    #[error("{what}: expected {wanted}, got {got}")]
    Unexpected {
        /// What was looked at.
        what: String,
        /// What it should be.
        wanted: String,
        /// What it is.
        got: String,
    },
    /// A call failed that should not have.
    #[error("{what} failed: {} ({})", status.message(), status.code())]
    Call {
        /// What was asked for.
        what: String,
        /// The service's answer.
        status: Box<Status>,
    },
    /// The service could not be started, or ended by itself.
    #[error("{0}")]
    Server(String),
    /// The file of the portfolio cannot be read.
    #[error("the sample portfolio: {0}")]
    Portfolio(String),
    /// The offline check has found something.
    #[error("the log, or the read models, are not what they should be: {0}")]
    Verify(String),
    /// A signal came before the story's end.
    #[error("interrupted; the service is stopped too")]
    Interrupted,
    /// A directory or stream could not be read or written.
    #[error("{subject}: {cause}")]
    Io {
        /// Which one.
        subject: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl DemoError {
    /// Names the call that a status answered.
    pub(super) fn call(what: impl Into<String>) -> impl FnOnce(Status) -> Self {
        let what = what.into();
        |status| Self::Call { what, status: Box::new(status) }
    }

    /// Names what could not be read or written.
    pub(super) fn io(subject: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let subject = subject.into();
        |cause| Self::Io { subject, cause }
    }

    /// Says that an answer lacks what the contract promises, or holds what it does not allow.
    pub(super) fn unexpected(what: impl Into<String>, wanted: &str, got: &dyn Debug) -> Self {
        Self::Unexpected { what: what.into(), wanted: wanted.to_owned(), got: format!("{got:?}") }
    }
}

impl From<FieldError> for DemoError {
    fn from(error: FieldError) -> Self {
        Self::Unexpected {
            what: "a field of an answer".to_owned(),
            wanted: "a value of the contract".to_owned(),
            got: error.to_string(),
        }
    }
}

/// Checks what the story promises.
pub(super) fn expect_same<T: PartialEq + Debug>(
    what: &str,
    got: &T,
    wanted: &T,
) -> Result<(), DemoError> {
    if got == wanted {
        return Ok(());
    }
    Err(DemoError::unexpected(what, &format!("{wanted:?}"), got))
}

/// Takes what an answer must hold.
pub(super) fn present<T>(what: &str, value: Option<T>) -> Result<T, DemoError> {
    value.ok_or_else(|| DemoError::unexpected(what, "a value", &"none"))
}

/// The stream on which the story is told.
pub(super) struct Stage<'a> {
    out: &'a mut dyn Write,
    chapter: u32,
    /// Was a table the last that was told? The next one then needs some room.
    after_table: bool,
}

impl Debug for Stage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("chapter", &self.chapter).finish_non_exhaustive()
    }
}

impl<'a> Stage<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, chapter: 0, after_table: false }
    }

    /// Opens the next part of the story.
    pub(super) fn chapter(&mut self, title: &str) -> Result<(), DemoError> {
        self.chapter = self.chapter.saturating_add(1);
        let number = self.chapter;
        self.tell(&format!("\n{number}. {title}"))
    }

    /// Says something, on lines of its own.
    pub(super) fn tell(&mut self, text: &str) -> Result<(), DemoError> {
        self.after_table = false;
        writeln!(self.out, "{text}").map_err(DemoError::io("standard output"))?;
        self.out.flush().map_err(DemoError::io("standard output"))
    }

    /// Says something in sentences, on lines that are not too long to read.
    pub(super) fn say(&mut self, sentences: &str) -> Result<(), DemoError> {
        let mut lines = vec![String::new()];
        for word in sentences.split_whitespace() {
            match lines.last_mut() {
                Some(line) if line.is_empty() => line.push_str(word),
                Some(line) if line.len().saturating_add(word.len()) < COLUMNS_MAX => {
                    line.push(' ');
                    line.push_str(word);
                }
                Some(_) | None => lines.push(word.to_owned()),
            }
        }
        self.tell(&lines.join("\n"))
    }

    /// Shows rows under a heading.
    pub(super) fn table<const COLUMNS: usize>(
        &mut self,
        heading: [&str; COLUMNS],
        rows: Vec<[String; COLUMNS]>,
    ) -> Result<(), DemoError> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(heading).add_rows(rows);
        let indented: Vec<_> = table.lines().map(|line| format!("  {}", line.trim_end())).collect();
        let room = if self.after_table { "\n" } else { "" };
        self.tell(&format!("{room}{}", indented.join("\n")))?;
        self.after_table = true;
        Ok(())
    }
}
