//! The accounting calendar and what its closes have sealed, as the wire carries them.

use chrono::NaiveDate;
use ledger::domain::books::events::{
    DayClosed, LedgerJournal, MonthClosed, ProductClose, RestatementSeal,
};
use ledger::domain::books::month::Month;
use ledger::domain::books::restatement::Owed;
use ledger::domain::books::turnover::{Turnover, Turnovers};
use ledger::domain::books::{Command, Day};
use ledger::engine::RestatementRow;
use ledger::envelope::Position;
use ledger::ids::RequestId;
use proto::payledger::v1 as wire;

use super::money::to_wire;
use super::time::{date_to_wire, instant_to_wire};
use super::{Field, FieldError, enums, ids, time};

/// A request on the calendar: its id and what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedOfBooks {
    /// The request's id.
    pub request_id: RequestId,
    /// What is asked.
    pub command: Command,
}

/// Takes a month such as `2026-03`.
pub fn month(value: &str) -> Field<Month> {
    let year_and_month = "needs a year and a month, such as 2026-03";
    value.parse().map_err(|_| FieldError::new("month", year_and_month))
}

/// Reads a request to open a day.
pub fn open_day(request: &wire::OpenDayRequest) -> Field<AskedOfBooks> {
    let request_id = ids::request_id(&request.request_id)?;
    let gl_date = time::date("gl_date", request.gl_date.as_ref())?;
    Ok(AskedOfBooks { request_id, command: Command::OpenDay { gl_date } })
}

/// Reads a request to close a day.
pub fn close_day(request: &wire::CloseDayRequest) -> Field<AskedOfBooks> {
    let request_id = ids::request_id(&request.request_id)?;
    let gl_date = time::date("gl_date", request.gl_date.as_ref())?;
    Ok(AskedOfBooks { request_id, command: Command::CloseDay { gl_date } })
}

/// Reads a request to close a month.
pub fn close_month(request: &wire::CloseMonthRequest) -> Field<AskedOfBooks> {
    let request_id = ids::request_id(&request.request_id)?;
    Ok(AskedOfBooks { request_id, command: Command::CloseMonth { month: month(&request.month)? } })
}

/// An accounting day.
pub fn day_to_wire(gl_date: NaiveDate, day: &Day) -> wire::AccountingDay {
    let closed = day.closed;
    wire::AccountingDay {
        gl_date: Some(date_to_wire(gl_date)),
        opened_time: Some(instant_to_wire(day.opened_at)),
        opened_position: day.opened.0,
        closed_time: closed.map(|closed| instant_to_wire(closed.at)),
        closed_position: closed.map_or(0, |closed| closed.recorded.0),
        sealed_position: closed.map_or(0, |closed| closed.sealed.0),
    }
}

/// What the close of a day, recorded at `position`, has sealed.
pub fn day_close_to_wire(closed: &DayClosed, position: Position) -> wire::DayClose {
    wire::DayClose {
        gl_date: Some(date_to_wire(closed.gl_date)),
        sealed_position: closed.position.0,
        closed_position: position.0,
        products: closed.products.iter().map(product_close).collect(),
        journal_count: i32::try_from(closed.journals.len()).unwrap_or(i32::MAX),
        restatements: Some(seal(&closed.restatements)),
    }
}

fn product_close(of: &ProductClose) -> wire::ProductClose {
    let mut accrual = Turnovers::default();
    accrual.post(&of.accrual);
    wire::ProductClose {
        product: enums::product_to_wire(of.product).into(),
        account_count: count(of.accounts),
        accrual: accrual.iter().map(turnover).collect(),
        trial_balance: of.trial_balance.iter().copied().map(turnover).collect(),
    }
}

fn seal(seal: &RestatementSeal) -> wire::RestatementSeal {
    wire::RestatementSeal {
        count: count(seal.count),
        principal_change: Some(to_wire(seal.principal_change)),
        interest_change: Some(to_wire(seal.interest_change)),
        root: seal.root.clone(),
    }
}

fn turnover(turnover: Turnover) -> wire::LedgerTurnover {
    wire::LedgerTurnover {
        ledger_account: turnover.account.as_str().to_owned(),
        title: turnover.account.title().to_owned(),
        debits: Some(to_wire(turnover.debits)),
        credits: Some(to_wire(turnover.credits)),
    }
}

/// What the close of a month, recorded at `position`, has sealed.
pub fn month_close_to_wire(closed: &MonthClosed, position: Position) -> wire::MonthClose {
    let turnovers = |of: &[Turnover]| of.iter().copied().map(turnover).collect();
    let products = closed.products.iter().map(|of| wire::ProductMonth {
        product: enums::product_to_wire(of.product).into(),
        movement: turnovers(&of.movement),
        trial_balance: turnovers(&of.trial_balance),
    });
    wire::MonthClose {
        month: closed.month.to_string(),
        last_gl_date: Some(date_to_wire(closed.last_gl_date)),
        sealed_position: closed.position.0,
        closed_position: position.0,
        day_count: i32::try_from(closed.days).unwrap_or(i32::MAX),
        journal_count: count(closed.journals),
        restatement_count: count(closed.restatements),
        products: products.collect(),
    }
}

/// A journal of the feed of `gl_date`.
pub fn journal_to_wire(gl_date: NaiveDate, journal: &LedgerJournal) -> wire::LedgerJournal {
    wire::LedgerJournal {
        journal_id: journal.id.clone(),
        gl_date: Some(date_to_wire(gl_date)),
        product: enums::product_to_wire(journal.product).into(),
        event_type: journal.kind.clone(),
        event_count: count(journal.events),
        lines: journal.lines.iter().copied().map(turnover).collect(),
    }
}

/// A restatement and its cause.
pub fn restatement_to_wire(row: &RestatementRow) -> wire::Restatement {
    let owed = |owed: &Owed| wire::RestatedBalance {
        principal: Some(to_wire(owed.principal)),
        accrued_interest: Some(to_wire(owed.interest)),
        days_past_due: i32::try_from(owed.days_past_due).unwrap_or(i32::MAX),
    };
    let restatement = &row.restatement;
    wire::Restatement {
        account_id: restatement.account.as_str().to_owned(),
        position: restatement.position.0,
        event_type: row.kind.clone(),
        effective_date: Some(date_to_wire(restatement.effective_date)),
        before: Some(owed(&restatement.before)),
        after: Some(owed(&restatement.after)),
        request_id: row.request_id.to_string(),
        actor: row.actor.as_str().to_owned(),
        received_time: Some(instant_to_wire(row.received_at)),
    }
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
