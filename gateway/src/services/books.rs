//! `BooksService`: the accounting calendar, and what its closes have sealed.

use chrono::NaiveDate;
use ledger::domain::books::events::{DayClosed, Event};
use ledger::domain::books::{Command, Day};
use ledger::domain::money::Money;
use ledger::engine::BooksAnswer;
use ledger::envelope::Position;
use proto::payledger::v1 as wire;
use tonic::{Request, Response, Status};
use wire::ErrorReason;
use wire::books_service_server::BooksService;

use super::{Gateway, actor};
use crate::convert::books::{
    self, AskedOfBooks, day_close_to_wire, day_to_wire, journal_to_wire, month_close_to_wire,
    restatement_to_wire,
};
use crate::convert::money::to_wire;
use crate::convert::time::{self, date_to_wire};
use crate::page;
use crate::status::Failure;

#[tonic::async_trait]
impl BooksService for Gateway {
    async fn open_day(
        &self,
        request: Request<wire::OpenDayRequest>,
    ) -> Result<Response<wire::OpenDayResponse>, Status> {
        let asked = books::open_day(request.get_ref())?;
        let answer = self.keep(&request, asked).await?;
        let Event::DayOpened(opened) = &answer.event else { return Err(other_event()) };
        let gl_date = opened.gl_date;
        // As it was then: a repeat may come after its close.
        let day = answer.books.books.days().get(&gl_date);
        let day = day.map(|day| day_to_wire(gl_date, &Day { closed: None, ..*day }));
        let (position, replayed) = (answer.position.0, answer.replayed);
        Ok(Response::new(wire::OpenDayResponse { day, position, replayed }))
    }

    async fn close_day(
        &self,
        request: Request<wire::CloseDayRequest>,
    ) -> Result<Response<wire::CloseDayResponse>, Status> {
        let asked = books::close_day(request.get_ref())?;
        let answer = self.keep(&request, asked).await?;
        let Event::DayClosed(closed) = &answer.event else { return Err(other_event()) };
        let close = Some(day_close_to_wire(closed, answer.position));
        let (position, replayed) = (answer.position.0, answer.replayed);
        Ok(Response::new(wire::CloseDayResponse { close, position, replayed }))
    }

    async fn close_month(
        &self,
        request: Request<wire::CloseMonthRequest>,
    ) -> Result<Response<wire::CloseMonthResponse>, Status> {
        let asked = books::close_month(request.get_ref())?;
        let answer = self.keep(&request, asked).await?;
        let Event::MonthClosed(closed) = &answer.event else { return Err(other_event()) };
        let close = Some(month_close_to_wire(closed, answer.position));
        let (position, replayed) = (answer.position.0, answer.replayed);
        Ok(Response::new(wire::CloseMonthResponse { close, position, replayed }))
    }

    async fn get_books(
        &self,
        request: Request<wire::GetBooksRequest>,
    ) -> Result<Response<wire::GetBooksResponse>, Status> {
        let read_position = self.log_position(request.get_ref().min_position).await?.0;
        let folded = self.engine.books().await.map_err(Failure::from)?;
        let books = &folded.books;
        let current = books.current();
        let is_open = |day: &Day| day.closed.is_none();
        let open = books.days().iter().filter(|(_, day)| is_open(day)).map(|(date, _)| *date);
        let last_closed = books.days().iter().rfind(|(_, day)| !is_open(day));
        let month = books.last_closed_month();
        Ok(Response::new(wire::GetBooksResponse {
            current_date: current.map(date_to_wire),
            closing_dates: open.filter(|date| Some(*date) != current).map(date_to_wire).collect(),
            last_closed_date: last_closed.map(|(date, _)| date_to_wire(*date)),
            last_closed_month: month.map(|month| month.to_string()).unwrap_or_default(),
            read_position,
            read_time: Some(self.read_time()),
        }))
    }

    async fn list_accounting_days(
        &self,
        request: Request<wire::ListAccountingDaysRequest>,
    ) -> Result<Response<wire::ListAccountingDaysResponse>, Status> {
        let request = request.get_ref();
        let asked: page::Page<NaiveDate> = page::asked(request)?;
        let head = self.log_position(request.min_position).await?;
        let folded = self.engine.books().await.map_err(Failure::from)?;
        let resume = asked.resume.as_ref();
        let pinned = resume.map_or(head, |resume| resume.position);
        let after = resume.map(|resume| resume.after);
        let days = folded.books.days().iter().rev();
        let mut wanted = days
            .filter(|(date, day)| day.opened <= pinned && after.is_none_or(|after| **date < after));
        let page: Vec<_> = wanted.by_ref().take(asked.size).collect();
        let last = page.last().filter(|_| wanted.next().is_some());
        let next = last.map(|(date, _)| page::next(request, pinned, *date));
        Ok(Response::new(wire::ListAccountingDaysResponse {
            days: page.into_iter().map(|(date, day)| day_to_wire(*date, day)).collect(),
            next_page_token: next.unwrap_or_default(),
            read_position: head.0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn get_day_close(
        &self,
        request: Request<wire::GetDayCloseRequest>,
    ) -> Result<Response<wire::GetDayCloseResponse>, Status> {
        let gl_date = time::date("gl_date", request.get_ref().gl_date.as_ref())?;
        let read_position = self.log_position(request.get_ref().min_position).await?.0;
        let (closed, position) = self.closed_day(gl_date).await?;
        Ok(Response::new(wire::GetDayCloseResponse {
            close: Some(day_close_to_wire(&closed, position)),
            read_position,
            read_time: Some(self.read_time()),
        }))
    }

    async fn get_month_close(
        &self,
        request: Request<wire::GetMonthCloseRequest>,
    ) -> Result<Response<wire::GetMonthCloseResponse>, Status> {
        let month = books::month(&request.get_ref().month)?;
        let read_position = self.log_position(request.get_ref().min_position).await?.0;
        let closed = self.engine.closed_month(month).await.map_err(Failure::from)?;
        let (closed, position) = closed.ok_or_else(|| {
            Failure::new(ErrorReason::MonthNotClosed, format!("{month} is not closed"))
                .fact("month", month)
                .about(format!("books/{month}"))
        })?;
        Ok(Response::new(wire::GetMonthCloseResponse {
            close: Some(month_close_to_wire(&closed, position)),
            read_position,
            read_time: Some(self.read_time()),
        }))
    }

    async fn get_ledger_feed(
        &self,
        request: Request<wire::GetLedgerFeedRequest>,
    ) -> Result<Response<wire::GetLedgerFeedResponse>, Status> {
        let gl_date = time::date("gl_date", request.get_ref().gl_date.as_ref())?;
        let read_position = self.log_position(request.get_ref().min_position).await?.0;
        let (closed, _) = self.closed_day(gl_date).await?;
        let lines = || closed.journals.iter().flat_map(|journal| &journal.lines);
        let debits = lines().fold(Money::ZERO, |sum, line| sum + line.debits);
        let credits = lines().fold(Money::ZERO, |sum, line| sum + line.credits);
        let journals = closed.journals.iter().map(|journal| journal_to_wire(gl_date, journal));
        Ok(Response::new(wire::GetLedgerFeedResponse {
            journals: journals.collect(),
            total_debits: Some(to_wire(debits)),
            total_credits: Some(to_wire(credits)),
            read_position,
            read_time: Some(self.read_time()),
        }))
    }

    async fn list_restatements(
        &self,
        request: Request<wire::ListRestatementsRequest>,
    ) -> Result<Response<wire::ListRestatementsResponse>, Status> {
        let request = request.get_ref();
        let gl_date = time::date("gl_date", request.gl_date.as_ref())?;
        let asked: page::Page<u64> = page::asked(request)?;
        let head = self.log_position(request.min_position).await?;
        let after = asked.resume.map_or(Position::START, |resume| Position(resume.after));
        // One more than is shown tells whether there is another page.
        let limit = asked.size.saturating_add(1);
        let rows = self.engine.restatements(gl_date, after, limit).await.map_err(Failure::from)?;
        let mut rows = rows.ok_or_else(|| not_closed(gl_date))?;
        let is_last = rows.len() <= asked.size;
        rows.truncate(asked.size);
        let last = rows.last().filter(|_| !is_last).map(|row| row.restatement.position.0);
        Ok(Response::new(wire::ListRestatementsResponse {
            next_page_token: last.map(|last| page::next(request, head, &last)).unwrap_or_default(),
            restatements: rows.iter().map(restatement_to_wire).collect(),
            read_position: head.0,
            read_time: Some(self.read_time()),
        }))
    }
}

impl Gateway {
    /// Carries out one request on the calendar.
    async fn keep<M>(
        &self,
        request: &Request<M>,
        asked: AskedOfBooks,
    ) -> Result<BooksAnswer, Status> {
        let AskedOfBooks { request_id, command } = asked;
        let actor = actor(request.metadata())?;
        let answer = self.cycles.keep_books(request_id, actor, command).await;
        let name = command.name();
        match &answer {
            Ok(answer) => {
                let (position, replayed) = (answer.position.0, answer.replayed);
                tracing::info!(%request_id, command = name, position, replayed, "carried out");
            }
            Err(failure) => {
                tracing::info!(%request_id, command = name, %failure, "not carried out");
            }
        }
        let subject = match command {
            Command::OpenDay { gl_date } | Command::CloseDay { gl_date } => gl_date.to_string(),
            Command::CloseMonth { month } => month.to_string(),
        };
        Ok(answer.map_err(|failure| failure.about(format!("books/{subject}")))?)
    }

    async fn closed_day(&self, gl_date: NaiveDate) -> Result<(DayClosed, Position), Status> {
        let closed = self.engine.closed_day(gl_date).await.map_err(Failure::from)?;
        Ok(closed.ok_or_else(|| not_closed(gl_date))?)
    }
}

fn not_closed(gl_date: NaiveDate) -> Failure {
    Failure::new(ErrorReason::DayNotClosed, format!("{gl_date} is not closed"))
        .fact("gl_date", gl_date)
        .about(format!("books/{gl_date}"))
}

/// A request id answers what its own command caused.
fn other_event() -> Status {
    Failure::internal_fault().into()
}
