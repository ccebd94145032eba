//! The reads of `AccountService` beside accounts themselves: payoff quotes, refunds, instalments.
//! All of them are answered from the account's own events.

use std::sync::Arc;

use chrono::NaiveDate;
use ledger::domain::account::state::OpenAccount;
use ledger::engine::{EngineError, Folded, KnownAt};
use ledger::envelope::Position;
use ledger::ids::{AccountId, QuoteId};
use prost_types::Timestamp;
use proto::payledger::v1 as wire;
use tonic::Status;

use super::{Gateway, above_head};
use crate::convert::{Field, FieldError, answers, ids, time};
use crate::page::{self, ListRequest};
use crate::status::Failure;

/// How much of the log a read takes into account, as it was asked for.
pub(super) struct Known(Option<KnownAt>);

impl Known {
    /// Reads the two fields of a request, of which one may be set.
    pub(super) fn of(position: u64, time: Option<&Timestamp>) -> Field<Self> {
        let position = ids::position_if_set(position);
        let time = time::instant_if_set("known_time", time)?;
        match (position, time) {
            (Some(_), Some(_)) => {
                Err(FieldError::new("known_time", "is not for a read with known_position"))
            }
            (Some(position), None) => Ok(Self(Some(KnownAt::Position(position)))),
            (None, time) => Ok(Self(time.map(KnownAt::Time))),
        }
    }

    /// The same, which the log must reach: it ends at `head`.
    pub(super) fn within(&self, head: Position) -> Field<Option<KnownAt>> {
        match self.0 {
            Some(KnownAt::Position(position)) if position > head => {
                Err(above_head("known_position", position, head))
            }
            known_at => Ok(known_at),
        }
    }

    /// The position that an answer reflects which knows so much of `account`.
    pub(super) fn reflects(&self, head: Position, account: &Folded) -> Position {
        match self.0 {
            None => head.max(account.position),
            Some(KnownAt::Position(position)) => position,
            Some(KnownAt::Time(_)) => account.position,
        }
    }
}

/// A page of what an account has, cut out of all of it.
struct Cut<T> {
    rows: Vec<T>,
    next_page_token: String,
    read_position: Position,
}

/// The account, which must be on the books.
pub(super) fn open<'a>(id: &AccountId, folded: &'a Folded) -> Result<&'a OpenAccount, Status> {
    folded.open().ok_or_else(|| Failure::account_not_found(id, None).into())
}

/// Refuses a value date before the opening.
pub(super) fn since_opening(open: &OpenAccount, as_of: NaiveDate) -> Field<()> {
    let opened = open.terms().opened_date;
    if as_of < opened {
        let error = FieldError::new("effective_date", format!("is before the opening, {opened}"));
        return Err(error.fact("opened_date", opened));
    }
    Ok(())
}

impl Gateway {
    /// The account as it was known, and the position that this reflects.
    pub(super) async fn known(
        &self,
        id: &AccountId,
        known: Known,
        min_position: u64,
    ) -> Result<(Arc<Folded>, Position), Status> {
        let head = self.log_position(min_position).await?;
        let folded = self.account(id, known.within(head)?).await?;
        let reflects = known.reflects(head, &folded);
        Ok((folded, reflects))
    }

    /// One payoff quote.
    pub(super) async fn payoff_quote(
        &self,
        request: &wire::GetPayoffQuoteRequest,
    ) -> Result<wire::GetPayoffQuoteResponse, Status> {
        let account = ids::account_id("account_id", &request.account_id)?;
        let id = QuoteId::from_uuid(ids::uuid("quote_id", &request.quote_id)?);
        let (folded, position) = self.known(&account, Known(None), request.min_position).await?;
        let quote = answers::quote(&account, open(&account, &folded)?, id);
        let quote = quote.ok_or_else(|| Failure::from(EngineError::QuoteNotFound(id)))?;
        Ok(wire::GetPayoffQuoteResponse {
            quote: Some(quote),
            read_position: position.0,
            read_time: Some(self.read_time()),
        })
    }

    /// The payoff quotes of an account, in the order in which they were given.
    pub(super) async fn payoff_quotes(
        &self,
        request: &wire::ListPayoffQuotesRequest,
    ) -> Result<wire::ListPayoffQuotesResponse, Status> {
        let account = ids::account_id("account_id", &request.account_id)?;
        let cut = self.cut(request, &account, request.min_position, |open| {
            let mut given: Vec<_> = open.quotes.iter().map(|(id, it)| (it.at, *id)).collect();
            given.sort_unstable();
            given.into_iter().filter_map(|(_, id)| answers::quote(&account, open, id)).collect()
        });
        let cut = cut.await?;
        Ok(wire::ListPayoffQuotesResponse {
            quotes: cut.rows,
            next_page_token: cut.next_page_token,
            read_position: cut.read_position.0,
            read_time: Some(self.read_time()),
        })
    }

    /// The refunds of an account, oldest first.
    pub(super) async fn refunds(
        &self,
        request: &wire::ListRefundsRequest,
    ) -> Result<wire::ListRefundsResponse, Status> {
        let account = ids::account_id("account_id", &request.account_id)?;
        let cut = self.cut(request, &account, request.min_position, |open| {
            let mut sent: Vec<_> = open.refunds.iter().collect();
            sent.sort_by_key(|(id, refund)| (refund.effective_date, **id));
            sent.into_iter().map(|(id, refund)| answers::refund(&account, *id, refund)).collect()
        });
        let cut = cut.await?;
        Ok(wire::ListRefundsResponse {
            refunds: cut.rows,
            next_page_token: cut.next_page_token,
            read_position: cut.read_position.0,
            read_time: Some(self.read_time()),
        })
    }

    /// A page of `all` that an account has: the first one as it is now, and later ones as the first
    /// one knew it.
    async fn cut<R: ListRequest, T>(
        &self,
        request: &R,
        account: &AccountId,
        min_position: u64,
        all: impl FnOnce(&OpenAccount) -> Vec<T>,
    ) -> Result<Cut<T>, Status> {
        let asked = page::asked::<R, usize>(request)?;
        self.check_first_page(asked.resume.as_ref()).await?;
        let known_at = asked.resume.as_ref().map(|resume| KnownAt::Position(resume.position));
        let (folded, read_position) = self.known(account, Known(known_at), min_position).await?;
        let after = asked.resume.map_or(0, |resume| resume.after);
        let all = all(open(account, &folded)?);
        let end = after.saturating_add(asked.size);
        let more = end < all.len();
        let next = || page::next(request, read_position, &end);
        Ok(Cut {
            rows: all.into_iter().skip(after).take(asked.size).collect(),
            next_page_token: if more { next() } else { String::new() },
            read_position,
        })
    }

    /// The instalments of an account as they stand at the close of a day.
    pub(super) async fn instalments(
        &self,
        request: &wire::ListInstalmentsRequest,
    ) -> Result<wire::ListInstalmentsResponse, Status> {
        let account = ids::account_id("account_id", &request.account_id)?;
        let date = time::date_if_set("effective_date", request.effective_date.as_ref())?;
        let known = Known::of(request.known_position, request.known_time.as_ref())?;
        // Later pages are as of the day of the first one, although it may have been over since.
        let asked = page::asked::<_, (usize, NaiveDate)>(request)?;
        self.check_first_page(asked.resume.as_ref()).await?;
        let (known, after, as_of) = match (asked.resume, known) {
            (None, known) => (known, 0, date.unwrap_or_else(|| self.today())),
            (Some(page::Resume { position, after: (after, as_of) }), Known(asked_for)) => {
                let pinned = asked_for.unwrap_or(KnownAt::Position(position));
                (Known(Some(pinned)), after, as_of)
            }
        };
        let (folded, position) = self.known(&account, known, request.min_position).await?;
        let open = open(&account, &folded)?;
        since_opening(open, as_of)?;
        let all = open.book.instalment_standings(as_of);
        let end = after.saturating_add(asked.size);
        let next = || page::next(request, position, &(end, as_of));
        let rows = all.iter().skip(after).take(asked.size);
        Ok(wire::ListInstalmentsResponse {
            instalments: rows.map(|row| answers::instalment(open, row, as_of)).collect(),
            effective_date: Some(time::date_to_wire(as_of)),
            next_page_token: if end < all.len() { next() } else { String::new() },
            read_position: position.0,
            read_time: Some(self.read_time()),
        })
    }
}
