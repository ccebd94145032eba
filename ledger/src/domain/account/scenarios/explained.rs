//! Figures, line by line.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::properties::lives;
use super::*;
use crate::domain::account::book::explain::{Explanation, Figure, Line, Origin, What};
use crate::domain::money::total;

fn explain(history: &History, figure: Figure, on: &str) -> Explanation {
    history.open().book.explain(figure, date(on))
}

fn sum(lines: &[Line]) -> Decimal {
    lines.iter().fold(Decimal::ZERO, |sum, line| sum + line.amount)
}

/// The lines of interest as `from..to days/divisor principal rate amount`, the others as what they
/// are.
fn texts(explanation: &Explanation) -> Vec<String> {
    let text = |line: &Line| match &line.what {
        What::Accrued { days, principal, rate } => {
            let over = format!("{}/{}", days.count, days.divisor);
            format!("{}..{} {over} {principal} {rate} {}", days.from, days.to, line.amount)
        }
        What::Payment(_) => format!("paid {}", line.amount),
        What::Fee(_, kind) => format!("{kind} {}", line.amount),
        What::Instalment { number, due_date } => format!("{number} {due_date} {}", line.amount),
        What::Boarded
        | What::Carry
        | What::WriteOff(_)
        | What::Refund(_)
        | What::Adjustment(_)
        | What::ChargeOff(_)
        | What::VehicleReturned
        | What::Rounding
        | What::Tolerance
        | What::PaidAhead
        | What::Residual
        | What::SalesTax
        | What::TaxNotDue
        | What::NotOwed
        | What::Matured
        | What::LeftOver => format!("{:?} {}", line.what, line.amount),
    };
    explanation.lines.iter().map(text).collect()
}

#[test]
fn interest_is_a_line_for_each_stretch_what_was_paid_of_it_and_the_rounding() {
    let terms = Terms {
        unpaid_interest: money("5.00"),
        interest_carry: "0.00451".parse().unwrap(),
        ..loan()
    };
    let (paid, _) = opened(terms).paid_by_ach("310.00", "2026-04-01");
    let raised = paid
        .at("2026-04-20 09:00")
        .when(change_rate("0.0365".parse().unwrap(), date("2026-04-11")))
        .done();
    let interest = explain(&raised, Figure::AccruedInterest, "2026-05-01");
    assert_eq!(
        texts(&interest),
        [
            "Boarded 5.00",
            "Carry 0.00451",
            "2026-03-01..2026-04-01 31/365 10000.00 0.073 62",
            // 310.00 paid 67.00 of interest and 243.00 of principal.
            "2026-04-01..2026-04-11 10/365 9757.00 0.073 19.514",
            "2026-04-11..2026-05-01 20/365 9757.00 0.0365 19.514",
            "paid -67.00",
            "Rounding -0.00251",
        ]
    );
    assert_eq!(interest.amount, money("39.03"));
    assert_eq!(interest.amount, raised.open().standing(date("2026-05-01")).interest_due);
    let origins: Vec<_> = interest.lines.iter().map(|line| line.origin).collect();
    let (opening, payment, rate) =
        (Some(Origin::Opening), Some(Origin::Movement(0)), Some(Origin::Movement(1)));
    assert_eq!(origins, [opening, opening, opening, payment, rate, payment, None]);
}

#[test]
fn past_due_is_instalments_less_what_met_them() {
    let history = opened(loan());
    let late = explain(&history, Figure::PastDue, "2026-05-02");
    assert_eq!(texts(&late), ["1 2026-04-01 310.00", "2 2026-05-01 310.00"]);
    let short = history.at("2026-05-01 09:00").when(receive(Channel::Mail, "619.50", "2026-05-01"));
    let tolerated = explain(&short.done(), Figure::PastDue, "2026-05-02");
    assert_eq!(
        texts(&tolerated),
        ["1 2026-04-01 310.00", "2 2026-05-01 310.00", "paid -619.50", "Tolerance -0.5"]
    );
    let moved = short.done().at("2026-05-03 09:00").when(extend(1, date("2026-05-03"))).done();
    let later = explain(&moved, Figure::PastDue, "2026-07-02");
    assert_eq!(texts(&later)[2], "3 2026-07-01 310.00");
    assert_eq!(later.lines[2].origin, Some(Origin::Movement(1)));
    assert_eq!(later.lines[1].origin, Some(Origin::Opening));
    let matured = explain(&history, Figure::PastDue, "2029-04-02");
    assert!(matches!(matured.lines.last().unwrap().what, What::Matured));
    assert_eq!(matured.amount, history.open().payoff(date("2029-04-02")));
}

#[test]
fn a_payoff_is_all_its_parts() {
    let history = opened(quoted_loan());
    let payoff = explain(&history, Figure::Payoff, "2026-06-30");
    assert_eq!(
        texts(&payoff),
        [
            "Boarded 12345.67",
            "2026-06-15..2026-06-30 15/365 12345.67 0.0649 32.927423958904",
            "Rounding 0.002576041096",
            "Boarded 25.00",
        ]
    );
    let parts: Vec<_> = payoff.lines.iter().map(|line| line.part.as_str()).collect();
    assert_eq!(parts, ["principal", "accrued_interest", "accrued_interest", "fees_due"]);
    let over =
        history.at("2026-06-30 09:00").when(receive(Channel::Wire, "12500.00", "2026-06-30"));
    let left = explain(&over.done(), Figure::Payoff, "2026-06-30");
    assert_eq!(left.amount, Money::ZERO);
    assert_eq!(sum(&left.lines), Decimal::ZERO);
    assert_eq!(texts(&left).last().unwrap(), "LeftOver 96.4");
}

#[test]
fn what_was_taken_back_is_in_no_line() {
    let (paid, payment) = opened(loan()).paid_by_ach("310.00", "2026-04-01");
    let back = paid.at("2026-04-03 09:00").when(take_back(payment, "R01")).done();
    assert_eq!(texts(&explain(&back, Figure::Principal, "2026-04-05")), ["Boarded 10000.00"]);
    assert_eq!(texts(&explain(&back, Figure::FeesDue, "2026-04-05")), ["returned_item 25.00"]);
    let fee = *back.open().fees.keys().next().unwrap();
    let waived = back.at("2026-04-06 09:00").when(waive(fee)).done();
    assert!(explain(&waived, Figure::FeesDue, "2026-04-07").lines.is_empty());
}

#[test]
fn what_was_written_off_refunded_or_charged_off_is_in_the_lines_of_its_figures() {
    let small = opened(Terms {
        principal: money("5.00"),
        annual_rate: Rate::default(),
        unpaid_interest: money("8.00"),
        unpaid_fees: money("4.00"),
        instalments: InstalmentPlan { count: 1, ..loan().instalments },
        ..loan()
    });
    let due = small.at("2026-04-01 09:00");
    let written_off = due.when(receive(Channel::Wire, "7.00", "2026-04-01")).done();
    let over = opened(quoted_loan()).at("2026-06-30 09:00");
    let over = over.when(receive(Channel::Wire, "12500.00", "2026-06-30")).done();
    let refund = Command::RefundCredit { amount: Some(amount("90.00")) };
    let refunded = over.at("2026-07-01 09:00").when(refund).done();
    let bounced = opened(loan()).at("2026-04-01 09:00");
    let bounced = bounced.when(receive(Channel::Mail, "310.00", "2026-04-01"));
    let back = bounced.done().at("2026-04-05 09:00").when(take_back(bounced.payment(), "R01"));
    let fined = back.done().at("2026-07-01 09:00").when(assess("15.50")).done();
    let lost = fined.at("2026-07-10 09:00").when(charge_off(None, date("2026-07-10"))).done();
    let recovered = lost.at("2026-07-20 09:00");
    let recovered = recovered.when(receive(Channel::Mail, "200.00", "2026-07-20")).done();
    // 10,000.00, 131 days at 2.00, and fees of 25.00 and 15.50.
    for (history, figure, shown) in [
        (&written_off, Figure::Payoff, "0.00"),
        (&refunded, Figure::CreditBalance, "6.40"),
        (&lost, Figure::ChargedOff, "10302.50"),
        (&recovered, Figure::ChargedOff, "10102.50"),
    ] {
        let on = date("2026-08-01");
        let book = &history.open().book;
        assert_eq!(book.figure(figure, on), money(shown));
        for figure in Figure::ALL {
            let explained = book.explain(*figure, on);
            assert_eq!(explained.amount, book.figure(*figure, on), "{figure}");
            assert_eq!(sum(&explained.lines), explained.amount.decimal(), "{figure}");
            check_close(history.open(), &explained);
        }
    }
}

#[test]
fn what_was_charged_off_of_rentals_is_in_their_lines() {
    let lost = opened(lease()).at("2026-04-10 09:00").when(charge_off(None, date("2026-04-10")));
    let lost = lost.done();
    let lines = |figure| {
        let amounts = explain(&lost, figure, "2026-06-01").lines.into_iter();
        amounts.map(|line| line.amount.normalize().to_string()).collect::<Vec<_>>()
    };
    // Two rentals had fallen due, and 362.00 were to come, which are owed without their tax.
    assert_eq!(lines(Figure::RentalsDue), ["389", "389", "-778"]);
    // The tax of the third falls away.
    assert_eq!(lines(Figure::RentalsRemaining), ["1167", "-1140", "-27"]);
    assert_eq!(lines(Figure::ChargedOff), ["1140"]);
}

/// What closes an explanation is no more than what it says.
fn check_close(open: &OpenAccount, explanation: &Explanation) {
    let dust = Decimal::new(5001, 6);
    let owed = |on| {
        let standing = open.standing(on);
        let parts = [standing.principal, standing.interest_due, standing.rentals_remaining];
        if standing.owes_nothing { Money::ZERO } else { total(parts) + standing.charged_off }
    };
    for line in &explanation.lines {
        let amount = line.amount;
        match &line.what {
            What::Rounding => assert!(amount.abs() <= dust, "{amount}"),
            What::Tolerance => assert!(amount >= -Decimal::ONE && amount < Decimal::ZERO),
            What::PaidAhead | What::LeftOver => {
                assert!(amount > Decimal::ZERO && explanation.amount.is_zero());
            }
            What::NotOwed => {
                assert!(amount < Decimal::ZERO);
                assert_eq!(explanation.amount, owed(explanation.as_of).at_least_zero());
            }
            What::Matured => {
                assert_eq!(explanation.amount, owed(explanation.as_of).at_least_zero());
            }
            What::TaxNotDue => assert!(amount < Decimal::ZERO),
            What::Boarded
            | What::Carry
            | What::Residual
            | What::SalesTax
            | What::Accrued { .. }
            | What::Payment(_)
            | What::WriteOff(_)
            | What::Fee(_, _)
            | What::Refund(_)
            | What::Adjustment(_)
            | What::ChargeOff(_)
            | What::VehicleReturned
            | What::Instalment { .. } => assert!(line.origin.is_some()),
        }
    }
}

proptest! {
    #[test]
    fn the_lines_of_every_figure_sum_to_it(
        events in lives(),
        day_count in prop::sample::select(DayCount::ALL.to_vec()),
        carry in prop::sample::select(vec!["0", "0.00451", "-0.00999999"]),
    ) {
        // The splits are those of another day count: what is recorded is explained as it is.
        let opened = |event: &Event| {
            let mut event = event.clone();
            if let Event::AccountOpened(opened) = &mut event {
                opened.terms.day_count = day_count;
                opened.terms.interest_carry = carry.parse().unwrap();
            }
            event
        };
        let account = events.iter().map(opened).fold(Account::Absent, |account, event| {
            evolve(account, &event, DateTime::<Utc>::MIN_UTC)
        });
        let Account::Open(open) = account else { return Ok(()) };
        let first = open.terms().opened_date;
        let is_lease = open.terms().product == Product::Lease;
        let effective = open.book.entries().iter().map(|entry| entry.effective);
        let dates = (0..1500).step_by(97).map(|days| first + chrono::Duration::days(days));
        for on in effective.chain(dates) {
            let standing = open.standing(on);
            let remaining = standing.rentals_remaining;
            for figure in Figure::ALL {
                let explanation = open.book.explain(*figure, on);
                let shown = match figure {
                    Figure::Principal => standing.principal,
                    Figure::AccruedInterest => standing.interest_due,
                    Figure::FeesDue => standing.fees_due,
                    Figure::RentalsDue if !is_lease || remaining.is_zero() => Money::ZERO,
                    Figure::RentalsDue => {
                        let dates = open.book.instalments_as_of(on);
                        let due = dates.plan().total_of(dates.due_count(on));
                        (due - standing.billed).at_least_zero()
                    }
                    Figure::RentalsRemaining => remaining,
                    Figure::PastDue => standing.past_due,
                    Figure::ChargedOff => standing.charged_off,
                    Figure::CreditBalance => standing.credit,
                    Figure::Payoff => standing.payoff().at_least_zero(),
                };
                prop_assert_eq!(explanation.amount, shown, "{} on {}", figure, on);
                prop_assert_eq!(sum(&explanation.lines), shown.decimal(), "{} on {}", figure, on);
                check_close(&open, &explanation);
            }
        }
    }
}
