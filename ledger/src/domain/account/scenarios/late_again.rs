//! Late fees that a payment undid, as it was dated before them, and that are back with its return.

use super::late_fees::{aged, charged, loan_with_late_fee};
use super::*;

/// April's instalment is late, and paid with its fee on 20 April. Both by what is told then.
fn paid_late() -> (History, PaymentId) {
    let late = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01").done();
    let wire = late.at("2026-04-20 09:00").when(receive(Channel::Wire, "325.50", "2026-04-20"));
    assert_eq!(wire.done().split(wire.payment()), "100.00/210.00/15.50/0.00");
    (wire.done(), wire.payment())
}

fn cheque(history: &History, paid: &str, received: &str) -> Outcome {
    history.at("2026-04-20 10:00").when(receive(Channel::Mail, paid, received))
}

#[test]
fn a_cheque_that_bounces_leaves_a_late_fee_that_was_there_before_it() {
    let (history, wire) = paid_late();
    let keyed = cheque(&history, "310.00", "2026-04-09");
    let met = keyed.then(&["PaymentReceived", "FeeWaived"]);
    assert_eq!(met.split(wire).split('/').nth(2), Some("0.00"));
    // Whoever is to blame: the lateness is older than the cheque.
    for code in ["R02", "R10", "R24"] {
        let back = met.at("2026-04-20 11:00").when(take_back(keyed.payment(), code));
        let after = back.then(&["PaymentReturned", "FeeAssessed"]);
        assert_eq!(charged(&back), ["2026-04-12 15.50 for 1"], "{code}");
        assert_eq!(after.split(wire), history.split(wire), "{code}");
        for on in ["2026-04-12", "2026-04-20", "2026-07-01"] {
            assert_eq!(after.standing(on), history.standing(on), "{code} {on}");
        }
        for account in [
            LedgerAccount::Principal,
            LedgerAccount::FeesReceivable,
            LedgerAccount::LateFeeIncome,
            LedgerAccount::InterestIncome,
            LedgerAccount::LockboxClearing,
        ] {
            assert_eq!(after.ledger(account), history.ledger(account), "{code} {account}");
        }
        // Once an instalment, whatever grace the return gives.
        assert_eq!(charged(&aged(&after, "2026-05-11 09:00")), [""; 0], "{code}");
    }
}

#[test]
fn a_reinstated_cheque_takes_the_fee_back_and_one_that_bounces_again_does_not() {
    let (history, wire) = paid_late();
    let keyed = cheque(&history, "310.00", "2026-04-09");
    let (met, id) = (keyed.done(), keyed.payment());
    let gone = met.at("2026-04-22 09:00").when(take_back(id, "R02")).done();
    let good = gone.at("2026-04-24 09:00").when(reinstate(id));
    let restored = good.then(&["PaymentReinstated", "FeeWaived"]);
    assert_eq!(restored.split(wire), met.split(wire));
    assert_eq!(restored.standing("2026-07-01"), met.standing("2026-07-01"));
    let again = restored.at("2026-04-27 09:00").when(take_back(id, "R72"));
    assert_eq!(charged(&again), ["2026-04-12 15.50 for 1"]);
    assert_eq!(again.done().standing("2026-07-01"), gone.standing("2026-07-01"));
    // So does a fee that was charged while the cheque was gone, and undone by its reinstatement.
    let in_time = opened(loan_with_late_fee()).at("2026-04-09 09:00");
    let in_time = in_time.when(receive(Channel::Mail, "310.00", "2026-04-09"));
    let id = in_time.payment();
    let gone = in_time.done().at("2026-04-15 09:00").when(take_back(id, "R02")).done();
    let late = aged(&gone, "2026-04-26 09:00");
    assert_eq!(charged(&late), ["2026-04-26 15.50 for 1"]);
    let good = late.done().at("2026-04-27 09:00").when(reinstate(id));
    let good = good.then(&["PaymentReinstated", "FeeWaived"]);
    let again = good.at("2026-04-28 09:00").when(take_back(id, "R72"));
    assert_eq!(charged(&again), ["2026-04-26 15.50 for 1"]);
}

#[test]
fn a_part_that_bounces_makes_the_fee_as_high_again_as_it_was() {
    let late = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01").done();
    let part = cheque(&late, "110.00", "2026-04-10");
    assert_eq!(charged(&part), ["2026-04-12 10.00 for 1"]);
    let back = part.done().at("2026-04-21 09:00").when(take_back(part.payment(), "R02"));
    let after = back.then(&["PaymentReturned", "FeeWaived", "FeeAssessed"]);
    assert_eq!(charged(&back), ["2026-04-12 15.50 for 1"]);
    assert_eq!(after.standing("2026-05-01"), late.standing("2026-05-01"));
    // Of two parts each takes its own.
    let both = cheque(&part.done(), "200.00", "2026-04-11");
    assert_eq!(charged(&both), [""; 0]);
    let first = both.done().at("2026-04-21 09:00").when(take_back(part.payment(), "R02"));
    assert_eq!(charged(&first), ["2026-04-12 5.50 for 1"]);
    let second = first.done().at("2026-04-22 09:00").when(take_back(both.payment(), "R02"));
    assert_eq!(charged(&second), ["2026-04-12 15.50 for 1"]);
    assert_eq!(second.done().standing("2026-05-01"), late.standing("2026-05-01"));
}

#[test]
fn a_fee_that_is_wrong_without_the_payment_too_or_was_waived_stays_gone() {
    let late = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01").done();
    // Another cheque was there in time, too.
    let one = cheque(&late, "310.00", "2026-04-09");
    let two = cheque(&one.done(), "310.00", "2026-04-10");
    let back = two.done().at("2026-04-21 09:00").when(take_back(one.payment(), "R02"));
    assert_eq!(charged(&back), [""; 0]);
    let none = back.done().at("2026-04-22 09:00").when(take_back(two.payment(), "R02"));
    assert_eq!(charged(&none), ["2026-04-12 15.50 for 1"]);
    // The due date was moved meanwhile.
    let moved = one.done().at("2026-04-20 11:00").when(extend(1, date("2026-04-01"))).done();
    let back = moved.at("2026-04-21 09:00").when(take_back(one.payment(), "R02"));
    assert_eq!(charged(&back), [""; 0]);
    // What took the fee's place was waived.
    let part = cheque(&late, "110.00", "2026-04-10");
    let stands =
        part.done().open().fees.iter().find(|(_, fee)| fee.waived.is_none()).map(|it| *it.0);
    let waived = part.done().at("2026-04-20 11:00").when(waive(stands.unwrap())).done();
    let back = waived.at("2026-04-21 09:00").when(take_back(part.payment(), "R02"));
    assert_eq!(charged(&back), [""; 0]);
}

#[test]
fn money_that_a_fee_counted_with_raises_it_no_more_when_it_comes_back() {
    // 110.00 were there when the fee was charged; the rest, dated before it, took it back.
    let part = opened(loan_with_late_fee()).at("2026-04-01 09:00");
    let part = part.when(receive(Channel::Mail, "110.00", "2026-04-01"));
    let late = aged(&part.done(), "2026-04-12 00:01");
    assert_eq!(charged(&late), ["2026-04-12 10.00 for 1"]);
    let rest = cheque(&late.done(), "200.00", "2026-04-09");
    rest.then(&["PaymentReceived", "FeeWaived"]);
    let back = rest.done().at("2026-04-21 09:00").when(take_back(part.payment(), "R02"));
    assert_eq!(charged(&back), [""; 0]);
    // Its grace is that of the return.
    assert_eq!(charged(&aged(&back.done(), "2026-05-01 09:00")), [""; 0]);
    assert_eq!(charged(&aged(&back.done(), "2026-05-02 00:01")), ["2026-05-02 5.50 for 1"]);
}

#[test]
fn a_fee_that_is_back_has_its_old_place_among_the_movements_of_its_day() {
    let late = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01").done();
    let wire = late.at("2026-04-12 09:00").when(receive(Channel::Wire, "325.50", "2026-04-12"));
    let paid = wire.done();
    assert_eq!(paid.split(wire.payment()), "84.00/226.00/15.50/0.00");
    for money in ["310.00", "110.00"] {
        let keyed = cheque(&paid, money, "2026-04-09");
        let (met, id) = (keyed.done(), keyed.payment());
        let back = met.at("2026-04-21 09:00").when(take_back(id, "R10"));
        let replaced =
            |event: &Event| matches!(event, Event::FeeAssessed(fee) if fee.replaces.is_some());
        assert!(back.events().iter().any(replaced), "{money}");
        let gone = back.done();
        assert_eq!(gone.split(wire.payment()), paid.split(wire.payment()), "{money}");
        assert_eq!(gone.standing("2026-05-01"), paid.standing("2026-05-01"), "{money}");
        let good = gone.at("2026-04-22 09:00").when(reinstate(id)).done();
        assert_eq!(good.split(wire.payment()), met.split(wire.payment()), "{money}");
        assert_eq!(good.standing("2026-05-01"), met.standing("2026-05-01"), "{money}");
    }
}
