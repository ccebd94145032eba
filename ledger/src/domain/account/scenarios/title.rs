//! The lien: held, on hold, released, and re-opened.

use super::super::events::AccountPaidOff;
use super::super::state::TitleState;
use super::servicing::adjust;
use super::*;

fn release(history: &History, at: &str) -> Outcome {
    history.at(at).when(Command::ReleaseLien)
}

fn record_lien(lien: Lien) -> Command {
    Command::RecordLien { lien, replaced_vin: None }
}

/// Paid off by an own debit effective Friday 2026-06-26, settled on Monday.
fn paid_off_by_ach(state: &str) -> (History, PaymentId) {
    opened_with(quoted_loan(), Some(lien(state))).paid_by_ach("12403.60", "2026-06-26")
}

#[test]
fn a_lien_is_released_when_the_hold_on_the_funds_has_ended() {
    let held = opened_with(quoted_loan(), Some(lien("TX")));
    assert_eq!(held.open().title_state(), TitleState::LienHeld);
    release(&held, "2026-06-16 09:00")
        .then_refused(Refusal::BalanceRemaining { balance: money("12372.87") });
    let (history, _) = paid_off_by_ach("TX");
    assert_eq!(history.open().title_state(), TitleState::PaidOffOnHold);
    let release_date = date("2026-07-06");
    release(&history, "2026-07-05 23:59:59.999")
        .then_refused(Refusal::FundsOnHold { release_date });
    let released = release(&history, "2026-07-06 00:00").then(&["LienReleased"]);
    assert_eq!(released.open().title_state(), TitleState::Released);
    release(&released, "2026-07-07 00:00").then_nothing();
}

#[test]
fn the_law_cuts_the_hold_short() {
    let opened_date = date("2026-02-01");
    let instalments = InstalmentPlan { first_due_date: date("2026-03-01"), ..loan().instalments };
    let terms = Terms { opened_date, interest_paid_through: opened_date, instalments, ..loan() };
    for (state, release_date, statutory_date) in
        [("MO", "2026-03-06", "2026-03-09"), ("TX", "2026-03-09", "2026-03-19")]
    {
        let held = opened_with(terms.clone(), Some(lien(state)));
        // Friday's debit settles on Monday 2026-03-02.
        let (history, _) = held.paid_by_ach("10100.00", "2026-02-27");
        let expected = AccountPaidOff {
            paid_off_date: date("2026-02-27"),
            release_date: date(release_date),
            statutory_date: date(statutory_date),
            vehicle_kept: false,
        };
        assert_eq!(history.open().paid_off, Some(expected), "{state}");
    }
}

#[test]
fn a_debit_that_is_run_days_late_is_good_days_later() {
    let held = opened_with(quoted_loan(), Some(lien("TX")));
    for (asked, on, run, release_date) in [
        ("2026-06-26 09:00", "2026-06-26", "2026-06-26 23:59", "2026-07-06"),
        ("2026-06-26 09:00", "2026-06-26", "2026-06-27 10:00", "2026-07-06"),
        // The last window of Sunday is run on Monday, in time for Monday.
        ("2026-06-28 19:00", "2026-06-28", "2026-06-29 00:01", "2026-07-06"),
        ("2026-06-28 09:00", "2026-06-28", "2026-06-29 00:01", "2026-07-07"),
        // The bank is asked on 13 July and has the money on the 14th.
        ("2026-06-26 09:00", "2026-06-26", "2026-07-13 10:00", "2026-07-21"),
    ] {
        let scheduled = held.at(asked).when(pay("12500.00", on));
        let (payment, release_date) = (scheduled.payment(), date(release_date));
        let history = scheduled.done().at(run).when(apply(payment)).done();
        let paid_off = history.open().paid_off.as_ref().unwrap();
        assert_eq!((paid_off.paid_off_date, paid_off.release_date), (date(on), release_date));
        release(&history, run).then_refused(Refusal::FundsOnHold { release_date });
        let refund = history.at(run).when(Command::RefundCredit { amount: None });
        refund.then_refused(Refusal::FundsOnHold { release_date });
        release(&history, &format!("{release_date} 00:00")).then(&["LienReleased"]);
    }
}

#[test]
fn a_wire_of_the_rest_does_not_make_an_earlier_debit_good() {
    let held = opened_with(quoted_loan(), Some(lien("TX")));
    let (most, _) = held.paid_by_ach("12000.00", "2026-06-26");
    let rest = most.at("2026-06-29 09:00").when(receive(Channel::Wire, "500.00", "2026-06-29"));
    let history = rest.then(&["PaymentReceived", "AccountPaidOff"]);
    let release_date = date("2026-07-06");
    release(&history, "2026-06-29 12:00").then_refused(Refusal::FundsOnHold { release_date });
    let wire = held.at("2026-06-29 09:00").when(receive(Channel::Wire, "12500.00", "2026-06-29"));
    release(&wire.done(), "2026-06-29 12:00").then(&["LienReleased"]);
}

/// From when on nothing is owed, and when the lien is released: at the earliest, by law at the
/// latest.
fn dates(history: &History) -> [String; 3] {
    let paid_off = history.open().paid_off.clone().unwrap();
    let AccountPaidOff { paid_off_date, release_date, statutory_date, .. } = paid_off;
    [paid_off_date, release_date, statutory_date].map(|date| date.to_string())
}

#[test]
fn each_payment_of_a_payoff_gives_the_law_its_time_whichever_comes_last() {
    for (state, release_date, statutory_date) in [
        ("NY", "2026-07-09", "2026-07-09"),
        ("TX", "2026-07-09", "2026-07-19"),
        ("MO", "2026-07-09", "2026-07-16"),
    ] {
        let held = opened_with(quoted_loan(), Some(lien(state)));
        let (wire, cheque) = ((Channel::Wire, "100.00"), (Channel::Mail, "12306.00"));
        for [one, other] in [[wire, cheque], [cheque, wire]] {
            let come = |to: &History, (channel, dollars): (Channel, &str)| {
                let receive = receive(channel, dollars, "2026-06-29");
                to.at("2026-06-29 09:00").when(receive).done()
            };
            let history = come(&come(&held, one), other);
            assert_eq!(dates(&history), ["2026-06-29", release_date, statutory_date], "{state}");
        }
    }
}

#[test]
fn a_cheque_whose_credit_pays_something_later_holds_the_title() {
    let held = opened_with(quoted_loan(), Some(lien("FL")));
    let wire = held.at("2026-06-26 09:00").when(receive(Channel::Wire, "12500.00", "2026-06-26"));
    let cheque = receive(Channel::Mail, "500.00", "2026-06-29");
    let credit = wire.done().at("2026-06-29 09:00").when(cheque).then(&["PaymentReceived"]);
    assert_eq!(dates(&credit)[..2], ["2026-06-26", "2026-06-26"]);
    let more = credit.at("2026-06-29 10:00").when(adjust("400.00", "2026-06-29"));
    let history = more.then(&["PrincipalAdjusted", "AccountPaidOff"]);
    assert_eq!(dates(&history)[..2], ["2026-06-26", "2026-07-08"]);
}

#[test]
fn a_rest_that_a_correction_settles_starts_the_clock_of_the_law() {
    let free = Terms { annual_rate: "0".parse().unwrap(), ..quoted_loan() };
    let held = opened_with(free, Some(lien("FL")));
    let most = held.at("2026-06-15 09:00").when(receive(Channel::Wire, "12300.00", "2026-06-15"));
    let rest = most.done().at("2026-08-03 09:00").when(adjust("-70.67", "2026-06-15")).done();
    assert_eq!(dates(&rest), ["2026-06-15", "2026-06-15", "2026-06-25"]);
    let later = most.done().at("2026-08-03 09:00").when(adjust("-70.67", "2026-08-03")).done();
    assert_eq!(dates(&later), ["2026-08-03", "2026-08-03", "2026-08-13"]);
}

#[test]
fn money_that_takes_the_place_of_a_payoff_holds_the_title_for_its_own_time() {
    let held = opened_with(quoted_loan(), Some(lien("TX")));
    let wire = held.at("2026-06-26 09:00").when(receive(Channel::Wire, "12500.00", "2026-06-26"));
    let cheque =
        wire.done().at("2026-06-29 09:00").when(receive(Channel::Mail, "12500.00", "2026-06-29"));
    let both = cheque.then(&["PaymentReceived"]);
    assert_eq!(both.open().paid_off.as_ref().unwrap().release_date, date("2026-06-26"));
    let recalled = both.at("2026-06-30 09:00").when(take_back(wire.payment(), "R06"));
    let history = recalled.then(&["PaymentReturned", "AccountPaidOff"]);
    let release_date = date("2026-07-09");
    release(&history, "2026-06-30 10:00").then_refused(Refusal::FundsOnHold { release_date });
    release(&history, "2026-07-09 10:00").then(&["LienReleased"]);
}

#[test]
fn a_payoff_that_comes_back_before_the_release_keeps_the_lien() {
    let (history, payment) = paid_off_by_ach("TX");
    let returned = history.at("2026-07-01 08:30").when(take_back(payment, "R01"));
    let after = returned.then(&["PaymentReturned", "PayoffReversed", "FeeAssessed"]);
    assert_eq!(after.open().title_state(), TitleState::LienHeld);
    assert_eq!(release(&after, "2026-07-06 09:00").reason(), "BALANCE_REMAINING");
}

#[test]
fn a_payoff_that_comes_back_after_the_release_leaves_no_lien_to_hold() {
    let (history, payment) = paid_off_by_ach("TX");
    let released = release(&history, "2026-07-06 09:00").done();
    let returned = released.at("2026-07-08 08:30").when(take_back(payment, "R10"));
    let after = returned.then(&["PaymentReturned", "PayoffReversed"]);
    assert_eq!(after.open().title_state(), TitleState::PayoffReturnedAfterRelease);
    assert_eq!(after.standing("2026-07-08"), opened(quoted_loan()).standing("2026-07-08"));
    release(&after, "2026-07-08 09:00").then_nothing();
    let again = after.at("2026-07-09 09:00").when(reinstate(payment)).done();
    assert_eq!(again.open().title_state(), TitleState::Released);
    let record = |state: &str| record_lien(lien(state));
    again.at("2026-07-09 10:00").when(record("TX")).then_nothing();
    let vin = lien("TX").vin;
    let over = again.at("2026-07-09 10:00").when(record("FL"));
    over.then_refused(Refusal::LienExists { vin });

    // The lien is noted on the title again, and released once more.
    let noted = after.at("2026-07-09 09:00").when(record("TX")).then(&["LienRecorded"]);
    assert_eq!(noted.open().title_state(), TitleState::LienHeld);
    let paid = noted.at("2026-07-10 09:00").when(receive(Channel::Wire, "12500.00", "2026-07-10"));
    release(&paid.done(), "2026-07-10 10:00").then(&["LienReleased"]);
}

#[test]
fn a_lien_is_recorded_once_and_only_on_a_vehicle_that_is_bought() {
    let history = opened(quoted_loan());
    assert_eq!(history.open().title_state(), TitleState::NoLien);
    release(&history, "2026-06-16 09:00").then_refused(Refusal::NoLien);
    let record = |state: &str| record_lien(lien(state));
    let recorded = history.at("2026-06-16 09:00").when(record("TX")).then(&["LienRecorded"]);
    recorded.at("2026-06-16 09:01").when(record("TX")).then_nothing();
    let vin = lien("TX").vin;
    let other = Lien { vin: "1HGCM82633A004353".to_owned(), ..lien("TX") };
    let another = recorded.at("2026-06-16 09:01").when(record_lien(other.clone()));
    another.then_refused(Refusal::LienExists { vin: vin.clone() });
    let wrong = |number: &str| {
        let replaced_vin = Some(number.to_owned());
        recorded
            .at("2026-06-16 09:01")
            .when(Command::RecordLien { lien: other.clone(), replaced_vin })
    };
    wrong("1HGCM82633A004354").then_refused(Refusal::LienExists { vin: vin.clone() });
    let corrected = wrong(&vin).then(&["LienRecorded"]);
    corrected.at("2026-06-16 09:02").when(record_lien(other.clone())).then_nothing();
    let personal = opened(Terms { product: Product::PersonalLoan, ..loan() });
    let product = "personal".to_owned();
    let refused = personal.at("2026-03-02 09:00").when(record("TX"));
    refused.then_refused(Refusal::ProductHasNoTitle { product });
}

#[test]
fn a_lien_that_is_recorded_after_the_payoff_is_released_by_the_law_of_its_state() {
    let opened_date = date("2026-02-01");
    let instalments = InstalmentPlan { first_due_date: date("2026-03-01"), ..loan().instalments };
    let terms = Terms { opened_date, interest_paid_through: opened_date, instalments, ..loan() };
    let (history, _) = opened(terms).paid_by_ach("10100.00", "2026-02-27");
    let recorded = history.at("2026-03-02 09:00").when(record_lien(lien("TX")));
    let elsewhere = recorded.then(&["LienRecorded", "AccountPaidOff"]);
    assert_eq!(elsewhere.open().paid_off.as_ref().unwrap().statutory_date, date("2026-03-19"));
    let recorded = elsewhere.at("2026-03-02 09:00").when(record_lien(lien("MO")));
    let after = recorded.then(&["LienRecorded", "AccountPaidOff"]);
    assert_eq!(after.open().paid_off.as_ref().unwrap().statutory_date, date("2026-03-09"));
    release(&after, "2026-03-06 09:00").then(&["LienReleased"]);
}

/// Money by mail of which something is told.
fn told(amount_text: &str, on: &str, tell: impl FnOnce(&mut ReceivePayment)) -> Command {
    let mut command = receive(Channel::Mail, amount_text, on);
    if let Command::ReceivePayment(receipt) = &mut command {
        tell(receipt);
    }
    command
}

/// On what day the title is released, and by which day the state wants it, for each of a personal
/// cheque, one that is certified and one of a dealer.
#[test]
fn the_deadlines_of_a_state_are_those_of_what_the_money_is_and_who_paid() {
    let opened_date = date("2026-02-01");
    let instalments = InstalmentPlan { first_due_date: date("2026-03-01"), ..loan().instalments };
    let terms = Terms { opened_date, interest_paid_through: opened_date, instalments, ..loan() };
    for (state, personal, certified, dealers) in [
        (
            "IL",
            ("2026-03-12", "2026-03-23"),
            ("2026-03-02", "2026-03-16"),
            ("2026-03-12", "2026-03-23"),
        ),
        (
            "MN",
            ("2026-03-12", "2026-03-17"),
            ("2026-03-02", "2026-03-17"),
            ("2026-03-06", "2026-03-09"),
        ),
        (
            "MO",
            ("2026-03-12", "2026-03-19"),
            ("2026-03-02", "2026-03-09"),
            ("2026-03-12", "2026-03-19"),
        ),
        (
            "NY",
            ("2026-03-12", "2026-03-12"),
            ("2026-03-02", "2026-03-02"),
            ("2026-03-12", "2026-03-12"),
        ),
    ] {
        let held = opened_with(terms.clone(), Some(lien(state))).at("2026-03-02 09:00");
        let payoff =
            |tell: fn(&mut ReceivePayment)| held.when(told("10100.00", "2026-03-02", tell));
        for (received, (release_date, statutory_date)) in [
            (payoff(|_| ()), personal),
            (payoff(|receipt| receipt.guaranteed_funds = true), certified),
            (payoff(|receipt| receipt.paid_by_dealer = true), dealers),
        ] {
            let history = received.then(&["PaymentReceived", "AccountPaidOff"]);
            let expected = AccountPaidOff {
                paid_off_date: date("2026-03-02"),
                release_date: date(release_date),
                statutory_date: date(statutory_date),
                vehicle_kept: false,
            };
            assert_eq!(history.open().paid_off, Some(expected), "{state}");
        }
    }
}

#[test]
fn guaranteed_money_is_on_no_hold() {
    let held = opened_with(quoted_loan(), Some(lien("TX"))).at("2026-06-26 09:00");
    let cheque = |guaranteed_funds| {
        let tell = |receipt: &mut ReceivePayment| receipt.guaranteed_funds = guaranteed_funds;
        held.when(told("12403.60", "2026-06-26", tell)).then(&["PaymentReceived", "AccountPaidOff"])
    };
    let refund = |history: &History| {
        history.at("2026-06-26 10:00").when(Command::RefundCredit { amount: None })
    };
    let release_date = date("2026-07-06");
    refund(&cheque(false)).then_refused(Refusal::FundsOnHold { release_date });
    release(&cheque(false), "2026-06-26 10:00").then_refused(Refusal::FundsOnHold { release_date });
    let good = cheque(true);
    refund(&good).then(&["CreditRefunded"]);
    release(&good, "2026-06-26 10:00").then(&["LienReleased"]);
    // Fraud is possible all the same: whatever comes back is taken back.
    let payment = good.open().payments.keys().next().unwrap();
    let back = good.at("2026-06-29 09:00").when(take_back(payment, "R06"));
    back.then(&["PaymentReturned", "PayoffReversed"]);
}

#[test]
fn guaranteed_money_is_not_uncleared_in_a_quote() {
    let cheque = |guaranteed_funds| {
        let tell = |receipt: &mut ReceivePayment| receipt.guaranteed_funds = guaranteed_funds;
        let command = told("310.00", "2026-06-26", tell);
        let paid = opened(quoted_loan()).at("2026-06-26 09:00").when(command).done();
        let good_through_date = date("2026-06-30");
        let quoted =
            paid.at("2026-06-26 10:00").when(Command::QuotePayoff { good_through_date }).done();
        quoted.open().quotes.values().map(|quote| quote.quoted.uncleared.len()).collect::<Vec<_>>()
    };
    assert_eq!((cheque(false), cheque(true)), (vec![1], vec![0]));
}
