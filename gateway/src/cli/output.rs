//! How answers are written: a table for people, JSON for programs.

use std::io::{self, IsTerminal as _, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

/// The form of an answer on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Aligned columns.
    Table,
    /// One indented JSON document.
    Json,
    /// One compact JSON document a line.
    Jsonl,
}

impl Output {
    /// What was asked for, else a table on a terminal and JSON elsewhere.
    pub fn or_default(asked: Option<Self>) -> Self {
        let default = if io::stdout().is_terminal() { Self::Table } else { Self::Json };
        asked.unwrap_or(default)
    }
}

/// Tells whoever started us something beside the answer, on standard error.
#[expect(clippy::print_stderr, reason = "standard output is for answers only")]
pub fn tell(text: &str) {
    eprintln!("{text}");
}

/// Writes one indented document.
pub fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Writes one compact document on a line.
pub fn write_json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// Writes aligned columns under a heading.
pub fn write_table<const COLUMNS: usize>(
    out: &mut impl Write,
    heading: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(heading).add_rows(rows);
    writeln!(out, "{table}")
}

/// Writes aligned columns under a heading, with as many columns as the heading has.
pub fn write_columns(
    out: &mut impl Write,
    heading: &[&str],
    rows: Vec<Vec<String>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(heading).add_rows(rows);
    writeln!(out, "{table}")
}
