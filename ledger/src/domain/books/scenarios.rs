//! The accounting calendar by example: what is opened and closed when, and what a close seals.

mod accruals;

use chrono::{DateTime, NaiveDate, Utc};

use super::accrual::{Earnings, PastEvent, add_earnings};
use super::events::{DayClosed, Event, Fractions, RestatementSeal};
use super::gathering::{DayGathered, DayScope};
use super::month::Month;
use super::refusal::BooksRefusal;
use super::restatement::{Owed, restatements};
use super::*;
use crate::domain::account::events::{AccountOpened, Event as Account, LienReleased, Posting};
use crate::domain::account::terms::Terms;
use crate::domain::cutoff::eastern_date;
use crate::domain::journal::Journal;
use crate::ids::{EventId, RequestId};
use crate::streams;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Books at a moment, with events at positions 10, 20, 30, …
struct Town {
    books: Books,
    position: u64,
    now: DateTime<Utc>,
    unsealed: Vec<(NaiveDate, String)>,
}

impl Town {
    fn at(now: &str) -> Self {
        let unsealed = Vec::new();
        Self { books: Books::default(), position: 0, now: instant(now), unsealed }
    }

    fn now(&mut self, now: &str) -> &mut Self {
        self.now = instant(now);
        self
    }

    fn ask(&mut self, command: Command) -> Result<Event, BooksRefusal> {
        let today = eastern_date(self.now);
        let context = Context { received_at: self.now, today, unsealed: &self.unsealed };
        let event = match decide(&self.books, command, &context)? {
            Decision::Record(event) => event,
            Decision::Seal(gl_date) => {
                let scope = self.books.scope(gl_date, Position(self.position)).unwrap();
                let id = EventId::derived("books", RequestId::derived("t", "c"), 0);
                Event::DayClosed(self.books.close(scope, DayGathered::default(), id))
            }
        };
        self.position = self.position.saturating_add(10);
        self.books.follow(&event, Position(self.position), self.now);
        Ok(event)
    }

    fn open(&mut self, day: &str) -> Result<Event, BooksRefusal> {
        self.ask(Command::OpenDay { gl_date: date(day) })
    }

    fn close(&mut self, day: &str) -> Result<Event, BooksRefusal> {
        self.ask(Command::CloseDay { gl_date: date(day) })
    }

    fn close_month(&mut self, name: &str) -> Result<Event, BooksRefusal> {
        self.ask(Command::CloseMonth { month: month(name) })
    }

    fn open_days(&self) -> (String, Option<String>) {
        let days = self.books.open_days().unwrap();
        (days.current.to_string(), days.closing.map(|day| day.to_string()))
    }
}

fn reason<T: std::fmt::Debug>(answer: Result<T, BooksRefusal>) -> &'static str {
    answer.unwrap_err().reason()
}

#[test]
fn the_day_before_is_open_until_it_is_closed() {
    let mut town = Town::at("2026-03-03T14:00:00Z");
    assert_eq!(town.books.open_days(), None);
    town.open("2026-03-03").unwrap();
    assert_eq!(town.open_days(), ("2026-03-03".to_owned(), None));
    // Midnight in New York is 05:00 in UTC. Nobody opened the 4th: it is no accounting day.
    town.now("2026-03-05T05:00:00Z").open("2026-03-05").unwrap();
    assert_eq!(town.open_days(), ("2026-03-05".to_owned(), Some("2026-03-03".to_owned())));
    assert_eq!(reason(town.close("2026-03-04")), "DAY_NOT_OPENED");
    let days: Vec<_> = town.books.days().keys().map(ToString::to_string).collect();
    assert_eq!(days, ["2026-03-03", "2026-03-05"]);
    assert_eq!(Command::CloseDay { gl_date: date("2026-03-03") }.name(), "CloseDay");
    town.now("2026-03-05T05:00:06Z").close("2026-03-03").unwrap();
    assert_eq!(town.open_days(), ("2026-03-05".to_owned(), None));
}

#[test]
fn days_are_opened_in_order_and_not_before_they_come() {
    let mut town = Town::at("2026-03-04T04:59:59Z");
    town.open("2026-03-02").unwrap();
    assert_eq!(reason(town.open("2026-03-02")), "DAY_NOT_AFTER_CURRENT");
    assert_eq!(reason(town.open("2026-03-01")), "DAY_NOT_AFTER_CURRENT");
    let (gl_date, today) = (date("2026-03-04"), date("2026-03-03"));
    assert_eq!(town.open("2026-03-04"), Err(BooksRefusal::DayInFuture { gl_date, today }));
    town.now("2026-03-04T05:00:00Z").open("2026-03-04").unwrap();
}

#[test]
fn days_are_closed_in_order_once_what_was_decided_on_them_is_written() {
    let mut town = Town::at("2026-03-03T14:00:00Z");
    town.open("2026-03-02").unwrap();
    assert_eq!(reason(town.close("2026-03-02")), "DAY_IS_CURRENT");
    town.open("2026-03-03").unwrap();
    town.now("2026-03-04T05:00:00Z").open("2026-03-04").unwrap();
    let earlier = date("2026-03-02");
    let gl_date = date("2026-03-03");
    assert_eq!(town.close("2026-03-03"), Err(BooksRefusal::EarlierDayOpen { gl_date, earlier }));
    town.close("2026-03-02").unwrap();
    assert_eq!(town.books.next_to_close(), Some(gl_date));
    let closes_at = instant("2026-03-04T05:00:06Z");
    assert_eq!(town.close("2026-03-03"), Err(BooksRefusal::DayNotSettled { gl_date, closes_at }));
    town.now("2026-03-04T05:00:06Z").unsealed = vec![
        (gl_date, "auto-2026-03-03-24:00".to_owned()),
        (date("2026-03-04"), "auto-2026-03-04-24:00".to_owned()),
    ];
    let windows = "auto-2026-03-03-24:00".to_owned();
    assert_eq!(town.close("2026-03-03"), Err(BooksRefusal::WindowsUnsealed { gl_date, windows }));
    town.unsealed.clear();
    town.close("2026-03-03").unwrap();
    let closed_position = Position(50);
    let again = Err(BooksRefusal::DayAlreadyClosed { gl_date, closed_position });
    assert_eq!(town.close("2026-03-03"), again);
    assert_eq!(town.books.next_to_close(), None);
}

#[test]
fn a_month_is_closed_after_its_days() {
    let mut town = Town::at("2026-04-10T14:00:00Z");
    town.open("2026-02-27").unwrap();
    town.open("2026-03-30").unwrap();
    town.open("2026-03-31").unwrap();
    assert_eq!(reason(town.close_month("2026-01")), "MONTH_HAS_NO_DAYS");
    assert_eq!(reason(town.close_month("2026-04")), "MONTH_HAS_NO_DAYS");
    assert_eq!(reason(town.close_month("2026-03")), "MONTH_IS_CURRENT");
    town.open("2026-04-09").unwrap();
    town.now("2026-04-10T14:00:06Z");
    assert_eq!(reason(town.close_month("2026-02")), "MONTH_HAS_OPEN_DAY");
    town.close("2026-02-27").unwrap();
    assert_eq!(reason(town.close_month("2026-03")), "MONTH_HAS_OPEN_DAY");
    assert_eq!(town.books.next_month_to_close(), Some(month("2026-02")));
    assert_eq!(town.books.last_closed_month(), None);
    town.close("2026-03-30").unwrap();
    town.close("2026-03-31").unwrap();
    assert_eq!(reason(town.close_month("2026-03")), "EARLIER_MONTH_OPEN");
    town.close_month("2026-02").unwrap();
    assert_eq!(town.books.next_month_to_close(), Some(month("2026-03")));
    assert_eq!(town.books.last_closed_month(), Some(month("2026-02")));
    let Event::MonthClosed(closed) = town.close_month("2026-03").unwrap() else { panic!() };
    assert_eq!((closed.days, closed.last_gl_date), (2, date("2026-03-31")));
    assert_eq!(reason(town.close_month("2026-03")), "MONTH_ALREADY_CLOSED");
    assert_eq!(town.books.next_month_to_close(), None);
}

#[test]
fn no_month_is_to_be_closed_while_a_day_of_it_is_open_or_it_is_the_current_one() {
    let mut town = Town::at("2026-04-10T14:00:00Z");
    town.open("2026-03-30").unwrap();
    town.open("2026-03-31").unwrap();
    // Of March, which is the current month, a day is open.
    assert_eq!(town.books.next_month_to_close(), None);
    town.now("2026-04-10T14:00:06Z").close("2026-03-30").unwrap();
    assert_eq!(town.books.next_month_to_close(), None);
    town.open("2026-04-09").unwrap();
    // The last of March is open yet.
    assert_eq!(town.books.next_month_to_close(), None);
    town.now("2026-04-10T14:00:12Z").close("2026-03-31").unwrap();
    assert_eq!(town.books.next_month_to_close(), Some(month("2026-03")));
}

#[test]
fn the_first_day_of_the_books_takes_what_was_posted_before_there_were_any() {
    let mut town = Town::at("2026-03-05T14:00:00Z");
    town.open("2026-03-03").unwrap();
    town.open("2026-03-04").unwrap();
    town.open("2026-03-05").unwrap();
    let scope = |day| town.books.scope(date(day), Position(99)).unwrap();
    let (first, second) = (scope("2026-03-03"), scope("2026-03-04"));
    assert_eq!((first.is_first, first.after), (true, Position::START));
    assert_eq!((second.is_first, second.after), (false, Position(20)));
    let of = |day: &str| opened("1.00", day);
    assert!(first.takes(&of("2026-03-03")) && first.takes(&of("2026-02-01")));
    assert!(!first.takes(&of("2026-03-04")));
    assert!(second.takes(&of("2026-03-04")));
    assert!(!second.takes(&of("2026-03-03")) && !second.takes(&of("2026-03-05")));
}

#[test]
fn a_day_knows_what_is_posted_by_its_end_and_what_happened_before_the_next_one() {
    let day = scope("2026-03-03", 90, 99);
    let posted = |position, on: &str| day.knows(&opened("1.00", on), Position(position));
    assert!(posted(99, "2026-03-03") && posted(99, "2026-03-02"));
    assert!(!posted(100, "2026-03-03"));
    assert!(!posted(1, "2026-03-04"));
    // A release of the lien posts nothing.
    let released = Account::LienReleased(LienReleased { released_date: date("2026-03-03") });
    let happened = |position| day.knows(&released, Position(position));
    assert!(happened(89));
    assert!(!happened(90) && !happened(100));
}

#[test]
fn the_facts_of_a_refusal_are_its_fields() {
    let facts = |refusal: BooksRefusal| -> Vec<String> {
        refusal.facts().into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    let (gl_date, today) = (date("2026-03-04"), date("2026-03-03"));
    let refusal = BooksRefusal::DayInFuture { gl_date, today };
    assert_eq!(facts(refusal), ["gl_date=2026-03-04", "today=2026-03-03"]);
    let (march, earlier) = (month("2026-03"), month("2026-02"));
    let refusal = BooksRefusal::EarlierMonthOpen { month: march, earlier };
    assert_eq!(facts(refusal), ["earlier=2026-02", "month=2026-03"]);
}

fn loan(principal: &str, on: &str) -> Terms {
    let document = format!(
        r#"{{"product":"auto","opened_date":"{on}","principal":"{principal}",
        "annual_rate":"0.073","interest_paid_through":"{on}",
        "instalments":{{"amount":"310.00","first_due_date":"2026-04-01","day_of_month":1,
        "count":36}}}}"#
    );
    serde_json::from_str(&document).unwrap()
}

fn opened(principal: &str, on: &str) -> Account {
    let terms = loan(principal, on);
    let mut journal = Journal::new(terms.opened_date);
    let (principal, cash) = (LedgerAccount::Principal, LedgerAccount::Cash);
    journal.transfer(principal, cash, terms.principal, terms.opened_date);
    let posting = Posting { lines: journal.finish(), ..Posting::default() };
    Account::AccountOpened(AccountOpened { terms, posting })
}

fn past(position: u64, event: Account) -> PastEvent {
    let received_at = instant("2026-03-03T14:00:00Z");
    PastEvent { position: Position(position), received_at, event }
}

fn scope(gl_date: &str, next_opened: u64, sealed: u64) -> DayScope {
    DayScope {
        gl_date: date(gl_date),
        is_first: false,
        after: Position::START,
        next_opened: Position(next_opened),
        sealed: Position(sealed),
        fractions: Fractions::Earning,
    }
}

/// Closes `gl_date` with these accounts on the books.
fn closed(books: &Books, gl_date: &str, accounts: &[Account]) -> DayClosed {
    let scope = scope(gl_date, 90, 99);
    let mut gathered = DayGathered::default();
    for account in accounts {
        let earnings = std::slice::from_mut(&mut gathered.earnings);
        add_earnings(&[past(1, account.clone())], &[scope], earnings);
    }
    let request = RequestId::derived("close", gl_date);
    let id = EventId::derived(streams::of_books().as_str(), request, 0);
    books.close(scope, gathered, id)
}

fn accrual(closed: &DayClosed) -> String {
    serde_json::to_string(&closed.products.first().unwrap().accrual).unwrap()
}

#[test]
fn a_close_books_what_was_earned_since_the_one_before() {
    // 10,000.00 at 7.3 % earn 2.00 a day.
    let accounts = [opened("10000.00", "2026-03-01"), opened("10000.00", "2026-03-02")];
    let mut books = Books::default();
    let first = closed(&books, "2026-03-03", &accounts);
    assert_eq!(accrual(&first), r#"[["1110","6.00"],["4010","-6.00"]]"#);
    assert_eq!(first.products.first().unwrap().accounts, 2);
    // A product whose accounts earn nothing is in the close, too.
    let idle = closed(&Books::default(), "2026-03-01", &[opened("10000.00", "2026-03-01")]);
    assert_eq!(idle.products.iter().map(|of| of.accounts).collect::<Vec<_>>(), [1]);
    let journal = first.journals.first().unwrap();
    assert_eq!((journal.kind.as_str(), journal.events), ("Accrual", 1));
    books.follow(&Event::DayClosed(first), Position(100), instant("2026-03-04T05:00:06Z"));
    // Three days later, whichever of them were accounting days.
    let second = closed(&books, "2026-03-06", &accounts);
    assert_eq!(accrual(&second), r#"[["1110","12.00"],["4010","-12.00"]]"#);
    let balance = &second.products.first().unwrap().trial_balance;
    let interest = balance.iter().find(|row| row.account == LedgerAccount::AccruedInterest);
    assert_eq!(interest.unwrap().debits, "18.00".parse().unwrap());
    let restatements = RestatementSeal { count: 3, ..RestatementSeal::default() };
    let second = Event::DayClosed(DayClosed { restatements, ..second });
    books.follow(&second, Position(110), instant("2026-03-07T05:00:06Z"));
    assert_eq!(accrual(&closed(&books, "2026-03-06", &accounts)), "[]");
    // The month is the sum of its days.
    let march = books.month_end(month("2026-03")).unwrap();
    assert_eq!((march.days, march.journals, march.restatements), (2, 2, 3));
    let moved = march.products.iter().flat_map(|of| &of.movement);
    let moved: Vec<_> = moved.map(|row| format!("{} {}", row.account, row.debits)).collect();
    assert_eq!(moved, ["1110 18.00", "4010 0.00"]);
}

#[test]
fn an_account_that_opens_on_the_next_day_is_not_of_this_one() {
    let account = past(95, opened("10000.00", "2026-03-04"));
    let mut earnings = [Earnings::default(), Earnings::default()];
    let days = [scope("2026-03-03", 90, 99), scope("2026-03-04", 190, 199)];
    add_earnings(&[account], &days, &mut earnings);
    let product = Product::AutoLoan;
    assert_eq!(earnings.map(|of_day| of_day.accounts(product)), [0, 1]);
}

#[test]
fn the_name_of_a_journal_is_what_is_in_it() {
    let books = Books::default();
    let accounts = [opened("10000.00", "2026-03-01")];
    let id = |closed: DayClosed| closed.journals.first().unwrap().id.clone();
    let first = id(closed(&books, "2026-03-03", &accounts));
    assert_eq!(first, id(closed(&books, "2026-03-03", &accounts)));
    assert_ne!(first, id(closed(&books, "2026-03-04", &accounts)));
    assert_eq!(first.len(), 32);
}

#[test]
fn what_is_boarded_late_is_restated_from_nothing() {
    let account: crate::ids::AccountId = "a-1".parse().unwrap();
    let mut event = opened("10000.00", "2026-03-01");
    if let Account::AccountOpened(opened) = &mut event {
        opened.posting.gl_date = Some(date("2026-03-03"));
    }
    let days = [scope("2026-03-03", 90, 99)];
    let found = restatements(&account, &[past(5, event)], &days);
    let [(0, restatement)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(restatement.before, Owed::default());
    assert_eq!(restatement.after.principal, "10000.00".parse().unwrap());
    assert_eq!(restatement.after.interest, "4.00".parse().unwrap());
    let sealed = restatement::seal(std::slice::from_ref(restatement));
    assert_eq!((sealed.count, sealed.interest_change), (1, "4.00".parse().unwrap()));
    let nothing = RestatementSeal { root: sealed.root.clone(), ..RestatementSeal::default() };
    assert_ne!(restatement::seal(&[]).root, nothing.root);
    let same_day = restatements(&account, &[past(5, opened("1.00", "2026-03-03"))], &days);
    assert!(same_day.is_empty());
}

#[test]
fn the_seal_is_over_what_changed_and_sums_it() {
    let account: crate::ids::AccountId = "a-1".parse().unwrap();
    let money = |text: &str| text.parse().unwrap();
    let owed = |principal: &str, interest: &str, days_past_due| Owed {
        principal: money(principal),
        interest: money(interest),
        days_past_due,
    };
    let restatement = |position, before, after| restatement::Restatement {
        account: account.clone(),
        position: Position(position),
        version: 2,
        effective_date: date("2026-04-01"),
        before,
        after,
    };
    let sealed = restatement::seal(&[
        restatement(5, owed("10000.00", "66.00", 2), owed("9752.00", "3.90", 0)),
        restatement(7, owed("9752.00", "3.90", 0), owed("10000.00", "66.50", 3)),
    ]);
    assert_eq!(sealed.count, 2);
    assert_eq!(sealed.principal_change, Money::ZERO);
    assert_eq!(sealed.interest_change, money("0.50"));
    let lines = "5 a-1 2026-04-01 10000.00 66.00 2 9752.00 3.90 0\n\
                 7 a-1 2026-04-01 9752.00 3.90 0 10000.00 66.50 3\n";
    let root = <sha2::Sha256 as sha2::Digest>::digest(lines.as_bytes());
    assert_eq!(sealed.root, crate::hex::lower(root));
}
