//! Two cancels and a run of the window on one payment, around its cut-off, over real connections.

use chrono::{Days, Duration, NaiveDate};
use proto::payledger::v1::{Payment, PaymentState};
use tests::chance::Chance;
use tests::client::Client;
use tests::refusals::Refused;
use tests::requests::{auto_loan, from_timestamp};
use tests::server::Town;
use tests::views::agree;

const ROUNDS: u64 = 40;

/// Cancels, after letting others go first now and then.
async fn cancel(
    client: Client,
    name: String,
    account: String,
    payment: String,
    yields: u64,
) -> String {
    for _ in 0..yields {
        tokio::task::yield_now().await;
    }
    match client.cancel(&name, &account, &payment).await {
        Ok(answer) => {
            assert_eq!(answer.payment.unwrap().state(), PaymentState::Cancelled);
            "cancelled".to_owned()
        }
        Err(status) => Refused::read(&status).reason,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_cancels_and_a_run_have_one_outcome_in_every_view() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let (one, two) = (town.another_client().await, town.another_client().await);
    let mut chance = Chance::of(7);
    let (mut cancelled, mut applied) = (0, 0);
    // How long the clock lets the cancels run ahead, in turns of the scheduler: longer after each
    // round that came too late and shorter after each in time, so that it closes in on the edge.
    let mut patience = 400;
    let mut day: NaiveDate = "2026-03-03".parse().unwrap();
    for round in 0..ROUNDS {
        day = day.checked_add_days(Days::new(1)).unwrap();
        let (account, date) = (format!("a-{round}"), day.to_string());
        town.open(auto_loan(&account)).await.unwrap();
        let answer = town.schedule(&account, &account, "310.00", &date).await.unwrap();
        let payment = answer.payment.unwrap();
        let cutoff = from_timestamp(payment.cancel_before_time.as_ref()).unwrap();
        let payment = payment.payment_id;
        town.set_clock(cutoff - Duration::milliseconds(1)).await.unwrap();
        let cancels = [(&one, "one"), (&two, "two")].map(|(client, name)| {
            let name = format!("{name} {round}");
            let yields = chance.below(400);
            tokio::spawn(cancel(client.clone(), name, account.clone(), payment.clone(), yields))
        });
        for _ in 0..chance.below(patience) {
            tokio::task::yield_now().await;
        }
        town.set_clock(cutoff + Duration::seconds(chance.below(3).try_into().unwrap()))
            .await
            .unwrap();
        town.set_clock(cutoff + Duration::seconds(6)).await.unwrap();
        let run = town.run(&date, "15:00").await.unwrap().summary.unwrap();
        let mut told = Vec::new();
        for cancel in cancels {
            told.push(cancel.await.unwrap());
        }
        let state = town.payment(&account, &payment).await.unwrap().state();
        let listed = town.payments_of(&account).await.unwrap();
        assert_eq!(listed.iter().map(Payment::state).collect::<Vec<_>>(), [state]);
        let in_time = told.iter().any(|told| told == "cancelled");
        let late = ["CANCEL_WINDOW_CLOSED", "STALE_REQUEST"];
        assert!(
            told.iter().all(|told| told == "cancelled" || late.contains(&told.as_str())),
            "{told:?}"
        );
        let kinds: Vec<String> = town
            .replay()
            .await
            .unwrap()
            .into_iter()
            .filter(|event| event.stream == format!("account-{account}"))
            .map(|event| event.r#type)
            .filter(|kind| kind == "PaymentCancelled" || kind == "PaymentApplied")
            .collect();
        if in_time {
            cancelled += 1;
            patience = (patience / 2).max(1);
            assert_eq!(
                (state, kinds),
                (PaymentState::Cancelled, vec!["PaymentCancelled".to_owned()])
            );
            assert_eq!((run.applied_count, run.cancelled_count), (0, 1));
        } else {
            applied += 1;
            patience = patience.saturating_mul(2);
            assert_eq!((state, kinds), (PaymentState::Applied, vec!["PaymentApplied".to_owned()]));
            assert_eq!((run.applied_count, run.cancelled_count), (1, 0));
        }
    }
    assert!(cancelled > 0 && applied > 0, "{cancelled} cancelled, {applied} applied: no race");
    agree(&town).await;
}
