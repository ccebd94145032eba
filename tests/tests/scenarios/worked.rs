//! Worked figures of the rules as a client sees them. What else there is of them, `VECTORS.md` in
//! the ledger lists.

use proto::payledger::v1::quote_schedule_request::Terms as ScheduleTerms;
use proto::payledger::v1::quote_schedule_response::Schedule;
use proto::payledger::v1::shortfall_tolerance::Measure;
use proto::payledger::v1::{
    AssessFeeRequest, Channel, DayCountBasis, FeeKind, LoanInstalment, OpenAccountRequest,
    QuoteScheduleRequest, ScheduleLoanTerms, ShortfallTolerance,
};
use tests::client::Client;
use tests::requests::{auto_loan, cents, date, money, request_id, text, with_loan};
use tests::server::Town;
use tests::views::{agree, split, standing};

use crate::days::paid_by_ach;
use crate::delinquency::journal;
use crate::servicing::billing;

/// A loan that is opened, and paid for the first time, on two days.
fn lent(
    account: &str,
    (principal, rate, basis): (&str, &str, DayCountBasis),
    (on, first): (&str, &str),
) -> OpenAccountRequest {
    let mut request = with_loan(auto_loan(account), |loan| {
        loan.principal = Some(money(principal));
        rate.clone_into(&mut loan.annual_rate);
        loan.day_count_basis = basis.into();
    });
    request.opened_date = Some(date(on));
    request.instalment_plan.as_mut().unwrap().first_due_date = Some(date(first));
    request
}

async fn interest(town: &Client, account: &str, on: &str) -> String {
    let balance = town.balance(account, on).await.unwrap();
    text(balance.accrued_interest.as_ref())
}

async fn wired(town: &Client, account: &str, paid: &str, on: &str) -> String {
    let name = format!("{account} {on}");
    let received = town.receive(&name, account, Channel::Wire, paid, on).await.unwrap();
    split(&received.payment.unwrap())
}

#[tokio::test]
async fn thirty_days_earn_by_their_basis_and_by_the_year_of_each_day() {
    use DayCountBasis::{Actual360, Actual365, Actual365366};
    let town = Town::at("2028-07-03T09:00:00-04:00").await;
    for (account, basis, days, paid) in [
        ("fixed", Actual365, ("2026-06-01", "2026-07-01"), "94.52/330.48/0.00/0.00"),
        ("common", Actual365366, ("2026-06-01", "2026-07-01"), "94.52/330.48/0.00/0.00"),
        ("leap", Actual365366, ("2028-06-01", "2028-07-01"), "94.26/330.74/0.00/0.00"),
        ("dear", Actual360, ("2026-06-01", "2026-07-01"), "95.83/329.17/0.00/0.00"),
        ("both", Actual365366, ("2027-12-20", "2028-01-19"), "94.37/330.63/0.00/0.00"),
    ] {
        town.open(lent(account, ("20000.00", "0.0575", basis), days)).await.unwrap();
        assert_eq!(wired(&town, account, "425.00", days.1).await, paid, "{account}");
    }
    let common = town.balance("common", "2026-07-01").await.unwrap();
    assert_eq!(text(common.principal.as_ref()), "19669.52");
    // 36,000.00 at 1 % on months of thirty days earn one dollar a day.
    for (account, from, to, days) in [
        ("short", "2026-01-31", "2026-02-28", "28.00"),
        ("long", "2026-02-28", "2026-03-31", "33.00"),
        ("odd", "2026-01-15", "2026-03-01", "46.00"),
        ("even", "2026-01-30", "2026-03-31", "60.00"),
    ] {
        let terms = ("36000.00", "0.01", DayCountBasis::Thirty360);
        town.open(lent(account, terms, (from, to))).await.unwrap();
        assert_eq!(interest(&town, account, to).await, days, "{account}");
    }
    agree(&town).await;
}

#[tokio::test]
async fn a_fraction_of_a_cent_is_carried_from_day_to_day() {
    let town = Town::at("2026-07-01T09:00:00-04:00").await;
    let month = ("2026-06-01", "2026-07-01");
    for (account, principal, rate) in [("small", "912.50", "0.01"), ("large", "18250.00", "0.0499")]
    {
        let terms = (principal, rate, DayCountBasis::Actual365);
        town.open(lent(account, terms, month)).await.unwrap();
    }
    assert_eq!(interest(&town, "large", "2026-06-02").await, "2.50");
    assert_eq!(interest(&town, "large", "2026-07-01").await, "74.85");
    assert_eq!(interest(&town, "small", "2026-07-01").await, "0.75");
    let mut paid = 0;
    for day in 2..=30 {
        let on = format!("2026-06-{day:02}");
        let due = interest(&town, "small", &on).await;
        assert!(wired(&town, "small", &due, &on).await.starts_with(&format!("{due}/0.00/")));
        paid += cents(Some(&money(&due)));
    }
    assert_eq!((paid, interest(&town, "small", "2026-07-01").await.as_str()), (73, "0.02"));
    agree(&town).await;
}

#[tokio::test]
async fn a_level_payment_is_quoted_and_ends_as_the_carried_interest_has_it() {
    let town = Town::at("2031-01-16T09:00:00-05:00").await;
    let terms = ScheduleLoanTerms {
        principal: Some(money("1200.00")),
        annual_rate: "0.12".to_owned(),
        day_count_basis: DayCountBasis::Thirty360.into(),
        contract_date: Some(date("2026-01-15")),
        payment: None,
    };
    let request = QuoteScheduleRequest {
        terms: Some(ScheduleTerms::Loan(terms)),
        first_due_date: Some(date("2026-02-15")),
        instalment_count: 6,
        ..QuoteScheduleRequest::default()
    };
    let quoted = town.accounts().quote_schedule(request).await.unwrap().into_inner();
    let Some(Schedule::Loan(quoted)) = quoted.schedule else { unreachable!("a loan was asked") };
    let told = |of: fn(&LoanInstalment) -> Option<&proto::google::r#type::Money>| {
        quoted.instalments.iter().map(|it| text(of(it))).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told(|it| it.payment.as_ref()), "207.06 207.06 207.06 207.06 207.06 207.05");
    assert_eq!(told(|it| it.interest.as_ref()), "12.00 10.05 8.08 6.09 4.08 2.05");
    assert_eq!(told(|it| it.principal.as_ref()), "195.06 197.01 198.98 200.97 202.98 205.00");

    let terms = ("25000.00", "0.069", DayCountBasis::Thirty360);
    let mut loan = lent("a-1", terms, ("2026-01-15", "2026-02-15"));
    let plan = loan.instalment_plan.as_mut().unwrap();
    (plan.amount, plan.instalment_count) = (Some(money("493.85")), 60);
    town.open(loan).await.unwrap();
    for month in 1..60 {
        let on = format!("{}-{:02}-15", 2026 + month / 12, month % 12 + 1);
        let paid = wired(&town, "a-1", "493.85", &on).await;
        if month == 1 {
            assert_eq!(paid, "143.75/350.10/0.00/0.00");
        }
    }
    let last = town.balance("a-1", "2031-01-15").await.unwrap();
    assert_eq!(text(last.payoff_amount.as_ref()), "493.94");
    let paid = wired(&town, "a-1", "493.94", "2031-01-15").await;
    assert_eq!(standing(&town, "a-1", "2031-01-15").await.split(' ').nth(1), Some("0.00"));
    // 59 of 493.85 and this are 4,631.09 more than was lent.
    assert_eq!(paid, "2.82/491.12/0.00/0.00");
    agree(&town).await;
}

#[tokio::test]
async fn an_odd_first_period_costs_its_days() {
    let town = Town::at("2026-03-02T09:00:00-05:00").await;
    let terms = ("25000.00", "0.069", DayCountBasis::Actual365366);
    town.open(lent("a-1", terms, ("2026-01-15", "2026-03-01"))).await.unwrap();
    assert_eq!(interest(&town, "a-1", "2026-01-30").await, "70.89");
    assert_eq!(wired(&town, "a-1", "495.31", "2026-03-01").await, "212.67/282.64/0.00/0.00");
    agree(&town).await;
}

#[tokio::test]
async fn one_payment_moves_two_ledgers() {
    let town = Town::at("2026-04-01T12:00:00-04:00").await;
    for (account, amount, expected, satisfied) in [
        (
            "more",
            "450.00",
            "62.00/372.50/15.50/0.00",
            "1 2026-03-01 110.00, 2 2026-04-01 310.00; fees 15.50; ahead 14.50",
        ),
        (
            "less",
            "400.00",
            "62.00/338.00/0.00/0.00",
            "1 2026-03-01 110.00, 2 2026-04-01 290.00; fees 0.00; ahead 0.00",
        ),
    ] {
        let mut behind = auto_loan(account);
        behind.fees_due = Some(money("15.50"));
        let plan = behind.instalment_plan.as_mut().unwrap();
        plan.first_due_date = Some(date("2026-03-01"));
        plan.first_amount_due = Some(money("110.00"));
        town.open(behind).await.unwrap();
        let received = town.receive(account, account, Channel::Mail, amount, "2026-04-01").await;
        let payment = received.unwrap().payment.unwrap();
        assert_eq!(split(&payment), expected, "{account}");
        assert_eq!(billing(&payment), satisfied, "{account}");
    }
    agree(&town).await;
}

#[tokio::test]
async fn nine_tenths_of_an_instalment_may_count_as_all_of_it() {
    let town = Town::at("2026-04-02T12:00:00-04:00").await;
    for (account, amount, days) in [("enough", "279.00", 0), ("short", "278.99", 1)] {
        let measure = Some(Measure::Share("0.9".to_owned()));
        let shortfall_tolerance = Some(ShortfallTolerance { measure });
        let request = OpenAccountRequest { shortfall_tolerance, ..auto_loan(account) };
        town.open(request).await.unwrap();
        wired(&town, account, amount, "2026-04-01").await;
        let balance = town.balance(account, "2026-04-02").await.unwrap();
        assert_eq!(balance.days_past_due, days, "{account}");
    }
    agree(&town).await;
}

#[tokio::test]
async fn a_states_table_caps_the_returned_item_fee() {
    let town = Town::at("2026-04-01T12:00:00-04:00").await;
    for (state, paid, fee) in [
        ("AZ", "310.00", "25.00"),
        ("CA", "310.00", "25.00"),
        ("CO", "310.00", "20.00"),
        ("CT", "310.00", "20.00"),
        ("FL", "50.00", "25.00"),
        ("FL", "300.00", "30.00"),
        ("FL", "300.01", "40.00"),
        ("FL", "1000.00", "50.00"),
        ("GA", "310.00", "30.00"),
        ("GA", "1000.00", "50.00"),
        ("IL", "310.00", "25.00"),
        ("IN", "310.00", "20.00"),
        ("MI", "310.00", "25.00"),
        ("MN", "310.00", "30.00"),
        ("MO", "310.00", "25.00"),
        ("NC", "310.00", "25.00"),
        ("NJ", "310.00", "30.00"),
        ("NY", "310.00", "20.00"),
        ("OH", "200.00", "30.00"),
        ("OH", "310.00", "31.00"),
        ("PA", "310.00", "30.00"),
        ("TX", "310.00", "30.00"),
        ("VA", "310.00", "50.00"),
        ("WA", "310.00", "30.00"),
        ("WI", "310.00", "25.00"),
    ] {
        let account = format!("{state}-{paid}");
        let request = OpenAccountRequest {
            returned_item_fee: Some(money("60.00")),
            governing_state: state.to_owned(),
            ..auto_loan(&account)
        };
        town.open(request).await.unwrap();
        let came = town.receive(&account, &account, Channel::Mail, paid, "2026-04-01").await;
        let payment = came.unwrap().payment.unwrap().payment_id;
        town.take_back(&format!("{account} back"), &account, &payment, "R01").await.unwrap();
        let balance = town.balance(&account, "2026-04-01").await.unwrap();
        assert_eq!(text(balance.fees_due.as_ref()), fee, "{account}");
    }
    agree(&town).await;
}

/// Charges a fee that brings interest up to the day in the general ledger, as its close would.
async fn accrued(town: &Client, amount: &str) {
    let request = AssessFeeRequest {
        request_id: request_id("brings interest up to the day"),
        account_id: "a-1".to_owned(),
        kind: FeeKind::Late.into(),
        amount: Some(money(amount)),
        ..AssessFeeRequest::default()
    };
    town.accounts().assess_fee(request).await.unwrap();
}

#[tokio::test]
async fn money_keyed_late_takes_back_what_accrued_too_much() {
    let town = Town::at("2026-04-06T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    accrued(&town, "10.00").await;
    let keyed = town.receive("keyed", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    assert_eq!(split(&keyed.payment.unwrap()), "62.00/248.00/0.00/0.00");
    let (lines, gl_date) = journal(&town, "PaymentReceived").await;
    assert_eq!(gl_date, "2026-04-06");
    assert_eq!(lines, ["1025 310.00", "1110 -62.00", "1100 -248.00", "1110 -0.25", "4010 0.25"]);
    assert_eq!(interest(&town, "a-1", "2026-04-06").await, "9.75");
    agree(&town).await;
}

#[tokio::test]
async fn a_return_after_a_later_payment_books_what_moved_and_what_was_missing() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    paid_by_ach(&town, "a-1", "310.00", "2026-05-01").await;
    town.clock("2026-05-20T05:00:00-04:00").await;
    accrued(&town, "1.00").await;
    town.take_back("back", "a-1", &first, "R10").await.unwrap();
    let (lines, gl_date) = journal(&town, "PaymentReturned").await;
    assert_eq!(gl_date, "2026-05-20");
    assert_eq!(
        lines,
        [
            "1110 62.00",
            "1020 -310.00",
            "1100 248.00",
            "1110 -63.49",
            "1100 63.49",
            "1110 2.68",
            "4010 -2.68",
        ]
    );
    let after = "principal 9812.00 interest 37.29 fees 1.00 credit 0.00 dpd 19";
    assert_eq!(standing(&town, "a-1", "2026-05-20").await, after);
    agree(&town).await;
}
