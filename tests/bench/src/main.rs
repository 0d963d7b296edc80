//! `keytrail-bench`: see the library.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use keytrail_bench::{BenchError, limit, run};

#[derive(Parser)]
#[command(about = "Measures Keytrail against limit programs, on loopback")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the limit programs on a free loopback port until killed
    Limit {
        /// Folder for what it stores
        #[arg(long)]
        data: PathBuf,
    },
    /// Start both sides, take turns, print the table
    Run(run::Options),
    /// Let many credentials of a stub be checked and tell how late the latest check is
    Checks(run::CheckOptions),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Limit { data } => limit::serve_until_killed(&data),
        Command::Run(options) => run::run(&options),
        Command::Checks(options) => run::checks(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("keytrail-bench: {}", with_sources(&error)));
            ExitCode::FAILURE
        }
    }
}

fn with_sources(error: &BenchError) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
