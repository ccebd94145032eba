//! The books: today's accounting day is opened at midnight, and days and months are closed once
//! nothing is posted to them any more.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::causes::with_causes;
use ledger::cycles::cutoff::WindowKey;
use ledger::domain::books::refusal::BooksRefusal;
use ledger::domain::books::{Books, Command, Context, Decision, decide};
use ledger::domain::cutoff::{Window, eastern_date};
use ledger::engine::{AccountPages, BooksAnswer, BooksMode, BooksRequest};
use ledger::envelope::{Position, Version};
use ledger::ids::{AccountId, Actor, RequestId};
use ledger::store::{BoxError, BoxFuture};
use projections::Projections;
use tokio::time::Instant;

use super::{Cycles, LOOK_EVERY, RETRY_AFTER};
use crate::status::Failure;

/// How many accounts are named in one page.
const PAGE_ACCOUNTS: usize = 1000;

/// For how long read models that were compared with the log are taken to be as it has them: several
/// days in a row may be closed on them, as after an outage.
const COMPARED_EVERY: Duration = Duration::from_secs(60 * 60);

/// The accounts, as the read models have them.
#[derive(Debug)]
struct ReadAccounts(Projections);

impl AccountPages for ReadAccounts {
    fn page<'a>(
        &'a self,
        after: Option<&'a AccountId>,
        known: Position,
    ) -> BoxFuture<'a, Result<Vec<AccountId>, BoxError>> {
        let after = after.cloned();
        Box::pin(async move {
            let ask = move |reader: &projections::Reader<'_>| {
                reader.account_ids(after.as_ref(), PAGE_ACCOUNTS)
            };
            Ok(self.0.read(Some(known), ask).await?.value)
        })
    }
}

impl Cycles {
    /// Keeps the books: what can be opened and closed is. Dropped, it leaves a close to begin anew
    /// at the next start.
    pub(super) async fn keep_books_always(&self) {
        loop {
            let kept = self.keep_books_due().await;
            let pause = if kept.is_ok() { LOOK_EVERY } else { RETRY_AFTER };
            if let Err(failure) = kept {
                tracing::warn!(%failure, "the books are not kept, which is tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.books_woken.notified() => {}
            }
        }
    }

    /// Opens today, then closes day by day and month by month what can be closed.
    pub(super) async fn keep_books_due(&self) -> Result<(), Failure> {
        // Asked whoever keeps the books: it renews the lease while a long run of a window cannot.
        if !self.has_turn().await? || self.engine.books_mode() == BooksMode::Manual {
            return Ok(());
        }
        self.engine.open_today().await?;
        loop {
            let folded = self.engine.books().await?;
            let now = self.engine.clock().now();
            let Some((command, step)) = due(&folded.books, folded.version) else { return Ok(()) };
            let unsealed = self.unsealed_ends(now).await?;
            if would_come_of(&folded.books, command, now, &unsealed).is_err() {
                return Ok(());
            }
            let request_id = RequestId::derived("books", &step);
            let answer = self.keep_books(request_id, Actor::runner(), command).await?;
            let position = answer.position.0;
            tracing::info!(step, position, "the books are closed");
        }
    }

    /// When the day that is to be closed next can be, as far as it waits for nothing but time. None
    /// if that is past.
    pub(super) async fn closes_at(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        if self.engine.books_mode() == BooksMode::Manual {
            return Ok(None);
        }
        let folded = self.engine.books().await?;
        let Some((command, _)) = due(&folded.books, folded.version) else { return Ok(None) };
        match would_come_of(&folded.books, command, self.engine.clock().now(), &[]) {
            Err(BooksRefusal::DayNotSettled { closes_at, .. }) => Ok(Some(closes_at)),
            Err(_) | Ok(_) => Ok(None),
        }
    }

    /// Carries out a command on the calendar.
    pub async fn keep_books(
        &self,
        request_id: RequestId,
        actor: Actor,
        command: Command,
    ) -> Result<BooksAnswer, Failure> {
        let is_close = matches!(command, Command::CloseDay { .. });
        if is_close {
            self.compare_read_models().await?;
        }
        // Not before it: that takes longer than a receipt is good for.
        let receipt = self.engine.receive()?;
        let unsealed = if is_close { self.unsealed_ends(receipt.at()).await? } else { Vec::new() };
        let request = BooksRequest { request_id, actor, receipt, command, unsealed };
        let accounts = Arc::new(ReadAccounts(self.reads.clone()));
        Ok(self.engine.keep_books(request, accounts).await?)
    }

    /// Compares the read models with the log, unless that was done lately: a close is over the
    /// accounts that they name, and is for ever. Goes on if the caller's future is dropped.
    async fn compare_read_models(&self) -> Result<(), Failure> {
        let cycles = self.clone();
        let compared = tokio::spawn(async move {
            let mut compared = cycles.compared.lock().await;
            if compared.is_some_and(|at| at.elapsed() < COMPARED_EVERY) {
                return Ok(());
            }
            match cycles.reads.verify().await {
                Ok(report) if report.difference().is_some() => return Err(()),
                Err(error) if error.is_damage() => return Err(()),
                Ok(report) => tracing::info!(
                    position = report.position.0,
                    "the read models were compared with the log, and are as it has them"
                ),
                // It says nothing about them, and books that cannot be closed are worse.
                Err(error) => tracing::warn!(
                    error = with_causes(&error),
                    "the read models could not be compared with the log"
                ),
            }
            *compared = Some(Instant::now());
            Ok(())
        });
        match compared.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(())) => Err(Failure::store_unavailable()),
            Err(fault) => {
                tracing::error!(%fault, "a comparison of the read models ended by a fault");
                Err(Failure::internal_fault())
            }
        }
    }

    /// The windows that end a day, are closed at `now`, and are not sealed.
    async fn unsealed_ends(&self, now: DateTime<Utc>) -> Result<Vec<WindowKey>, Failure> {
        self.catch_up().await?;
        let windows = self.ask(move |reader| reader.unsealed_windows(now)).await?;
        Ok(windows.into_iter().filter(|key| key.window == Window::END_OF_DAY).collect())
    }
}

/// What comes next for the books, and the step that names its request: if the calendar changes, it
/// is another request.
fn due(books: &Books, version: Version) -> Option<(Command, String)> {
    if let Some(month) = books.next_month_to_close() {
        return Some((Command::CloseMonth { month }, format!("close-{month}-{version}")));
    }
    let gl_date = books.next_to_close()?;
    Some((Command::CloseDay { gl_date }, format!("close-{gl_date}-{version}")))
}

/// What would come of the command now. One that would be refused is no request, and leaves no
/// refusal.
fn would_come_of(
    books: &Books,
    command: Command,
    now: DateTime<Utc>,
    ends: &[WindowKey],
) -> Result<Decision, BooksRefusal> {
    let unsealed: Vec<_> = ends.iter().map(|window| (window.date, window.name())).collect();
    let context = Context { received_at: now, today: eastern_date(now), unsealed: &unsealed };
    decide(books, command, &context)
}
