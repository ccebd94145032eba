//! The ends of time and money.

use chrono::{Datelike, Months};

use super::super::events::ExtensionGranted;
use super::super::opening;
use super::super::terms::TermsError;
use super::*;
use crate::domain::calendar::LAST_DATE;

/// An account whose terms are not taken any more, as an older log may hold it: it was opened on
/// its opening date.
fn opened_before(terms: &Terms, lien: Option<&Lien>) -> History {
    let at = terms.opened_date.and_hms_opt(14, 0, 0).unwrap().and_utc();
    let (account, request) = (account_id(), RequestId::derived("scenario", "before"));
    let days = AccountingDays::of_calendar(terms.opened_date);
    let rules = RULES.as_ref();
    let context = Context { account: &account, request, received_at: at, rules, days };
    let decision = opening::take_over(terms, lien, &context);
    let mut history = nothing();
    for event in decision.iter().flatten() {
        history.follow(event, at);
    }
    history
}

#[test]
fn the_ends_of_time_and_money_are_answered() {
    let most = "99999999.99";
    let last = eastern_date(DateTime::<Utc>::MAX_UTC);
    let dates = [NaiveDate::MIN, date("0001-01-01"), date("2026-03-01"), last];
    let instants =
        [DateTime::<Utc>::MIN_UTC, eastern("2026-03-03 09:00"), DateTime::<Utc>::MAX_UTC];
    for opened_date in dates {
        for day_count in DayCount::ALL {
            let terms = Terms {
                opened_date,
                principal: money(most),
                annual_rate: "9.999999".parse().unwrap(),
                day_count: *day_count,
                interest_paid_through: NaiveDate::MIN,
                unpaid_interest: money(most),
                unpaid_fees: money(most),
                instalments: InstalmentPlan {
                    amount: amount(most),
                    tax: Money::ZERO,
                    first_due_date: opened_date,
                    day_of_month: opened_date.day(),
                    count: 600,
                    first_amount_due: None,
                },
                ..loan()
            };
            let history = opened_before(&terms, Some(&lien("TX")));
            for at in instants {
                let moment = history.at_instant(at);
                for on in dates {
                    let on = on.to_string();
                    let scheduled = moment.when(pay(most, &on));
                    let run = scheduled.after.at_instant(DateTime::<Utc>::MAX_UTC);
                    if scheduled.decision.is_ok() {
                        run.when(apply(scheduled.payment())).done();
                    }
                    let received = moment.when(receive(Channel::Mail, most, &on));
                    if received.decision.is_ok() {
                        let after = received.after.at_instant(DateTime::<Utc>::MAX_UTC);
                        after.when(take_back(received.payment(), "R01")).done();
                    }
                }
                moment.when(assess(most));
                history.open().standing(eastern_date(at));
            }
        }
    }
}

/// What is said of a field of terms by which an account is to be opened today, the 1st of March
/// 2026; nothing if it is opened.
fn said_of(terms: Terms) -> String {
    let opening = Command::OpenAccount { terms, lien: None };
    match nothing().at("2026-03-01 09:00").when(opening).decision {
        Ok(_) => String::new(),
        Err(Denial::Terms(error @ TermsError::Invalid { .. })) => error.to_string(),
        Err(denial) => panic!("{denial}"),
    }
}

#[test]
fn the_dates_of_a_contract_are_within_fifty_years() {
    let opened_on = |opened: &str, paid_through: &str| {
        let (opened_date, interest_paid_through) = (date(opened), date(paid_through));
        let plan = InstalmentPlan { first_due_date: date("2026-03-01"), ..loan().instalments };
        said_of(Terms { opened_date, interest_paid_through, instalments: plan, ..loan() })
    };
    let first_due = |on: &str| {
        let first_due_date = date(on);
        let plan = InstalmentPlan { first_due_date, count: 600, ..loan().instalments };
        said_of(Terms { instalments: plan, ..loan() })
    };
    let too_early = "must not be before 1976-03-01, 600 months before today";
    assert_eq!(opened_on("1976-03-01", "1976-03-01"), "");
    assert_eq!(opened_on("1976-02-29", "1976-02-29"), format!("opened_date: {too_early}"));
    assert_eq!(opened_on("0001-01-01", "0001-01-01"), format!("opened_date: {too_early}"));
    let told = "opened_date: must not be after today, 2026-03-01";
    assert_eq!(opened_on("2026-03-02", "2026-03-01"), told);
    assert_eq!(opened_on("2026-03-01", "1976-03-01"), "");
    let told = format!("interest_paid_through_date: {too_early}");
    assert_eq!(opened_on("2026-03-01", "1976-02-29"), told);
    assert_eq!([first_due("1976-03-01"), first_due("2076-03-01")], ["", ""]);
    assert_eq!(first_due("1976-02-01"), format!("instalments.first_due_date: {too_early}"));
    let told = "instalments.first_due_date: must not be after 2076-03-01, 600 months after \
                opened_date";
    assert_eq!(first_due("2076-04-01"), told);
    let told = "instalments.first_due_date: must leave the last instalment before 10000";
    assert_eq!(first_due("9950-02-01"), told);
}

/// A loan of which the last of 36 instalments falls due so many months after December 9999.
fn ending_late(months: u32) -> History {
    let first_due_date = date("9997-01-01").checked_add_months(Months::new(months)).unwrap();
    let plan = InstalmentPlan { first_due_date, ..loan().instalments };
    opened_before(&Terms { instalments: plan, ..loan() }, None)
}

#[test]
fn no_due_date_is_moved_beyond_the_calendar() {
    let on = date("2026-03-10");
    let due_day =
        |day_of_month| Command::ChangeDueDate { day_of_month, effective_date: on, preview: None };
    let in_time = ending_late(0);
    assert_eq!(in_time.open().book.instalments().maturity_date(), date("9999-12-01"));
    let moment = in_time.at("2026-03-10 09:00");
    moment.when(due_day(15)).then(&["DueDateChanged"]);
    let refused = || Refusal::LastDueDateTooFar { latest_date: LAST_DATE };
    moment.when(extend(1, on)).then_refused(refused());
    assert_eq!(refused().to_string(), "the last instalment would fall due after 9999-12-31");
    // One that was opened so before stays as it is, and is served like any other.
    let beyond = ending_late(2).at("2026-03-10 09:00");
    beyond.when(due_day(15)).then_refused(refused());
    beyond.when(extend(1, on)).then_refused(refused());
    beyond.when(receive(Channel::Mail, "310.00", "2026-03-10")).then(&["PaymentReceived"]);
}

#[test]
fn an_extension_beyond_the_calendar_that_is_recorded_is_followed() {
    let granted = serde_json::json!({
        "kind": "extension", "months": 1, "effective_date": "2026-03-10", "from_instalment": 1,
        "next_due_date": "9997-02-01", "maturity_date": "+10000-01-01",
        "posting": {"gl_date": "2026-03-10", "lines": []},
    });
    let granted: ExtensionGranted = serde_json::from_value(granted).unwrap();
    let mut history = ending_late(0);
    history.follow(&Event::ExtensionGranted(granted), eastern("2026-03-10 09:00"));
    let after = history.open().book.instalments();
    assert_eq!(after.maturity_date().to_string(), "+10000-01-01");
}
