//! `cargo run --release -p tests --bin crash -- --rounds 300 --seed 1`: hundreds of kills.
#![expect(clippy::print_stdout, reason = "a program that reports to whoever runs it")]

use std::process::ExitCode;

use tests::crash::{Settings, run};

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |value| value.parse().unwrap_or(default))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let settings = Settings {
        rounds: argument("--rounds", 300),
        seed: argument("--seed", 1),
        load: argument("--load", 1200),
    };
    let (rounds, seed) = (settings.rounds, settings.seed);
    println!("seed {seed}, {rounds} rounds");
    let outcome = run(settings, |line| println!("{line}")).await;
    tests::shim::clean_up();
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("FAILED: {problem}");
            println!(
                "again: cargo run --release -p tests --bin crash -- --rounds {rounds} --seed {seed}"
            );
            ExitCode::FAILURE
        }
    }
}
