//! What a servicer changes about a contract: rates, principal, due dates.

use super::*;

fn change_due_date(day_of_month: u32, on: &str) -> Command {
    Command::ChangeDueDate { day_of_month, effective_date: date(on), preview: None }
}

pub(super) fn adjust(change: &str, on: &str) -> Command {
    Command::AdjustPrincipal {
        change: money(change),
        reason: "refund of a service contract".to_owned(),
        effective_date: date(on),
        preview: None,
    }
}

#[test]
fn interest_runs_on_through_an_extension_and_is_not_compounded() {
    let extended = opened(loan()).at("2026-03-20 09:00").when(extend(2, date("2026-03-20")));
    assert_eq!(extended.journal(), [""; 0]);
    let history = extended.then(&["ExtensionGranted"]);
    let open = history.open();
    assert_eq!(open.standing(date("2026-05-31")).oldest_unpaid_due_date, Some(date("2026-06-01")));
    assert_eq!(open.book.instalments().maturity_date(), date("2029-05-01"));
    let paid = history.at("2026-06-01 09:00").when(receive(Channel::Mail, "310.00", "2026-06-01"));
    assert_eq!(paid.done().split(paid.payment()), "184.00/126.00/0.00/0.00");
}

#[test]
fn an_account_past_due_is_current_again_after_an_extension() {
    let history = opened(loan());
    assert_eq!(history.open().days_past_due(date("2026-05-10")), 39);
    let extended = history.at("2026-05-10 09:00").when(extend(2, date("2026-05-10"))).done();
    assert_eq!(extended.open().days_past_due(date("2026-05-10")), 0);
    // As of a day before it counted, nothing has changed.
    assert_eq!(extended.open().days_past_due(date("2026-05-09")), 38);
}

#[test]
fn extensions_have_limits_which_an_exception_may_pass() {
    let mut history = opened(loan());
    let refused = |history: &History, at: &str, months: u32| {
        let on = date(at.get(..10).unwrap());
        history.at(at).when(extend(months, on)).reason()
    };
    assert_eq!(refused(&history, "2026-03-10 09:00", 5), "EXTENSION_LIMIT");
    history = history.at("2026-03-10 09:00").when(extend(4, date("2026-03-10"))).done();
    assert_eq!(refused(&history, "2027-03-10 08:00", 3), "");
    assert_eq!(refused(&history, "2027-03-09 09:00", 3), "EXTENSION_LIMIT");
    let kind = ExtensionKind::Deferral;
    let (effective_date, allow_over_limit) = (date("2026-03-11"), true);
    let exception = Command::GrantExtension(GrantExtension {
        kind,
        months: 12,
        effective_date,
        allow_over_limit,
        preview: None,
    });
    let granted = history.at("2026-03-11 09:00").when(exception).done();
    assert_eq!(refused(&granted, "2029-03-11 09:00", 1), "EXTENSION_LIMIT");
    assert_eq!(refused(&granted, "2026-03-01 09:00", 1), "EXTENSION_LIMIT");
}

#[test]
fn what_is_effective_tomorrow_or_before_the_opening_is_refused() {
    let moment = opened(loan()).at("2026-03-20 09:00");
    for (on, reason) in [("2026-03-21", "EFFECTIVE_IN_FUTURE"), ("2026-02-28", "BEFORE_OPENING")] {
        let rate = "0.06".parse().unwrap();
        assert_eq!(moment.when(change_rate(rate, date(on))).reason(), reason);
        assert_eq!(moment.when(extend(1, date(on))).reason(), reason);
        assert_eq!(moment.when(adjust("-1.00", on)).reason(), reason);
        assert_eq!(moment.when(change_due_date(15, on)).reason(), reason);
        assert_eq!(moment.when(charge_off(None, date(on))).reason(), reason);
    }
}

#[test]
fn a_due_day_moves_to_its_nearest_date_with_one_odd_period() {
    for (day, next, second) in [
        (15, "2026-04-15", "2026-05-15"),
        (25, "2026-03-25", "2026-04-25"),
        (31, "2026-03-31", "2026-04-30"),
        (16, "2026-04-16", "2026-05-16"),
    ] {
        let moved = opened(loan()).at("2026-03-10 09:00").when(change_due_date(day, "2026-03-10"));
        let Some(Event::DueDateChanged(changed)) = moved.events().first() else { panic!("{day}") };
        assert_eq!(changed.next_due_date, date(next), "{day}");
        let after = moved.done();
        assert_eq!(after.open().book.instalments().due_date(1), date(second), "{day}");
    }
    let moment = opened(loan()).at("2026-03-10 09:00");
    moment.when(change_due_date(1, "2026-03-10")).then_nothing();
    // The 5th of March is over, and the 5th of April is not: but the 20th of March is too far.
    let late = opened(loan()).at("2026-03-28 09:00");
    assert_eq!(late.when(change_due_date(20, "2026-03-28")).reason(), "DUE_DATE_TOO_FAR");
}

#[test]
fn days_past_due_count_from_the_oldest_open_instalment() {
    let history = opened(Terms {
        opened_date: date("2026-02-01"),
        interest_paid_through: date("2026-02-01"),
        instalments: InstalmentPlan { first_due_date: date("2026-03-01"), ..loan().instalments },
        ..loan()
    });
    for (on, days) in [
        ("2026-02-28", 0),
        ("2026-03-01", 0),
        ("2026-03-02", 1),
        ("2026-03-30", 29),
        ("2026-03-31", 30),
        ("2026-04-30", 60),
        ("2026-05-30", 90),
        ("2026-06-29", 120),
    ] {
        assert_eq!(history.open().days_past_due(date(on)), days, "{on}");
    }
}

#[test]
fn a_rate_that_changes_as_of_a_date_counts_from_there() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let rate: Rate = "0.0365".parse().unwrap();
    let changed = april.at("2026-04-21 09:00").when(change_rate(rate, date("2026-03-11")));
    let after = changed.then(&["RateChanged"]);
    // Ten days at 2.00 and 21 at 1.00, instead of 31 at 2.00.
    assert_eq!(after.split(first), "41.00/269.00/0.00/0.00");
    assert_eq!(after.open().standing(date("2026-04-01")).principal, money("9731.00"));
    let same = after.at("2026-04-22 09:00").when(change_rate(rate, date("2026-04-22")));
    same.then_nothing();
}

#[test]
fn a_lease_has_no_rate_and_no_principal_to_change() {
    let lease = Terms {
        product: Product::Lease,
        principal: Money::ZERO,
        annual_rate: Rate::default(),
        ..loan()
    };
    let moment = opened(lease).at("2026-03-10 09:00");
    let on = date("2026-03-10");
    for command in [
        change_rate("0.06".parse().unwrap(), on),
        adjust("1.00", "2026-03-10"),
        charge_off(Some(amount("1.00")), on),
    ] {
        assert_eq!(moment.when(command).reason(), "PRODUCT_HAS_NO_PRINCIPAL");
    }
    let extended = moment.when(extend(1, on)).then(&["ExtensionGranted"]);
    assert_eq!(extended.open().days_past_due(date("2026-05-01")), 0);
}

#[test]
fn principal_that_is_corrected_re_allocates_what_was_paid_since() {
    let (april, first) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let adjusted = april.at("2026-04-11 09:00").when(adjust("-5000.00", "2026-03-01"));
    assert_eq!(adjusted.journal().get(..2).unwrap(), ["1100 -5000.00", "5030 5000.00"]);
    let after = adjusted.done();
    assert_eq!(after.split(first), "31.00/279.00/0.00/0.00");
    assert_eq!(
        after.standing("2026-04-11"),
        "principal 4721.00 interest 9.44 fees 0.00 credit 0.00 dpd 0"
    );
    let moment = after.at("2026-04-12 09:00");
    assert_eq!(moment.when(adjust("-4721.01", "2026-04-12")).reason(), "PRINCIPAL_EXCEEDED");
    let rest = moment.when(adjust("-4721.00", "2026-04-12")).done();
    assert_eq!(rest.open().standing(date("2026-04-12")).principal, Money::ZERO);
}

#[test]
fn an_adjustment_of_what_turns_out_to_be_paid_is_the_customers() {
    let adjusted = opened(loan()).at("2026-04-11 09:00").when(adjust("-1000.00", "2026-04-11"));
    let keyed = adjusted.done().at("2026-04-20 09:00").when(receive(
        Channel::Wire,
        "10062.00",
        "2026-04-01",
    ));
    let after = keyed.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(
        after.standing("2026-04-20"),
        "principal 0.00 interest 0.00 fees 0.00 credit 1000.00 dpd 0"
    );
    assert_eq!(after.ledger(LedgerAccount::CustomerCredit), "-1000.00");
    let back = after.at("2026-04-21 09:00").when(take_back(keyed.payment(), "R02")).done();
    assert_eq!(back.standing("2026-04-21"), adjusted.after.standing("2026-04-21"));
}

#[test]
fn principal_that_is_added_takes_a_credit_balance_first() {
    let paid = opened(loan()).at("2026-04-01 09:00").when(receive(
        Channel::Wire,
        "10112.00",
        "2026-04-01",
    ));
    let history = paid.then(&["PaymentReceived", "AccountPaidOff"]);
    assert_eq!(history.open().standing(date("2026-04-01")).credit, money("50.00"));
    let some = history.at("2026-04-05 09:00").when(adjust("30.00", "2026-04-05"));
    assert_eq!(some.journal(), ["5030 -30.00", "2110 30.00"]);
    let less = some.then(&["PrincipalAdjusted"]);
    assert_eq!(
        less.standing("2026-06-01"),
        "principal 0.00 interest 0.00 fees 0.00 credit 20.00 dpd 0"
    );
    let more = less.at("2026-04-06 09:00").when(adjust("100.00", "2026-04-06"));
    assert_eq!(more.journal(), ["1100 80.00", "5030 -100.00", "2110 20.00"]);
    let owing = more.then(&["PrincipalAdjusted", "PayoffReversed"]);
    assert_eq!(owing.open().payoff(date("2026-04-06")), money("80.00"));
    // Without the payment, nothing of it was ever a credit balance's to pay.
    let back = owing.at("2026-04-07 09:00").when(take_back(paid.payment(), "R02")).done();
    assert_eq!(back.open().standing(date("2026-04-07")).principal, money("10130.00"));
    for (account, balance) in [
        (LedgerAccount::Principal, "10130.00"),
        (LedgerAccount::OperationalLoss, "-130.00"),
        (LedgerAccount::CustomerCredit, "0.00"),
    ] {
        assert_eq!(back.ledger(account), balance, "{account}");
    }
    let good = back.at("2026-04-08 09:00").when(reinstate(paid.payment())).done();
    assert_eq!(good.standing("2026-04-08"), owing.standing("2026-04-08"));
}

#[test]
fn what_is_owed_after_the_last_instalment_can_be_given_more_time() {
    let plan = InstalmentPlan { count: 1, ..loan().instalments };
    let (paid, _) =
        opened(Terms { instalments: plan, ..loan() }).paid_by_ach("310.00", "2026-04-01");
    assert_eq!(paid.open().days_past_due(date("2026-04-21")), 20);
    let extended = paid.at("2026-04-21 09:00").when(extend(2, date("2026-04-21"))).done();
    assert_eq!(extended.open().days_past_due(date("2026-04-21")), 0);
    assert_eq!(extended.open().days_past_due(date("2026-06-02")), 1);
}

#[test]
fn a_due_day_is_measured_on_the_dates_of_its_day_and_comes_after_no_other() {
    // In May two months are granted; the due day turns out to be another since March.
    let granted = opened(loan()).at("2026-05-10 09:00").when(extend(2, date("2026-05-10"))).done();
    let moved = granted.at("2026-05-11 09:00").when(change_due_date(10, "2026-03-05"));
    let after = moved.then(&["DueDateChanged"]);
    let due_on = |as_of: &str| after.open().book.instalments_as_of(date(as_of)).due_date(0);
    assert_eq!(due_on("2026-03-05"), date("2026-04-10"));
    assert_eq!(due_on("2026-05-10"), date("2026-06-10"));
    let earlier = after.at("2026-05-12 09:00").when(change_due_date(20, "2026-03-04"));
    earlier.then_refused(Refusal::DueDayChangedLater {
        effective_date: date("2026-03-04"),
        changed_date: date("2026-03-05"),
    });
    after.at("2026-05-12 09:00").when(change_due_date(15, "2026-03-05")).then(&["DueDateChanged"]);
}

#[test]
fn the_limit_within_a_year_is_that_of_every_year_that_an_extension_falls_into() {
    let history = opened(loan());
    let june = history.at("2026-06-10 09:00").when(extend(4, date("2026-06-10"))).done();
    let before = |on| june.at("2027-06-09 09:00").when(extend(3, date(on))).reason();
    assert_eq!(before("2026-03-10"), "EXTENSION_LIMIT");
    let next = june.at("2027-06-10 09:00").when(extend(3, date("2027-06-10"))).reason();
    assert_eq!(next, "", "a year later");
    let late = history.at("2027-06-10 09:00").when(extend(4, date("2027-06-10"))).done();
    let year_before = |on| late.at("2027-06-11 09:00").when(extend(3, date(on))).reason();
    assert_eq!(year_before("2026-06-10"), "");
    assert_eq!(year_before("2026-06-11"), "EXTENSION_LIMIT");
}

#[test]
fn a_rate_that_an_earlier_change_has_set_already_cuts_no_month_of_thirty_days() {
    let terms = Terms { day_count: DayCount::Thirty360, ..loan() };
    let rate: Rate = "0.06".parse().unwrap();
    let first = opened(terms).at("2026-04-02 09:00").when(change_rate(rate, date("2026-03-31")));
    let both = first.done().at("2026-04-03 09:00").when(change_rate(rate, date("2026-03-10")));
    // Nine days at 7.3 % are 18.25, and fifty at 6 % are 83.33: not one more for the 31st.
    let interest = both.done().open().standing(date("2026-04-30")).interest_due;
    assert_eq!(interest, money("101.58"));
}

#[test]
fn who_owes_nothing_that_falls_due_is_given_no_more_time() {
    let fee = opened(loan()).at("2026-04-05 09:00").when(assess("20.00")).done();
    let keyed = fee.at("2026-04-06 09:00").when(receive(Channel::Wire, "10062.00", "2026-04-01"));
    let owing = keyed.then(&["PaymentReceived"]).at("2026-04-07 09:00");
    let on = date("2026-04-07");
    for command in [extend(1, on), change_due_date(15, "2026-04-07")] {
        owing.when(command).then_refused(Refusal::NoInstalmentLeft);
    }
}

#[test]
fn an_extension_of_before_a_payment_moves_what_that_pays() {
    let fined = opened(loan()).at("2026-03-20 09:00").when(assess("15.50")).done();
    let (paid, payment) = fined.paid_by_ach("500.00", "2026-05-10");
    // April and May were due, and come before the fee; 70 days at 2.00.
    assert_eq!(paid.split(payment), "140.00/360.00/0.00/0.00");
    let extended = paid.at("2026-05-20 09:00").when(extend(2, date("2026-03-25")));
    // Only June's 310.00 come before it now.
    let after = extended.then(&["ExtensionGranted"]);
    assert_eq!(after.split(payment), "140.00/344.50/15.50/0.00");
    assert_eq!(after.ledger(LedgerAccount::Principal), "9655.50");
    assert_eq!(after.ledger(LedgerAccount::FeesReceivable), "0.00");
    // Ten days of that at 1.9311.
    assert_eq!(after.ledger(LedgerAccount::AccruedInterest), "19.31");
    // An explanation names each movement by its place among them.
    let orders = after.open().book.entries().iter().map(|entry| entry.order);
    assert_eq!(orders.collect::<Vec<_>>(), [0, 2, 1]);
    let wire = receive(Channel::Wire, "10.00", "2026-05-20");
    let wired = after.at("2026-05-20 10:00").when(wire).done();
    assert_eq!(wired.open().book.entries().last().map(|entry| entry.order), Some(3));
}

#[test]
fn no_more_is_past_due_than_is_owed() {
    let adjusted = opened(loan()).at("2026-03-11 09:00").when(adjust("-9900.00", "2026-03-11"));
    // Ten days at 2.00, and 22 of 100.00 at 0.02.
    let standing = adjusted.done().open().standing(date("2026-04-02"));
    assert_eq!((standing.interest_due, standing.past_due), (money("20.44"), money("120.44")));
}

#[test]
fn a_new_due_day_leaves_what_is_past_due_where_it_was() {
    let moved = opened(loan()).at("2026-05-10 09:00").when(change_due_date(15, "2026-05-10"));
    let Some(Event::DueDateChanged(changed)) = moved.events().first() else { panic!("none") };
    assert_eq!(changed.next_due_date, date("2026-06-15"));
    let after = moved.done();
    let due = [0, 1, 2].map(|index| after.open().book.instalments().due_date(index));
    assert_eq!(due, ["2026-04-01", "2026-05-01", "2026-06-15"].map(date));
    assert_eq!(after.open().days_past_due(date("2026-05-10")), 39);
}
