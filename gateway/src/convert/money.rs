//! `google.type.Money` ⇄ the ledger's money: exact, never rounded.

use ledger::domain::money::{Amount, Currency, Money, Rate};
use proto::google::r#type::Money as WireMoney;
use proto::payledger::v1::ErrorReason;
use rust_decimal::Decimal;

use super::{Field, FieldError, required};

/// Billionths in one unit of a currency, as `google.type.Money` counts them.
const NANOS_PER_UNIT: i32 = 1_000_000_000;
/// Billionths in one cent.
const NANOS_PER_CENT: i32 = 10_000_000;
const CENTS_PER_UNIT: i64 = 100;

/// Takes money of either sign, or zero, in US dollars and whole cents.
pub fn money(field: &str, wire: &WireMoney) -> Field<Money> {
    let code = wire.currency_code.as_str();
    if code.parse::<Currency>().is_err() {
        return Err(no_currency(field, code));
    }
    let in_range = wire.nanos > -NANOS_PER_UNIT && wire.nanos < NANOS_PER_UNIT;
    if !in_range {
        return Err(
            FieldError::new(field, "has nanos beyond a whole unit").fact("nanos", wire.nanos)
        );
    }
    if wire.units != 0 && wire.nanos != 0 && (wire.units < 0) != (wire.nanos < 0) {
        return Err(FieldError::new(field, "has units and nanos of different signs"));
    }
    if wire.nanos % NANOS_PER_CENT != 0 {
        let error = FieldError::new(field, "has nanos that are not a whole number of cents");
        return Err(error.fact("nanos", wire.nanos));
    }
    let cents = i128::from(wire.units)
        .checked_mul(i128::from(CENTS_PER_UNIT))
        .and_then(|cents| cents.checked_add(i128::from(wire.nanos / NANOS_PER_CENT)));
    cents
        .and_then(|cents| Decimal::try_from_i128_with_scale(cents, 2).ok())
        .and_then(|decimal| Money::new(decimal).ok())
        .ok_or_else(|| FieldError::new(field, "is too large").fact("units", wire.units))
}

/// Takes money that is not below zero; unset means none.
pub fn money_or_zero(field: &str, wire: Option<&WireMoney>) -> Field<Money> {
    let Some(wire) = wire else { return Ok(Money::ZERO) };
    let money = money(field, wire)?;
    if money.is_negative() {
        return Err(FieldError::new(field, "is below zero").fact("amount", money));
    }
    Ok(money)
}

/// Takes an amount, which must be there and above zero.
pub fn amount(field: &str, wire: Option<&WireMoney>) -> Field<Amount> {
    let money = money(field, required(field, wire)?)?;
    money.amount().ok_or_else(|| FieldError::new(field, "is not above zero").fact("amount", money))
}

/// Takes an amount above zero, or none at all.
pub fn amount_if_set(field: &str, wire: Option<&WireMoney>) -> Field<Option<Amount>> {
    wire.map(|wire| amount(field, Some(wire))).transpose()
}

/// Takes a rate: a decimal fraction with at most six decimals, and at most 1, since one above that
/// was meant in percent.
pub fn rate(field: &str, text: &str) -> Field<Rate> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    let rate = text.parse().ok().filter(|rate: &Rate| rate.decimal() <= Decimal::ONE);
    rate.ok_or_else(|| {
        let message =
            "is not a fraction of at most 1 with at most six decimals: 5.75 % is \"0.0575\"";
        FieldError::new(field, message)
    })
}

/// Money as the wire carries it.
pub fn to_wire(money: impl Into<Money>) -> WireMoney {
    let cents = money.into().cents();
    let units = cents / CENTS_PER_UNIT;
    // The rest of a division by a hundred fits, and so does its product with ten million.
    let rest = i32::try_from(cents % CENTS_PER_UNIT).unwrap_or(0);
    WireMoney {
        currency_code: Currency::Usd.code().to_owned(),
        units,
        nanos: rest.saturating_mul(NANOS_PER_CENT),
    }
}

fn no_currency(field: &str, code: &str) -> FieldError {
    if code.is_empty() {
        return FieldError::new(field, "has no currency_code");
    }
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
        return FieldError::new(field, "has a currency_code that is not three capital letters");
    }
    FieldError::new(field, format!("is in {code}, the account is in {}", Currency::Usd))
        .because(ErrorReason::CurrencyMismatch)
        .fact("currency", code)
        .fact("account_currency", Currency::Usd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(units: i64, nanos: i32) -> WireMoney {
        WireMoney { currency_code: "USD".to_owned(), units, nanos }
    }

    #[test]
    fn money_goes_there_and_back() {
        for (wire, text) in [
            (usd(310, 0), "310.00"),
            (usd(0, 10_000_000), "0.01"),
            (usd(0, -990_000_000), "-0.99"),
            (usd(-12, -340_000_000), "-12.34"),
            (usd(99_999_999, 990_000_000), "99999999.99"),
            (usd(0, 0), "0.00"),
        ] {
            let read = money("amount", &wire).unwrap();
            assert_eq!(read.to_string(), text);
            assert_eq!(to_wire(read), wire, "{text}");
        }
    }

    #[test]
    fn money_that_means_two_things_or_none_is_refused() {
        for (wire, message) in [
            (usd(1, -10_000_000), "amount: has units and nanos of different signs"),
            (usd(-1, 10_000_000), "amount: has units and nanos of different signs"),
            (usd(1, 5_000_000), "amount: has nanos that are not a whole number of cents"),
            (usd(1, 1), "amount: has nanos that are not a whole number of cents"),
            (usd(0, 1_000_000_000), "amount: has nanos beyond a whole unit"),
            (usd(0, i32::MIN), "amount: has nanos beyond a whole unit"),
            (usd(i64::MAX, 990_000_000), "amount: is too large"),
            (usd(i64::MIN, 0), "amount: is too large"),
        ] {
            assert_eq!(money("amount", &wire).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_payment_is_above_zero() {
        assert_eq!(amount("amount", Some(&usd(1, 0))).unwrap().to_string(), "1.00");
        assert!(amount("amount", Some(&usd(0, 0))).is_err());
        assert!(amount("amount", Some(&usd(-1, 0))).is_err());
        assert_eq!(amount("amount", None).unwrap_err(), FieldError::missing("amount"));
        assert_eq!(amount_if_set("amount", None).unwrap(), None);
    }

    #[test]
    fn what_is_unset_is_zero_where_zero_is_meant() {
        assert_eq!(money_or_zero("fees_due", None).unwrap(), Money::ZERO);
        assert!(money_or_zero("fees_due", Some(&usd(-1, 0))).is_err());
    }

    #[test]
    fn another_currency_is_a_mismatch_and_rubbish_is_not() {
        let of = |code: &str| {
            let wire = WireMoney { currency_code: code.to_owned(), units: 1, nanos: 0 };
            money("amount", &wire).unwrap_err().reason
        };
        assert_eq!(of("EUR"), ErrorReason::CurrencyMismatch);
        assert_eq!(of("usd"), ErrorReason::InvalidField);
        assert_eq!(of(""), ErrorReason::InvalidField);
    }

    #[test]
    fn a_rate_is_a_fraction_and_not_a_percentage_sign() {
        assert_eq!(rate("loan.annual_rate", "0.0575").unwrap().to_string(), "0.0575");
        for text in ["", "5.75%", "0.0000001", "-0.1", "abc", "1e-2"] {
            assert_eq!(rate("loan.annual_rate", text).unwrap_err().field, "loan.annual_rate");
        }
    }
}
