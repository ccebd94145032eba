//! What time drives.

pub mod audit;
pub mod cutoff;
