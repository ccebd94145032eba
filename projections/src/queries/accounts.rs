//! Accounts with their balances.

use chrono::NaiveDate;
use ledger::domain::money::{Amount, Money, Rate};
use ledger::domain::product::Product;
use ledger::envelope::Position;
use ledger::ids::AccountId;
use rusqlite::{OptionalExtension as _, Row, params};

use super::page::{Conditions, List, Listed, Page};
use super::row::{Found, amount, date, maybe_date, money, word};
use crate::Reader;
use crate::columns::{key, number, position};

/// Whether something is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountState {
    /// Something is, or will be.
    Open,
    /// Nothing is.
    PaidOff,
    /// Everything owed was charged off; it is owed all the same.
    ChargedOff,
}

/// An account, and its balances after its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id.
    pub account: AccountId,
    /// Its kind.
    pub product: Product,
    /// Whether something is owed.
    pub state: AccountState,
    /// The booking or boarding date.
    pub opened_date: NaiveDate,
    /// Yearly rate as a fraction, as it was last set.
    pub annual_rate: Rate,
    /// Principal owed.
    pub principal: Money,
    /// Interest in the general ledger and unpaid, through `accrued_through_date`.
    pub interest_receivable: Money,
    /// Fees unpaid.
    pub fees_due: Money,
    /// Rentals in the general ledger and unpaid, with tax, through `accrued_through_date`.
    pub rentals_receivable: Money,
    /// Money above everything that was owed.
    pub credit_balance: Money,
    /// What was charged off and not recovered.
    pub charged_off: Money,
    /// What was recovered of it.
    pub recovered: Money,
    /// What payments have paid of the contract, which satisfies the instalments, oldest first: it
    /// can be more than they come to.
    pub instalments_paid: Money,
    /// What falls due each month.
    pub instalment: Amount,
    /// The last accounting day that touched the account.
    pub accrued_through_date: NaiveDate,
    /// The due date of the oldest instalment that is not met: days past due count from it.
    pub oldest_unpaid_due_date: Option<NaiveDate>,
    /// The first due date on or after `accrued_through_date` of an instalment that is not met.
    pub next_due_date: Option<NaiveDate>,
    /// The due date of the last instalment.
    pub maturity_date: NaiveDate,
    /// The day on which interest income was stopped, while it is.
    pub non_accrual_since: Option<NaiveDate>,
    /// Since when everything owed is charged off.
    pub charged_off_date: Option<NaiveDate>,
    /// Since when nothing is owed.
    pub paid_off_date: Option<NaiveDate>,
    /// The position of its opening.
    pub opened_position: Position,
    /// The position of the last event that changed it.
    pub last_position: Position,
}

/// Which accounts are listed. What is not said is not asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Of one kind.
    pub product: Option<Product>,
    /// In one state.
    pub state: Option<AccountState>,
}

macro_rules! select_accounts {
    ($rest:literal) => {
        concat!(
            "SELECT account_key, account_id, product, opened_day, annual_rate, gl_1100_cents, ",
            "gl_1110_cents, gl_1120_cents, gl_1130_cents + gl_1135_cents AS rentals_cents, ",
            "-gl_2110_cents AS credit_cents, charged_off_cents + gl_4060_cents AS loss_cents, ",
            "-gl_4060_cents AS recovered_cents, billed_cents, instalment_cents, ",
            "accrued_through_day, oldest_unpaid_due_day, next_due_day, maturity_day, ",
            "non_accrual_day, charged_off_day, paid_off_day, last_position ",
            "FROM account JOIN account_position USING (account_key)",
            $rest
        )
    };
}

const ACCOUNTS: List =
    List { select: select_accounts!(""), order: "account_key", pinned: "account_key <= ?" };

impl Reader<'_> {
    /// An account by its id.
    pub fn account(&self, account: &AccountId) -> Result<Option<AccountRow>, rusqlite::Error> {
        self.database
            .prepare_cached(select_accounts!(" WHERE account_id = ?1"))?
            .query_row([account.as_str()], read)
            .optional()
    }

    /// The ids of accounts after `after`, in order of id, at most `limit`.
    pub fn account_ids(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<AccountId>, rusqlite::Error> {
        let after = after.map_or("", AccountId::as_str);
        let mut statement = self.database.prepare_cached(
            "SELECT account_id FROM account WHERE account_id > ?1 ORDER BY account_id LIMIT ?2",
        )?;
        let rows =
            statement.query_map(params![after, number(limit)], |row| word(row, "account_id"))?;
        rows.collect()
    }

    /// Accounts in the order in which they were opened.
    pub fn accounts(
        &self,
        filter: AccountFilter,
        page: Page,
    ) -> Result<Listed<AccountRow>, rusqlite::Error> {
        let mut conditions = Conditions::default();
        let product = filter.product.map(|product| product.as_str().to_owned());
        conditions.and_if("product = ?", product);
        match filter.state {
            None => {}
            Some(AccountState::Open) => {
                conditions.and_all("paid_off_day IS NULL AND charged_off_day IS NULL", []);
            }
            Some(AccountState::ChargedOff) => {
                conditions.and_all("paid_off_day IS NULL AND charged_off_day IS NOT NULL", []);
            }
            Some(AccountState::PaidOff) => conditions.and_all("paid_off_day IS NOT NULL", []),
        }
        conditions.and_if("account_key > ?", page.start.map(|start| key(start.after)));
        self.page(ACCOUNTS, [conditions], page, read)
    }
}

fn read(row: &Row<'_>) -> Found<AccountRow> {
    let paid_off_date = maybe_date(row, "paid_off_day")?;
    let charged_off_date = maybe_date(row, "charged_off_day")?;
    Ok(AccountRow {
        account: word(row, "account_id")?,
        product: word(row, "product")?,
        state: match (paid_off_date, charged_off_date) {
            (Some(_), _) => AccountState::PaidOff,
            (None, Some(_)) => AccountState::ChargedOff,
            (None, None) => AccountState::Open,
        },
        opened_date: date(row, "opened_day")?,
        annual_rate: word(row, "annual_rate")?,
        principal: money(row, "gl_1100_cents")?,
        interest_receivable: money(row, "gl_1110_cents")?,
        fees_due: money(row, "gl_1120_cents")?,
        rentals_receivable: money(row, "rentals_cents")?,
        credit_balance: money(row, "credit_cents")?,
        charged_off: money(row, "loss_cents")?,
        recovered: money(row, "recovered_cents")?,
        instalments_paid: money(row, "billed_cents")?,
        instalment: amount(row, "instalment_cents")?,
        accrued_through_date: date(row, "accrued_through_day")?,
        oldest_unpaid_due_date: maybe_date(row, "oldest_unpaid_due_day")?,
        next_due_date: maybe_date(row, "next_due_day")?,
        maturity_date: date(row, "maturity_day")?,
        non_accrual_since: maybe_date(row, "non_accrual_day")?,
        charged_off_date,
        paid_off_date,
        opened_position: position(row.get("account_key")?),
        last_position: position(row.get("last_position")?),
    })
}
