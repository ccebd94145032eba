//! The last value that is accepted and the first that is not; and which of two ways is taken.

use super::super::buyout::PurchaseOption;
use super::super::events::{PayoffQuoted, RefundMethod, RequestRefused};
use super::*;

fn quote(good_through: &str) -> Command {
    Command::QuotePayoff { good_through_date: date(good_through) }
}

fn quoted(outcome: &Outcome) -> &PayoffQuoted {
    let Some(Event::PayoffQuoted(quoted)) = outcome.events().first() else { panic!("no quote") };
    quoted
}

#[test]
fn a_payoff_is_quoted_from_today_until_sixty_days_from_now() {
    let moment = opened(quoted_loan()).at("2026-06-16 09:00");
    for (good_through, reason) in [
        ("2026-06-15", "DATE_IN_PAST"),
        ("2026-06-16", ""),
        ("2026-08-15", ""),
        ("2026-08-16", "DATE_TOO_FAR"),
    ] {
        assert_eq!(moment.when(quote(good_through)).reason(), reason, "{good_through}");
    }
}

#[test]
fn a_cheque_is_uncleared_until_the_day_on_which_its_funds_are_good() {
    let history = opened(quoted_loan());
    let paid = history.at("2026-06-17 09:00").when(receive(Channel::Mail, "100.00", "2026-06-17"));
    let eve = paid.done().at("2026-06-26 09:00").when(quote("2026-07-01"));
    assert_eq!(quoted(&eve).uncleared, [paid.payment()]);
    let good = paid.done().at("2026-06-27 09:00").when(quote("2026-07-01"));
    assert_eq!(quoted(&good).uncleared, []);
}

#[test]
fn a_day_of_a_leap_year_earns_a_366th() {
    // 12,345.67 at 6.49 % are 801.233983 a year.
    let instalments =
        InstalmentPlan { first_due_date: date("2028-07-15"), ..quoted_loan().instalments };
    let opened_date = date("2028-06-15");
    let terms =
        Terms { opened_date, interest_paid_through: opened_date, instalments, ..quoted_loan() };
    let leap = opened(terms.clone()).at("2028-06-16 09:00").when(quote("2028-06-30"));
    assert_eq!(quoted(&leap).per_diem, "2.18916");
    let fixed = Terms { day_count: DayCount::Actual365, ..terms };
    let fixed = opened(fixed).at("2028-06-16 09:00").when(quote("2028-06-30"));
    assert_eq!(quoted(&fixed).per_diem, "2.19516");
}

#[test]
fn a_payment_pays_the_quote_that_it_names_or_one_of_its_very_amount() {
    let asked = opened(quoted_loan()).at("2026-06-16 09:00").when(quote("2026-06-30"));
    let (history, known) = (asked.done(), quoted(&asked).quote);
    let other = history.at("2026-06-16 10:00").when(quote("2026-07-10"));
    let later = quoted(&other).quote;
    let moment = other.done().at("2026-06-17 09:00");
    let naming = |paid: &str, named| {
        let mut command = receive(Channel::Wire, paid, "2026-06-17");
        if let Command::ReceivePayment(ReceivePayment { payoff_quote, .. }) = &mut command {
            *payoff_quote = named;
        }
        command
    };
    let paid = |outcome: &Outcome| {
        let Some(Event::PaymentReceived(received)) = outcome.events().first() else {
            panic!("nothing received")
        };
        received.payoff_quote
    };
    assert_eq!(paid(&moment.when(naming("12000.00", Some(known)))), Some(known));
    assert_eq!(paid(&moment.when(naming("12403.60", None))), Some(known));
    // 25 days of 2.19516 are 54.88.
    assert_eq!(paid(&moment.when(naming("12425.55", None))), Some(later));
    assert_eq!(paid(&moment.when(naming("12403.61", None))), None);
    let unknown = crate::ids::QuoteId::derived(&account_id(), RequestId::derived("no", "quote"));
    let denied = Denial::QuoteNotFound(unknown);
    moment.when(naming("12403.60", Some(unknown))).then_denied(&denied);
    let scheduling = |named| {
        Command::SchedulePayment(SchedulePayment {
            amount: amount("12403.60"),
            payment_date: date("2026-06-17"),
            funding: None,
            allow_duplicate: false,
            payoff_quote: Some(named),
        })
    };
    moment.when(scheduling(unknown)).then_denied(&denied);
    moment.when(scheduling(known)).then(&["PaymentScheduled"]);
}

#[test]
fn a_refund_goes_back_by_the_way_the_money_came() {
    let method = |paid: &History| {
        let sent = paid.at("2026-08-01 09:00").when(Command::RefundCredit { amount: None });
        let Some(Event::CreditRefunded(refunded)) = sent.events().first() else {
            panic!("no refund")
        };
        refunded.method
    };
    let funding = Some(Funding { token: "bank-1".to_owned(), last_four: None });
    for (funding, expected) in [(funding, RefundMethod::AchCredit), (None, RefundMethod::Cheque)] {
        let mut command = pay("12403.60", "2026-06-26");
        if let Command::SchedulePayment(SchedulePayment { funding: by, .. }) = &mut command {
            *by = funding;
        }
        let scheduled = opened(quoted_loan()).at("2026-06-26 09:00").when(command);
        let run = scheduled.done().at("2026-06-26 15:01").when(apply(scheduled.payment()));
        assert_eq!(method(&run.done()), expected);
    }
    let cheque = opened(quoted_loan()).at("2026-06-26 09:00");
    let cheque = cheque.when(receive(Channel::Mail, "12403.60", "2026-06-26"));
    assert_eq!(method(&cheque.done()), RefundMethod::Cheque);
}

#[test]
fn the_same_reference_by_another_channel_is_another_payment() {
    let referring = |channel| {
        let mut command = receive(channel, "310.00", "2026-03-03");
        if let Command::ReceivePayment(ReceivePayment { reference, .. }) = &mut command {
            *reference = Some("1042".to_owned());
        }
        command
    };
    let cheque = opened(loan()).at("2026-03-03 09:00").when(referring(Channel::Mail));
    let moment = cheque.done().at("2026-03-03 10:00");
    assert_eq!(moment.when(referring(Channel::Mail)).reason(), "POSSIBLE_DUPLICATE");
    moment.when(referring(Channel::Wire)).then(&["PaymentReceived"]);
}

#[test]
fn an_account_that_is_keyed_later_is_posted_on_the_day_on_which_it_is_keyed() {
    let open = |at: &str| {
        let opening = nothing().at(at).when(Command::OpenAccount { terms: loan(), lien: None });
        opening.events()[0].posting().and_then(|posting| posting.gl_date)
    };
    assert_eq!(open("2026-03-01 09:00"), None);
    assert_eq!(open("2026-03-05 09:00"), Some(date("2026-03-05")));
}

#[test]
fn two_instalments_never_fall_due_on_one_day() {
    let change = |day_of_month| Command::ChangeDueDate {
        day_of_month,
        effective_date: date("2026-01-10"),
        preview: None,
    };
    let opened_date = date("2026-01-01");
    let instalments = InstalmentPlan { first_due_date: date("2026-02-01"), ..loan().instalments };
    let terms = Terms { opened_date, interest_paid_through: opened_date, instalments, ..loan() };
    // February's is paid ahead, and March's moves towards it.
    let ahead = opened(terms).at("2026-01-10 09:00");
    let mut history = ahead.when(receive(Channel::Mail, "310.00", "2026-01-10")).done();
    for (day, next) in [(16, "2026-02-16"), (3, "2026-02-03"), (2, "2026-02-02")] {
        let moved = history.at("2026-01-10 10:00").when(change(day));
        let Some(Event::DueDateChanged(changed)) = moved.events().first() else { panic!("{day}") };
        assert_eq!(changed.next_due_date, date(next), "{day}");
        history = moved.done();
    }
    assert_eq!(history.at("2026-01-10 11:00").when(change(1)).reason(), "DUE_DATE_TOO_FAR");
}

#[test]
fn a_due_day_does_not_move_onto_the_day_from_which_it_counts() {
    let change = |day_of_month| Command::ChangeDueDate {
        day_of_month,
        effective_date: date("2026-03-22"),
        preview: None,
    };
    let moment = opened(loan()).at("2026-03-22 09:00");
    // The 22nd of April is 21 days from the 1st.
    assert_eq!(moment.when(change(22)).reason(), "DUE_DATE_TOO_FAR");
    moment.when(change(23)).then(&["DueDateChanged"]);
}

#[test]
fn an_account_is_paid_off_on_the_day_on_which_the_last_of_it_went() {
    let terms = Terms { principal: money("340.00"), annual_rate: Rate::default(), ..loan() };
    let (april, _) = opened(terms).paid_by_ach("300.00", "2026-04-01");
    let rest = Command::AdjustPrincipal {
        change: money("-40.00"),
        reason: "refund of a service contract".to_owned(),
        effective_date: date("2026-04-11"),
        preview: None,
    };
    let after = april.at("2026-04-13 09:00").when(rest);
    let after = after.then(&["PrincipalAdjusted", "AccountPaidOff"]);
    assert_eq!(after.open().paid_off.as_ref().unwrap().paid_off_date, date("2026-04-11"));
}

#[test]
fn a_returned_item_fee_is_charged_once_a_payment() {
    let pay = |history: &History, on: &str| {
        let paid = history.at(&format!("{on} 09:00")).when(receive(Channel::Mail, "310.00", on));
        (paid.done(), paid.payment())
    };
    let (april, first) = pay(&opened(loan()), "2026-04-01");
    let (may, second) = pay(&april, "2026-05-01");
    let back = may.at("2026-05-05 09:00").when(take_back(first, "R01"));
    let one = back.then(&["PaymentReturned", "FeeAssessed"]);
    let waive = waive(back.fee());
    let waived = one.at("2026-05-06 09:00").when(waive).then(&["FeeWaived"]);
    let good = waived.at("2026-05-07 09:00").when(reinstate(first)).done();
    // Waived because somebody asked, it is not charged for the same payment again.
    let again = good.at("2026-05-08 09:00").when(take_back(first, "R01"));
    let again = again.then(&["PaymentReturned"]);
    let other = again.at("2026-05-09 09:00").when(take_back(second, "R01"));
    other.then(&["PaymentReturned", "FeeAssessed"]);
}

#[test]
fn a_command_names_the_preview_that_it_carries_out() {
    let payment = PaymentId::derived(&account_id(), RequestId::derived("a", "payment"), 0);
    let mut commands = [
        receive(Channel::Mail, "310.00", "2026-03-03"),
        take_back(payment, "R01"),
        reinstate(payment),
        change_rate(Rate::default(), date("2026-03-03")),
        extend(1, date("2026-03-03")),
        charge_off(None, date("2026-03-03")),
    ];
    let names: Vec<_> = commands.iter().map(Command::name).collect();
    assert_eq!(
        names,
        [
            "ReceivePayment",
            "ReturnPayment",
            "ReinstatePayment",
            "ChangeRate",
            "GrantExtension",
            "ChargeOff"
        ]
    );
    let about: Vec<_> = commands.iter().filter_map(Command::payment).collect();
    assert_eq!(about, [payment, payment]);
    assert!(!commands.iter().any(Command::originates));
    for leaves in [apply(payment), Command::ReleaseLien, Command::RefundCredit { amount: None }] {
        assert!(leaves.originates(), "{}", leaves.name());
    }
    for command in &mut commands {
        assert_eq!(command.preview(), None);
        let without = command.clone();
        if let Command::ReceivePayment(ReceivePayment { preview, .. })
        | Command::ReturnPayment { preview, .. }
        | Command::ReinstatePayment { preview, .. }
        | Command::ChangeRate { preview, .. }
        | Command::GrantExtension(GrantExtension { preview, .. })
        | Command::ChargeOff { preview, .. } = command
        {
            *preview = Some("9f86d081".to_owned());
        }
        assert_eq!(command.preview(), Some("9f86d081"));
        assert_eq!(command.without_preview(), without);
    }
    assert_eq!(pay("310.00", "2026-03-03").preview(), None);
}

#[test]
fn evidence_has_no_effect_and_every_movement_is_counted() {
    let history = opened(loan());
    assert_eq!(history.open().movements(), 0);
    assert_eq!(history.account.open(), Some(history.open()));
    assert_eq!(nothing().account.open(), None);
    let (april, _) = history.paid_by_ach("310.00", "2026-04-01");
    let fined = april.at("2026-04-20 09:00").when(assess("15.50")).done();
    assert_eq!(fined.open().movements(), 2);
    assert!(fined.recorded.iter().all(|(_, event)| event.has_effect()));
    let late = fined.at("2026-04-20 09:01").when(pay("310.00", "2026-04-01"));
    let Err(Denial::Refused(refusal)) = late.decision else { panic!("{late:?}") };
    let command = "SchedulePayment".to_owned();
    assert!(!Event::RequestRefused(RequestRefused { command, refusal }).has_effect());
}

#[test]
fn a_scheduled_payoff_of_a_loan_that_is_paid_off_meanwhile_is_not_made() {
    let asked = opened(quoted_loan()).at("2026-06-16 09:00").when(quote("2026-06-30"));
    let scheduling = Command::SchedulePayment(SchedulePayment {
        amount: amount("12403.60"),
        payment_date: date("2026-06-30"),
        funding: None,
        allow_duplicate: false,
        payoff_quote: Some(quoted(&asked).quote),
    });
    let scheduled = asked.done().at("2026-06-16 10:00").when(scheduling);
    let wire = scheduled.done().at("2026-06-26 09:00");
    let paid = wire.when(receive(Channel::Wire, "12403.60", "2026-06-26")).done();
    let run = paid.at("2026-06-30 15:01").when(apply(scheduled.payment()));
    run.then(&["PaymentCancelled"]);
}

#[test]
fn a_vehicle_is_bought_though_most_of_its_residual_value_is_written_off() {
    // Three rentals of 389.00, and a residual value of 5.00 without tax.
    let terms = Terms {
        purchase_option: Some(PurchaseOption {
            residual: amount("5.00"),
            sales_tax_rate: Rate::default(),
        }),
        ..lease()
    };
    let asked = opened(terms).at("2026-05-01 09:00").when(quote("2026-05-01"));
    let (history, told) = (asked.done(), quoted(&asked));
    assert_eq!(told.amount, money("1172.00"));
    let mut command = receive(Channel::Wire, "1168.00", "2026-05-01");
    if let Command::ReceivePayment(ReceivePayment { payoff_quote, .. }) = &mut command {
        *payoff_quote = Some(told.quote);
    }
    let paid = history.at("2026-05-01 10:00").when(command);
    let after = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    let split = after.open().payments.get(&paid.payment()).unwrap().split.unwrap();
    assert_eq!((split.residual, split.write_off.unwrap().residual), (money("1.00"), money("4.00")));
    assert!(!after.open().paid_off.as_ref().unwrap().vehicle_kept);
    assert!(!after.open().can_be_bought());
}
