//! Accounts that are not expected to pay: charge-off, recovery; and money sent back.

use super::*;

fn refund() -> Command {
    Command::RefundCredit { amount: None }
}

#[test]
fn a_charge_off_takes_everything_owed_and_reverses_this_months_interest() {
    let fee = opened(loan()).at("2026-07-01 09:00").when(assess("15.50")).done();
    let taken = fee.at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10")));
    // 131 days at 2.00 a day, nine of them in July.
    assert_eq!(
        taken.journal(),
        [
            "1190 10244.00",
            "1100 -10000.00",
            "1110 -262.00",
            "4010 18.00",
            "4020 15.50",
            "1120 -15.50",
            "1110 18.00",
            "4010 -18.00",
        ]
    );
    let after = taken.then(&["AccountChargedOff"]);
    let standing = after.open().standing(date("2026-12-31"));
    assert_eq!(standing.charged_off, money("10277.50"));
    assert_eq!((standing.principal, standing.interest_due), (Money::ZERO, Money::ZERO));
    assert_eq!(after.open().payoff(date("2026-12-31")), money("10277.50"));
    let (moment, on) = (after.at("2026-07-11 09:00"), date("2026-07-11"));
    for command in [
        assess("15.50"),
        extend(1, on),
        Command::ChangeDueDate { day_of_month: 5, effective_date: on, preview: None },
        change_rate("0.06".parse().unwrap(), on),
        charge_off(None, on),
    ] {
        assert_eq!(moment.when(command).reason(), "ACCOUNT_CHARGED_OFF");
    }
    moment.when(Command::AgeAccount).then_nothing();
}

#[test]
fn money_after_a_charge_off_is_a_recovery_and_the_last_of_it_pays_the_account_off() {
    let taken = opened(loan()).at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10")));
    let first =
        taken.done().at("2026-08-01 09:00").when(receive(Channel::Mail, "200.00", "2026-08-01"));
    assert_eq!(first.journal(), ["1025 200.00", "4060 -200.00"]);
    let some = first.then(&["PaymentReceived"]);
    assert_eq!(some.open().payoff(date("2026-08-01")), money("10062.00"));
    let last = some.at("2026-09-01 09:00").when(receive(Channel::Wire, "10100.00", "2026-09-01"));
    let all = last.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(all.open().standing(date("2026-09-01")).credit, money("38.00"));
    let back = all.at("2026-09-10 09:00").when(take_back(first.payment(), "R01")).done();
    assert_eq!(back.open().payoff(date("2026-09-10")), money("162.00"));
    assert_eq!(back.ledger(LedgerAccount::Recoveries), "-10100.00");
}

#[test]
fn a_payment_of_before_that_comes_back_makes_the_charge_off_larger() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let taken = april.at("2026-08-10 09:00").when(charge_off(None, date("2026-08-10"))).done();
    let without =
        opened(loan()).at("2026-08-10 09:00").when(charge_off(None, date("2026-08-10"))).done();
    let back = taken.at("2026-08-20 09:00").when(take_back(first, "R10"));
    let after = back.then(&["PaymentReturned"]);
    assert_eq!(after.standing("2026-08-20"), without.standing("2026-08-20"));
    for account in [LedgerAccount::Principal, LedgerAccount::LossAllowance] {
        assert_eq!(after.ledger(account), without.ledger(account), "{account}");
    }
    let restored = after
        .at("2026-08-25 09:00")
        .when(Command::ReinstatePayment { payment: first, preview: None })
        .done();
    assert_eq!(restored.standing("2026-08-25"), taken.standing("2026-08-25"));
    assert_eq!(restored.open().book.ledger(), taken.open().book.ledger());
}

#[test]
fn a_part_of_the_principal_can_be_written_down_and_the_rest_is_serviced_on() {
    let part = charge_off(Some(amount("4000.00")), date("2026-04-01"));
    let taken = opened(loan()).at("2026-04-01 09:00").when(part);
    assert_eq!(taken.journal().get(..2).unwrap(), ["1190 4000.00", "1100 -4000.00"]);
    let after = taken.then(&["AccountChargedOff"]);
    assert_eq!(after.open().charged_off, None);
    let paid = after.at("2026-05-01 09:00").when(receive(Channel::Mail, "310.00", "2026-05-01"));
    assert_eq!(paid.done().split(paid.payment()), "98.00/212.00/0.00/0.00");
    let more = after.at("2026-05-01 09:00");
    let more = more.when(charge_off(Some(amount("6000.01")), date("2026-05-01")));
    assert_eq!(more.reason(), "PRINCIPAL_EXCEEDED");
}

#[test]
fn a_credit_balance_goes_back_once_the_payoff_cannot_come_back() {
    let paid = opened(quoted_loan()).at("2026-06-26 09:00").when(receive(
        Channel::Mail,
        "12403.60",
        "2026-06-26",
    ));
    let history = paid.done();
    let early = history.at("2026-07-05 09:00").when(refund());
    early.then_refused(Refusal::FundsOnHold { release_date: date("2026-07-06") });
    let sent = history.at("2026-07-06 09:00").when(refund());
    assert_eq!(sent.journal(), ["2110 8.78", "2120 -8.78"]);
    let after = sent.then(&["CreditRefunded"]);
    let nothing = after.at("2026-07-07 09:00").when(refund());
    nothing.then_refused(Refusal::NoCreditBalance { amount: None, credit: Money::ZERO });
    // Who owes something has no credit balance, and not one below zero.
    let owing = opened(quoted_loan()).at("2026-07-07 09:00").when(refund());
    owing.then_refused(Refusal::NoCreditBalance { amount: None, credit: Money::ZERO });
    // The cheque bounces all the same: what was sent back is owed too.
    let back = after.at("2026-07-08 09:00").when(take_back(paid.payment(), "R08")).done();
    let never = opened(quoted_loan()).open().payoff(date("2026-07-08"));
    assert_eq!(back.open().payoff(date("2026-07-08")), never + money("8.78"));
}

#[test]
fn a_refund_that_comes_back_is_a_credit_balance_again() {
    let paid = opened(quoted_loan())
        .at("2026-06-26 09:00")
        .when(receive(Channel::Wire, "12403.60", "2026-06-26"))
        .done();
    let more = Some(amount("8.79"));
    let refused = paid.at("2026-06-27 09:00").when(Command::RefundCredit { amount: more });
    refused.then_refused(Refusal::NoCreditBalance { amount: more, credit: money("8.78") });
    let sent = paid.at("2026-06-27 09:00").when(refund());
    let Some(Event::CreditRefunded(refunded)) = sent.events().first() else { panic!("no refund") };
    let back = Command::ReturnRefund { refund: refunded.refund };
    let returned = sent.done().at("2026-07-01 09:00").when(back.clone());
    let after = returned.then(&["RefundReturned"]);
    assert_eq!(after.standing("2026-07-01"), paid.standing("2026-07-01"));
    assert_eq!(after.ledger(LedgerAccount::RefundsInTransit), "0.00");
    assert_eq!(after.at("2026-07-02 09:00").when(back).reason(), "REFUND_ALREADY_RETURNED");
}

#[test]
fn a_payoff_quote_says_what_is_owed_and_what_may_still_come_back() {
    let (history, scheduled) = {
        let scheduled =
            opened(quoted_loan()).at("2026-06-16 09:00").when(pay("310.00", "2026-07-15"));
        (scheduled.done(), scheduled.payment())
    };
    let paid = history.at("2026-06-17 09:00").when(receive(Channel::Mail, "100.00", "2026-06-17"));
    let quote = Command::QuotePayoff { good_through_date: date("2026-06-30") };
    let asked = paid.done().at("2026-06-18 09:00").when(quote.clone());
    let Some(Event::PayoffQuoted(quoted)) = asked.events().first() else { panic!("no quote") };
    assert_eq!(quoted.pending, [scheduled]);
    assert_eq!(quoted.uncleared, [paid.payment()]);
    let plain = opened(quoted_loan()).at("2026-06-16 09:00").when(quote);
    let Some(Event::PayoffQuoted(quoted)) = plain.events().first() else { panic!("no quote") };
    assert_eq!(quoted.amount, money("12403.60"));
    assert_eq!(quoted.interest, money("32.93"));
    assert_eq!(quoted.per_diem, "2.19516");
    let far = Command::QuotePayoff { good_through_date: date("2026-09-01") };
    let moment = opened(quoted_loan()).at("2026-06-16 09:00");
    assert_eq!(moment.when(far).reason(), "DATE_TOO_FAR");
    let past = Command::QuotePayoff { good_through_date: date("2026-06-15") };
    assert_eq!(moment.when(past).reason(), "DATE_IN_PAST");
}
