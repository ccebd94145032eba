//! The accounts that the daily run looks at.

use chrono::NaiveDate;
use ledger::domain::money::Money;
use ledger::envelope::Position;
use ledger::ids::AccountId;
use rusqlite::{Row, params};

use super::row::{Found, word};
use crate::Reader;
use crate::columns::{day, key, number, position};

/// An account that something may have to be done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAccount {
    /// Its id.
    pub account: AccountId,
    /// The position of its opening, from which the next chunk goes on.
    pub opened_position: Position,
}

impl Reader<'_> {
    /// The accounts that time may have changed by `today`, those after `after` by order of opening,
    /// at most `limit`: past due, or with an instalment that is met and, by what was recorded since
    /// `since`, may have been late. Those with a payment of before today that waits for its run are
    /// left out: what they owe is not known yet.
    pub fn accounts_to_age(
        &self,
        (since, today): (NaiveDate, NaiveDate),
        after: Position,
        limit: usize,
    ) -> Result<Vec<DueAccount>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT account_key, account_id FROM account WHERE account_key > ?1 \
             AND paid_off_day IS NULL AND charged_off_day IS NULL \
             AND (oldest_unpaid_due_day < ?2 OR late_after_all_day >= ?3) \
             AND NOT EXISTS (SELECT 1 FROM payment \
                 WHERE payment.account_key = account.account_key AND state = 'scheduled' \
                 AND effective_day < ?2) \
             ORDER BY account_key LIMIT ?4",
        )?;
        let values = params![key(after), day(today), day(since), number(limit)];
        let rows = statement.query_map(values, read)?;
        rows.collect()
    }

    /// The accounts with a credit balance of at least `least`, those after `after` by order of
    /// opening, at most `limit`.
    pub fn credit_balances(
        &self,
        least: Money,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DueAccount>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT account_key, account_id FROM account WHERE account_key > ?1 \
             AND gl_2110_cents < 0 AND -gl_2110_cents >= ?2 ORDER BY account_key LIMIT ?3",
        )?;
        let rows = statement.query_map(params![key(after), least.cents(), number(limit)], read)?;
        rows.collect()
    }
}

fn read(row: &Row<'_>) -> Found<DueAccount> {
    Ok(DueAccount {
        account: word(row, "account_id")?,
        opened_position: position(row.get("account_key")?),
    })
}
