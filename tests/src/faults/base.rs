//! Data directories with a known content, and what the service says of it when nothing is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::{Channel, Payment, RecordedEvent};
use rusqlite::Connection;
use tempfile::TempDir;
use tonic::Code;

use crate::client::{Client, receive};
use crate::process::Process;
use crate::requests::{cents, interest_free};

/// The clock of all of it.
pub(super) const CLOCK: &str = "2026-03-03T09:00:00-05:00";
const DAY: &str = "2026-03-03";
/// The accounts.
pub(super) const ACCOUNTS: &[&str] = &["a-1", "a-2", "a-3"];

/// What the service says of one account: what it owes, and its payments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) owed: i64,
    pub(super) payments: Vec<Payment>,
}

/// Every account's; none of one that is not open yet.
pub(super) type Standings = Vec<Option<Standing>>;

/// A directory, and what is in it.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) folder: TempDir,
    /// The same directory at an earlier time.
    pub(super) earlier: TempDir,
    /// Every event; each was acknowledged.
    pub(super) events: Vec<RecordedEvent>,
    /// Where commits end, and what the service said there.
    pub(super) standings: BTreeMap<u64, Standings>,
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
    name: &str,
    count: u64,
    standings: &mut BTreeMap<u64, Standings>,
) {
    for number in 0..count {
        let account = ACCOUNTS[usize::try_from(number).unwrap() % ACCOUNTS.len()];
        let name = format!("{name} {number}");
        let amount = format!("{}.{:02}", number % 9 + 1, number % 100);
        let position = if number % 4 == 3 {
            let paid = client.schedule(&name, account, &amount, DAY).await.unwrap();
            let id = paid.payment.unwrap().payment_id;
            standings.insert(paid.position, stand(client).await.unwrap());
            let cancelled = client.cancel(&format!("{name} off"), account, &id).await;
            cancelled.unwrap().position
        } else {
            let received = client.receive(&name, account, Channel::Wire, &amount, DAY).await;
            received.unwrap().position
        };
        standings.insert(position, stand(client).await.unwrap());
    }
    let commands = (0..count).map(|number| {
        let account = ACCOUNTS[usize::try_from(number).unwrap() % ACCOUNTS.len()];
        let name = format!("{name} batch {number}");
        Command::ReceivePayment(receive(&name, account, Channel::Wire, "1.25", DAY))
    });
    let position = client.batch(commands.collect()).await.unwrap().position;
    standings.insert(position, stand(client).await.unwrap());
}

/// What the service says of every account.
pub(super) async fn stand(client: &Client) -> Result<Standings, tonic::Status> {
    let mut standings = Vec::new();
    for account in ACCOUNTS {
        let balance = match client.balance(account, DAY).await {
            Err(status) if status.code() == Code::NotFound => {
                standings.push(None);
                continue;
            }
            answer => answer?,
        };
        let owed = cents(balance.principal.as_ref()) + cents(balance.fees_due.as_ref());
        standings.push(Some(Standing { owed, payments: client.payments_of(account).await? }));
    }
    Ok(standings)
}

impl Base {
    /// Half of it is in the log's file, and half in the write-ahead log of a killed process.
    pub(super) async fn killed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut standings = BTreeMap::new();
        let process = Process::start(folder.path(), CLOCK).unwrap();
        let client = Client::connect(process.address()).await;
        standings.insert(client.head().await.unwrap(), stand(&client).await.unwrap());
        for account in ACCOUNTS {
            let opened = client.open(interest_free(account, "9000.00")).await.unwrap();
            standings.insert(opened.position, stand(&client).await.unwrap());
        }
        write(&client, "before", 24, &mut standings).await;
        let earlier = tempfile::tempdir().unwrap();
        copy(folder.path(), earlier.path());
        assert!(process.stop().status.success());
        let process = Process::start(folder.path(), CLOCK).unwrap();
        let client = Client::connect(process.address()).await;
        write(&client, "after", 16, &mut standings).await;
        let events = client.replay().await.unwrap();
        process.kill();
        Self { folder, earlier, events, standings }
    }

    /// The same, stopped in order: one file holds all of it.
    pub(super) fn stopped(&self) -> Self {
        let (folder, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(self.folder.path(), folder.path());
        copy(self.earlier.path(), earlier.path());
        let process = Process::start(folder.path(), CLOCK).unwrap();
        assert!(process.stop().status.success());
        // The read models too are in one file, as they are after every few thousand pages.
        let read = Connection::open(folder.path().join("read/gen-1.db")).unwrap();
        read.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(read);
        Self { folder, earlier, events: self.events.clone(), standings: self.standings.clone() }
    }

    /// What the service must say if it opens at `head`. None in the middle of a commit.
    pub(super) fn standings_at(&self, head: u64) -> Option<Standings> {
        let (first, _) = self.standings.first_key_value().unwrap();
        // What comes before is what a service writes into an empty log: no account is open.
        let none = || ACCOUNTS.iter().map(|_| None).collect();
        self.standings.get(&head).cloned().or_else(|| (head < *first).then(none))
    }

    /// How many events it holds.
    pub(super) fn head(&self) -> u64 {
        u64::try_from(self.events.len()).unwrap()
    }
}
