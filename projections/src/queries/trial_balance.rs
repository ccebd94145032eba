//! The trial balance: debits and credits by product and general-ledger account, the standing audit.

use chrono::NaiveDate;
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::Money;
use ledger::domain::product::Product;
use ledger::envelope::Position;
use rusqlite::{OptionalExtension as _, Row, params};

use super::row::{Found, money, word};
use crate::Reader;
use crate::columns::{day, key};

/// One account of the general ledger, as far as one product is on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialBalanceRow {
    /// The product.
    pub product: Product,
    /// The account.
    pub account: LedgerAccount,
    /// All debits.
    pub debits: Money,
    /// All credits, as a number that is not negative.
    pub credits: Money,
}

impl TrialBalanceRow {
    /// The balance: debit above zero.
    pub fn net(&self) -> Money {
        self.debits - self.credits
    }
}

/// What a log knew of closed days at a position: all up to a day are as they are for ever.
struct Closed {
    /// The last day that was closed by then.
    through: i64,
    /// Where the next one was opened: later days are posted to after that.
    next_opened: i64,
}

impl Reader<'_> {
    /// Debits and credits of all accounting days up to and with `gl_date`, or of all of them, by
    /// product and account number. Accounts without a line are left out.
    pub fn trial_balance(
        &self,
        gl_date: Option<NaiveDate>,
    ) -> Result<Vec<TrialBalanceRow>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT product, CAST(gl_account AS TEXT) AS account, \
             sum(debit_cents) AS debit_cents, sum(credit_cents) AS credit_cents \
             FROM ledger_day WHERE gl_day <= ?1 \
             GROUP BY product, gl_account ORDER BY product, gl_account",
        )?;
        let rows = statement.query_map([gl_date.map_or(i64::MAX, day)], read)?;
        rows.collect()
    }

    /// The same as the log had it at `known`. Closed days are taken as they are, since nothing is
    /// posted to them any more; what is read anew are the postings to the days that were open then.
    pub fn trial_balance_known(
        &self,
        gl_date: Option<NaiveDate>,
        known: Position,
    ) -> Result<Vec<TrialBalanceRow>, rusqlite::Error> {
        let closed = self.closed_by(known)?;
        let through = gl_date.map_or(i64::MAX, day);
        let mut statement = self.database.prepare_cached(
            "SELECT product, CAST(gl_account AS TEXT) AS account, \
             sum(debit_cents) AS debit_cents, sum(credit_cents) AS credit_cents FROM ( \
             SELECT product, gl_account, debit_cents, credit_cents FROM ledger_day \
             WHERE gl_day <= min(?1, ?2) \
             UNION ALL \
             SELECT product, line.value ->> 0, max(line.value ->> 1, 0), \
             max(-(line.value ->> 1), 0) \
             FROM posting JOIN account USING (account_key), json_each(posting.lines) AS line \
             WHERE position > ?3 AND position <= ?4 AND gl_day > ?2 AND gl_day <= ?1) \
             GROUP BY product, gl_account ORDER BY product, gl_account",
        )?;
        let values = params![through, closed.through, closed.next_opened, key(known)];
        let rows = statement.query_map(values, read)?;
        rows.collect()
    }

    fn closed_by(&self, known: Position) -> Result<Closed, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT gl_day, (SELECT min(opened_position) FROM accounting_day AS next \
             WHERE next.gl_day > accounting_day.gl_day) AS next_opened \
             FROM accounting_day WHERE closed_position <= ?1 ORDER BY gl_day DESC LIMIT 1",
        )?;
        let closed = statement
            .query_row([key(known)], |row| {
                Ok(Closed { through: row.get("gl_day")?, next_opened: row.get("next_opened")? })
            })
            .optional()?;
        Ok(closed.unwrap_or(Closed { through: i64::MIN, next_opened: 0 }))
    }
}

fn read(row: &Row<'_>) -> Found<TrialBalanceRow> {
    Ok(TrialBalanceRow {
        product: word(row, "product")?,
        account: word(row, "account")?,
        debits: money(row, "debit_cents")?,
        credits: money(row, "credit_cents")?,
    })
}
