//! What is not a number of cents: yearly rates, and what is less than a cent.

use std::fmt;

use rust_decimal::Decimal;

use super::MoneyError;
use super::text::decimal_text;

/// A yearly rate, or a share, as a decimal fraction with at most six decimals: 5.75 % is `0.0575`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(Decimal);

impl Rate {
    /// Takes a fraction of a year, at least zero and below ten.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        let value = value.normalize();
        let in_range = value >= Decimal::ZERO && value < Decimal::TEN;
        if !in_range || value.scale() > 6 {
            return Err(MoneyError::RateOutOfRange(value));
        }
        Ok(Self(value))
    }

    /// The plain decimal.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// The same in millionths, of which there are a whole number.
    pub fn millionths(self) -> i64 {
        let mut value = self.0;
        value.rescale(6);
        i64::try_from(value.mantissa()).unwrap_or(i64::MAX)
    }
}

/// Less than a cent of interest, with its sign and at most eight decimals: what a former servicer
/// had accrued and not posted when an account was boarded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carry(Decimal);

impl Carry {
    /// Takes a fraction of a cent, in dollars.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        let value = value.normalize();
        if value.abs() >= Decimal::new(1, 2) || value.scale() > 8 {
            return Err(MoneyError::CarryOutOfRange(value));
        }
        Ok(Self(value))
    }

    /// The plain decimal.
    pub const fn decimal(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Carry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

decimal_text!(Rate, "Yearly rate as a fraction, at most six decimals", r"^\d(\.\d{1,6})?$");
decimal_text!(
    Carry,
    "Less than a cent, in dollars, at most eight decimals",
    r"^-?0(\.00\d{1,6})?$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_at_most_six_decimals() {
        assert_eq!("0.0575".parse::<Rate>().unwrap().to_string(), "0.0575");
        assert_eq!("0.0575".parse::<Rate>().unwrap().millionths(), 57_500);
        assert_eq!("9.999999".parse::<Rate>().unwrap().millionths(), 9_999_999);
        assert!("0.0000001".parse::<Rate>().is_err());
        assert!("-0.01".parse::<Rate>().is_err());
        assert!("10".parse::<Rate>().is_err());
    }

    #[test]
    fn a_carry_is_less_than_a_cent_either_way() {
        let carry = |text: &str| Carry::new(text.parse().unwrap());
        assert!(carry("0.01").is_err() && carry("-0.01").is_err());
        assert!(carry("0.00999999").is_ok() && carry("-0.00999999").is_ok());
    }
}
