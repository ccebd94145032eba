//! Money and rates: exact numbers that cannot be built wrong. Money is whole cents; rates, and
//! interest before it is rounded, are decimals.

mod rates;
mod text;

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

pub use rates::{Carry, Rate};
use text::{decimal_text, write_cents};

/// The most that one ACH entry can carry: ten digits of cents (Nacha entry detail, field 6).
pub const AMOUNT_MAX: Amount = Amount(9_999_999_999);

/// Why a text or number is not the money or rate it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a plain decimal number.
    #[error("{0:?} is not a decimal number")]
    NotDecimal(String),
    /// More decimals than the currency has minor digits; never rounded in silence.
    #[error("{0} has more decimals than the currency's minor digits")]
    OverPrecise(Decimal),
    /// An amount must be above zero.
    #[error("{0} is not above zero")]
    NotPositive(Decimal),
    /// A rate must be at least zero and below ten (1,000 % a year), with at most six decimals.
    #[error("{0} is not a yearly rate between 0 and 10 with at most six decimals")]
    RateOutOfRange(Decimal),
    /// A carry is less than a cent either way, with at most eight decimals.
    #[error("{0} is not a fraction of a cent with at most eight decimals")]
    CarryOutOfRange(Decimal),
    /// The result does not fit.
    #[error("the result is too large")]
    Overflow,
    /// Only currencies that the ledger keeps books in.
    #[error("{0:?} is not a currency of this ledger")]
    UnknownCurrency(String),
}

/// The currency of an account. The ledger keeps books in US dollars; the type leaves room for more.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum Currency {
    /// US dollar, two minor digits.
    #[default]
    #[serde(rename = "USD")]
    Usd,
}

impl Currency {
    /// ISO 4217 letters.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "USD" => Ok(Self::Usd),
            _ => Err(MoneyError::UnknownCurrency(text.to_owned())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A strictly positive number of dollars and cents: what a payment or a fee is.
///
/// ```
/// use ledger::domain::money::Amount;
/// assert_eq!("310.00".parse::<Amount>().unwrap().to_string(), "310.00");
/// assert!("0".parse::<Amount>().is_err());
/// assert!("1.005".parse::<Amount>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    /// Takes a decimal that is above zero and has at most two decimals.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        let Money(cents) = Money::new(value)?;
        if cents <= 0 {
            return Err(MoneyError::NotPositive(Money(cents).decimal()));
        }
        Ok(Self(cents))
    }

    /// The same number as a balance, which may be added and subtracted.
    pub const fn money(self) -> Money {
        Money(self.0)
    }
}

/// A number of dollars and cents with a sign: a balance, or a movement of one.
///
/// ```
/// use ledger::domain::money::Money;
/// let a: Money = "10.50".parse().unwrap();
/// let b: Money = "-0.25".parse().unwrap();
/// assert_eq!((a + b).to_string(), "10.25");
/// assert!("10.505".parse::<Money>().is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// In cents: far beyond any consumer balance, and a ninth of what additions can hold.
const MONEY_LIMIT: i64 = 1_000_000_000_000_000_000;

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Takes a decimal with at most two decimals and a magnitude that additions cannot overflow.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        if value.scale() > 2 && value.normalize().scale() > 2 {
            return Err(MoneyError::OverPrecise(value));
        }
        let Self(cents) = Self::rescaled(value);
        if cents.unsigned_abs() >= MONEY_LIMIT.unsigned_abs() {
            return Err(MoneyError::Overflow);
        }
        Ok(Self(cents))
    }

    /// Rounds half-up (away from zero) to the cent: the rule for posting.
    pub fn round_half_up(exact: Decimal) -> Self {
        Self::rescaled(exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
    }

    /// Drops what is less than a cent.
    pub fn round_down(exact: Decimal) -> Self {
        Self::rescaled(exact.round_dp_with_strategy(2, RoundingStrategy::ToZero))
    }

    /// A decimal that has no more than two decimals; the most that can be held if it is larger.
    fn rescaled(mut value: Decimal) -> Self {
        value.rescale(2);
        let most = if value.is_sign_negative() { i64::MIN } else { i64::MAX };
        // One that has no room for two decimals is beyond the range, too.
        let cents = (value.scale() == 2).then(|| i64::try_from(value.mantissa()).ok());
        Self(cents.flatten().unwrap_or(most))
    }

    /// The number of dollars, as a decimal with two decimals.
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// Is it nothing?
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Is it below zero?
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Is it above zero?
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The amount, if it is above zero.
    pub fn amount(self) -> Option<Amount> {
        self.is_positive().then_some(Amount(self.0))
    }

    /// The same, never below zero.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// How many cents.
    pub const fn cents(self) -> i64 {
        self.0
    }

    /// So many cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents)
    }
}

/// Sums of money: `fold` with the checked operation, since `Iterator::sum` would hide a panic.
pub fn total(parts: impl IntoIterator<Item = Money>) -> Money {
    parts.into_iter().fold(Money::ZERO, |sum, part| sum + part)
}

// A balance is bounded by `Money::new` to 10^16 dollars, and nine of them fit, so that adding two
// in range cannot overflow; saturating keeps the operation total all the same.
impl std::ops::Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl std::ops::SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_sub(other.0);
    }
}

impl std::ops::Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl From<Amount> for Money {
    fn from(amount: Amount) -> Self {
        amount.money()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_cents(self.0, f)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_cents(self.0, f)
    }
}

decimal_text!(Amount, "US dollars above zero, two decimals", r"^\d+\.\d{2}$");
decimal_text!(Money, "US dollars with a sign, two decimals", r"^-?\d+\.\d{2}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_ach_entry_is_a_cent_below_a_hundred_million() {
        assert_eq!(AMOUNT_MAX.to_string(), "99999999.99");
    }

    #[test]
    fn money_is_written_with_two_decimals_whatever_came_in() {
        for (given, kept) in [("5", "5.00"), ("5.1", "5.10"), ("-0.00", "0.00"), ("5.100", "5.10")]
        {
            assert_eq!(given.parse::<Money>().unwrap().to_string(), kept, "{given}");
        }
    }

    #[test]
    fn money_that_is_not_a_plain_decimal_cannot_be_built() {
        for text in ["", " 1", "1e3", "NaN", "1,000", "0x10", "1.001", "99999999999999999999"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
        assert!("-99999999999999999999".parse::<Money>().is_err());
        assert!("-1".parse::<Amount>().is_err());
        // What a more lenient reader would take.
        let long = format!("{}1.00", "0".repeat(27));
        for text in ["1_000", "+1", &long] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
        let error = serde_json::from_str::<Money>("7").unwrap_err().to_string();
        assert!(error.contains("a decimal number as text"), "{error}");
    }

    #[test]
    fn the_currency_is_the_dollar_and_no_other() {
        assert_eq!("USD".parse::<Currency>().unwrap().to_string(), "USD");
        assert!("EUR".parse::<Currency>().is_err());
        assert!("".parse::<Currency>().is_err());
    }

    #[test]
    fn an_amount_is_as_much_money() {
        let amount: Amount = "310.00".parse().unwrap();
        assert_eq!(Money::from(amount), amount.money());
        assert_eq!(Money::from(amount).to_string(), "310.00");
    }

    #[test]
    fn a_half_cent_goes_up() {
        let exact = |text: &str| Money::round_half_up(text.parse().unwrap()).to_string();
        assert_eq!(exact("0.025"), "0.03");
        assert_eq!(exact("0.0249999"), "0.02");
        assert_eq!(exact("-0.025"), "-0.03");
    }

    #[test]
    fn what_is_too_large_is_the_most_that_is_held_and_nothing_else() {
        assert!(Money::new(Decimal::MAX).is_err() && Money::new(Decimal::MIN).is_err());
        assert_eq!(Money::round_half_up(Decimal::MAX), Money::from_cents(i64::MAX));
        assert_eq!(Money::round_down(Decimal::MIN), Money::from_cents(i64::MIN));
        assert_eq!(-Money::from_cents(i64::MIN), Money::from_cents(i64::MAX));
        assert_eq!(Money::from_cents(i64::MIN).to_string(), "-92233720368547758.08");
        assert!("9999999999999999.99".parse::<Money>().is_ok());
        assert!("10000000000000000.00".parse::<Money>().is_err());
        assert!("-10000000000000000.00".parse::<Money>().is_err());
    }

    #[test]
    fn cents_go_there_and_back() {
        let money: Money = "-12.34".parse().unwrap();
        assert_eq!(money.cents(), -1234);
        assert_eq!(Money::from_cents(-1234), money);
        assert_eq!(Money::round_down("2.5".parse().unwrap()).cents(), 250);
        assert_eq!(Money::round_half_up("2.5".parse().unwrap()).cents(), 250);
    }
}
