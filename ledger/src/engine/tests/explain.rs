//! Each line of a figure names the event behind it.

use super::super::{Engine, Explained, KnownAt};
use super::{account_id, at, engine, execute, instant, receive};
use crate::domain::account::book::explain::Figure;
use crate::domain::account::commands::Command;

async fn explain(
    engine: &Engine,
    figure: Figure,
    on: &str,
    known_at: Option<KnownAt>,
) -> Option<Explained> {
    let history = engine.history(&account_id(), known_at).await.unwrap()?;
    history.explain(figure, on.parse().unwrap())
}

/// `amount by which event, restated by which`.
fn sources(explained: &Explained) -> Vec<String> {
    let text = |line: &super::super::ExplainedLine| {
        let source = line.source.as_ref();
        let made = source.map_or("-".to_owned(), |it| format!("{} {}", it.version, it.kind));
        let restated = line.restated_by.as_ref();
        let restated = restated.map_or(String::new(), |it| format!(", {} {}", it.version, it.kind));
        format!("{} {made}{restated}", line.line.amount)
    };
    explained.lines.iter().map(text).collect()
}

#[tokio::test]
async fn a_line_names_the_event_it_comes_from_and_the_one_that_changed_it() {
    let engine = engine().await;
    at(&engine, "2026-04-01T10:00:00-04:00");
    let first = execute(&engine, "first", receive("310.00", "2026-04-01")).await.unwrap();
    at(&engine, "2026-04-20T10:00:00-04:00");
    execute(&engine, "second", receive("150.00", "2026-04-20")).await.unwrap();
    at(&engine, "2026-04-22T10:00:00-04:00");
    let payment = first.account.open().unwrap().payments.keys().next().unwrap();
    let return_code = "R01".to_owned();
    let take_back = Command::ReturnPayment { payment, return_code, preview: None };
    execute(&engine, "return", take_back).await.unwrap();

    let now = explain(&engine, Figure::Payoff, "2026-04-22", None).await.unwrap();
    assert_eq!(
        sources(&now),
        [
            "10000.00 1 AccountOpened",
            "-50.00 3 PaymentReceived, 4 PaymentReturned",
            "100 1 AccountOpened",
            "3.98 3 PaymentReceived, 4 PaymentReturned",
            "-100.00 3 PaymentReceived, 4 PaymentReturned",
            "25.00 5 FeeAssessed",
        ]
    );
    let rules = engine.rules().version();
    assert!(now.lines.iter().filter_map(|it| it.source.as_ref()).all(|it| it.rules == rules));

    let known_at = Some(KnownAt::Time(instant("2026-04-21T00:00:00-04:00")));
    let then = explain(&engine, Figure::Principal, "2026-04-22", known_at).await.unwrap();
    assert_eq!(
        sources(&then),
        ["10000.00 1 AccountOpened", "-248.00 2 PaymentReceived", "-112.94 3 PaymentReceived"]
    );
    let before = Some(KnownAt::Time(instant("2026-02-01T00:00:00-05:00")));
    assert_eq!(explain(&engine, Figure::Principal, "2026-04-22", before).await, None);

    at(&engine, "2026-05-05T10:00:00-04:00");
    let reinstate = Command::ReinstatePayment { payment, preview: None };
    execute(&engine, "reinstate", reinstate).await.unwrap();
    let again = explain(&engine, Figure::Principal, "2026-04-22", None).await.unwrap();
    assert_eq!(
        sources(&again),
        [
            "10000.00 1 AccountOpened",
            "-248.00 2 PaymentReceived, 7 PaymentReinstated",
            "-112.94 3 PaymentReceived, 7 PaymentReinstated",
        ]
    );
}
