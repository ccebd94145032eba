//! Three nodes of which the leader goes away: what was acknowledged is kept, what had no answer is
//! settled by its id, and who asks meanwhile is told so.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use ledger::store::eventstore::Cluster;
use ledger::store::{AppendError, EventStore, ReadError};
use proto::payledger::v1::{ListPaymentsRequest, RecordedEvent, SchedulePaymentResponse};
use tests::client::{Answer, Client};
use tests::cluster::{Fault, Trio};
use tests::process::binary;
use tests::refusals::refused;
use tests::requests::auto_loan;
use tests::server::Town;
use tests::views::agree;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::kit::saying;

const MORNING: &str = "2026-03-03T09:00:00-05:00";
const TODAY: &str = "2026-03-03";

async fn health(client: &Client) -> ServingStatus {
    let request = HealthCheckRequest { service: String::new() };
    HealthClient::new(client.channel()).check(request).await.unwrap().into_inner().status()
}

async fn listed(client: &Client) -> usize {
    let request = ListPaymentsRequest {
        account_id: "a-1".to_owned(),
        page_size: 1000,
        ..ListPaymentsRequest::default()
    };
    client.payments().list_payments(request).await.unwrap().into_inner().payments.len()
}

/// A payment to schedule: the name of its request, and its amount, which no other has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pay(String, String);

impl Pay {
    fn new(what: &str, turn: usize, n: usize) -> Self {
        let cents = 10 * (turn + 1) + n;
        Self(format!("{what} {turn} {n}"), format!("{}.{cents:02}", what.len()))
    }

    async fn by(&self, client: &Client) -> Answer<SchedulePaymentResponse> {
        client.schedule(&self.0, "a-1", &self.1, TODAY).await
    }
}

/// Sends a request again until it has an outcome; tells where, and whether it had been written.
async fn settled(client: &Client, pay: &Pay) -> (u64, bool) {
    loop {
        match pay.by(client).await {
            Ok(answer) => return (answer.position, answer.replayed),
            Err(status) => {
                let reason = tests::refusals::Refused::read(&status).reason;
                assert!(["OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"].contains(&reason.as_str()));
            }
        }
    }
}

/// What clients are told while nobody leads.
async fn nobody_leads(one: &Town, other: &Town, meanwhile: &Pay, scheduled: usize) {
    for gateway in [one, other] {
        let write = refused(meanwhile.by(gateway).await);
        let named = ["OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"];
        assert!(named.contains(&write.reason.as_str()), "{write:?}");
        assert!([Code::Unavailable, Code::Unknown].contains(&write.code), "{write:?}");
        let question = refused(gateway.balance("a-1", TODAY).await);
        assert_eq!(question.code, Code::Unavailable, "{question:?}");
        assert!(question.retry_info, "{question:?}");
        gateway.until(async |gateway| health(gateway).await == ServingStatus::NotServing).await;
        assert!(listed(gateway).await >= scheduled, "lists go on");
    }
}

fn is_seal(event: &RecordedEvent) -> bool {
    event.r#type == "WindowSealed"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_goes_away_takes_nothing_along_that_was_acknowledged() {
    let mut trio = Trio::start().await;
    let one = Town::on_cluster_with_runner(&trio.connection(), MORNING).await;
    let other = Town::on_cluster(&trio.connection(), MORNING).await;
    one.open(auto_loan("a-1")).await.unwrap();
    let mut acknowledged = Vec::new();
    // The third leader is the first one again, which had been lost and has come back.
    for turn in 0..3 {
        for (n, gateway) in [&one, &other, &one].into_iter().enumerate() {
            let pay = Pay::new("before", turn, n);
            let position = pay.by(gateway).await.unwrap().position;
            acknowledged.push((pay, position));
        }
        agree(&one).await;
        agree(&other).await;
        // Written on all nodes, and the leader dies before it says so.
        trio.leader().faults().plan_for("PaymentScheduled", Fault::Hangs);
        let cut_off = Pay::new("cut off", turn, 0);
        let (client, pay) = (one.another_client().await, cut_off.clone());
        let sent = tokio::spawn(async move { pay.by(&client).await });
        let head = acknowledged.last().unwrap().1;
        other.until(async |other| other.head().await.unwrap() > head).await;
        trio.lose_leader().await;
        let told = refused(sent.await.unwrap());
        assert_eq!(told.reason, "OUTCOME_UNKNOWN");
        let meanwhile = Pay::new("meanwhile", turn, 0);
        nobody_leads(&one, &other, &meanwhile, acknowledged.len()).await;

        trio.elect().await;
        let (position, replayed) = settled(&other, &cut_off).await;
        assert!(replayed && position > head, "{position}, {replayed}");
        acknowledged.push((cut_off, position));
        let (first, _) = settled(&one, &meanwhile).await;
        acknowledged.push((meanwhile, first));
        for gateway in [&one, &other] {
            gateway.until(async |gateway| health(gateway).await == ServingStatus::Serving).await;
            for (pay, position) in &acknowledged {
                assert_eq!(settled(gateway, pay).await, (*position, true), "{pay:?}");
            }
        }
        trio.bring_back().await;
    }
    let events = one.replay().await.unwrap();
    assert!(events.iter().map(|event| event.position).eq(1..=u64::try_from(events.len()).unwrap()));
    assert_eq!(events, other.replay().await.unwrap());
    let scheduled = events.iter().filter(|event| event.r#type == "PaymentScheduled").count();
    assert_eq!(scheduled, acknowledged.len());
    // The runner has outlived it all as well.
    one.clock("2026-03-03T15:00:06-05:00").await;
    one.until(async |one| one.replay().await.unwrap().iter().any(is_seal)).await;
    agree(&one).await;
    agree(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_hands_over_is_followed_without_anybody_noticing() {
    let mut trio = Trio::start().await;
    let one = Town::on_cluster(&trio.connection(), MORNING).await;
    one.open(auto_loan("a-1")).await.unwrap();
    for turn in 0..4 {
        trio.resign().await;
        one.balance("a-1", TODAY).await.unwrap();
        trio.resign().await;
        Pay::new("pay", turn, 0).by(&one).await.unwrap();
    }
    assert_eq!(one.payments_of("a-1").await.unwrap().len(), 4);
}

#[tokio::test]
async fn with_two_of_three_nodes_gone_nothing_is_acknowledged() {
    let mut trio = Trio::start().await;
    let directory = tempfile::tempdir().unwrap();
    let cluster = Cluster::open(&trio.connection(), directory.path()).await.unwrap();
    cluster.append(saying("account-a", 0, "three")).await.unwrap();
    trio.lose_leader().await;
    trio.elect().await;
    let appended = loop {
        match cluster.append(saying("account-a", 1, "two")).await {
            Err(AppendError::Indeterminate(_) | AppendError::Unavailable(_)) => {}
            done => break done.unwrap(),
        }
    };
    assert_eq!(appended.position.0, 2);
    trio.lose_leader().await;
    trio.elect().await;
    let alone = cluster.append(saying("account-a", 2, "one")).await;
    assert!(matches!(alone, Err(AppendError::Indeterminate(_) | AppendError::Unavailable(_))));
    trio.bring_back().await;
    let there = loop {
        match cluster.head().await {
            Err(ReadError::Unavailable(_)) => {}
            head => break head.unwrap(),
        }
    };
    assert_eq!(there.0, 2, "what was not acknowledged was not written");
    cluster.append(saying("account-a", 2, "three again")).await.unwrap();
}

#[tokio::test]
async fn a_node_that_may_lag_is_not_asked_for() {
    let trio = Trio::start().await;
    let directory = tempfile::tempdir().unwrap();
    for preference in ["follower", "random", "readonlyreplica"] {
        let asked = trio.connection().replace("=leader", &format!("={preference}"));
        let refused = Cluster::open(&asked, directory.path()).await.unwrap_err();
        assert!(refused.to_string().contains("nodePreference must be leader"), "{refused}");
    }
}

#[test]
fn a_start_that_waits_for_its_cluster_stops_in_order_when_asked() {
    let models = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", "127.0.0.1:0", "--store", "esdb://127.0.0.1:1?tls=false"]);
    command.arg("--data-dir").arg(models.path()).stderr(Stdio::piped());
    let mut waiting = command.spawn().unwrap();
    let mut said = BufReader::new(waiting.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("the cluster does not answer yet")));
    let id = waiting.id().to_string();
    assert!(Command::new("kill").arg(&id).status().unwrap().success());
    assert!(said.any(|line| line.contains("stopped before it listened")));
    assert!(waiting.wait().unwrap().success());
}
