//! `keytrail vault sweep`.

use std::io::Write;

use clap::Subcommand;

use super::{
    failure::Failure,
    reach::{Absent, print_progress, reach},
};
use crate::{
    admin::{SweepMode, progress},
    config::Config,
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
}

pub(super) async fn run(
    command: VaultCommand,
    config: Config,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let VaultCommand::Sweep { dry_run } = command;
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
