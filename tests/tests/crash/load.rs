//! Clients that write until the service is gone, and remember every answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::batch_result::Outcome;
use proto::payledger::v1::{BatchResult, Channel};
use tests::chance::Chance;
use tests::client::{Client, receive, schedule};
use tests::refusals::Refused;
use tests::requests::{auto_loan, lien};
use tokio::sync::watch;
use tonic::Code;

/// A command and the position it was acknowledged with, if it was.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) command: Command,
    pub(crate) position: Option<u64>,
}

/// The day of all payments of a round.
pub(crate) struct Day<'a> {
    pub(crate) round: u64,
    pub(crate) date: &'a str,
}

/// The commands of one client, without end: accounts of its own, and payments on them.
fn commands(client: u64, day: &Day<'_>) -> impl Iterator<Item = Command> {
    let (round, date) = (day.round, day.date.to_owned());
    (0_u64..).flat_map(move |n| {
        let account = format!("r{round}-c{client}-{n}");
        let mut open = auto_loan(&account);
        open.lien = Some(lien("MO"));
        let name = |what: &str| format!("{account} {what}");
        [
            Command::OpenAccount(Box::new(open)),
            Command::SchedulePayment(schedule(&name("pay"), &account, "310.00", &date)),
            Command::ReceivePayment(receive(
                &name("wire"),
                &account,
                Channel::Wire,
                "99.99",
                &date,
            )),
            // One that is refused, which is an outcome like any other.
            Command::SchedulePayment(schedule(&name("late"), &account, "310.00", "2026-03-02")),
        ]
    })
}

/// The account and the request id of a command.
pub(crate) fn id_of(command: &Command) -> (String, String) {
    if let Command::OpenAccount(request) = command {
        (request.account_id.clone(), request.request_id.clone())
    } else if let Command::SchedulePayment(request) = command {
        (request.account_id.clone(), request.request_id.clone())
    } else if let Command::ReceivePayment(request) = command {
        (request.account_id.clone(), request.request_id.clone())
    } else {
        unreachable!("{command:?}")
    }
}

/// The position of an outcome, and whether it is a repeat; none if nothing was recorded.
pub(crate) fn outcome(result: &BatchResult) -> Option<(u64, bool)> {
    let outcome = result.outcome.as_ref().unwrap();
    if let Outcome::Error(status) = outcome {
        let refused = Refused::of_command(status);
        let position = || refused.fact("position").parse().unwrap();
        let recorded = refused.code == Code::FailedPrecondition;
        recorded.then(|| (position(), refused.fact("replayed") == "true"))
    } else if let Outcome::OpenAccount(answer) = outcome {
        Some((answer.position, answer.replayed))
    } else if let Outcome::SchedulePayment(answer) = outcome {
        Some((answer.position, answer.replayed))
    } else if let Outcome::ReceivePayment(answer) = outcome {
        Some((answer.position, answer.replayed))
    } else {
        unreachable!("{outcome:?}")
    }
}

/// Sends batches until the service is gone; counts acknowledgements in `acknowledged`.
async fn write_until_gone(
    client: Client,
    number: u64,
    day: Day<'_>,
    mut chance: Chance,
    acknowledged: Arc<AtomicU64>,
    told: watch::Sender<u64>,
) -> Vec<Sent> {
    let mut commands = commands(number, &day);
    let mut sent = Vec::new();
    loop {
        let size = usize::try_from(chance.below(12) + 1).unwrap();
        let batch: Vec<Command> = commands.by_ref().take(size).collect();
        let answer = client.batch(batch.clone()).await;
        let Ok(answer) = answer else {
            sent.extend(batch.into_iter().map(|command| Sent { command, position: None }));
            return sent;
        };
        assert_eq!(answer.results.len(), batch.len());
        for (command, result) in batch.into_iter().zip(&answer.results) {
            sent.push(Sent { command, position: outcome(result).map(|(position, _)| position) });
        }
        let count = u64::try_from(size).unwrap();
        told.send_replace(acknowledged.fetch_add(count, Ordering::Relaxed) + count);
    }
}

/// Writes with many clients and ends the service by `kill` once `after` commands are acknowledged.
pub(crate) async fn under_load(
    address: std::net::SocketAddr,
    round: u64,
    date: &str,
    chance: &mut Chance,
    kill: impl FnOnce(),
) -> Vec<Sent> {
    let after = chance.below(600) + 1;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (told, mut counted) = watch::channel(0);
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let client = Client::connect(address).await;
        let (acknowledged, told) = (Arc::clone(&acknowledged), told.clone());
        let (date, chance) = (date.to_owned(), Chance::of(chance.draw()));
        writers.spawn(async move {
            let day = Day { round, date: &date };
            write_until_gone(client, number, day, chance, acknowledged, told).await
        });
    }
    counted.wait_for(|count| *count >= after).await.unwrap();
    kill();
    writers.join_all().await.into_iter().flatten().collect()
}

/// Sends everything again: what was acknowledged is answered from memory with its position.
pub(crate) async fn repeated(client: &Client, sent: &[Sent]) -> BTreeMap<(String, String), u64> {
    let mut positions = BTreeMap::new();
    for chunk in sent.chunks(500) {
        let batch = chunk.iter().map(|sent| sent.command.clone()).collect();
        let answer = client.batch(batch).await.unwrap();
        for (sent, result) in chunk.iter().zip(&answer.results) {
            let told = outcome(result);
            let (position, replayed) = told.unwrap_or_else(|| unreachable!("{sent:?}: {result:?}"));
            if let Some(first) = sent.position {
                assert_eq!((position, replayed), (first, true), "{sent:?}");
            }
            assert!(positions.insert(id_of(&sent.command), position).is_none(), "{sent:?}");
        }
    }
    positions
}
