//! Conversions between the wire's types and the ledger's: pure, and refusing with the field's path.

pub mod answers;
pub mod books;
pub mod commands;
pub mod enums;
pub mod ids;
pub mod money;
pub mod previews;
pub mod recovery;
pub mod schedule;
pub mod time;

use std::collections::BTreeMap;

use proto::payledger::v1::ErrorReason;

/// Why one field of a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// The field's path from the request, such as `loan.principal`.
    pub field: String,
    /// `INVALID_FIELD`, or a sharper word where the contract has one.
    pub reason: ErrorReason,
    /// What is wrong, in words that make sense after the field's path.
    pub message: String,
    /// What of the message varies, by name.
    pub facts: BTreeMap<&'static str, String>,
}

impl FieldError {
    /// A field that is malformed or out of range.
    pub fn new(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: ErrorReason::InvalidField,
            message: message.into(),
            facts: BTreeMap::new(),
        }
    }

    /// A field that must be there and is not.
    pub fn missing(field: &str) -> Self {
        Self::new(field, "is required")
    }

    /// The same, under a sharper word.
    #[must_use]
    pub fn because(mut self, reason: ErrorReason) -> Self {
        self.reason = reason;
        self
    }

    /// The same, with one more fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.facts.insert(name, value.to_string());
        self
    }
}

/// A field's value, or why it was refused.
pub type Field<T> = Result<T, FieldError>;

/// Asks for a field that must be there.
pub fn required<'a, T>(field: &str, value: Option<&'a T>) -> Field<&'a T> {
    value.ok_or_else(|| FieldError::missing(field))
}

/// Takes a text of at most `chars_max` characters without control characters; it may be empty.
pub fn text(field: &str, value: &str, chars_max: usize) -> Field<String> {
    if value.chars().count() > chars_max {
        let error = FieldError::new(field, format!("is longer than {chars_max} characters"));
        return Err(error.fact("chars_max", chars_max));
    }
    if value.chars().any(char::is_control) {
        return Err(FieldError::new(field, "holds a control character"));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_bounded_in_characters_and_holds_no_control() {
        assert_eq!(text("reference", "müller", 6).unwrap(), "müller");
        let error = text("reference", "müllers", 6).unwrap_err();
        assert_eq!(error.to_string(), "reference: is longer than 6 characters");
        assert_eq!(error.facts["chars_max"], "6");
        assert!(text("reference", "a\u{0}b", 6).is_err());
    }
}
