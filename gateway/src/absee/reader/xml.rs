//! Loan-months as XML, the form in which they are filed: one element `assets` a loan.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{ASSET_NUMBER, ReadError, Reading};
use crate::absee::record::Fields;

/// The root of exhibit EX-102.
const ROOT: &str = "assetData";

/// One loan.
const RECORD: &str = "assets";

impl Fields for BTreeMap<String, String> {
    fn value(&self, element: &str) -> Option<&str> {
        self.get(element).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Counts the lines that have gone by.
struct Lines<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What was filled is still there, so that this reads nothing and cannot fail.
        let gone = self.input.fill_buf().unwrap_or_default();
        let lines = gone.iter().take(amount).filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(lines).unwrap_or(0));
        self.input.consume(amount);
    }
}

/// Where in the document the reader is.
#[derive(Default)]
struct Place {
    /// The names of the elements around, the root first.
    path: Vec<String>,
    /// The line on which the record began.
    began: u64,
    /// The record so far.
    fields: BTreeMap<String, String>,
    /// The text of the element so far.
    text: String,
}

pub(super) fn read(
    file: &str,
    input: impl BufRead,
    reading: &mut Reading,
) -> Result<(), ReadError> {
    let mut xml = Reader::from_reader(Lines { input, line: 1 });
    xml.config_mut().expand_empty_elements = true;
    let mut place = Place::default();
    let mut buffer = Vec::new();
    let mut seen_root = false;
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer);
        let line = xml.get_ref().line;
        let wrong = |problem: String| ReadError::Malformed { line, problem };
        let event = event.map_err(|error| {
            if let quick_xml::Error::Io(error) = &error {
                return ReadError::Io(io::Error::new(error.kind(), error.to_string()));
            }
            wrong(error.to_string())
        })?;
        match event {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                if place.path.is_empty() && name != ROOT {
                    return Err(wrong(format!("is {name}, and not {ROOT} of form ABS-EE")));
                }
                seen_root = true;
                if place.path.len() == 1 && name == RECORD {
                    place.began = line;
                    place.fields.clear();
                }
                place.text.clear();
                place.path.push(name);
            }
            Event::Text(text) => {
                place.text.push_str(&text.decode().map_err(|error| wrong(error.to_string()))?);
            }
            Event::CData(text) => {
                place.text.push_str(&text.decode().map_err(|error| wrong(error.to_string()))?);
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| wrong(error.to_string()))?;
                let character = reference.resolve_char_ref().ok().flatten();
                let predefined = quick_xml::escape::resolve_predefined_entity(&name);
                match (character, predefined) {
                    (Some(character), _) => place.text.push(character),
                    (None, Some(text)) => place.text.push_str(text),
                    (None, None) => return Err(wrong(format!("&{name}; is not known"))),
                }
            }
            Event::End(_) => place.leave(file, reading),
            Event::Eof => break,
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
    let line = xml.get_ref().line;
    if !seen_root || !place.path.is_empty() {
        return Err(ReadError::Malformed { line, problem: "the document is cut off".to_owned() });
    }
    Ok(())
}

impl Place {
    fn leave(&mut self, file: &str, reading: &mut Reading) {
        let Some(name) = self.path.pop() else { return };
        let text = std::mem::take(&mut self.text);
        match self.path.len() {
            1 if name == RECORD => reading.take(file, self.began, &self.fields, ASSET_NUMBER),
            2 => {
                self.fields.insert(name, text);
            }
            _ => {}
        }
    }
}
