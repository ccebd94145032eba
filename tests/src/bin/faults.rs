//! `cargo run --release -p tests --bin faults -- --cases 4000 --seed 1`: disks that fail.
#![expect(clippy::print_stdout, reason = "a program that reports to whoever runs it")]

use std::process::ExitCode;

use clap::Parser as _;
use tests::faults::{Settings, run};

/// Damages copies of real data directories, takes power away and lets calls fail, and judges what
/// the real server makes of each: nothing acknowledged may be lost without a word.
#[derive(clap::Parser)]
#[command(name = "faults")]
struct Args {
    /// How many faults there are, about.
    #[arg(long, default_value_t = 4000)]
    cases: usize,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Args { cases: all, seed } = Args::parse();
    println!("seed {seed}, about {all} faults");
    let settings =
        Settings { structural: all / 2, random: all / 4, power: all / 8, calls: all / 8, seed };
    let report = run(settings, |line| println!("{line}")).await;
    tests::shim::clean_up();
    println!("{report}");
    if report.violations.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("again: cargo run --release -p tests --bin faults -- --cases {all} --seed {seed}");
    ExitCode::FAILURE
}
