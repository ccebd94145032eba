//! The sweep: many faults on copies of the same directories, each judged, all counted.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use super::base::{Base, CLOCK, DAY, FAR_BACK, TAIL_EVENTS, copy, write};
use super::damage::{Damage, anywhere, far_back, spread, structural, whole_files};
use super::oracle::{Expected, Outcome, judge};
use super::power::{Disk, Unsynced, changes};
use super::writes::{Stopped, fails, rules};
use crate::chance::Chance;
use crate::client::Client;
use crate::process::Process;
use crate::shim::{Rule, disturbed};

/// What kind a loss of power is, for the tally.
const POWER: &str = "loss of power";

/// How much to try, and where the chances start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Damage at joints of the format: this many of it, evenly spread.
    pub structural: usize,
    /// Damage at random places.
    pub random: usize,
    /// Damage before what a start reads, in a log that takes seconds to make.
    pub far_back: usize,
    /// Losses of power.
    pub power: usize,
    /// Calls that fail.
    pub calls: usize,
    /// The seed.
    pub seed: u64,
    /// Only kinds whose name in the report has this in it, if anything is said.
    pub only: Option<String>,
}

impl Settings {
    fn wants(&self, kind: &str) -> bool {
        self.only.as_deref().is_none_or(|only| kind.contains(only))
    }
}

/// What came of it all.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// By kind of damage and outcome.
    pub damage: BTreeMap<(String, Outcome), u64>,
    /// Losses of power after which everything acknowledged was there, by what became of the rest.
    pub power: BTreeMap<(Unsynced, Outcome), u64>,
    /// Failed calls, by what failed and what stopped.
    pub calls: BTreeMap<(String, Stopped), u64>,
    /// What must not be: each with the fault that led to it.
    pub violations: Vec<String>,
}

/// Runs it all.
pub async fn run(settings: Settings, mut said: impl FnMut(&str)) -> Report {
    let mut report = Report::default();
    let mut chance = Chance::of(settings.seed);
    let killed = Base::killed().await;
    let stopped = killed.stopped();
    for base in [&killed, &stopped] {
        let wanted = |damage: &Damage| settings.wants(&damage.kind());
        let joints = structural(base.folder.path()).into_iter().filter(wanted).collect();
        let mut all = whole_files();
        all.extend(spread(joints, settings.structural / 2));
        all.extend((0..settings.random / 2).map(|_| anywhere(base.folder.path(), &mut chance)));
        for damage in all.into_iter().filter(wanted) {
            damaged(base, &damage, &mut report).await;
        }
        said(&format!(
            "damage: {}",
            report.damage.values().fold(0, |sum: u64, count| sum.saturating_add(*count))
        ));
    }
    if settings.far_back > 0 {
        long(&settings, &mut chance, &mut report).await;
        said(&format!("damage far back: {}", settings.far_back));
    }
    if settings.wants(POWER) {
        power(settings.power, &stopped, &mut chance, &mut report).await;
        said(&format!("losses of power: {}", settings.power));
    }
    let failing = rules(&(1..40).chain((40..400).step_by(30)));
    let failing = failing.into_iter().filter(|rule| settings.wants(&failing_call(rule))).collect();
    for rule in spread(failing, settings.calls) {
        let place = tempfile::tempdir().unwrap();
        copy(killed.folder.path(), place.path());
        match fails(place.path(), &rule, 60).await {
            Ok(stopped) => {
                *report.calls.entry((failing_call(&rule), stopped)).or_default() += 1;
            }
            Err(problem) => report.violations.push(format!("{rule}: {problem}")),
        }
    }
    report
}

/// Damages a long log before what a start reads.
async fn long(settings: &Settings, chance: &mut Chance, report: &mut Report) {
    let kinds = ["flip", "pages"].map(|kind| format!("{FAR_BACK}{kind} events.db"));
    if !kinds.iter().any(|kind| settings.wants(kind)) {
        return;
    }
    let base = Base::long().await;
    let length = fs::metadata(base.folder.path().join("events.db")).unwrap().len();
    // Events follow each other in the file, and one is about as long as another.
    let before_tail = (base.head() - TAIL_EVENTS) * length / base.head();
    let end = usize::try_from(before_tail).unwrap();
    for damage in far_back(base.folder.path(), end, settings.far_back / 2, chance) {
        if settings.wants(&kind_on(&base, &damage)) {
            damaged(&base, &damage, report).await;
        }
    }
}

/// What kind damage is, for the tally.
fn kind_on(base: &Base, damage: &Damage) -> String {
    format!("{}{}", base.called, damage.kind())
}

/// What kind a failing call is, for the tally.
fn failing_call(rule: &Rule) -> String {
    format!("failing {} {}", rule.op, rule.file)
}

async fn damaged(base: &Base, damage: &Damage, report: &mut Report) {
    let place = tempfile::tempdir().unwrap();
    copy(base.folder.path(), place.path());
    damage.happen(place.path(), base.earlier.path());
    match judge(place.path(), &Expected { base, least: 0, damage: Some(damage) }).await {
        Ok(outcome) => *report.damage.entry((kind_on(base, damage), outcome)).or_default() += 1,
        Err(problem) => {
            report.violations.push(format!("{}{damage:?}: {problem}", base.called));
        }
    }
}

/// Writes under the shim, and takes the power away at moments of that.
async fn power(count: usize, base: &Base, chance: &mut Chance, report: &mut Report) {
    let folder = tempfile::tempdir().unwrap();
    copy(base.folder.path(), folder.path());
    let before = Disk::holding(folder.path());
    let trace = tempfile::NamedTempFile::new().unwrap();
    let command = disturbed(folder.path(), None, Some(trace.path()));
    let process = Process::start_as(command, folder.path(), CLOCK).unwrap();
    let client = Client::connect(process.address()).await;
    // Where the record was when each command was acknowledged: what is after it came later.
    let mut acknowledged = vec![(0, base.head())];
    let mut standings = base.standings.clone();
    for round in 0..12 {
        write(&client, (&format!("power {round}"), DAY), 2, &mut standings).await;
        let length = fs::metadata(trace.path()).unwrap().len();
        acknowledged.push((length, *standings.last_key_value().unwrap().0));
    }
    let events = client.replay().await.unwrap();
    // The end of it is a stop in order, with its checkpoint.
    assert!(process.stop().status.success());
    let (folder, earlier) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let known =
        Base { called: "", folder, earlier, events, standings, closed: base.closed.clone() };
    let changes = changes(&fs::read(trace.path()).unwrap());
    let places: Vec<usize> =
        (0..changes.len()).filter(|place| changes[*place].is_of_log() || place % 9 == 0).collect();
    for place in spread(places, count) {
        let mut disk = before.clone();
        changes[..=place].iter().for_each(|change| disk.follow(change));
        let end = changes[place].end;
        let least = acknowledged.iter().filter(|(length, _)| *length <= end).map(|(_, it)| *it);
        let least = least.max().unwrap();
        let unsynced = [Unsynced::Lost, Unsynced::Torn, Unsynced::Kept][place % 3];
        let place_of_it = tempfile::tempdir().unwrap();
        disk.lose_power(unsynced, chance, place_of_it.path());
        let expected = Expected { base: &known, least, damage: None };
        match judge(place_of_it.path(), &expected).await {
            // With what was acknowledged by then, which is all that there may be.
            Ok(outcome @ (Outcome::Whole | Outcome::Earlier)) => {
                *report.power.entry((unsynced, outcome)).or_default() += 1;
            }
            Ok(outcome) => {
                let problem = format!("{outcome:?} after loss of power, change {place}");
                report.violations.push(problem);
            }
            Err(problem) => report
                .violations
                .push(format!("loss of power at change {place}, {unsynced:?}: {problem}")),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((kind, outcome), count) in &self.damage {
            writeln!(f, "{kind:<30} {outcome:<14?} {count:>6}")?;
        }
        for ((unsynced, outcome), count) in &self.power {
            let kind = format!("{POWER}, rest {unsynced:?}");
            writeln!(f, "{kind:<30} {outcome:<14?} {count:>6}")?;
        }
        for ((kind, stopped), count) in &self.calls {
            writeln!(f, "{kind:<30} {stopped:<14?} {count:>6}")?;
        }
        for violation in &self.violations {
            writeln!(f, "VIOLATION {violation}")?;
        }
        write!(f, "{} violations", self.violations.len())
    }
}
