//! What a payment pays: the waterfall, and the instalments it satisfies.

use super::*;

/// 62.00 of interest on 1 April, 110.00 of March and 310.00 of April unpaid, a fee of 15.50.
fn behind() -> History {
    let instalments = InstalmentPlan {
        first_due_date: date("2026-03-01"),
        first_amount_due: Some(amount("110.00")),
        ..loan().instalments
    };
    opened(Terms { unpaid_fees: money("15.50"), instalments, ..loan() })
}

#[test]
fn the_two_worked_payments_are_split_and_satisfy_as_the_rules_say() {
    for (paid, split, billed, oldest) in [
        ("450.00", "62.00/372.50/15.50/0.00", "434.50", "2026-05-01"),
        ("400.00", "62.00/338.00/0.00/0.00", "400.00", "2026-04-01"),
    ] {
        let (history, payment) = behind().paid_by_ach(paid, "2026-04-01");
        assert_eq!(history.split(payment), split, "{paid}");
        let on = date("2026-04-01");
        assert_eq!(history.open().standing(on).billed, money(billed), "{paid}");
        assert_eq!(
            history.open().standing(on).oldest_unpaid_due_date,
            Some(date(oldest)),
            "{paid}"
        );
    }
}

#[test]
fn a_late_key_pays_as_of_the_receipt_and_takes_back_what_accrued_too_much() {
    // Interest is in the ledger up to 6 April, as the fee of that day brought it.
    let fee = opened(loan()).at("2026-04-06 09:00").when(assess("10.00"));
    let accrued = fee.done();
    assert_eq!(accrued.ledger(LedgerAccount::AccruedInterest), "72.00");
    let keyed = accrued.at("2026-04-06 10:00").when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let history = keyed.then(&["PaymentReceived"]);
    assert_eq!(history.split(keyed.payment()), "62.00/248.00/0.00/0.00");
    assert_eq!(
        keyed.journal(),
        [
            "1025 310.00",
            "1110 -62.00",
            "1100 -248.00",
            "1110 -0.25 2026-04-06",
            "4010 0.25 2026-04-06"
        ]
    );
    assert_eq!(history.ledger(LedgerAccount::AccruedInterest), "9.75");
    assert_eq!(history.ledger(LedgerAccount::InterestIncome), "-71.75");
}

#[test]
fn an_old_fee_never_makes_the_instalment_of_the_day_late() {
    let (history, _) = opened(loan()).paid_by_ach("310.00", "2026-04-20");
    let fined = history.at("2026-04-21 09:00").when(assess("15.50")).done();
    for on in ["2026-04-25", "2026-05-01"] {
        let (paid, payment) = fined.paid_by_ach("310.00", on);
        assert!(paid.split(payment).ends_with("/0.00/0.00"), "{on}");
        let oldest = paid.open().standing(date("2026-05-02")).oldest_unpaid_due_date;
        assert_eq!(oldest, Some(date("2026-06-01")), "{on}");
        assert_eq!(paid.open().standing(date(on)).fees_due, money("15.50"), "{on}");
    }
}

#[test]
fn an_instalment_paid_early_in_parts_is_not_made_late_by_an_old_fee_either() {
    let (history, _) = opened(loan()).paid_by_ach("310.00", "2026-04-20");
    let fined = history.at("2026-04-21 09:00").when(assess("15.50")).done();
    let (part, _) = fined.paid_by_ach("200.00", "2026-04-25");
    let (paid, _) = part.paid_by_ach("110.00", "2026-05-01");
    assert_eq!(paid.open().days_past_due(date("2026-05-02")), 0);
}

#[test]
fn two_payments_of_a_day_pay_the_same_interest_in_either_order() {
    let both = |first: &str, second: &str| {
        let (one, a) = opened(loan()).paid_by_ach(first, "2026-04-01");
        let (two, b) = one.paid_by_ach(second, "2026-04-01");
        let sum = two.open().payments.get(&a).unwrap().split.unwrap().interest
            + two.open().payments.get(&b).unwrap().split.unwrap().interest;
        (sum, two.standing("2026-04-15"))
    };
    assert_eq!(both("40.00", "270.00"), both("270.00", "40.00"));
    assert_eq!(both("40.00", "270.00").0, money("62.00"));
}

#[test]
fn a_payment_before_an_earlier_one_moves_what_the_later_pays() {
    let (history, later) = opened(loan()).paid_by_ach("310.00", "2026-05-01");
    assert_eq!(history.split(later), "122.00/188.00/0.00/0.00");
    let keyed = history.at("2026-05-04 09:00").when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let after = keyed.then(&["PaymentReceived"]);
    assert_eq!(after.split(keyed.payment()), "62.00/248.00/0.00/0.00");
    assert_eq!(after.split(later), "58.51/251.49/0.00/0.00");
    let (in_order, _) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let (in_order, _) = in_order.paid_by_ach("310.00", "2026-05-01");
    assert_eq!(after.standing("2026-05-20"), in_order.standing("2026-05-20"));
}

#[test]
fn what_a_vendor_charges_on_top_is_in_no_sum() {
    let history = opened(loan());
    let command = Command::ReceivePayment(ReceivePayment {
        channel: Channel::DebitCardVendor,
        amount: amount("310.00"),
        received_date: date("2026-04-01"),
        reference: Some("CFP-1".to_owned()),
        third_party_fee: Some(amount("3.45")),
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: false,
        payoff_quote: None,
        preview: None,
    });
    let received = history.at("2026-04-01 12:00").when(command);
    let after = received.then(&["PaymentReceived"]);
    assert_eq!(received.journal()[0], "1027 310.00");
    assert_eq!(after.ledger(LedgerAccount::VendorClearing), "310.00");
    assert_eq!(after.split(received.payment()), "62.00/248.00/0.00/0.00");
    let receipt = after.open().payments.get(&received.payment()).unwrap().receipt.clone().unwrap();
    assert_eq!(receipt.third_party_fee, Some(amount("3.45")));
}

#[test]
fn every_channel_waits_in_its_clearing_account() {
    for (channel, account) in [
        (Channel::BillPay, LedgerAccount::BillPayClearing),
        (Channel::Mail, LedgerAccount::LockboxClearing),
        (Channel::PhoneVendor, LedgerAccount::VendorClearing),
        (Channel::DebitCardVendor, LedgerAccount::VendorClearing),
        (Channel::MoneyGram, LedgerAccount::VendorClearing),
        (Channel::WesternUnion, LedgerAccount::VendorClearing),
    ] {
        let received =
            opened(loan()).at("2026-04-01 12:00").when(receive(channel, "310.00", "2026-04-01"));
        assert_eq!(received.done().ledger(account), "310.00", "{channel}");
    }
    let wire =
        opened(loan()).at("2026-04-01 12:00").when(receive(Channel::Wire, "310.00", "2026-04-01"));
    assert_eq!(wire.done().ledger(LedgerAccount::Cash), "-9690.00");
}

#[test]
fn what_was_unpaid_at_boarding_is_owed_and_paid_in_its_turn() {
    let paid_through = date("2026-02-15");
    let terms = Terms {
        interest_paid_through: paid_through,
        unpaid_interest: money("40.00"),
        unpaid_fees: money("30.00"),
        ..loan()
    };
    let history = opened(terms);
    let Event::AccountOpened(opened) = &history.recorded[0].1 else { panic!() };
    let lines: Vec<_> =
        opened.posting.lines.iter().map(|l| format!("{} {}", l.account, l.amount)).collect();
    assert_eq!(
        lines,
        [
            "1100 10000.00",
            "1010 -10000.00",
            "1110 68.00",
            "1010 -68.00",
            "1120 30.00",
            "1010 -30.00"
        ]
    );
    assert_eq!(
        history.standing("2026-03-01"),
        "principal 10000.00 interest 68.00 fees 30.00 credit 0.00 dpd 0"
    );
    let (paid, payment) = history.paid_by_ach("400.00", "2026-04-01");
    assert_eq!(paid.split(payment), "130.00/240.00/30.00/0.00");
    assert_eq!(paid.ledger(LedgerAccount::InterestIncome), "-62.00");
}

#[test]
fn a_split_is_stored_without_what_is_nothing() {
    let split = Split { interest: money("62.00"), principal: money("248.00"), ..Split::default() };
    let stored = r#"{"interest":"62.00","principal":"248.00"}"#;
    assert_eq!(serde_json::to_string(&split).unwrap(), stored);
    assert_eq!(serde_json::from_str::<Split>(stored).unwrap(), split);
    assert_eq!(serde_json::to_string(&Split::default()).unwrap(), "{}");
}

#[test]
fn what_was_paid_ahead_leaves_the_next_instalment_before_fees() {
    let ahead = opened(loan()).at("2026-04-01 09:00");
    let ahead = ahead.when(receive(Channel::Wire, "410.00", "2026-04-01")).done();
    let fined = ahead.at("2026-04-10 09:00").when(assess("15.50")).done();
    let paid = fined.at("2026-04-15 09:00").when(receive(Channel::Mail, "50.00", "2026-04-15"));
    // 14 days of 9,652.00 at 1.9304; of May's 310.00 a hundred is paid.
    assert_eq!(paid.done().split(paid.payment()), "27.03/22.97/0.00/0.00");
}

#[test]
fn another_waterfall_leaves_alone_what_was_paid_under_the_one_before() {
    let (history, first) = behind().paid_by_ach("400.00", "2026-04-01");
    let mut document: serde_json::Value = serde_json::from_str(RULES.document()).unwrap();
    let order = document.pointer_mut("/waterfalls/auto/0/rule/order").unwrap();
    *order = serde_json::json!(["fees", "interest", "due_principal", "extra_principal"]);
    let rules = Rulebook::parse(&document.to_string()).unwrap();
    let (account, request) = (account_id(), RequestId::derived("scenario", "other rules"));
    let received_at = eastern("2026-05-01 09:00");
    let days = AccountingDays::of_calendar(eastern_date(received_at));
    let context = Context { account: &account, request, received_at, rules: &rules, days };
    let command = receive(Channel::Mail, "310.00", "2026-05-01");
    let decided = decide(&history.account, &command, &context).unwrap();
    let [Event::PaymentReceived(received)] = &decided[..] else { panic!("{decided:?}") };
    assert_eq!(received.posting.reallocated, []);
    // Of 9,662.00, for thirty days: the first payment left the fee of 15.50 unpaid.
    assert_eq!(split_text(&received.split), "57.97/236.53/15.50/0.00");
    let after = evolve(history.account, &decided[0], received_at);
    let paid = after.open().unwrap().payments.get(&first).unwrap().split.unwrap();
    assert_eq!(split_text(&paid), "62.00/338.00/0.00/0.00");
}
