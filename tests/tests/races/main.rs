//! What happens at once: cancels against runs, gateways against each other, answers that are lost.
#![expect(clippy::unwrap_used, reason = "in code whose panics are how it reports")]

mod batches;
mod books;
mod cancels;
mod desk;
mod engines;
mod faults;
