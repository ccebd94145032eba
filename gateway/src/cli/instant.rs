//! Instants as they are written on the command line and in the files that it takes.

use chrono::{DateTime, Utc};
use ledger::domain::cutoff::{NotReceivable, receivable};

/// What is wrong with an instant, to be said after its text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InstantError {
    #[error("is not an RFC 3339 timestamp with an offset, such as 2026-03-03T14:59:00-05:00")]
    Malformed,
    #[error(transparent)]
    NotReceivable(#[from] NotReceivable),
}

/// Reads an instant, RFC 3339 with an offset.
pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, InstantError> {
    let instant = DateTime::parse_from_rfc3339(text).map_err(|_| InstantError::Malformed)?;
    Ok(instant.with_timezone(&Utc))
}

/// Reads an instant at which something is received.
pub(crate) fn receipt(text: &str) -> Result<DateTime<Utc>, InstantError> {
    Ok(receivable(instant(text)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_an_offset_and_a_receipt_a_year_that_dates_follow_from() {
        let noon = "2026-03-03T17:00:00Z".parse::<DateTime<Utc>>().unwrap();
        assert_eq!(receipt("2026-03-03T12:00:00-05:00"), Ok(noon));
        assert_eq!(instant("2026-03-03T12:00:00"), Err(InstantError::Malformed));
        assert!(instant("9998-01-01T00:00:00Z").is_ok());
        let problem = receipt("9998-01-01T00:00:00Z").unwrap_err().to_string();
        assert_eq!(problem, "must be of a year from 2 to 9997");
    }
}
