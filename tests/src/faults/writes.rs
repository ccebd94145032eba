//! Writes and syncs that fail under the running service: it stops, says why, and never acknowledges
//! what is not there after it is opened again.

use std::path::Path;

use proto::payledger::v1::Channel;
use tonic::Code;

use super::base::{ACCOUNTS, CLOCK, DAY};
use super::oracle::{HANGS_AFTER, start, well_refused};
use crate::client::Client;
use crate::process::{Process, hung_for, offline};
use crate::refusals::Refused;
use crate::shim::{Rule, disturbed};
use crate::watch::Watch;
use tonic_types::StatusExt as _;

/// What came of a failing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopped {
    /// The service did not start.
    AtStart,
    /// The writer stopped, and the service with it.
    Writer,
    /// The service went on: the call concerned the read models, or never came.
    WentOn,
}

/// Runs the service on `folder` with a call that fails, sends at most `most` commands, and holds
/// what was acknowledged against what is there afterwards.
pub(super) async fn fails(folder: &Path, rule: &Rule, most: u64) -> Result<Stopped, String> {
    let command = disturbed(folder, Some(rule), None);
    let mut acknowledged = Vec::new();
    let stopped = match start(command, folder, &[]) {
        Err(ended) => {
            well_refused(ended.status.code(), &ended.said)?;
            Stopped::AtStart
        }
        Ok(process) => {
            let failure = send(&process, most, &mut acknowledged).await?;
            after(process, rule, failure)?
        }
    };
    reopened(folder, &acknowledged).await?;
    Ok(stopped)
}

/// Sends until a command fails; says whether one did.
async fn send(
    process: &Process,
    most: u64,
    acknowledged: &mut Vec<(String, u64)>,
) -> Result<bool, String> {
    let client = Client::connect(process.address()).await;
    for number in 0..most {
        let name = format!("wire {number}");
        let account = ACCOUNTS[usize::try_from(number).unwrap() % ACCOUNTS.len()];
        match client.receive(&name, account, Channel::Wire, "0.05", DAY).await {
            Ok(answer) => acknowledged.push((name, answer.position)),
            Err(status) if status.get_error_details().error_info().is_none() => return Ok(true),
            Err(status) => {
                let refused = Refused::read(&status);
                let known = matches!(
                    (refused.code, refused.reason.as_str()),
                    (Code::Unavailable, "STORE_UNAVAILABLE" | "SHUTTING_DOWN")
                        | (Code::Unknown, "OUTCOME_UNKNOWN")
                );
                return if known {
                    Ok(true)
                } else {
                    Err(format!("not as documented: {refused:?}"))
                };
            }
        }
    }
    Ok(false)
}

/// A service whose log failed ends by itself and says so; any other is stopped.
fn after(process: Process, rule: &Rule, failed: bool) -> Result<Stopped, String> {
    let watch = Watch::over(process.id(), HANGS_AFTER);
    let (ended, stopped) =
        if failed { (process.wait(), Stopped::Writer) } else { (process.stop(), Stopped::WentOn) };
    if watch.lift() {
        return Err(format!("{rule}: {}: {}", hung_for(HANGS_AFTER), ended.said));
    }
    let (code, said) = (ended.status.code(), ended.said);
    if said.contains("panicked") {
        return Err(format!("{rule}: {said}"));
    }
    match (failed, code) {
        (true, Some(1)) if said.contains("writer") => Ok(stopped),
        (true, _) => Err(format!("the writer failed, and it ended with {code:?}: {said}")),
        // The last checkpoint, or the read models, may fail while it stops.
        (false, Some(0 | 1)) => Ok(stopped),
        (false, _) => Err(format!("it was stopped, and ended with {code:?}: {said}")),
    }
}

/// Without the fault everything acknowledged is there, once, and nothing is wrong.
async fn reopened(folder: &Path, acknowledged: &[(String, u64)]) -> Result<(), String> {
    let process = Process::start(folder, CLOCK).map_err(|it| format!("opened again: {it:?}"))?;
    let client = Client::connect(process.address()).await;
    for (number, (name, position)) in acknowledged.iter().enumerate() {
        let account = ACCOUNTS[number % ACCOUNTS.len()];
        let again = client.receive(name, account, Channel::Wire, "0.05", DAY).await;
        let again = again.map_err(|status| format!("{name}: {status:?}"))?;
        if (again.position, again.replayed) != (*position, true) {
            return Err(format!("{name} was acknowledged at {position}: {again:?}"));
        }
    }
    let stopped = process.stop();
    if !stopped.status.success() {
        return Err(format!("{stopped:?}"));
    }
    let verified = offline(&["verify"], folder);
    if verified.status.success() {
        return Ok(());
    }
    Err(super::oracle::text(&verified.stderr))
}

/// The calls that fail, each of these numbers in each file.
pub(super) fn rules(numbers: &(impl Iterator<Item = u64> + Clone)) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (op, file) in [
        ("write", "events.db-wal"),
        ("sync", "events.db-wal"),
        ("write", "events.db"),
        ("sync", "events.db"),
        ("truncate", "events.db-wal"),
        ("write", "streams.db-wal"),
        ("sync", "streams.db"),
        ("write", "*read/"),
        ("sync", "*read/"),
        ("write", "*"),
        ("sync", "*"),
    ] {
        for number in numbers.clone() {
            let actions: &[&'static str] = match op {
                "write" => &["eio", "enospc,on", "short,on"],
                _ => &["eio", "eio,on"],
            };
            rules.extend(actions.iter().map(|action| Rule { op, file, number, action }));
        }
    }
    rules.push(Rule { op: "open", file: "*", number: 1, action: "erofs,on" });
    rules.push(Rule { op: "open", file: "events.db", number: 1, action: "erofs,on" });
    rules.push(Rule { op: "open", file: "streams.db", number: 1, action: "erofs,on" });
    rules.push(Rule { op: "open", file: "*read/", number: 1, action: "erofs,on" });
    rules
}
