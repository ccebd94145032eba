//! The oracle: opens a directory with the real binary and says what came of it, or what is wrong.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tonic::Code;

use super::base::{Base, CLOCK, Standing, Standings, copy, stand};
use super::damage::Damage;
use crate::client::Client;
use crate::process::{Ended, Process, binary, hung_for, offline};
use crate::watch::Watch;

/// How long anything may take before it counts as hanging. At the lowest priority beside builds a
/// sweep gets so little of the processor that two minutes were not enough for one start.
pub(super) const HANGS_AFTER: Duration = Duration::from_secs(900);

/// What came of a fault. Everything else is a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It opens with everything acknowledged.
    Whole,
    /// It opens at an earlier commit, no witness that is left knows a later one, and what it says
    /// is what it said at that commit.
    Earlier,
    /// It opens, and a read of what is damaged names the position.
    DamageOnRead,
    /// It opens, and balances are right, but lists are not, since the read models were damaged:
    /// verifying names the row.
    ListsDiffer,
    /// It is refused, by position or by file and cause.
    Refused,
}

/// What a directory is held to.
pub(super) struct Expected<'a> {
    pub(super) base: &'a Base,
    /// At least so much must be there.
    pub(super) least: u64,
    /// What has happened to it, unless it was only a loss of power.
    pub(super) damage: Option<&'a Damage>,
}

/// How often something is asked that is unavailable.
const ASKED_MAX: u32 = 2000;

fn bounded(mut command: Command) -> Result<Output, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child: Child = command.spawn().unwrap();
    let watch = Watch::over(child.id(), HANGS_AFTER);
    let output = child.wait_with_output().unwrap();
    if watch.lift() { Err(hung_for(HANGS_AFTER)) } else { Ok(output) }
}

/// What a refusal must be like: an exit code, no panic, and the place or the file that it is about.
pub(super) fn well_refused(code: Option<i32>, said: &str) -> Result<(), String> {
    let places = ["position ", "events.db", "HEAD", "/read", "LOCK", "CURRENT", "read model"];
    let named = places.iter().any(|name| said.contains(name)) || said.contains("read database");
    let panicked = ["panicked", "stack backtrace", "RUST_BACKTRACE"];
    match code {
        Some(1 | 3 | 4) if named && !panicked.iter().any(|word| said.contains(word)) => Ok(()),
        _ => Err(format!("badly refused, exit {code:?}: {said}")),
    }
}

/// The highest position that a witness in the directory knows.
pub(super) fn witnessed(folder: &Path) -> u64 {
    // Looked at in a copy, since looking may change what is there.
    let place = tempfile::tempdir().unwrap();
    copy(folder, place.path());
    let kept = std::fs::read_to_string(place.path().join("HEAD")).unwrap_or_default();
    let kept = kept.lines().find_map(|line| line.strip_prefix("position ")?.parse().ok());
    kept.unwrap_or(0).max(of_read_models(&place.path().join("read")))
}

fn of_read_models(read: &Path) -> u64 {
    let Ok(current) = std::fs::read_to_string(read.join("CURRENT")) else { return 0 };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let Ok(database) = Connection::open_with_flags(read.join(current.trim_end()), flags) else {
        return 0;
    };
    let position = database.query_row("SELECT position FROM progress", [], |row| row.get(0));
    u64::try_from(position.unwrap_or(0_i64)).unwrap_or(0)
}

/// Opens it, and says what came of it.
pub(super) async fn judge(folder: &Path, expected: &Expected<'_>) -> Result<Outcome, String> {
    let (witnessed, remembered) = (witnessed(folder), folder.join("HEAD").exists());
    let mut verify = Command::new(binary());
    verify.arg("verify").arg("--data-dir").arg(folder);
    let verified = bounded(verify).map_err(|problem| format!("verify: {problem}"))?;
    let (out, said) = (text(&verified.stdout), text(&verified.stderr));
    if !verified.status.success() {
        well_refused(verified.status.code(), &format!("{out}{said}"))
            .map_err(|problem| format!("verify: {problem}"))?;
    }
    match start(Command::new(binary()), folder) {
        Err(ended) => {
            well_refused(ended.status.code(), &ended.said)?;
            Ok(Outcome::Refused)
        }
        Ok(process) => {
            let watch = Watch::over(process.id(), HANGS_AFTER);
            let client = Client::connect(process.address()).await;
            let outcome = opened(&client, folder, witnessed, expected).await;
            let hung = watch.lift();
            let ended = process.stop();
            if hung {
                return Err(format!("{}: {}", hung_for(HANGS_AFTER), ended.said));
            }
            if ended.said.contains("panicked") {
                return Err(ended.said);
            }
            let (status, said) = (ended.status, &ended.said);
            let how = |problem| format!("{problem}; the service ended with {status}: {said}");
            match outcome.map_err(how)? {
                Outcome::Earlier if !remembered && !ended.said.contains("there is no HEAD") => Err(
                    format!("it opens at an earlier commit and does not say so: {}", ended.said),
                ),
                Outcome::DamageOnRead if verified.status.success() => {
                    Err("a read meets damage that verifying does not".to_owned())
                }
                outcome => {
                    // Damage may be left where no answer meets it; otherwise nothing is wrong.
                    if outcome == Outcome::Earlier || expected.damage.is_none() {
                        finds_nothing_wrong(folder)?;
                    }
                    Ok(outcome)
                }
            }
        }
    }
}

fn finds_nothing_wrong(folder: &Path) -> Result<(), String> {
    for verb in [&["verify"][..], &["projections", "verify"]] {
        let mut command = Command::new(binary());
        command.args(verb).arg("--data-dir").arg(folder);
        let output = bounded(command).map_err(|problem| format!("{verb:?}: {problem}"))?;
        if !output.status.success() {
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            return Err(format!("it has opened, and then {verb:?}: {}: {said}", output.status));
        }
    }
    Ok(())
}

/// Starts the service, which may be refused, but not hang.
pub(super) fn start(command: Command, folder: &Path) -> Result<Process, Ended> {
    Process::start_watched(command, folder, CLOCK, HANGS_AFTER)
}

async fn opened(
    client: &Client,
    folder: &Path,
    witnessed: u64,
    expected: &Expected<'_>,
) -> Result<Outcome, String> {
    let events = match client.replay().await {
        Ok(events) => events,
        Err(status) if status.code() == Code::DataLoss => return Ok(Outcome::DamageOnRead),
        Err(status) => return Err(format!("the log cannot be replayed: {status:?}")),
    };
    let base = expected.base;
    if !base.events.starts_with(&events) {
        return Err(format!("it holds other events: {} of them", events.len()));
    }
    let head = u64::try_from(events.len()).unwrap();
    if head < expected.least {
        return Err(format!("{} were acknowledged, and {head} are there", expected.least));
    }
    if head < witnessed {
        return Err(format!("a witness knows {witnessed}, and it opens at {head}"));
    }
    let Some(standings) = base.standings_at(head) else {
        return Err(format!("it opens at {head}, in the middle of a commit"));
    };
    let found = answered(client).await.map_err(|status| format!("questions: {status:?}"))?;
    let owed = |standings: &[Option<Standing>]| -> Vec<Option<i64>> {
        standings.iter().map(|standing| standing.as_ref().map(|it| it.owed)).collect()
    };
    if owed(&found) != owed(&standings) {
        return Err(format!("wrong balances at {head}: {:?}", owed(&found)));
    }
    let earlier = head < base.head();
    if found == standings {
        return Ok(if earlier { Outcome::Earlier } else { Outcome::Whole });
    }
    if earlier || !expected.damage.is_some_and(Damage::is_of_read_models) {
        return Err(format!("lists are wrong at {head}, and no read model was damaged"));
    }
    if offline(&["projections", "verify"], folder).status.code() == Some(3) {
        return Ok(Outcome::ListsDiffer);
    }
    Err("lists are wrong, and verifying finds nothing".to_owned())
}

/// Standings, asked for again for as long as the service says that this helps: read models that a
/// question finds damaged are built anew.
async fn answered(client: &Client) -> Result<Standings, tonic::Status> {
    let mut asked = 0;
    loop {
        let found = stand(client).await;
        asked += 1;
        let again = |status: &tonic::Status| status.code() == Code::Unavailable;
        if asked == ASKED_MAX || !found.as_ref().is_err_and(again) {
            return found;
        }
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
