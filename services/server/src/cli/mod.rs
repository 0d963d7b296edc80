//! The command line: one file a command, thin. What goes wrong is one `error:` line and one `hint:`
//! line on standard error; exit code 1, or 2 when the command itself makes no sense.

mod dev;
mod event_log;
mod failure;
mod reach;
mod run;
mod schema;
mod serve;
mod tenant;
#[cfg(test)]
mod tests;
mod token;
mod vault;
mod views;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};

use crate::{
    config::{Config, Environment, Mode, Source},
    hardening::{self, Before},
    launch::Launcher,
    lifecycle::Lifecycle,
    log,
};
use failure::Failure;

/// How long threads that still block may hold up the end of the process.
const THREAD_GRACE: Duration = Duration::from_millis(500);

/// Keytrail: the system of record for the credentials that integrations run on.
#[derive(Debug, Parser)]
#[command(name = "keytrail", version, arg_required_else_help = true)]
#[command(
    after_help = "Every setting is a line in a TOML file or a KEYTRAIL_* variable; see keytrail.default.toml."
)]
struct Cli {
    /// File of settings, TOML (default: KEYTRAIL_CONFIG)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve on this machine only, everything embedded, with a demo tenant, and print how to begin
    Dev,
    /// Serve as configured
    Serve,
    /// Print a token of the built-in issuer
    Token(token::TokenArgs),
    /// Run a program with a credential's fields in its environment
    Run(run::RunArgs),
    /// Manage tenants
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Print the GraphQL schema
    Schema,
    /// Look after the read models
    #[command(subcommand)]
    Views(views::ViewsCommand),
    /// Look after the event log
    #[command(subcommand)]
    Log(event_log::LogCommand),
    /// Look after the vault
    #[command(subcommand)]
    Vault(vault::VaultCommand),
}

/// Runs the command line of this process, from the first thread to the last.
pub fn main(arguments: impl IntoIterator<Item = OsString>, launcher: &dyn Launcher) -> ExitCode {
    log::hide_panic_texts();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no mistakes: clap knows, and where to print them.
            let _unprinted = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match start(cli, launcher) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _unprinted = write!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli, launcher: &dyn Launcher) -> Result<(), Failure> {
    let before = hardening::harden();
    let before = before.map_err(|error| Failure::system("cannot protect this process's memory", &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("keytrail")
        .build()
        .map_err(|error| Failure::system("cannot start threads", &error))?;
    let end = runtime.block_on(run(cli, launcher, before));
    runtime.shutdown_timeout(THREAD_GRACE);
    end
}

async fn run(cli: Cli, launcher: &dyn Launcher, before: Before) -> Result<(), Failure> {
    let mut out = io::stdout();
    // These need no settings of a server.
    let command = match cli.command {
        Command::Schema => return schema::run(launcher, &mut out),
        Command::Run(args) => return run::run(args, before).await,
        command => command,
    };
    let config = Config::load(cli.config.as_deref(), &Environment::read()?)?;
    let config = match command {
        Command::Dev => config.in_mode(Mode::Dev)?,
        Command::Serve => config.in_mode(Mode::Serve)?,
        _ => quieter(config),
    };
    log::init(&config.log).map_err(|error| Failure::system("cannot start the log", &error))?;
    match command {
        Command::Dev => {
            let life = Lifecycle::new();
            serve::run(config, Mode::Dev, launcher, &life, &mut out).await
        }
        Command::Serve => {
            let life = Lifecycle::new();
            serve::run(config, Mode::Serve, launcher, &life, &mut out).await
        }
        Command::Token(args) => token::run(args, config, launcher, &mut out).await,
        Command::Tenant(command) => tenant::run(command, config, launcher, &mut out).await,
        Command::Views(command) => views::run(command, config, launcher, &mut out).await,
        Command::Vault(command) => vault::run(command, config, launcher, &mut out).await,
        Command::Log(command) => event_log::run(command, config, launcher, &mut out).await,
        Command::Schema => schema::run(launcher, &mut out),
        Command::Run(args) => run::run(args, before).await,
    }
}

/// Commands that end by themselves log only warnings, unless somebody chose otherwise.
fn quieter(mut config: Config) -> Config {
    if config.log.source == Source::Default {
        config.log.filter = "warn".into();
    }
    config
}
