//! Loan-months as CSV, the heading being the names of the elements.

use std::collections::BTreeMap;
use std::io::BufRead;

use csv::{ReaderBuilder, StringRecord};

use super::{ASSET_NUMBER, ROW_ID, ReadError, Reading};
use crate::absee::record::{FieldError, Fields, REQUIRED};

struct Row<'a> {
    columns: &'a BTreeMap<String, usize>,
    record: &'a StringRecord,
}

impl Fields for Row<'_> {
    fn value(&self, element: &str) -> Option<&str> {
        let column = *self.columns.get(&element.to_ascii_lowercase())?;
        self.record.get(column).map(str::trim).filter(|value| !value.is_empty())
    }
}

pub(super) fn read(
    file: &str,
    input: impl BufRead,
    reading: &mut Reading,
) -> Result<(), ReadError> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(input);
    let heading = reader.headers().map_err(malformed)?;
    let columns: BTreeMap<String, usize> = heading
        .iter()
        .enumerate()
        .map(|(at, name)| (name.trim().to_ascii_lowercase(), at))
        .collect();
    for element in REQUIRED {
        if !columns.contains_key(&element.to_ascii_lowercase()) {
            return Err(ReadError::NoColumn(element));
        }
    }
    let width = heading.len();
    let asset_element = if columns.contains_key(ROW_ID) { ROW_ID } else { ASSET_NUMBER };
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) if error.is_io_error() => return Err(malformed(error)),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                let problem = "is not UTF-8 text".to_owned();
                reading.reject(file, line, None, &FieldError { element: "row", problem });
                continue;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let row = Row { columns: &columns, record: &record };
        if record.len() == width {
            reading.take(file, line, &row, asset_element);
        } else {
            let problem = format!("has {} fields, its heading has {width}", record.len());
            let asset = row.value(asset_element).map(str::to_owned);
            reading.reject(file, line, asset, &FieldError { element: "row", problem });
        }
    }
}

fn malformed(error: csv::Error) -> ReadError {
    if error.is_io_error() {
        return ReadError::Io(error.into());
    }
    let line = error.position().map_or(1, csv::Position::line);
    ReadError::Malformed { line, problem: error.to_string() }
}
