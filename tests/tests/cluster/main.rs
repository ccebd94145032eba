//! A log that a cluster keeps: the adapter under faults of the cluster, several gateways on one
//! log, a log moved from store to store, and the official clients on the gateway's own log.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small counts of events, in code whose panics are how it reports"
)]

mod adapter;
mod advertised;
mod copied_into;
mod copies;
mod deleted;
mod failover;
mod far;
mod foreign;
mod gateways;
mod kit;
mod official;
mod positions;
mod protocol;
mod read_port;
mod reads;
mod reset;
mod runners;
mod three_gateways;
mod unfinished;
