//! Payments that come back, and come back good.

use super::super::state::Progress;
use super::*;

fn balances(history: &History) -> Vec<String> {
    let ledger = history.open().book.ledger();
    let moved = ledger.iter().filter(|(_, amount)| !amount.is_zero());
    moved.map(|(account, amount)| format!("{account} {amount}")).collect()
}

#[test]
fn a_return_days_later_leaves_the_loan_as_if_it_was_never_paid_and_costs_the_fee() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    assert_eq!(paid.split(payment), "62.00/248.00/0.00/0.00");
    assert_eq!(
        paid.standing("2026-04-03"),
        "principal 9752.00 interest 3.90 fees 0.00 credit 0.00 dpd 0"
    );
    let returned = paid.at("2026-04-03 08:30").when(take_back(payment, "R01"));
    let after = returned.then(&["PaymentReturned", "FeeAssessed"]);
    assert_eq!(
        after.standing("2026-04-03"),
        "principal 10000.00 interest 66.00 fees 25.00 credit 0.00 dpd 2"
    );
    assert_eq!(
        returned.journal(),
        [
            "1110 62.00",
            "1020 -310.00",
            "1100 248.00",
            "1110 4.00 2026-04-03",
            "4010 -4.00 2026-04-03",
            "1120 25.00",
            "4030 -25.00",
        ]
    );
    let (caught_up, second) = after.paid_by_ach("335.00", "2026-04-11");
    assert_eq!(caught_up.split(second), "82.00/228.00/25.00/0.00");
    assert_eq!(
        caught_up.standing("2026-04-11"),
        "principal 9772.00 interest 0.00 fees 0.00 credit 0.00 dpd 0"
    );
    assert_eq!(
        balances(&caught_up),
        ["1010 -10000.00", "1020 335.00", "1100 9772.00", "4010 -82.00", "4030 -25.00"]
    );
}

#[test]
fn an_unauthorised_return_after_a_later_payment_reallocates_it() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let (may, second) = april.paid_by_ach("310.00", "2026-05-01");
    assert_eq!(may.split(second), "58.51/251.49/0.00/0.00");
    assert_eq!(
        may.standing("2026-05-20"),
        "principal 9500.51 interest 36.10 fees 0.00 credit 0.00 dpd 0"
    );
    let returned = may.at("2026-05-20 08:30").when(take_back(first, "R10"));
    let after = returned.then(&["PaymentReturned"]);
    assert_eq!(after.split(second), "122.00/188.00/0.00/0.00");
    assert_eq!(
        after.standing("2026-05-20"),
        "principal 9812.00 interest 37.29 fees 0.00 credit 0.00 dpd 19"
    );
    // Interest was last booked on 1 May: what accrued since comes with the correction of 2.68.
    assert_eq!(
        returned.journal(),
        [
            "1110 62.00",
            "1020 -310.00",
            "1100 248.00",
            "1110 -63.49 2026-05-01",
            "1100 63.49 2026-05-01",
            "1110 38.78 2026-05-20",
            "4010 -38.78 2026-05-20",
        ]
    );
    assert_eq!(
        balances(&after),
        ["1010 -10000.00", "1020 310.00", "1100 9812.00", "1110 37.29", "4010 -159.29"]
    );
}

#[test]
fn the_correction_of_the_worked_example_is_what_remains_of_the_accrual() {
    // A fee on the day of the return brings interest up to it, as a daily accrual would have done.
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let (may, _) = april.paid_by_ach("310.00", "2026-05-01");
    let accrued = may.at("2026-05-20 08:00").when(assess("1.00")).done();
    assert_eq!(accrued.ledger(LedgerAccount::AccruedInterest), "36.10");
    let returned = accrued.at("2026-05-20 08:30").when(take_back(first, "R10"));
    let lines = returned.journal();
    assert_eq!(lines[lines.len() - 2..], ["1110 2.68 2026-05-20", "4010 -2.68 2026-05-20"]);
    assert_eq!(returned.done().ledger(LedgerAccount::AccruedInterest), "37.29");
}

#[test]
fn only_insufficient_funds_cost_a_fee() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    for code in ["R01", "R09"] {
        let outcome = paid.at("2026-04-03 08:30").when(take_back(payment, code));
        outcome.then(&["PaymentReturned", "FeeAssessed"]);
    }
    for code in [
        "R02", "R03", "R06", "R07", "R08", "R10", "R11", "R15", "R16", "R24", "R60", "R99", "NSF",
        "",
    ] {
        let outcome = paid.at("2026-04-03 08:30").when(take_back(payment, code));
        let after = outcome.then(&["PaymentReturned"]);
        let name = after.open().payments.get(&payment).unwrap().progress.clone();
        let at = eastern("2026-04-03 08:30");
        assert_eq!(
            name,
            Progress::Returned { at, return_code: code.to_owned(), return_due_date: None }
        );
    }
    let (free, payment) =
        opened(Terms { returned_item_fee: None, ..loan() }).paid_by_ach("310.00", "2026-04-01");
    free.at("2026-04-03 08:30").when(take_back(payment, "R01")).then(&["PaymentReturned"]);
}

#[test]
fn a_word_between_the_banks_takes_no_payment_back() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    for code in ["R23", "R61", "R67", "R77"] {
        let refused = paid.at("2026-04-03 08:30").when(take_back(payment, code));
        let return_code = code.to_owned();
        refused.then_refused(Refusal::ReturnCodeNotForPayment { return_code });
    }
}

#[test]
fn a_contested_dishonour_takes_the_payment_back_as_its_first_return_did() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let comes_back = |history: &History, at: &str, code: &str| {
        let returned = history.at(at).when(take_back(payment, code));
        returned.then(&["PaymentReturned", "FeeAssessed"])
    };
    let returned = comes_back(&paid, "2026-04-03 08:30", "R01");
    let overturned = returned.at("2026-04-08 08:30").when(reinstate(payment)).done();
    let contested = comes_back(&overturned, "2026-04-10 08:30", "R73");
    let standing = contested.standing("2026-04-10");
    assert_eq!(standing, "principal 10000.00 interest 80.00 fees 25.00 credit 0.00 dpd 9");
    let overturned = contested.at("2026-04-13 08:30").when(reinstate(payment)).done();
    comes_back(&overturned, "2026-04-14 08:30", "R74");
    // Our own dishonour takes nothing back.
    let return_code = "R68".to_owned();
    let ours = overturned.at("2026-04-14 08:30").when(take_back(payment, "R68"));
    ours.then_refused(Refusal::ReturnCodeNotForPayment { return_code });
    // Where the customer was not to blame, there is no fee with the contest either.
    let returned = paid.at("2026-04-03 08:30").when(take_back(payment, "R10")).done();
    let overturned = returned.at("2026-04-08 08:30").when(reinstate(payment)).done();
    let contested = overturned.at("2026-04-10 08:30").when(take_back(payment, "R71"));
    contested.then(&["PaymentReturned"]);
}

#[test]
fn a_delayed_run_books_to_its_own_day_and_only_the_last_of_a_day_to_the_day_before() {
    for (asked, window, run, booked) in [
        ("2026-03-07 10:00", "15:00", "2026-03-08 00:10", "2026-03-08"),
        ("2026-03-07 19:00", "24:00", "2026-03-08 00:10", "2026-03-07"),
        ("2026-03-07 19:00", "24:00", "2026-03-09 09:00", "2026-03-09"),
    ] {
        let scheduled = opened(loan()).at(asked).when(pay("310.00", "2026-03-07"));
        let payment = scheduled.payment();
        let applied = scheduled.done().at(run).when(apply(payment));
        let [Event::PaymentApplied(event)] = applied.events() else { panic!("{window}") };
        let gl_date = event.posting.gl_date(event.effective_date);
        assert_eq!(gl_date, date(booked), "{window} run at {run}");
        assert_eq!(event.effective_date, date("2026-03-07"));
    }
}

#[test]
fn a_payment_comes_back_once_and_only_if_it_was_made() {
    let scheduled = opened(loan()).at("2026-03-03 09:00").when(pay("310.00", "2026-04-01"));
    let payment = scheduled.payment();
    let history = scheduled.done();
    let early = history.at("2026-03-04 09:00").when(take_back(payment, "R01"));
    early.then_refused(Refusal::NotApplied { payment, state: "scheduled".to_owned() });
    let applied = history.at("2026-04-01 15:01").when(apply(payment)).done();
    let not_yet = applied.at("2026-04-02 09:00").when(reinstate(payment));
    not_yet.then_refused(Refusal::NotReturned { payment, state: "applied".to_owned() });
    let returned = applied.at("2026-04-03 09:00").when(take_back(payment, "R01")).done();
    returned
        .at("2026-04-03 09:01")
        .when(take_back(payment, "R02"))
        .then_refused(Refusal::AlreadyReturned { payment, return_code: "R01".to_owned() });
    let run = returned.at("2026-04-03 15:01").when(apply(payment));
    run.then_nothing();
}

#[test]
fn a_reinstatement_restores_every_balance() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let (may, second) = april.paid_by_ach("310.00", "2026-05-01");
    for code in ["R01", "R10"] {
        let returned = may.at("2026-05-20 08:30").when(take_back(first, code)).done();
        let restored = returned.at("2026-06-02 08:30").when(reinstate(first)).done();
        for on in ["2026-03-15", "2026-04-01", "2026-05-01", "2026-05-20", "2026-06-02"] {
            assert_eq!(restored.standing(on), may.standing(on), "{code} {on}");
        }
        assert_eq!(restored.split(first), may.split(first));
        assert_eq!(restored.split(second), may.split(second));
        let untouched = may.at("2026-06-02 08:30").when(assess("1.00")).done();
        let compared = restored.at("2026-06-02 08:31").when(assess("1.00")).done();
        assert_eq!(balances(&compared), balances(&untouched), "{code}");
    }
}

#[test]
fn a_fee_that_was_paid_before_the_reinstatement_pays_principal_instead() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let returned = paid.at("2026-04-03 08:30").when(take_back(payment, "R01")).done();
    let (caught_up, second) = returned.paid_by_ach("335.00", "2026-04-11");
    assert_eq!(caught_up.split(second), "82.00/228.00/25.00/0.00");
    let outcome = caught_up.at("2026-04-20 08:30").when(reinstate(payment));
    let after = outcome.then(&["FeeWaived", "PaymentReinstated"]);
    assert_eq!(after.split(second), "19.50/315.50/0.00/0.00");
    assert_eq!(after.ledger(LedgerAccount::ReturnedItemFeeIncome), "0.00");
    assert_eq!(after.ledger(LedgerAccount::FeesReceivable), "0.00");
}

#[test]
fn a_payment_that_comes_back_a_second_time_costs_the_fee_of_one() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let returned = paid.at("2026-04-03 08:30").when(take_back(payment, "R01")).done();
    let restored = returned.at("2026-04-06 08:30").when(reinstate(payment)).done();
    let again = restored.at("2026-04-08 08:30").when(take_back(payment, "R01")).done();
    assert_eq!(
        again.standing("2026-04-08").split(" fees ").last().unwrap(),
        "25.00 credit 0.00 dpd 7"
    );
}

#[test]
fn a_payment_that_is_good_again_has_its_place_among_those_of_its_day() {
    let fined = opened(loan()).at("2026-03-20 09:00").when(assess("15.50")).done();
    let wire = fined.at("2026-04-01 09:00").when(receive(Channel::Wire, "310.00", "2026-04-01"));
    let (both, second) = wire.done().paid_by_ach("310.00", "2026-04-01");
    let splits = |history: &History| [history.split(wire.payment()), history.split(second)];
    let as_paid = ["62.00/248.00/0.00/0.00", "0.00/294.50/15.50/0.00"];
    assert_eq!(splits(&both), as_paid);
    let gone = both.at("2026-04-02 09:00").when(take_back(second, "R10")).done();
    let good = gone.at("2026-04-03 09:00").when(reinstate(second)).done();
    assert_eq!(splits(&good), as_paid);
}

#[test]
fn a_return_costs_what_the_contract_says_and_at_most_what_the_state_allows() {
    for (state, agreed, costs) in [
        (None, "25.00", "25.00"),
        (Some("CO"), "25.00", "20.00"),
        (Some("CO"), "15.00", "15.00"),
        (Some("AZ"), "25.00", "25.00"),
    ] {
        let governing_state = state.map(|state| state.parse().unwrap());
        let returned_item_fee = Some(amount(agreed));
        let history = opened(Terms { returned_item_fee, governing_state, ..loan() });
        let (paid, payment) = history.paid_by_ach("310.00", "2026-04-01");
        let back = paid.at("2026-04-03 08:30").when(take_back(payment, "R01")).done();
        assert_eq!(back.ledger(LedgerAccount::FeesReceivable), costs, "{state:?} {agreed}");
    }
}

/// By when a payment had to be sent back, if it came back late.
fn missed(outcome: &Outcome, payment: PaymentId) -> Option<String> {
    let returned = outcome.events().iter().find_map(|event| {
        let Event::PaymentReturned(returned) = event else { return None };
        Some(returned.return_due_date)
    });
    let after = outcome.done();
    let progress = &after.open().payments.get(&payment).unwrap().progress;
    let Progress::Returned { return_due_date, .. } = progress else { panic!("{progress:?}") };
    assert_eq!(returned, Some(*return_due_date));
    return_due_date.map(|date| date.to_string())
}

/// A loan on the books early enough for every payment here.
fn long_since() -> History {
    let opened_date = date("2026-02-01");
    let instalments = InstalmentPlan { first_due_date: date("2026-03-01"), ..loan().instalments };
    opened(Terms { opened_date, interest_paid_through: opened_date, instalments, ..loan() })
}

#[test]
fn a_return_is_late_from_the_second_banking_day_after_the_opening_that_it_missed() {
    for (paid_on, code, last, late, due) in [
        // Settled on Mondays, a Wednesday before a holiday, Christmas Eve, a long weekend's Friday.
        ("2026-02-27", "R01", "2026-03-05", "2026-03-06", "2026-03-04"),
        ("2026-11-24", "R02", "2026-12-01", "2026-12-02", "2026-11-30"),
        ("2026-12-23", "R09", "2026-12-30", "2026-12-31", "2026-12-29"),
        ("2026-02-12", "R08", "2026-02-19", "2026-02-20", "2026-02-18"),
        ("2026-02-27", "R10", "2026-05-05", "2026-05-06", "2026-05-04"),
        ("2026-11-24", "R05", "2027-01-26", "2027-01-27", "2027-01-25"),
        ("2026-07-01", "R11", "2026-09-02", "2026-09-03", "2026-09-01"),
    ] {
        let (paid, payment) = long_since().paid_by_ach("310.00", paid_on);
        let on = |day: &str| paid.at(&format!("{day} 23:59")).when(take_back(payment, code));
        assert_eq!(missed(&on(last), payment), None, "{paid_on} {code}");
        assert_eq!(missed(&on(late), payment).as_deref(), Some(due), "{paid_on} {code}");
        // Its money moves all the same.
        assert_eq!(on(late).done().standing("2027-02-01").split(' ').nth(1), Some("10000.00"));
    }
}

#[test]
fn lateness_counts_from_the_settlement_that_is_known() {
    let (paid, payment) = long_since().paid_by_ach("310.00", "2026-02-27");
    let settle =
        |day| Command::SettlePayment { payment, settlement_date: date(day), withheld: None };
    let settled = paid.at("2026-03-05 09:00").when(settle("2026-03-04")).done();
    let back = |history: &History| history.at("2026-03-09 09:00").when(take_back(payment, "R01"));
    assert_eq!(missed(&back(&settled), payment), None);
    assert_eq!(missed(&back(&paid), payment).as_deref(), Some("2026-03-04"));
    // A window that is run on Tuesday asks the bank for Wednesday.
    let scheduled = long_since().at("2026-02-27 09:00").when(pay("310.00", "2026-02-27"));
    let payment = scheduled.payment();
    let run = scheduled.done().at("2026-03-03 09:00").when(apply(payment)).done();
    let back = |day: &str| run.at(&format!("{day} 09:00")).when(take_back(payment, "R01"));
    assert_eq!(missed(&back("2026-03-09"), payment), None);
    assert_eq!(missed(&back("2026-03-10"), payment).as_deref(), Some("2026-03-06"));
}

#[test]
fn no_limit_no_lateness() {
    let (paid, payment) = long_since().paid_by_ach("310.00", "2026-02-27");
    for code in ["R06", "R31", "R13", "R99"] {
        let back = paid.at("2026-12-01 09:00").when(take_back(payment, code));
        assert_eq!(missed(&back, payment), None, "{code}");
    }
    // Whose debit it is, dishonours it: cheques and vendors' debits are no entries of ours.
    for channel in [Channel::Mail, Channel::PhoneVendor] {
        let received =
            long_since().at("2026-03-02 09:00").when(receive(channel, "310.00", "2026-03-02"));
        let back = received.done().at("2026-12-01 09:00");
        let back = back.when(take_back(received.payment(), "R01"));
        assert_eq!(missed(&back, received.payment()), None, "{channel}");
    }
    // The time of a contest runs from the dishonour.
    let late = paid.at("2026-03-09 09:00").when(take_back(payment, "R01"));
    let good = late.done().at("2026-03-12 09:00").when(reinstate(payment)).done();
    let contested = good.at("2026-03-16 09:00").when(take_back(payment, "R73"));
    assert_eq!(missed(&contested, payment), None);
    let again = good.at("2026-03-16 09:00").when(take_back(payment, "R01"));
    assert_eq!(missed(&again, payment).as_deref(), Some("2026-03-04"));
}
