//! `keytrail vault sweep` and `keytrail vault claim`.

use std::io::Write;

use clap::Subcommand;

use super::{
    failure::Failure,
    reach::{Absent, print_progress, reach},
};
use crate::{
    admin::{SweepMode, progress},
    config::Config,
    data_dir::{DataDir, DataDirError, Wanted},
    launch::Launcher,
};

#[derive(Debug, Subcommand)]
pub(super) enum VaultCommand {
    /// Delete secrets that no event names and that are older than a day
    Sweep {
        /// Only count them
        #[arg(long)]
        dry_run: bool,
    },
    /// Let the vault belong to the event log that is configured, when the one that it belonged to is gone for good
    Claim {
        /// The event log that the vault belonged to: `keytrail serve` prints it when it refuses to start
        #[arg(long, value_name = "LOG")]
        instead_of: uuid::Uuid,
    },
}

pub(super) async fn run(
    command: VaultCommand,
    config: Config,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        VaultCommand::Sweep { dry_run } => sweep(dry_run, config, launcher, out).await,
        VaultCommand::Claim { instead_of } => claim(&config, instead_of, launcher, out).await,
    }
}

async fn claim(
    config: &Config,
    instead_of: uuid::Uuid,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let dir = DataDir::open(&config.data_dir.path, Wanted::Existing).map_err(|error| match error {
        in_use @ DataDirError::InUse { .. } => Failure::new(in_use.to_string(), "stop the server first"),
        error => error.into(),
    })?;
    let log = launcher.claim_vault(config, &dir, instead_of).await?;
    writeln!(
        out,
        "the vault belongs to event log {log} now\n\
         next: start `keytrail serve`; secrets that only another log names are swept after a day, so keep a backup of \
         the vault until all is well"
    )
    .map_err(|error| Failure::output(&error))
}

async fn sweep(
    dry_run: bool,
    config: Config,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let (mode, verb) =
        if dry_run { (SweepMode::DryRun, "would delete") } else { (SweepMode::Delete, "deleted") };
    let app = reach(config, Absent::Refuse, launcher).await?;
    let (sender, reader) = progress();
    let swept = tokio::select! {
        swept = app.admin().sweep(mode, &sender) => swept,
        never = print_progress("secrets", reader) => match never {},
    };
    app.release().await?;
    let swept = swept?;
    writeln!(out, "{verb} {} of {} secrets", swept.litter, swept.seen)
        .map_err(|error| Failure::output(&error))
}
