//! Fees: charged as of a day, taken back from it.

use super::*;

#[test]
fn a_fee_is_owed_from_the_day_on_and_earns_nothing() {
    let outcome = opened(loan()).at("2026-04-12 09:00").when(assess("15.50"));
    let history = outcome.then(&["FeeAssessed"]);
    assert_eq!(outcome.journal(), ["1120 15.50", "4020 -15.50", "1110 84.00", "4010 -84.00"]);
    assert_eq!(
        history.standing("2026-04-12"),
        "principal 10000.00 interest 84.00 fees 15.50 credit 0.00 dpd 11"
    );
    assert_eq!(
        history.standing("2026-04-11"),
        "principal 10000.00 interest 82.00 fees 0.00 credit 0.00 dpd 10"
    );
    // The day after, the general ledger lacks that day's interest.
    let unbooked = history.open().book.unbooked(date("2026-04-13"));
    let (account, income) = (LedgerAccount::AccruedInterest, LedgerAccount::InterestIncome);
    assert_eq!(unbooked, [(account, income, money("2.00").decimal())]);
}

#[test]
fn a_waiver_is_the_mirror_and_a_second_one_changes_nothing() {
    let outcome = opened(loan()).at("2026-04-12 09:00").when(assess("15.50"));
    let fee = outcome.fee();
    let waived = outcome.done().at("2026-04-12 10:00").when(waive(fee));
    let history = waived.then(&["FeeWaived"]);
    assert_eq!(waived.journal(), ["4020 15.50", "1120 -15.50"]);
    assert_eq!(history.standing("2026-04-12"), opened(loan()).standing("2026-04-12"));
    history.at("2026-04-13 10:00").when(waive(fee)).then_nothing();
    let unknown = FeeId::derived(&account_id(), RequestId::derived("another", "request"));
    let refused = history.at("2026-04-13 10:00").when(waive(unknown));
    refused.then_denied(&Denial::FeeNotFound(unknown));
}

#[test]
fn what_a_waived_fee_was_paid_with_pays_principal() {
    let outcome = opened(loan()).at("2026-04-12 09:00").when(assess("15.50"));
    let fee = outcome.fee();
    let (paid, payment) = outcome.done().paid_by_ach("325.50", "2026-04-15");
    assert_eq!(paid.split(payment), "90.00/220.00/15.50/0.00");
    let waived = paid.at("2026-04-20 09:00").when(waive(fee));
    let after = waived.then(&["FeeWaived"]);
    assert_eq!(after.split(payment), "90.00/235.50/0.00/0.00");
    let (never, _) = opened(loan()).paid_by_ach("325.50", "2026-04-15");
    assert_eq!(after.standing("2026-04-20"), never.standing("2026-04-20"));
}

#[test]
fn a_waiver_of_the_last_that_is_owed_pays_the_account_off() {
    let outcome = opened(loan()).at("2026-03-01 10:00").when(assess("15.50"));
    let fee = outcome.fee();
    // What is due goes before the fee, what is not due yet behind it: eleven dollars stay owed.
    let (paid, _) = outcome.done().paid_by_ach("10004.50", "2026-03-01");
    assert_eq!(
        paid.standing("2026-03-01"),
        "principal 11.00 interest 0.00 fees 0.00 credit 0.00 dpd 0"
    );
    let waived = paid.at("2026-03-02 09:00").when(waive(fee));
    let after = waived.then(&["FeeWaived", "AccountPaidOff"]);
    assert_eq!(after.open().payoff(date("2026-03-02")), money("-4.50"));
}

/// A wire of 400.00 on 15 April, and a fee from 12 April on that is charged at `local`.
fn charged_at(local: &str) -> Outcome {
    let wire = |history: &History| {
        let wire = receive(Channel::Wire, "400.00", "2026-04-15");
        history.at("2026-04-15 10:00").when(wire).done()
    };
    let history = opened(loan());
    let before = local < "2026-04-15";
    let history = if before { history } else { wire(&history) };
    let charged = history.at(local).when(assess_on(amount("15.50"), date("2026-04-12")));
    if before { Outcome { after: wire(&charged.after), ..charged } } else { charged }
}

#[test]
fn a_fee_of_an_earlier_day_is_paid_by_what_came_after_it() {
    let late = charged_at("2026-05-20 09:00");
    let history = late.then(&["FeeAssessed"]);
    let payment = history.open().payments.keys().next().unwrap();
    assert_eq!(history.split(payment), "90.00/294.50/15.50/0.00");
    // 15.50 of principal more earns for 35 days.
    assert_eq!(
        late.journal(),
        [
            "1120 15.50",
            "4020 -15.50",
            "1100 15.50 2026-04-15",
            "1120 -15.50 2026-04-15",
            "1110 67.94 2026-05-20",
            "4010 -67.94 2026-05-20",
        ]
    );
    let in_time = charged_at("2026-04-12 09:00").after;
    for day in ["2026-04-11", "2026-04-12", "2026-04-15", "2026-05-20", "2026-08-01"] {
        assert_eq!(history.standing(day), in_time.standing(day), "{day}");
    }
    for account in [LedgerAccount::FeesReceivable, LedgerAccount::Principal] {
        assert_eq!(history.ledger(account), in_time.ledger(account));
    }
}

#[test]
fn a_waiver_undoes_a_fee_of_an_earlier_day_from_that_day() {
    let charged = charged_at("2026-05-20 09:00");
    let fee = FeeId::derived(&account_id(), charged.request);
    let waived = charged.done().at("2026-05-21 09:00").when(waive(fee));
    let after = waived.then(&["FeeWaived"]);
    let wire = receive(Channel::Wire, "400.00", "2026-04-15");
    let never = opened(loan()).at("2026-04-15 10:00").when(wire).done();
    for day in ["2026-04-12", "2026-04-15", "2026-05-21"] {
        assert_eq!(after.standing(day), never.standing(day), "{day}");
    }
}

#[test]
fn a_fee_that_no_entry_carries_is_refused() {
    let moment = opened(loan()).at("2026-04-12 09:00");
    assert_eq!(moment.when(assess("100000000.00")).reason(), "AMOUNT_TOO_LARGE");
    moment.when(assess("99999999.99")).then(&["FeeAssessed"]);
}

#[test]
fn an_event_names_what_pays_or_takes_something_else_and_nothing_that_stays() {
    let (april, _) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let (may, second) = april.paid_by_ach("400.00", "2026-05-01");
    let on = date("2026-05-10");
    let correction = Command::AdjustPrincipal {
        change: money("-100.00"),
        reason: "refund of a service contract".to_owned(),
        effective_date: on,
        preview: None,
    };
    let adjusted = may.at("2026-05-10 09:00").when(correction).done();
    let part = charge_off(Some(amount("1000.00")), on);
    let history = adjusted.at("2026-05-10 10:00").when(part).done();
    let named = |day: &str| {
        let fined = history.at("2026-05-20 09:00").when(assess_on(amount("15.50"), date(day)));
        let posting = fined.events().first().and_then(Event::posting).unwrap().clone();
        let payments: Vec<_> = posting.reallocated.iter().map(|it| it.payment).collect();
        (payments, posting.charge_offs.len(), posting.adjustments.len())
    };
    // April's payment has nothing left for a fee, and May's has.
    assert_eq!(named("2026-03-20"), (vec![second], 0, 0));
    assert_eq!(named("2026-05-02"), (vec![], 0, 0));
}
