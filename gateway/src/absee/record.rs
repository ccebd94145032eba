//! One loan in one month, as it was reported.

use chrono::{Datelike as _, Months, NaiveDate};
use ledger::domain::money::{Money, Rate};
use rust_decimal::Decimal;

/// What a filing says of one loan in one month. Names follow the filing's elements; what is not
/// reported is none, amounts that count movements are then zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoanMonth {
    /// `assetNumber`: the loan's number in the pool.
    pub asset: String,
    /// `reportingPeriodBeginningDate`; the first day of the ending month if it is not reported.
    pub period_start: NaiveDate,
    /// `reportingPeriodEndingDate`: the day at whose close balances hold.
    pub period_end: NaiveDate,
    /// `originalInterestRatePercentage`, as a fraction of a year.
    pub original_rate: Option<Rate>,
    /// `reportingPeriodInterestRatePercentage`, as a fraction of a year.
    pub period_rate: Option<Rate>,
    /// `reportingPeriodBeginningLoanBalanceAmount`.
    pub begin_balance: Option<Money>,
    /// `reportingPeriodActualEndBalanceAmount`.
    pub end_balance: Money,
    /// `reportingPeriodScheduledPaymentAmount`, to the cent.
    pub scheduled_payment: Option<Money>,
    /// `nextReportingPeriodPaymentAmountDue`, to the cent: what is past due, and the next.
    pub next_due: Option<Money>,
    /// `totalActualAmountPaid`.
    pub paid: Money,
    /// `actualInterestCollectedAmount`.
    pub interest: Money,
    /// `actualPrincipalCollectedAmount`.
    pub principal: Money,
    /// `actualOtherCollectedAmount`: fees and the like.
    pub other: Money,
    /// `otherPrincipalAdjustmentAmount`: taken off the balance; below zero it adds to it.
    pub adjustment: Money,
    /// `chargedoffPrincipalAmount`; below zero a recovery.
    pub charged_off: Money,
    /// `recoveredAmount`.
    pub recovered: Money,
    /// `interestPaidThroughDate`: the last payment's day, even if interest stays unpaid after it.
    pub paid_through: Option<NaiveDate>,
    /// `currentDelinquencyStatus`, in days.
    pub days_past_due: Option<i64>,
    /// `paymentExtendedNumber`: by how many months due dates were moved.
    pub extended_months: i64,
    /// `zeroBalanceCode`: why nothing is owed any more.
    pub zero_balance_code: Option<String>,
    /// `remainingTermToMaturityNumber`, in months.
    pub remaining_term: Option<u32>,
    /// `obligorGeographicLocation`: the borrower's state.
    pub state: Option<String>,
}

/// Why a row is not the loan-month that it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{element}: {problem}")]
pub struct FieldError {
    /// The element, as the filing names it.
    pub element: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// Values by the name of their element.
pub trait Fields {
    /// The value of an element; none if it is missing or empty.
    fn value(&self, element: &str) -> Option<&str>;
}

/// What must be there, or a row says nothing.
pub const REQUIRED: [&str; 3] =
    ["assetNumber", "reportingPeriodEndingDate", "reportingPeriodActualEndBalanceAmount"];

impl LoanMonth {
    /// Reads a row. `asset_element` names the loan: `assetNumber` but for damaged copies.
    pub fn read(fields: &impl Fields, asset_element: &str) -> Result<Self, FieldError> {
        let row = Row(fields);
        let asset = fields.value(asset_element).map(str::to_owned);
        let period_end = row.required(REQUIRED[1], date)?;
        let first = period_end.with_day(1).unwrap_or(period_end);
        let month = Self {
            asset: asset.ok_or_else(|| missing(REQUIRED[0]))?,
            period_start: row.optional("reportingPeriodBeginningDate", date)?.unwrap_or(first),
            period_end,
            original_rate: row.optional("originalInterestRatePercentage", rate)?,
            period_rate: row.optional("reportingPeriodInterestRatePercentage", rate)?,
            begin_balance: row.optional("reportingPeriodBeginningLoanBalanceAmount", money)?,
            end_balance: row.required(REQUIRED[2], money)?,
            scheduled_payment: row.optional("reportingPeriodScheduledPaymentAmount", cents)?,
            next_due: row.optional("nextReportingPeriodPaymentAmountDue", cents)?,
            paid: row.money("totalActualAmountPaid")?,
            interest: row.money("actualInterestCollectedAmount")?,
            principal: row.money("actualPrincipalCollectedAmount")?,
            other: row.money("actualOtherCollectedAmount")?,
            adjustment: row.money("otherPrincipalAdjustmentAmount")?,
            charged_off: row.money("chargedoffPrincipalAmount")?,
            recovered: row.money("recoveredAmount")?,
            paid_through: row.optional("interestPaidThroughDate", date)?,
            days_past_due: row.optional("currentDelinquencyStatus", whole)?,
            extended_months: row.optional("paymentExtendedNumber", whole)?.unwrap_or(0),
            zero_balance_code: fields.value("zeroBalanceCode").map(str::to_owned),
            remaining_term: row
                .optional("remainingTermToMaturityNumber", whole)?
                .and_then(|months| u32::try_from(months).ok()),
            state: fields.value("obligorGeographicLocation").map(str::to_owned),
        };
        // Read for their form only: a row that garbles them is not to be trusted with money.
        row.optional("reportingPeriodModificationIndicator", flag)?;
        row.optional("repossessedIndicator", flag)?;
        row.optional("zeroBalanceEffectiveDate", date)?;
        month.check()
    }

    fn check(self) -> Result<Self, FieldError> {
        let wrong =
            |element, problem: &str| Err(FieldError { element, problem: problem.to_owned() });
        if self.end_balance.is_negative() {
            return wrong(REQUIRED[2], "is below zero");
        }
        if self.begin_balance.is_some_and(Money::is_negative) {
            return wrong("reportingPeriodBeginningLoanBalanceAmount", "is below zero");
        }
        if self.period_start > self.period_end {
            return wrong("reportingPeriodBeginningDate", "is after reportingPeriodEndingDate");
        }
        Ok(self)
    }

    /// The rate that holds in the month.
    pub fn rate(&self) -> Option<Rate> {
        self.period_rate.or(self.original_rate)
    }

    /// What was paid on the loan itself, fees apart.
    pub fn paid_on_loan(&self) -> Money {
        self.paid - self.other
    }

    /// Is nothing owed after the month?
    pub fn is_closed(&self) -> bool {
        self.end_balance.is_zero()
    }

    /// Does begin less principal, charge-off and adjustment make the end? None if the filing gives
    /// no beginning balance.
    pub fn balance_holds(&self) -> Option<bool> {
        let begin = self.begin_balance?;
        Some(begin - self.principal - self.charged_off - self.adjustment == self.end_balance)
    }

    /// Is what was paid interest, principal and other?
    pub fn payment_holds(&self) -> bool {
        self.paid == self.interest + self.principal + self.other
    }

    /// Does the month follow `earlier` without a gap?
    pub fn follows(&self, earlier: &Self) -> bool {
        let month = |date: NaiveDate| {
            i64::from(date.year()).saturating_mul(12).saturating_add(i64::from(date.month0()))
        };
        month(self.period_end) == month(earlier.period_end).saturating_add(1)
    }
}

struct Row<'a, F>(&'a F);

impl<F: Fields> Row<'_, F> {
    fn optional<T>(
        &self,
        element: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, FieldError> {
        let value = self.0.value(element).map(read).transpose();
        value.map_err(|problem| FieldError { element, problem })
    }

    fn required<T>(
        &self,
        element: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, FieldError> {
        self.optional(element, read)?.ok_or_else(|| missing(element))
    }

    fn money(&self, element: &'static str) -> Result<Money, FieldError> {
        Ok(self.optional(element, money)?.unwrap_or_default())
    }
}

fn missing(element: &'static str) -> FieldError {
    FieldError { element, problem: "is missing".to_owned() }
}

fn decimal(text: &str) -> Result<Decimal, String> {
    let plain =
        text.len() <= 30 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let value = Some(text).filter(|_| plain).and_then(|text| Decimal::from_str_exact(text).ok());
    value.map(without_noise).ok_or_else(|| format!("{text:?} is not a decimal number"))
}

/// Some copies went through binary floats: 0.0539 is 0.053900000000000003 there. What lies beyond
/// twelve decimals, and is nothing but that, is dropped.
fn without_noise(value: Decimal) -> Decimal {
    let rounded = value.round_dp(8);
    let apart = value.saturating_sub(rounded).abs();
    if apart < Decimal::new(1, 12) { rounded } else { value }
}

fn money(text: &str) -> Result<Money, String> {
    Money::new(decimal(text)?).map_err(|error| error.to_string())
}

/// Amounts that are worked out by the issuer may have more decimals: they are rounded half-up.
fn cents(text: &str) -> Result<Money, String> {
    Money::new(Money::round_half_up(decimal(text)?).decimal()).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<Rate, String> {
    let value = decimal(text)?;
    if value >= Decimal::ONE {
        return Err(format!("{text:?} is not a fraction of a year: 5.75 % is 0.0575"));
    }
    Rate::new(value).map_err(|error| error.to_string())
}

fn whole(text: &str) -> Result<i64, String> {
    let value = decimal(text)?.normalize();
    let whole = Some(value).filter(|value| value.scale() == 0);
    let number = whole.and_then(|value| i64::try_from(value.mantissa()).ok());
    number.ok_or_else(|| format!("{text:?} is not a whole number"))
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true or false, nor 1 or 0")),
    }
}

/// `MM-DD-YYYY` as filings have it, or with slashes, or `YYYY-MM-DD`; `MM/YYYY` is the last day of
/// that month.
fn date(text: &str) -> Result<NaiveDate, String> {
    let wrong = || format!("{text:?} is not a date: MM-DD-YYYY or MM/YYYY");
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    let number = |part: &str| {
        let plain = !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
        Some(part).filter(|_| plain).and_then(|part| part.parse::<u32>().ok())
    };
    let day = |year: &str, month: &str, day: &str| {
        let year = i32::try_from(number(year).filter(|_| year.len() == 4)?).ok()?;
        NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)
    };
    let found = match parts.as_slice() {
        [year, month, of_month] if year.len() == 4 => day(year, month, of_month),
        [month, of_month, year] => day(year, month, of_month),
        [month, year] => day(year, month, "1")
            .and_then(|first| first.checked_add_months(Months::new(1)))
            .and_then(|next| next.pred_opt()),
        _ => None,
    };
    found.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Map(BTreeMap<String, String>);

    impl Fields for Map {
        fn value(&self, element: &str) -> Option<&str> {
            self.0.get(element).map(String::as_str)
        }
    }

    fn read(extra: &[(&str, &str)]) -> Result<LoanMonth, FieldError> {
        let base = [
            ("assetNumber", "0001694010 - 000088"),
            ("reportingPeriodEndingDate", "12-31-2017"),
            ("reportingPeriodActualEndBalanceAmount", "2155.31000000"),
        ];
        let all = base.iter().chain(extra);
        let map = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        LoanMonth::read(&Map(map), "assetNumber")
    }

    #[test]
    fn trailing_zeros_and_all_forms_of_a_date_are_read() {
        let month = read(&[
            ("interestPaidThroughDate", "12-15-2017"),
            ("nextReportingPeriodPaymentAmountDue", "1155.7411726"),
            ("reportingPeriodInterestRatePercentage", "0.14490000"),
            ("zeroBalanceEffectiveDate", "02/2016"),
        ])
        .unwrap();
        assert_eq!(month.end_balance.to_string(), "2155.31");
        assert_eq!(month.next_due.unwrap().to_string(), "1155.74");
        assert_eq!(month.rate().unwrap().to_string(), "0.1449");
        assert_eq!(month.period_start.to_string(), "2017-12-01");
        assert_eq!(month.paid_through.unwrap().to_string(), "2017-12-15");
        let noise = [("reportingPeriodInterestRatePercentage", "0.053900000000000003")];
        assert_eq!(read(&noise).unwrap().rate().unwrap().to_string(), "0.0539");
        assert_eq!(date("02/2016").unwrap().to_string(), "2016-02-29");
        assert_eq!(date("2016-02-29"), date("02/29/2016"));
    }

    #[test]
    fn rubbish_is_told_with_its_element() {
        for (element, value, told) in [
            ("totalActualAmountPaid", "12.345", "more decimals"),
            ("totalActualAmountPaid", "1e3", "not a decimal number"),
            ("interestPaidThroughDate", "13-45-2017", "not a date"),
            ("interestPaidThroughDate", "12-15-17", "not a date"),
            ("originalInterestRatePercentage", "14.49", "not a fraction"),
            ("repossessedIndicator", "maybe", "neither true or false"),
            ("currentDelinquencyStatus", "1.5", "not a whole number"),
            ("reportingPeriodActualEndBalanceAmount", "-1", "below zero"),
            ("reportingPeriodBeginningDate", "01-01-2018", "is after"),
        ] {
            let error = read(&[(element, value)]).unwrap_err();
            assert_eq!(error.element, element);
            assert!(error.problem.contains(told), "{error}");
        }
    }
}
