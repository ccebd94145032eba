//! Balances on two axes: effective when, and known when.

use super::super::{Engine, KnownAt};
use super::{account_id, at, engine, execute, instant, receive, request};
use crate::envelope::Position;

async fn principal(engine: &Engine, on: &str, known_at: Option<KnownAt>) -> String {
    let folded = engine.account(&account_id(), known_at).await.unwrap();
    folded.map_or_else(
        || "not on the books".to_owned(),
        |folded| folded.open().unwrap().standing(on.parse().unwrap()).principal.to_string(),
    )
}

#[tokio::test]
async fn a_balance_has_a_date_on_which_it_counts_and_one_on_which_it_was_known() {
    let engine = engine().await;
    at(&engine, "2026-04-01T10:00:00-04:00");
    let first = execute(&engine, "first", receive("310.00", "2026-04-01")).await.unwrap();
    at(&engine, "2026-04-20T10:00:00-04:00");
    // Found in the mail three weeks late.
    execute(&engine, "late", receive("100.00", "2026-03-11")).await.unwrap();

    let time = |text: &str| Some(KnownAt::Time(instant(text)));
    let position = |position: Position| Some(KnownAt::Position(position));
    for (on, known_at, expected) in [
        ("2026-03-20", None, "9920.00"),
        ("2026-03-20", time("2026-04-20T10:00:00-04:00"), "9920.00"),
        ("2026-03-20", time("2026-04-20T09:59:59.999-04:00"), "10000.00"),
        ("2026-04-01", time("2026-04-20T09:59:59.999-04:00"), "9752.00"),
        ("2026-04-01", position(first.position), "9752.00"),
        ("2026-04-01", position(Position(first.position.0 - 1)), "10000.00"),
        ("2026-04-01", time("2026-03-31T00:00:00-04:00"), "10000.00"),
        ("2026-04-01", time("2026-02-28T00:00:00-05:00"), "not on the books"),
    ] {
        assert_eq!(principal(&engine, on, known_at).await, expected, "{on} {known_at:?}");
    }
}

#[tokio::test]
async fn what_was_received_first_counts_first_though_it_was_recorded_second() {
    let engine = engine().await;
    at(&engine, "2026-04-01T10:00:00-04:00");
    let early = engine.receive().unwrap();
    at(&engine, "2026-04-01T10:00:02-04:00");
    execute(&engine, "second", receive("50.00", "2026-03-01")).await.unwrap();
    let delayed = request("first", early, receive("20.00", "2026-03-01"));
    engine.execute(delayed).await.unwrap();

    let known = async |text: &str| {
        principal(&engine, "2026-03-01", Some(KnownAt::Time(instant(text)))).await
    };
    assert_eq!(known("2026-04-01T09:59:59-04:00").await, "10000.00");
    assert_eq!(known("2026-04-01T10:00:01-04:00").await, "9980.00");
    assert_eq!(known("2026-04-01T10:00:02-04:00").await, "9930.00");
}
