//! Tests of the read models as a whole: random lives of accounts, told by the domain itself.

mod agreement;
mod beside;
mod books;
mod daily;
mod damage;
mod doubted;
mod due;
mod failures;
mod first;
mod guarded;
#[expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a panic fails the test, and only one event of many is looked for"
)]
mod kit;
mod lists;
mod lost;
mod open;
mod pages;
mod rebuilds;
mod return_rates;
mod servicing;
mod turns;
mod views;
mod work;
