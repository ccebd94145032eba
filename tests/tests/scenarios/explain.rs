//! Figures are explained by the events that make them, as of any day, as known at any time.

use proto::payledger::v1::{
    Channel, ExplainAmountRequest, ExplainAmountResponse, ExplainedBy, ExplainedLine, Figure,
};
use rust_decimal::Decimal;
use tests::refusals::{field, reason, refused};
use tests::requests::{auto_loan, date, instant, lease, text, timestamp};
use tests::server::Town;

const FIGURES: [Figure; 9] = [
    Figure::Principal,
    Figure::AccruedInterest,
    Figure::FeesDue,
    Figure::RentalsDue,
    Figure::RentalsRemaining,
    Figure::PastDue,
    Figure::ChargedOff,
    Figure::CreditBalance,
    Figure::Payoff,
];

/// A question about a figure at the close of a day.
pub(crate) fn about(account: &str, figure: impl Into<i32>, day: &str) -> ExplainAmountRequest {
    ExplainAmountRequest {
        account_id: account.to_owned(),
        figure: figure.into(),
        effective_date: Some(date(day)),
        ..ExplainAmountRequest::default()
    }
}

/// The answer, whose lines sum to its amount.
pub(crate) async fn explain(town: &Town, request: ExplainAmountRequest) -> ExplainAmountResponse {
    let answer = town.audit().explain_amount(request).await.unwrap().into_inner();
    let amounts = answer.lines.iter().map(|line| line.amount.parse::<Decimal>().unwrap());
    let sum = amounts.fold(Decimal::ZERO, |sum, amount| sum + amount);
    let shown: Decimal = text(answer.amount.as_ref()).parse().unwrap();
    assert_eq!(sum, shown, "{answer:?}");
    answer
}

/// `amount by which event, restated by which`.
fn told(line: &ExplainedLine) -> String {
    let source = line.source.as_ref().map_or("-", |source| &source.r#type);
    let restated = line.restated_by.as_ref().map_or(String::new(), |it| format!(", {}", it.r#type));
    format!("{:?} {} {source}{restated}", line.explained_by(), line.amount)
}

#[tokio::test]
async fn every_line_of_a_payoff_names_its_event() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let first = town.receive("first", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    let first = first.payment.unwrap().payment_id;
    town.receive("second", "a-1", Channel::Mail, "150.00", "2026-04-20").await.unwrap();
    let before = town.head().await.unwrap();
    town.clock("2026-04-22T09:00:00-04:00").await;
    town.take_back("return", "a-1", &first, "R01").await.unwrap();

    let payoff = about("a-1", Figure::Payoff, "2026-04-22");
    let now = explain(&town, payoff.clone()).await;
    let lines: Vec<_> = now.lines.iter().map(told).collect();
    assert_eq!(
        lines,
        [
            "Boarded 10000.00 AccountOpened",
            "Payment -50.00 PaymentReceived, PaymentReturned",
            "Accrual 100 AccountOpened",
            "Accrual 3.98 PaymentReceived, PaymentReturned",
            "Payment -100.00 PaymentReceived, PaymentReturned",
            "Fee 25.00 FeeAssessed",
        ]
    );
    let balance = town.balance("a-1", "2026-04-22").await.unwrap();
    assert_eq!(now.amount, balance.payoff_amount);
    let accrual = now.lines[2].accrual.as_ref().unwrap();
    assert_eq!((accrual.days, accrual.divisor, accrual.annual_rate.as_str()), (50, 365, "0.073"));

    for known in [
        ExplainAmountRequest { known_position: before, ..payoff.clone() },
        ExplainAmountRequest {
            known_time: Some(timestamp(instant("2026-04-21T00:00:00-04:00"))),
            ..payoff.clone()
        },
    ] {
        let then = explain(&town, known).await;
        assert_eq!(then.read_position, before);
        assert!(then.lines.iter().all(|line| line.restated_by.is_none()));
        assert!(then.lines.iter().all(|line| line.explained_by() != ExplainedBy::Fee));
    }
    let unknown = ExplainAmountRequest {
        known_time: Some(timestamp(instant("2026-04-19T00:00:00-04:00"))),
        ..payoff
    };
    assert_eq!(reason(town.audit().explain_amount(unknown).await), "ACCOUNT_NOT_FOUND");
}

#[tokio::test]
async fn every_figure_of_a_loan_and_a_lease_is_the_sum_of_its_lines() {
    let town = Town::at("2026-09-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.open(lease("l-1")).await.unwrap();
    for account in ["a-1", "l-1"] {
        let name = format!("first {account}");
        town.receive(&name, account, Channel::Mail, "700.00", "2026-05-03").await.unwrap();
    }
    for account in ["a-1", "l-1"] {
        for day in ["2026-03-01", "2026-04-30", "2026-05-03", "2026-09-20", "2030-01-01"] {
            let balance = town.balance(account, day).await.unwrap();
            for figure in FIGURES {
                let told = explain(&town, about(account, figure, day)).await.amount;
                let shown = match figure {
                    Figure::Principal => balance.principal.clone(),
                    Figure::AccruedInterest => balance.accrued_interest.clone(),
                    Figure::FeesDue => balance.fees_due.clone(),
                    Figure::RentalsDue => balance.rentals_due.clone(),
                    Figure::PastDue => balance.past_due_amount.clone(),
                    Figure::ChargedOff => balance.charged_off_amount.clone(),
                    Figure::CreditBalance => balance.credit_balance.clone(),
                    Figure::Payoff => balance.payoff_amount.clone(),
                    Figure::Unspecified | Figure::RentalsRemaining => told.clone(),
                };
                assert_eq!(told, shown, "{account} {figure:?} {day}");
            }
        }
    }
}

#[tokio::test]
async fn a_question_without_meaning_is_refused_by_its_field() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let good = about("a-1", Figure::Payoff, "2026-04-20");
    let head = town.head().await.unwrap();
    for (request, wrong) in [
        (ExplainAmountRequest { figure: 0, ..good.clone() }, "figure"),
        (ExplainAmountRequest { figure: 99, ..good.clone() }, "figure"),
        (about("a-1", Figure::Payoff, "2026-02-28"), "effective_date"),
        (ExplainAmountRequest { known_position: head + 1, ..good.clone() }, "known_position"),
        (
            ExplainAmountRequest {
                known_position: head,
                known_time: Some(timestamp(instant("2026-04-21T00:00:00-04:00"))),
                ..good.clone()
            },
            "known_time",
        ),
    ] {
        assert_eq!(field(town.audit().explain_amount(request).await).1, wrong);
    }
    let nobody = about("nobody", Figure::Payoff, "2026-04-20");
    assert_eq!(reason(town.audit().explain_amount(nobody).await), "ACCOUNT_NOT_FOUND");
    let later = ExplainAmountRequest { min_position: head + 1, ..good };
    let refusal = refused(town.audit().explain_amount(later).await);
    assert_eq!(refusal.reason, "PROJECTION_BEHIND");
    assert!(refusal.message.contains(&format!("the log ends at position {head}")), "{refusal:?}");
}
