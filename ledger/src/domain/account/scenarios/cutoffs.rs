//! Placing a payment in its window, and cancelling it before the cut-off.

use super::super::state::Progress;
use super::*;

/// An account that is on the books before all vectors.
fn account() -> History {
    let instalments = InstalmentPlan { first_due_date: date("2026-02-01"), ..loan().instalments };
    let opened_date = date("2026-01-15");
    opened(Terms { opened_date, interest_paid_through: opened_date, instalments, ..loan() })
}

/// What scheduling came to: window, cancel-before, origination date; or reason, earliest date.
fn answer(outcome: &Outcome) -> String {
    match &outcome.decision {
        Ok(events) => match events.as_slice() {
            [Event::PaymentScheduled(made)] => {
                let cutoff = made.cutoff_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                format!(
                    "{} {} < {cutoff} eed {}",
                    made.payment_date, made.window, made.origination_date
                )
            }
            other => format!("{other:?}"),
        },
        Err(Denial::Refused(refusal)) => {
            let facts = refusal.facts();
            let earliest = facts.iter().find(|(name, _)| name == "earliest_date");
            format!("{} earliest {}", refusal.reason(), earliest.unwrap().1)
        }
        Err(other) => format!("{other:?}"),
    }
}

/// Received at, Eastern; requested; what comes of it.
const VECTORS: &str = "\
2026-03-03 09:00        | 2026-03-03 | 2026-03-03 15:00 < 2026-03-03T20:00:00Z eed 2026-03-04
2026-03-03 14:59:59.999 | 2026-03-03 | 2026-03-03 15:00 < 2026-03-03T20:00:00Z eed 2026-03-04
2026-03-03 15:00:00.000 | 2026-03-03 | 2026-03-03 18:00 < 2026-03-03T23:00:00Z eed 2026-03-04
2026-03-03 17:59:59.999 | 2026-03-03 | 2026-03-03 18:00 < 2026-03-03T23:00:00Z eed 2026-03-04
2026-03-03 18:00:00.000 | 2026-03-03 | CUTOFF_PASSED earliest 2026-03-04
2026-03-03 18:00        | 2026-03-04 | 2026-03-04 15:00 < 2026-03-04T20:00:00Z eed 2026-03-05
2026-03-03 23:59:59     | 2026-03-03 | CUTOFF_PASSED earliest 2026-03-04
2026-03-03 20:00        | 2026-03-07 | 2026-03-07 15:00 < 2026-03-07T20:00:00Z eed 2026-03-09
2026-03-03 09:00        | 2026-03-08 | 2026-03-08 15:00 < 2026-03-08T19:00:00Z eed 2026-03-09
2026-03-07 10:00        | 2026-03-07 | 2026-03-07 15:00 < 2026-03-07T20:00:00Z eed 2026-03-09
2026-03-07 15:00        | 2026-03-07 | 2026-03-07 18:00 < 2026-03-07T23:00:00Z eed 2026-03-09
2026-03-07 18:00        | 2026-03-07 | 2026-03-07 24:00 < 2026-03-08T05:00:00Z eed 2026-03-09
2026-03-08 14:59:59     | 2026-03-08 | 2026-03-08 15:00 < 2026-03-08T19:00:00Z eed 2026-03-09
2026-03-08 15:00:00     | 2026-03-08 | 2026-03-08 18:00 < 2026-03-08T22:00:00Z eed 2026-03-09
2026-11-01 14:59:59     | 2026-11-01 | 2026-11-01 15:00 < 2026-11-01T20:00:00Z eed 2026-11-02
2026-06-19 16:00        | 2026-06-19 | 2026-06-19 18:00 < 2026-06-19T22:00:00Z eed 2026-06-22
2026-06-19 18:30        | 2026-06-19 | 2026-06-19 24:00 < 2026-06-20T04:00:00Z eed 2026-06-22
2026-07-03 19:00        | 2026-07-03 | CUTOFF_PASSED earliest 2026-07-04
2026-11-25 19:00        | 2026-11-26 | 2026-11-26 15:00 < 2026-11-26T20:00:00Z eed 2026-11-27
2027-07-05 18:00        | 2027-07-05 | 2027-07-05 24:00 < 2027-07-06T04:00:00Z eed 2027-07-06
2026-03-03 09:00        | 2026-03-02 | DATE_IN_PAST earliest 2026-03-03
2026-03-03 09:00        | 2027-03-03 | 2027-03-03 15:00 < 2027-03-03T20:00:00Z eed 2027-03-04
2026-03-03 09:00        | 2027-03-04 | DATE_TOO_FAR earliest 2026-03-03";

#[test]
fn every_worked_vector_is_placed_as_the_rules_say() {
    for vector in VECTORS.lines() {
        let mut columns = vector.splitn(3, '|').map(str::trim);
        let (at, requested) = (columns.next().unwrap(), columns.next().unwrap());
        let outcome = account().at(at).when(pay("310.00", requested));
        assert_eq!(answer(&outcome), columns.next().unwrap(), "{at} for {requested}");
    }
}

#[test]
fn a_scheduled_payment_moves_no_money() {
    let before = account();
    let after = before.at("2026-03-03 09:00").when(pay("310.00", "2026-03-03")).done();
    assert_eq!(after.open().book, before.open().book);
}

#[test]
fn a_cancel_wins_until_the_last_millisecond_and_loses_at_the_cutoff() {
    let instants = [
        ("2026-03-03 09:00", "2026-03-03", "2026-03-03 14:59:59.999", "2026-03-03 15:00:00.000"),
        ("2026-03-03 15:00", "2026-03-03", "2026-03-03 17:59:59.999", "2026-03-03 18:00:00.000"),
        ("2026-03-07 18:00", "2026-03-07", "2026-03-07 23:59:59.999", "2026-03-08 00:00:00.000"),
        ("2026-03-03 20:00", "2026-03-08", "2026-03-08 14:59:59.999", "2026-03-08 15:00:00.000"),
    ];
    for (at, on, last, late) in instants {
        let scheduled = account().at(at).when(pay("310.00", on));
        let payment = scheduled.payment();
        let history = scheduled.then(&["PaymentScheduled"]);
        let after = history.at(last).when(cancel(payment)).then(&["PaymentCancelled"]);
        assert_eq!(after.open().payments.get(&payment).unwrap().progress.name(), "cancelled");
        let received_at = eastern(late);
        history.at(late).when(cancel(payment)).then_refused(Refusal::CancelWindowClosed {
            payment,
            cutoff_at: received_at,
            received_at,
        });
    }
}

#[test]
fn a_second_cancel_in_time_changes_nothing_and_a_late_one_is_refused_all_the_same() {
    let scheduled = account().at("2026-03-03 09:00").when(pay("310.00", "2026-03-03"));
    let payment = scheduled.payment();
    let cancelled = scheduled.done().at("2026-03-03 10:00").when(cancel(payment)).done();
    cancelled.at("2026-03-03 14:59").when(cancel(payment)).then_nothing();
    let late = cancelled.at("2026-03-03 15:00").when(cancel(payment));
    assert_eq!(late.reason(), "CANCEL_WINDOW_CLOSED");
}

#[test]
fn a_run_applies_once_not_before_the_cutoff_and_never_what_was_cancelled() {
    let scheduled = account().at("2026-03-03 09:00").when(pay("310.00", "2026-03-03"));
    let payment = scheduled.payment();
    let history = scheduled.done();
    let cutoff_at = eastern("2026-03-03 15:00");
    let early = history.at("2026-03-03 14:59:59.999").when(apply(payment));
    early.then_refused(Refusal::WindowNotClosed { payment, cutoff_at });
    let applied = history.at("2026-03-03 15:00").when(apply(payment)).then(&["PaymentApplied"]);
    applied.at("2026-03-03 15:01").when(apply(payment)).then_nothing();
    let closed = applied.at("2026-03-03 15:01").when(cancel(payment));
    assert_eq!(closed.reason(), "CANCEL_WINDOW_CLOSED");
    let cancelled = history.at("2026-03-03 14:00").when(cancel(payment)).done();
    cancelled.at("2026-03-03 15:00").when(apply(payment)).then_nothing();
}

#[test]
fn a_run_that_is_days_late_keeps_the_effective_date() {
    let scheduled = account().at("2026-03-03 09:00").when(pay("310.00", "2026-03-03"));
    let payment = scheduled.payment();
    let history = scheduled.done();
    let on_time = history.at("2026-03-03 15:00").when(apply(payment)).done();
    let late = history.at("2026-03-06 02:00").when(apply(payment)).done();
    assert_eq!(late.standing("2026-03-06"), on_time.standing("2026-03-06"));
    let posting = late.recorded.last().unwrap().1.posting().unwrap();
    assert_eq!(posting.gl_date, Some(date("2026-03-06")));
    let Event::PaymentApplied(applied) = &late.recorded.last().unwrap().1 else { panic!() };
    assert_eq!(applied.effective_date, date("2026-03-03"));
}

#[test]
fn the_run_of_midnight_books_to_the_day_that_ended() {
    let scheduled = account().at("2026-03-07 18:00").when(pay("310.00", "2026-03-07"));
    let payment = scheduled.payment();
    let run = scheduled.done().at("2026-03-08 00:00:10").when(apply(payment)).done();
    assert_eq!(run.recorded.last().unwrap().1.posting().unwrap().gl_date, None);
    assert_eq!(run.open().book.accrued_through(), date("2026-03-07"));
}

#[test]
fn the_same_payment_again_is_taken_for_a_slip_unless_it_is_meant() {
    let first = account().at("2026-03-03 09:00").when(pay("310.00", "2026-03-05"));
    let payment = first.payment();
    let history = first.done();
    let again = history.at("2026-03-03 09:01").when(pay("310.00", "2026-03-05"));
    again.then_refused(Refusal::PossibleDuplicate { payment });
    let meant = Command::SchedulePayment(SchedulePayment {
        amount: amount("310.00"),
        payment_date: date("2026-03-05"),
        funding: Some(Funding { token: "tok_1".to_owned(), last_four: Some("6789".to_owned()) }),
        allow_duplicate: true,
        payoff_quote: None,
    });
    history.at("2026-03-03 09:01").when(meant).then(&["PaymentScheduled"]);
    history.at("2026-03-03 09:01").when(pay("310.01", "2026-03-05")).then(&["PaymentScheduled"]);
    let cancelled = history.at("2026-03-03 09:01").when(cancel(payment)).done();
    cancelled.at("2026-03-03 09:02").when(pay("310.00", "2026-03-05")).then(&["PaymentScheduled"]);
}

#[test]
fn an_amount_that_no_entry_carries_is_refused() {
    let most = account().at("2026-03-03 09:00").when(pay("99999999.99", "2026-03-05"));
    most.then(&["PaymentScheduled"]);
    let more = account().at("2026-03-03 09:00").when(pay("100000000.00", "2026-03-05"));
    more.then_refused(Refusal::AmountTooLarge {
        amount: amount("100000000.00"),
        limit: amount("99999999.99"),
    });
}

#[test]
fn a_payment_that_is_applied_knows_when() {
    let (history, payment) = account().paid_by_ach("310.00", "2026-03-03");
    let paid = &history.open().payments.get(&payment).unwrap();
    assert_eq!(paid.progress, Progress::Applied);
    assert_eq!(paid.applied_at, Some(eastern("2026-03-03 15:01")));
    let schedule = paid.schedule.as_ref().unwrap();
    assert_eq!(schedule.scheduled_at, eastern("2026-03-03 09:00"));
}
