//! A clock that is set by hand: what falls due on the way is done before the answer, and a month in
//! one go leaves what its days one by one leave.

use std::time::Duration;

use chrono::{DateTime, Days, Utc};
use gateway::serve::ServiceSettings;
use proto::payledger::v1::{
    Channel, GetBooksRequest, ListAccountingDaysRequest, PaymentState, RecordedEvent, RunsState,
};
use tests::client::Client;
use tests::refusals::{reason, refused};
use tests::requests::{auto_loan, date_text, instant, interest_free};
use tests::server::{Town, settings};
use tests::views::agree;
use tonic::Code;

use crate::books::closes_hold;
use crate::daily::charging;
use crate::damage::{spoil, two_accounts};

const MORNING: &str = "2026-03-02T09:00:00-05:00";

/// What is recorded, stream by stream: stream, version, type, document, and when and by whom.
type Recorded = (String, u64, String, String, String);

async fn recorded(town: &Client) -> Vec<Recorded> {
    let events = town.replay().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let of = |event: RecordedEvent| {
        (event.stream, event.version, event.r#type, text(event.data), text(event.metadata))
    };
    let mut recorded: Vec<_> = events.into_iter().map(of).collect();
    recorded.sort();
    recorded
}

/// A loan that is never paid, one whose payments wait for their dates, and one that is paid off.
async fn portfolio(town: &Client) {
    for account in ["a-1", "a-2"] {
        town.open(charging(auto_loan(account))).await.unwrap();
    }
    for day in ["2026-03-02", "2026-04-01", "2026-04-11"] {
        town.schedule(day, "a-2", "310.00", day).await.unwrap();
    }
    town.open(interest_free("a-3", "1000.00")).await.unwrap();
    town.receive("payoff", "a-3", Channel::Mail, "1050.00", "2026-03-02").await.unwrap();
}

#[tokio::test]
async fn what_is_due_is_done_when_the_clock_is_there() {
    let town = Town::with_runner(MORNING).await;
    town.open(auto_loan("a-1")).await.unwrap();
    for (day, next) in [("2026-03-02", "2026-03-03"), ("2026-03-03", "2026-03-04")] {
        town.clock(&format!("{day}T09:00:00-05:00")).await;
        let payment = town.schedule(day, "a-1", "10.00", day).await.unwrap();
        let payment = payment.payment.unwrap().payment_id;
        let runs = town.set_clock(instant(&format!("{day}T15:00:06-05:00"))).await.unwrap();
        assert_eq!(runs, RunsState::Done);
        let state = town.payment("a-1", &payment).await.unwrap().state();
        assert_eq!(state, PaymentState::Applied);
        town.clock(&format!("{next}T00:00:00-05:00")).await;
        let books = town.books().get_books(GetBooksRequest::default()).await.unwrap().into_inner();
        assert_eq!(date_text(books.current_date.as_ref()), next);
        assert_eq!(books.closing_dates.len(), 1);
    }
    agree(&town).await;
}

#[tokio::test]
async fn a_month_at_once_is_the_same_as_day_by_day() {
    let end = instant("2026-05-04T09:00:00-04:00");
    let at_once = Town::with_runner(MORNING).await;
    portfolio(&at_once).await;
    assert_eq!(at_once.set_clock(end).await.unwrap(), RunsState::Done);

    let daily = Town::with_runner(MORNING).await;
    portfolio(&daily).await;
    let mut at = instant("2026-03-03T03:30:00-05:00");
    while at < end {
        daily.set_clock(at).await.unwrap();
        at = at + Days::new(1);
    }
    daily.set_clock(end).await.unwrap();

    let days = ListAccountingDaysRequest { page_size: 100, ..ListAccountingDaysRequest::default() };
    let days = at_once.books().list_accounting_days(days).await.unwrap().into_inner().days;
    assert_eq!(days.len(), 64, "from 2 March to 4 May");
    let events = recorded(&at_once).await;
    for (event, other) in events.iter().zip(recorded(&daily).await) {
        assert_eq!(*event, other);
    }
    // The fee is charged on the day on which it fell due, and not when the clock stopped.
    let fees: Vec<_> = events.iter().filter(|event| event.2 == "FeeAssessed").collect();
    assert_eq!(fees.len(), 1);
    assert!(fees[0].4.contains("2026-04-12T04:00:00Z"), "{fees:?}");
    assert_eq!(closes_hold(&at_once).await.len(), 63);
    agree(&at_once).await;
}

#[tokio::test]
async fn who_gives_up_on_the_way_finds_the_clock_there_and_goes_on() {
    let town = Town::with_runner(MORNING).await;
    town.open(auto_loan("a-1")).await.unwrap();
    let far = instant("9997-01-01T00:00:00Z");
    let patience = Duration::from_secs(2);
    tokio::time::timeout(patience, town.set_clock(far)).await.unwrap_err();
    let now = town.now().await;
    assert!(instant("2026-03-03T00:00:00-05:00") < now && now < far, "{now}");
    // The service may have gone on for a moment.
    let later = now + Days::new(60);
    assert_eq!(town.set_clock(later).await.unwrap(), RunsState::Done);
    assert_eq!(town.now().await, later);
    agree(&town).await;

    // Nor does it keep the service from stopping.
    let client = town.another_client().await;
    let moving = tokio::spawn(async move { client.set_clock(far).await });
    town.until(async |town| town.now().await > later).await;
    town.stop().await;
    assert_eq!(reason(moving.await.unwrap()), "SHUTTING_DOWN");
}

#[tokio::test]
async fn what_fails_on_the_way_is_told_and_the_clock_stands_there() {
    let (data_dir, opened) = two_accounts().await;
    let settings = settings(data_dir.path(), instant("2026-03-03T09:00:00-05:00"));
    let settings = ServiceSettings { runner: true, ..settings };
    let town = Town::with(data_dir.clone(), settings).await;
    town.clock("2026-03-03T10:00:00-05:00").await;
    spoil(&data_dir, opened);
    for _ in 0..2 {
        let told = refused(town.set_clock(instant("2026-03-09T09:00:00-05:00")).await);
        assert_eq!((told.code, told.reason.as_str()), (Code::DataLoss, "LOG_DAMAGED"));
        assert_eq!(told.fact("now"), "2026-03-04T05:00:06Z");
        assert_eq!(town.now().await, instant("2026-03-04T05:00:06Z"), "the day cannot be closed");
    }
}

async fn restarted_at(town: Town, at: &str) -> Town {
    let data_dir = town.stop().await;
    let settings = ServiceSettings { runner: true, ..settings(data_dir.path(), instant(at)) };
    Town::with(data_dir, settings).await
}

#[tokio::test]
async fn a_clock_behind_the_log_is_moved_to_it_and_on() {
    let town = Town::with_runner(MORNING).await;
    town.open(auto_loan("a-1")).await.unwrap();
    let town = restarted_at(town, "2026-01-01T09:00:00-05:00").await;
    let at: DateTime<Utc> = instant("2026-02-01T09:00:00-05:00");
    let told = refused(town.set_clock(at).await);
    assert_eq!((told.code, told.reason.as_str()), (Code::Unavailable, "CLOCK_BEHIND"));
    assert_eq!(town.now().await, at);
    let at = instant("2026-03-03T00:00:06-05:00");
    assert_eq!(town.set_clock(at).await.unwrap(), RunsState::Done);
    assert_eq!(closes_hold(&town).await, ["2026-03-02"]);
}

#[tokio::test]
async fn without_a_runner_the_clock_goes_there_at_once_and_says_so() {
    let town = Town::at(MORNING).await;
    let head = town.head().await.unwrap();
    let runs = town.set_clock(instant("9997-01-01T00:00:00Z")).await.unwrap();
    assert_eq!((runs, town.head().await.unwrap()), (RunsState::ByHand, head));
}
