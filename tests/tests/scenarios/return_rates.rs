//! Which part of the debits came back, as a bank watches it: over 60 days and two calendar months,
//! by class, beside the levels of the network's rules.

use proto::google::r#type::Date;
use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::batch_result::Outcome;
use proto::payledger::v1::{
    Channel, GetReturnRatesRequest, GetReturnRatesResponse, ReturnClass, ReturnPeriod, ReturnRate,
};
use rusqlite::{Connection, OpenFlags, Row};
use tests::client::{Answer, Client, schedule};
use tests::refusals::{Refused, reason, refused};
use tests::requests::{auto_loan, date, date_text};
use tests::server::Town;
use tests::views::agree;

use crate::days::paid_by_ach;

/// The rates as of a day once the read models hold the whole log.
async fn rates_on(town: &Client, as_of_date: Option<Date>) -> Answer<GetReturnRatesResponse> {
    let min_position = town.head().await?;
    let request = GetReturnRatesRequest { as_of_date, min_position };
    Ok(town.operations().get_return_rates(request).await?.into_inner())
}

/// One rate in words: period, its days, class, returns by debits, rate, level, and on which side.
fn line(rate: &ReturnRate) -> String {
    let short = |name: &str, prefix: &str| name.trim_start_matches(prefix).to_ascii_lowercase();
    format!(
        "{} {}..{} {} {}/{} {} {} {}",
        short(rate.period().as_str_name(), "RETURN_PERIOD_"),
        date_text(rate.from_date.as_ref()),
        date_text(rate.through_date.as_ref()),
        short(rate.return_class().as_str_name(), "RETURN_CLASS_"),
        rate.return_count,
        rate.debit_count,
        if rate.rate.is_empty() { "none" } else { &rate.rate },
        rate.level,
        if rate.above { "above" } else { "within" }
    )
}

async fn lines(town: &Client, day: &str) -> Vec<String> {
    rates_on(town, Some(date(day))).await.unwrap().rates.iter().map(line).collect()
}

/// Returns by debits, of one class over one period.
async fn counts(town: &Client, day: &str, period: ReturnPeriod, class: ReturnClass) -> String {
    let rates = rates_on(town, Some(date(day))).await.unwrap().rates;
    let asked = |rate: &&ReturnRate| (rate.period(), rate.return_class()) == (period, class);
    let rate = rates.iter().find(asked).unwrap();
    format!("{}/{}", rate.return_count, rate.debit_count)
}

async fn overall(town: &Client, day: &str) -> String {
    counts(town, day, ReturnPeriod::RollingDays, ReturnClass::Overall).await
}

/// What the view says, in the same words.
fn viewed(town: &Town) -> Vec<String> {
    let file = town.data_dir().join("read/gen-1.db");
    let models = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut select = models.prepare("SELECT * FROM return_rates").unwrap();
    let line = |row: &Row<'_>| {
        let text = |name: &str| row.get::<_, String>(name);
        let count = |name: &str| row.get::<_, i64>(name);
        let rate: Option<String> = row.get("rate")?;
        Ok(format!(
            "{} {}..{} {} {}/{} {} {} {}",
            text("period")?,
            text("from_date")?,
            text("through_date")?,
            text("class")?,
            count("returns")?,
            count("debits")?,
            rate.as_deref().unwrap_or("none"),
            text("level")?,
            if count("is_above")? == 1 { "above" } else { "within" }
        ))
    };
    select.query_map([], line).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Payments of 310.00 that are applied at 3 pm, Eastern winter time, on a day: their ids.
async fn applied<const N: usize>(town: &Client, accounts: [&str; N], day: &str) -> [String; N] {
    let mut payments = accounts.map(str::to_owned);
    for payment in &mut payments {
        let name = format!("{payment} on {day}");
        let made = town.schedule(&name, payment, "310.00", day).await.unwrap();
        *payment = made.payment.unwrap().payment_id;
    }
    town.clock(&format!("{day}T15:00:06-05:00")).await;
    town.run(day, "15:00").await.unwrap();
    payments
}

/// Accounts with 25 payments each of Tuesday, 3 March, originated on the day after: their account
/// and id.
async fn debited(town: &Client, accounts: u32) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for number in 0..accounts {
        let account = format!("a-{number}");
        town.open(auto_loan(&account)).await.unwrap();
        for dollars in 1..=25_u32 {
            let (name, amount) = (format!("{account} {dollars}"), format!("{dollars}.00"));
            let pay = schedule(&name, &account, &amount, "2026-03-03");
            commands.push(Command::SchedulePayment(pay));
        }
    }
    let results = town.batch(commands).await.unwrap().results;
    town.clock("2026-03-03T15:00:06-05:00").await;
    town.run("2026-03-03", "15:00").await.unwrap();
    let made = |outcome: Option<Outcome>| {
        let Some(Outcome::SchedulePayment(made)) = outcome else { unreachable!("{outcome:?}") };
        let payment = made.payment.unwrap();
        (payment.account_id, payment.payment_id)
    };
    results.into_iter().map(|result| made(result.outcome)).collect()
}

async fn return_first(town: &Client, payments: &[(String, String)], codes: &[&str]) {
    for ((account, payment), code) in payments.iter().zip(codes) {
        town.take_back(payment, account, payment, code).await.unwrap();
    }
}

#[tokio::test]
async fn three_unauthorised_returns_of_625_debits_are_within_the_threshold_and_four_above() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let payments = debited(&town, 25).await;
    town.clock("2026-03-06T09:00:00-05:00").await;
    return_first(&town, &payments, &["R10", "R07", "R05"]).await;
    let months = "calendar_months 2026-01-01..2026-02-28";
    let days = "rolling_days 2026-01-06..2026-03-06";
    let expected = [
        format!("{days} unauthorised 3/625 0.0048 0.005 within"),
        format!("{days} administrative 0/625 0 0.03 within"),
        format!("{days} overall 3/625 0.0048 0.15 within"),
        format!("{months} unauthorised 0/0 none 0.005 within"),
        format!("{months} administrative 0/0 none 0.03 within"),
        format!("{months} overall 0/0 none 0.15 within"),
    ];
    assert_eq!(lines(&town, "2026-03-06").await, expected);
    assert_eq!(viewed(&town), expected, "the view is of the last accounting day");
    let answer = rates_on(&town, None).await.unwrap();
    assert_eq!(answer.rates.iter().map(line).collect::<Vec<_>>(), expected, "and the default, too");
    assert_eq!(date_text(answer.as_of_date.as_ref()), "2026-03-06");
    assert_eq!(answer.read_position, town.head().await.unwrap());
    return_first(&town, &payments[3..], &["R29", "R02", "R04", "R01"]).await;
    let expected = [
        format!("{days} unauthorised 4/625 0.0064 0.005 above"),
        format!("{days} administrative 2/625 0.0032 0.03 within"),
        format!("{days} overall 7/625 0.0112 0.15 within"),
    ];
    assert_eq!(lines(&town, "2026-03-06").await[..3], expected);
    assert_eq!(viewed(&town)[..3], expected);
    agree(&town).await;
}

#[tokio::test]
async fn a_rate_that_is_the_level_is_within_it_and_thirds_are_rounded_half_up() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let payments = debited(&town, 8).await;
    town.clock("2026-03-06T09:00:00-05:00").await;
    return_first(&town, &payments, &["R10", "R03", "R03", "R03", "R03", "R03", "R03"]).await;
    let days = "rolling_days 2026-01-06..2026-03-06";
    let expected = [
        format!("{days} unauthorised 1/200 0.005 0.005 within"),
        format!("{days} administrative 6/200 0.03 0.03 within"),
        format!("{days} overall 7/200 0.035 0.15 within"),
    ];
    assert_eq!(lines(&town, "2026-03-06").await[..3], expected);
    for day in ["2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12"] {
        paid_by_ach(&town, "a-7", "30.00", day).await;
    }
    let after = &lines(&town, "2026-03-31").await[..2];
    let days = "rolling_days 2026-01-31..2026-03-31";
    let expected = [
        // 1 by 204 is 0.00490196…, 6 by 204 is 0.02941176….
        format!("{days} unauthorised 1/204 0.004902 0.005 within"),
        format!("{days} administrative 6/204 0.029412 0.03 within"),
    ];
    assert_eq!(after, expected);
    agree(&town).await;
}

#[tokio::test]
async fn a_debit_is_of_its_origination_date_and_a_return_of_the_day_it_was_posted() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    // Originated on Wednesday the 4th; back on Friday the 6th.
    let [payment] = applied(&town, ["a-1"], "2026-03-03").await;
    town.clock("2026-03-06T23:59:59-05:00").await;
    town.take_back("back", "a-1", &payment, "R01").await.unwrap();
    for (day, found) in [
        ("2026-03-03", "0/0"),
        ("2026-03-04", "0/1"),
        ("2026-03-05", "0/1"),
        ("2026-03-06", "1/1"),
        ("2026-05-02", "1/1"),
        ("2026-05-03", "1/0"),
        ("2026-05-04", "1/0"),
        ("2026-05-05", "0/0"),
    ] {
        assert_eq!(overall(&town, day).await, found, "{day}");
    }
    let without = lines(&town, "2026-05-04").await;
    assert_eq!(without[2], "rolling_days 2026-03-06..2026-05-04 overall 1/0 none 0.15 within");
    let months = async |day: &str| {
        counts(&town, day, ReturnPeriod::CalendarMonths, ReturnClass::Overall).await
    };
    for (day, found) in [
        ("2026-03-30", "0/0"),
        ("2026-03-31", "1/1"),
        ("2026-04-29", "1/1"),
        ("2026-04-30", "1/1"),
        ("2026-05-30", "1/1"),
        ("2026-05-31", "0/0"),
    ] {
        assert_eq!(months(day).await, found, "{day}");
    }
    for (day, period) in [
        ("2026-03-30", "2026-01-01..2026-02-28"),
        ("2026-03-31", "2026-02-01..2026-03-31"),
        ("2028-02-29", "2028-01-01..2028-02-29"),
        ("2027-01-15", "2026-11-01..2026-12-31"),
        ("9997-12-31", "9997-11-01..9997-12-31"),
        ("0002-01-01", "0001-11-01..0001-12-31"),
    ] {
        let found = lines(&town, day).await.remove(3);
        assert!(found.starts_with(&format!("calendar_months {period} ")), "{day}: {found}");
    }
}

#[tokio::test]
async fn only_debits_that_were_made_count_and_only_returns_that_stand() {
    let town = Town::at("2026-03-02T09:00:00-05:00").await;
    for account in ["a-1", "a-2", "a-3", "a-4"] {
        town.open(auto_loan(account)).await.unwrap();
    }
    // Cheques, and what a customer's bank sends, are no debits of ours.
    for (way, code) in [(Channel::Mail, "R02"), (Channel::BillPay, "R01")] {
        let received = town.receive(way.as_str_name(), "a-1", way, "20.00", "2026-03-02").await;
        let payment = received.unwrap().payment.unwrap().payment_id;
        town.take_back(&format!("back {code}"), "a-1", &payment, code).await.unwrap();
    }
    let cancelled = town.schedule("cancelled", "a-1", "30.00", "2026-03-02").await.unwrap();
    let cancelled = cancelled.payment.unwrap().payment_id;
    town.cancel("cancel", "a-1", &cancelled).await.unwrap();
    town.schedule("waits", "a-1", "40.00", "2026-03-05").await.unwrap();
    assert_eq!(overall(&town, "2026-03-06").await, "0/0");
    let paid = applied(&town, ["a-2", "a-3", "a-4"], "2026-03-02").await;
    let [_, overturned, contested] = paid;
    town.clock("2026-03-04T09:00:00-05:00").await;
    assert_eq!(overall(&town, "2026-03-04").await, "0/3");
    let unauthorised = async |day: &str| {
        counts(&town, day, ReturnPeriod::RollingDays, ReturnClass::Unauthorised).await
    };
    town.take_back("slip", "a-4", &contested, "R01").await.unwrap();
    town.reinstate("slip undone", "a-4", &contested).await.unwrap();
    town.take_back("back 3", "a-3", &overturned, "R10").await.unwrap();
    town.take_back("back 4", "a-4", &contested, "R10").await.unwrap();
    assert_eq!(unauthorised("2026-03-04").await, "2/3");
    town.reinstate("good 3", "a-3", &overturned).await.unwrap();
    town.reinstate("good 4", "a-4", &contested).await.unwrap();
    assert_eq!(overall(&town, "2026-03-04").await, "0/3");
    // The customer's bank contests the dishonour: what stands is the return that was dishonoured.
    town.clock("2026-03-09T09:00:00-04:00").await;
    town.take_back("contest", "a-4", &contested, "R73").await.unwrap();
    assert_eq!(unauthorised("2026-03-08").await, "0/3");
    assert_eq!(unauthorised("2026-03-09").await, "1/3");
    assert_eq!(overall(&town, "2026-03-09").await, "1/3");
    agree(&town).await;
}

#[tokio::test]
async fn without_debits_there_is_no_rate_and_rubbish_is_refused() {
    let town = Town::at("2026-03-06T23:30:00-05:00").await;
    let answer = rates_on(&town, None).await.unwrap();
    assert_eq!(date_text(answer.as_of_date.as_ref()), "2026-03-06", "today, if nothing was posted");
    assert_eq!(answer.rates.len(), 6);
    for rate in &answer.rates {
        assert!(line(rate).contains(" 0/0 none 0."), "{rate:?}");
        assert!(!rate.above);
    }
    assert_eq!(viewed(&town), [""; 0], "the view needs an accounting day");
    for (year, month, day) in [(2026, 2, 30), (2026, 0, 1), (1, 1, 1), (9998, 1, 1), (0, 1, 1)] {
        let refusal = refused(rates_on(&town, Some(Date { year, month, day })).await);
        let Refused { reason, fields, .. } = refusal;
        assert_eq!((reason.as_str(), fields), ("INVALID_DATE", vec!["as_of_date".to_owned()]));
    }
    let min_position = town.head().await.unwrap() + 1;
    let ahead = GetReturnRatesRequest { min_position, ..GetReturnRatesRequest::default() };
    let answer = town.operations().get_return_rates(ahead).await;
    assert_eq!(reason(answer), "PROJECTION_BEHIND");
}
