//! The contract of the event store port: one test per promise, run by every adapter.

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "small counts of events, in code whose panics are how it reports"
)]
mod conformance {
    mod kit;

    mod appends;
    mod concurrency;
    mod following;
    mod reads;

    mod embedded_backup;
    mod embedded_damage;
    mod embedded_failure;
    mod embedded_model;
    mod embedded_reopening;
    mod embedded_witness;
}
