//! The service as its clients see it, over gRPC: one module a service of the contract.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small counts, in code whose panics are how it reports"
)]

mod audit;
mod books;
mod cutoffs;
mod daily;
mod damage;
mod days;
mod delinquency;
mod doubts;
mod explain;
mod fees;
mod income;
mod leases;
mod lists;
mod losses;
mod payments;
mod payoffs;
mod previews;
mod reads;
mod rehearsals;
mod retries;
mod return_rates;
mod rubbish;
mod schedules;
mod seals;
mod servicing;
mod servicing_in_batches;
mod serving;
mod settlements;
mod titles;
mod vehicles;
mod windows;
mod worked;
