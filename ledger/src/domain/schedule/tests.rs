//! The worked schedules, and what holds for every one.

use chrono::{Datelike, Days};
use proptest::prelude::*;

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn loan(
    principal: &str,
    rate: &str,
    day_count: DayCount,
    contract: &str,
    first_due: &str,
    count: u32,
) -> Loan {
    let first_due_date = date(first_due);
    Loan {
        principal: principal.parse().unwrap(),
        annual_rate: rate.parse().unwrap(),
        day_count,
        contract_date: date(contract),
        due_dates: DueDates { first_due_date, day_of_month: first_due_date.day(), count },
        payment: None,
    }
}

/// $25,000 at 6.9 % for 60 months, the first payment due after a month of 30/360.
fn monthly() -> Loan {
    loan("25000", "0.069", DayCount::Thirty360, "2026-01-15", "2026-02-15", 60)
}

/// The same contract by daily interest, the first payment due after 45 days.
fn daily() -> Loan {
    loan("25000", "0.069", DayCount::Actual365Or366, "2026-01-15", "2026-03-01", 60)
}

/// An instalment on one line: number, due date, days, payment, interest, principal, balance.
fn told(schedule: &LoanSchedule, number: u32) -> String {
    let found = schedule.instalments.iter().find(|it| it.number == number);
    let LoanInstalment { number, due_date, days, payment, interest, principal, balance } =
        *found.unwrap();
    format!("{number} {due_date} {days} {payment} {interest} {principal} {balance}")
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn months_of_thirty_days_have_the_payment_of_the_formula() {
    let schedule = monthly().schedule().unwrap();
    assert_eq!(schedule.payment, money("493.85"));
    assert_eq!(schedule.total_interest, money("4631.10"));
    for (number, line) in [
        (1, "1 2026-02-15 30 493.85 143.75 350.10 24649.90"),
        (2, "2 2026-03-15 30 493.85 141.74 352.11 24297.79"),
        (3, "3 2026-04-15 30 493.85 139.71 354.14 23943.65"),
        (59, "59 2030-12-15 30 493.85 5.63 488.22 491.13"),
        (60, "60 2031-01-15 30 493.95 2.82 491.13 0.00"),
    ] {
        assert_eq!(told(&schedule, number), line);
    }
    assert_eq!(schedule.instalments.len(), 60);
}

#[test]
fn a_personal_loan_of_six_months_ends_a_cent_lower() {
    let loan = loan("1200", "0.12", DayCount::Thirty360, "2026-01-15", "2026-02-15", 6);
    let schedule = loan.schedule().unwrap();
    let column = |of: fn(&LoanInstalment) -> Money| {
        schedule.instalments.iter().map(|it| of(it).to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(column(|it| it.payment), "207.06 207.06 207.06 207.06 207.06 207.05");
    assert_eq!(column(|it| it.interest), "12.00 10.05 8.08 6.09 4.08 2.05");
    assert_eq!(column(|it| it.principal), "195.06 197.01 198.98 200.97 202.98 205.00");
    assert_eq!(schedule.instalments[5].balance, Money::ZERO);
}

#[test]
fn an_odd_first_period_of_daily_interest_has_the_smallest_payment_that_is_never_exceeded() {
    let schedule = daily().schedule().unwrap();
    assert_eq!(schedule.payment, money("495.31"));
    for (number, line) in [
        (1, "1 2026-03-01 45 495.31 212.67 282.64 24717.36"),
        (2, "2 2026-04-01 31 495.31 144.85 350.46 24366.90"),
        (3, "3 2026-05-01 30 495.31 138.19 357.12 24009.78"),
        (59, "59 2031-01-01 31 495.31 5.75 489.56 492.24"),
        (60, "60 2031-02-01 31 495.12 2.88 492.24 0.00"),
    ] {
        assert_eq!(told(&schedule, number), line);
    }
}

#[test]
fn a_payment_that_the_contract_fixes_leaves_the_rest_to_the_last() {
    let mut loan = daily();
    loan.payment = "493.85".parse().ok();
    let schedule = loan.schedule().unwrap();
    assert_eq!(schedule.payment, money("493.85"));
    assert_eq!(schedule.instalments[59].payment, money("597.98"));
    assert_eq!(schedule.instalments[59].balance, Money::ZERO);

    loan.payment = "10000".parse().ok();
    let sooner = loan.schedule().unwrap();
    assert_eq!(sooner.instalments.len(), 3);
    assert_eq!(sooner.instalments[2].balance, Money::ZERO);
    assert!(sooner.instalments[2].payment < money("10000"));
}

#[test]
fn interest_that_a_payment_does_not_cover_waits_and_bears_nothing() {
    let mut loan = loan("10000", "0.12", DayCount::Thirty360, "2026-01-15", "2026-02-15", 3);
    loan.payment = "60".parse().ok();
    let schedule = loan.schedule().unwrap();
    assert_eq!(told(&schedule, 1), "1 2026-02-15 30 60.00 60.00 0.00 10000.00");
    assert_eq!(told(&schedule, 2), "2 2026-03-15 30 60.00 60.00 0.00 10000.00");
    assert_eq!(told(&schedule, 3), "3 2026-04-15 30 10180.00 180.00 10000.00 0.00");
    assert_eq!(schedule.total_interest, money("300.00"));
}

#[test]
fn an_odd_first_period_on_30_360_is_searched_for_too() {
    let loan = Loan { contract_date: date("2026-01-15"), ..monthly() };
    let odd = Loan {
        due_dates: DueDates { first_due_date: date("2026-03-01"), day_of_month: 1, count: 60 },
        ..loan
    };
    let schedule = odd.schedule().unwrap();
    assert_eq!(schedule.instalments[0].days, 46);
    assert_eq!(schedule.instalments[0].interest, money("220.42"));
    assert!(schedule.instalments[59].payment <= schedule.payment);
}

#[test]
fn an_anchor_day_comes_back_after_a_short_month() {
    let mut loan = loan("9000", "0.06", DayCount::Thirty360, "2026-01-31", "2026-02-28", 3);
    loan.due_dates.day_of_month = 31;
    let schedule = loan.schedule().unwrap();
    let dates: Vec<_> =
        schedule.instalments.iter().map(|it| format!("{} {}", it.due_date, it.days)).collect();
    assert_eq!(dates, ["2026-02-28 28", "2026-03-31 33", "2026-04-30 30"]);
}

#[test]
fn without_interest_the_principal_is_divided() {
    let schedule = |day_count, principal, count| {
        let made = loan(principal, "0", day_count, "2026-01-15", "2026-02-15", count).schedule();
        let made = made.unwrap();
        assert_eq!(made.total_interest, Money::ZERO);
        let last = made.instalments.last().unwrap();
        format!("{} x {}, last {}", made.instalments.len(), made.payment, last.payment)
    };
    assert_eq!(schedule(DayCount::Thirty360, "1000", 3), "3 x 333.33, last 333.34");
    assert_eq!(schedule(DayCount::Actual365, "1000", 3), "3 x 333.34, last 333.32");
    assert_eq!(schedule(DayCount::Actual365, "100", 600), "589 x 0.17, last 0.04");
    assert_eq!(schedule(DayCount::Thirty360, "0.01", 600), "1 x 0.01, last 0.01");
}

#[test]
fn one_instalment_is_all_of_it() {
    for day_count in DayCount::ALL {
        let loan = loan("1000", "0.0606", *day_count, "2026-01-15", "2026-02-15", 1);
        let schedule = loan.schedule().unwrap();
        assert_eq!(schedule.payment, schedule.instalments[0].payment, "{day_count}");
        assert_eq!(schedule.payment, money("1000") + schedule.total_interest, "{day_count}");
    }
    // A twelfth of 6.06 % of 100.00 is half a cent beyond 0.50.
    let half = loan("100", "0.0606", DayCount::Thirty360, "2026-01-15", "2026-02-15", 1);
    assert_eq!(half.schedule().unwrap().payment, money("100.51"));
}

#[test]
fn a_formula_that_rounding_turns_into_a_balloon_gives_way_to_the_search() {
    let loan = loan("100", "9.999999", DayCount::Thirty360, "2026-01-15", "2026-02-15", 600);
    let schedule = loan.schedule().unwrap();
    assert_eq!(schedule.payment, money("83.34"));
    assert!(schedule.instalments.last().unwrap().payment <= schedule.payment);
}

#[test]
fn a_lease_shows_base_and_tax_of_each_rental() {
    let lease = Lease {
        base: "362.00".parse().unwrap(),
        tax: money("27.00"),
        due_dates: DueDates { first_due_date: date("2026-03-31"), day_of_month: 31, count: 36 },
    };
    let schedule = lease.schedule().unwrap();
    assert_eq!(schedule.payment, money("389.00"));
    assert_eq!(schedule.total_base, money("13032.00"));
    assert_eq!(schedule.total_tax, money("972.00"));
    assert_eq!(schedule.instalments.len(), 36);
    let second = schedule.instalments[1];
    assert_eq!((second.number, second.due_date), (2, date("2026-04-30")));
    assert_eq!((second.payment, second.tax), (money("389.00"), money("27.00")));
}

#[test]
fn what_makes_no_schedule_is_named() {
    let field = |change: fn(&mut Loan)| {
        let mut loan = daily();
        change(&mut loan);
        loan.schedule().unwrap_err().field
    };
    let large: fn() -> Amount = || "100000000.00".parse().unwrap();
    assert_eq!(field(|it| it.due_dates.count = 0), "instalment_count");
    assert_eq!(field(|it| it.due_dates.count = 601), "instalment_count");
    assert_eq!(field(|it| it.due_dates.day_of_month = 2), "day_of_month");
    assert_eq!(field(|it| it.due_dates.day_of_month = 0), "day_of_month");
    assert_eq!(field(|it| it.due_dates.day_of_month = 32), "day_of_month");
    assert_eq!(field(|it| it.contract_date = date("2026-03-01")), "first_due_date");
    assert_eq!(field(|it| it.contract_date = date("1976-02-29")), "first_due_date");
    assert_eq!(field(|it| it.due_dates.first_due_date = date("9995-03-01")), "first_due_date");
    let mut loan = daily();
    loan.principal = large();
    assert_eq!(loan.schedule().unwrap_err().field, "loan.principal");
    loan = daily();
    loan.payment = Some(large());
    assert_eq!(loan.schedule().unwrap_err().field, "loan.payment");
    loan = daily();
    (loan.principal, loan.due_dates.count) = (AMOUNT_MAX, 1);
    assert_eq!(loan.schedule().unwrap_err().field, "loan.principal");

    let lease = |base: &str, tax: &str| {
        let due_dates = daily().due_dates;
        let lease = Lease { base: base.parse().unwrap(), tax: money(tax), due_dates };
        lease.schedule().unwrap_err().field
    };
    assert_eq!(lease("362.00", "-0.01"), "lease.tax");
    assert_eq!(lease("100000000.00", "0"), "lease.base");
    assert_eq!(lease("99999999.99", "0.01"), "lease.tax");
}

#[test]
fn a_payment_may_be_as_large_as_an_entry() {
    let day_count = DayCount::Actual365;
    let whole = loan("99999999.99", "0", day_count, "2026-01-15", "2026-03-01", 1);
    assert_eq!(whole.schedule().unwrap().payment, money("99999999.99"));
    let (base, tax) = ("99999998.99".parse().unwrap(), money("1.00"));
    let rental = Lease { base, tax, due_dates: daily().due_dates };
    assert_eq!(rental.schedule().unwrap().payment, money("99999999.99"));
}

#[test]
fn the_longest_the_dearest_and_the_latest_have_a_schedule() {
    for day_count in DayCount::ALL {
        let mut loan = loan("9999999.99", "9.999999", *day_count, "9899-12-31", "9949-12-31", 600);
        loan.due_dates.day_of_month = 31;
        let last = loan.schedule().unwrap().instalments[599];
        assert_eq!((last.due_date, last.balance), (date("9999-11-30"), Money::ZERO), "{day_count}");
        loan.principal = AMOUNT_MAX;
        let error = loan.schedule().err().map(|error| error.field);
        assert_eq!(error, Some("loan.principal"), "{day_count}");
    }
}

prop_compose! {
    fn loans()(
        cents in 1_i64..10_000_000,
        ppm in 0_i64..400_000,
        day_count in prop::sample::select(DayCount::ALL.to_vec()),
        start in 0_u64..20_000,
        gap in 1_u64..400,
        count in 1_u32..=120,
        fixed in prop::option::of(1_i64..1_000_000),
    ) -> Loan {
        let contract_date = date("2000-01-01").checked_add_days(Days::new(start)).unwrap();
        let first_due_date = contract_date.checked_add_days(Days::new(gap)).unwrap();
        let day_of_month = first_due_date.day();
        Loan {
            principal: Money::from_cents(cents).amount().unwrap(),
            annual_rate: Rate::new(Decimal::new(ppm, 6)).unwrap(),
            day_count,
            contract_date,
            due_dates: DueDates { first_due_date, day_of_month, count },
            payment: fixed.and_then(|cents| Money::from_cents(cents).amount()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_schedule_pays_the_principal_and_nothing_but_its_interest(loan in loans()) {
        let schedule = loan.schedule().unwrap();
        let rows = &schedule.instalments;
        let sum = |of: fn(&LoanInstalment) -> Money| total(rows.iter().map(of));
        prop_assert_eq!(sum(|it| it.principal), loan.principal.money());
        prop_assert_eq!(sum(|it| it.interest), schedule.total_interest);
        let (last, before) = rows.split_last().unwrap();
        prop_assert_eq!(last.balance, Money::ZERO);
        prop_assert!(before.iter().all(|row| row.payment == schedule.payment));
        for row in rows {
            prop_assert_eq!(row.payment, row.interest + row.principal);
            prop_assert!(!row.interest.is_negative() && !row.principal.is_negative());
            prop_assert!(row.payment.is_positive());
        }
    }

    #[test]
    fn no_smaller_payment_would_do(loan in loans()) {
        let mut loan = Loan { payment: None, ..loan };
        loan.day_count = DayCount::Actual365Or366;
        let schedule = loan.schedule().unwrap();
        prop_assert!(schedule.instalments.last().unwrap().payment <= schedule.payment);
        if let Some(smaller) = (schedule.payment - Money::from_cents(1)).amount() {
            let would = Loan { payment: Some(smaller), ..loan }.schedule().unwrap();
            prop_assert!(would.instalments.last().unwrap().payment > smaller.money());
        }
    }
}
