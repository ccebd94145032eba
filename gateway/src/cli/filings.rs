//! Files of asset-level data, for the verbs that take them.

use std::path::PathBuf;

use crate::absee::loans::{Loan, loans};
use crate::absee::reader::{Reading, Rejected};
use crate::cli::CliError;
use crate::cli::output::tell;

/// What the verbs say about the files.
pub const FILES: &str = "\
FILE is exhibit EX-102 of form ABS-EE as XML, or the same elements as the columns of a CSV file;
several files are several months, or parts of one. Dates are MM-DD-YYYY or MM/YYYY, rates fractions
of a year, flags true or false or 1 or 0; what is empty is not reported. A row that cannot be read
is set aside with its reason, the rest goes on, and the exit code is 1. A copy that has a column
row_id names its loans by it.";

/// How many rows that were set aside are told one by one.
const TOLD_MAX: usize = 20;

/// The files of a verb.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

impl Files {
    /// Reads them, and tells what was set aside.
    pub fn read(&self) -> Result<(Vec<Loan>, Vec<Rejected>), CliError> {
        let mut reading = Reading::default();
        for file in &self.files {
            reading.add(file).map_err(CliError::io(&file.display().to_string()))?;
        }
        let loans = loans(&mut reading);
        let rejected = reading.rejected;
        for row in rejected.iter().take(TOLD_MAX) {
            let line = row.line.map_or_else(String::new, |line| format!(":{line}"));
            let asset = row.asset.as_ref().map_or_else(String::new, |asset| format!(" ({asset})"));
            tell(&format!("{}{line}{asset}: {}", row.file, row.reason));
        }
        let untold = rejected.len().saturating_sub(TOLD_MAX);
        if untold > 0 {
            tell(&format!("and {untold} more"));
        }
        Ok((loans, rejected))
    }
}

/// An error if rows were set aside, once the rest is done.
pub fn all_read(rejected: &[Rejected]) -> Result<(), CliError> {
    match rejected.len() {
        0 => Ok(()),
        rows => Err(CliError::SetAside { rows }),
    }
}
