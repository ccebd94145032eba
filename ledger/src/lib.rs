//! The ledger: a pure domain core, the event store port and its adapters, and the engine between.
//!
//! This crate knows no wire format and no server. Commands go in through the engine, decisions are
//! made by [`domain`], and events are kept by whatever implements [`store::EventStore`].

pub mod causes;
pub mod clock;
pub mod codec;
pub mod cycles;
pub mod digest;
pub mod domain;
pub mod engine;
pub mod envelope;
pub mod hex;
pub mod ids;
mod iso;
pub mod store;
pub mod streams;
mod text;
