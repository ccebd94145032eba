//! What holds after any sequence of requests by several clients, over gRPC.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small counts, in code whose panics are how it reports"
)]

mod model;
mod sequences;
