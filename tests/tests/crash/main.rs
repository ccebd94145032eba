//! The real binary, killed under load and started again, and kept from where it must not write.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small counts, in code whose panics are how it reports"
)]

mod daily;
mod directories;
mod limits;
mod not_the_last;
mod recovery;
mod rounds;
mod said;
mod standby;
