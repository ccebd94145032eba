//! What the bank did with money: settled, taken back, given again, paid out.

use super::super::events::{CreditRefunded, PaymentReturned, PaymentSettled};
use super::*;
use crate::domain::books::accrual::PastEvent;
use crate::domain::books::events::Fractions;
use crate::domain::books::gathering::DayScope;
use crate::domain::books::restatement::restates;
use crate::envelope::Position;
use crate::ids::RefundId;

pub(super) fn settle_less(
    payment: PaymentId,
    settlement_date: NaiveDate,
    withheld: Option<Amount>,
) -> Command {
    Command::SettlePayment { payment, settlement_date, withheld }
}

fn settle(payment: PaymentId, on: &str) -> Command {
    settle_less(payment, date(on), None)
}

pub(super) fn settle_refund(refund: RefundId, settlement_date: NaiveDate) -> Command {
    Command::SettleRefund { refund, settlement_date }
}

pub(super) fn refund_back(refund: RefundId) -> Command {
    Command::ReturnRefund { refund }
}

impl History {
    /// Settled on a day, of which the bank tells at noon.
    fn settled(&self, payment: PaymentId, on: &str) -> Self {
        self.at(&format!("{on} 12:00")).when(settle(payment, on)).then(&["PaymentSettled"])
    }

    /// What is on cash and on the clearing accounts that money waits on.
    fn bank(&self) -> [String; 3] {
        use LedgerAccount::{AchClearing, Cash, VendorClearing};
        [Cash, AchClearing, VendorClearing].map(|account| self.ledger(account))
    }
}

/// A payment of 310.00 that a vendor delivered on Friday the 3rd of April.
fn by_vendor(channel: Channel) -> (History, PaymentId) {
    let received =
        opened(loan()).at("2026-04-03 09:00").when(receive(channel, "310.00", "2026-04-03"));
    (received.done(), received.payment())
}

/// The account of the payoff quote, paid off by wire with 8.78 too much and refunded.
fn refunded() -> (History, RefundId) {
    let paid = opened(quoted_loan())
        .at("2026-06-26 09:00")
        .when(receive(Channel::Wire, "12403.60", "2026-06-26"))
        .done();
    let sent = paid.at("2026-06-26 10:00").when(Command::RefundCredit { amount: None });
    let [Event::CreditRefunded(CreditRefunded { refund, .. })] = sent.events() else {
        panic!("no refund")
    };
    assert_eq!(sent.journal(), ["2110 8.78", "2120 -8.78"]);
    (sent.done(), *refund)
}

#[test]
fn a_payment_that_is_applied_settled_and_returned_is_booked_as_worked_out() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let settled = paid.at("2026-04-02 08:00").when(settle(payment, "2026-04-02"));
    assert_eq!(settled.journal(), ["1010 310.00", "1020 -310.00"]);
    let settled = settled.then(&["PaymentSettled"]);
    assert_eq!(settled.bank(), ["-9690.00", "0.00", "0.00"]);
    let returned = settled.at("2026-04-03 08:30").when(take_back(payment, "R01"));
    assert_eq!(
        returned.journal(),
        [
            "1110 62.00",
            "1020 -310.00",
            "1100 248.00",
            "1110 4.00 2026-04-03",
            "4010 -4.00 2026-04-03",
            "1020 310.00 2026-04-03",
            "1010 -310.00 2026-04-03",
            "1120 25.00",
            "4030 -25.00",
        ]
    );
    let returned = returned.then(&["PaymentReturned", "FeeAssessed"]);
    assert_eq!(returned.bank(), ["-10000.00", "0.00", "0.00"]);
    let (again, second) = returned.paid_by_ach("335.00", "2026-04-11");
    assert_eq!(again.split(second), "82.00/228.00/25.00/0.00");
    assert_eq!(again.bank(), ["-10000.00", "335.00", "0.00"]);
    // The 11th is a Saturday.
    let done = again.settled(second, "2026-04-13");
    assert_eq!(done.bank(), ["-9665.00", "0.00", "0.00"]);
}

#[test]
fn a_late_return_of_settled_money_empties_the_clearing_account() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let (may, second) = april.settled(first, "2026-04-02").paid_by_ach("310.00", "2026-05-01");
    let settled = may.settled(second, "2026-05-04");
    let returned = settled.at("2026-05-20 08:30").when(take_back(first, "R10"));
    let lines = returned.journal();
    let bank = &lines[lines.len() - 2..];
    assert_eq!(bank, ["1020 310.00 2026-05-20", "1010 -310.00 2026-05-20"]);
    let [Event::PaymentReturned(PaymentReturned { posting, effective_date, .. })] =
        returned.events()
    else {
        panic!("{:?}", returned.events())
    };
    assert_eq!(posting.gl_date(*effective_date), date("2026-05-20"));
    let after = returned.done();
    let ledger = |account| after.ledger(account);
    assert_eq!(ledger(LedgerAccount::Principal), "9812.00");
    assert_eq!(ledger(LedgerAccount::AccruedInterest), "37.29");
    assert_eq!(ledger(LedgerAccount::AchClearing), "0.00");
}

#[test]
fn a_return_before_settlement_is_the_mirror_only_and_what_is_reinstated_can_be_settled() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let returned = paid.at("2026-04-01 17:00").when(take_back(payment, "R10"));
    assert_eq!(returned.journal().get(..3).unwrap(), ["1110 62.00", "1020 -310.00", "1100 248.00"]);
    let returned = returned.done();
    assert_eq!(returned.bank(), ["-10000.00", "0.00", "0.00"]);
    let early = returned.at("2026-04-02 12:00").when(settle(payment, "2026-04-02"));
    early.then_refused(Refusal::AlreadyReturned { payment, return_code: "R10".to_owned() });
    let restored = returned.at("2026-04-06 12:00").when(reinstate(payment)).done();
    assert_eq!(restored.bank(), ["-10000.00", "310.00", "0.00"]);
    let settled = restored.settled(payment, "2026-04-07");
    assert_eq!(settled.bank(), ["-9690.00", "0.00", "0.00"]);
}

#[test]
fn money_goes_to_and_fro_between_the_banks_and_leaves_no_trace() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let settled = paid.settled(payment, "2026-04-02");
    let mut history = settled.clone();
    for day in 3..9 {
        let on = format!("2026-04-{day:02}");
        let returned = history.at(&format!("{on} 08:00")).when(take_back(payment, "R10")).done();
        assert_eq!(returned.bank(), ["-10000.00", "0.00", "0.00"], "{on}");
        let restored = returned.at(&format!("{on} 16:00")).when(reinstate(payment));
        let lines = restored.journal();
        let bank = [format!("1010 310.00 {on}"), format!("1020 -310.00 {on}")];
        assert_eq!(lines[lines.len() - 2..], bank);
        history = restored.done();
        assert_eq!(history.bank(), settled.bank(), "{on}");
    }
    let compared = |history: &History| {
        let caught_up = history.at("2026-04-10 09:00").when(assess("1.00")).done();
        caught_up.open().book.ledger().clone()
    };
    assert_eq!(compared(&history), compared(&settled));
    let again = history.at("2026-04-10 12:00").when(settle(payment, "2026-04-10"));
    let settlement_date = date("2026-04-02");
    again.then_refused(Refusal::AlreadySettled { payment, settlement_date });
}

#[test]
fn a_vendors_deposit_is_matched_in_full_and_the_customers_fee_is_no_entry() {
    for channel in
        [Channel::PhoneVendor, Channel::DebitCardVendor, Channel::MoneyGram, Channel::WesternUnion]
    {
        let (paid, payment) = by_vendor(channel);
        assert_eq!(paid.bank(), ["-10000.00", "0.00", "310.00"]);
        let matched = paid.at("2026-04-06 12:00").when(settle(payment, "2026-04-06"));
        assert_eq!(matched.journal(), ["1010 310.00", "1027 -310.00"]);
        assert_eq!(matched.done().bank(), ["-9690.00", "0.00", "0.00"]);
    }
    for (channel, clearing) in [(Channel::Mail, "1025"), (Channel::BillPay, "1026")] {
        let (paid, payment) = by_vendor(channel);
        let matched = paid.at("2026-04-06 12:00").when(settle(payment, "2026-04-06"));
        assert_eq!(matched.journal(), ["1010 310.00".to_owned(), format!("{clearing} -310.00")]);
    }
}

#[test]
fn a_fee_that_a_vendor_kept_is_lost_once_whatever_becomes_of_the_payment() {
    let (paid, payment) = by_vendor(Channel::MoneyGram);
    let less = settle_less(payment, date("2026-04-06"), Some(amount("3.45")));
    let net = paid.at("2026-04-06 12:00").when(less);
    assert_eq!(net.journal(), ["1010 306.55", "1027 -310.00", "5030 3.45"]);
    let [Event::PaymentSettled(PaymentSettled { withheld, .. })] = net.events() else {
        panic!("{:?}", net.events())
    };
    assert_eq!(*withheld, Some(amount("3.45")));
    let net = net.done();
    assert_eq!(net.bank(), ["-9693.45", "0.00", "0.00"]);
    let returned = net.at("2026-04-08 12:00").when(take_back(payment, "R10")).done();
    assert_eq!(returned.bank(), ["-10003.45", "0.00", "0.00"]);
    let restored = returned.at("2026-04-09 12:00").when(reinstate(payment)).done();
    assert_eq!(restored.bank(), net.bank());
    assert_eq!(restored.ledger(LedgerAccount::OperationalLoss), "3.45");
}

#[test]
fn a_refund_is_paid_out_of_what_is_in_transit() {
    let (sent, refund) = refunded();
    let before = sent.ledger(LedgerAccount::Cash);
    let paid = sent.at("2026-06-29 12:00").when(settle_refund(refund, date("2026-06-29")));
    assert_eq!(paid.journal(), ["2120 8.78", "1010 -8.78"]);
    let paid = paid.then(&["RefundSettled"]);
    assert_eq!(paid.ledger(LedgerAccount::RefundsInTransit), "0.00");
    let back = paid.at("2026-07-02 12:00").when(refund_back(refund));
    assert_eq!(
        back.journal(),
        ["1010 8.78 2026-07-02", "2120 -8.78 2026-07-02", "2120 8.78", "2110 -8.78"]
    );
    let back = back.then(&["RefundReturned"]);
    assert_eq!(back.ledger(LedgerAccount::Cash), before);
    assert_eq!(back.ledger(LedgerAccount::CustomerCredit), "-8.78");
    assert_eq!(back.ledger(LedgerAccount::RefundsInTransit), "0.00");
    // Before it was paid out, the bank has nothing to give back.
    let early = sent.at("2026-07-02 12:00").when(refund_back(refund));
    assert_eq!(early.journal(), ["2120 8.78", "2110 -8.78"]);
}

#[test]
fn a_settlement_changes_nothing_that_is_owed_and_brings_no_interest_up() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let settled = paid.settled(payment, "2026-04-15");
    for on in ["2026-03-20", "2026-04-01", "2026-04-15", "2026-12-31"] {
        assert_eq!(settled.standing(on), paid.standing(on));
        assert_eq!(settled.open().standing(date(on)), paid.open().standing(date(on)));
    }
    assert_eq!(settled.open().book.accrued_through(), date("2026-04-01"));
    assert_eq!(settled.open().book.entries(), paid.open().book.entries());
}

#[test]
fn a_settlement_counts_from_its_day_and_is_posted_to_the_day_that_is_open() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let told = paid.at("2026-04-03 07:00").when(settle(payment, "2026-04-02"));
    let [Event::PaymentSettled(event)] = told.events() else { panic!("{:?}", told.events()) };
    assert_eq!(event.effective_date, date("2026-04-02"));
    let gl_date = date("2026-04-03");
    assert_eq!(event.posting.gl_date(event.effective_date), gl_date);
    // It counts from an earlier day, and nothing is owed otherwise since then.
    let (sealed, position) = (Position(9), Position(5));
    let day = DayScope {
        gl_date,
        is_first: false,
        after: Position(1),
        next_opened: sealed,
        sealed,
        fractions: Fractions::Earning,
    };
    let past = |event: &Event| PastEvent {
        position,
        received_at: eastern("2026-04-03 07:00"),
        event: event.clone(),
    };
    assert!(day.takes(&told.events()[0]) && !restates(&day, &past(&told.events()[0])));
    let back = paid.at("2026-04-03 07:00").when(take_back(payment, "R10"));
    assert!(restates(&day, &past(&back.events()[0])));
}

#[test]
fn money_may_settle_on_the_day_from_which_it_counts_and_all_but_a_cent_may_be_withheld() {
    let (paid, payment) = by_vendor(Channel::WesternUnion);
    let most = settle_less(payment, date("2026-04-03"), Some(amount("309.99")));
    let settled = paid.at("2026-04-03 10:00").when(most);
    assert_eq!(settled.journal(), ["1010 0.01", "1027 -310.00", "5030 309.99"]);
    let (sent, refund) = refunded();
    let at_once = sent.at("2026-06-26 12:00").when(settle_refund(refund, date("2026-06-26")));
    at_once.then(&["RefundSettled"]);
}

#[test]
fn what_cannot_be_settled_is_refused_for_the_first_reason() {
    let nobody = PaymentId::derived(&account_id(), RequestId::derived("another", "one"), 0);
    let scheduled = opened(loan()).at("2026-04-01 09:00").when(pay("310.00", "2026-04-04"));
    let (history, payment) = (scheduled.done(), scheduled.payment());
    let at = |history: &History, command: Command| history.at("2026-04-06 12:00").when(command);
    at(&history, settle(nobody, "2026-04-06")).then_denied(&Denial::PaymentNotFound(nobody));
    let state = |state: &str| Refusal::NotApplied { payment, state: state.to_owned() };
    at(&history, settle(payment, "2026-04-06")).then_refused(state("scheduled"));
    let cancelled = history.at("2026-04-01 10:00").when(cancel(payment)).done();
    at(&cancelled, settle(payment, "2026-04-06")).then_refused(state("cancelled"));
    let applied = history.at("2026-04-05 00:01").when(apply(payment)).done();
    // Too early comes before too late, and both before a day on which banks are closed.
    let kept = |on: &str, fee: &str| settle_less(payment, date(on), Some(amount(fee)));
    let effective_date = date("2026-04-04");
    let settlement_date = date("2026-04-03");
    at(&applied, kept("2026-04-03", "310.00"))
        .then_refused(Refusal::SettlementTooEarly { settlement_date, effective_date });
    let (tomorrow, today) = (date("2026-04-07"), date("2026-04-06"));
    at(&applied, kept("2026-04-07", "310.00"))
        .then_refused(Refusal::EffectiveInFuture { effective_date: tomorrow, today });
    let closed = Refusal::NotABankingDay { date: effective_date };
    at(&applied, kept("2026-04-04", "310.00")).then_refused(closed);
    let channel = "own_ach".to_owned();
    at(&applied, kept("2026-04-06", "310.00"))
        .then_refused(Refusal::ChannelWithholdsNothing { channel });
    at(&applied, settle(payment, "2026-04-06")).then(&["PaymentSettled"]);
    let (vendor, payment) = by_vendor(Channel::PhoneVendor);
    let all = settle_less(payment, date("2026-04-06"), Some(amount("310.00")));
    let (withheld, amount) = (amount("310.00"), amount("310.00"));
    at(&vendor, all).then_refused(Refusal::WithheldTooMuch { withheld, amount });
    let (wire, payment) = by_vendor(Channel::Wire);
    let refused = at(&wire, settle(payment, "2026-04-01"));
    refused.then_refused(Refusal::NothingToSettle { payment, channel: "wire".to_owned() });
}

#[test]
fn what_is_settled_or_returned_before_is_refused_before_its_date_is_looked_at() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let settled = paid.settled(payment, "2026-04-02");
    let settlement_date = date("2026-04-02");
    let again = settled.at("2026-04-06 12:00").when(settle(payment, "2026-03-01"));
    again.then_refused(Refusal::AlreadySettled { payment, settlement_date });
    let returned = settled.at("2026-04-03 12:00").when(take_back(payment, "R10")).done();
    let again = returned.at("2026-04-06 12:00").when(settle(payment, "2026-03-01"));
    again.then_refused(Refusal::AlreadyReturned { payment, return_code: "R10".to_owned() });
}

#[test]
fn a_refund_that_cannot_be_settled_is_refused_for_the_first_reason() {
    let (sent, refund) = refunded();
    let nothing = RefundId::derived(&account_id(), RequestId::derived("another", "one"));
    let at = |history: &History, on: &str| {
        history.at("2026-06-29 12:00").when(settle_refund(refund, date(on)))
    };
    let none = sent.at("2026-06-29 12:00").when(settle_refund(nothing, date("2026-06-29")));
    none.then_denied(&Denial::RefundNotFound(nothing));
    let (settlement_date, effective_date) = (date("2026-06-25"), date("2026-06-26"));
    at(&sent, "2026-06-25")
        .then_refused(Refusal::SettlementTooEarly { settlement_date, effective_date });
    let (effective_date, today) = (date("2026-06-30"), date("2026-06-29"));
    at(&sent, "2026-06-30").then_refused(Refusal::EffectiveInFuture { effective_date, today });
    at(&sent, "2026-06-27").then_refused(Refusal::NotABankingDay { date: date("2026-06-27") });
    let paid = at(&sent, "2026-06-29").then(&["RefundSettled"]);
    let settlement_date = date("2026-06-29");
    at(&paid, "2026-06-01").then_refused(Refusal::RefundAlreadySettled { refund, settlement_date });
    let back = paid.at("2026-06-29 13:00").when(refund_back(refund)).done();
    at(&back, "2026-06-01").then_refused(Refusal::RefundAlreadyReturned { refund });
}
