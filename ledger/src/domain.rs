//! The pure core: synchronous, total, without clock, id source, store or log.

pub mod calendar;
pub mod cutoff;
pub mod money;
pub mod product;
pub mod rulebook;
