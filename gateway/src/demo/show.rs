//! Values of the contract as people read them, and what people write as values of the contract.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::America::New_York;
use ledger::domain::money::Money;
use ledger::ids::name_based;
use prost_types::Timestamp;
use proto::google::r#type::{Date, Money as WireMoney};
use uuid::{Builder, Uuid};

use super::stage::{DemoError, present};
use crate::convert::money::{money, to_wire};
use crate::convert::time::{date, date_to_wire, instant};

/// The name under which the demo makes its request ids, so that every run sends the same ones.
const REQUESTS: Uuid = Uuid::from_u128(0x6d0a_7b7e_54c1_4d4e_9e55_3f1f_1a5d_2c3b);

/// The id of the request of this name.
pub(super) fn request_id(name: &str) -> String {
    // Version 8, since ids of version 5 are the ledger's own.
    let bytes = name_based(&REQUESTS, name.as_bytes()).into_bytes();
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// The instant at which a clock in New York shows `local`, such as `2026-10-30T14:59:59.999`.
pub(super) fn eastern(local: &str) -> Result<DateTime<Utc>, DemoError> {
    let wrong = || DemoError::unexpected("a time of the script", "a local time", &local);
    let naive: NaiveDateTime = local.parse().map_err(|_| wrong())?;
    let found = New_York.from_local_datetime(&naive).earliest().ok_or_else(wrong)?;
    Ok(found.with_timezone(&Utc))
}

/// A date of the script.
pub(super) fn day(text: &str) -> Result<NaiveDate, DemoError> {
    text.parse().map_err(|_| DemoError::unexpected("a date of the script", "a date", &text))
}

/// A date of the script, for a request.
pub(super) fn wire_day(text: &str) -> Result<Date, DemoError> {
    day(text).map(date_to_wire)
}

/// US dollars, for a request.
pub(super) fn dollars(text: &str) -> Result<WireMoney, DemoError> {
    let parsed: Result<Money, _> = text.parse();
    parsed.map(to_wire).map_err(|_| DemoError::unexpected("an amount", "US dollars", &text))
}

/// The exact value of money in an answer; none is zero.
pub(super) fn exact(wire: Option<&WireMoney>) -> Result<Money, DemoError> {
    Ok(wire.map(|wire| money("money", wire)).transpose()?.unwrap_or_default())
}

/// Money with thousands apart, as people write it.
pub(super) fn amount(wire: Option<&WireMoney>) -> Result<String, DemoError> {
    Ok(grouped(exact(wire)?))
}

/// Money with thousands apart.
pub(super) fn grouped(money: Money) -> String {
    let text = money.to_string();
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (units, cents) = rest.split_once('.').unwrap_or((rest, "00"));
    let mut shown = String::new();
    for (index, digit) in units.chars().enumerate() {
        if index > 0 && units.len().saturating_sub(index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    format!("{sign}{shown}.{cents}")
}

/// A civil date with its weekday.
pub(super) fn weekday(wire: Option<&Date>) -> Result<String, DemoError> {
    let date = date("date", present("a date", wire).map(Some)?)?;
    Ok(date.format("%a %-d %b").to_string())
}

/// An instant as the clocks of New York show it.
pub(super) fn clock(wire: Option<&Timestamp>) -> Result<String, DemoError> {
    Ok(local(instant("time", present("a time", wire)?)?))
}

/// An instant as the clocks of New York show it: milliseconds only where there are any.
pub(super) fn local(instant: DateTime<Utc>) -> String {
    let there = instant.with_timezone(&New_York);
    let shown = match (there.timestamp_subsec_millis(), there.timestamp() % 60) {
        (0, 0) => there.format("%a %-d %b %H:%M"),
        (0, _) => there.format("%a %-d %b %H:%M:%S"),
        _ => there.format("%a %-d %b %H:%M:%S%.3f"),
    };
    shown.to_string()
}

/// An instant in UTC, time only.
pub(super) fn utc(wire: Option<&Timestamp>) -> Result<String, DemoError> {
    let instant = instant("time", present("a time", wire)?)?;
    Ok(instant.format("%H:%MZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        for (exact, shown) in [
            ("0.00", "0.00"),
            ("999.99", "999.99"),
            ("1000.00", "1,000.00"),
            ("-1234567.80", "-1,234,567.80"),
        ] {
            assert_eq!(grouped(exact.parse().unwrap()), shown);
        }
    }

    #[test]
    fn the_same_local_hour_is_another_instant_once_the_clocks_have_gone_back() {
        let utc = |text| eastern(text).unwrap().to_rfc3339();
        assert_eq!(utc("2026-10-31T15:00:00"), "2026-10-31T19:00:00+00:00");
        assert_eq!(utc("2026-11-01T15:00:00"), "2026-11-01T20:00:00+00:00");
    }
}
