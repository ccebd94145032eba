//! Read models: tables and views that are folded from the log and never write to it.
//!
//! Rows and the checkpoint move in one transaction, so that a crash neither loses nor repeats an
//! event and every answer is consistent at one position. What reporting jobs may rely on is in
//! `SCHEMA.md`.

pub mod error;
pub mod lost;
pub mod queries;
pub mod rebuild;
pub mod verify;

mod columns;
mod database;
mod feed;
mod fold;
mod generation;
mod opening;
mod pages;
mod projections;
mod readers;
mod schema;
mod scrub;
mod wal;

pub use feed::{LogWitness, Progress};
pub use projections::{Options, Projections, Status};
pub use readers::{Answer, Reader};

#[cfg(test)]
mod tests;
