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
    /// Comma-separated values: the columns of the table, of a list its items alone.
    Csv,
}

impl Output {
    /// What was asked for, else a table on a terminal and JSON elsewhere.
    pub fn or_default(asked: Option<Self>) -> Self {
        let default = if io::stdout().is_terminal() { Self::Table } else { Self::Json };
        asked.unwrap_or(default)
    }
}

/// Tells whoever started us something beside the answer, on standard error, if anybody hears it.
pub fn tell(text: &str) {
    let _unheard = writeln!(io::stderr(), "{text}");
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

/// Writes one record of comma-separated values (RFC 4180), ended by a line feed.
pub fn write_record(
    out: &mut impl Write,
    values: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(values)?;
    writer.flush()
}

/// Writes records of comma-separated values under a heading.
pub fn write_csv(
    out: &mut impl Write,
    heading: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    write_record(&mut *out, heading)?;
    rows.into_iter().try_for_each(|row| write_record(&mut *out, row))
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
