//! `keytrail tenant create`.

use std::io::Write;

use clap::Subcommand;

use super::{
    failure::Failure,
    reach::{Absent, reach},
};
use crate::{admin::CreateTenant, config::Config, launch::Launcher};

#[derive(Debug, Subcommand)]
pub(super) enum TenantCommand {
    /// Make a tenant with its first owner
    Create {
        /// Its short name: 1 to 63 of a-z, 0-9 and dash, beginning with a letter
        name: String,
        /// The first owner, by the subject in his tokens
        #[arg(long, value_name = "SUBJECT")]
        owner: String,
        /// Who issues his tokens (default: the issuer that the server uses)
        #[arg(long, value_name = "URL")]
        owner_issuer: Option<String>,
    },
}

pub(super) async fn run(
    command: TenantCommand,
    config: Config,
    launcher: &dyn Launcher,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let TenantCommand::Create { name, owner, owner_issuer } = command;
    let app = reach(config, Absent::Make, launcher).await?;
    let wish = CreateTenant { slug: name.clone(), owner: owner.clone(), owner_issuer };
    let created = app.admin().create_tenant(wish).await;
    app.release().await?;
    let created = created?;
    writeln!(out, "tenant {name} is {}, its owner {owner} is {}", created.tenant, created.owner)
        .map_err(|error| Failure::output(&error))
}
