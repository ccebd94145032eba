//! A calendar month, as accounting closes it.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use schemars::JsonSchema;

use crate::text::stored_as_text;

/// A month of a year, written `2026-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String")]
pub struct Month(NaiveDate);

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a month such as \"2026-03\"")]
pub struct MonthError(String);

impl Month {
    /// The month of a date.
    pub fn of(date: NaiveDate) -> Self {
        Self(date.with_day(1).unwrap_or(date))
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || MonthError(text.chars().take(20).collect());
        let shaped = text.len() == 7 && text.as_bytes().get(4) == Some(&b'-');
        let date = format!("{text}-01").parse().ok().filter(|_| shaped);
        date.map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

stored_as_text!(Month);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_written_as_it_is_read() {
        let month: Month = "2026-03".parse().unwrap();
        assert_eq!(month.to_string(), "2026-03");
        assert_eq!(serde_json::to_string(&month).unwrap(), r#""2026-03""#);
        assert_eq!(Month::of("2026-03-31".parse().unwrap()), month);
        assert!("2026-04".parse::<Month>().unwrap() > month);
        for text in ["", "2026", "2026-3", "2026-13", "2026-00", "2026-03-01", "26-03-1"] {
            assert!(text.parse::<Month>().is_err(), "{text:?}");
        }
    }
}
