//! The service and its command line, as one binary.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use gateway::cli::{self, CliError, args::Cli, args::Command};
use gateway::logging;

/// A command allocates much that another thread frees, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::outlive_size_limits();
    let mut out = io::stdout().lock();
    let answered = cli::run(&cli, &mut out);
    match answered.and_then(|()| out.flush().map_err(CliError::output())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut words = Vec::new();
            // Where even standard error is gone, the exit code still tells.
            let _told = cli::report(&error, cli.output, &mut words);
            if matches!(cli.command, Command::Serve(_)) {
                logging::say_at_the_end(words);
            } else {
                let _told = io::stderr().write_all(&words);
            }
            ExitCode::from(error.exit_code())
        }
    }
}
