//! Account rows: loaded when first touched, folded in memory, written once a transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use chrono::NaiveDate;
use ledger::domain::account::events::{AccountOpened, AccountPaidOff, Event};
use ledger::domain::account::terms::{InstalmentPlan, Terms};
use ledger::domain::journal::{LedgerAccount, Line};
use ledger::domain::money::{Amount, Money, total};
use ledger::domain::product::Product;
use ledger::ids::AccountId;
use rusqlite::types::{FromSqlError, Value};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{At, FoldError};
use crate::columns::{amount, cents, date, day};
use crate::error::Poison;
use crate::schema::ledger_columns;

/// How many rows are kept between transactions: some tens of megabytes.
const ROWS_KEPT_MAX: usize = 65_536;

/// The rows that were touched lately.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    rows: BTreeMap<AccountId, AccountRow>,
    changed: BTreeSet<(i64, AccountId)>,
}

/// What is owed at the opening, which later payments are counted against.
#[derive(Debug, Clone, Copy)]
struct Opening {
    principal: Money,
    interest: Money,
    rentals: Money,
}

/// One account.
#[derive(Debug)]
pub(crate) struct AccountRow {
    key: i64,
    product: Product,
    plan: InstalmentPlan,
    opening: Opening,
    /// Set until the row is in the table.
    terms: Option<Box<Terms>>,
    /// In the order of the chart.
    ledger: Vec<Money>,
    accrued_through: NaiveDate,
    paid_off: Option<AccountPaidOff>,
    last_position: i64,
}

fn on(lines: &[Line], account: LedgerAccount) -> Money {
    total(lines.iter().filter(|line| line.account == account).map(|line| line.amount))
}

impl AccountRow {
    pub(super) const fn key(&self) -> i64 {
        self.key
    }

    pub(super) const fn product(&self) -> Product {
        self.product
    }

    fn balance(&self, account: LedgerAccount) -> Money {
        let at = LedgerAccount::ALL.iter().position(|other| *other == account);
        at.and_then(|at| self.ledger.get(at)).copied().unwrap_or_default()
    }

    fn post(&mut self, lines: &[Line]) {
        for line in lines {
            let at = LedgerAccount::ALL.iter().position(|other| *other == line.account);
            if let Some(balance) = at.and_then(|at| self.ledger.get_mut(at)) {
                *balance += line.amount;
            }
        }
    }

    /// What payments have satisfied of the instalments: what was owed at the opening and what was
    /// earned or billed since, less what is still receivable.
    fn instalments_paid(&self) -> Money {
        let balance = |account| self.balance(account);
        let opening = self.opening.principal + self.opening.interest + self.opening.rentals;
        let earned = balance(LedgerAccount::InterestIncome)
            + balance(LedgerAccount::LeaseIncome)
            + balance(LedgerAccount::TaxPayable);
        let receivable = balance(LedgerAccount::Principal)
            + balance(LedgerAccount::AccruedInterest)
            + balance(LedgerAccount::RentalsReceivable)
            + balance(LedgerAccount::LeaseTaxReceivable);
        opening - earned - receivable
    }

    /// The due date of the oldest instalment that is not covered, and of the first such one that
    /// falls due on or after the account's last accounting day. None once nothing is owed.
    fn due_days(&self) -> (Option<i64>, Option<i64>) {
        if self.paid_off.is_some() {
            return (None, None);
        }
        let covered = self.plan.covered_count(self.instalments_paid());
        let last = self.plan.count.saturating_sub(1);
        let oldest = self.plan.due_date(covered.min(last));
        let yesterday = self.accrued_through.pred_opt().unwrap_or(self.accrued_through);
        let next = covered.max(self.plan.due_count(yesterday));
        let next = (next < self.plan.count).then(|| day(self.plan.due_date(next)));
        (Some(day(oldest)), next)
    }

    fn follow(&mut self, event: &Event, at: At) {
        if let (Some(posting), Some(effective)) = (event.posting(), event.effective_date()) {
            self.post(&posting.lines);
            self.accrued_through = self.accrued_through.max(posting.gl_date(effective));
        }
        match event {
            Event::AccountPaidOff(paid_off) => self.paid_off = Some(paid_off.clone()),
            Event::PayoffReversed(_) => self.paid_off = None,
            Event::AccountOpened(_)
            | Event::PaymentScheduled(_)
            | Event::PaymentCancelled(_)
            | Event::PaymentApplied(_)
            | Event::PaymentReceived(_)
            | Event::PaymentReturned(_)
            | Event::PaymentReinstated(_)
            | Event::FeeAssessed(_)
            | Event::FeeWaived(_)
            | Event::LienRecorded(_)
            | Event::LienReleased(_)
            | Event::RequestRefused(_)
            | Event::RateChanged(_)
            | Event::PrincipalAdjusted(_)
            | Event::ExtensionGranted(_)
            | Event::DueDateChanged(_)
            | Event::AccountChargedOff(_)
            | Event::NonAccrualStarted(_)
            | Event::AccrualResumed(_)
            | Event::PayoffQuoted(_)
            | Event::CreditRefunded(_)
            | Event::RefundReturned(_)
            | Event::NothingChanged(_) => {}
        }
        self.last_position = at.position;
    }

    /// What changes over time, in the order of [`CHANGING`].
    fn changing(&self) -> Vec<Value> {
        let (oldest, next) = self.due_days();
        let paid_off = self.paid_off.as_ref();
        let mut values: Vec<Value> =
            self.ledger.iter().map(|balance| Value::from(balance.cents())).collect();
        values.extend([
            Value::from(day(self.accrued_through)),
            Value::from(oldest),
            Value::from(next),
            Value::from(paid_off.map(|paid_off| day(paid_off.paid_off_date))),
            Value::from(paid_off.map(|paid_off| day(paid_off.release_date))),
            Value::from(paid_off.map(|paid_off| day(paid_off.statutory_date))),
            Value::from(self.last_position),
        ]);
        values
    }
}

/// The columns that change over time, after those of the general ledger.
const CHANGING: [&str; 7] = [
    "accrued_through_day",
    "oldest_unpaid_due_day",
    "next_due_day",
    "paid_off_day",
    "release_day",
    "statutory_day",
    "last_position",
];

/// The columns that are written once.
const FIXED: [&str; 18] = [
    "account_key",
    "account_id",
    "product",
    "currency",
    "opened_day",
    "annual_rate",
    "day_count",
    "interest_paid_through_day",
    "opening_principal_cents",
    "opening_interest_cents",
    "opening_rentals_cents",
    "instalment_cents",
    "instalment_tax_cents",
    "first_due_day",
    "due_day_of_month",
    "instalment_count",
    "first_instalment_cents",
    "returned_item_fee_cents",
];

fn changing_columns() -> Vec<String> {
    let ledger = ledger_columns(",", str::to_owned);
    let ledger = ledger.split(',').map(str::to_owned);
    ledger.chain(CHANGING.iter().map(|&column| column.to_owned())).collect()
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = [changing_columns(), FIXED.map(str::to_owned).to_vec()].concat();
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    format!("INSERT INTO account ({}) VALUES ({})", columns.join(", "), places.join(", "))
});

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let mut sql = "UPDATE account SET ".to_owned();
    let columns = changing_columns();
    for (column, place) in columns.iter().zip(1_u32..) {
        let comma = if place == 1 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(sql, "{comma}{column} = ?{place}");
    }
    let _ = write!(sql, " WHERE account_key = ?{}", columns.len().saturating_add(1));
    sql
});

static SELECT: LazyLock<String> = LazyLock::new(|| {
    let columns = [FIXED.map(str::to_owned).to_vec(), changing_columns()].concat();
    format!("SELECT {} FROM account WHERE account_id = ?1", columns.join(", "))
});

impl Accounts {
    /// Forgets everything: what is in memory is no longer what is in the table.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.changed.clear();
    }

    pub(super) fn opened(
        &mut self,
        database: &Connection,
        id: &AccountId,
        opened: &AccountOpened,
        at: At,
    ) -> Result<(), FoldError> {
        if self.find(database, id)? {
            return Err(Poison::AccountRepeated(id.clone()).into());
        }
        let (terms, lines) = (&opened.terms, &opened.posting.lines);
        let opening = Opening {
            principal: on(lines, LedgerAccount::Principal),
            interest: on(lines, LedgerAccount::AccruedInterest),
            rentals: on(lines, LedgerAccount::RentalsReceivable)
                + on(lines, LedgerAccount::LeaseTaxReceivable),
        };
        let row = AccountRow {
            key: at.position,
            product: terms.product,
            plan: terms.instalments.clone(),
            opening,
            terms: Some(Box::new(terms.clone())),
            ledger: vec![Money::ZERO; LedgerAccount::ALL.len()],
            accrued_through: terms.opened_date,
            paid_off: None,
            last_position: at.position,
        };
        self.rows.insert(id.clone(), row);
        Ok(())
    }

    fn find(&mut self, database: &Connection, id: &AccountId) -> Result<bool, rusqlite::Error> {
        if self.rows.contains_key(id) {
            return Ok(true);
        }
        let mut select = database.prepare_cached(&SELECT)?;
        let Some(row) = select.query_row([id.as_str()], load).optional()? else { return Ok(false) };
        self.rows.insert(id.clone(), row);
        Ok(true)
    }

    pub(super) fn row(
        &mut self,
        database: &Connection,
        id: &AccountId,
    ) -> Result<&mut AccountRow, FoldError> {
        self.find(database, id)?;
        self.rows.get_mut(id).ok_or_else(|| Poison::AccountUnknown(id.clone()).into())
    }

    pub(super) fn follow(
        &mut self,
        database: &Connection,
        id: &AccountId,
        event: &Event,
        at: At,
    ) -> Result<(), FoldError> {
        let row = self.row(database, id)?;
        row.follow(event, at);
        let key = row.key;
        if self.changed.last().is_none_or(|(last, _)| *last != key) {
            self.changed.insert((key, id.clone()));
        }
        Ok(())
    }

    /// Writes what changed, in order of key.
    pub(super) fn flush(&mut self, database: &Connection) -> Result<(), rusqlite::Error> {
        let mut insert = database.prepare_cached(&INSERT)?;
        let mut update = database.prepare_cached(&UPDATE)?;
        for (key, id) in std::mem::take(&mut self.changed) {
            let Some(row) = self.rows.get_mut(&id) else { continue };
            let mut values = row.changing();
            if let Some(terms) = row.terms.take() {
                values.extend(fixed(key, &id, &terms, row.opening));
                insert.execute(rusqlite::params_from_iter(values))?;
            } else {
                values.push(Value::from(key));
                update.execute(rusqlite::params_from_iter(values))?;
            }
        }
        if self.rows.len() > ROWS_KEPT_MAX {
            self.rows.clear();
        }
        Ok(())
    }
}

/// In the order of [`FIXED`].
fn fixed(key: i64, id: &AccountId, terms: &Terms, opening: Opening) -> [Value; 18] {
    let plan = &terms.instalments;
    [
        key.into(),
        id.as_str().to_owned().into(),
        terms.product.as_str().to_owned().into(),
        terms.currency.code().to_owned().into(),
        day(terms.opened_date).into(),
        terms.annual_rate.to_string().into(),
        terms.day_count.as_str().to_owned().into(),
        day(terms.interest_paid_through).into(),
        opening.principal.cents().into(),
        opening.interest.cents().into(),
        opening.rentals.cents().into(),
        plan.amount.money().cents().into(),
        plan.tax.cents().into(),
        day(plan.first_due_date).into(),
        i64::from(plan.day_of_month).into(),
        i64::from(plan.count).into(),
        cents(plan.first_amount_due).into(),
        cents(terms.returned_item_fee).into(),
    ]
}

/// Reads a row of [`SELECT`].
fn load(row: &Row<'_>) -> Result<AccountRow, rusqlite::Error> {
    let money = |column: &str| row.get(column).map(Money::from_cents);
    let word: String = row.get("product")?;
    let product = word.parse().map_err(|error| FromSqlError::Other(Box::new(error)))?;
    let instalment: Option<Amount> = amount(row.get("instalment_cents")?);
    let plan = InstalmentPlan {
        amount: instalment.ok_or(FromSqlError::InvalidType)?,
        tax: money("instalment_tax_cents")?,
        first_due_date: date(row.get("first_due_day")?),
        day_of_month: row.get("due_day_of_month")?,
        count: row.get("instalment_count")?,
        first_amount_due: amount(row.get("first_instalment_cents")?),
    };
    let opening = Opening {
        principal: money("opening_principal_cents")?,
        interest: money("opening_interest_cents")?,
        rentals: money("opening_rentals_cents")?,
    };
    let ledger = (FIXED.len()..).take(LedgerAccount::ALL.len());
    let ledger = ledger.map(|column| row.get(column).map(Money::from_cents));
    let paid_off: Option<i64> = row.get("paid_off_day")?;
    let paid_off = match paid_off {
        None => None,
        Some(paid_off) => Some(AccountPaidOff {
            paid_off_date: date(paid_off),
            release_date: date(row.get("release_day")?),
            statutory_date: date(row.get("statutory_day")?),
        }),
    };
    Ok(AccountRow {
        key: row.get("account_key")?,
        product,
        plan,
        opening,
        terms: None,
        ledger: ledger.collect::<Result<_, _>>()?,
        accrued_through: date(row.get("accrued_through_day")?),
        paid_off,
        last_position: row.get("last_position")?,
    })
}
