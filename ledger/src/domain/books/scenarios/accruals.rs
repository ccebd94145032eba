//! What closes book of accounts that stop earning.

use super::*;
use crate::domain::account::events::{NonAccrualStarted, PaymentReceived, Split};
use crate::domain::money::Money;
use crate::domain::product::Channel;
use crate::ids::PaymentId;

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// What a close books of streams of accounts.
fn close_of(books: &Books, scope: DayScope, streams: &[Vec<PastEvent>]) -> DayClosed {
    let mut gathered = DayGathered::default();
    for stream in streams {
        add_earnings(stream, &[scope], std::slice::from_mut(&mut gathered.earnings));
    }
    let id = EventId::derived("books", RequestId::derived("close", "again"), 0);
    books.close(scope, gathered, id)
}

/// Books whose close of 3 March holds 4.00 of interest, and the account that earned it.
fn four_dollars_held() -> (Books, PastEvent) {
    let account = opened("10000.00", "2026-03-01");
    let mut books = Books::default();
    let first = closed(&books, "2026-03-03", std::slice::from_ref(&account));
    assert_eq!(accrual(&first), r#"[["1110","4.00"],["4010","-4.00"]]"#);
    books.follow(&Event::DayClosed(first), Position(100), instant("2026-03-04T05:00:06Z"));
    (books, past(1, account))
}

fn stopped(posting: Option<Posting>) -> PastEvent {
    let (as_of, days_past_due) = (date("2026-03-05"), 120);
    let stopped = NonAccrualStarted { as_of, days_past_due, since: None, posting };
    past(2, Account::NonAccrualStarted(stopped))
}

#[test]
fn what_closes_hold_of_an_account_goes_over_to_it_when_its_interest_is_income_no_more() {
    let (books, account) = four_dollars_held();
    let mut journal = Journal::new(date("2026-03-05"));
    let (interest, income) = (LedgerAccount::AccruedInterest, LedgerAccount::InterestIncome);
    journal.transfer(interest, income, money("8.00"), date("2026-03-05"));
    let posting = Posting { lines: journal.finish(), ..Posting::default() };
    let stream = vec![account, stopped(Some(posting))];
    let after = close_of(&books, scope("2026-03-06", 90, 99), &[stream]);
    assert_eq!(accrual(&after), r#"[["1110","-4.00"],["4010","4.00"]]"#);
}

#[test]
fn what_closes_hold_goes_back_where_an_earlier_build_left_it_unsaid() {
    let (books, account) = four_dollars_held();
    let after = close_of(&books, scope("2026-03-06", 90, 99), &[vec![account, stopped(None)]]);
    assert_eq!(accrual(&after), r#"[["1110","-4.00"],["4010","4.00"]]"#);
}

/// 10,020.00 earned 2.004 in a day, of which 2.00 was paid, with everything else.
fn paid_off(number: u32) -> Vec<PastEvent> {
    let on = date("2026-03-02");
    let account: crate::ids::AccountId = format!("a-{number}").parse().unwrap();
    let (interest, principal) = (money("2.00"), money("10020.00"));
    let mut journal = Journal::new(on);
    let receivable = LedgerAccount::AccruedInterest;
    journal.transfer(LedgerAccount::Cash, receivable, interest, on);
    journal.transfer(LedgerAccount::Cash, LedgerAccount::Principal, principal, on);
    journal.transfer(receivable, LedgerAccount::InterestIncome, interest, on);
    let received = PaymentReceived {
        payment: PaymentId::derived(&account, RequestId::derived("pay", ""), 0),
        channel: Channel::Wire,
        amount: "10022.00".parse().unwrap(),
        effective_date: on,
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        payoff_quote: None,
        split: Split { interest, principal, ..Split::default() },
        posting: Posting { lines: journal.finish(), ..Posting::default() },
    };
    vec![past(1, opened("10020.00", "2026-03-01")), past(2, Account::PaymentReceived(received))]
}

#[test]
fn nothing_is_left_of_accounts_that_are_paid_off() {
    let streams: Vec<_> = (0..50).map(paid_off).collect();
    let books = Books::default();
    let today = scope("2026-03-10", 90, 99);
    let sealed = close_of(&books, today, &streams);
    assert_eq!((accrual(&sealed).as_str(), sealed.fractions), ("[]", Fractions::Earning));
    // What closes of earlier builds hold of such accounts goes with the first close that says so.
    let earlier = DayScope { fractions: Fractions::All, ..scope("2026-03-09", 90, 99) };
    let before = close_of(&books, earlier, &streams);
    assert_eq!(accrual(&before), r#"[["1110","0.20"],["4010","-0.20"]]"#);
    let mut held = Books::default();
    held.follow(&Event::DayClosed(before), Position(100), instant("2026-03-10T05:00:06Z"));
    let after = close_of(&held, today, &streams);
    assert_eq!(accrual(&after), r#"[["1110","-0.20"],["4010","0.20"]]"#);
}

#[test]
fn the_fractions_of_accounts_that_earn_are_carried() {
    let earning = |on| vec![past(1, opened("10020.00", on))];
    let streams: Vec<_> = (0..3).map(|_| earning("2026-03-01")).collect();
    let sealed = close_of(&Books::default(), scope("2026-03-02", 90, 99), &streams);
    assert_eq!(accrual(&sealed), r#"[["1110","6.01"],["4010","-6.01"]]"#);
}

#[test]
fn a_close_is_worked_out_again_in_the_way_in_which_it_was() {
    let mut town = Town::at("2026-03-02T14:00:00Z");
    for day in ["2026-03-02", "2026-03-03"] {
        town.now(&format!("{day}T14:00:00Z")).open(day).unwrap();
    }
    let of_day = |town: &Town| town.books.scope(date("2026-03-02"), Position(20)).unwrap();
    assert_eq!(of_day(&town).fractions, Fractions::Earning);
    let mut older = Town { books: town.books.clone(), ..Town::at("2026-03-03T15:00:00Z") };
    town.now("2026-03-03T14:00:06Z").close("2026-03-02").unwrap();
    assert_eq!(of_day(&town).fractions, Fractions::Earning);
    let document = r#"{"gl_date":"2026-03-02","position":20,"restatements":{"count":0,
        "principal_change":"0.00","interest_change":"0.00","root":""}}"#;
    let closed = Event::DayClosed(serde_json::from_str(document).unwrap());
    older.books.follow(&closed, Position(30), older.now);
    assert_eq!(of_day(&older).fractions, Fractions::All);
}
