//! `keytrail views rebuild`.

use std::io::Write;

use clap::Subcommand;

use super::{
    failure::Failure,
    reach::{Absent, print_progress, reach},
};
use crate::{admin::progress, config::Config, launch::Launcher};

#[derive(Debug, Subcommand)]
pub(super) enum ViewsCommand {
    /// Make all read models anew from the event log
    Rebuild,
}

pub(super) async fn run(
    command: ViewsCommand,
    config: Config,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let ViewsCommand::Rebuild = command;
    let app = reach(config, Absent::Refuse, launcher).await?;
    let (sender, reader) = progress();
    let rebuilt = tokio::select! {
        rebuilt = app.admin().rebuild_views(&sender) => rebuilt,
        never = print_progress("events", reader) => match never {},
    };
    app.release().await?;
    writeln!(out, "rebuilt from {} events", rebuilt?.events).map_err(|error| Failure::output(&error))
}
