//! A window of a day, named by the local time at which it closes.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveTime;

use crate::text::stored_as_text;

/// A text that is no local time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a local time of day such as \"15:00\", from \"00:01\" to \"24:00\"")]
pub struct WindowError(pub String);

/// A window of a day, named by the local time at which it closes: minutes after midnight, from 1
/// to 1,440, in order.
///
/// ```
/// use ledger::domain::cutoff::Window;
/// assert_eq!("15:00".parse::<Window>().unwrap().to_string(), "15:00");
/// assert!("24:00".parse::<Window>().unwrap() > "18:00".parse().unwrap());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    minutes: u16,
}

impl Window {
    /// The window that closes when the day does, at 00:00 of the next day.
    pub const END_OF_DAY: Self = Self { minutes: 24 * 60 };

    /// The local time at which it closes; `None` for the end of the day.
    pub fn time(self) -> Option<NaiveTime> {
        NaiveTime::from_num_seconds_from_midnight_opt(u32::from(self.minutes).saturating_mul(60), 0)
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || WindowError(text.chars().take(20).collect());
        let two_digits = |part: &str| {
            let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            if plain { part.parse::<u16>().map_err(|_| error()) } else { Err(error()) }
        };
        let (hours, minutes) = text.split_once(':').ok_or_else(error)?;
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        let window = Self { minutes: hours.saturating_mul(60).saturating_add(minutes) };
        if minutes > 59 || window.minutes == 0 || window > Self::END_OF_DAY {
            return Err(error());
        }
        Ok(window)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes) = (self.minutes.div_euclid(60), self.minutes.rem_euclid(60));
        write!(f, "{hours:02}:{minutes:02}")
    }
}

stored_as_text!(Window);

impl schemars::JsonSchema for Window {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Local time in New York at which the window closes; 24:00 ends the day",
            "pattern": r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_written_as_it_was_read() {
        for text in ["00:01", "09:05", "15:00", "18:00", "23:59", "24:00"] {
            let window = text.parse::<Window>().unwrap();
            assert_eq!(window.to_string(), text);
            assert_eq!(serde_json::to_string(&window).unwrap(), format!("\"{text}\""));
        }
    }

    #[test]
    fn what_is_no_time_of_day_is_no_window() {
        for text in
            ["", "15", "3:00", "15:0", "15:60", "24:01", "25:00", "00:00", "+1:00", "15:000"]
        {
            assert!(text.parse::<Window>().is_err(), "{text:?}");
        }
    }
}
