//! Worked figures of the rules, on accounts. What else there is of them, `VECTORS.md` lists.

use super::*;

/// A loan that is opened, and paid for the first time, on two days.
fn lent(principal: &str, rate: &str, count: DayCount, (on, first): (&str, &str)) -> Terms {
    let first_due_date = date(first);
    let day_of_month = chrono::Datelike::day(&first_due_date);
    let instalments = InstalmentPlan { first_due_date, day_of_month, ..loan().instalments };
    Terms {
        opened_date: date(on),
        interest_paid_through: date(on),
        principal: money(principal),
        annual_rate: rate.parse().unwrap(),
        day_count: count,
        instalments,
        ..loan()
    }
}

fn interest(history: &History, on: &str) -> String {
    history.open().standing(date(on)).interest_due.to_string()
}

fn wired(history: &History, paid: &str, on: &str) -> (History, PaymentId) {
    let wire = history.at(&format!("{on} 12:00")).when(receive(Channel::Wire, paid, on));
    (wire.done(), wire.payment())
}

#[test]
fn thirty_days_earn_by_their_basis_and_by_the_year_of_each_day() {
    for (count, days, split, left) in [
        (DayCount::Actual365, ("2026-06-01", "2026-07-01"), "94.52/330.48", "19669.52"),
        (DayCount::Actual365Or366, ("2026-06-01", "2026-07-01"), "94.52/330.48", "19669.52"),
        (DayCount::Actual365Or366, ("2028-06-01", "2028-07-01"), "94.26/330.74", "19669.26"),
        (DayCount::Actual360, ("2026-06-01", "2026-07-01"), "95.83/329.17", "19670.83"),
        (DayCount::Actual365Or366, ("2027-12-20", "2028-01-19"), "94.37/330.63", "19669.37"),
    ] {
        let history = opened(lent("20000.00", "0.0575", count, days));
        assert_eq!(
            interest(&history, days.1),
            split.split('/').next().unwrap(),
            "{count} {days:?}"
        );
        let (paid, payment) = wired(&history, "425.00", days.1);
        assert_eq!(paid.split(payment), format!("{split}/0.00/0.00"), "{count} {days:?}");
        assert_eq!(paid.open().standing(date(days.1)).principal, money(left), "{count} {days:?}");
    }
}

#[test]
fn months_of_the_bond_basis_have_their_days_on_an_account() {
    // 36,000.00 at 1 % earn one dollar a day.
    for (from, to, days) in [
        ("2026-01-31", "2026-02-28", "28.00"),
        ("2026-02-28", "2026-03-31", "33.00"),
        ("2026-01-15", "2026-03-01", "46.00"),
        ("2026-01-30", "2026-03-31", "60.00"),
    ] {
        let history = opened(lent("36000.00", "0.01", DayCount::Thirty360, (from, to)));
        assert_eq!(interest(&history, to), days, "{from} {to}");
    }
}

#[test]
fn a_fraction_of_a_cent_is_carried_from_day_to_day() {
    let month = ("2026-06-01", "2026-07-01");
    let mut history = opened(lent("912.50", "0.01", DayCount::Actual365, month));
    let shown = ["2026-06-02", "2026-06-03", "2026-06-04"].map(|on| interest(&history, on));
    assert_eq!(shown, ["0.03", "0.05", "0.08"]);
    // Whoever pays his interest every day pays what thirty days come to, and not thirty cents more.
    let mut paid = Money::ZERO;
    for on in date(month.0).iter_days().skip(1).take(30) {
        let on = on.to_string();
        let (after, payment) = wired(&history, &interest(&history, &on), &on);
        let split = after.open().payments.get(&payment).unwrap().split.unwrap();
        assert_eq!(split.principal, Money::ZERO, "{on}");
        paid += split.interest;
        history = after;
    }
    assert_eq!(paid, money("0.75"));
    let dear = opened(lent("18250.00", "0.0499", DayCount::Actual365, month));
    assert_eq!(interest(&dear, "2026-06-02"), "2.50");
    assert_eq!(interest(&dear, "2026-07-01"), "74.85");
}

#[test]
fn a_level_payment_on_its_days_ends_as_the_carried_interest_has_it() {
    let months = ("2026-01-15", "2026-02-15");
    let terms = lent("25000.00", "0.069", DayCount::Thirty360, months);
    let plan = InstalmentPlan { amount: amount("493.85"), count: 60, ..terms.instalments };
    let mut history = opened(Terms { instalments: plan, ..terms });
    let mut total = Money::ZERO;
    let mut splits = Vec::new();
    for number in 0..60 {
        let on = history.open().book.instalments().due_date(number);
        let rest = history.open().payoff(on);
        let paid = if number < 59 { "493.85".to_owned() } else { rest.to_string() };
        let (after, payment) = wired(&history, &paid, &on.to_string());
        total += after.open().payments.get(&payment).unwrap().split.unwrap().interest;
        splits.push((paid, after.split(payment)));
        history = after;
    }
    let at = |number: usize| splits[number - 1].1.trim_end_matches("/0.00/0.00").to_owned();
    assert_eq!([at(1), at(2), at(3)], ["143.75/350.10", "141.74/352.11", "139.71/354.14"]);
    assert_eq!(splits[59].0, "493.94");
    assert_eq!(total, money("4631.09"));
    assert!(history.open().paid_off.is_some());
}

#[test]
fn an_odd_first_period_costs_its_days() {
    let days = ("2026-01-15", "2026-03-01");
    let history = opened(lent("25000.00", "0.069", DayCount::Actual365Or366, days));
    assert_eq!(interest(&history, "2026-01-30"), "70.89", "of the fifteen days too many");
    let (paid, payment) = wired(&history, "495.31", "2026-03-01");
    assert_eq!(paid.split(payment), "212.67/282.64/0.00/0.00");
    assert_eq!(paid.standing("2026-03-01").split(' ').nth(1), Some("24717.36"));
}

#[test]
fn a_payoff_grows_by_the_exact_day_and_not_by_the_one_that_is_shown() {
    let history = opened(quoted_loan());
    for (on, interest, payoff) in [
        ("2026-06-26", "24.15", "12394.82"),
        ("2026-06-30", "32.93", "12403.60"),
        ("2026-07-02", "37.32", "12407.99"),
    ] {
        let standing = history.open().standing(date(on));
        assert_eq!(standing.interest_due, money(interest), "{on}");
        assert_eq!(standing.payoff(), money(payoff), "{on}");
    }
}

#[test]
fn a_payment_its_return_and_the_next_one_are_booked_as_worked_out() {
    let scheduled = opened(loan()).at("2026-04-01 09:00").when(pay("310.00", "2026-04-01"));
    assert_eq!(scheduled.journal(), [""; 0]);
    let payment = scheduled.payment();
    let applied = scheduled.done().at("2026-04-01 15:01").when(apply(payment));
    let earned = |amount: &str| [format!("1110 {amount}"), format!("4010 -{amount}")];
    let booked = ["1020 310.00", "1110 -62.00", "1100 -248.00"].map(str::to_owned);
    assert_eq!(applied.journal(), [booked.as_slice(), &earned("62.00")].concat());
    let returned = applied.done().at("2026-04-03 08:30").when(take_back(payment, "R01"));
    let next = returned.done().at("2026-04-11 09:00").when(pay("335.00", "2026-04-11"));
    let run = next.done().at("2026-04-11 15:01").when(apply(next.payment()));
    let booked = ["1020 335.00", "1110 -82.00", "1100 -228.00", "1120 -25.00"].map(str::to_owned);
    // Interest was booked up to the return: 66.00 of the 82.00.
    assert_eq!(run.journal(), [booked.as_slice(), &earned("16.00")].concat());
}
