//! `cargo run --release -p tests --bin faults -- --cases 4000 --seed 1`: disks that fail.
#![expect(clippy::print_stdout, reason = "a program that reports to whoever runs it")]

use std::process::ExitCode;

use tests::faults::{Settings, run};

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |value| value.parse().unwrap_or(default))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let (cases, seed) = (argument("--cases", 4000), argument("--seed", 1));
    let Ok(all) = usize::try_from(cases) else { return ExitCode::FAILURE };
    println!("seed {seed}, about {cases} faults");
    let settings =
        Settings { structural: all / 2, random: all / 4, power: all / 8, calls: all / 8, seed };
    let report = run(settings, |line| println!("{line}")).await;
    tests::shim::clean_up();
    println!("{report}");
    if report.violations.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("again: cargo run --release -p tests --bin faults -- --cases {cases} --seed {seed}");
    ExitCode::FAILURE
}
