//! Late fees: once an instalment, after its grace, and gone again if it was in time after all.

use super::super::events::WaiveReason;
use super::super::terms::{LateCharge, LateFee};
use super::servicing::adjust;
use super::*;

/// The loan of the worked examples, whose contract charges 5 % after ten days of grace.
pub(super) fn loan_with_late_fee() -> Terms {
    let charge = LateCharge::Rate("0.05".parse().unwrap());
    Terms { late_fee: Some(LateFee { grace_days: 10, charge, maximum: None }), ..loan() }
}

/// The late fees that a daily run charges: day, amount and instalment.
pub(super) fn charged(outcome: &Outcome) -> Vec<String> {
    let fees = outcome.events().iter().filter_map(|event| {
        let Event::FeeAssessed(fee) = event else { return None };
        let number = fee.instalment.unwrap_or_default();
        Some(format!("{} {} for {number}", fee.effective_date, fee.amount))
    });
    fees.collect()
}

pub(super) fn aged(history: &History, at: &str) -> Outcome {
    history.at(at).when(Command::AgeAccount)
}

#[test]
fn a_late_fee_falls_due_on_the_day_after_the_grace() {
    let history = opened(loan_with_late_fee());
    assert_eq!(charged(&aged(&history, "2026-04-11 23:59")), [""; 0]);
    let fee = aged(&history, "2026-04-12 00:01");
    assert_eq!(charged(&fee), ["2026-04-12 15.50 for 1"]);
    assert_eq!(fee.journal(), ["1120 15.50", "4020 -15.50", "1110 84.00", "4010 -84.00"]);
    let after = fee.done();
    assert_eq!(charged(&aged(&after, "2026-04-30 09:00")), [""; 0]);
    let paid = history.at("2026-04-11 23:00").when(receive(Channel::Mail, "310.00", "2026-04-11"));
    assert_eq!(charged(&aged(&paid.done(), "2026-04-12 00:01")), [""; 0]);
}

#[test]
fn a_run_that_comes_late_charges_what_fell_due_on_its_own_day() {
    let history = opened(loan_with_late_fee());
    let fees = aged(&history, "2026-05-20 09:00");
    assert_eq!(charged(&fees), ["2026-04-12 15.50 for 1", "2026-05-12 15.50 for 2"]);
    assert_eq!(fees.done().open().standing(date("2026-04-30")).fees_due, money("15.50"));
}

#[test]
fn an_old_fee_makes_no_later_instalment_late() {
    let late = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01").done();
    let april = late.at("2026-04-15 09:00").when(receive(Channel::Mail, "310.00", "2026-04-15"));
    let may =
        april.done().at("2026-05-01 09:00").when(receive(Channel::Mail, "310.00", "2026-05-01"));
    let after = may.done();
    assert_eq!(after.open().standing(date("2026-05-12")).fees_due, money("15.50"));
    assert_eq!(charged(&aged(&after, "2026-05-12 00:01")), [""; 0]);
}

#[test]
fn a_part_of_an_instalment_costs_a_part_of_the_fee_and_a_cap_holds() {
    let part = opened(loan_with_late_fee())
        .at("2026-04-01 09:00")
        .when(receive(Channel::Mail, "110.00", "2026-04-01"))
        .done();
    assert_eq!(charged(&aged(&part, "2026-04-12 00:01")), ["2026-04-12 10.00 for 1"]);
    let charge = LateCharge::Amount(amount("29.00"));
    let capped = LateFee { grace_days: 15, charge, maximum: Some(amount("25.00")) };
    let history = opened(Terms { late_fee: Some(capped), ..loan() });
    assert_eq!(charged(&aged(&history, "2026-04-17 00:01")), ["2026-04-17 25.00 for 1"]);
}

#[test]
fn a_shortfall_within_the_tolerance_is_not_late() {
    let pay = |paid: &str| {
        let history = opened(loan_with_late_fee()).at("2026-04-01 09:00");
        history.when(receive(Channel::Mail, paid, "2026-04-01")).done()
    };
    let (enough, short) = (pay("309.00"), pay("308.99"));
    assert_eq!(enough.open().days_past_due(date("2026-04-12")), 0);
    assert_eq!(enough.open().standing(date("2026-04-12")).past_due, Money::ZERO);
    assert_eq!(charged(&aged(&enough, "2026-04-12 00:01")), [""; 0]);
    assert_eq!(short.open().days_past_due(date("2026-04-12")), 11);
    assert_eq!(short.open().standing(date("2026-04-12")).past_due, money("1.01"));
    assert_eq!(charged(&aged(&short, "2026-04-12 00:01")), ["2026-04-12 0.05 for 1"]);
}

#[test]
fn money_that_was_there_in_time_takes_its_late_fee_back() {
    let late = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01").done();
    let keyed = late.at("2026-04-20 09:00").when(receive(Channel::Mail, "310.00", "2026-04-05"));
    let after = keyed.then(&["PaymentReceived", "FeeWaived"]);
    let Some(Event::FeeWaived(waived)) = keyed.events().last() else { panic!("no waiver") };
    assert_eq!(waived.reason, WaiveReason::Corrected);
    assert_eq!(after.open().standing(date("2026-04-20")).fees_due, Money::ZERO);
    assert_eq!(charged(&aged(&after, "2026-04-21 09:00")), [""; 0]);
}

#[test]
fn a_part_that_was_there_in_time_makes_the_late_fee_less() {
    let fee = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01");
    let part = fee.done().at("2026-04-14 09:00");
    let part = part.when(receive(Channel::Mail, "110.00", "2026-04-10"));
    let after = part.then(&["PaymentReceived", "FeeWaived", "FeeAssessed"]);
    assert_eq!(charged(&part), ["2026-04-12 10.00 for 1"]);
    let reasons = after.open().fees.values().filter_map(|fee| fee.waived);
    assert_eq!(reasons.collect::<Vec<_>>(), [WaiveReason::Corrected]);
    assert_eq!(after.open().standing(date("2026-04-14")).fees_due, money("10.00"));
    assert_eq!(charged(&aged(&after, "2026-04-15 09:00")), [""; 0]);
    // What was there after the grace leaves it as it was.
    let late = fee.done().at("2026-04-14 09:00");
    late.when(receive(Channel::Mail, "110.00", "2026-04-12")).then(&["PaymentReceived"]);
}

#[test]
fn a_fee_that_somebody_waived_does_not_come_back() {
    let fee = aged(&opened(loan_with_late_fee()), "2026-04-12 00:01");
    let Some(Event::FeeAssessed(assessed)) = fee.events().first() else { panic!("no fee") };
    let moment = fee.done().at("2026-04-13 09:00");
    let waived = moment.when(waive(assessed.fee)).then(&["FeeWaived"]);
    assert_eq!(charged(&aged(&waived, "2026-04-14 00:01")), [""; 0]);
}

#[test]
fn a_return_for_which_nobody_is_to_blame_never_costs_a_late_fee() {
    for (code, fees) in [
        ("R01", vec!["2026-05-31 15.50 for 2"]),
        ("R10", vec![]),
        ("R11", vec![]),
        ("R15", vec![]),
        ("R24", vec![]),
    ] {
        let (april, first) = opened(loan_with_late_fee()).paid_by_ach("310.00", "2026-04-01");
        let (may, _) = april.paid_by_ach("310.00", "2026-05-01");
        let back = may.at("2026-05-20 09:00").when(take_back(first, code)).done();
        assert_eq!(back.open().days_past_due(date("2026-05-20")), 19, "{code}");
        assert_eq!(charged(&aged(&back, "2026-05-30 23:00")), [""; 0], "{code}");
        assert_eq!(charged(&aged(&back, "2026-05-31 00:01")), fees, "{code}");
    }
}

#[test]
fn an_extension_lets_no_fee_fall_due_and_keeps_one_that_had() {
    let history = opened(loan_with_late_fee());
    let extended = history.at("2026-04-05 09:00").when(extend(2, date("2026-04-05"))).done();
    assert_eq!(charged(&aged(&extended, "2026-06-11 09:00")), [""; 0]);
    assert_eq!(charged(&aged(&extended, "2026-06-12 09:00")), ["2026-06-12 15.50 for 1"]);
    let late = aged(&history, "2026-04-12 00:01").done();
    let granted = late.at("2026-04-15 09:00").when(extend(2, date("2026-04-15")));
    let after = granted.then(&["ExtensionGranted"]);
    assert_eq!(after.open().standing(date("2026-04-15")).fees_due, money("15.50"));
    let backdated = late.at("2026-04-15 09:00").when(extend(2, date("2026-04-01")));
    backdated.then(&["ExtensionGranted", "FeeWaived"]);
}

#[test]
fn what_was_late_before_the_account_was_boarded_costs_nothing_here() {
    let boarded = Terms { opened_date: date("2026-04-20"), ..loan_with_late_fee() };
    let history = opened(boarded);
    assert_eq!(charged(&aged(&history, "2026-05-12 09:00")), ["2026-05-12 15.50 for 2"]);
}

#[test]
fn an_account_that_is_paid_off_or_charged_off_is_never_late() {
    let history = opened(loan_with_late_fee());
    let paid =
        history.at("2026-04-11 09:00").when(receive(Channel::Wire, "10082.00", "2026-04-11"));
    let paid = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    aged(&paid, "2026-08-12 09:00").then_nothing();
    let lost = history.at("2026-04-11 09:00").when(charge_off(None, date("2026-04-11"))).done();
    aged(&lost, "2026-08-12 09:00").then_nothing();
}

#[test]
fn after_a_payoff_that_comes_back_no_late_fee_is_of_before_the_return() {
    // Three instalments, and a loan so small that two of them pay it off, but for 1.80.
    let plan = InstalmentPlan { count: 3, ..loan().instalments };
    let terms = Terms { principal: money("600.00"), instalments: plan, ..loan_with_late_fee() };
    let wire = receive(Channel::Wire, "603.72", "2026-04-01");
    let paid = opened(terms).at("2026-04-01 09:00").when(wire);
    let back = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    let returned = back.at("2026-07-20 09:00").when(take_back(paid.payment(), "R02"));
    let Some(Event::PaymentReturned(event)) = returned.events().first() else { panic!("none") };
    let open: Vec<_> = event.reopened.iter().map(|again| again.instalment).collect();
    assert_eq!(open, [1, 2, 3], "the third was due while nothing was owed");
    let after = returned.done();
    assert_eq!(charged(&aged(&after, "2026-07-30 23:00")), [""; 0]);
    assert_eq!(
        charged(&aged(&after, "2026-07-31 00:01")),
        ["2026-07-31 15.50 for 1", "2026-07-31 15.41 for 2"]
    );
    let blameless = back.at("2026-07-20 09:00").when(take_back(paid.payment(), "R10")).done();
    assert_eq!(charged(&aged(&blameless, "2026-12-31 09:00")), [""; 0]);
}

#[test]
fn an_unpaid_fee_alone_makes_no_instalment_late() {
    let fee = opened(loan()).at("2026-04-05 09:00").when(assess("20.00")).done();
    let keyed = fee.at("2026-04-06 09:00").when(receive(Channel::Wire, "10062.00", "2026-04-01"));
    let owing = keyed.then(&["PaymentReceived"]);
    assert_eq!(
        owing.standing("2026-12-31"),
        "principal 0.00 interest 0.00 fees 20.00 credit 0.00 dpd 0"
    );
    let standings = owing.open().book.instalment_standings(date("2029-12-31"));
    assert_eq!(standings.iter().filter(|it| !it.met || it.days_past_due > 0).count(), 0);
}

#[test]
fn a_return_that_nobody_is_to_blame_for_excuses_what_was_due_by_then() {
    let payoff = receive(Channel::Wire, "10062.00", "2026-04-01");
    let ahead = receive(Channel::Wire, "1240.00", "2026-04-01");
    for command in [payoff, ahead] {
        let paid = opened(loan_with_late_fee()).at("2026-04-01 09:00").when(command);
        for (returned, first) in [
            ("2026-05-31 09:00", "2026-06-12 15.50 for 3"),
            // June was due by then.
            ("2026-06-01 09:00", "2026-07-12 15.50 for 4"),
        ] {
            let back = paid.done().at(returned).when(take_back(paid.payment(), "R10")).done();
            let mut fees = charged(&aged(&back, "2026-07-12 09:00"));
            fees.truncate(1);
            assert_eq!(fees, [first], "{returned}");
        }
    }
}

#[test]
fn a_payment_that_comes_back_good_leaves_the_grace_that_another_return_began() {
    let (april, first) = opened(loan_with_late_fee()).paid_by_ach("310.00", "2026-04-01");
    let (may, second) = april.paid_by_ach("310.00", "2026-05-01");
    let without_second = may.at("2026-05-15 09:00").when(take_back(second, "R01")).done();
    let neither = without_second.at("2026-05-15 09:01").when(take_back(first, "R01")).done();
    let good = neither.at("2026-05-16 09:00").when(reinstate(first)).done();
    assert_eq!(charged(&aged(&good, "2026-05-25 23:00")), [""; 0]);
    assert_eq!(charged(&aged(&good, "2026-05-26 00:01")), ["2026-05-26 15.50 for 2"]);
}

#[test]
fn it_makes_no_difference_which_of_two_returns_came_first_once_one_is_overturned() {
    let late = vec!["2026-05-26 15.50 for 2"];
    for (of_first, of_second, fees) in [
        ("R01", "R01", late.clone()),
        ("R10", "R01", late),
        ("R01", "R10", vec![]),
        ("R10", "R10", vec![]),
    ] {
        let (april, first) = opened(loan_with_late_fee()).paid_by_ach("310.00", "2026-04-01");
        let (may, second) = april.paid_by_ach("310.00", "2026-05-01");
        // Without the first payment the second is April's, and so its return opens April.
        let one = may.at("2026-05-13 09:00").when(take_back(first, of_first)).done();
        let neither = one.at("2026-05-15 09:00").when(take_back(second, of_second)).done();
        let good = neither.at("2026-05-16 09:00").when(reinstate(first)).done();
        // What the returns had named while both payments were gone is named no more.
        let named = good.open().reopened.iter().map(|(payment, it)| (*payment, it.instalment));
        assert_eq!(named.collect::<Vec<_>>(), [(second, 2)]);
        assert_eq!(charged(&aged(&good, "2026-05-25 23:00")), [""; 0], "{of_first} {of_second}");
        assert_eq!(charged(&aged(&good, "2026-05-26 00:01")), fees, "{of_first} {of_second}");
        // What is returned again says so itself.
        let again = good.at("2026-05-20 09:00").when(take_back(first, "R01")).done();
        let last = charged(&aged(&again, "2026-05-31 00:01"));
        assert!(last.contains(&"2026-05-31 15.50 for 1".to_owned()), "{of_first} {of_second}");
    }
}

#[test]
fn of_two_later_returns_each_opens_what_is_missing_without_it_and_those_after_it() {
    for last_is_june in [true, false] {
        let (april, first) = opened(loan_with_late_fee()).paid_by_ach("310.00", "2026-04-01");
        let (may, second) = april.paid_by_ach("310.00", "2026-05-01");
        let (june, third) = may.paid_by_ach("310.00", "2026-06-01");
        let (early, late) = if last_is_june { (second, third) } else { (third, second) };
        let gone = june.at("2026-06-02 09:00").when(take_back(first, "R01")).done();
        let gone = gone.at("2026-06-03 09:00").when(take_back(early, "R01")).done();
        let none = gone.at("2026-06-05 09:00").when(take_back(late, "R01")).done();
        let good = none.at("2026-06-08 09:00").when(reinstate(first)).done();
        // April is paid. What came back last leaves May open, and what came back before it June;
        // if that was May's own, June's paid May a month late.
        let named = good.open().reopened.iter().map(|(payment, it)| (*payment, it.instalment));
        let mut expected = vec![(early, 2), (early, 3), (late, 2)];
        expected.drain(..usize::from(!last_is_june));
        assert_eq!(named.collect::<Vec<_>>(), expected, "{last_is_june}");
        assert_eq!(charged(&aged(&good, "2026-06-13 23:00")), [""; 0]);
        assert_eq!(charged(&aged(&good, "2026-06-14 00:01")), ["2026-06-14 15.50 for 3"]);
        let both = charged(&aged(&good, "2026-06-16 00:01"));
        assert_eq!(both, ["2026-06-16 15.50 for 2", "2026-06-14 15.50 for 3"]);
    }
}

#[test]
fn what_a_later_return_opens_is_what_its_payment_met_and_not_what_went_to_fees() {
    let (april, first) = opened(loan_with_late_fee()).paid_by_ach("310.00", "2026-04-01");
    let fined = april.at("2026-04-15 09:00").when(assess("310.00")).done();
    // May's instalment, and as much again for the fee: June is not met.
    let (may, second) = fined.paid_by_ach("620.00", "2026-05-01");
    assert_eq!(may.split(second), "58.51/251.49/310.00/0.00");
    let gone = may.at("2026-06-05 09:00").when(take_back(first, "R01")).done();
    let neither = gone.at("2026-06-06 09:00").when(take_back(second, "R01")).done();
    let good = neither.at("2026-06-08 09:00").when(reinstate(first)).done();
    let named = good.open().reopened.iter().map(|(payment, it)| (*payment, it.instalment));
    assert_eq!(named.collect::<Vec<_>>(), [(second, 2)]);
}

/// What is open of each instalment at the close of a day, up to the last that something is of.
fn listed(history: &History, as_of: &str) -> Vec<String> {
    let all = history.open().book.instalment_standings(date(as_of));
    let last = all.iter().rposition(|it| !it.open.is_zero()).map_or(0, |last| last + 1);
    all.iter().take(last).map(|it| format!("{} {}", it.open, it.days_past_due)).collect()
}

#[test]
fn what_is_not_owed_costs_no_late_fee() {
    let plan = InstalmentPlan { count: 4, ..loan().instalments };
    let (principal, annual_rate) = (money("1000.00"), "0".parse().unwrap());
    let terms = Terms { principal, annual_rate, instalments: plan, ..loan_with_late_fee() };
    let history = opened(terms);
    assert_eq!(listed(&history, "2026-04-01"), ["310.00 0", "310.00 0", "310.00 0", "70.00 0"]);
    // The last instalment is what is left, and so is the fee.
    let paid = history.at("2026-04-01 09:00");
    let paid = paid.when(receive(Channel::Wire, "930.00", "2026-04-01")).done();
    let late = aged(&paid, "2026-07-12 00:01");
    assert_eq!(charged(&late), ["2026-07-12 3.50 for 4"]);
    assert_eq!(listed(&late.done(), "2026-07-12")[3], "70.00 11");
    // Once the principal is corrected, half of the first instalment is all that is owed.
    let by = adjust("-845.00", "2026-04-01");
    let corrected = history.at("2026-04-01 09:00").when(by).done();
    let late = aged(&corrected, "2026-08-12 09:00");
    assert_eq!(charged(&late), ["2026-04-12 7.75 for 1"]);
    assert_eq!(listed(&late.done(), "2026-08-12"), ["155.00 133"]);
    let standing = late.done().open().standing(date("2026-08-12"));
    assert_eq!(standing.past_due, money("155.00"));
}

#[test]
fn a_fee_of_more_than_was_owed_is_corrected_once_that_is_known() {
    let history = opened(loan_with_late_fee());
    let late = aged(&history, "2026-05-12 00:01").done();
    assert_eq!(late.open().standing(date("2026-05-12")).fees_due, money("31.00"));
    let by = adjust("-9900.00", "2026-03-02");
    let corrected = late.at("2026-05-20 09:00").when(by).done();
    // 5 % of 102.80: 100.00, and interest of which a day was on 10,000.00. The second instalment
    // was never owed.
    let fees_due = corrected.open().standing(date("2026-05-20")).fees_due;
    assert_eq!(fees_due, money("5.14"));
}
