//! The oracle: opens a directory with the real binary and says what came of it, or what is wrong.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tonic::Code;

use super::base::{Base, CLOCK, copy, stand};
use super::closing::Closed;
use super::damage::Damage;
use super::met::{Found, found_by, replayed};
use crate::client::Client;
use crate::process::{Ended, Process, binary, hung_for};
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
    /// It opens, and a read of what is damaged names the position, as verifying and the scrub do;
    /// what an account owes is right, or names it, too.
    DamageOnRead,
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

/// How many of the last lines of a service's log are told with what is wrong.
const LINES_TOLD: usize = 20;

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
    let verified = verified(folder)?;
    match start(Command::new(binary()), folder, QUIETLY) {
        Err(ended) => {
            well_refused(ended.status.code(), &ended.said)?;
            Ok(Outcome::Refused)
        }
        Ok(process) => {
            let watch = Watch::over(process.id(), HANGS_AFTER);
            let client = Client::connect(process.address()).await;
            let opened = Opened { client: &client, expected, verified };
            let outcome = opened.outcome(witnessed).await;
            let hung = watch.lift();
            let ended = process.stop();
            if hung {
                return Err(format!("{}: {}", hung_for(HANGS_AFTER), ended.said));
            }
            if ended.said.contains("panicked") {
                return Err(ended.said);
            }
            let (status, said) = (ended.status, &ended.said);
            let how = |problem| {
                let last: Vec<&str> = said.lines().rev().take(LINES_TOLD).collect();
                format!("{problem}; the service ended with {status}, and said last: {last:#?}")
            };
            let outcome = outcome.map_err(how)?;
            if outcome == Outcome::Earlier && !remembered && !said.contains("there is no HEAD") {
                return Err(format!("it opens at an earlier commit and does not say so: {said}"));
            }
            // Damage of the log may be left where no answer meets it; otherwise nothing is wrong.
            let is_of_log = expected.damage.is_some_and(|damage| !damage.is_of_read_models());
            if outcome == Outcome::Earlier || !is_of_log {
                finds_nothing_wrong(folder)?;
            }
            Ok(outcome)
        }
    }
}

/// What verifying finds before anything is started.
fn verified(folder: &Path) -> Result<Found, String> {
    let mut verify = Command::new(binary());
    verify.arg("verify").arg("--data-dir").arg(folder);
    let verified = bounded(verify).map_err(|problem| format!("verify: {problem}"))?;
    if verified.status.success() {
        return Ok(Found::Nothing);
    }
    let (out, said) = (text(&verified.stdout), text(&verified.stderr));
    well_refused(verified.status.code(), &format!("{out}{said}"))
        .map_err(|problem| format!("verify: {problem}"))?;
    Ok(found_by(&said))
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

/// What time drives is left to the oracle, and the scrub does not take its time.
const QUIETLY: &[&str] = &["--no-runner", "--scrub-rate", "1024"];

/// Starts the service, which may be refused, but not hang.
pub(super) fn start(command: Command, folder: &Path, more: &[&str]) -> Result<Process, Ended> {
    Process::start_watched(command, folder, CLOCK, more, HANGS_AFTER)
}

/// A service that has opened a directory.
pub(super) struct Opened<'a> {
    pub(super) client: &'a Client,
    pub(super) expected: &'a Expected<'a>,
    /// What was found before.
    pub(super) verified: Found,
}

impl Opened<'_> {
    /// What has come of it; a witness knows so much.
    async fn outcome(&self, witnessed: u64) -> Result<Outcome, String> {
        let base = self.expected.base;
        let (events, ended) = replayed(self.client).await;
        if !base.events.starts_with(&events) {
            return Err(format!("it holds other events: {} of them", events.len()));
        }
        let head = u64::try_from(events.len()).unwrap();
        if let Some(status) = ended {
            return self.damage_met(head, &status).await;
        }
        if head < self.expected.least {
            let least = self.expected.least;
            return Err(format!("{least} were acknowledged, and {head} are there"));
        }
        if head < witnessed {
            return Err(format!("a witness knows {witnessed}, and it opens at {head}"));
        }
        let Some(standings) = base.standings_at(head) else {
            return Err(format!("it opens at {head}, in the middle of a commit"));
        };
        let found = patiently(async || stand(self.client).await).await;
        let found = found.map_err(|status| format!("questions: {status:?}"))?;
        if found.owed() != standings.owed() {
            return Err(format!("wrong balances at {head}: {:?}", found.owed()));
        }
        if found != standings {
            return Err(format!("lists are wrong at {head}"));
        }
        if head < base.head() {
            return Ok(Outcome::Earlier);
        }
        if self.expected.damage.is_some_and(Damage::is_of_read_models) {
            self.nothing_is_made_of_it().await?;
        }
        Ok(Outcome::Whole)
    }

    /// What goes into the log for ever is as if no read model had been damaged, and afterwards none
    /// is: they were compared, and built anew.
    async fn nothing_is_made_of_it(&self) -> Result<(), String> {
        let closed = Closed::by(self.client).await;
        let closed = closed.map_err(|status| format!("run and close: {status:?}"))?;
        if closed == self.expected.base.closed {
            return Ok(());
        }
        Err(format!("a seal, a close, or a list behind it is wrong: {closed:?}"))
    }
}

/// Asks again, under the same request id, for as long as the service says that this helps: read
/// models that a question, a run or a close finds damaged are built anew.
pub(super) async fn patiently<T>(
    mut ask: impl AsyncFnMut() -> Result<T, tonic::Status>,
) -> Result<T, tonic::Status> {
    let mut asked = 0;
    loop {
        let answer = ask().await;
        asked += 1;
        let again =
            |status: &tonic::Status| matches!(status.code(), Code::Unavailable | Code::Unknown);
        if asked == ASKED_MAX || !answer.as_ref().is_err_and(again) {
            return answer;
        }
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
