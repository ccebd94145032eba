//! Ids from the wire: checked when they come in, so that rubbish never reaches the ledger.

use ledger::envelope::{Position, StreamName};
use ledger::ids::{AccountId, IdError, PaymentId, RequestId};
use uuid::Uuid;

use super::{Field, FieldError};

/// Takes the id that the caller gave this request.
pub fn request_id(value: &str) -> Field<RequestId> {
    parse("request_id", value)
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
    fn position_zero_says_nothing() {
        assert_eq!(position_if_set(0), None);
        assert_eq!(position_if_set(7), Some(Position(7)));
    }
}
