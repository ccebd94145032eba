//! Paying off: in full, above, short of it, and again.

use super::super::events::{CancelReason, WriteOff};
use super::super::state::Progress;
use super::*;

#[test]
fn a_payoff_with_excess_leaves_a_credit_balance() {
    let history = opened(quoted_loan());
    assert_eq!(history.open().payoff(date("2026-06-30")), money("12403.60"));
    let scheduled = history.at("2026-06-26 09:00").when(pay("12403.60", "2026-06-26"));
    let run = scheduled.done().at("2026-06-26 15:01").when(apply(scheduled.payment()));
    let after = run.then(&["PaymentApplied", "AccountPaidOff"]);
    assert_eq!(
        run.journal(),
        [
            "1020 12403.60",
            "1110 -24.15",
            "1100 -12345.67",
            "1120 -25.00",
            "2110 -8.78",
            "1110 24.15",
            "4010 -24.15"
        ]
    );
    assert_eq!(
        after.standing("2026-12-31"),
        "principal 0.00 interest 0.00 fees 0.00 credit 8.78 dpd 0"
    );
}

#[test]
fn a_payoff_that_comes_late_is_short_by_little_and_the_rest_is_written_off() {
    let quoted = opened(quoted_loan())
        .at("2026-06-16 09:00")
        .when(Command::QuotePayoff { good_through_date: date("2026-06-30") });
    let history = quoted.then(&["PayoffQuoted"]);
    let quoted_at: Vec<_> = history.open().quotes.values().map(|quote| quote.at).collect();
    assert_eq!(quoted_at, [eastern("2026-06-16 09:00")]);
    let received =
        history.at("2026-07-02 09:00").when(receive(Channel::Mail, "12403.60", "2026-07-02"));
    let after = received.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(after.split(received.payment()), "37.32/12341.28/25.00/0.00");
    let journal = received.journal();
    assert_eq!(
        journal.get(..6).unwrap(),
        [
            "1025 12403.60",
            "1110 -37.32",
            "1100 -12345.67",
            "1120 -25.00",
            "5020 4.39",
            "1110 37.32",
        ]
    );
    assert_eq!(after.open().payoff(date("2026-07-02")), Money::ZERO);
    let back = after.at("2026-07-08 09:00").when(take_back(received.payment(), "R02")).done();
    assert_eq!(back.standing("2026-07-08"), history.standing("2026-07-08"));
    assert_eq!(back.ledger(LedgerAccount::SmallBalanceWriteOff), "0.00");
}

#[test]
fn a_payoff_that_is_short_by_more_pays_nothing_off() {
    let history = opened(quoted_loan());
    let received =
        history.at("2026-07-05 09:00").when(receive(Channel::Mail, "12403.60", "2026-07-05"));
    let after = received.then(&["PaymentReceived"]);
    assert_eq!(after.open().payoff(date("2026-07-05")), money("10.97"));
}

#[test]
fn what_is_left_of_an_instalment_is_no_small_balance_of_a_payoff() {
    let small = Terms { principal: money("318.00"), annual_rate: Rate::default(), ..loan() };
    let billed = opened(small).at("2026-04-01 09:00");
    let after = billed.when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let after = after.then(&["PaymentReceived"]);
    assert_eq!(after.open().payoff(date("2026-04-01")), money("8.00"));
}

/// Paid off by wire on 2026-06-26, with 8.78 too much.
fn paid_off() -> (History, PaymentId) {
    let received = opened_with(quoted_loan(), Some(lien("TX")))
        .at("2026-06-26 09:00")
        .when(receive(Channel::Wire, "12403.60", "2026-06-26"));
    (received.then(&["PaymentReceived", "AccountPaidOff"]), received.payment())
}

#[test]
fn the_run_cancels_what_was_scheduled_before_the_payoff() {
    let scheduled = opened(quoted_loan()).at("2026-06-20 09:00").when(pay("310.00", "2026-07-15"));
    let payment = scheduled.payment();
    let paid_off = scheduled
        .done()
        .at("2026-06-26 09:00")
        .when(receive(Channel::Wire, "12403.60", "2026-06-26"))
        .done();
    let run = paid_off.at("2026-07-15 15:01").when(apply(payment));
    let after = run.then(&["PaymentCancelled"]);
    let reason = CancelReason::AccountPaidOff;
    let at = eastern("2026-07-15 15:01");
    assert_eq!(
        after.open().payments.get(&payment).unwrap().progress,
        Progress::Cancelled { at, reason }
    );
    after.at("2026-07-15 15:02").when(apply(payment)).then_nothing();
}

#[test]
fn money_for_a_paid_off_account_is_a_credit_balance_and_holds_nothing() {
    let (history, _) = paid_off();
    let received =
        history.at("2026-06-29 09:00").when(receive(Channel::Mail, "310.00", "2026-06-29"));
    let after = received.then(&["PaymentReceived"]);
    assert_eq!(after.split(received.payment()), "0.00/0.00/0.00/310.00");
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "-318.78");
    assert_eq!(after.open().paid_off, history.open().paid_off);
    assert_eq!(after.open().payoff(date("2026-06-29")), money("-318.78"));
}

#[test]
fn a_paid_off_account_takes_no_instruction_and_no_fee() {
    let (history, _) = paid_off();
    let refusal = Refusal::AccountPaidOff { paid_off_date: date("2026-06-26") };
    let later = history.at("2026-06-27 09:00");
    later.when(pay("310.00", "2026-06-28")).then_refused(refusal.clone());
    later.when(assess("15.50")).then_refused(refusal);
}

#[test]
fn a_payoff_that_comes_back_owes_as_if_it_was_never_paid() {
    let (history, payment) = paid_off();
    let untouched = opened(quoted_loan());
    let returned = history.at("2026-06-30 09:00").when(take_back(payment, "R06"));
    let after = returned.then(&["PaymentReturned", "PayoffReversed"]);
    for on in ["2026-06-26", "2026-06-30", "2026-08-01"] {
        assert_eq!(after.standing(on), untouched.standing(on), "{on}");
    }
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "0.00");
    after.at("2026-06-30 10:00").when(pay("310.00", "2026-07-01")).then(&["PaymentScheduled"]);
    let restored = after.at("2026-07-01 09:00").when(reinstate(payment));
    let restored = restored.then(&["PaymentReinstated", "AccountPaidOff"]);
    assert_eq!(restored.open().paid_off, history.open().paid_off);
    assert_eq!(restored.standing("2026-07-01"), history.standing("2026-07-01"));
}

#[test]
fn a_fee_that_a_credit_balance_does_not_cover_opens_the_account_again() {
    // A cheque of 400.00 lies on the paid-off account and is returned; the fee meets the credit.
    let (history, _) = paid_off();
    let received =
        history.at("2026-06-29 09:00").when(receive(Channel::Mail, "400.00", "2026-06-29"));
    let cheque = received.payment();
    let returned = received.done().at("2026-07-06 09:00").when(take_back(cheque, "R01"));
    let after = returned.then(&["PaymentReturned", "FeeAssessed", "PayoffReversed"]);
    assert_eq!(after.open().payoff(date("2026-07-06")), money("16.22"));
    let rest = after.at("2026-07-07 09:00").when(receive(Channel::Wire, "16.22", "2026-07-07"));
    let settled = rest.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(settled.open().payoff(date("2026-07-07")), Money::ZERO);
}

#[test]
fn a_payoff_keyed_late_settles_the_fee_charged_meanwhile_out_of_its_excess() {
    let history = opened(loan());
    let fined = history.at("2026-04-12 09:00").when(assess("15.50")).done();
    let keyed = fined.at("2026-04-13 09:00").when(receive(Channel::Wire, "10100.00", "2026-04-01"));
    let after = keyed.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(after.split(keyed.payment()), "62.00/10000.00/0.00/38.00");
    assert_eq!(after.open().payoff(date("2026-04-13")), money("-22.50"));
}

#[test]
fn a_quote_that_was_paid_takes_no_second_payment() {
    let quoted = opened(quoted_loan())
        .at("2026-06-16 09:00")
        .when(Command::QuotePayoff { good_through_date: date("2026-06-30") })
        .done();
    let payoff_quote = quoted.open().quotes.keys().next().copied();
    let pay_quote = || {
        Command::SchedulePayment(SchedulePayment {
            amount: amount("12403.60"),
            payment_date: date("2026-06-30"),
            funding: None,
            allow_duplicate: false,
            payoff_quote,
        })
    };
    quoted.at("2026-06-17 09:00").when(pay_quote()).then(&["PaymentScheduled"]);
    let wire = quoted.at("2026-06-18 09:00").when(receive(Channel::Wire, "12403.60", "2026-06-18"));
    let paid = wire.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(paid.at("2026-06-18 10:00").when(pay_quote()).reason(), "ACCOUNT_PAID_OFF");
}

#[test]
fn a_payment_of_a_quotes_very_amount_pays_that_quote_once_it_is_made() {
    let quoted = opened(quoted_loan())
        .at("2026-06-16 09:00")
        .when(Command::QuotePayoff { good_through_date: date("2026-06-30") })
        .done();
    let (paid, payment) = quoted.paid_by_ach("12403.60", "2026-06-30");
    let named = paid.open().payments.get(&payment).unwrap().payoff_quote;
    assert_eq!(named.as_ref(), quoted.open().quotes.keys().next());
}

/// 1,000.00 paid off with 20.00 too much, which are sent back before the payoff comes back.
fn sent_back() -> History {
    let plan = InstalmentPlan { count: 4, ..loan().instalments };
    let terms = Terms { principal: money("1000.00"), instalments: plan, ..loan() };
    let paid = opened_with(terms, Some(lien("MO"))).at("2026-04-02 09:00");
    let paid = paid.when(receive(Channel::Wire, "1026.40", "2026-04-02"));
    let settled = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    let refund = Command::RefundCredit { amount: None };
    let refunded = settled.at("2026-04-03 09:00").when(refund).then(&["CreditRefunded"]);
    assert_eq!(refunded.ledger(LedgerAccount::CustomerCredit), "0.00");
    refunded.at("2026-04-04 09:00").when(take_back(paid.payment(), "R06")).done()
}

#[test]
fn money_that_was_sent_back_in_vain_is_owed_and_counts_in_the_small_balance() {
    let history = sent_back();
    let owing = "principal 1000.00 interest 6.80 fees 0.00 credit -20.00 dpd 3";
    assert_eq!(history.standing("2026-04-04"), owing);
    let moment = history.at("2026-04-04 09:00");
    // 26.80 are left: no small balance.
    let part = moment.when(receive(Channel::Wire, "1000.00", "2026-04-04"));
    let after = part.then(&["PaymentReceived"]);
    assert_eq!(after.split(part.payment()), "6.80/993.20/0.00/0.00");
    assert_eq!(after.open().payoff(date("2026-04-04")), money("26.80"));
    assert_eq!(after.ledger(LedgerAccount::SmallBalanceWriteOff), "0.00");
    // All but 7.00 of it is a payoff: 13.00 of the 20.00 are paid.
    let most = moment.when(receive(Channel::Wire, "1019.80", "2026-04-04"));
    let after = most.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(after.split(most.payment()), "6.80/1000.00/0.00/13.00");
    let split = after.open().payments.get(&most.payment()).unwrap().split.unwrap();
    let rest = WriteOff { credit: money("7.00"), ..WriteOff::default() };
    assert_eq!(split.write_off, Some(rest));
    let lines = ["1010 1019.80", "1110 -6.80", "1100 -1000.00", "2110 -20.00", "5020 7.00"];
    assert_eq!(most.journal(), lines);
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "0.00");
    assert_eq!(after.ledger(LedgerAccount::SmallBalanceWriteOff), "7.00");
    assert_eq!(after.open().payoff(date("2026-12-31")), Money::ZERO);
    // It goes with its payment, like every rest.
    let back = after.at("2026-04-08 09:00").when(take_back(most.payment(), "R02")).done();
    assert_eq!(back.standing("2026-04-08"), history.standing("2026-04-08"));
    assert_eq!(back.ledger(LedgerAccount::CustomerCredit), "20.00");
    assert_eq!(back.ledger(LedgerAccount::SmallBalanceWriteOff), "0.00");
}

#[test]
fn the_last_dollars_of_what_was_sent_back_are_written_off_with_principal_and_interest() {
    let history = sent_back();
    let moment = history.at("2026-04-04 09:00");
    // Nothing of the 20.00 is paid, so that the whole rest is too much.
    let all = moment.when(receive(Channel::Wire, "1006.80", "2026-04-04"));
    assert_eq!(all.then(&["PaymentReceived"]).open().payoff(date("2026-04-04")), money("20.00"));
    // The very tolerance, and a cent more.
    for (paid, left) in [("1016.80", "0.00"), ("1016.79", "10.01")] {
        let payment = moment.when(receive(Channel::Wire, paid, "2026-04-04")).done();
        assert_eq!(payment.open().payoff(date("2026-04-04")), money(left), "{paid}");
    }
}
