//! Dates and instants in stored documents, as `chrono` writes and reads them, only faster.
//!
//! Its parser and formatter are general, and were a quarter of the time that it takes to read an
//! event. What every event has, or most, goes through here; what has another form than the log's
//! usual one is left to `chrono`, which also says what is wrong with it.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, ParseError, Timelike as _, Utc};
use serde::de::{Error, Visitor};
use serde::{Deserializer, Serialize, Serializer};

use crate::text::Text;

/// Writes a date or an instant.
pub(crate) fn serialize<T: Stored, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    let mut text = Text::default();
    match value.write(&mut text) {
        Some(()) => to.serialize_str(text.as_str()),
        None => value.serialize(to),
    }
}

/// Reads a date or an instant.
pub(crate) fn deserialize<'de, T: Stored, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    from.deserialize_str(Reader(PhantomData))
}

/// What is read and written here.
pub(crate) trait Stored: Serialize + FromStr<Err = ParseError> {
    /// Reads the log's usual form.
    fn read(text: &[u8]) -> Option<Self>;

    /// Writes the log's usual form. None if the value has none.
    fn write(&self, to: &mut Text) -> Option<()>;
}

impl Stored for NaiveDate {
    fn read(text: &[u8]) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
        let year = number(&[y1, y2, y3, y4]).and_then(|year| i32::try_from(year).ok())?;
        Self::from_ymd_opt(year, number(&[m1, m2])?, number(&[d1, d2])?)
    }

    fn write(&self, to: &mut Text) -> Option<()> {
        to.push_date(*self)
    }
}

impl Stored for DateTime<Utc> {
    fn read(text: &[u8]) -> Option<Self> {
        let (date, time) = text.split_at_checked(10)?;
        let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, fraction @ .., b'Z'] = time else {
            return None;
        };
        let nanos = match fraction {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                let missing = 9_u32.checked_sub(u32::try_from(digits.len()).ok()?)?;
                number(digits)?.checked_mul(10_u32.pow(missing))?
            }
            _ => return None,
        };
        let (hour, minute) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
        let time = NaiveTime::from_hms_nano_opt(hour, minute, number(&[*s1, *s2])?, nanos)?;
        Some(NaiveDate::read(date)?.and_time(time).and_utc())
    }

    fn write(&self, to: &mut Text) -> Option<()> {
        to.push_date(self.date_naive())?;
        to.push_time(self.time())
    }
}

struct Reader<T>(PhantomData<T>);

impl<T: Stored> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date or an instant (RFC 3339)")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text.as_bytes()).map_or_else(|| text.parse().map_err(E::custom), Ok)
    }
}

impl Text {
    /// None unless its year has four digits.
    fn push_date(&mut self, date: NaiveDate) -> Option<()> {
        let year = u64::try_from(date.year()).ok().filter(|year| *year < 10_000)?;
        self.push_number(year, 4);
        self.push(b'-');
        self.push_number(date.month().into(), 2);
        self.push(b'-');
        self.push_number(date.day().into(), 2);
        Some(())
    }

    /// In UTC, with a point and as many groups of three digits below the second as it takes. None
    /// for a leap second.
    fn push_time(&mut self, time: NaiveTime) -> Option<()> {
        let nanos = time.nanosecond();
        let (fraction, digits) = match nanos {
            0 => (0, 0),
            _ if nanos.rem_euclid(1_000_000) == 0 => (nanos.div_euclid(1_000_000), 3),
            _ if nanos.rem_euclid(1_000) == 0 => (nanos.div_euclid(1_000), 6),
            _ => (nanos, 9),
        };
        if nanos >= 1_000_000_000 {
            return None;
        }
        self.push(b'T');
        self.push_number(time.hour().into(), 2);
        self.push(b':');
        self.push_number(time.minute().into(), 2);
        self.push(b':');
        self.push_number(time.second().into(), 2);
        if digits > 0 {
            self.push(b'.');
            self.push_number(fraction.into(), digits);
        }
        self.push(b'Z');
        Some(())
    }
}

/// The number that digits write, and nothing but digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Plain {
        at: DateTime<Utc>,
        on: NaiveDate,
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Fast {
        #[serde(with = "crate::iso")]
        at: DateTime<Utc>,
        #[serde(with = "crate::iso")]
        on: NaiveDate,
    }

    /// What both make of a document, which has to be the same.
    fn read(at: &str, on: &str) -> Option<String> {
        let document = serde_json::json!({ "at": at, "on": on }).to_string();
        let plain = serde_json::from_str::<Plain>(&document).ok();
        let fast = serde_json::from_str::<Fast>(&document).ok();
        assert_eq!(fast.as_ref().map(|it| (it.at, it.on)), plain.as_ref().map(|it| (it.at, it.on)));
        let plain = plain.map(|plain| serde_json::to_string(&plain).unwrap());
        assert_eq!(fast.map(|fast| serde_json::to_string(&fast).unwrap()), plain);
        plain
    }

    #[test]
    fn the_usual_forms_and_the_others_are_read_and_written_as_chrono_does() {
        for at in [
            "2026-03-02T15:00:00Z",
            "2026-03-02T15:00:00.5Z",
            "2026-03-02T15:00:00.000000001Z",
            "2026-03-02T15:00:00.120Z",
            "2026-03-02T15:00:00.123456Z",
            "2026-03-02T10:00:00-05:00",
            "2026-03-02 15:00:00Z",
            "2016-12-31T23:59:60Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
            "+12026-03-02T15:00:00Z",
            "-0001-03-02T15:00:00Z",
        ] {
            assert!(read(at, "2024-02-29").is_some(), "{at}");
        }
        for at in ["", "2026-03-02", "2026-02-30T15:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02é"]
        {
            assert_eq!(read(at, "2024-02-29"), None, "{at}");
        }
        for on in ["0000-01-01", "9999-12-31", "+12026-03-02", "-0001-03-02"] {
            assert!(read("2026-03-02T15:00:00Z", on).is_some(), "{on}");
        }
        for on in ["", "2026-02-29", "2026-13-01", "2026-03-é", "2026/03/02"] {
            assert_eq!(read("2026-03-02T15:00:00Z", on), None, "{on}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_is_written_and_read_as_chrono_does(
            seconds in -100_000_000_000_i64..300_000_000_000,
            nanos in prop_oneof![
                Just(0_u32),
                (0_u32..1000).prop_map(|it| it.saturating_mul(1_000_000)),
                (0_u32..1_000_000).prop_map(|it| it.saturating_mul(1000)),
                0_u32..2_000_000_000,
            ],
        ) {
            if let Some(at) = DateTime::from_timestamp(seconds, nanos) {
                let (at, on) = (serde_json::json!(at), serde_json::json!(at.date_naive()));
                prop_assert!(read(at.as_str().unwrap(), on.as_str().unwrap()).is_some());
            }
        }

        #[test]
        fn what_is_no_instant_is_none_to_chrono_either(
            at in "[-+0-9TZ:. ]{0,30}",
            on in "[-+0-9]{0,12}",
        ) {
            read(&at, "2026-03-02");
            read("2026-03-02T15:00:00Z", &on);
        }
    }
}
