//! The runner: starts both sides, lets them take turns, and tells the medians.

mod alerts;
mod checks;
mod deliveries;
mod installation;
mod openbao;
mod plan;
mod process;
mod report;
mod scale;
mod sink;
mod turns;
mod usage;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

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
    /// Divide the number of requests and subscribers, or with --scale the time for each page, by this, for a quick try
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub shorter: u64,
    /// Instead of all that: fill a fresh Keytrail with so many credentials (minutes for the million that
    /// it takes by itself) and measure pages, memory, start, rebuild and disk
    #[arg(long, value_name = "CREDENTIALS", num_args = 0..=1, default_missing_value = "1000000")]
    #[arg(conflicts_with_all = ["against_itself", "only", "rounds"])]
    #[arg(value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub scale: Option<u64>,
    /// With --scale: nine in ten credentials are spread over so many tenants
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub tenants: u32,
    /// Where to write everything that was measured
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Measures what the options say, prints the table and writes the JSON.
///
/// # Errors
/// [`BenchError`] when a side cannot be started or answers badly.
pub fn run(options: &Options) -> Result<(), BenchError> {
    let report = match (options.scale, &options.keytrail) {
        (Some(credentials), Some(binary)) => {
            let tenants = usize::try_from(options.tenants).unwrap_or(1);
            scale::measure(binary, scale::Scale { credentials, tenants, shorter: options.shorter })?
        }
        _ => measure(options)?,
    };
    say_result(&report.table());
    if let Some(file) = &options.json {
        fs::write(file, report.json()).map_err(BenchError::io("writing the JSON"))?;
        say(&format!("everything that was measured is in {}", file.display()));
    }
    Ok(())
}

impl Options {
    /// The binary, unless the limits are measured against themselves.
    fn subject(&self) -> Option<&Path> {
        self.keytrail.as_deref().filter(|_| !self.against_itself)
    }

    fn wants(&self, what: &str) -> bool {
        self.only.as_ref().is_none_or(|part| what.contains(part))
    }
}

fn measure(options: &Options) -> Result<Report, BenchError> {
    let name = if options.against_itself { "limit again" } else { "keytrail" };
    let mut report = Report::new(name, options.rounds);
    let wanted: Vec<&Measurement> = PLAN.iter().filter(|it| options.wants(it.what)).collect();
    if !wanted.is_empty() {
        compare(&wanted, options, &mut report)?;
    }
    report.add(alerts::rows(options)?);
    report.add(deliveries::rows(options)?);
    report.add(openbao::rows(options)?);
    Ok(report)
}

/// With everything embedded.
fn compare(wanted: &[&Measurement], options: &Options, report: &mut Report) -> Result<(), BenchError> {
    let limit = Server::limit()?;
    let subject = options.subject().map_or_else(Server::limit, Server::keytrail)?;
    let of_process = subject.is_keytrail() && options.only.is_none();
    if of_process {
        report.add(vec![
            Row::start("start to first answer", 50.0, subject.restarts(5)?),
            Row::memory("memory, idle", 32.0, subject.resident_mib()),
        ]);
    }
    let sides = turns::Sides::prepare(limit, subject)?;
    for measurement in wanted {
        report.add(sides.take_turns(measurement, options)?);
    }
    if of_process {
        report.add(vec![Row::memory("memory after the loads", 80.0, sides.subject().resident_mib())]);
    }
    Ok(())
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
