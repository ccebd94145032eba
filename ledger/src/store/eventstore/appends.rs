//! Appending: to each stream in order, to several side by side; then numbered, which tells what
//! became of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::follow::{Follower, Verdict, Wait};
use super::ours;
use super::wire::{Failure, Wire};
use super::{Cluster, STREAMS_AT_ONCE};
use crate::envelope::{StreamName, Version};
use crate::store::{Append, AppendError, Appended, Failed};

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
    /// Appends in order. Goes on if the caller drops the future, or never asks.
    pub(super) fn append_all(
        &self,
        appends: Vec<Append>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + use<> {
        let appender =
            Appender { wire: Arc::clone(&self.wire), follower: Arc::clone(&self.follower) };
        let count = appends.len();
        let appending = tokio::spawn(async move { appender.all(&appends).await });
        async move {
            appending.await.unwrap_or_else(|fault| {
                let lost = || Err(AppendError::Indeterminate(fault.to_string().into()));
                std::iter::repeat_with(lost).take(count).collect()
            })
        }
    }
}

impl Appender {
    /// A round trip is what an append takes, so streams do not wait for each other.
    async fn all(&self, appends: &[Append]) -> Vec<Outcome> {
        let mut streams: Vec<Vec<(usize, &Append)>> = Vec::new();
        let mut places: BTreeMap<&StreamName, usize> = BTreeMap::new();
        for (place, append) in appends.iter().enumerate() {
            let of_stream = *places.entry(append.stream()).or_insert_with(|| {
                streams.push(Vec::new());
                streams.len().saturating_sub(1)
            });
            streams.get_mut(of_stream).into_iter().for_each(|it| it.push((place, append)));
        }
        let streams: Vec<_> = streams.into_iter().map(|appends| self.in_order(appends)).collect();
        let mut appending = stream::iter(streams).buffer_unordered(STREAMS_AT_ONCE);
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        outcomes.resize_with(appends.len(), || None);
        while let Some(told) = appending.next().await {
            for (place, outcome) in told {
                set(&mut outcomes, place, outcome);
            }
        }
        let unanswered = || Err(AppendError::Indeterminate("no answer".into()));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect()
    }

    /// Appends to one stream. What builds on an earlier append is not sent before that one is known
    /// to be there.
    async fn in_order(&self, appends: Vec<(usize, &Append)>) -> Vec<(usize, Outcome)> {
        let mut failed = Failed::default();
        let mut cut_off = false;
        let mut told = Vec::with_capacity(appends.len());
        for (place, append) in appends {
            let outcome = if cut_off {
                Err(AppendError::Unavailable("an append before it had no answer".into()))
            } else if failed.precedes(append) {
                Err(self.orphan(append).await)
            } else {
                self.one(append).await
            };
            if let Err(error) = &outcome {
                cut_off |= !matches!(error, AppendError::Conflict { .. });
                failed.note(append);
            }
            told.push((place, outcome));
        }
        told
    }

    async fn one(&self, append: &Append) -> Outcome {
        ours::check(append.stream()).map_err(|refusal| AppendError::Unavailable(refusal.into()))?;
        let taken = self.send(append).await?;
        self.numbered(append, taken).await
    }

    /// Why an append that builds on one that failed is not sent.
    async fn orphan(&self, append: &Append) -> AppendError {
        match self.wire.tail(append.stream().as_str()).await {
            Ok(actual) => conflict(append, actual),
            Err(failure) => AppendError::Unavailable(failure.into()),
        }
    }

    async fn send(&self, append: &Append) -> Result<Taken, AppendError> {
        if let Some(failure) = self.follower.failure() {
            return Err(AppendError::Unavailable(failure.into()));
        }
        let wait = self.follower.wait_for(append);
        let (stream, expected) = (append.stream().as_str(), append.expected());
        match self.wire.append(stream, expected, append.events()).await {
            Ok(commit) => Ok(Taken { wait, commit }),
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
        let before = Version(last_version(append).0.saturating_sub(1));
        let there = self.wire.read_stream(append.stream().as_str(), before, 1).await;
        there.is_ok_and(|there| there.first().is_some_and(|last| last.commit <= since))
    }

    /// The conflict of an append whose place others have taken.
    async fn lost_to_others(&self, append: &Append) -> AppendError {
        let tail = self.wire.tail(append.stream().as_str()).await;
        conflict(append, tail.unwrap_or_else(|_| last_version(append)))
    }
}

fn set(outcomes: &mut [Option<Outcome>], place: usize, outcome: Outcome) {
    if let Some(slot) = outcomes.get_mut(place) {
        *slot = Some(outcome);
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
