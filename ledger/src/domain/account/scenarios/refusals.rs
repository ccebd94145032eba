//! Refusals in their order: the first that applies is the one that is told.

use super::super::terms::TermsError;
use super::*;

#[test]
fn what_is_not_there_is_no_refusal_of_the_account() {
    let payment = PaymentId::derived(&account_id(), RequestId::derived("another", "one"), 0);
    let absent = nothing().at("2026-03-03 09:00");
    for command in [pay("1.00", "2026-03-03"), cancel(payment), Command::ReleaseLien] {
        absent.when(command).then_denied(&Denial::AccountNotFound);
    }
    let open = opened(loan()).at("2026-03-03 09:00");
    for command in [cancel(payment), apply(payment), take_back(payment, "R01"), reinstate(payment)]
    {
        open.when(command).then_denied(&Denial::PaymentNotFound(payment));
    }
}

#[test]
fn an_account_is_opened_once() {
    let again = Command::OpenAccount { terms: loan(), lien: None };
    let outcome = opened(loan()).at("2026-03-03 09:00").when(again);
    outcome.then_refused(Refusal::AccountExists { opened_date: date("2026-03-01") });
}

#[test]
fn a_payment_in_the_future_of_the_calendar_or_before_the_opening_is_refused() {
    let history = opened(loan());
    let (received_date, today) = (date("2026-03-04"), date("2026-03-03"));
    let command = || receive(Channel::Mail, "310.00", "2026-03-04");
    // In Eastern time it is still the third.
    history
        .at("2026-03-03 23:59:59.999")
        .when(command())
        .then_refused(Refusal::ReceivedInFuture { received_date, today });
    history.at("2026-03-04 00:00").when(command()).then(&["PaymentReceived"]);
    let opened_date = date("2026-03-01");
    let before = Refusal::BeforeOpening { date: date("2026-02-28"), opened_date };
    let mail = history.at("2026-03-03 09:00").when(receive(Channel::Mail, "310.00", "2026-02-28"));
    mail.then_refused(before.clone());
    let early = history.at("2026-02-28 09:00");
    early.when(pay("310.00", "2026-02-28")).then_refused(before.clone());
    early.when(pay("310.00", "2026-03-01")).then(&["PaymentScheduled"]);
    early.when(assess("15.50")).then_refused(before.clone());
    let fee = |on: &str| assess_on(amount("15.50"), date(on));
    let at = history.at("2026-03-03 09:00");
    at.when(fee("2026-02-28")).then_refused(before);
    at.when(fee("2026-03-01")).then(&["FeeAssessed"]);
    let effective_date = date("2026-03-04");
    at.when(fee("2026-03-04")).then_refused(Refusal::EffectiveInFuture { effective_date, today });
}

#[test]
fn of_several_reasons_to_refuse_an_instruction_the_first_is_told() {
    let scheduled = opened(loan()).at("2026-03-02 09:00").when(pay("310.00", "2026-03-03"));
    let history = scheduled.done();
    let wire = history.at("2026-03-03 08:00").when(receive(Channel::Wire, "20000", "2026-03-03"));
    let paid_off = wire.done();
    let reason = |history: &History, paid: &str, on: &str, at: &str| {
        history.at(at).when(pay(paid, on)).reason()
    };
    let late = "2026-03-03 18:00";
    assert_eq!(reason(&paid_off, "100000000.00", "2026-03-02", late), "ACCOUNT_PAID_OFF");
    assert_eq!(reason(&history, "100000000.00", "2026-03-02", late), "AMOUNT_TOO_LARGE");
    assert_eq!(reason(&history, "310.00", "2026-03-02", late), "DATE_IN_PAST");
    assert_eq!(reason(&history, "310.00", "2026-03-03", late), "CUTOFF_PASSED");
    assert_eq!(reason(&history, "310.00", "2026-03-03", "2026-03-03 09:00"), "POSSIBLE_DUPLICATE");
}

#[test]
fn of_several_reasons_to_refuse_a_receipt_the_first_is_told() {
    let command = |paid: &str, on: &str, again: bool| {
        Command::ReceivePayment(ReceivePayment {
            channel: Channel::Mail,
            amount: amount(paid),
            received_date: date(on),
            reference: Some("cheque 1001".to_owned()),
            third_party_fee: None,
            guaranteed_funds: false,
            paid_by_dealer: false,
            allow_duplicate: again,
            payoff_quote: None,
            preview: None,
        })
    };
    let first = opened(loan()).at("2026-03-03 09:00").when(command("310.00", "2026-03-03", false));
    let history = first.then(&["PaymentReceived"]);
    let moment = history.at("2026-03-03 09:01");
    let reason = |paid: &str, on: &str| moment.when(command(paid, on, false)).reason();
    assert_eq!(reason("100000000.00", "2026-03-04"), "AMOUNT_TOO_LARGE");
    assert_eq!(reason("310.00", "2026-03-04"), "RECEIVED_IN_FUTURE");
    assert_eq!(reason("310.00", "2026-02-28"), "BEFORE_OPENING");
    assert_eq!(reason("200.00", "2026-03-02"), "POSSIBLE_DUPLICATE");
    moment.when(command("310.00", "2026-03-03", true)).then(&["PaymentReceived"]);
}

#[test]
fn money_that_came_in_by_another_channel_cannot_be_cancelled() {
    let received =
        opened(loan()).at("2026-03-03 09:00").when(receive(Channel::Mail, "310.00", "2026-03-03"));
    let payment = received.payment();
    let history = received.done();
    let state = "applied".to_owned();
    let refused = history.at("2026-03-03 09:01").when(cancel(payment));
    refused.then_refused(Refusal::NotPending { payment, state });
    history.at("2026-03-03 15:01").when(apply(payment)).then_nothing();
}

#[test]
fn terms_that_contradict_themselves_open_no_account() {
    let plan = loan().instalments;
    let with_plan = |instalments| Terms { instalments, ..loan() };
    let huge = "100000000.00";
    let cases = [
        ("principal", Terms { principal: Money::ZERO, ..loan() }),
        ("principal", Terms { principal: money("-1.00"), ..loan() }),
        ("principal", Terms { principal: money(huge), ..loan() }),
        ("principal", Terms { product: Product::Lease, ..loan() }),
        ("unpaid_interest", Terms { unpaid_interest: money("-0.01"), ..loan() }),
        ("unpaid_interest", Terms { unpaid_interest: money(huge), ..loan() }),
        ("unpaid_fees", Terms { unpaid_fees: money("-0.01"), ..loan() }),
        ("unpaid_fees", Terms { unpaid_fees: money(huge), ..loan() }),
        ("returned_item_fee", Terms { returned_item_fee: Some(amount(huge)), ..loan() }),
        (
            "interest_paid_through_date",
            Terms { interest_paid_through: date("2026-03-02"), ..loan() },
        ),
        ("instalments.amount", with_plan(InstalmentPlan { amount: amount(huge), ..plan.clone() })),
        ("instalments.tax", with_plan(InstalmentPlan { tax: money("1.00"), ..plan.clone() })),
        ("instalments.count", with_plan(InstalmentPlan { count: 0, ..plan.clone() })),
        ("instalments.count", with_plan(InstalmentPlan { count: 601, ..plan.clone() })),
        ("instalments.day_of_month", with_plan(InstalmentPlan { day_of_month: 0, ..plan.clone() })),
        ("instalments.day_of_month", with_plan(InstalmentPlan { day_of_month: 2, ..plan.clone() })),
        (
            "instalments.day_of_month",
            with_plan(InstalmentPlan {
                day_of_month: 32,
                first_due_date: date("2026-04-30"),
                ..plan.clone()
            }),
        ),
        (
            "instalments.first_amount_due",
            with_plan(InstalmentPlan { first_amount_due: Some(amount("310.01")), ..plan }),
        ),
    ];
    for (field, terms) in cases {
        let outcome =
            nothing().at("2026-03-01 09:00").when(Command::OpenAccount { terms, lien: None });
        let Err(Denial::Terms(TermsError::Invalid { field: found, .. })) = outcome.decision else {
            panic!("{field}: {:?}", outcome.decision)
        };
        assert_eq!(found, field);
    }
    let card = Terms { product: Product::CreditCard, ..loan() };
    let outcome =
        nothing().at("2026-03-01 09:00").when(Command::OpenAccount { terms: card, lien: None });
    let not_yet = TermsError::ProductNotBookable(Product::CreditCard);
    outcome.then_denied(&Denial::Terms(not_yet));
}
