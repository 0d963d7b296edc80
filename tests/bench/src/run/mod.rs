//! The runner: starts both sides, lets them take turns, and tells the medians.

mod checks;
mod plan;
mod process;
mod report;
mod turns;

use std::{fs, io::Write, path::PathBuf};

pub use checks::{CheckOptions, checks};
use clap::Args;
pub use plan::{Goal, Load, Measurement, PLAN};
use process::Server;
use report::{Report, Row};

use crate::BenchError;

/// What to run.
#[derive(Args, Debug)]
pub struct Options {
    /// The `keytrail` binary
    #[arg(long, required_unless_present = "against_itself")]
    pub keytrail: Option<PathBuf>,
    /// Measure the limits against themselves: every ratio should be about 1
    #[arg(long)]
    pub against_itself: bool,
    /// Runs of each side; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=25))]
    pub rounds: u32,
    /// Only what has this in its name
    #[arg(long)]
    pub only: Option<String>,
    /// Divide the number of requests by this, for a quick try
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub shorter: u64,
    /// Where to write everything that was measured
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Measures what the options say, prints the table and writes the JSON.
///
/// # Errors
/// [`BenchError`] when a side cannot be started or answers badly.
pub fn run(options: &Options) -> Result<(), BenchError> {
    let report = measure(options)?;
    say_result(&report.table());
    if let Some(file) = &options.json {
        fs::write(file, report.json()).map_err(BenchError::io("writing the JSON"))?;
        say(&format!("everything that was measured is in {}", file.display()));
    }
    Ok(())
}

fn measure(options: &Options) -> Result<Report, BenchError> {
    let limit = Server::limit()?;
    let subject = match &options.keytrail {
        Some(binary) if !options.against_itself => Server::keytrail(binary)?,
        _ => Server::limit()?,
    };
    let mut report = Report::new(subject.name(), options.rounds);
    let of_process = subject.is_keytrail() && options.only.is_none();
    if of_process {
        report.add(vec![
            Row::start(subject.restarts(5)?),
            Row::memory("memory, idle", 32.0, subject.resident_mib()),
        ]);
    }
    let wanted = |it: &&Measurement| options.only.as_ref().is_none_or(|part| it.what.contains(part));
    let sides = turns::Sides::prepare(limit, subject)?;
    for measurement in PLAN.iter().filter(wanted) {
        report.add(sides.take_turns(measurement, options)?);
    }
    if of_process {
        report.add(vec![Row::memory("memory after the loads", 80.0, sides.subject().resident_mib())]);
    }
    Ok(report)
}

/// A line of progress, on standard error.
pub fn say(text: &str) {
    // Nobody reads it when the terminal is gone; that is no reason to stop.
    _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A result, on standard output.
pub fn say_result(text: &str) {
    let mut out = std::io::stdout().lock();
    _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
