//! The book of an account against a model of it: naive, independent, and in agreement to the cent.
//!
//! The model (`model`, `walk`, `accruing`, `leases`, `plan`, `bills`, `lateness`, `balances`,
//! `days`, `rational`) is a second account of the rules, written from their texts, and calls
//! nothing of the product. It keeps a plain list of what happened to an account, and for every
//! question replays the whole life from the opening, one day after the other: a day's interest is
//! an exact fraction, instalments are a list of dates and amounts, and payments go down the
//! waterfall when their day comes. It is slow, and has nothing that could be stale: no running
//! balances, no restatements, no catch-up.
//!
//! The driver (`lives`, `tales`, `asks`, `bank_asks`, `lease_asks`, `pair`, `follow`, `compare`,
//! `readings`) makes up lives by chance, asks the product's decider what is asked in them, tells
//! the model what was accepted, and compares the two after every step: what happened, balances as
//! of several dates and each instalment on two of them, what every payment paid, the general
//! ledger. In the end payments come back and are good after all, which must leave no trace.
//!
//! A life that fails is cut down to what it needs to fail, and is told with its seed. The number of
//! lives is `PAYLEDGER_BOOK_LIVES`; one life again is `PAYLEDGER_BOOK_SEED`.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small numbers, in code whose panics are how it reports"
)]

mod accruing;
mod asks;
mod balances;
mod bank_asks;
mod bills;
mod compare;
mod days;
mod follow;
mod lateness;
mod lease_asks;
mod leases;
mod lives;
mod model;
mod pair;
mod plan;
mod rational;
mod readings;
mod tales;
mod walk;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lives::Life;
use pair::{Fault, Pair};

const LIVES: u64 = 4_000;

/// Lives it, to the end or to the first fault.
fn live(life: &Life) -> Result<Pair, Fault> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut pair = Pair::open(life)?;
        for (number, step) in life.steps.iter().enumerate() {
            pair.step(step).map_err(|fault| format!("after step {number}: {fault}"))?;
        }
        pair.bounce(life.steps.first().map_or(0, |step| step.looks))?;
        pair.count_splits();
        Ok(pair)
    }));
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

fn told(seed: u64, life: &Life, fault: &Fault) -> String {
    let least = life.shrunk(|life| live(life).is_err());
    let why = live(&least).err().unwrap_or_default();
    let steps = least.steps.iter().map(|step| format!("  {step:?}\n"));
    format!(
        "life {seed}: {fault}\n\nthe least life found that fails:\n{:#?}\npersonal: {}\n{}{why}\n\n\
         to repeat it: PAYLEDGER_BOOK_SEED={seed} cargo test -p tests --test book_model",
        least.contract,
        least.personal,
        steps.collect::<String>(),
    )
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn any_life_agrees_with_the_model_to_the_cent() {
    let lives = number("PAYLEDGER_BOOK_LIVES").unwrap_or(LIVES);
    let seeds = match number("PAYLEDGER_BOOK_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=lives,
    };
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut principal = (0, 0);
    for seed in seeds {
        let life = Life::of(seed);
        match live(&life) {
            Ok(pair) => {
                let (on_ledger, owed) = pair.principal().unwrap();
                principal = (principal.0 + on_ledger, principal.1 + owed);
                for (what, often) in pair.seen {
                    *seen.entry(what).or_default() += often;
                }
            }
            Err(fault) => panic!("{}", told(seed, &life, &fault)),
        }
    }
    assert_eq!(principal.0, principal.1, "1100 is not the principal of all accounts");
    if lives >= LIVES && number("PAYLEDGER_BOOK_SEED").is_none() {
        had_everything(&seen);
    }
}

/// Lives in which something never happens would prove nothing about it.
fn had_everything(seen: &BTreeMap<String, u64>) {
    for (what, least) in [
        ("Paid", 5_000),
        ("Returned", 500),
        ("Reinstated", 200),
        ("Fee", 500),
        ("FeeWaived", 200),
        ("PaidOff", 300),
        ("Reopened", 200),
        ("Cancelled", 100),
        ("RateChanged", 100),
        ("Adjusted", 100),
        ("Shifted", 200),
        ("ChargedOff", 100),
        ("VehicleBack", 50),
        ("Quoted", 100),
        ("Refunded", 20),
        ("RefundReturned", 3),
        ("Settled", 1_000),
        ("RefundSettled", 10),
        ("settled money that came back", 100),
        ("a fee that a vendor kept", 100),
        ("a late return", 20),
        ("AccrualStopped", 100),
        ("AccrualResumed", 10),
        ("a small balance written off", 100),
        ("a recovery", 50),
        ("a credit balance", 500),
        ("tax of a rental", 500),
        ("a vehicle bought", 100),
        ("a residual written off", 10),
        ("money sent back in vain written off", 5),
        ("a late fee that is back", 20),
        ("a credit balance spent on a vehicle", 10),
        ("a lease charged off", 20),
        ("rentals paid ahead that never fall due", 5),
        ("charged off after the vehicle came back", 1),
    ] {
        let often = seen.get(what).copied().unwrap_or_default();
        assert!(often >= least, "{what} only {often} times: {seen:#?}");
    }
}
