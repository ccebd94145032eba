//! A request that comes again is answered as it was the first time, from what was recorded then.

use std::sync::Arc;

use super::fold::{Counted, fold_stream, fold_with};
use super::{Answer, EngineError, Folded, Inner, Outcome, Request};
use crate::digest::Digest;
use crate::domain::account::events::Event;
use crate::domain::account::state::Account;
use crate::envelope::Position;
use crate::streams;

impl Inner {
    /// What came of a request if the stream has it, or else `otherwise`.
    pub(super) async fn recall(
        &self,
        request: &Request,
        otherwise: EngineError,
    ) -> Result<Answer, EngineError> {
        let stream = streams::of_account(&request.account);
        let Ok(folded) = fold_stream(self.store.as_ref(), &stream, Counted::All).await else {
            return Err(otherwise);
        };
        match folded.requests.get(&request.request_id) {
            Some(outcome) => self.first_answer(request, outcome).await,
            None => Err(otherwise),
        }
    }

    /// The answer that was given the first time, built from what was recorded then. If that cannot
    /// be read, it is there all the same, and nobody is told that nothing was written.
    pub(super) async fn first_answer(
        &self,
        request: &Request,
        outcome: &Outcome,
    ) -> Result<Answer, EngineError> {
        if outcome.digest != digest_of(request)? {
            return Err(EngineError::RequestIdReused(request.request_id));
        }
        let stream = streams::of_account(&request.account);
        let mut events = Vec::new();
        let counted = Counted::Version(outcome.last);
        let folded = fold_with(self.store.as_ref(), &stream, counted, |seen| {
            if seen.metadata.request_id == request.request_id {
                events.push(seen.event.clone());
            }
        })
        .await
        .map_err(EngineError::once_written)?;
        conclude(folded.account, events, outcome.position, true)
    }
}

/// What came of `request` before, if it is a repeat: it is decided no more, and opens no day.
pub(super) fn repeats<'a>(
    folded: &'a Folded,
    request: &Request,
    digest: Digest,
) -> Result<Option<&'a Outcome>, EngineError> {
    match folded.requests.get(&request.request_id) {
        None => Ok(None),
        Some(outcome) if outcome.digest == digest => Ok(Some(outcome)),
        Some(_) => Err(EngineError::RequestIdReused(request.request_id)),
    }
}

/// The answer that recorded events make: a refusal if that is what was recorded.
pub(super) fn conclude(
    account: Arc<Account>,
    events: Vec<Event>,
    position: Position,
    replayed: bool,
) -> Result<Answer, EngineError> {
    if let [Event::RequestRefused(refused)] = events.as_slice() {
        let refusal = refused.refusal.clone();
        return Err(EngineError::Refused { refusal, position, replayed });
    }
    Ok(Answer { account, events, position, replayed })
}

/// What tells a repeat from a reuse: the digest of the command.
pub(super) fn digest_of(request: &Request) -> Result<Digest, EngineError> {
    Ok(Digest::of_json(&request.command)?)
}
