//! Schedules of contracts: the worked ones, and questions that have none.

use proto::google::r#type::{Date, Money};
use proto::payledger::v1::quote_schedule_request::Terms;
use proto::payledger::v1::quote_schedule_response::Schedule;
use proto::payledger::v1::{
    DayCountBasis, LoanInstalment, LoanSchedule, QuoteScheduleRequest, ScheduleLeaseTerms,
    ScheduleLoanTerms,
};
use tests::client::{Answer, Client};
use tests::refusals::field;
use tests::requests::{date, date_text, money, text};
use tests::server::Town;

/// $25,000 at 6.9 % for 60 months.
fn loan(basis: DayCountBasis, first_due: &str) -> QuoteScheduleRequest {
    let terms = ScheduleLoanTerms {
        principal: Some(money("25000.00")),
        annual_rate: "0.069".to_owned(),
        day_count_basis: basis.into(),
        contract_date: Some(date("2026-01-15")),
        payment: None,
    };
    QuoteScheduleRequest {
        terms: Some(Terms::Loan(terms)),
        first_due_date: Some(date(first_due)),
        instalment_count: 60,
        ..QuoteScheduleRequest::default()
    }
}

fn lease() -> QuoteScheduleRequest {
    let terms = ScheduleLeaseTerms { base: Some(money("362.00")), tax: Some(money("27.00")) };
    QuoteScheduleRequest {
        terms: Some(Terms::Lease(terms)),
        first_due_date: Some(date("2026-02-28")),
        day_of_month: 31,
        instalment_count: 36,
    }
}

fn with_terms(change: fn(&mut ScheduleLoanTerms)) -> QuoteScheduleRequest {
    let mut request = loan(DayCountBasis::Unspecified, "2026-03-01");
    if let Some(Terms::Loan(terms)) = &mut request.terms {
        change(terms);
    }
    request
}

async fn quote(town: &Client, request: QuoteScheduleRequest) -> Answer<Schedule> {
    let response = town.accounts().quote_schedule(request).await?.into_inner();
    Ok(response.schedule.unwrap())
}

async fn quoted(town: &Client, request: QuoteScheduleRequest) -> LoanSchedule {
    match quote(town, request).await.unwrap() {
        Schedule::Loan(schedule) => schedule,
        Schedule::Lease(schedule) => unreachable!("{schedule:?}"),
    }
}

/// An instalment on one line: number, due date, days, payment, interest, principal, balance.
fn told(it: &LoanInstalment) -> String {
    let amounts = [&it.payment, &it.interest, &it.principal, &it.balance];
    let amounts = amounts.map(|amount| text(amount.as_ref())).join(" ");
    format!("{} {} {} {amounts}", it.number, date_text(it.due_date.as_ref()), it.days)
}

#[tokio::test]
async fn a_contract_is_quoted_on_either_basis_and_nothing_is_written() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let head = town.head().await.unwrap();
    for (request, payment, first, last) in [
        (
            loan(DayCountBasis::Unspecified, "2026-03-01"),
            "495.31",
            "1 2026-03-01 45 495.31 212.67 282.64 24717.36",
            "60 2031-02-01 31 495.12 2.88 492.24 0.00",
        ),
        (
            loan(DayCountBasis::Thirty360, "2026-02-15"),
            "493.85",
            "1 2026-02-15 30 493.85 143.75 350.10 24649.90",
            "60 2031-01-15 30 493.95 2.82 491.13 0.00",
        ),
        (
            with_terms(|terms| terms.payment = Some(money("493.85"))),
            "493.85",
            "1 2026-03-01 45 493.85 212.67 281.18 24718.82",
            "60 2031-02-01 31 597.98 3.48 594.50 0.00",
        ),
    ] {
        let schedule = quoted(&town, request).await;
        assert_eq!(text(schedule.payment.as_ref()), payment);
        assert_eq!(schedule.instalments.len(), 60);
        assert_eq!(told(&schedule.instalments[0]), first);
        assert_eq!(told(&schedule.instalments[59]), last);
    }
    assert_eq!(town.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_lease_is_quoted_by_base_and_tax_on_its_anchor_day() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let Schedule::Lease(schedule) = quote(&town, lease()).await.unwrap() else {
        unreachable!("a lease was asked for")
    };
    assert_eq!(text(schedule.payment.as_ref()), "389.00");
    assert_eq!(text(schedule.total_base.as_ref()), "13032.00");
    assert_eq!(text(schedule.total_tax.as_ref()), "972.00");
    assert_eq!(schedule.instalments.len(), 36);
    let second = &schedule.instalments[1];
    assert_eq!(date_text(second.due_date.as_ref()), "2026-03-31");
    assert_eq!(text(second.base.as_ref()), "362.00");
    assert_eq!(text(second.tax.as_ref()), "27.00");
}

#[tokio::test]
async fn a_contract_without_a_schedule_is_refused_by_its_field() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let whole = |change: fn(&mut QuoteScheduleRequest)| {
        let mut request = lease();
        change(&mut request);
        request
    };
    let cases = [
        ("loan", "INVALID_FIELD", whole(|r| r.terms = None)),
        ("first_due_date", "INVALID_FIELD", whole(|r| r.first_due_date = None)),
        ("first_due_date", "INVALID_DATE", whole(|r| r.first_due_date = Some(Date::default()))),
        ("first_due_date", "INVALID_FIELD", whole(|r| r.first_due_date = Some(date("9999-02-28")))),
        ("day_of_month", "INVALID_FIELD", whole(|r| r.day_of_month = 27)),
        ("day_of_month", "INVALID_FIELD", whole(|r| r.day_of_month = -1)),
        ("day_of_month", "INVALID_FIELD", whole(|r| r.day_of_month = 32)),
        ("instalment_count", "INVALID_FIELD", whole(|r| r.instalment_count = 0)),
        ("instalment_count", "INVALID_FIELD", whole(|r| r.instalment_count = -1)),
        ("instalment_count", "INVALID_FIELD", whole(|r| r.instalment_count = 601)),
        ("instalment_count", "INVALID_FIELD", whole(|r| r.instalment_count = i32::MAX)),
        ("loan.principal", "INVALID_FIELD", with_terms(|t| t.principal = None)),
        ("loan.principal", "INVALID_FIELD", with_terms(|t| t.principal = Some(money("0.00")))),
        (
            "loan.principal",
            "INVALID_FIELD",
            with_terms(|t| t.principal = Some(money("100000000.00"))),
        ),
        ("loan.annual_rate", "INVALID_FIELD", with_terms(|t| t.annual_rate = String::new())),
        ("loan.annual_rate", "INVALID_FIELD", with_terms(|t| t.annual_rate = "6.9%".to_owned())),
        ("loan.annual_rate", "INVALID_FIELD", with_terms(|t| t.annual_rate = "-0.01".to_owned())),
        ("loan.day_count_basis", "INVALID_FIELD", with_terms(|t| t.day_count_basis = 5)),
        ("loan.contract_date", "INVALID_FIELD", with_terms(|t| t.contract_date = None)),
        (
            "first_due_date",
            "INVALID_FIELD",
            with_terms(|t| t.contract_date = Some(date("2026-03-01"))),
        ),
        ("loan.payment", "INVALID_FIELD", with_terms(|t| t.payment = Some(money("0.00")))),
        (
            "loan.payment",
            "CURRENCY_MISMATCH",
            with_terms(|t| {
                let euros = "EUR".to_owned();
                t.payment = Some(Money { currency_code: euros, ..money("1.00") });
            }),
        ),
    ];
    for (path, reason, request) in cases {
        let said = format!("{request:?}");
        let refused = field(quote(&town, request).await);
        assert_eq!(refused, (reason.to_owned(), path.to_owned()), "{said}");
    }
}
