//! Running other programs, and what is said when one fails.

use std::{
    ffi::{OsStr, OsString},
    fmt, io,
    process::{Command, Stdio},
};

use crate::{say, workspace};

/// Why a task stopped, and the exit code for it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    pub(crate) code: u8,
}

pub(crate) type Done = Result<(), Failure>;

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// A program that runs in the workspace's root, without standard input.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(workspace::root()).stdin(Stdio::null());
    command
}

/// Cargo, as if it were called from a shell: the variables that `cargo run` has set for this program
/// would make some build scripts run again.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Command {
    let mut command = program("cargo");
    command.args(args);
    for name in variables() {
        let ours = name.to_string_lossy();
        let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if prefixes.iter().any(|prefix| ours.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The names of all environment variables.
#[expect(clippy::disallowed_methods, reason = "no settings are read: some are kept from other programs")]
pub(crate) fn variables() -> Vec<OsString> {
    std::env::vars_os().map(|(name, _)| name).collect()
}

/// Says what runs, runs it, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Done {
    say::line(&format!("$ {}", shown(command)));
    let status = command.status().map_err(|error| not_started(command, &error))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::new(format!("`{}` failed with code {code}", shown(command)))),
        None => Err(Failure::new(format!("`{}` was stopped by a signal", shown(command)))),
    }
}

/// Runs it and answers what it printed; its errors go to our standard error.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Failure::new(format!("`{}` failed: {}", shown(command), output.status)))
}

/// The first line that a program says about its version; none when it is not installed.
pub(crate) fn version(mut command: Command) -> Option<String> {
    let output = command.arg("--version").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_owned())
}

pub(crate) fn not_started(command: &Command, error: &io::Error) -> Failure {
    Failure::new(format!("`{}` does not start: {error}", shown(command)))
}

/// The command as a person would type it; a path inside the workspace without the root.
pub(crate) fn shown(command: &Command) -> String {
    let root = format!("{}/", workspace::root().display());
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().replace(&root, "")).collect::<Vec<_>>().join(" ")
}
