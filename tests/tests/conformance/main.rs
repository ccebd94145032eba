//! The contract of the event store port: one test per promise, run by every adapter.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "small counts of events, in code whose panics are how it reports"
)]

mod kit;

mod appends;
mod concurrency;
mod following;
mod reads;

mod embedded_backup;
mod embedded_damage;
mod embedded_failure;
mod embedded_gathered;
mod embedded_head;
mod embedded_index;
mod embedded_model;
mod embedded_reopening;
mod embedded_restore;
mod embedded_scrub;
mod embedded_standby;
mod embedded_witness;
