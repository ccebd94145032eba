//! Files of loan-months: XML as filed, or the same elements as CSV. A row that cannot be read is
//! set aside with its reason, and the rest goes on.

mod delimited;
mod xml;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Serialize;

use super::record::{FieldError, Fields, LoanMonth};

/// The element that names a loan.
const ASSET_NUMBER: &str = "assetNumber";

/// What stands in its place where a copy of a filing has damaged it.
const ROW_ID: &str = "row_id";

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub struct Reading {
    /// Loan-months in the order of the files.
    pub months: Vec<LoanMonth>,
    /// Rows that were set aside.
    pub rejected: Vec<Rejected>,
}

/// A row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The file.
    pub file: String,
    /// The line on which the row begins, from 1; none for what is wrong between rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The loan, if that much could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// What is wrong, the element first.
    pub reason: String,
}

/// Why a file ends early, or says nothing.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    /// The system would not read it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what its first byte promises.
    #[error("{problem}")]
    Malformed {
        /// Where.
        line: u64,
        /// What.
        problem: String,
    },
    /// A CSV file whose heading lacks an element without which a row says nothing.
    #[error("has no column {0}; the columns are named as the SEC's elements")]
    NoColumn(&'static str),
}

impl Reading {
    /// Reads one more file: XML if it begins with `<`, else CSV. Only the system's errors end it:
    /// where a file breaks off, what was read before counts, and the break is set aside as a row.
    pub fn add(&mut self, path: &Path) -> io::Result<()> {
        let name = path.display().to_string();
        self.add_stream(&name, BufReader::new(File::open(path)?))
    }

    /// Reads one more file from a stream.
    pub fn add_stream(&mut self, name: &str, mut input: impl BufRead) -> io::Result<()> {
        // A byte order mark is no part of the text.
        if input.fill_buf()?.starts_with(&[0xef, 0xbb, 0xbf]) {
            input.consume(3);
        }
        let first = input.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace());
        let read = if first == Some(&b'<') {
            xml::read(name, input, self)
        } else {
            delimited::read(name, input, self)
        };
        let (line, reason) = match read {
            Ok(()) => return Ok(()),
            Err(ReadError::Io(error)) => return Err(error),
            Err(ReadError::Malformed { line, problem }) => (line, problem),
            Err(error @ ReadError::NoColumn(_)) => (1, error.to_string()),
        };
        self.rejected.push(Rejected {
            file: name.to_owned(),
            line: Some(line),
            asset: None,
            reason,
        });
        Ok(())
    }

    fn take(&mut self, file: &str, line: u64, fields: &impl Fields, asset_element: &str) {
        match LoanMonth::read(fields, asset_element) {
            Ok(month) => self.months.push(month),
            Err(error) => {
                let asset = fields.value(asset_element).map(str::to_owned);
                self.reject(file, line, asset, &error);
            }
        }
    }

    fn reject(&mut self, file: &str, line: u64, asset: Option<String>, error: &FieldError) {
        let reason = error.to_string();
        self.rejected.push(Rejected { file: file.to_owned(), line: Some(line), asset, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> Reading {
        let mut reading = Reading::default();
        reading.add_stream("file", text.as_bytes()).unwrap();
        reading
    }

    const HEADING: &str =
        "assetNumber,reportingPeriodEndingDate,reportingPeriodActualEndBalanceAmount";

    #[test]
    fn a_bad_row_is_set_aside_with_its_line_and_the_rest_goes_on() {
        let text = format!(
            "{HEADING}\nA,12-31-2017,10\nB,12-31-2017,ten\nC,12-31-2017\nD,12-31-2017,1.50\n"
        );
        let reading = reading(&text);
        let assets: Vec<_> = reading.months.iter().map(|month| month.asset.as_str()).collect();
        assert_eq!(assets, ["A", "D"]);
        let told: Vec<_> = reading
            .rejected
            .iter()
            .map(|row| (row.line.unwrap(), row.asset.as_deref(), row.reason.as_str()))
            .collect();
        assert_eq!(told.len(), 2);
        let expected = "reportingPeriodActualEndBalanceAmount: \"ten\" is not a decimal number";
        assert_eq!(told[0], (3, Some("B"), expected));
        assert_eq!((told[1].0, told[1].1), (4, Some("C")));
    }

    #[test]
    fn a_damaged_copy_names_its_loans_by_row() {
        let text = format!("row_id,{HEADING}\nWO-1,9,12-31-2017,10\nWO-2,9,12-31-2017,10\n");
        let reading = reading(&text);
        assert_eq!(reading.months[1].asset, "WO-2");
    }

    #[test]
    fn a_file_of_something_else_is_set_aside_and_what_came_before_a_break_counts() {
        let set_aside = |text: &str| reading(text).rejected[0].reason.clone();
        assert!(set_aside("a,b\n1,2\n").starts_with("has no column assetNumber"));
        assert!(set_aside("").starts_with("has no column assetNumber"));
        let other = "<?xml version=\"1.0\"?>\n<html><body/></html>";
        assert_eq!(set_aside(other), "is html, and not assetData of form ABS-EE");
        let whole = "<assetData>\n<assets><assetNumber>1</assetNumber>\
            <reportingPeriodEndingDate>06-30-2026</reportingPeriodEndingDate>\
            <reportingPeriodActualEndBalanceAmount>1</reportingPeriodActualEndBalanceAmount>\
            </assets>\n<assets><assetNumber>";
        let reading = reading(whole);
        assert_eq!((reading.months.len(), reading.rejected.len()), (1, 1));
        assert_eq!(reading.rejected[0].line, Some(3));
    }

    #[test]
    fn xml_is_read_whatever_its_prefix() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<a:assetData xmlns:a=\"x\">\n<a:assets>\n\
            <a:assetNumber>0001 - 01</a:assetNumber>\
            <a:reportingPeriodEndingDate>06-30-2026</a:reportingPeriodEndingDate>\
            <a:obligorGeographicLocation/>\
            <a:reportingPeriodActualEndBalanceAmount>3717.93000000\
            </a:reportingPeriodActualEndBalanceAmount>\
            </a:assets>\n<a:assets>\n<a:assetNumber>2</a:assetNumber></a:assets>\n</a:assetData>";
        let reading = reading(text);
        assert_eq!(reading.months[0].end_balance.to_string(), "3717.93");
        assert_eq!(reading.months[0].state, None);
        assert_eq!(reading.rejected[0].line, Some(5));
        assert_eq!(reading.rejected[0].reason, "reportingPeriodEndingDate: is missing");
    }
}
