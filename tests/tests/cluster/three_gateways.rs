//! Three gateways on one log, all writing to the same accounts, of which one is killed.

use tests::client::Client;
use tests::cluster::{Fault, Node};
use tests::process::Process;
use tests::refusals::Refused;
use tests::requests::auto_loan;
use tests::server::Town;
use tests::views::agree;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Status;
use tonic_types::StatusExt as _;

const MORNING: &str = "2026-03-03T09:00:00-05:00";
const TODAY: &str = "2026-03-03";
const ACCOUNTS: [&str; 3] = ["a-1", "a-2", "a-3"];
/// How many write at once: two begin at each gateway.
const LANES: usize = 6;
const ROUNDS: usize = 8;

/// Somebody who writes through one gateway, and through the next one when that is gone.
struct Lane {
    number: usize,
    gateways: Vec<Client>,
    at: usize,
}

/// What came of one round of one lane: the position and the payment that was scheduled, by a
/// request that all lanes share.
type Outcome = (u64, String);

impl Lane {
    fn gateway(&self) -> Client {
        self.gateways[self.at % self.gateways.len()].clone()
    }

    /// What had no outcome is sent again under its id, as the contract says; to another gateway if
    /// this one is gone, which it cannot say with a reason.
    fn again(&mut self, status: &Status) {
        if status.get_error_details().error_info().is_none() {
            self.at += 1;
            return;
        }
        let reason = Refused::read(status).reason;
        let again = ["OUTCOME_UNKNOWN", "VERSION_CONFLICT", "STORE_UNAVAILABLE"];
        assert!(again.contains(&reason.as_str()), "{status:?}");
    }

    async fn round(&mut self, round: usize) -> Outcome {
        let account = ACCOUNTS[round % ACCOUNTS.len()];
        let (name, amount) = (format!("shared {round}"), format!("{round}.50"));
        let scheduled = loop {
            match self.gateway().schedule(&name, account, &amount, TODAY).await {
                Ok(answer) => break answer,
                Err(status) => self.again(&status),
            }
        };
        let payment = scheduled.payment.unwrap().payment_id;
        let name = format!("cancel {round} by {}", self.number);
        while let Err(status) = self.gateway().cancel(&name, account, &payment).await {
            self.again(&status);
        }
        (scheduled.position, payment)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_has_one_outcome_though_a_gateway_is_killed_and_answers_are_lost() {
    let node = Node::start().await;
    let one = Town::on_cluster(&node.connection(), MORNING).await;
    let other = Town::on_cluster(&node.connection(), MORNING).await;
    let folder = tempfile::tempdir().unwrap();
    let start = || Process::start_on_cluster(&node.connection(), folder.path(), MORNING).unwrap();
    let third = start();
    for account in ACCOUNTS {
        one.open(auto_loan(account)).await.unwrap();
    }
    node.faults().often(7, &[Fault::AnswerLost, Fault::WrongLeader, Fault::RequestLost]);
    let done = watch::Sender::new(0_usize);
    let mut lanes = JoinSet::new();
    for number in 0..LANES {
        let mut gateways = vec![Client::connect(third.address()).await];
        gateways.extend([one.another_client().await, other.another_client().await]);
        let (mut lane, done) = (Lane { number, gateways, at: number }, done.clone());
        lanes.spawn(async move {
            let mut outcomes = Vec::new();
            for round in 0..ROUNDS {
                outcomes.push(lane.round(round).await);
                done.send_modify(|done| *done += 1);
            }
            outcomes
        });
    }
    done.subscribe().wait_for(|done| *done >= LANES).await.unwrap();
    third.kill();
    let lanes = lanes.join_all().await;
    node.faults().heal();
    assert!(lanes.iter().all(|outcomes| outcomes == &lanes[0]), "{lanes:?}");
    let third = start();
    let third_client = Client::connect(third.address()).await;
    let events = one.replay().await.unwrap();
    let count = |kind: &str| events.iter().filter(|event| event.r#type == kind).count();
    assert_eq!((count("PaymentScheduled"), count("PaymentCancelled")), (ROUNDS, ROUNDS));
    assert_eq!(count("NothingChanged"), ROUNDS * (LANES - 1), "who came later, once each");
    let last = u64::try_from(events.len()).unwrap();
    assert!(events.iter().map(|event| event.position).eq(1..=last));
    for gateway in [&other, &third_client] {
        assert_eq!(events, gateway.replay().await.unwrap(), "the same positions everywhere");
    }
    for gateway in [&one, &other, &third_client] {
        agree(gateway).await;
    }
    assert!(third.stop().status.success());
}
