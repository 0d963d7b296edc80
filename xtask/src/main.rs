//! What people and CI run: one name for each habit, the same everywhere.
//!
//! It owns the commands around the code (tools, tests, generated files, checks, measurements) and
//! knows nothing of what Keytrail does. To add a command: one file here with its steps, one
//! variant of [`Task`]. To add a check: one entry in [`check`]'s list.

mod bench;
mod check;
mod pinned;
mod process;
mod say;
mod servers;
mod tally;
mod test;
mod tools;
mod update;
mod verifiers;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "What people and CI run")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need: OpenBao, moto, oidc-provider and the webhook verifiers into .tools, databases and
    /// a broker as system packages
    Tools,
    /// Run every test of the workspace, doc tests too
    Test {
        /// Handed to the test runner, for example part of a test's name; doc tests are then left out
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Write the generated files anew: graphql/schema.graphql, policies/access-matrix.txt
    Update,
    /// Format, lints, documents, generated files, dependencies, scripts, file sizes
    Check,
    /// Measure Keytrail against the limit programs, in release build, on loopback
    Bench {
        /// Handed to the bench program
        #[arg(last = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Tools => {
            tools::install().and_then(|()| verifiers::install()).map(|()| servers::install_or_say())
        }
        Task::Test { args } => test::run(&args),
        Task::Update => update::run(),
        Task::Check => check::run(),
        Task::Bench { args } => bench::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::line(&format!("xtask: {failure}"));
            ExitCode::from(failure.code)
        }
    }
}
