//! What happens to the books. These shapes are the storage format: they stay for ever.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::month::Month;
use super::refusal::BooksRefusal;
use super::turnover::Turnover;
use crate::domain::account::events::is_default;
use crate::domain::journal::Line;
use crate::domain::money::Money;
use crate::domain::product::Product;
use crate::envelope::Position;

/// An event of the books' stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Postings go to another day from now on.
    DayOpened(DayOpened),
    /// A day is closed: nothing is posted to it any more.
    DayClosed(DayClosed),
    /// A month is closed.
    MonthClosed(MonthClosed),
    /// A request was refused: evidence, without effect.
    BooksRequestRefused(BooksRequestRefused),
}

/// Postings go to this day from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayOpened {
    /// The accounting day.
    pub gl_date: NaiveDate,
}

/// A day is closed: nothing is posted to it any more, and what was is sealed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayClosed {
    /// The accounting day.
    pub gl_date: NaiveDate,
    /// Everything in the log up to and with this position is covered. What the close itself books
    /// comes on top.
    pub position: Position,
    /// What is sealed of each product that has, or had, accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductClose>,
    /// Whose fractions of a cent the accruals count.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fractions: Fractions,
    /// The feed of the day: one balanced journal a product and kind of event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journals: Vec<LedgerJournal>,
    /// What was posted on the day with an earlier effective date.
    pub restatements: RestatementSeal,
}

/// Whose fractions of a cent the accruals of a close count: they are carried from day to day, and
/// rounded once for all accounts of a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fractions {
    /// Every account's. So did closes that do not say: what was left of each account that was paid
    /// off stayed in accrued interest for ever.
    #[default]
    All,
    /// Those of accounts that earn. What others owe is whole cents.
    Earning,
}

/// What a close seals of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductClose {
    /// The product.
    pub product: Product,
    /// How many accounts were on the books.
    pub accounts: u64,
    /// What the close books, effective on the day: what the accounts have earned and their own
    /// events have not brought into the general ledger yet, less what earlier closes hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accrual: Vec<Line>,
    /// Debits and credits through the day, the accrual included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trial_balance: Vec<Turnover>,
}

/// A journal of the feed to the general ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerJournal {
    /// Its name: a hash over the day, the product, the kind and the ids of the events in it, so
    /// that a journal that is sent again is known by its name.
    pub id: String,
    /// The product.
    pub product: Product,
    /// The stored name of the events that it sums up; `Accrual` for what the close books.
    pub kind: String,
    /// How many events it sums up.
    pub events: u64,
    /// Debits and credits by account. They balance.
    pub lines: Vec<Turnover>,
}

/// What was posted on a day with an earlier effective date, in sum. The list follows from the log,
/// and is the one that was sealed if its root is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestatementSeal {
    /// How many there are.
    pub count: u64,
    /// By how much they change principal, as of the day.
    pub principal_change: Money,
    /// By how much they change interest accrued and unpaid, as of the day.
    pub interest_change: Money,
    /// SHA-256 over the list in order of position, a line each.
    pub root: String,
}

/// A month is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MonthClosed {
    /// The month.
    pub month: Month,
    /// Its last accounting day.
    pub last_gl_date: NaiveDate,
    /// The position that the close of that day covers.
    pub position: Position,
    /// How many accounting days it had.
    pub days: u32,
    /// How many journals their feeds have.
    pub journals: u64,
    /// How many restatements they have.
    pub restatements: u64,
    /// What is sealed of each product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductMonth>,
}

/// What the close of a month seals of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductMonth {
    /// The product.
    pub product: Product,
    /// Debits and credits of the month.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub movement: Vec<Turnover>,
    /// Debits and credits through its last accounting day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trial_balance: Vec<Turnover>,
}

/// A request was refused: evidence, without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BooksRequestRefused {
    /// What was asked.
    pub command: String,
    /// Why not, with its facts.
    pub refusal: BooksRefusal,
}
