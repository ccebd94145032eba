//! An error with all that caused it, for whoever reads a log or a terminal.

use std::error::Error;

/// The error and its causes, outermost first: no error's own words repeat those of its source.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Some libraries repeat their cause in their own words.
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AppendError, ReadError};

    #[test]
    fn every_cause_is_told_once() {
        let read = ReadError::Unavailable("the disk is gone".into());
        // It speaks with the words of what it holds.
        let error = AppendError::Indeterminate(std::io::Error::other(read).into());
        let told = "the outcome of the append is unknown: the event store is unavailable: \
                    the disk is gone";
        assert_eq!(with_causes(&error), told);
    }
}
