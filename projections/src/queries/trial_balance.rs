//! The trial balance: debits and credits by product and general-ledger account, the standing audit.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::Money;
use ledger::domain::product::Product;
use ledger::envelope::Position;
use rusqlite::{OptionalExtension as _, Row, params};

use super::row::{Found, money, word};
use crate::columns::{day, key, position};
use crate::error::QueryError;
use crate::{Answer, Projections, Reader};

/// How many positions are looked through in one question: as long as a large page of a list takes,
/// which waits behind it. In tests so few that it takes many.
const POSITIONS_AT_ONCE: u64 = if cfg!(test) { 3 } else { 20_000 };

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
#[derive(Debug, Clone, Copy)]
struct Closed {
    /// The last day that was closed by then.
    through: i64,
    /// Where the next one was opened: later days are posted to after that.
    next_opened: Position,
}

impl Reader<'_> {
    /// Debits and credits of all accounting days up to and with `gl_date`, or of all of them, by
    /// product and account number. Accounts without a line are left out.
    pub fn trial_balance(
        &self,
        gl_date: Option<NaiveDate>,
    ) -> Result<Vec<TrialBalanceRow>, rusqlite::Error> {
        self.through(gl_date.map_or(i64::MAX, day))
    }

    fn through(&self, gl_day: i64) -> Result<Vec<TrialBalanceRow>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT product, CAST(gl_account AS TEXT) AS account, \
             sum(debit_cents) AS debit_cents, sum(credit_cents) AS credit_cents \
             FROM ledger_day WHERE gl_day <= ?1 \
             GROUP BY product, gl_account ORDER BY product, gl_account",
        )?;
        let rows = statement.query_map([gl_day], read)?;
        rows.collect()
    }

    /// What was posted after one position and up to another to the days after one and up to
    /// another.
    fn posted(
        &self,
        (after, until): (Position, Position),
        (closed, through): (i64, i64),
    ) -> Result<Vec<TrialBalanceRow>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT product, CAST(line.value ->> 0 AS TEXT) AS account, \
             sum(max(line.value ->> 1, 0)) AS debit_cents, \
             sum(max(-(line.value ->> 1), 0)) AS credit_cents \
             FROM posting JOIN account USING (account_key), json_each(posting.lines) AS line \
             WHERE position > ?1 AND position <= ?2 AND gl_day > ?3 AND gl_day <= ?4 \
             GROUP BY product, account",
        )?;
        let rows = statement.query_map(params![key(after), key(until), closed, through], read)?;
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
                let next_opened = position(row.get("next_opened")?);
                Ok(Closed { through: row.get("gl_day")?, next_opened })
            })
            .optional()?;
        Ok(closed.unwrap_or(Closed { through: i64::MIN, next_opened: Position::START }))
    }
}

impl Projections {
    /// The same as the log had it at `known`. Closed days are taken as they are, since nothing is
    /// posted to them any more; what is read anew are the postings to the days that were open then.
    /// Those are a question for every so many, so that lists take turns with it: what was posted
    /// stays, and together they are what one question would have found.
    pub async fn trial_balance_known(
        &self,
        gl_date: Option<NaiveDate>,
        known: Position,
    ) -> Result<Answer<Vec<TrialBalanceRow>>, QueryError> {
        let ask = move |reader: &Reader<'_>| {
            let closed = reader.closed_by(known)?;
            let through = gl_date.map_or(i64::MAX, day).min(closed.through);
            Ok((closed, reader.through(through)?))
        };
        let Answer { value: (closed, found), mut read_position } =
            self.read(Some(known), ask).await?;
        let mut sums = BTreeMap::new();
        add(&mut sums, found);
        let days = (closed.through, gl_date.map_or(i64::MAX, day));
        let mut after = closed.next_opened;
        while after < known {
            let until = Position(after.0.saturating_add(POSITIONS_AT_ONCE)).min(known);
            let ask = move |reader: &Reader<'_>| reader.posted((after, until), days);
            let answer = self.read(Some(known), ask).await?;
            add(&mut sums, answer.value);
            (after, read_position) = (until, answer.read_position);
        }
        Ok(Answer { value: sums.into_values().collect(), read_position })
    }
}

/// Adds rows to those of the same product and account, in the order of both names.
fn add(
    sums: &mut BTreeMap<(&'static str, &'static str), TrialBalanceRow>,
    rows: Vec<TrialBalanceRow>,
) {
    for row in rows {
        let none = TrialBalanceRow { debits: Money::ZERO, credits: Money::ZERO, ..row };
        let sum = sums.entry((row.product.as_str(), row.account.as_str())).or_insert(none);
        sum.debits += row.debits;
        sum.credits += row.credits;
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
