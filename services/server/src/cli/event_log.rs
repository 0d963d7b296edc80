//! `keytrail log copy`.

use std::{
    io::{self, Write},
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use keytrail_domain::SecretValue;

use super::failure::Failure;
use crate::{
    config::{Config, EventLog},
    data_dir::{DataDir, LOG_FILE, Wanted},
    launch::{CopyProgress, Launcher},
};

/// How often progress is printed.
const PRINT_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Copy the embedded event log and its journal to a KurrentDB or EventStoreDB server, and verify the copy
    Copy(CopyArgs),
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// The server, without a password (default: KEYTRAIL_EVENT_LOG, which may have one)
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
}

pub(super) async fn run(
    command: LogCommand,
    config: Config,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let LogCommand::Copy(args) = command;
    let to = target(args.to, &config)?;
    // Before it is opened, which may make a file there; what does not exist is refused then. The log's own file
    // tells as whom the server runs: the directory may be somebody else's.
    let log = config.data_dir.path.join(LOG_FILE);
    if let Ok(found) = std::fs::metadata(&log).or_else(|_| std::fs::metadata(&config.data_dir.path)) {
        run_as_owner(found.uid(), rustix::process::geteuid().as_raw())?;
    }
    let dir = DataDir::open(&config.data_dir.path, Wanted::Existing).map_err(|error| match error {
        in_use @ crate::data_dir::DataDirError::InUse { .. } => Failure::new(
            in_use.to_string(),
            "stop the server first: what it writes meanwhile would be missing",
        ),
        error => error.into(),
    })?;
    let printer = Arc::new(Printer::default());
    let config = Arc::new(config);
    let copied = launcher.copy_log(&config, &dir, &to, &|news| printer.print(news)).await?;
    writeln!(
        out,
        "{} events ({} were there already) and {} entries of the journal are at {}, verified\n\
         next: set KEYTRAIL_EVENT_LOG to that server and start `keytrail serve`; its views are made from there",
        copied.events, copied.there_before, copied.entries, copied.place
    )
    .map_err(|error| Failure::output(&error))
}

/// What another user writes beside the log, the server could not read.
fn run_as_owner(owner: u32, ours: u32) -> Result<(), Failure> {
    if owner == ours {
        return Ok(());
    }
    Err(Failure::new(
        format!("the event log belongs to the user with id {owner}, and this runs as {ours}"),
        format!(
            "run it as the user that the server runs as, with the server's environment: `sudo -E -u '#{owner}' \
             keytrail log copy`, or as a unit of the same service manager where sudo does not keep the environment"
        ),
    ))
}

fn target(to: Option<String>, config: &Config) -> Result<SecretValue, Failure> {
    match (to, &config.event_log) {
        (Some(to), _) if has_password(&to) => Err(Failure::new(
            "the address has a password, which everybody on this machine could read",
            "give such an address as KEYTRAIL_EVENT_LOG, and leave out --to",
        )),
        (Some(to), _) => Ok(SecretValue::new(to)),
        (None, EventLog::Kurrent(address)) => Ok(address.clone()),
        (None, EventLog::Embedded) => Err(Failure::new(
            "it is not said where to copy to",
            "set KEYTRAIL_EVENT_LOG to the server, as for `keytrail serve`, or give --to",
        )),
    }
}

fn has_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?']).next().is_some_and(|authority| authority.contains('@'))
}

/// Prints how far it is to standard error, now and then.
#[derive(Default)]
struct Printer(Mutex<Option<Instant>>);

impl Printer {
    fn print(&self, news: CopyProgress) {
        let last = Some(news.done) == news.total;
        {
            let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if printed.is_some_and(|at| at.elapsed() < PRINT_EVERY) && !last {
                return;
            }
            *printed = Some(Instant::now());
        }
        let of = news.total.map_or(String::new(), |total| format!(" of {total}"));
        // Progress that nobody can see is not worth failing for.
        let _unprinted = writeln!(io::stderr(), "{}: {}{of}", news.what, news.done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_the_directory_copies_its_log() {
        assert!(run_as_owner(1001, 1001).is_ok());
        let refused = run_as_owner(1001, 0).expect_err("root");
        assert!(refused.hint.contains("sudo -E -u '#1001'"), "{refused:?}");
    }
}
