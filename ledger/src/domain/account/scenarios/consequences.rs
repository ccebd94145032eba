//! What a change means: exactly what is another, and nothing that stayed.

use super::super::consequences::{Consequences, Figures};
use super::super::events::ChargedOff;
use super::super::state::{Fee, FeeState};
use super::super::terms::{LateCharge, LateFee};
use super::*;

/// What `change` means at the close of `on`.
fn meaning(before: &History, change: &Outcome, on: &str) -> Consequences {
    Consequences::of(before.open(), change.done().open(), change.events(), date(on))
}

/// The payments that change, as amount, what they paid, and what they pay.
fn payments(meaning: &Consequences) -> Vec<String> {
    let text = |split: &Option<Split>| split.as_ref().map_or_else(|| "-".to_owned(), split_text);
    let of = |amount, before, after| format!("{amount}: {} > {}", text(before), text(after));
    meaning.payments.iter().map(|it| of(it.amount, &it.before, &it.after)).collect()
}

/// Three payments, of which the first may come back, and a fee that stays.
fn three_payments() -> (History, PaymentId) {
    let fined = opened(loan()).at("2026-03-20 09:00").when(assess("15.50")).done();
    let first = fined.at("2026-04-01 09:00").when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let early = first.done().at("2026-04-01 10:00");
    let early = early.when(receive(Channel::Wire, "10.00", "2026-03-11")).done();
    let last = early.at("2026-04-20 09:00").when(receive(Channel::Mail, "150.00", "2026-04-20"));
    (last.done(), first.payment())
}

#[test]
fn a_return_means_what_it_changes_and_nothing_else() {
    let (history, first) = three_payments();
    let returned = history.at("2026-04-20 10:00").when(take_back(first, "R01"));
    let all = meaning(&history, &returned, "2026-04-20");
    // The ten dollars of March paid interest and still do. Of April's 300.00 that were missing,
    // 52.00 were interest, and the rest of the payment went to the fee. Of the last payment, 90.00
    // (50 days at 2.00, less the ten) are interest now, where 37.06 were (19 days of 9,752.00).
    assert_eq!(
        payments(&all),
        [
            "310.00: 52.00/248.00/10.00/0.00 > -",
            "150.00: 37.06/112.94/0.00/0.00 > 90.00/60.00/0.00/0.00"
        ]
    );
    assert_eq!(all.charge_offs, []);
    let changed: Vec<_> = all
        .instalments
        .iter()
        .map(|it| format!("{}: {} > {}", it.after.number, it.before.paid, it.after.paid))
        .collect();
    // What the return costs in interest is open of the last one.
    assert_eq!(changed, ["1: 310.00 > 160.00", "2: 150.00 > 0.00", "36: 0.00 > 0.00"]);
    // The late fee of March is not among them.
    let fees: Vec<_> = all.fees.iter().map(|it| (&it.before, it.after.amount)).collect();
    assert_eq!(fees, [(&None, amount("25.00"))]);
    let journal: Vec<_> = all
        .journal
        .iter()
        .map(|line| {
            let (event, on, day) = (line.event, line.gl_date, line.effective_date);
            format!("{event} {on} {day} {} {}", line.account, line.amount)
        })
        .collect();
    assert_eq!(
        journal,
        [
            "0 2026-04-20 2026-04-01 1110 52.00",
            "0 2026-04-20 2026-04-01 1025 -310.00",
            "0 2026-04-20 2026-04-01 1100 248.00",
            "0 2026-04-20 2026-04-01 1120 10.00",
            "0 2026-04-20 2026-04-20 1110 -52.94",
            "0 2026-04-20 2026-04-20 1100 52.94",
            "0 2026-04-20 2026-04-20 1110 0.94",
            "0 2026-04-20 2026-04-20 4010 -0.94",
            "1 2026-04-20 2026-04-20 1120 25.00",
            "1 2026-04-20 2026-04-20 4030 -25.00",
        ]
    );
    assert_eq!(all.before.standing.days_past_due(), 0);
    assert_eq!(all.after.standing.days_past_due(), 19);
}

#[test]
fn a_fee_that_is_taken_back_is_shown_as_it_was_and_as_it_is() {
    let (history, first) = three_payments();
    let back = history.at("2026-04-20 10:00").when(take_back(first, "R01")).done();
    let good = back.at("2026-04-21 10:00").when(reinstate(first));
    let all = meaning(&back, &good, "2026-04-21");
    let states: Vec<_> =
        all.fees.iter().map(|it| (it.before.as_ref().map(Fee::state), it.after.state())).collect();
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].0, Some(FeeState::Assessed));
    assert_ne!(states[0].1, FeeState::Assessed);
}

#[test]
fn a_charge_off_is_shown_when_it_is_new_and_when_it_takes_something_else() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let part =
        april.at("2026-05-01 09:00").when(charge_off(Some(amount("4000.00")), date("2026-05-01")));
    let written_down = part.done();
    let all = meaning(&april, &part, "2026-05-01");
    let principal = |taken: &ChargedOff| taken.principal.to_string();
    let shown = |all: &Consequences| -> Vec<_> {
        let charge_offs = all.charge_offs.iter();
        charge_offs.map(|it| (it.before.as_ref().map(principal), principal(&it.after))).collect()
    };
    assert_eq!(shown(&all), [(None, "4000.00".to_owned())]);
    let whole = written_down.at("2026-06-10 09:00").when(charge_off(None, date("2026-06-10")));
    let before = whole.done();
    // The payment had paid 248.00 of principal. What was written down in May stays.
    let back = before.at("2026-06-20 09:00").when(take_back(first, "R10"));
    let all = meaning(&before, &back, "2026-06-20");
    assert_eq!(shown(&all), [(Some("5752.00".to_owned()), "6000.00".to_owned())]);
    let effective: Vec<_> = all.charge_offs.iter().map(|it| it.effective_date).collect();
    assert_eq!(effective, [date("2026-06-10")]);
}

#[test]
fn a_payment_that_is_new_paid_nothing_before() {
    let history = opened(loan());
    let first = history.at("2026-04-01 09:00").when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let all = meaning(&history, &first, "2026-04-01");
    assert_eq!(payments(&all), ["310.00: - > 62.00/248.00/0.00/0.00"]);
}

#[test]
fn a_payoff_means_that_what_is_scheduled_is_not_made_and_its_return_that_it_is() {
    let scheduled = opened(loan()).at("2026-03-10 09:00").when(pay("310.00", "2026-04-01"));
    let payment = scheduled.payment();
    let other = scheduled.done().at("2026-03-10 09:01").when(pay("50.00", "2026-03-30")).done();
    let partly = other.at("2026-03-11 09:00").when(receive(Channel::Wire, "9.00", "2026-03-11"));
    assert_eq!(meaning(&other, &partly, "2026-03-11").pending, []);
    let wire = other.at("2026-03-11 09:00");
    let wire = wire.when(receive(Channel::Wire, "10020.00", "2026-03-11"));
    let all = meaning(&other, &wire, "2026-03-11");
    let dates: Vec<_> =
        all.pending.iter().map(|it| (it.payment_date, it.amount, it.made)).collect();
    let (late, soon) = (date("2026-04-01"), date("2026-03-30"));
    assert_eq!(dates, [(soon, amount("50.00"), false), (late, amount("310.00"), false)]);
    assert_eq!(all.pending[1].payment, payment);
    let paid = wire.done();
    let back = paid.at("2026-03-12 09:00").when(take_back(wire.payment(), "R10"));
    let all = meaning(&paid, &back, "2026-03-12");
    assert!(all.pending.len() == 2 && all.pending.iter().all(|it| it.made));
}

#[test]
fn payments_that_change_are_in_the_order_in_which_they_count() {
    let history = opened(loan()).paid_by_ach("310.00", "2026-04-01").0;
    let keyed = history.at("2026-04-20 09:00").when(receive(Channel::Mail, "100.00", "2026-03-11"));
    // Ten days at 2.00, then 21 of 9,920.00 at 1.984.
    assert_eq!(
        payments(&meaning(&history, &keyed, "2026-04-20")),
        [
            "100.00: - > 20.00/80.00/0.00/0.00",
            "310.00: 62.00/248.00/0.00/0.00 > 41.66/268.34/0.00/0.00",
        ]
    );
}

#[test]
fn what_is_scheduled_and_fees_are_in_the_order_of_their_dates() {
    let mut history = opened(loan());
    let days = ["2026-04-09", "2026-04-07", "2026-04-08", "2026-04-02", "2026-04-06", "2026-04-03"];
    for on in days {
        history = history.at("2026-03-10 09:00").when(pay("50.00", on)).done();
    }
    let wire =
        history.at("2026-03-11 09:00").when(receive(Channel::Wire, "10020.00", "2026-03-11"));
    let pending = meaning(&history, &wire, "2026-03-11").pending;
    let dates: Vec<_> = pending.iter().map(|it| it.payment_date.to_string()).collect();
    let mut in_order = days;
    in_order.sort_unstable();
    assert_eq!(dates, in_order);

    let charge = LateCharge::Amount(amount("15.00"));
    let late_fee = Some(LateFee { grace_days: 10, charge, maximum: None });
    let never = opened(Terms { late_fee, ..loan() });
    let late = never.at("2026-09-20 09:00").when(Command::AgeAccount).done();
    let keyed = late.at("2026-09-21 09:00").when(receive(Channel::Wire, "10062.00", "2026-04-01"));
    let fees = meaning(&late, &keyed, "2026-09-21").fees;
    let dates: Vec<_> = fees.iter().map(|it| it.after.effective_date.to_string()).collect();
    let grace_ended =
        ["2026-04-12", "2026-05-12", "2026-06-12", "2026-07-12", "2026-08-12", "2026-09-12"];
    assert_eq!(dates, grace_ended);
}

#[test]
fn the_next_due_date_of_who_is_behind_is_the_next_that_comes() {
    let next = |on: &str| Figures::of(opened(loan()).open(), date(on)).next_due_date;
    assert_eq!(next("2026-03-31"), Some(date("2026-04-01")));
    assert_eq!(next("2026-05-10"), Some(date("2026-06-01")));
    assert_eq!(next("2040-01-01"), None, "none falls due any more");
    let ahead = opened(loan()).paid_by_ach("620.00", "2026-03-10").0;
    let next = Figures::of(ahead.open(), date("2026-03-10")).next_due_date;
    assert_eq!(next, Some(date("2026-06-01")));
}
