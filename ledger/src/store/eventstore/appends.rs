//! Appending: sent one after another, in order, or to several streams side by side; then numbered,
//! which tells what became of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::answers::Failure;
use super::follow::{Follower, Verdict, Wait};
use super::ours;
use super::wire::Wire;
use super::{Cluster, STREAMS_AT_ONCE};
use crate::envelope::{StreamName, Version};
use crate::store::{Append, AppendError, Appended, Failed};

/// How long an append may take to be sent: another gateway closes a day six seconds after the next
/// was opened, and leaves it two of them. What takes longer, since nobody leads or this process was
/// stopped, is decided anew.
const SENT_WITHIN: Duration = Duration::from_millis(1500);
/// How long an append that the cluster took may wait for its position.
const NUMBERING_MAX: Duration = Duration::from_secs(10);
/// How long between two looks for it.
const NUMBERING_PAUSE: Duration = Duration::from_millis(20);

/// What the appends of one call need.
#[derive(Debug, Clone)]
struct Appender {
    wire: Arc<Wire>,
    follower: Arc<Follower>,
}

/// An append that the server took, before it is known what became of it.
struct Taken {
    wait: Wait,
    commit: u64,
}

impl Taken {
    /// What became of it, if that is known.
    fn verdict(&mut self) -> Option<Verdict> {
        self.wait.answer.try_recv().ok()
    }
}

type Outcome = Result<Appended, AppendError>;

impl Cluster {
    /// Appends in order, or only those to each stream in order. Goes on if the caller drops the
    /// future, or never asks.
    pub(super) fn append_all(
        &self,
        appends: Vec<Append>,
        apart: bool,
    ) -> impl Future<Output = Vec<Outcome>> + Send + use<> {
        let appender =
            Appender { wire: Arc::clone(&self.wire), follower: Arc::clone(&self.follower) };
        let count = appends.len();
        let appending = tokio::spawn(async move {
            if apart { appender.apart(appends).await } else { appender.all(&appends).await }
        });
        async move {
            appending.await.unwrap_or_else(|fault| {
                let lost = || Err(AppendError::Indeterminate(fault.to_string().into()));
                std::iter::repeat_with(lost).take(count).collect()
            })
        }
    }
}

impl Appender {
    /// Each stream for itself: a round trip is what an append takes.
    async fn apart(&self, appends: Vec<Append>) -> Vec<Outcome> {
        let count = appends.len();
        let mut streams: BTreeMap<StreamName, (Vec<usize>, Vec<Append>)> = BTreeMap::new();
        for (place, append) in appends.into_iter().enumerate() {
            let (places, of_stream) = streams.entry(append.stream().clone()).or_default();
            places.push(place);
            of_stream.push(append);
        }
        let to_one = async |(places, appends): (Vec<usize>, Vec<Append>)| {
            places.into_iter().zip(self.all(&appends).await).collect::<Vec<_>>()
        };
        let streams: Vec<_> = streams.into_values().map(to_one).collect();
        let mut told = stream::iter(streams).buffer_unordered(STREAMS_AT_ONCE);
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        outcomes.resize_with(count, || None);
        while let Some(of_stream) = told.next().await {
            for (place, outcome) in of_stream {
                set(&mut outcomes, place, outcome);
            }
        }
        all_told(outcomes)
    }

    async fn all(&self, appends: &[Append]) -> Vec<Outcome> {
        let mut failed = Failed::default();
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        outcomes.resize_with(appends.len(), || None);
        let mut taken: BTreeMap<&StreamName, (usize, Taken)> = BTreeMap::new();
        let mut cut_off = false;
        for (place, append) in appends.iter().enumerate() {
            if let Err(refusal) = ours::check(append.stream()) {
                set(&mut outcomes, place, Err(AppendError::Unavailable(refusal.into())));
                continue;
            }
            // What builds on an earlier append is not sent before that one is known to be there.
            if let Some((earlier, of_earlier)) = taken.remove(append.stream()) {
                let outcome = match appends.get(earlier) {
                    Some(earlier) => self.numbered(earlier, of_earlier).await,
                    None => continue,
                };
                note(&mut failed, appends.get(earlier), &outcome);
                set(&mut outcomes, earlier, outcome);
            }
            let sent = if cut_off {
                Err(AppendError::Unavailable("an append before it had no answer".into()))
            } else if failed.precedes(append) {
                self.orphan(append).await
            } else {
                self.send(append).await
            };
            match sent {
                Ok(sent) => {
                    taken.insert(append.stream(), (place, sent));
                }
                Err(error) => {
                    cut_off |= !matches!(error, AppendError::Conflict { .. });
                    let outcome = Err(error);
                    note(&mut failed, Some(append), &outcome);
                    set(&mut outcomes, place, outcome);
                }
            }
        }
        for (place, taken) in taken.into_values() {
            if let Some(append) = appends.get(place) {
                let outcome = self.numbered(append, taken).await;
                set(&mut outcomes, place, outcome);
            }
        }
        all_told(outcomes)
    }

    /// An append that builds on one that failed.
    async fn orphan(&self, append: &Append) -> Result<Taken, AppendError> {
        match self.wire.tail(append.stream().as_str()).await {
            Ok(actual) => Err(conflict(append, actual)),
            Err(failure) => Err(AppendError::Unavailable(failure.into())),
        }
    }

    async fn send(&self, append: &Append) -> Result<Taken, AppendError> {
        if let Some(failure) = self.follower.failure() {
            return Err(AppendError::Unavailable(failure.into()));
        }
        let wait = self.follower.wait_for(append);
        let (stream, expected) = (append.stream().as_str(), append.expected());
        // Who copies a log has nothing to decide anew.
        let sent_by = self.follower.is_heeding().then(|| Instant::now().checked_add(SENT_WITHIN));
        match self.wire.append(stream, expected, append.events(), sent_by.flatten()).await {
            Ok(commit) => Ok(Taken { wait, commit }),
            // Whoever decided it reads the stream again, as if others had come first.
            Err(Failure::NotInTime) => Err(conflict(append, expected.version())),
            Err(Failure::Conflict(actual)) => Err(conflict(append, actual)),
            Err(failure @ Failure::Deleted) => Err(AppendError::Unavailable(failure.into())),
            Err(Failure::NotDone(cause)) => Err(AppendError::Unavailable(cause)),
            Err(Failure::Unknown(cause)) => Err(AppendError::Indeterminate(cause)),
        }
    }

    /// Waits for the events of an append that the server took to be numbered.
    async fn numbered(&self, append: &Append, mut taken: Taken) -> Outcome {
        // Whoever read on for another append told this one, too.
        if let Some(verdict) = taken.verdict() {
            return self.conclude(append, verdict).await;
        }
        let begun = Instant::now();
        loop {
            let read = self.follower.read_on().await;
            if let Some(verdict) = taken.verdict() {
                return self.conclude(append, verdict).await;
            }
            // Numbered and not told: it was there before this append began to wait.
            if read.is_ok()
                && self.follower.commit() >= taken.commit
                && self.was_there(append, taken.wait.since).await
            {
                return Err(self.lost_to_others(append).await);
            }
            if let Some(failure) = self.follower.failure() {
                return Err(AppendError::Indeterminate(failure.into()));
            }
            if begun.elapsed() >= NUMBERING_MAX {
                let cause = "it was written, and cannot be read back";
                return Err(AppendError::Indeterminate(cause.into()));
            }
            tokio::time::sleep(NUMBERING_PAUSE).await;
        }
    }

    async fn conclude(&self, append: &Append, verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Own(position) => Ok(Appended { position, version: last_version(append) }),
            Verdict::Others => Err(self.lost_to_others(append).await),
        }
    }

    /// Was what is in the append's place numbered at `since` already?
    async fn was_there(&self, append: &Append, since: u64) -> bool {
        let before = last_version(append).before();
        let there = self.wire.read_stream(append.stream().as_str(), before, 1).await;
        there.is_ok_and(|there| there.first().is_some_and(|last| last.commit <= since))
    }

    /// The conflict of an append whose place others have taken.
    async fn lost_to_others(&self, append: &Append) -> AppendError {
        let tail = self.wire.tail(append.stream().as_str()).await;
        conflict(append, tail.unwrap_or_else(|_| last_version(append)))
    }
}

fn all_told(outcomes: Vec<Option<Outcome>>) -> Vec<Outcome> {
    let unanswered = || Err(AppendError::Indeterminate("no answer".into()));
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect()
}

fn set(outcomes: &mut [Option<Outcome>], place: usize, outcome: Outcome) {
    if let Some(slot) = outcomes.get_mut(place) {
        *slot = Some(outcome);
    }
}

fn note<'a>(failed: &mut Failed<'a>, append: Option<&'a Append>, outcome: &Outcome) {
    if let (Some(append), Err(_)) = (append, outcome) {
        failed.note(append);
    }
}

fn last_version(append: &Append) -> Version {
    let count = u64::try_from(append.events().len()).unwrap_or(u64::MAX);
    Version(append.expected().version().0.saturating_add(count))
}

fn conflict(append: &Append, actual: Version) -> AppendError {
    let (stream, expected) = (append.stream().clone(), append.expected());
    AppendError::Conflict { stream, expected, actual }
}
