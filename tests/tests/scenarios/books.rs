//! Accounting days: opened, closed, fed to the general ledger, and never posted to again.

use std::collections::{BTreeMap, BTreeSet};

use ledger::engine::audit_books;
use ledger::store::embedded::Embedded;
use proto::payledger::v1::{
    Channel as Way, CloseDayRequest, CloseDayResponse, CloseMonthRequest, CloseMonthResponse,
    DayClose, GetBooksRequest, GetDayCloseRequest, GetLedgerFeedRequest, GetLedgerFeedResponse,
    GetMonthCloseRequest, GetTrialBalanceRequest, LedgerTurnover, ListAccountingDaysRequest,
    ListRestatementsRequest, OpenDayRequest, OpenDayResponse, Product, Restatement,
};
use sha2::{Digest, Sha256};
use tests::client::{Answer, Client};
use tests::refusals::{field, reason, refused};
use tests::requests::{auto_loan, cents, date, date_text, lease, personal_loan, request_id, text};
use tests::server::Town;
use tests::views::agree;

async fn open_day(town: &Client, name: &str, day: &str) -> Answer<OpenDayResponse> {
    let request = OpenDayRequest { request_id: request_id(name), gl_date: Some(date(day)) };
    Ok(town.books().open_day(request).await?.into_inner())
}

pub(crate) async fn close_day(town: &Client, name: &str, day: &str) -> Answer<CloseDayResponse> {
    let request = CloseDayRequest { request_id: request_id(name), gl_date: Some(date(day)) };
    Ok(town.books().close_day(request).await?.into_inner())
}

async fn close_month(town: &Client, name: &str, month: &str) -> Answer<CloseMonthResponse> {
    let request = CloseMonthRequest { request_id: request_id(name), month: month.to_owned() };
    Ok(town.books().close_month(request).await?.into_inner())
}

pub(crate) async fn feed(town: &Client, day: &str) -> GetLedgerFeedResponse {
    let request = GetLedgerFeedRequest { gl_date: Some(date(day)), min_position: 0 };
    town.books().get_ledger_feed(request).await.unwrap().into_inner()
}

/// All restatements of a day, a few a page.
pub(crate) async fn restatements(town: &Client, day: &str, page_size: i32) -> Vec<Restatement> {
    let mut request = ListRestatementsRequest {
        gl_date: Some(date(day)),
        page_size,
        ..ListRestatementsRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let page = town.books().list_restatements(request.clone()).await.unwrap().into_inner();
        all.extend(page.restatements);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// The open days: `current` and those that can be closed.
async fn open_days(town: &Client) -> (String, Vec<String>) {
    let books = town.books().get_books(GetBooksRequest { min_position: 0 }).await.unwrap();
    let books = books.into_inner();
    let closing = books.closing_dates.iter().map(|day| date_text(Some(day)));
    (date_text(books.current_date.as_ref()), closing.collect())
}

/// The accrual of a product: what was debited and credited, as `1110 2.00 0.00`.
fn accrual(close: &DayClose, product: Product) -> Vec<String> {
    let of = close.products.iter().find(|of| of.product() == product);
    of.map(|of| of.accrual.iter().map(row).collect()).unwrap_or_default()
}

pub(crate) fn row(line: &LedgerTurnover) -> String {
    let amounts = (text(line.debits.as_ref()), text(line.credits.as_ref()));
    format!("{} {} {}", line.ledger_account, amounts.0, amounts.1)
}

type Sums = BTreeMap<(i32, String), (i64, i64)>;

/// Debits and credits by product and account, through a day, as the log had them at a position.
async fn trial_balance(town: &Client, through: &str, known_position: u64) -> Sums {
    let request = GetTrialBalanceRequest {
        through_date: Some(date(through)),
        min_position: town.head().await.unwrap(),
        known_position,
    };
    let answer = town.operations().get_trial_balance(request).await.unwrap().into_inner();
    assert_eq!(answer.total_debits, answer.total_credits);
    let rows = answer.product_rows.iter();
    rows.map(|row| {
        let sums = (cents(row.debits.as_ref()), cents(row.credits.as_ref()));
        ((row.product, row.ledger_account.clone()), sums)
    })
    .collect()
}

fn add(sums: &mut Sums, product: Product, lines: &[LedgerTurnover]) {
    for line in lines {
        let sum = sums.entry((product.into(), line.ledger_account.clone())).or_default();
        sum.0 += cents(line.debits.as_ref());
        sum.1 += cents(line.credits.as_ref());
    }
}

/// Holds every closed day to what it promises: its journals balance and are its movement; what was
/// sealed is the trial balance now, and as the log had it then; the sealed root is that of the list
/// of restatements.
pub(crate) async fn closes_hold(town: &Client) -> Vec<String> {
    let list = ListAccountingDaysRequest::default();
    let days = town.books().list_accounting_days(list).await.unwrap().into_inner().days;
    let closed = days.iter().rev().filter(|day| day.closed_position > 0);
    let closed: Vec<_> = closed.map(|day| date_text(day.gl_date.as_ref())).collect();
    let mut through = Sums::new();
    let mut ids = BTreeSet::new();
    for day in &closed {
        let request = GetDayCloseRequest { gl_date: Some(date(day)), min_position: 0 };
        let close = town.books().get_day_close(request).await.unwrap().into_inner().close.unwrap();
        let feed = feed(town, day).await;
        assert_eq!(feed.total_debits, feed.total_credits);
        assert_eq!(feed.journals.len(), usize::try_from(close.journal_count).unwrap());
        for journal in &feed.journals {
            assert_eq!(net(&journal.lines), 0, "{journal:?}");
            assert!(ids.insert(journal.journal_id.clone()), "{journal:?}");
            add(&mut through, journal.product(), &journal.lines);
        }
        close_holds(town, day, close, &through).await;
    }
    closed
}

/// Holds one close against the sum of the feeds through its day.
async fn close_holds(town: &Client, day: &str, close: DayClose, through: &Sums) {
    let mut sealed = Sums::new();
    for of in &close.products {
        add(&mut sealed, of.product(), &of.trial_balance);
    }
    assert_eq!(&sealed, through, "{day}: the days' feeds");
    assert_eq!(sealed, trial_balance(town, day, 0).await, "{day}: now");
    let then = trial_balance(town, day, close.closed_position).await;
    assert_eq!(sealed, then, "{day}: when it was closed");
    let restated = restatements(town, day, 2).await;
    let seal = close.restatements.unwrap();
    let count = i64::try_from(restated.len()).unwrap();
    assert_eq!((seal.count, seal.root), (count, root(&restated)));
}

fn net(lines: &[LedgerTurnover]) -> i64 {
    lines
        .iter()
        .fold(0, |sum, line| sum + cents(line.debits.as_ref()) - cents(line.credits.as_ref()))
}

fn root(restated: &[Restatement]) -> String {
    let mut hash = Sha256::new();
    for one in restated {
        let owed = [&one.before, &one.after].map(|owed| {
            let owed = owed.as_ref().unwrap();
            let amounts = [&owed.principal, &owed.accrued_interest].map(|m| text(m.as_ref()));
            format!("{} {} {}", amounts[0], amounts[1], owed.days_past_due)
        });
        let effective = date_text(one.effective_date.as_ref());
        let head = format!("{} {} {effective}", one.position, one.account_id);
        hash.update(format!("{head} {} {}\n", owed[0], owed[1]));
    }
    ledger::hex::lower(hash.finalize())
}

/// Stops the service and works every close out again from its log.
pub(crate) async fn audited(town: Town) {
    let folder = town.stop().await;
    let log = Embedded::open_read_only(folder.path()).unwrap();
    let audit = audit_books(&log).await.unwrap();
    assert_eq!(audit.differences, []);
    assert!(audit.days_closed > 0);
}

#[tokio::test]
async fn a_close_books_what_accounts_have_earned_and_their_events_have_not_booked() {
    let town = Town::at("2026-03-02T09:00:00-05:00").await;
    // 10,000.00 each at 7.3 %: 2.00 a day from 1 March.
    town.open(auto_loan("a-1")).await.unwrap();
    town.open(auto_loan("a-2")).await.unwrap();
    town.open(personal_loan("p-1")).await.unwrap();
    town.open(lease("l-1")).await.unwrap();
    town.clock("2026-03-03T09:00:00-05:00").await;
    town.receive("cheque", "a-1", Way::Mail, "310.00", "2026-03-03").await.unwrap();
    assert_eq!(open_days(&town).await, ("2026-03-03".to_owned(), vec!["2026-03-02".to_owned()]));
    town.clock("2026-03-03T09:00:06-05:00").await;
    let first = close_day(&town, "close", "2026-03-02").await.unwrap().close.unwrap();
    assert_eq!(accrual(&first, Product::AutoLoan), ["1110 4.00 0.00", "4010 0.00 4.00"]);
    assert_eq!(accrual(&first, Product::PersonalLoan), ["1110 2.00 0.00", "4010 0.00 2.00"]);
    assert!(accrual(&first, Product::Lease).is_empty());
    let accounts: Vec<_> = first.products.iter().map(|of| of.account_count).collect();
    assert_eq!(accounts, [2, 1, 1]);

    town.clock("2026-03-04T00:00:00-05:00").await;
    town.open(auto_loan("a-3")).await.unwrap();
    town.clock("2026-03-04T00:00:06-05:00").await;
    let second = close_day(&town, "close too", "2026-03-03").await.unwrap().close.unwrap();
    // a-1 has booked its 4.00 itself, a-2 has earned 4.00: what the closes hold stays 4.00.
    assert!(accrual(&second, Product::AutoLoan).is_empty());
    assert_eq!(accrual(&second, Product::PersonalLoan), ["1110 2.00 0.00", "4010 0.00 2.00"]);
    assert_eq!(second.products[0].account_count, 2, "the third is of the next day");
    assert_eq!(closes_hold(&town).await, ["2026-03-02", "2026-03-03"]);
    agree(&town).await;
    audited(town).await;
}

#[tokio::test]
async fn a_rental_that_fell_due_is_booked_by_the_close_of_its_day() {
    let town = Town::at("2026-03-31T09:00:00-04:00").await;
    town.open(lease("l-1")).await.unwrap();
    town.clock("2026-04-01T09:00:00-04:00").await;
    town.open(lease("l-2")).await.unwrap();
    town.clock("2026-04-02T00:00:00-04:00").await;
    town.receive("rent", "l-1", Way::Mail, "389.00", "2026-04-02").await.unwrap();
    town.clock("2026-04-02T00:00:06-04:00").await;
    let march = close_day(&town, "31", "2026-03-31").await.unwrap().close.unwrap();
    assert!(accrual(&march, Product::Lease).is_empty());
    let first = close_day(&town, "1", "2026-04-01").await.unwrap().close.unwrap();
    // 389.00 with 27.00 of tax, of each of the two: the second was opened as of a day in March.
    let billed = ["1130 724.00 0.00", "1135 54.00 0.00", "2140 0.00 54.00", "4040 0.00 724.00"];
    assert_eq!(accrual(&first, Product::Lease), billed);
    closes_hold(&town).await;
    audited(town).await;
}

#[tokio::test]
async fn what_is_posted_late_is_restated_and_never_on_a_closed_day() {
    let town = Town::at("2026-04-06T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let cheque = town.receive("cheque", "a-1", Way::Mail, "310.00", "2026-04-01").await.unwrap();
    let cheque = cheque.payment.unwrap().payment_id;
    town.receive("another", "a-1", Way::Mail, "100.00", "2026-04-06").await.unwrap();
    town.clock("2026-04-07T00:00:00-04:00").await;
    town.take_back("back", "a-1", &cheque, "R01").await.unwrap();
    town.clock("2026-04-08T00:00:06-04:00").await;
    assert_eq!(reason(close_day(&town, "too early", "2026-04-07").await), "DAY_IS_CURRENT");
    let close = close_day(&town, "6", "2026-04-06").await.unwrap().close.unwrap();
    town.receive("next", "a-1", Way::Mail, "1.00", "2026-04-08").await.unwrap();
    town.clock("2026-04-08T00:00:12-04:00").await;
    close_day(&town, "7", "2026-04-07").await.unwrap();

    let told = |one: &Restatement| {
        let (before, after) = (one.before.as_ref().unwrap(), one.after.as_ref().unwrap());
        let owed = [&before.principal, &after.principal].map(|money| text(money.as_ref()));
        let late = (before.days_past_due, after.days_past_due);
        let effective = date_text(one.effective_date.as_ref());
        format!("{} {effective} {} {} {late:?}", one.event_type, owed[0], owed[1])
    };
    let of_6: Vec<_> = restatements(&town, "2026-04-06", 100).await.iter().map(told).collect();
    // Boarded with a date in March; then a cheque of 1 April: 62.00 interest, the rest principal.
    let expected = [
        "AccountOpened 2026-03-01 0.00 10000.00 (0, 5)",
        "PaymentReceived 2026-04-01 10000.00 9752.00 (5, 0)",
    ];
    assert_eq!(of_6, expected);
    assert_eq!(text(close.restatements.unwrap().principal_change.as_ref()), "9752.00");
    let of_7 = restatements(&town, "2026-04-07", 1).await;
    assert_eq!((of_7.len(), of_7[0].event_type.as_str()), (1, "PaymentReturned"));
    assert_eq!(of_7[0].request_id, request_id("back"));
    assert_eq!(closes_hold(&town).await, ["2026-04-06", "2026-04-07"]);
    agree(&town).await;
    audited(town).await;
}

#[tokio::test]
async fn a_close_waits_for_the_last_windows_of_its_day() {
    let town = Town::at("2026-03-07T19:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.schedule("weekend", "a-1", "310.00", "2026-03-07").await.unwrap();
    town.clock("2026-03-08T00:00:00-05:00").await;
    town.receive("next day", "a-1", Way::Mail, "5.00", "2026-03-08").await.unwrap();
    town.clock("2026-03-08T00:00:05.999-05:00").await;
    let early = refused(close_day(&town, "early", "2026-03-07").await);
    assert_eq!(
        (early.reason.as_str(), early.subject.as_str()),
        ("DAY_NOT_SETTLED", "books/2026-03-07")
    );
    assert_eq!(early.fact("closes_at"), "2026-03-08T05:00:06Z");
    town.clock("2026-03-08T00:00:06-05:00").await;
    let open = refused(close_day(&town, "open window", "2026-03-07").await);
    assert_eq!(open.reason, "WINDOWS_UNSEALED");
    assert_eq!(open.fact("windows"), "auto-2026-03-07-24:00");
    town.run("2026-03-07", "24:00").await.unwrap();
    close_day(&town, "close", "2026-03-07").await.unwrap();
    let kinds: Vec<_> = feed(&town, "2026-03-07")
        .await
        .journals
        .into_iter()
        .map(|journal| journal.event_type)
        .collect();
    assert!(kinds.contains(&"PaymentApplied".to_owned()), "{kinds:?}");
    // The same refusal again, though it would be closed by now.
    assert_eq!(refused(close_day(&town, "early", "2026-03-07").await).fact("replayed"), "true");
    closes_hold(&town).await;
    audited(town).await;
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_time_and_other_content_is_refused() {
    let town = Town::with_manual_books("2026-03-02T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.clock("2026-03-04T09:00:00-05:00").await;
    let opened = open_day(&town, "open", "2026-03-04").await.unwrap();
    town.clock("2026-03-04T09:00:06-05:00").await;
    let closed = close_day(&town, "close", "2026-03-02").await.unwrap();
    let again = close_day(&town, "close", "2026-03-02").await.unwrap();
    assert_eq!(again, CloseDayResponse { replayed: true, ..closed.clone() });
    let town = town.restart().await;
    let head = town.head().await.unwrap();
    let again = close_day(&town, "close", "2026-03-02").await.unwrap();
    assert_eq!(again, CloseDayResponse { replayed: true, ..closed });
    let again = open_day(&town, "open", "2026-03-04").await.unwrap();
    assert_eq!(again, OpenDayResponse { replayed: true, ..opened });
    assert_eq!(reason(close_day(&town, "close", "2026-03-03").await), "REQUEST_ID_REUSED");
    assert_eq!(town.head().await.unwrap(), head);
    let not_closed = refused(feed_of(&town, "2026-03-04").await);
    assert_eq!(not_closed.reason, "DAY_NOT_CLOSED");
    let month = GetMonthCloseRequest { month: "2026-03".to_owned(), min_position: 0 };
    assert_eq!(reason(town.books().get_month_close(month).await), "MONTH_NOT_CLOSED");
    for month in ["", "2026", "March", "2026-13"] {
        let refused = field(close_month(&town, "month", month).await);
        assert_eq!(refused, ("INVALID_FIELD".to_owned(), "month".to_owned()));
    }
    audited(town).await;
}

async fn feed_of(town: &Client, day: &str) -> Answer<GetLedgerFeedResponse> {
    let request = GetLedgerFeedRequest { gl_date: Some(date(day)), min_position: 0 };
    Ok(town.books().get_ledger_feed(request).await?.into_inner())
}

#[tokio::test]
async fn an_operator_opens_days_when_the_books_are_manual() {
    let town = Town::with_manual_books("2026-03-02T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.clock("2026-03-05T09:00:00-05:00").await;
    town.receive("one", "a-1", Way::Mail, "10.00", "2026-03-05").await.unwrap();
    assert_eq!(open_days(&town).await, ("2026-03-02".to_owned(), Vec::new()));
    assert_eq!(reason(open_day(&town, "ahead", "2026-03-06").await), "DAY_IN_FUTURE");
    assert_eq!(reason(open_day(&town, "same", "2026-03-02").await), "DAY_NOT_AFTER_CURRENT");
    open_day(&town, "open", "2026-03-04").await.unwrap();
    town.receive("two", "a-1", Way::Mail, "10.00", "2026-03-05").await.unwrap();
    town.clock("2026-03-05T09:00:06-05:00").await;
    close_day(&town, "close", "2026-03-02").await.unwrap();
    let received = |feed: GetLedgerFeedResponse| {
        let of_kind = feed.journals.into_iter().filter(|of| of.event_type == "PaymentReceived");
        of_kind.map(|journal| journal.event_count).collect::<Vec<_>>()
    };
    assert_eq!(received(feed(&town, "2026-03-02").await), [1]);
    closes_hold(&town).await;
    audited(town).await;
}

#[tokio::test]
async fn the_runner_turns_the_page_at_midnight_and_closes_days_and_months() {
    let town = Town::with_runner("2026-03-30T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.clock("2026-03-31T00:00:00-04:00").await;
    let open = |current: &str, closing: &[&str]| {
        (current.to_owned(), closing.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(open_days(&town).await, open("2026-03-31", &["2026-03-30"]));
    town.clock("2026-03-31T00:00:06-04:00").await;
    assert_eq!(open_days(&town).await, open("2026-03-31", &[]));
    // Two days pass while no service runs: the first of them is no accounting day.
    let data_dir = town.stop().await;
    let later = tests::requests::instant("2026-04-02T09:00:00-04:00");
    let settings = tests::server::settings(data_dir.path(), later);
    let settings = gateway::serve::ServiceSettings { runner: true, ..settings };
    let town = Town::with(data_dir, settings).await;
    town.set_clock(later).await.unwrap();
    assert_eq!(open_days(&town).await, open("2026-04-02", &["2026-03-31"]));
    town.clock("2026-04-02T09:00:06-04:00").await;
    let books = town.books().get_books(GetBooksRequest { min_position: 0 }).await;
    assert_eq!(books.unwrap().into_inner().last_closed_month, "2026-03");
    let request = GetMonthCloseRequest { month: "2026-03".to_owned(), min_position: 0 };
    let month = town.books().get_month_close(request).await.unwrap().into_inner().close.unwrap();
    assert_eq!((month.day_count, date_text(month.last_gl_date.as_ref())), (2, "2026-03-31".into()));
    let interest = month.products[0].movement.iter().find(|row| row.ledger_account == "1110");
    // Thirty days at 2.00, from 1 March to the close of the 31st.
    assert_eq!(text(interest.unwrap().debits.as_ref()), "60.00");
    assert_eq!(reason(close_month(&town, "again", "2026-03").await), "MONTH_ALREADY_CLOSED");
    assert_eq!(closes_hold(&town).await, ["2026-03-30", "2026-03-31"]);
    agree(&town).await;
    audited(town).await;
}

#[tokio::test]
async fn a_service_that_stops_between_two_closes_goes_on_where_it_was() {
    let town = Town::at("2026-03-02T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.clock("2026-03-03T09:00:00-05:00").await;
    town.receive("one", "a-1", Way::Mail, "10.00", "2026-03-03").await.unwrap();
    let town = town.restart().await;
    assert_eq!(open_days(&town).await, ("2026-03-03".to_owned(), vec!["2026-03-02".to_owned()]));
    let town = town.restart_at(tests::requests::instant("2026-03-05T09:00:00-05:00")).await;
    close_day(&town, "2", "2026-03-02").await.unwrap();
    town.receive("two", "a-1", Way::Mail, "10.00", "2026-03-05").await.unwrap();
    town.clock("2026-03-05T09:00:06-05:00").await;
    close_day(&town, "3", "2026-03-03").await.unwrap();
    let first = feed(&town, "2026-03-02").await.journals;
    let town = town.restart().await;
    assert_eq!(feed(&town, "2026-03-02").await.journals, first, "sent again, the ids are the same");
    assert_eq!(closes_hold(&town).await, ["2026-03-02", "2026-03-03"]);
    audited(town).await;
}
