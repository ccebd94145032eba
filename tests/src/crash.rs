//! The crash harness: the real server under concurrent clients, killed at random moments and opened
//! again, and all that was ever answered held against the log and against a model.

pub mod check;
mod ends;
pub mod history;
mod load;
pub mod model;
mod rounds;
mod wire;

pub use rounds::{Report, Settings, run};
