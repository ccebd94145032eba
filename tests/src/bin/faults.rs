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
    /// Only faults whose kind, as the report names it, has this in it: "flip read/CURRENT".
    #[arg(long, value_name = "KIND")]
    only: Option<String>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Args { cases: all, seed, only } = Args::parse();
    println!("seed {seed}, about {all} faults");
    let (half, quarter, eighth) = (all / 2, all / 4, all / 8);
    let settings = Settings {
        structural: half,
        random: quarter,
        far_back: all / 40,
        power: eighth,
        calls: eighth,
        seed,
        only: only.clone(),
    };
    let report = run(settings, |line| println!("{line}")).await;
    tests::shim::clean_up();
    println!("{report}");
    if report.violations.is_empty() {
        return ExitCode::SUCCESS;
    }
    let only = only.map(|only| format!(" --only '{only}'")).unwrap_or_default();
    println!(
        "again: cargo run --release -p tests --bin faults -- --cases {all} --seed {seed}{only}"
    );
    ExitCode::FAILURE
}
