//! `kill -9` while the runner looks at accounts: every fee is charged and every refund sent, once.

use std::time::Duration;

use proto::payledger::v1::{Channel, LateFee, OpenAccountRequest, late_fee};
use tests::client::Client;
use tests::process::{Process, offline_finds_nothing_wrong};
use tests::requests::{auto_loan, interest_free, money};
use tests::views::agree;

const ACCOUNTS: u64 = 40;
const KILLS: u64 = 8;

/// An account whose first instalment is late on the day of the test, and one that is overpaid.
async fn open(client: &Client, number: u64) {
    let charge = late_fee::Charge::Amount(money("15.00"));
    let late_fee = LateFee { grace_days: 10, charge: Some(charge), ..LateFee::default() };
    let late = auto_loan(&format!("late-{number}"));
    client.open(OpenAccountRequest { late_fee: Some(late_fee), ..late }).await.unwrap();
    let over = format!("over-{number}");
    client.open(interest_free(&over, "1000.00")).await.unwrap();
    client.receive(&over, &over, Channel::Mail, "1025.00", "2026-03-02").await.unwrap();
}

async fn counted(client: &Client, kind: &str) -> u64 {
    let events = client.replay().await.unwrap();
    u64::try_from(events.iter().filter(|event| event.r#type == kind).count()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daily_work_is_done_once_however_often_it_is_broken_off() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), "2026-03-02T09:00:00-05:00").unwrap();
    let client = Client::connect(process.address()).await;
    for number in 0..ACCOUNTS {
        open(&client, number).await;
    }
    process.kill();
    let morning = "2026-04-12T06:00:00-04:00";
    for round in 0..KILLS {
        let process = Process::start(folder.path(), morning).unwrap();
        tokio::time::sleep(Duration::from_millis(round * 4)).await;
        process.kill();
    }
    let process = Process::start(folder.path(), morning).unwrap();
    let client = Client::connect(process.address()).await;
    client
        .until(async |client| {
            counted(client, "FeeAssessed").await >= ACCOUNTS
                && counted(client, "CreditRefunded").await >= ACCOUNTS
        })
        .await;
    // The pass of another day finds nothing left to do.
    client.clock("2026-04-13T06:00:00-04:00").await;
    agree(&client).await;
    assert!(process.stop().status.success());
    let process = Process::start(folder.path(), "2026-04-14T06:00:00-04:00").unwrap();
    let client = Client::connect(process.address()).await;
    for (kind, expected) in [
        ("FeeAssessed", ACCOUNTS),
        ("CreditRefunded", ACCOUNTS),
        ("NothingChanged", 0),
        ("RequestRefused", 0),
    ] {
        assert_eq!(counted(&client, kind).await, expected, "{kind}");
    }
    assert!(process.stop().status.success());
    offline_finds_nothing_wrong(&["verify"], folder.path());
    offline_finds_nothing_wrong(&["projections", "verify"], folder.path());
}
