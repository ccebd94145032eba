//! Requests in few words: money, dates and instants from text, ids from names, accounts by kind.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use ledger::ids::name_based;
use prost_types::Timestamp;
use proto::google::r#type::{Date, Money};
use proto::payledger::v1::open_account_request::Terms;
use proto::payledger::v1::{
    Funding, InstalmentPlan, LeaseTerms, Lien, LoanTerms, OpenAccountRequest, Product,
};
use uuid::{Builder, Uuid};

/// The request id that a name stands for: the same in every run. Of version 8, since ids of
/// version 5 are the ledger's own.
pub fn request_id(name: &str) -> String {
    let bytes = name_based(&Uuid::NAMESPACE_OID, name.as_bytes()).into_bytes();
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// Dollars from text such as "310.00" or "-0.25".
pub fn money(text: &str) -> Money {
    let (digits, sign) = text.strip_prefix('-').map_or((text, 1), |digits| (digits, -1));
    let (units, cents) = digits.split_once('.').unwrap_or((digits, "00"));
    let nanos = cents.parse::<i32>().unwrap().checked_mul(10_000_000).unwrap();
    Money {
        currency_code: "USD".to_owned(),
        units: units.parse::<i64>().unwrap().checked_mul(sign).unwrap(),
        nanos: if sign < 0 { nanos.checked_neg().unwrap() } else { nanos },
    }
}

/// The cents of money of the wire; unset counts as none.
pub fn cents(money: Option<&Money>) -> i64 {
    money.map_or(0, |money| {
        let whole = money.units.checked_mul(100).unwrap();
        whole.checked_add(i64::from(money.nanos).checked_div(10_000_000).unwrap()).unwrap()
    })
}

/// Money of the wire as text such as "310.00"; unset is "unset".
pub fn text(money: Option<&Money>) -> String {
    let Some(some) = money else { return "unset".to_owned() };
    assert_eq!(some.currency_code, "USD");
    let cents = cents(Some(some));
    let sign = if cents < 0 { "-" } else { "" };
    let (units, rest) = (cents.unsigned_abs().checked_div(100), cents.unsigned_abs() % 100);
    format!("{sign}{}.{rest:02}", units.unwrap())
}

/// A date of the wire from text such as "2026-03-03".
pub fn date(text: &str) -> Date {
    let date: NaiveDate = text.parse().unwrap();
    let part = |part: u32| i32::try_from(part).unwrap();
    Date { year: date.year(), month: part(date.month()), day: part(date.day()) }
}

/// A date of the wire as text; unset is "unset".
pub fn date_text(date: Option<&Date>) -> String {
    date.map_or_else(
        || "unset".to_owned(),
        |date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day),
    )
}

/// An instant from RFC 3339 text.
pub fn instant(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// An instant as the wire carries it.
pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(instant.timestamp_subsec_nanos()).unwrap();
    Timestamp { seconds: instant.timestamp(), nanos }
}

/// The instant that the wire carries, if it is set.
pub fn from_timestamp(wire: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let wire = wire?;
    DateTime::from_timestamp(wire.seconds, u32::try_from(wire.nanos).unwrap())
}

fn plan(amount: &str, count: i32) -> InstalmentPlan {
    InstalmentPlan {
        amount: Some(money(amount)),
        first_due_date: Some(date("2026-04-01")),
        instalment_count: count,
        ..InstalmentPlan::default()
    }
}

fn loan(product: Product, account: &str) -> OpenAccountRequest {
    OpenAccountRequest {
        request_id: request_id(&format!("open {account}")),
        account_id: account.to_owned(),
        product: product.into(),
        opened_date: Some(date("2026-03-01")),
        terms: Some(Terms::Loan(LoanTerms {
            annual_rate: "0.073".to_owned(),
            principal: Some(money("10000.00")),
            ..LoanTerms::default()
        })),
        instalment_plan: Some(plan("310.00", 36)),
        ..OpenAccountRequest::default()
    }
}

/// An auto loan of 10,000.00 at 7.3 %, which is 2.00 a day, opened on 2026-03-01; 36 instalments of
/// 310.00 from 2026-04-01; 25.00 for a returned payment.
pub fn auto_loan(account: &str) -> OpenAccountRequest {
    OpenAccountRequest {
        returned_item_fee: Some(money("25.00")),
        ..loan(Product::AutoLoan, account)
    }
}

/// The same as a personal loan, without a fee for a returned payment.
pub fn personal_loan(account: &str) -> OpenAccountRequest {
    loan(Product::PersonalLoan, account)
}

/// A lease of 36 rentals of 389.00, 27.00 of it tax, from 2026-04-01; opened on 2026-03-01.
pub fn lease(account: &str) -> OpenAccountRequest {
    OpenAccountRequest {
        terms: Some(Terms::Lease(LeaseTerms {
            tax: Some(money("27.00")),
            ..LeaseTerms::default()
        })),
        instalment_plan: Some(plan("389.00", 36)),
        ..loan(Product::Lease, account)
    }
}

/// A lease of 24 rentals of 389.00, 27.00 of it tax, from 2026-03-01 on, when it is opened; then
/// the vehicle is worth 14,250.00, and 8 % of its price are sales tax. A lien in Texas.
pub fn lease_with_option(account: &str) -> OpenAccountRequest {
    let mut plan = plan("389.00", 24);
    plan.first_due_date = Some(date("2026-03-01"));
    OpenAccountRequest {
        terms: Some(Terms::Lease(LeaseTerms {
            tax: Some(money("27.00")),
            residual_value: Some(money("14250.00")),
            sales_tax_rate: "0.08".to_owned(),
        })),
        instalment_plan: Some(plan),
        lien: Some(lien("TX")),
        ..loan(Product::Lease, account)
    }
}

/// An auto loan of another principal, without interest: what is paid is all principal.
pub fn interest_free(account: &str, principal: &str) -> OpenAccountRequest {
    with_loan(auto_loan(account), |loan| {
        loan.principal = Some(money(principal));
        "0".clone_into(&mut loan.annual_rate);
    })
}

/// The same loan with its terms changed.
pub fn with_loan(
    mut request: OpenAccountRequest,
    change: impl FnOnce(&mut LoanTerms),
) -> OpenAccountRequest {
    if let Some(Terms::Loan(loan)) = &mut request.terms {
        change(loan);
    }
    request
}

/// The loan of the payoff quote: 12,345.67 at 6.49 %, boarded on 2026-06-15 with 25.00 of fees and
/// a lien in Texas; instalments of 310.00 from 2026-07-15.
pub fn quoted_loan(account: &str) -> OpenAccountRequest {
    let mut request = with_loan(auto_loan(account), |loan| {
        loan.principal = Some(money("12345.67"));
        "0.0649".clone_into(&mut loan.annual_rate);
    });
    request.opened_date = Some(date("2026-06-15"));
    request.fees_due = Some(money("25.00"));
    request.instalment_plan.as_mut().unwrap().first_due_date = Some(date("2026-07-15"));
    request.lien = Some(lien("TX"));
    request
}

/// A lien on a title of a state.
pub fn lien(title_state: &str) -> Lien {
    Lien {
        title_state: title_state.to_owned(),
        vin: "1HGCM82633A004352".to_owned(),
        lienholder: "First Example Bank".to_owned(),
    }
}

/// A bank account as the vault names it.
pub fn funding(token: &str) -> Funding {
    Funding { token: token.to_owned(), last_four: "6789".to_owned() }
}
