//! The scrub of the log and of the read models in the background: at a bounded rate, pass after
//! pass. What it finds of the log is told to all.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::causes::with_causes;
use ledger::clock::Clock;
use ledger::envelope::Position;
use ledger::store::ReadError;
use ledger::store::embedded::{BLOCK_EVENTS_MAX, Embedded, Scrub, ScrubStep, Witness};
use projections::Projections;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::server::Shutdown;

/// How often a step is taken, and how many that makes a second.
const STEP_EVERY: Duration = Duration::from_millis(250);
const STEPS_A_SECOND: u64 = 4;

/// How long after one pass the next one begins, unless a read meets damage before that.
const PASS_EVERY: Duration = Duration::from_secs(60 * 60);

/// How long after a pass that a read brought about the next read may bring about another: what a
/// read meets need not be what a pass finds.
const PASS_AGAIN: Duration = Duration::from_secs(10 * 60);

/// How many places of damage are listed; more are only counted.
pub const DAMAGES_MAX: usize = 100;

/// The log, and what its scrub has found. Clones are the same one.
#[derive(Debug, Clone)]
pub struct LogWatch {
    /// None if a cluster keeps it, which looks after itself.
    log: Option<Arc<Embedded>>,
    clock: Arc<Clock>,
    findings: Arc<Mutex<Findings>>,
}

/// What is known of the log.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The pass under way: how far it has come, and how far it goes.
    pub under_way: Option<(Position, Position)>,
    /// The last pass that found everything whole: how far it went, and when it ended.
    pub whole: Option<(Position, DateTime<Utc>)>,
    /// What is wrong, by its position: what the last pass found that came to its end, and what the
    /// one under way has found, as far as there is room for it: [`DAMAGES_MAX`] of both.
    pub damages: BTreeMap<Position, Damage>,
    /// How many places of damage the last pass has found.
    pub damage_count: u64,
}

/// Something in the log that is not as it was written.
#[derive(Debug, Clone)]
pub struct Damage {
    /// What does not fit.
    pub cause: String,
    /// When it was found.
    pub found_at: DateTime<Utc>,
}

impl LogWatch {
    /// Watches over `log`; nothing is looked at before [`run_until`](Self::run_until).
    pub fn new(log: Option<Arc<Embedded>>, clock: Arc<Clock>) -> Self {
        Self { log, clock, findings: Arc::default() }
    }

    /// What was found so far.
    pub fn findings(&self) -> Findings {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the log ends, and what stands for all of it; a cluster's log has nothing that does.
    pub fn head(&self) -> Option<Witness> {
        self.log.as_ref().map(|log| log.head_witness())
    }

    /// Goes through the log again and again, reading so many bytes a second, until the service
    /// stops.
    pub async fn run_until(self, bytes_a_second: NonZeroU64, shutdown: Shutdown) {
        let Some(log) = self.log.clone() else { return };
        let mut met = log.damage_met();
        let passes = async {
            let mut pause = Duration::ZERO;
            loop {
                self.pass(&log, bytes_a_second).await;
                let met = async {
                    tokio::time::sleep(pause).await;
                    self.unknown_damage(&mut met).await;
                };
                pause = tokio::select! {
                    () = tokio::time::sleep(PASS_EVERY) => Duration::ZERO,
                    () = met => PASS_AGAIN,
                };
            }
        };
        tokio::select! {
            () = passes => {}
            () = shutdown.asked() => {}
        }
    }

    /// Waits until a read meets damage that is not listed, as far as there is room in the list.
    async fn unknown_damage(&self, met: &mut watch::Receiver<Option<Position>>) {
        while met.changed().await.is_ok() {
            let known = self.findings().damages;
            let at = *met.borrow_and_update();
            if at.is_some_and(|at| known.len() < DAMAGES_MAX && !is_listed(&known, at)) {
                return;
            }
        }
        // The log is closed: the service stops.
        std::future::pending::<()>().await;
    }

    async fn pass(&self, log: &Embedded, bytes_a_second: NonZeroU64) {
        let bytes = bytes_a_second.get().div_ceil(STEPS_A_SECOND);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let mut steps = tokio::time::interval(STEP_EVERY);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pass = log.scrub();
        let mut damages = BTreeMap::new();
        let mut count = 0_u64;
        loop {
            steps.tick().await;
            self.note(|found| found.under_way = Some((pass.position(), pass.through())));
            let through = pass.through();
            let (rest, step) = match stepped(pass, bytes).await {
                Ok(stepped) => stepped,
                Err(fault) => {
                    tracing::error!(
                        error = with_causes(&fault),
                        "the log's scrub ended by a fault"
                    );
                    break;
                }
            };
            pass = rest;
            match step {
                Ok(ScrubStep::More) => {}
                Ok(ScrubStep::Whole) => {
                    self.found_whole(through);
                    break;
                }
                Ok(ScrubStep::Damaged) => {
                    self.note(|found| (found.damages, found.damage_count) = (damages, count));
                    break;
                }
                Err(ReadError::Damaged { position, cause }) => {
                    count = count.saturating_add(1);
                    let damage = self.found_damage(position, cause, count);
                    if damages.len() < DAMAGES_MAX {
                        damages.insert(position, damage);
                    }
                }
                Err(error @ ReadError::Unavailable(_)) => {
                    tracing::warn!(
                        error = with_causes(&error),
                        "the log's scrub could not read on"
                    );
                    break;
                }
            }
        }
        self.note(|found| found.under_way = None);
    }

    fn found_whole(&self, through: Position) {
        tracing::info!(position = through.0, "the log was looked through and is whole");
        let now = self.clock.now();
        self.note(|found| {
            found.whole = Some((through, now));
            found.damages.clear();
            found.damage_count = 0;
        });
    }

    /// Tells of damage at once: the pass may take hours.
    fn found_damage(&self, position: Position, cause: String, count: u64) -> Damage {
        tracing::error!(
            position = position.0,
            cause,
            "THE LOG IS DAMAGED: what needs this event cannot be answered; restore from a backup"
        );
        let damage = Damage { cause, found_at: self.clock.now() };
        self.note(|found| {
            found.damage_count = found.damage_count.max(count);
            if found.damages.len() < DAMAGES_MAX {
                found.damages.insert(position, damage.clone());
            }
        });
        damage
    }

    fn note(&self, change: impl FnOnce(&mut Findings)) {
        change(&mut self.findings.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Looks at the pages of the read models again and again, so many bytes a second, until the service
/// stops. The opening has looked at them once.
pub(crate) async fn scrub_read_models(
    models: Projections,
    bytes_a_second: NonZeroU64,
    shutdown: Shutdown,
) {
    let passes = async {
        loop {
            tokio::time::sleep(PASS_EVERY).await;
            models.scrub(bytes_a_second).await;
        }
    };
    tokio::select! {
        () = passes => {}
        () = shutdown.asked() => {}
    }
}

/// Is what a read has met at `at` among what is known? A pass names damage by where a block begins,
/// or the place after the last one that is whole; a read names the event that it wanted.
fn is_listed(known: &BTreeMap<Position, Damage>, at: Position) -> bool {
    let before = known.range(..=at).next_back();
    let behind = before.and_then(|(listed, _)| at.0.checked_sub(listed.0));
    behind.is_some_and(|events| usize::try_from(events).is_ok_and(|it| it < BLOCK_EVENTS_MAX))
}

/// Takes one step on a thread that may block.
async fn stepped(
    mut pass: Scrub,
    bytes: usize,
) -> Result<(Scrub, Result<ScrubStep, ReadError>), tokio::task::JoinError> {
    tokio::task::spawn_blocking(move || {
        let step = pass.step(bytes);
        (pass, step)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_known_by_the_place_where_its_block_begins() {
        let (cause, found_at) = (String::new(), DateTime::<Utc>::UNIX_EPOCH);
        let known = BTreeMap::from([(Position(100), Damage { cause, found_at })]);
        for (at, listed) in [(99, false), (100, true), (163, true), (164, false)] {
            assert_eq!(is_listed(&known, Position(at)), listed, "{at}");
        }
    }
}
