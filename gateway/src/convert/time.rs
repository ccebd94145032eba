//! `google.type.Date` and `Timestamp` ⇄ civil dates and instants.

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};
use ledger::domain::cutoff::receivable;
use prost_types::Timestamp;
use proto::google::r#type::Date;
use proto::payledger::v1::ErrorReason;

use super::{Field, FieldError, required};

/// Takes a whole date that must be there.
pub fn date(field: &str, wire: Option<&Date>) -> Field<NaiveDate> {
    let wire = required(field, wire)?;
    let Date { year, month, day } = *wire;
    if year == 0 || month == 0 || day == 0 {
        let error = FieldError::new(field, "needs a year, a month and a day");
        return Err(error.because(ErrorReason::InvalidDate));
    }
    let known = (1..=9999).contains(&year);
    let parts = u32::try_from(month).ok().zip(u32::try_from(day).ok());
    let date = parts.and_then(|(month, day)| NaiveDate::from_ymd_opt(year, month, day));
    date.filter(|_| known).ok_or_else(|| {
        let given = format!("{year:04}-{month:02}-{day:02}");
        FieldError::new(field, format!("{given} is not a date of the calendar"))
            .because(ErrorReason::InvalidDate)
            .fact("date", given)
    })
}

/// Takes a whole date, or none at all.
pub fn date_if_set(field: &str, wire: Option<&Date>) -> Field<Option<NaiveDate>> {
    wire.map(|wire| date(field, Some(wire))).transpose()
}

/// Takes the day of the month on which instalments fall due; zero means that of the first.
pub fn anchor_day(field: &str, wire: i32, first_due_date: NaiveDate) -> Field<u32> {
    match u32::try_from(wire) {
        Ok(0) => Ok(first_due_date.day()),
        Ok(day @ 1..=31) => Ok(day),
        Ok(_) | Err(_) => Err(FieldError::new(field, "is 1 to 31")),
    }
}

/// A date as the wire carries it.
pub fn date_to_wire(date: NaiveDate) -> Date {
    // A month and a day always fit.
    let part = |part: u32| i32::try_from(part).unwrap_or(0);
    Date { year: date.year(), month: part(date.month()), day: part(date.day()) }
}

/// An instant as it is told in texts: in UTC, with as many decimals as it has.
pub fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Takes an instant between the years 1 and 9999, as `google.protobuf.Timestamp` defines them.
pub fn instant(field: &str, wire: &Timestamp) -> Field<DateTime<Utc>> {
    let nanos = u32::try_from(wire.nanos).ok().filter(|&nanos| nanos < 1_000_000_000);
    let instant = nanos.and_then(|nanos| DateTime::from_timestamp(wire.seconds, nanos));
    instant.filter(|instant| (1..=9999).contains(&instant.year())).ok_or_else(|| {
        FieldError::new(field, "is not an instant between the years 1 and 9999")
            .fact("seconds", wire.seconds)
            .fact("nanos", wire.nanos)
    })
}

/// Takes an instant, or none at all.
pub fn instant_if_set(field: &str, wire: Option<&Timestamp>) -> Field<Option<DateTime<Utc>>> {
    wire.map(|wire| instant(field, wire)).transpose()
}

/// Takes an instant at which something would be received, or none at all: one from which every
/// date that follows can be told.
pub fn receipt_if_set(field: &str, wire: Option<&Timestamp>) -> Field<Option<DateTime<Utc>>> {
    let received = instant_if_set(field, wire)?.map(receivable).transpose();
    received.map_err(|problem| FieldError::new(field, problem.to_string()))
}

/// An instant as the wire carries it.
pub fn instant_to_wire(instant: DateTime<Utc>) -> Timestamp {
    // A leap second is told as more than a billion nanos; the wire has no word for it.
    let nanos = instant.timestamp_subsec_nanos().min(999_999_999);
    Timestamp { seconds: instant.timestamp(), nanos: i32::try_from(nanos).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_goes_there_and_back() {
        let wire = Date { year: 2028, month: 2, day: 29 };
        let read = date("payment_date", Some(&wire)).unwrap();
        assert_eq!(read.to_string(), "2028-02-29");
        assert_eq!(date_to_wire(read), wire);
    }

    #[test]
    fn a_date_without_meaning_is_refused_by_its_path() {
        for (year, month, day) in [
            (2026, 2, 29),
            (2026, 13, 1),
            (2026, 4, 31),
            (2026, -1, 1),
            (10_000, 1, 1),
            (-5, 1, 1),
            (2026, 0, 1),
            (2026, 3, 0),
            (0, 3, 3),
        ] {
            let error = date("payment_date", Some(&Date { year, month, day })).unwrap_err();
            assert_eq!(error.field, "payment_date");
            assert_eq!(error.reason, ErrorReason::InvalidDate, "{year}-{month}-{day}");
        }
        assert_eq!(date("payment_date", None).unwrap_err(), FieldError::missing("payment_date"));
    }

    #[test]
    fn an_instant_goes_there_and_back_to_the_nanosecond() {
        let wire = Timestamp { seconds: 1_772_567_999, nanos: 999_000_000 };
        let read = instant("at_time", &wire).unwrap();
        assert_eq!(read.to_rfc3339(), "2026-03-03T19:59:59.999+00:00");
        assert_eq!(instant_to_wire(read), wire);
        let before = Timestamp { seconds: -1, nanos: 1 };
        assert_eq!(instant_to_wire(instant("at_time", &before).unwrap()), before);
    }

    #[test]
    fn an_instant_without_meaning_is_refused() {
        for (seconds, nanos) in
            [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0), (253_402_300_800, 0)]
        {
            assert!(instant("at_time", &Timestamp { seconds, nanos }).is_err(), "{seconds}");
        }
    }
}
