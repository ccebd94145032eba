//! The journal, a row an event, and the general ledger's sums a product and day, gathered over a
//! transaction.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use ledger::domain::account::events::Posting;
use ledger::domain::journal::{LedgerAccount, Line};
use ledger::domain::money::Money;
use ledger::domain::product::Product;
use rusqlite::{Connection, params};

use super::{At, FoldError};
use crate::columns::day;

/// Debits and credits by product, account and accounting day, not yet written.
#[derive(Debug, Default)]
pub(super) struct LedgerDays {
    sums: BTreeMap<(Product, LedgerAccount, i64), (Money, Money)>,
}

impl LedgerDays {
    /// Writes down the journal of an event of `account`.
    pub(super) fn post(
        &mut self,
        database: &Connection,
        (account, product, kind): (i64, Product, &str),
        posting: &Posting,
        effective: NaiveDate,
        at: At,
    ) -> Result<(), FoldError> {
        if posting.lines.is_empty() {
            return Ok(());
        }
        let gl_day = day(posting.gl_date(effective));
        let lines = self.add(product, gl_day, &posting.lines);
        database
            .prepare_cached("INSERT INTO posting VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![at.position, account, kind, day(effective), gl_day, lines])?;
        Ok(())
    }

    /// Adds lines to the sums of their day, and writes them as a document.
    pub(super) fn add(&mut self, product: Product, gl_day: i64, lines: &[Line]) -> String {
        let mut text = "[".to_owned();
        for line in lines {
            let comma = if text.len() > 1 { "," } else { "" };
            let (ledger, cents) = (line.account, line.amount.cents());
            // Writing to a string cannot fail.
            let _ = match line.effective {
                None => write!(text, "{comma}[{ledger},{cents}]"),
                Some(date) => write!(text, "{comma}[{ledger},{cents},{}]", day(date)),
            };
            let (debits, credits) = self.sums.entry((product, ledger, gl_day)).or_default();
            if line.amount.is_negative() {
                *credits += -line.amount;
            } else {
                *debits += line.amount;
            }
        }
        text.push(']');
        text
    }

    /// Adds what was gathered to the days' sums.
    pub(super) fn flush(&self, database: &Connection) -> Result<(), rusqlite::Error> {
        let mut upsert = database.prepare_cached(
            "INSERT INTO ledger_day VALUES (?1, CAST(?2 AS INTEGER), ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET debit_cents = debit_cents + excluded.debit_cents, \
             credit_cents = credit_cents + excluded.credit_cents",
        )?;
        for ((product, account, gl_day), (debits, credits)) in &self.sums {
            let (debits, credits) = (debits.cents(), credits.cents());
            let values = params![product.as_str(), account.as_str(), gl_day, debits, credits];
            upsert.execute(values)?;
        }
        Ok(())
    }
}
