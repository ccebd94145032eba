//! Damage in the log that an opening does not meet: it is found, told, and hurts only who needs
//! what is damaged.

use std::num::NonZeroU64;
use std::sync::Arc;

use gateway::serve::ServiceSettings;
use ledger::store::embedded::Options;
use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::{
    Channel, GetLogStatusRequest, GetLogStatusResponse, GetProjectionStatusRequest, LogState,
    RebuildProgress, RebuildProjectionRequest, RebuildState, ReplayEventsRequest,
};
use rusqlite::Connection;
use tempfile::TempDir;
use tests::client::Client;
use tests::refusals::{reason, refused};
use tests::requests::{auto_loan, instant};
use tests::server::{Town, settings};
use tests::views::all_payments;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::books::close_day;

const CLOCK: &str = "2026-03-03T09:00:00-05:00";

/// A service on `data_dir` whose openings check the last eight events, and whose scrub is quick.
async fn town_on(data_dir: Arc<TempDir>) -> Town {
    let settings = settings(data_dir.path(), instant(CLOCK));
    let log = Options { tail_events: 8, ..Options::default() };
    let scrub_rate = NonZeroU64::new(1 << 30);
    Town::with(data_dir, ServiceSettings { log, scrub_rate, ..settings }).await
}

async fn log_status(client: &Client) -> GetLogStatusResponse {
    client.operations().get_log_status(GetLogStatusRequest {}).await.unwrap().into_inner()
}

/// The status once a pass of the scrub is through.
async fn checked(town: &Town) -> GetLogStatusResponse {
    town.until(async |town| log_status(town).await.state() != LogState::Unchecked).await;
    log_status(town).await
}

async fn health(client: &Client, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(client.channel()).check(request).await.unwrap().into_inner().status()
}

/// A directory whose log holds two accounts and more events than a start reads; and where the first
/// account was opened.
pub(crate) async fn two_accounts() -> (Arc<TempDir>, u64) {
    let town = town_on(Arc::new(tempfile::tempdir().unwrap())).await;
    let opened = town.open(auto_loan("a-1")).await.unwrap().position;
    town.open(auto_loan("a-2")).await.unwrap();
    town.receive("wire 0", "a-2", Channel::Wire, "1.00", "2026-03-03").await.unwrap();
    let others = (0..1100).map(|n| Command::OpenAccount(auto_loan(&format!("b-{n}")).into()));
    town.batch(others.collect()).await.unwrap();
    // The read models have all of it, and need nothing that is damaged later.
    all_payments(&town, town.head().await.unwrap()).await;
    (town.stop().await, opened)
}

#[tokio::test]
async fn a_log_that_is_whole_is_found_so() {
    let (data_dir, _) = two_accounts().await;
    let town = town_on(data_dir).await;
    let status = checked(&town).await;
    assert_eq!(status.state(), LogState::Whole);
    assert_eq!(status.whole_position, status.head_position);
    assert_eq!((status.damage, status.chain.len()), (None, 64));
    town.until(async |town| health(town, "log").await == ServingStatus::Serving).await;
}

/// Spoils the block that holds a position; tells where it begins.
pub(crate) fn spoil(data_dir: &TempDir, position: u64) -> i64 {
    let log = Connection::open(data_dir.path().join("events.db")).unwrap();
    let spoil = "UPDATE blocks SET payload = zeroblob(40) WHERE first_position <= ?1
         AND first_position + events > ?1 RETURNING first_position";
    log.query_row(spoil, [i64::try_from(position).unwrap()], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn damage_that_a_read_meets_before_the_scrub_is_found_and_told() {
    let (data_dir, opened) = two_accounts().await;
    let town = town_on(data_dir.clone()).await;
    assert_eq!(checked(&town).await.state(), LogState::Whole);
    let spoilt = spoil(&data_dir, opened);
    assert_eq!(reason(town.balance("a-1", "2026-03-03").await), "LOG_DAMAGED");
    town.until(async |town| log_status(town).await.state() == LogState::Damaged).await;
    let found = log_status(&town).await.damages;
    assert_eq!(found.iter().map(|it| it.position.cast_signed()).collect::<Vec<_>>(), [spoilt]);
    town.until(async |town| health(town, "log").await == ServingStatus::NotServing).await;
}

#[tokio::test]
async fn old_damage_is_found_and_told_and_other_accounts_go_on() {
    let (data_dir, opened) = two_accounts().await;
    // Where that is, and further on.
    let spoilt = [spoil(&data_dir, opened), spoil(&data_dir, opened + 40)];
    let town = town_on(data_dir).await;

    town.until(async |town| log_status(town).await.damage_count == 2).await;
    let status = log_status(&town).await;
    assert_eq!(status.state(), LogState::Damaged);
    let found = status.damages.iter().map(|damage| damage.position.cast_signed());
    assert_eq!(found.collect::<Vec<_>>(), spoilt);
    let damage = status.damage.unwrap();
    assert_eq!(damage.position, opened);
    assert!(damage.message.contains("checksum"), "{}", damage.message);

    let told = refused(town.balance("a-1", "2026-03-03").await);
    assert_eq!((told.code, told.reason.as_str()), (Code::DataLoss, "LOG_DAMAGED"));
    assert_eq!(told.fact("position"), opened.to_string());
    let write = town.receive("wire", "a-1", Channel::Wire, "1.00", "2026-03-03").await;
    assert_eq!(reason(write), "LOG_DAMAGED");

    town.balance("a-2", "2026-03-03").await.unwrap();
    town.receive("wire 1", "a-2", Channel::Wire, "1.00", "2026-03-03").await.unwrap();
    let again = town.receive("wire 0", "a-2", Channel::Wire, "1.00", "2026-03-03").await;
    assert!(again.unwrap().replayed);
    // Taken out of service it would help nobody; but who watches the log is told.
    town.until(async |town| health(town, "log").await == ServingStatus::NotServing).await;
    town.until(async |town| health(town, "").await == ServingStatus::Serving).await;

    // Read models cannot be built anew from it, which does not look as if they were being built.
    town.operations().rebuild_projection(RebuildProjectionRequest {}).await.unwrap();
    town.until(async |town| rebuild(town).await.state() == RebuildState::Failed).await;
    let failed = rebuild(&town).await;
    assert!(failed.message.contains("damaged"), "{}", failed.message);
}

#[tokio::test]
async fn no_day_is_closed_without_an_account_and_who_is_in_the_way_is_named() {
    let (data_dir, opened) = two_accounts().await;
    let town = town_on(data_dir.clone()).await;
    for day in ["2026-03-04", "2026-03-05"] {
        town.clock(&format!("{day}T09:00:00-05:00")).await;
        town.receive(day, "a-2", Channel::Wire, "1.00", day).await.unwrap();
    }
    town.clock("2026-03-05T09:00:06-05:00").await;
    close_day(&town, "whole", "2026-03-03").await.unwrap();
    spoil(&data_dir, opened);
    let told = refused(close_day(&town, "damaged", "2026-03-04").await);
    assert_eq!((told.code, told.reason.as_str()), (Code::DataLoss, "LOG_DAMAGED"));
    assert_eq!((told.fact("position"), told.fact("account_id")), (&*opened.to_string(), "a-1"));
}

async fn rebuild(client: &Client) -> RebuildProgress {
    let asked = GetProjectionStatusRequest::default();
    let status = client.operations().get_projection_status(asked).await.unwrap();
    status.into_inner().rebuild.unwrap()
}

#[tokio::test]
async fn what_is_whole_before_damage_is_replayed() {
    let (data_dir, opened) = two_accounts().await;
    let first = u64::try_from(spoil(&data_dir, opened + 40)).unwrap();
    let town = town_on(data_dir).await;
    let replay = town.audit().replay_events(ReplayEventsRequest::default()).await;
    let mut messages = replay.unwrap().into_inner();
    let mut seen = 0;
    let ended = loop {
        match messages.message().await {
            Ok(message) => seen = message.unwrap().events.last().map_or(seen, |it| it.position),
            Err(status) => break status,
        }
    };
    assert_eq!((ended.code(), seen), (Code::DataLoss, first - 1));
}
