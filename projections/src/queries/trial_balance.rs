//! The trial balance: debits and credits per general-ledger account, the standing audit.

use chrono::NaiveDate;
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::Money;

use super::row::{money, word};
use crate::Reader;
use crate::columns::day;

/// One account of the general ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialBalanceRow {
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

impl Reader<'_> {
    /// Debits and credits of all accounting days up to and with `gl_date`, or of all of them, by
    /// account number. Accounts without a line are left out.
    pub fn trial_balance(
        &self,
        gl_date: Option<NaiveDate>,
    ) -> Result<Vec<TrialBalanceRow>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT CAST(gl_account AS TEXT) AS account, sum(debit_cents) AS debit_cents, \
             sum(credit_cents) AS credit_cents FROM ledger_day WHERE gl_day <= ?1 \
             GROUP BY gl_account ORDER BY gl_account",
        )?;
        let rows = statement.query_map([gl_date.map_or(i64::MAX, day)], |row| {
            Ok(TrialBalanceRow {
                account: word(row, "account")?,
                debits: money(row, "debit_cents")?,
                credits: money(row, "credit_cents")?,
            })
        })?;
        rows.collect()
    }
}
