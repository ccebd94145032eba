//! Data directories with a known content, and what the service says of it when nothing is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::{Channel, ListPendingPaymentsRequest, Payment, RecordedEvent};
use tempfile::TempDir;
use tonic::Code;

use super::closing::{Closed, close_day, run_window};
use crate::client::{Client, receive};
use crate::process::Process;
use crate::requests::{cents, interest_free};

/// The first day, which is closed in the end, and its morning.
const FIRST_DAY: &str = "2026-03-03";
const FIRST_CLOCK: &str = "2026-03-03T09:00:00-05:00";
/// The day that is open in the end.
pub(super) const DAY: &str = "2026-03-04";
/// The clock of everything that comes after.
pub(super) const CLOCK: &str = "2026-03-04T09:00:06-05:00";
/// The accounts.
pub(super) const ACCOUNTS: &[&str] = &["a-1", "a-2", "a-3"];

/// What the tally calls damage before what a start reads.
pub(super) const FAR_BACK: &str = "far back, ";
/// How many events a start reads, and how many more there are behind the first day.
pub(super) const TAIL_EVENTS: u64 = 65_536;
const OTHER_EVENTS: u64 = 72_000;
const OTHER_ACCOUNTS: u64 = 2000;
const BATCH: usize = 8000;

/// What the service says of one account: what it owes, and its payments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) owed: i64,
    pub(super) payments: Vec<Payment>,
}

/// What the service says of all that there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Standings {
    /// Every account's; none of one that is not open yet.
    pub(super) accounts: Vec<Option<Standing>>,
    /// The payments that wait for their window.
    pub(super) pending: Vec<Payment>,
}

impl Standings {
    /// What every account owes.
    pub(super) fn owed(&self) -> Vec<Option<i64>> {
        self.accounts.iter().map(|standing| standing.as_ref().map(|it| it.owed)).collect()
    }
}

/// A directory, and what is in it.
#[derive(Debug)]
pub(super) struct Base {
    /// What the tally calls it.
    pub(super) called: &'static str,
    pub(super) folder: TempDir,
    /// The same directory at an earlier time.
    pub(super) earlier: TempDir,
    /// Every event; each was acknowledged.
    pub(super) events: Vec<RecordedEvent>,
    /// Where commits end, and what the service said there.
    pub(super) standings: BTreeMap<u64, Standings>,
    /// What it comes to once the open day's window is run and the day closed, if nothing is wrong.
    pub(super) closed: Closed,
}

/// Copies a directory with all that is in it, but for what SQLite makes anew.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Sends so many commands, one after the other, and a batch; keeps the positions that were told,
/// with what the service says of the accounts there.
pub(super) async fn write(
    client: &Client,
    (name, day): (&str, &str),
    count: u64,
    standings: &mut BTreeMap<u64, Standings>,
) {
    for number in 0..count {
        let account = ACCOUNTS[usize::try_from(number).unwrap() % ACCOUNTS.len()];
        let name = format!("{name} {number}");
        let amount = format!("{}.{:02}", number % 9 + 1, number % 100);
        let position = if number % 4 == 3 {
            let paid = client.schedule(&name, account, &amount, day).await.unwrap();
            let id = paid.payment.unwrap().payment_id;
            standings.insert(paid.position, stand(client).await.unwrap());
            let cancelled = client.cancel(&format!("{name} off"), account, &id).await;
            cancelled.unwrap().position
        } else {
            let received = client.receive(&name, account, Channel::Wire, &amount, day).await;
            received.unwrap().position
        };
        standings.insert(position, stand(client).await.unwrap());
    }
    let commands = (0..count).map(|number| {
        let account = ACCOUNTS[usize::try_from(number).unwrap() % ACCOUNTS.len()];
        let name = format!("{name} batch {number}");
        Command::ReceivePayment(receive(&name, account, Channel::Wire, "1.25", day))
    });
    let position = client.batch(commands.collect()).await.unwrap().position;
    standings.insert(position, stand(client).await.unwrap());
}

/// Schedules a payment of every account for the first window of a day.
async fn schedule(client: &Client, day: &str, standings: &mut BTreeMap<u64, Standings>) {
    for account in ACCOUNTS {
        let name = format!("due {account} {day}");
        let position = client.schedule(&name, account, "7.25", day).await.unwrap().position;
        standings.insert(position, stand(client).await.unwrap());
    }
}

/// What the service says of everything, once its read models hold the whole log.
pub(super) async fn stand(client: &Client) -> Result<Standings, tonic::Status> {
    let mut accounts = Vec::new();
    for account in ACCOUNTS {
        let owed = match owed(client, account).await {
            Err(status) if status.code() == Code::NotFound => {
                accounts.push(None);
                continue;
            }
            answer => answer?,
        };
        accounts.push(Some(Standing { owed, payments: client.payments_of(account).await? }));
    }
    let min_position = client.head().await?;
    let pending = ListPendingPaymentsRequest {
        page_size: 1000,
        min_position,
        ..ListPendingPaymentsRequest::default()
    };
    let pending = client.payments().list_pending_payments(pending).await?.into_inner().payments;
    Ok(Standings { accounts, pending })
}

/// What the service says that an account owes.
pub(super) async fn owed(client: &Client, account: &str) -> Result<i64, tonic::Status> {
    let balance = client.balance(account, DAY).await?;
    Ok(cents(balance.principal.as_ref()) + cents(balance.fees_due.as_ref()))
}

impl Base {
    /// Half of it is in the log's file, a run of a window with its seal in it; and half in the
    /// write-ahead log of a killed process, with the close of a day. Payments wait for a window.
    pub(super) async fn killed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut standings = BTreeMap::new();
        let process = Process::start_without_runner(folder.path(), FIRST_CLOCK).unwrap();
        let client = Client::connect(process.address()).await;
        first_day(&client, &mut standings).await;
        let earlier = tempfile::tempdir().unwrap();
        copy(folder.path(), earlier.path());
        assert!(process.stop().status.success());
        let process = Process::start_without_runner(folder.path(), FIRST_CLOCK).unwrap();
        let client = Client::connect(process.address()).await;
        let events = second_day(&client, &mut standings).await;
        process.kill();
        let closed = Closed::of(folder.path()).await;
        Self { called: "", folder, earlier, events, standings, closed }
    }

    /// The same, stopped in order: one file holds all of it.
    pub(super) fn stopped(&self) -> Self {
        let (folder, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(self.folder.path(), folder.path());
        copy(self.earlier.path(), earlier.path());
        let process = Process::start_without_runner(folder.path(), CLOCK).unwrap();
        assert!(process.stop().status.success());
        let (events, standings) = (self.events.clone(), self.standings.clone());
        Self { called: "", folder, earlier, events, standings, closed: self.closed.clone() }
    }

    /// So much more of other accounts behind the first day that a start does not read that day.
    pub(super) async fn long() -> Self {
        let (folder, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut standings = BTreeMap::new();
        let process = Process::start_without_runner(folder.path(), FIRST_CLOCK).unwrap();
        let client = Client::connect(process.address()).await;
        first_day(&client, &mut standings).await;
        others(&client).await;
        let events = second_day(&client, &mut standings).await;
        assert!(process.stop().status.success());
        let closed = Closed::of(folder.path()).await;
        Self { called: FAR_BACK, folder, earlier, events, standings, closed }
    }

    /// What the service must say if it opens at `head`. None in the middle of a commit.
    pub(super) fn standings_at(&self, head: u64) -> Option<Standings> {
        let (first, _) = self.standings.first_key_value().unwrap();
        // What comes before is what a service writes into an empty log: no account is open.
        let accounts = || ACCOUNTS.iter().map(|_| None).collect();
        let none = || Standings { accounts: accounts(), ..Standings::default() };
        self.standings.get(&head).cloned().or_else(|| (head < *first).then(none))
    }

    /// How many events it holds.
    pub(super) fn head(&self) -> u64 {
        u64::try_from(self.events.len()).unwrap()
    }
}

/// Opens the accounts, and writes what ends with the run of a window.
async fn first_day(client: &Client, standings: &mut BTreeMap<u64, Standings>) {
    standings.insert(client.head().await.unwrap(), stand(client).await.unwrap());
    for account in ACCOUNTS {
        let opened = client.open(interest_free(account, "9000.00")).await.unwrap();
        standings.insert(opened.position, stand(client).await.unwrap());
    }
    write(client, ("before", FIRST_DAY), 24, standings).await;
    schedule(client, FIRST_DAY, standings).await;
    client.clock("2026-03-03T15:00:06-05:00").await;
    let sealed = run_window(client, FIRST_DAY).await.unwrap();
    standings.insert(sealed, stand(client).await.unwrap());
}

/// Closes the first day, and goes on; gives every event.
async fn second_day(
    client: &Client,
    standings: &mut BTreeMap<u64, Standings>,
) -> Vec<RecordedEvent> {
    for position in close_day(client, FIRST_DAY, DAY).await.unwrap() {
        standings.insert(position, stand(client).await.unwrap());
    }
    write(client, ("after", DAY), 16, standings).await;
    schedule(client, DAY, standings).await;
    client.replay().await.unwrap()
}

/// More events of other accounts than a start reads.
async fn others(client: &Client) {
    let account = |number: u64| format!("b-{}", number % OTHER_ACCOUNTS);
    let open = |number| Command::OpenAccount(interest_free(&account(number), "9000.00").into());
    let pay = |number| {
        let (account, name) = (account(number), format!("other {number}"));
        Command::ReceivePayment(receive(&name, &account, Channel::Wire, "1.25", FIRST_DAY))
    };
    client.batch((0..OTHER_ACCOUNTS).map(open).collect()).await.unwrap();
    let numbers: Vec<u64> = (0..OTHER_EVENTS).collect();
    for numbers in numbers.chunks(BATCH) {
        client.batch(numbers.iter().copied().map(pay).collect()).await.unwrap();
    }
}
