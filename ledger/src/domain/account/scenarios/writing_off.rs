//! What a charge-off takes, to the edges, and what a small rest is.

use super::super::terms::{LateCharge, LateFee};
use super::*;

#[test]
fn all_of_the_principal_is_everything_owed() {
    let moment = opened(loan()).at("2026-07-10 09:00");
    let whole = moment.when(charge_off(None, date("2026-07-10")));
    let as_part = moment.when(charge_off(Some(amount("10000.00")), date("2026-07-10")));
    assert_eq!(as_part.events(), whole.events());
    let less = moment.when(charge_off(Some(amount("9999.99")), date("2026-07-10"))).done();
    assert_eq!(less.open().charged_off, None);
    assert_eq!(less.open().standing(date("2026-07-10")).principal, money("0.01"));
}

#[test]
fn the_income_of_the_month_is_what_was_earned_on_what_was_owed_in_it() {
    let (april, _) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let taken = april.at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10")));
    // 100 days of 9,752.00 at 1.9504 a day, nine of them in July: 257.04 with April's 62.00 by the
    // 10th, 239.49 by the 1st.
    assert_eq!(
        taken.journal().get(..4).unwrap(),
        ["1190 9929.49", "1100 -9752.00", "1110 -195.04", "4010 17.55"]
    );
}

#[test]
fn fees_of_either_kind_are_charged_off_and_owed_all_the_same() {
    let paid = opened(loan()).at("2026-04-01 09:00");
    let paid = paid.when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let back = paid.done().at("2026-04-05 09:00").when(take_back(paid.payment(), "R01"));
    let fined = back.then(&["PaymentReturned", "FeeAssessed"]);
    let fined = fined.at("2026-07-01 09:00").when(assess("15.50")).done();
    let after = fined.at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10"))).done();
    // 10,000.00, 131 days at 2.00, 25.00 for the return and 15.50.
    let standing = after.open().standing(date("2026-07-10"));
    assert_eq!(standing.charged_off, money("10302.50"));
    assert_eq!(standing.fees_due, Money::ZERO);
    assert_eq!(standing.payoff(), money("10302.50"));
    assert_eq!(after.ledger(LedgerAccount::FeesReceivable), "0.00");
}

#[test]
fn what_fees_are_left_to_charge_off_is_of_the_kind_that_is_paid_last() {
    let paid = opened(loan()).at("2026-04-01 09:00");
    let paid = paid.when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let back = paid.done().at("2026-04-05 09:00").when(take_back(paid.payment(), "R01")).done();
    let fined = back.at("2026-04-06 09:00").when(assess("15.50")).done();
    // 36 days at 2.00, 238.00 of principal, the late fee, and 4.50 of 25.00 for the return.
    let part = fined.at("2026-04-06 10:00");
    let part = part.when(receive(Channel::Wire, "330.00", "2026-04-06"));
    assert_eq!(part.done().split(part.payment()), "72.00/238.00/20.00/0.00");
    let lost = part.done().at("2026-04-06 11:00").when(charge_off(None, date("2026-04-06")));
    assert_eq!(lost.journal(), ["1190 9762.00", "1100 -9762.00", "4030 20.50", "1120 -20.50"]);
}

#[test]
fn a_recovery_satisfies_no_instalment() {
    let taken = opened(loan()).at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10")));
    let paid = taken.done().at("2026-08-01 09:00");
    let paid = paid.when(receive(Channel::Mail, "200.00", "2026-08-01"));
    let after = paid.done();
    assert_eq!(after.open().book.billed(), Money::ZERO);
    let first = after.open().book.instalment_standings(date("2026-08-01"))[0];
    assert_eq!((first.paid, first.met), (Money::ZERO, false));
}

#[test]
fn who_pays_each_instalment_after_a_part_is_charged_off_is_never_late() {
    let charge = LateCharge::Rate("0.05".parse().unwrap());
    let late_fee = Some(LateFee { grace_days: 10, charge, maximum: None });
    let plan = InstalmentPlan { count: 17, ..loan().instalments };
    let terms = Terms { principal: money("5000.00"), instalments: plan, late_fee, ..loan() };
    let part = charge_off(Some(amount("2000.00")), date("2026-03-02"));
    let mut history = opened(terms).at("2026-03-02 10:00").when(part).done();
    let projected = history.open().book.instalment_standings(date("2026-03-02"));
    assert_eq!(projected[15].open, money("310.00"));
    for instalment in &projected {
        let on = instalment.due_date;
        let listed = history.open().book.instalment_standings(on);
        assert_eq!(listed[listed.len() - 1].open, projected[16].open, "{on}");
        let paid = receive(Channel::Mail, &instalment.open.to_string(), &on.to_string());
        history = history.at(&format!("{on} 09:00")).when(paid).done();
        assert_eq!(history.open().days_past_due(on + chrono::Days::new(1)), 0, "{on}");
        let later = format!("{} 09:00", on + chrono::Days::new(20));
        history.at(&later).when(Command::AgeAccount).then_nothing();
    }
    assert!(history.open().paid_off.is_some());
    assert_eq!(history.open().standing(date("2027-08-01")).balance(), Money::ZERO);
}

#[test]
fn what_a_money_event_changes_of_what_is_satisfied_is_in_it() {
    let billed = |outcome: &Outcome| {
        outcome.events().first().and_then(Event::posting).and_then(|posting| posting.billed)
    };
    let fined = opened(loan()).at("2026-03-20 09:00").when(assess("15.50"));
    assert_eq!(billed(&fined), None);
    let paid = fined.done().at("2026-04-01 09:00");
    let paid = paid.when(receive(Channel::Mail, "310.00", "2026-04-01"));
    assert_eq!(billed(&paid), Some(money("310.00")));
    assert_eq!(paid.after.open().book.billed(), money("310.00"));
    let back = paid.done().at("2026-04-05 09:00").when(take_back(paid.payment(), "R01"));
    assert_eq!(billed(&back), Some(Money::ZERO));
}

/// A loan of 5.00 without interest, with 8.00 of interest unpaid from before and so much of fees,
/// due on 1 April.
fn nearly_nothing(fees: &str) -> History {
    opened(Terms {
        principal: money("5.00"),
        annual_rate: Rate::default(),
        unpaid_interest: money("8.00"),
        unpaid_fees: money(fees),
        instalments: InstalmentPlan { count: 1, ..loan().instalments },
        ..loan()
    })
}

/// Is the account paid off by so much on a day?
fn pays_off(history: &History, paid: &str, on: &str) -> bool {
    let due = history.at(&format!("{on} 09:00")).when(receive(Channel::Wire, paid, on));
    due.done().open().paid_off.is_some()
}

#[test]
fn the_rest_of_a_payoff_may_be_interest_too() {
    let paid = nearly_nothing("0.00").at("2026-04-01 09:00");
    let paid = paid.when(receive(Channel::Wire, "4.00", "2026-04-01"));
    let after = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(paid.journal(), ["1010 4.00", "1110 -8.00", "5020 9.00", "1100 -5.00"]);
    assert_eq!(
        after.standing("2026-05-01"),
        "principal 0.00 interest 0.00 fees 0.00 credit 0.00 dpd 0"
    );
}

#[test]
fn ten_dollars_are_a_small_rest_when_the_contract_is_over_and_a_cent_more_is_none() {
    let history = nearly_nothing("0.00");
    assert!(pays_off(&history, "3.00", "2026-04-01"));
    assert!(!pays_off(&history, "2.99", "2026-04-01"));
    // Interest, principal and fees count together.
    let fined = nearly_nothing("4.00");
    assert!(pays_off(&fined, "7.00", "2026-04-01"));
    assert!(!pays_off(&fined, "6.99", "2026-04-01"));
}

#[test]
fn before_the_end_a_small_rest_is_left_by_what_goes_beyond_everything_billed() {
    let owing = |principal: &str, fees: &str| {
        let (principal, unpaid_fees) = (money(principal), money(fees));
        opened(Terms { principal, unpaid_fees, annual_rate: Rate::default(), ..loan() })
    };
    // Nothing is billed before the first due date, and fees are at once.
    assert!(pays_off(&owing("318.00", "0.00"), "310.00", "2026-03-31"));
    assert!(!pays_off(&owing("318.00", "0.00"), "310.00", "2026-04-01"));
    assert!(pays_off(&owing("318.00", "0.00"), "310.01", "2026-04-01"));
    assert!(!pays_off(&owing("315.00", "5.00"), "312.00", "2026-04-01"));
    assert!(pays_off(&owing("315.00", "5.00"), "315.01", "2026-04-01"));
    // What was paid of what is billed does not count again.
    let (april, _) = owing("628.00", "0.00").paid_by_ach("310.00", "2026-04-01");
    assert!(!pays_off(&april, "310.00", "2026-05-01"));
    assert!(pays_off(&april, "310.01", "2026-05-01"));
}

#[test]
fn who_pays_a_quote_pays_off_whatever_is_billed() {
    let terms = Terms { principal: money("305.00"), annual_rate: Rate::default(), ..loan() };
    let quote = Command::QuotePayoff { good_through_date: date("2026-04-01") };
    let quoted = opened(terms).at("2026-04-01 09:00").when(quote);
    let Some(Event::PayoffQuoted(told)) = quoted.events().first() else { panic!("no quote") };
    assert_eq!(told.amount, money("305.00"));
    let mut command = receive(Channel::Wire, "300.00", "2026-04-01");
    assert!(!pays_off(&quoted.done(), "300.00", "2026-04-01"));
    if let Command::ReceivePayment(ReceivePayment { payoff_quote, .. }) = &mut command {
        *payoff_quote = Some(told.quote);
    }
    let paid = quoted.done().at("2026-04-01 10:00").when(command);
    paid.then(&["PaymentReceived", "AccountPaidOff"]);
}

#[test]
fn on_the_last_due_date_all_principal_is_due_and_comes_before_fees() {
    let terms = Terms { instalments: InstalmentPlan { count: 1, ..loan().instalments }, ..loan() };
    let fined = opened(terms).at("2026-03-20 09:00").when(assess("15.50")).done();
    let on_time = fined.at("2026-04-01 09:00");
    let on_time = on_time.when(receive(Channel::Wire, "5000.00", "2026-04-01"));
    assert_eq!(on_time.done().split(on_time.payment()), "62.00/4938.00/0.00/0.00");
    let before = fined.at("2026-03-31 09:00");
    let before = before.when(receive(Channel::Wire, "5000.00", "2026-03-31"));
    assert_eq!(before.done().split(before.payment()), "60.00/4924.50/15.50/0.00");
}

#[test]
fn what_was_paid_of_earlier_instalments_is_not_due_again_before_a_fee() {
    let (april, _) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let fined = april.at("2026-04-20 09:00").when(assess("15.50")).done();
    let may = fined.at("2026-05-01 09:00").when(receive(Channel::Wire, "400.00", "2026-05-01"));
    // 30 days of 9,752.00 are 58.51; 251.49 are due, then the fee, then 74.50 of what is not.
    assert_eq!(may.done().split(may.payment()), "58.51/325.99/15.50/0.00");
}

#[test]
fn interest_is_exact_less_what_was_settled_beyond_what_was_unpaid_before() {
    let terms = Terms {
        unpaid_interest: money("5.00"),
        interest_carry: "0.00451".parse().unwrap(),
        ..loan()
    };
    let (paid, _) = opened(terms).paid_by_ach("310.00", "2026-04-01");
    // 67.00 of interest were paid, 5.00 of it of before; then ten days of 9,757.00.
    let exact = paid.open().book.interest_due_exactly(date("2026-04-11"));
    assert_eq!(exact.normalize().to_string(), "19.51851");
}

#[test]
fn of_what_a_credit_balance_covers_nothing_is_written_off() {
    let terms = Terms {
        principal: money("300.00"),
        annual_rate: Rate::default(),
        instalments: InstalmentPlan { count: 1, ..loan().instalments },
        ..loan()
    };
    let paid = opened(terms).at("2026-04-01 09:00");
    let paid = paid.when(receive(Channel::Wire, "305.00", "2026-04-01")).done();
    // A cheque for an account that is paid off comes back: 25.00 are owed, and 5.00 are there.
    let cheque = paid.at("2026-04-02 09:00").when(receive(Channel::Mail, "400.00", "2026-04-02"));
    let back = cheque.done().at("2026-04-06 09:00").when(take_back(cheque.payment(), "R01"));
    let owing = back.then(&["PaymentReturned", "FeeAssessed", "PayoffReversed"]);
    assert_eq!(owing.open().payoff(date("2026-04-06")), money("20.00"));
    let late = owing.at("2026-04-07 09:00").when(receive(Channel::Wire, "12.00", "2026-04-07"));
    assert_eq!(late.journal(), ["1010 12.00", "1120 -20.00", "5020 8.00"]);
    let after = late.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(
        after.standing("2026-04-07"),
        "principal 0.00 interest 0.00 fees 5.00 credit 5.00 dpd 0"
    );
    let refund = Command::RefundCredit { amount: None };
    let refused = after.at("2026-06-01 09:00").when(refund);
    refused.then_refused(Refusal::NoCreditBalance { amount: None, credit: Money::ZERO });
    // Ten dollars are little enough, one cent more is not.
    assert!(pays_off(&owing, "10.00", "2026-04-07"));
    assert!(!pays_off(&owing, "9.99", "2026-04-07"));
}

#[test]
fn a_credit_balance_covers_interest_and_then_fees() {
    // 1.00 a day, and 6.00 for a cheque that comes back.
    let terms = Terms {
        principal: money("1000.00"),
        annual_rate: "0.365".parse().unwrap(),
        returned_item_fee: Some(amount("6.00")),
        instalments: InstalmentPlan { count: 1, ..loan().instalments },
        ..loan()
    };
    let adjust = Command::AdjustPrincipal {
        change: money("-995.00"),
        reason: "refund of a service contract".to_owned(),
        effective_date: date("2026-03-21"),
        preview: None,
    };
    let adjusted = opened(terms).at("2026-03-21 09:00").when(adjust).done();
    // 30.00 turn up that paid 10.00 of interest and 20.00 of principal before: of the 980.00, ten
    // days earned 9.80, and 15.00 of the adjustment are the customer's.
    let keyed = adjusted.at("2026-03-25 09:00");
    let keyed = keyed.when(receive(Channel::Wire, "30.00", "2026-03-11")).done();
    let cheque = keyed.at("2026-04-01 09:00").when(receive(Channel::Mail, "400.00", "2026-04-01"));
    let back = cheque.done().at("2026-04-06 09:00").when(take_back(cheque.payment(), "R01"));
    let owing = back.done();
    assert_eq!(
        owing.standing("2026-04-06"),
        "principal 0.00 interest 9.80 fees 6.00 credit 15.00 dpd 5"
    );
    let paid = owing.at("2026-04-07 09:00").when(receive(Channel::Wire, "0.30", "2026-04-07"));
    let after = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(
        after.standing("2026-04-07"),
        "principal 0.00 interest 9.50 fees 5.50 credit 15.00 dpd 0"
    );
    assert_eq!(after.ledger(LedgerAccount::SmallBalanceWriteOff), "0.50");
}

#[test]
fn a_part_that_turns_out_to_be_more_than_was_owed_takes_what_was() {
    let part = charge_off(Some(amount("4000.00")), date("2026-05-01"));
    let taken = opened(loan()).at("2026-05-01 09:00").when(part).done();
    let keyed = taken.at("2026-05-02 09:00").when(receive(Channel::Wire, "9000.00", "2026-04-01"));
    let after = keyed.done();
    // 62.00 of interest and 8,938.00 of principal had been paid by then.
    let standing = after.open().standing(date("2026-04-30"));
    assert_eq!(standing.principal, money("1062.00"));
    assert_eq!(after.open().standing(date("2026-05-02")).principal, Money::ZERO);
    assert_eq!(after.ledger(LedgerAccount::LossAllowance), "1062.00");
}

#[test]
fn a_lease_that_is_charged_off_owes_no_rental_twice_and_reverses_no_income_of_others() {
    let lease = buyouts::long_lease;
    let lost = |history: &History| {
        let lost = history.at("2026-03-20 09:00").when(charge_off(None, date("2026-03-20")));
        let Some(Event::AccountChargedOff(lost)) = lost.events().first() else { panic!("none") };
        lost.taken
    };
    // Four of 24 rentals are paid, three of them ahead: twenty of 362.00 are left.
    let ahead = opened(lease()).at("2026-03-10 09:00");
    let ahead = ahead.when(receive(Channel::Wire, "1556.00", "2026-03-10")).done();
    assert_eq!(lost(&ahead).rentals_ahead, money("7240.00"));
    // March's had fallen due before the account came to these books.
    let day = date("2026-03-15");
    let boarded = opened(Terms { opened_date: day, interest_paid_through: day, ..lease() });
    let taken = lost(&boarded);
    assert_eq!((taken.rentals, taken.rentals_of_month), (money("362.00"), Money::ZERO));
    assert_eq!(lost(&opened(lease())).rentals_of_month, Money::ZERO);
}
