//! Accounts that are far past due: their interest is income no more, until they are current.

use super::super::events::NonAccrualStarted;
use super::late_fees::loan_with_late_fee;
use super::*;

/// Accrued interest and interest income in the general ledger.
fn booked(history: &History) -> (String, String) {
    (history.ledger(LedgerAccount::AccruedInterest), history.ledger(LedgerAccount::InterestIncome))
}

/// Aged every morning from one day to another.
fn aged(history: &History, from: &str, to: &str) -> History {
    let days = date(from).iter_days().take_while(|day| *day <= date(to));
    days.fold(history.clone(), |history, day| {
        history.at(&format!("{day} 09:00")).when(Command::AgeAccount).done()
    })
}

/// The stop that is the last event, as it was recorded.
fn stop(outcome: &Outcome) -> NonAccrualStarted {
    match outcome.events().last() {
        Some(Event::NonAccrualStarted(stopped)) => stopped.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn from_120_days_past_due_no_income_is_booked_until_the_account_is_current() {
    let history = opened(loan());
    history.at("2026-07-29 09:00").when(Command::AgeAccount).then_nothing();
    let found = history.at("2026-07-30 09:00").when(Command::AgeAccount);
    let stopped = found.then(&["NonAccrualStarted"]);
    // What was earned by then stays, and what is paid takes it first.
    assert_eq!(found.journal(), ["1110 302.00", "4010 -302.00"]);
    assert_eq!((stop(&found).days_past_due, stop(&found).since), (120, None));
    let part = stopped.at("2026-08-01 09:00").when(receive(Channel::Mail, "100.00", "2026-08-01"));
    assert_eq!(part.journal(), ["1025 100.00", "1110 -100.00"]);
    let still = part.done();
    assert_eq!(still.ledger(LedgerAccount::AccruedInterest), "202.00");
    assert_eq!(still.open().standing(date("2026-08-01")).interest_due, money("206.00"));
    // Five instalments are past due, and a hundred is paid of the first.
    let cured = still.at("2026-08-02 09:00").when(receive(Channel::Wire, "1450.00", "2026-08-02"));
    let after = cured.then(&["PaymentReceived", "AccrualResumed"]);
    assert_eq!(booked(&after), ("0.00".to_owned(), "-308.00".to_owned()));
    // And from then on it is booked again: ten days of 8,758.00 at 1.7516.
    let fined = after.at("2026-08-12 09:00").when(assess("15.50")).then(&["FeeAssessed"]);
    assert_eq!(booked(&fined), ("17.52".to_owned(), "-325.52".to_owned()));
}

#[test]
fn collected_interest_beyond_what_stays_booked_is_income_until_the_money_comes_back() {
    let stopped = aged(&opened(loan()), "2026-07-30", "2026-07-30");
    let paid = stopped.at("2026-08-10 09:00").when(receive(Channel::Mail, "330.00", "2026-08-10"));
    assert_eq!(
        paid.journal(),
        ["1025 330.00", "1110 -324.00", "1100 -6.00", "1110 22.00", "4010 -22.00"]
    );
    let back = paid.done().at("2026-08-20 09:00").when(take_back(paid.payment(), "R10"));
    assert_eq!(booked(&back.then(&["PaymentReturned"])), booked(&stopped));
}

#[test]
fn what_is_booked_does_not_depend_on_what_touched_the_account() {
    let fined = aged(&opened(loan_with_late_fee()), "2026-04-10", "2026-08-05");
    let untouched = aged(&opened(loan()), "2026-07-30", "2026-08-05");
    let expected = ("302.00".to_owned(), "-302.00".to_owned());
    assert_eq!((booked(&fined), booked(&untouched)), (expected.clone(), expected.clone()));
    for history in [fined, untouched] {
        let cured = history.at("2026-08-05 10:00");
        let cured = cured.when(receive(Channel::Mail, "1550.00", "2026-08-05"));
        let paid = cured.then(&["PaymentReceived", "AccrualResumed"]);
        let back = paid.at("2026-08-12 09:00").when(take_back(cured.payment(), "R01"));
        // As if it had never been paid, and what was booked meanwhile is taken back.
        assert_eq!(booked(&back.done()), expected);
        assert_eq!(stop(&back).since, Some(date("2026-07-30")));
    }
}

#[test]
fn a_return_that_finds_the_account_far_past_due_takes_back_what_was_booked_since() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let may = april.at("2026-05-01 09:00").when(receive(Channel::Mail, "900.00", "2026-05-01"));
    // The money was for April to July; without it, April has been due for 130 days.
    let back = may.done().at("2026-08-09 09:00").when(take_back(first, "R10"));
    back.then(&["PaymentReturned"]);
    let gone = back.done().at("2026-08-09 10:00").when(take_back(may.payment(), "R10"));
    let stopped = gone.then(&["PaymentReturned", "NonAccrualStarted"]);
    assert_eq!(booked(&stopped), ("302.00".to_owned(), "-302.00".to_owned()));
    let fee = stopped.at("2026-09-30 09:00").when(assess("10.00")).then(&["FeeAssessed"]);
    assert_eq!(booked(&fee), booked(&stopped));
}

#[test]
fn a_return_leaves_an_account_on_non_accrual_that_was_not_current_without_the_money() {
    let stopped = aged(&opened(loan()), "2026-07-30", "2026-07-30");
    // April and May are met; June is 70 days past due, and that is not current.
    let part = stopped.at("2026-08-10 09:00").when(receive(Channel::Mail, "620.00", "2026-08-10"));
    let part = part.then(&["PaymentReceived"]);
    let paid = part.at("2026-09-01 09:00").when(receive(Channel::Mail, "1240.00", "2026-09-01"));
    let cured = paid.then(&["PaymentReceived", "AccrualResumed"]);
    let back = cured.at("2026-09-05 09:00").when(take_back(paid.payment(), "R10"));
    let after = back.then(&["PaymentReturned", "NonAccrualStarted"]);
    assert_eq!((stop(&back).days_past_due, stop(&back).since), (96, Some(date("2026-07-30"))));
    assert_eq!(booked(&after), booked(&part));
    let again = after.at("2026-09-08 09:00").when(reinstate(paid.payment()));
    let again = again.then(&["PaymentReinstated", "AccrualResumed"]);
    let fine =
        |history: &History| booked(&history.at("2026-09-09 09:00").when(assess("1.00")).done());
    assert_eq!(fine(&again), fine(&cured));
}

#[test]
fn money_of_before_moves_the_day_from_which_no_income_is_booked() {
    let stopped = aged(&opened(loan()), "2026-07-30", "2026-08-05");
    // April was paid in April: May is 96 days past due.
    let found = stopped.at("2026-08-05 10:00").when(receive(Channel::Mail, "310.00", "2026-04-10"));
    let after = found.then(&["PaymentReceived", "AccrualResumed"]);
    let due = after.open().standing(date("2026-08-05")).interest_due;
    assert_eq!(after.ledger(LedgerAccount::AccruedInterest), due.to_string());
    let later = aged(&after, "2026-08-06", "2026-08-29");
    let due = later.open().standing(date("2026-08-29")).interest_due;
    assert_eq!(later.ledger(LedgerAccount::AccruedInterest), due.to_string());
    // And is not good after all: it is the end of July again.
    let back = later.at("2026-09-02 09:00").when(take_back(found.payment(), "R01"));
    assert_eq!(booked(&back.done()), booked(&stopped));
}

#[test]
fn a_charge_off_on_non_accrual_writes_off_what_was_booked() {
    let fee = opened(loan()).at("2026-07-01 09:00").when(assess("15.50")).done();
    let stopped = fee.at("2026-07-30 09:00").when(Command::AgeAccount).done();
    let taken = stopped.at("2026-08-10 09:00").when(charge_off(None, date("2026-08-10")));
    let after = taken.done();
    // 324.00 of interest, of which the 22.00 from 30 July on were never booked, the 18.00 of August
    // among them: no income is reversed.
    assert_eq!(after.open().standing(date("2026-08-10")).charged_off, money("10339.50"));
    assert_eq!(booked(&after), ("0.00".to_owned(), "-302.00".to_owned()));
    assert_eq!(after.ledger(LedgerAccount::LossAllowance), "10302.00");
    // The same if nobody had looked in July.
    let unseen = fee.at("2026-08-10 09:00").when(charge_off(None, date("2026-08-10"))).done();
    assert_eq!(unseen.open().book.ledger(), after.open().book.ledger());
    // Ten dollars of July turn up: that much less is lost.
    let found = after.at("2026-08-12 09:00").when(receive(Channel::Mail, "10.00", "2026-07-05"));
    let found = found.then(&["PaymentReceived"]);
    assert_eq!(booked(&found), ("0.00".to_owned(), "-302.00".to_owned()));
    assert_eq!(found.ledger(LedgerAccount::LossAllowance), "10292.00");
    // 320.00 turn up, which is more than was booked.
    let more = after.at("2026-08-12 09:00").when(receive(Channel::Mail, "320.00", "2026-08-08"));
    let more = more.then(&["PaymentReceived"]);
    assert_eq!(booked(&more), ("0.00".to_owned(), "-320.00".to_owned()));
    assert_eq!(more.ledger(LedgerAccount::LossAllowance), "10000.00");
}

#[test]
fn a_stop_of_before_that_posted_nothing_is_mended_when_the_account_is_next_aged() {
    let mut history = opened(loan());
    let (as_of, days_past_due) = (date("2026-07-30"), 120);
    let stopped = NonAccrualStarted { as_of, days_past_due, since: None, posting: None };
    history.follow(&Event::NonAccrualStarted(stopped), eastern("2026-07-30 09:00"));
    assert_eq!(booked(&history), ("0.00".to_owned(), "0.00".to_owned()));
    let mended = history.at("2026-08-20 09:00").when(Command::AgeAccount);
    let after = mended.then(&["NonAccrualStarted"]);
    assert_eq!(booked(&after), ("302.00".to_owned(), "-302.00".to_owned()));
    after.at("2026-08-21 09:00").when(Command::AgeAccount).then_nothing();
}
