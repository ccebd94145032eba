//! Ids from the wire: checked when they come in, so that rubbish never reaches the ledger.

use ledger::envelope::{Position, StreamName};
use ledger::ids::{AccountId, IdError, PaymentId, RequestId};
use uuid::Uuid;

use super::{Field, FieldError};

/// The version of the UUIDs that the ledger derives, for the requests of its own runner too.
const DERIVED: usize = 5;

/// Takes the id that the caller gave this request. Anybody can derive the ids of the runner's
/// requests, so that a caller who used one would stand in the runner's way: their version is not a
/// caller's to use.
pub fn request_id(value: &str) -> Field<RequestId> {
    let id = parse::<RequestId>("request_id", value)?;
    if id.uuid().get_version_num() == DERIVED {
        let problem = "is a UUID of version 5, which only the ledger itself uses for requests";
        return Err(FieldError::new("request_id", problem));
    }
    Ok(id)
}

/// Takes an account's id.
pub fn account_id(field: &str, value: &str) -> Field<AccountId> {
    parse(field, value)
}

/// Takes an account's id, or none if it is empty.
pub fn account_id_if_set(field: &str, value: &str) -> Field<Option<AccountId>> {
    if value.is_empty() { Ok(None) } else { account_id(field, value).map(Some) }
}

/// Takes a payment's id.
pub fn payment_id(field: &str, value: &str) -> Field<PaymentId> {
    parse(field, value)
}

/// Takes any other UUID, such as a fee's id.
pub fn uuid(field: &str, value: &str) -> Field<Uuid> {
    // Every UUID that the ledger names something by is checked as a request id is.
    parse::<RequestId>(field, value).map(RequestId::uuid)
}

/// Takes a stream's name.
pub fn stream_name(field: &str, value: &str) -> Field<StreamName> {
    StreamName::new(value).map_err(|error| FieldError::new(field, told(value, &error)))
}

/// Takes a position; zero means that none was given.
pub fn position_if_set(value: u64) -> Option<Position> {
    (value != 0).then_some(Position(value))
}

fn parse<T: std::str::FromStr<Err = IdError>>(field: &str, value: &str) -> Field<T> {
    value.parse().map_err(|error| FieldError::new(field, told(value, &error)))
}

/// What was wrong, with a bounded part of what was given: rubbish may be megabytes long.
fn told(value: &str, error: &dyn std::fmt::Display) -> String {
    if value.is_empty() {
        return "is required".to_owned();
    }
    if value.len() > 128 {
        return "is too long".to_owned();
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_well_formed_come_through_unchanged() {
        let id = "7f1c1f9e-0000-4000-8000-000000000001";
        assert_eq!(request_id(id).unwrap().to_string(), id);
        assert_eq!(payment_id("payment_id", id).unwrap().to_string(), id);
        assert_eq!(uuid("fee_id", id).unwrap().to_string(), id);
        assert_eq!(account_id("account_id", "000-1").unwrap().as_str(), "000-1");
        assert_eq!(account_id_if_set("account_id", "").unwrap(), None);
        assert_eq!(stream_name("filter.stream", "account-1").unwrap().as_str(), "account-1");
    }

    #[test]
    fn rubbish_is_refused_by_its_path_without_being_repeated_at_length() {
        let long = "x".repeat(1_000_000);
        for rubbish in ["", "a b", "/", "\u{1f600}", long.as_str()] {
            for error in [
                request_id(rubbish).unwrap_err(),
                account_id("account_id", rubbish).unwrap_err(),
                payment_id("payment_id", rubbish).unwrap_err(),
            ] {
                assert!(error.field.ends_with("_id"));
                assert!(error.message.len() < 300, "{}", error.message.len());
            }
        }
    }

    #[test]
    fn an_id_that_the_runner_could_use_is_no_callers() {
        let derived = RequestId::derived("release-a-1", "2026-03-03").to_string();
        let error = request_id(&derived).unwrap_err();
        assert_eq!(error.field, "request_id");
        assert!(error.message.contains("version 5"), "{}", error.message);
        assert!(uuid("fee_id", &derived).is_ok());
        for version in ["1", "4", "6", "7", "8"] {
            request_id(&format!("7f1c1f9e-0000-{version}000-8000-000000000001")).unwrap();
        }
    }

    #[test]
    fn position_zero_says_nothing() {
        assert_eq!(position_if_set(0), None);
        assert_eq!(position_if_set(7), Some(Position(7)));
    }
}
