//! What happens on many days of these tests.

use tests::client::Client;

/// Schedules a payment on its day, runs its window, and returns its id. Eastern summer time.
pub(crate) async fn paid_by_ach(town: &Client, account: &str, amount: &str, day: &str) -> String {
    let morning = tests::requests::instant(&format!("{day}T09:00:00-04:00"));
    town.set_clock(morning.max(town.now().await)).await.unwrap();
    let name = format!("{account} pays {amount} on {day}");
    let answer = town.schedule(&name, account, amount, day).await.unwrap();
    town.clock(&format!("{day}T15:00:06-04:00")).await;
    town.run(day, "15:00").await.unwrap();
    answer.payment.unwrap().payment_id
}
