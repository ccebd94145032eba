//! Rounds of load, kill, opening and check; many on one directory, then a fresh one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{Days, NaiveDate};
use ledger::domain::rulebook::Rulebook;
use proto::payledger::v1::{RebuildProjectionRequest, RecordedEvent};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::check::{Coverage, Logged, check};
use super::ends::{By, killed};
use super::load::{Day, World, until_gone};
use crate::chance::Chance;
use crate::client::Client;
use crate::process::{Ended, Process, offline};
use crate::shim::{Rule, disturbed};

/// Rounds on one directory: later ones start from what earlier kills have left.
const ROUNDS_OF_A_LIFE: u64 = 10;
/// Clients at the same time.
const CLIENTS: u64 = 6;

/// How long to go on, and where the chances start.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Rounds.
    pub rounds: u64,
    /// The seed.
    pub seed: u64,
    /// How many commands a round acknowledges at most before the kill.
    pub load: u64,
}

/// What a run has done and seen.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Kills by what the service was at.
    pub kills: BTreeMap<&'static str, u64>,
    /// Kills between two given system calls, by the shim.
    pub kills_by_call: u64,
    /// What the history checks have looked at, at the end of each directory's life.
    pub coverage: Coverage,
    /// How often the offline checks ran.
    pub verified: u64,
}

/// What the service is at when it is killed.
const MOMENTS: &[&str] =
    &["load", "load", "commit", "commit", "checkpoint", "start", "rebuild", "stop"];

/// Runs it all; the error says in which round what was wrong.
pub async fn run(settings: Settings, mut said: impl FnMut(&str)) -> Result<Report, String> {
    let mut report = Report::default();
    let mut chance = Chance::of(settings.seed);
    let mut done = 0;
    while done < settings.rounds {
        let rounds = ROUNDS_OF_A_LIFE.min(settings.rounds - done);
        let folder = tempfile::tempdir().unwrap();
        let load = settings.load;
        let mut life = Life { folder: folder.path(), world: Arc::default(), report, load };
        let mut seen = Coverage::default();
        for round in 0..rounds {
            let number = done + round;
            let moment = MOMENTS[usize::try_from(number).unwrap() % MOMENTS.len()];
            let outcome = life.round(round, moment, &mut chance).await;
            seen = outcome.map_err(|problem| format!("round {number} ({moment}): {problem}"))?;
        }
        report = life.report;
        add(&mut report.coverage, &seen);
        done += rounds;
        said(&format!("{done} rounds, {} acknowledged", report.coverage.acknowledged));
    }
    Ok(report)
}

fn add(total: &mut Coverage, seen: &Coverage) {
    total.acknowledged += seen.acknowledged;
    total.refused += seen.refused;
    total.rejected += seen.rejected;
    total.repeated += seen.repeated;
    total.questions += seen.questions;
    total.applied += seen.applied;
    total.lost += seen.lost;
    total.events += seen.events;
}

fn ended(ended: &Ended) -> String {
    format!("the service did not start: {}: {}", ended.status, ended.said)
}

/// One directory.
struct Life<'a> {
    folder: &'a Path,
    world: Arc<World>,
    report: Report,
    load: u64,
}

impl Life<'_> {
    async fn round(
        &mut self,
        round: u64,
        moment: &'static str,
        chance: &mut Chance,
    ) -> Result<Coverage, String> {
        let first = NaiveDate::from_ymd_opt(2026, 3, 3).unwrap();
        let today = first.checked_add_days(Days::new(round)).unwrap();
        let (tomorrow, rules) = (today.succ_opt().unwrap(), Rulebook::built_in());
        let day = Day {
            before: today.pred_opt().unwrap().to_string(),
            today: today.to_string(),
            after: tomorrow.to_string(),
            bank: rules.calendar().previous_banking_day(tomorrow).to_string(),
        };
        let morning = format!("{today}T14:00:00Z");
        if moment == "start" {
            for _ in 0..3 {
                let after = Duration::from_micros(chance.below(120_000));
                let ended = Process::start_and_kill(self.folder, &morning, after);
                killed(By::Harness { early: false }, &ended)?;
                *self.report.kills.entry(moment).or_default() += 1;
            }
        }
        self.load_and_kill(moment, &day, &morning, chance).await?;
        self.verify(&["verify"])?;
        let process = Process::start(self.folder, &morning).map_err(|it| ended(&it))?;
        let client = Client::connect(process.address()).await;
        let seen = self.settle(&client, chance).await?;
        self.evening(process, &client, today, round).await?;
        self.verify(&["verify"])?;
        self.verify(&["projections", "verify"])?;
        Ok(seen)
    }

    /// Clients write and ask until the service is gone.
    async fn load_and_kill(
        &mut self,
        moment: &'static str,
        day: &Day,
        morning: &str,
        chance: &mut Chance,
    ) -> Result<(), String> {
        *self.report.kills.entry(moment).or_default() += 1;
        let rule = rule(moment, chance);
        let command = disturbed(self.folder, rule.as_ref(), None);
        let mut process = match Process::start_as(command, self.folder, morning) {
            Ok(process) => process,
            Err(it) if rule.is_some() && it.status.code().is_none() => {
                self.report.kills_by_call += 1;
                return killed(By::Shim, &it);
            }
            Err(it) => return Err(ended(&it)),
        };
        let before = self.world.acknowledged();
        let (told, mut counted) = watch::channel(before);
        let told = Arc::new(told);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let client = Client::connect(process.address()).await;
            let chance = Chance::of(chance.draw());
            let (world, told) = (Arc::clone(&self.world), Arc::clone(&told));
            clients.spawn(until_gone(world, client, day.clone(), chance, told));
        }
        drop(told);
        if moment == "rebuild" {
            let client = Client::connect(process.address()).await;
            // It may be gone before it answers.
            let _asked = client.operations().rebuild_projection(RebuildProjectionRequest {}).await;
        }
        let enough = before + usize::try_from(chance.below(self.load) + 1).unwrap();
        // Ends too if all clients have: the service is gone.
        let _enough = counted.wait_for(|count| *count >= enough).await.map(|_| ());
        tokio::time::sleep(Duration::from_micros(chance.below(3000))).await;
        let early = process.has_ended();
        if moment == "stop" {
            process.ask_to_stop();
            tokio::time::sleep(Duration::from_micros(chance.below(60_000))).await;
        }
        let by = match rule {
            Some(_) => By::Shim,
            None if moment == "stop" => By::Asked { early },
            None => By::Harness { early },
        };
        if early {
            self.report.kills_by_call += 1;
        }
        let ended = process.kill_and_hear();
        while clients.join_next().await.is_some() {}
        killed(by, &ended)
    }

    /// Everything whose answer was lost is sent again, and much that was answered, too; then all of
    /// it is checked.
    async fn settle(&mut self, client: &Client, chance: &mut Chance) -> Result<Coverage, String> {
        for chunk in self.world.take_lost().chunks(200) {
            self.world.send(client, chunk.to_vec()).await;
        }
        self.world.send(client, self.world.some_answered(300, chance)).await;
        if !self.world.take_lost().is_empty() {
            return Err("answers are lost while nothing is wrong".to_owned());
        }
        let events = client.replay().await.map_err(|status| format!("{status:?}"))?;
        let log: Vec<Logged> = events.iter().map(logged).collect();
        let head = client.head().await.map_err(|status| format!("{status:?}"))?;
        if head != u64::try_from(log.len()).unwrap() {
            return Err(format!("the head is {head}, and {} events are there", log.len()));
        }
        check(&self.world.history.calls(), &log)
    }

    /// The day's payments are applied; every other time the service is killed in the middle of it.
    async fn evening(
        &mut self,
        mut process: Process,
        client: &Client,
        today: NaiveDate,
        round: u64,
    ) -> Result<(), String> {
        client.clock(&format!("{today}T15:00:06-05:00")).await;
        if round.is_multiple_of(2) {
            let early = process.has_ended();
            *self.report.kills.entry("cut-off run").or_default() += 1;
            return killed(By::Harness { early }, &process.kill_and_hear());
        }
        let run = client.run(&today.to_string(), "15:00").await;
        run.map_err(|status| format!("the run of the window: {status:?}"))?;
        let stopped = process.stop();
        killed(By::Asked { early: false }, &stopped)?;
        if stopped.status.success() { Ok(()) } else { Err(format!("{stopped:?}")) }
    }

    fn verify(&mut self, verb: &[&str]) -> Result<(), String> {
        self.report.verified += 1;
        let output = offline(verb, self.folder);
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{verb:?}: {}: {said}", output.status))
    }
}

/// The call at which the shim ends the service, for moments that are between two calls.
fn rule(moment: &str, chance: &mut Chance) -> Option<Rule> {
    let action = if chance.below(3) == 0 { "tear" } else { "kill" };
    let (op, file, most, action) = match (moment, chance.below(3)) {
        ("commit", 0) => ("sync", "events.db-wal", 120, "kill"),
        ("commit", _) => ("write", "events.db-wal", 700, action),
        ("checkpoint", 0) => ("sync", "events.db", 4, "kill"),
        ("checkpoint", _) => ("write", "events.db", 40, action),
        ("rebuild", _) => ("write", "*read/gen-", 900, action),
        _ => return None,
    };
    Some(Rule { op, file, number: chance.below(most) + 1, action })
}

fn logged(event: &RecordedEvent) -> Logged {
    let of = |bytes: &[u8], name: &str| {
        let document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        document.get(name).and_then(|it| it.as_str()).unwrap_or_default().to_owned()
    };
    Logged {
        position: event.position,
        stream: event.stream.clone(),
        kind: event.r#type.clone(),
        request: of(&event.metadata, "req"),
        day: of(&event.metadata, "at").chars().take(10).collect(),
        payment: of(&event.data, "payment"),
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seen = &self.coverage;
        let kills: Vec<String> =
            self.kills.iter().map(|(moment, count)| format!("{moment} {count}")).collect();
        let total = self.kills.values().fold(0, |total: u64, count| total.saturating_add(*count));
        writeln!(f, "kills                {total}: {}", kills.join(", "))?;
        writeln!(f, "  at a system call   {}", self.kills_by_call)?;
        writeln!(f, "present once, at the acknowledged position")?;
        writeln!(
            f,
            "  acknowledged       {} ({} of them refusals)",
            seen.acknowledged, seen.refused
        )?;
        writeln!(f, "  answers lost       {}, each settled by a repeat", seen.lost)?;
        writeln!(f, "  repeats            {}, each with the first answer", seen.repeated)?;
        writeln!(f, "the model agrees, in the order of the log and of real time")?;
        writeln!(f, "  questions          {}", seen.questions)?;
        writeln!(f, "  applied by runs    {}", seen.applied)?;
        writeln!(f, "  rejected           {}", seen.rejected)?;
        writeln!(f, "positions            {} without a gap", seen.events)?;
        write!(f, "offline checks       {}: hash chain, journals, read models", self.verified)
    }
}
