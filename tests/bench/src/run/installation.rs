//! Keytrail as an operator has it: `serve`, with tenants of its own, in a folder that outlives the
//! process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use tempfile::TempDir;

use super::process::{Greeting, Process, SMALLEST, keytrail};
use crate::{
    BenchError,
    load::{Target, ask},
};

/// Longer than anything that is measured.
const TOKEN_LIFE: &str = "7d";

/// A data directory and the settings that it is used with.
pub(super) struct Installation {
    binary: PathBuf,
    settings: Vec<(&'static str, String)>,
    folder: TempDir,
}

impl Installation {
    /// A fresh one; nothing runs yet.
    pub(super) fn new(binary: &Path, settings: Vec<(&'static str, String)>) -> Result<Self, BenchError> {
        let binary = fs::canonicalize(binary).map_err(BenchError::io("finding the keytrail binary"))?;
        let folder = tempfile::tempdir().map_err(BenchError::io("making a folder"))?;
        Ok(Self { binary, settings, folder })
    }

    /// Starts the server.
    pub(super) fn serve(&self) -> Result<Process, BenchError> {
        Process::start(self.command().arg("serve"), self.folder.path(), Greeting::Address)
    }

    /// Starts the server, and tells the seconds until `token` had its first answer.
    pub(super) fn serve_timed(&self, token: &str) -> Result<(Process, f64), BenchError> {
        let start = Instant::now();
        let process = self.serve()?;
        ask(&as_caller(&process, token), SMALLEST)?;
        Ok((process, start.elapsed().as_secs_f64()))
    }

    /// Makes a tenant and answers its owner's token.
    pub(super) fn tenant(&self, name: &str, owner: &str) -> Result<String, BenchError> {
        self.admin(&["tenant", "create", name, "--owner", owner])?;
        self.token(name, owner)
    }

    /// A token of a member.
    pub(super) fn token(&self, tenant: &str, user: &str) -> Result<String, BenchError> {
        let printed = self.admin(&["token", "--tenant", tenant, "--user", user, "--ttl", TOKEN_LIFE])?;
        Ok(printed.trim().to_owned())
    }

    /// Runs an admin command and answers what it printed; its progress goes where ours goes.
    pub(super) fn admin(&self, arguments: &[&str]) -> Result<String, BenchError> {
        let output = self
            .command()
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(BenchError::io("running an admin command"))?;
        if !output.status.success() {
            return Err(BenchError::BadAnswer(format!("`keytrail {}` failed", arguments.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Bytes of the data files whose name begins like this.
    pub(super) fn bytes(&self, name: &str) -> Result<u64, BenchError> {
        let entries = fs::read_dir(self.data()).map_err(BenchError::io("reading the data directory"))?;
        let named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(name);
        let sizes = entries.filter_map(Result::ok).filter(named);
        Ok(sizes.filter_map(|entry| entry.metadata().ok()).map(|about| about.len()).sum())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self) -> Command {
        let mut command = keytrail(&self.binary);
        command.env("KEYTRAIL_DATA_DIR", self.data());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The same server, asked with this token.
pub(super) fn as_caller(process: &Process, token: &str) -> Target {
    Target { address: process.target().address, token: Some(token.to_owned()) }
}
