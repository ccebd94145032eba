//! Decimals and cents as text: how they are read and written.

use std::fmt;

use rust_decimal::Decimal;

use super::MoneyError;
use crate::text::Text;

/// Reads a plain decimal: digits, a point, a sign.
pub(super) fn parse_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let plain = !text.is_empty()
        && text.len() <= 30
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    if !plain {
        return Err(MoneyError::NotDecimal(text.to_owned()));
    }
    Decimal::from_str_exact(text).map_err(|_| MoneyError::NotDecimal(text.to_owned()))
}

/// Writes cents as dollars with two decimals.
pub(super) fn write_cents(cents: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = Text::default();
    if cents < 0 {
        text.push(b'-');
    }
    let cents = cents.unsigned_abs();
    let (dollars, rest) = (cents.div_euclid(100), cents.rem_euclid(100));
    let digits = dollars.checked_ilog10().and_then(|digits| usize::try_from(digits).ok());
    text.push_number(dollars, digits.unwrap_or_default().saturating_add(1));
    text.push(b'.');
    text.push_number(rest, 2);
    f.write_str(text.as_str())
}

/// How a checked decimal is read from text, stored as it is shown, and described in a schema.
macro_rules! decimal_text {
    ($type:ident, $describe:literal, $pattern:literal) => {
        impl std::str::FromStr for $type {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new($crate::domain::money::text::parse_decimal(text)?)
            }
        }

        $crate::text::stored_as_text!($type, "a decimal number as text");

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "description": $describe, "pattern": $pattern
                })
            }
        }
    };
}

pub(super) use decimal_text;
