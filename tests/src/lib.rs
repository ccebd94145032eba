//! The kit of the acceptance tests: a service on a set clock, a client with few words, and what
//! statuses are held to.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "test support: what cannot be set up ends the test where it stands"
)]

pub mod chance;
pub mod client;
pub mod cluster;
#[expect(
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "what is not in its small mix ends the harness where it stands"
)]
pub mod crash;
#[expect(
    clippy::indexing_slicing,
    reason = "a piece of a file that is not there ends the harness where it stands"
)]
pub mod faults;
pub mod process;
pub mod refusals;
pub mod requests;
pub mod server;
pub mod servicing;
pub mod shim;
pub mod views;
pub mod watch;
