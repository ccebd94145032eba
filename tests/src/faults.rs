//! Faults of the disk under real data directories, opened by the real binary: what comes of each is
//! judged by an oracle that knows what was acknowledged and what the witnesses know.

mod base;
mod closing;
mod damage;
mod met;
mod oracle;
mod power;
mod sweep;
mod writes;

pub use sweep::{Report, Settings, run};
