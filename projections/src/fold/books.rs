//! The accounting calendar: days opened and closed, the feed of each, months.

use std::fmt::Write as _;

use ledger::domain::books::events::{
    BooksRequestRefused, DayClosed, DayOpened, Event, LedgerJournal, MonthClosed,
};
use ledger::envelope::Metadata;
use rusqlite::{Connection, params};

use super::ledger_days::LedgerDays;
use super::refusals::Refused;
use super::{At, FoldError};
use crate::columns::{day, key, number};
use crate::error::Poison;

/// Writes down what happened to the books.
pub(super) fn follow(
    database: &Connection,
    sums: &mut LedgerDays,
    event: &Event,
    metadata: &Metadata,
    at: At,
) -> Result<(), FoldError> {
    match event {
        Event::DayOpened(DayOpened { gl_date }) => {
            database
                .prepare_cached(
                    "INSERT INTO accounting_day (gl_day, opened_position, opened_nanos) \
                     VALUES (?1, ?2, ?3)",
                )?
                .execute(params![day(*gl_date), at.position, at.nanos])?;
            Ok(())
        }
        Event::DayClosed(closed) => close(database, sums, closed, at),
        Event::MonthClosed(closed) => close_month(database, closed, at),
        Event::BooksRequestRefused(BooksRequestRefused { command, refusal }) => {
            let (reason, facts) = (refusal.reason(), refusal.facts());
            let refused = Refused { account: None, command, reason, facts };
            Ok(refused.write(database, metadata, at)?)
        }
    }
}

fn close(
    database: &Connection,
    sums: &mut LedgerDays,
    closed: &DayClosed,
    at: At,
) -> Result<(), FoldError> {
    let gl_day = day(closed.gl_date);
    let restated = &closed.restatements;
    let changed = database
        .prepare_cached(
            "UPDATE accounting_day SET closed_position = ?2, closed_nanos = ?3, \
             sealed_position = ?4, restatement_count = ?5, restated_principal_cents = ?6, \
             restated_interest_cents = ?7, restatement_root = ?8 WHERE gl_day = ?1",
        )?
        .execute(params![
            gl_day,
            at.position,
            at.nanos,
            key(closed.position),
            number(restated.count),
            restated.principal_change.cents(),
            restated.interest_change.cents(),
            restated.root,
        ])?;
    if changed != 1 {
        return Err(Poison::DayUnknown(closed.gl_date).into());
    }
    let mut first_line = 0_i64;
    for of in closed.products.iter().filter(|of| !of.accrual.is_empty()) {
        if !ledger::domain::journal::is_balanced(&of.accrual) {
            return Err(Poison::Unbalanced.into());
        }
        let lines = sums.add(of.product, gl_day, &of.accrual);
        database
            .prepare_cached("INSERT INTO accrual VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![at.position, of.product.as_str(), first_line, gl_day, lines])?;
        first_line = first_line.saturating_add(number(of.accrual.len()));
    }
    for journal in &closed.journals {
        database
            .prepare_cached("INSERT INTO ledger_journal VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                gl_day,
                journal.product.as_str(),
                journal.kind,
                journal.id,
                number(journal.events),
                lines(journal),
            ])?;
    }
    Ok(())
}

/// `[[account, debit cents, credit cents], ...]`
fn lines(journal: &LedgerJournal) -> String {
    let mut text = "[".to_owned();
    for line in &journal.lines {
        let comma = if text.len() > 1 { "," } else { "" };
        let (debits, credits) = (line.debits.cents(), line.credits.cents());
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}[{},{debits},{credits}]", line.account);
    }
    text.push(']');
    text
}

fn close_month(database: &Connection, closed: &MonthClosed, at: At) -> Result<(), FoldError> {
    database
        .prepare_cached("INSERT INTO accounting_month VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            closed.month.to_string(),
            day(closed.last_gl_date),
            closed.days,
            number(closed.journals),
            number(closed.restatements),
            at.position,
            at.nanos,
        ])?;
    Ok(())
}
