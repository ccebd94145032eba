//! What time drives.

pub mod cutoff;
