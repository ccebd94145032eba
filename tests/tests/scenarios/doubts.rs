//! Read models that something has changed behind the service's back: what goes into the log for
//! ever is not taken from them.

use std::fmt::Debug;
use std::sync::Arc;

use proto::payledger::v1::CutoffSummary;
use rusqlite::Connection;
use tempfile::TempDir;
use tests::client::{Answer, Client};
use tests::refusals::reason;
use tests::requests::{auto_loan, instant, money};
use tests::server::{Town, settings};
use tests::views::agree;

use crate::books::close_day;

const CLOCK: &str = "2026-03-03T09:00:00-05:00";
const ACCOUNTS: i64 = 20;

/// A directory with a payment of each of some accounts that waits for 3 pm, and one of the first
/// that was cancelled.
async fn payments_that_wait() -> Arc<TempDir> {
    let town = Town::at(CLOCK).await;
    for number in 0..ACCOUNTS {
        let account = format!("a-{number}");
        town.open(auto_loan(&account)).await.unwrap();
        town.schedule(&account, &account, "310.00", "2026-03-03").await.unwrap();
    }
    let other = town.schedule("other", "a-0", "20.00", "2026-03-03").await.unwrap();
    let other = other.payment.unwrap().payment_id;
    town.cancel("cancelled", "a-0", &other).await.unwrap();
    agree(&town).await;
    town.stop().await
}

fn change(data_dir: &TempDir, sql: &str) {
    let models = Connection::open(data_dir.path().join("read/gen-1.db")).unwrap();
    assert_ne!(models.execute(sql, []).unwrap(), 0, "{sql}");
}

/// Changes what the sums of the pages do not show, since there are none.
fn change_unseen(data_dir: &TempDir, sql: &str) {
    change(data_dir, sql);
    std::fs::remove_file(data_dir.path().join("read/gen-1.db-sums")).unwrap();
}

async fn town_on(data_dir: Arc<TempDir>) -> Town {
    let settings = settings(data_dir.path(), instant(CLOCK));
    Town::with(data_dir, settings).await
}

/// Asks again while the answer is that the read models are being built anew.
async fn at_last<T: Debug>(town: &Town, mut ask: impl AsyncFnMut(&Client) -> Answer<T>) -> T {
    let mut answer = None;
    town.until(async |town| {
        match ask(town).await {
            Ok(it) => answer = Some(it),
            failed => {
                let reason = reason(failed);
                let passes = ["STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"].contains(&&*reason);
                assert!(passes, "{reason}");
            }
        }
        answer.is_some()
    })
    .await;
    answer.unwrap()
}

async fn run_at_last(town: &Town) -> CutoffSummary {
    at_last(town, async |town| town.run("2026-03-03", "15:00").await).await.summary.unwrap()
}

#[tokio::test]
async fn a_window_is_sealed_as_the_log_has_it_and_not_as_changed_read_models_do() {
    for sql in [
        // The run finds half of the payments.
        "UPDATE payment SET effective_day = effective_day + 1 WHERE payment_key % 4 = 0",
        "UPDATE payment SET amount_cents = amount_cents + 4096 WHERE state = 'cancelled'",
        "UPDATE payment SET amount_cents = amount_cents + 4096 WHERE state = 'scheduled'",
    ] {
        let data_dir = payments_that_wait().await;
        change_unseen(&data_dir, sql);
        let town = town_on(data_dir).await;
        town.clock("2026-03-03T15:00:10-05:00").await;
        town.run("2026-03-03", "15:00").await.expect_err(sql);
        let sealed = run_at_last(&town).await;
        assert_eq!((sealed.applied_count, sealed.cancelled_count), (ACCOUNTS, 1), "{sql}");
        assert_eq!(sealed.applied_amount, Some(money("6200.00")), "{sql}");
        assert_eq!(sealed.cancelled_amount, Some(money("20.00")), "{sql}");
        agree(&town).await;
    }
}

#[tokio::test]
async fn a_list_is_never_answered_from_rows_that_were_changed_while_no_service_ran() {
    let data_dir = payments_that_wait().await;
    change(&data_dir, "UPDATE payment SET amount_cents = amount_cents + 4096");
    let town = town_on(data_dir).await;
    // What an account owes comes from the log.
    town.balance("a-0", "2026-03-03").await.unwrap();
    let payments = at_last(&town, async |town| town.payments_of("a-0").await).await;
    let amounts = payments.into_iter().map(|payment| payment.amount.unwrap());
    assert!(amounts.eq([money("310.00"), money("20.00")]));
    agree(&town).await;
}

#[tokio::test]
async fn a_day_is_closed_on_read_models_that_were_compared_with_the_log() {
    let data_dir = payments_that_wait().await;
    change_unseen(&data_dir, "UPDATE account SET gl_1100_cents = gl_1100_cents + 4096");
    let town = town_on(data_dir).await;
    town.clock("2026-03-04T00:00:10-05:00").await;
    run_at_last(&town).await;
    town.open(auto_loan("b-1")).await.unwrap();
    town.clock("2026-03-04T00:00:30-05:00").await;
    assert_eq!(reason(close_day(&town, "close", "2026-03-03").await), "STORE_UNAVAILABLE");
    at_last(&town, async |town| close_day(town, "close", "2026-03-03").await).await;
    agree(&town).await;
}
