//! The commands on the calendar: a day opened, a day closed, a month closed.

use std::sync::Arc;

use chrono::NaiveDate;

use super::FoldedBooks;
use super::gather::gather;
use crate::cycles::cutoff::WindowKey;
use crate::digest::Digest;
use crate::domain::books::events::{BooksRequestRefused, Event};
use crate::domain::books::{Command, Context, Decision, decide};
use crate::domain::cutoff::eastern_date;
use crate::engine::{ATTEMPTS_MAX, AccountPages, Engine, EngineError, Inner, Outcome, Receipt};
use crate::envelope::{Metadata, Position};
use crate::ids::{Actor, EventId, RequestId};
use crate::streams;

/// A command on the calendar on its way, with what was read at the edge.
#[derive(Debug, Clone)]
pub struct BooksRequest {
    /// The request's id, for ever.
    pub request_id: RequestId,
    /// Who asks.
    pub actor: Actor,
    /// When it was received.
    pub receipt: Receipt,
    /// What is asked.
    pub command: Command,
    /// The windows that end a day and are not sealed, read after they were closed.
    pub unsealed: Vec<WindowKey>,
}

/// What came of a command on the calendar that was accepted, now or the first time.
#[derive(Debug, Clone)]
pub struct BooksAnswer {
    /// The books as they are now.
    pub books: Arc<FoldedBooks>,
    /// The event that the command caused.
    pub event: Event,
    /// Its place in the log.
    pub position: Position,
    /// Was it answered from memory of the first time?
    pub replayed: bool,
}

/// How a request on the calendar goes on.
enum Step {
    Answered(Box<BooksAnswer>),
    /// The day is to be sealed.
    Seal(NaiveDate),
}

impl Engine {
    /// Carries out a command on the calendar. Closing a day reads every account, as the pages of
    /// `accounts` name them; other commands go on meanwhile. The work goes on if the caller's
    /// future is dropped.
    pub async fn keep_books(
        &self,
        request: BooksRequest,
        accounts: Arc<dyn AccountPages>,
    ) -> Result<BooksAnswer, EngineError> {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.keep(request, accounts.as_ref()).await })
            .await
            .unwrap_or_else(|failure| Err(EngineError::Indeterminate(failure.into())))
    }
}

impl Inner {
    async fn keep(
        &self,
        request: BooksRequest,
        accounts: &dyn AccountPages,
    ) -> Result<BooksAnswer, EngineError> {
        let (received_at, digest) = (request.receipt.at(), Digest::of_json(&request.command)?);
        let metadata =
            self.metadata(received_at, request.request_id, digest, request.actor.clone());
        let gl_date = match self.decide_books(&request, &metadata).await? {
            Step::Answered(answer) => return Ok(*answer),
            Step::Seal(gl_date) => gl_date,
        };
        // No window waits for a command that only takes time, or waits for another that does.
        drop(request);
        let _turn = self.books.turn.lock().await;
        self.seal_day(gl_date, &metadata, accounts).await
    }

    /// Decides a command, and records what comes of it unless that takes longer.
    async fn decide_books(
        &self,
        request: &BooksRequest,
        metadata: &Metadata,
    ) -> Result<Step, EngineError> {
        let unsealed: Vec<_> =
            request.unsealed.iter().map(|window| (window.date, window.name())).collect();
        let received_at = metadata.received_at;
        let context =
            Context { received_at, today: eastern_date(received_at), unsealed: &unsealed };
        let guard = self.books.guard().await;
        for _ in 0..ATTEMPTS_MAX {
            self.refresh(&guard).await?;
            let folded = self.books.folded();
            if let Some(outcome) = folded.requests.get(&metadata.request_id) {
                let answer = self.first_books_answer(&folded, metadata, outcome).await;
                return answer.map(|answer| Step::Answered(Box::new(answer)));
            }
            self.refuse_stale(received_at)?;
            let event = match decide(&folded.books, request.command, &context) {
                Ok(Decision::Record(event)) => event,
                Ok(Decision::Seal(gl_date)) => {
                    // From here on nothing is decided on the day.
                    self.books.known().sealing = Some(gl_date);
                    return Ok(Step::Seal(gl_date));
                }
                Err(refusal) => Event::BooksRequestRefused(BooksRequestRefused {
                    command: request.command.name().to_owned(),
                    refusal,
                }),
            };
            if let Some(position) = self.record(&guard, &event, metadata).await? {
                let answer = conclude(self.books.folded(), event, position, false)?;
                return Ok(Step::Answered(Box::new(answer)));
            }
        }
        Err(EngineError::Contended)
    }

    /// Waits for what is under way on the day, gathers what belongs to it, and records its close.
    /// The caller holds the turn.
    async fn seal_day(
        &self,
        gl_date: NaiveDate,
        metadata: &Metadata,
        accounts: &dyn AccountPages,
    ) -> Result<BooksAnswer, EngineError> {
        // Whoever had the turn before may have done it.
        let folded = self.books.folded();
        if let Some(outcome) = folded.requests.get(&metadata.request_id) {
            return self.first_books_answer(&folded, metadata, outcome).await;
        }
        if !folded.is_open(gl_date) {
            return Err(EngineError::Contended);
        }
        let later = gl_date.succ_opt().unwrap_or(NaiveDate::MAX);
        self.books.posting.none_below(later).await;
        let sealed = self.store.head().await?;
        let folded = self.books.folded();
        let scope = folded.books.scope(gl_date, sealed).ok_or(EngineError::Contended)?;
        let gathered = gather(self.store.as_ref(), scope, accounts).await?;
        let event = EventId::derived(streams::of_books().as_str(), metadata.request_id, 0);
        let event = Event::DayClosed(folded.books.close(scope, gathered, event));
        let guard = self.books.guard().await;
        for _ in 0..ATTEMPTS_MAX {
            self.refresh(&guard).await?;
            // Another gateway may have closed it meanwhile: then this request is decided anew.
            if !self.books.folded().is_open(gl_date) {
                return Err(EngineError::Contended);
            }
            if let Some(position) = self.record(&guard, &event, metadata).await? {
                return conclude(self.books.folded(), event, position, false);
            }
        }
        Err(EngineError::Contended)
    }

    async fn first_books_answer(
        &self,
        folded: &Arc<FoldedBooks>,
        metadata: &Metadata,
        outcome: &Outcome,
    ) -> Result<BooksAnswer, EngineError> {
        if outcome.digest != metadata.digest {
            return Err(EngineError::RequestIdReused(metadata.request_id));
        }
        let event = self.books_event(outcome.position).await;
        let event = event.map_err(EngineError::once_written)?;
        conclude(Arc::clone(folded), event, outcome.position, true)
    }
}

/// The answer that a recorded event makes: a refusal if that is what was recorded.
fn conclude(
    books: Arc<FoldedBooks>,
    event: Event,
    position: Position,
    replayed: bool,
) -> Result<BooksAnswer, EngineError> {
    if let Event::BooksRequestRefused(BooksRequestRefused { refusal, .. }) = event {
        return Err(EngineError::BooksRefused { refusal, position, replayed });
    }
    Ok(BooksAnswer { books, event, position, replayed })
}
