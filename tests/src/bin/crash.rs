//! `cargo run --release -p tests --bin crash -- --rounds 300 --seed 1`: hundreds of kills.
#![expect(clippy::print_stdout, reason = "a program that reports to whoever runs it")]

use std::process::ExitCode;

use clap::Parser as _;
use tests::crash::{Settings, run};

/// Kills the real server again and again while clients write, and checks after each start that
/// nothing acknowledged is lost, and that every answer agrees with a model.
#[derive(clap::Parser)]
#[command(name = "crash")]
struct Args {
    /// How many rounds of load, kill, opening and check there are.
    #[arg(long, default_value_t = 300)]
    rounds: u64,
    /// What chance begins with. What the scheduler does is not in it: a failure may need more runs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many commands a round acknowledges at most before the kill.
    #[arg(long, default_value_t = 1200)]
    load: u64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Args { rounds, seed, load } = Args::parse();
    println!("seed {seed}, {rounds} rounds");
    let outcome = run(Settings { rounds, seed, load }, |line| println!("{line}")).await;
    tests::shim::clean_up();
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("FAILED: {problem}");
            println!(
                "again: cargo run --release -p tests --bin crash -- --rounds {rounds} \
                 --seed {seed} --load {load}"
            );
            ExitCode::FAILURE
        }
    }
}
