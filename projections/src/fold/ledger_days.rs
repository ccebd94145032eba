//! The journal, a row an event, and the general ledger's sums a day, gathered over a transaction.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use ledger::domain::account::events::Posting;
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::Money;
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::day;

/// Debits and credits by account and accounting day, not yet written.
#[derive(Debug, Default)]
pub(super) struct LedgerDays {
    sums: BTreeMap<(LedgerAccount, i64), (Money, Money)>,
}

impl LedgerDays {
    /// Writes down the journal of an event of `account`.
    pub(super) fn post(
        &mut self,
        database: &Connection,
        (account, kind): (i64, &str),
        posting: &Posting,
        effective: NaiveDate,
        at: At,
    ) -> Result<(), FoldError> {
        if posting.lines.is_empty() {
            return Ok(());
        }
        let gl_day = day(posting.gl_date(effective));
        let mut lines = "[".to_owned();
        for line in &posting.lines {
            let comma = if lines.len() > 1 { "," } else { "" };
            let (ledger, cents) = (line.account, line.amount.cents());
            // Writing to a string cannot fail.
            let _ = match line.effective {
                None => write!(lines, "{comma}[{ledger},{cents}]"),
                Some(date) => write!(lines, "{comma}[{ledger},{cents},{}]", day(date)),
            };
            let (debits, credits) = self.sums.entry((ledger, gl_day)).or_default();
            if line.amount.is_negative() {
                *credits += -line.amount;
            } else {
                *debits += line.amount;
            }
        }
        lines.push(']');
        database
            .prepare_cached("INSERT INTO posting VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![at.position, account, kind, day(effective), gl_day, lines])?;
        Ok(())
    }

    /// Adds what was gathered to the days' sums.
    pub(super) fn flush(&self, database: &Connection) -> Result<(), rusqlite::Error> {
        let mut upsert = database.prepare_cached(
            "INSERT INTO ledger_day VALUES (CAST(?1 AS INTEGER), ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET debit_cents = debit_cents + excluded.debit_cents, \
             credit_cents = credit_cents + excluded.credit_cents",
        )?;
        for ((account, gl_day), (debits, credits)) in &self.sums {
            upsert.execute(params![account.as_str(), gl_day, debits.cents(), credits.cents()])?;
        }
        Ok(())
    }
}
