//! Questions over many accounts. Each is a method of [`Reader`](crate::Reader), which answers at
//! one position.

pub mod accounts;
pub mod daily;
pub mod page;
pub mod payments;
pub mod return_rates;
pub mod titles;
pub mod trial_balance;
pub mod windows;

mod row;

/// What a question is answered with inside a read transaction.
pub type Asked<T> = Result<T, rusqlite::Error>;
