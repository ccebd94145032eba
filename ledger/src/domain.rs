//! The pure core: synchronous, total, without clock, id source, store or log.

pub mod account;
pub mod books;
pub mod calendar;
pub mod cutoff;
mod facts;
pub mod interest;
pub mod journal;
pub mod money;
pub mod product;
pub mod recovery;
pub mod rulebook;
pub mod schedule;
pub mod words;
