//! The processes that are measured: started on a free loopback port, ended with the runner.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    BenchError,
    load::{Target, ask},
};

/// A server that is not ready by then does not become ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first answer that anything can give.
const SMALLEST: &str = r#"{"query":"{ __typename }"}"#;

#[derive(Clone, Debug)]
enum Kind {
    Limit,
    /// The binary, and the seconds between two routine checks.
    Keytrail(PathBuf, u32),
}

/// A running server in a folder of its own. Dropping it ends the process and removes the folder.
pub(super) struct Server {
    kind: Kind,
    child: Child,
    target: Target,
    /// Removed with the server.
    _folder: TempDir,
}

impl Server {
    /// The limit programs: this same binary.
    pub(super) fn limit() -> Result<Self, BenchError> {
        Self::start(Kind::Limit)
    }

    /// `keytrail dev`, with everything in a fresh folder.
    pub(super) fn keytrail(binary: &Path) -> Result<Self, BenchError> {
        // Routine checks are not what is measured.
        Self::keytrail_that_checks(binary, u32::MAX)
    }

    /// The same, with so many seconds between two routine checks.
    pub(super) fn keytrail_that_checks(binary: &Path, interval: u32) -> Result<Self, BenchError> {
        let binary = fs::canonicalize(binary).map_err(BenchError::io("finding the keytrail binary"))?;
        Self::start(Kind::Keytrail(binary, interval))
    }

    fn start(kind: Kind) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(BenchError::io("making a folder"))?;
        let (child, target) = kind.spawn(folder.path())?;
        Ok(Self { kind, child, target, _folder: folder })
    }

    /// What the table calls it.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Limit => "limit again",
            Kind::Keytrail(..) => "keytrail",
        }
    }

    /// It is the thing itself and not one more limit.
    pub(super) fn is_keytrail(&self) -> bool {
        matches!(self.kind, Kind::Keytrail(..))
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Memory that is in use, where the system tells.
    pub(super) fn resident_mib(&self) -> Option<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1_024.0)
    }

    /// Seconds from start to the first answer, so many times on one folder. Each process is killed,
    /// so every start is a recovery too.
    pub(super) fn restarts(&self, times: u32) -> Result<Vec<f64>, BenchError> {
        let folder = tempfile::tempdir().map_err(BenchError::io("making a folder"))?;
        // The first one makes keys and the tenant: it does not count.
        self.kind.first_answer(folder.path())?;
        (0..times).map(|_| self.kind.first_answer(folder.path())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a process that is gone already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn end(mut child: Child) {
    _ = child.kill();
    _ = child.wait();
}

impl Kind {
    fn first_answer(&self, folder: &Path) -> Result<f64, BenchError> {
        let start = Instant::now();
        let (child, target) = self.spawn(folder)?;
        let answered = ask(&target, SMALLEST);
        let elapsed = start.elapsed().as_secs_f64();
        end(child);
        answered.map(|_| elapsed)
    }

    fn spawn(&self, folder: &Path) -> Result<(Child, Target), BenchError> {
        let log = folder.join("stderr.log");
        let file = File::create(&log).map_err(BenchError::io("making a log file"))?;
        let mut child = self
            .command(folder)?
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(BenchError::io("starting a server"))?;
        let wants_token = matches!(self, Self::Keytrail(..));
        match child.stdout.take().map(lines).and_then(|lines| greeting(&lines, wants_token)) {
            Some(target) => Ok((child, target)),
            None => {
                end(child);
                Err(BenchError::BadAnswer(format!("it did not get ready; it said:\n{}", last_lines(&log))))
            }
        }
    }

    fn command(&self, folder: &Path) -> Result<Command, BenchError> {
        match self {
            Self::Limit => {
                let this = std::env::current_exe().map_err(BenchError::io("finding this program"))?;
                let mut command = Command::new(this);
                command.arg("limit").arg("--data").arg(folder);
                Ok(command)
            }
            Self::Keytrail(binary, interval) => {
                let mut command = Command::new(binary);
                // Nothing of the settings of the person who measures.
                command.arg("dev").env_clear();
                command.env("KEYTRAIL_LISTEN", "127.0.0.1:0").env("KEYTRAIL_LOG", "warn");
                command.env("KEYTRAIL_CHECK_INTERVAL_SECONDS", interval.to_string());
                // The load is one caller.
                command
                    .env("KEYTRAIL_REQUESTS_PER_MINUTE", "0")
                    .env("KEYTRAIL_TENANT_REQUESTS_PER_MINUTE", "0");
                Ok(command)
            }
        }
    }
}

/// Every line that the server prints; read until it ends, so that it never waits for us.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens after the greeting.
            _ = sender.send(line);
        }
    });
    receiver
}

/// The address, and where one is wanted the token, from what a server prints at its start.
fn greeting(lines: &Receiver<String>, wants_token: bool) -> Option<Target> {
    let (mut address, mut token) = (None, None);
    let end = Instant::now() + PATIENCE;
    loop {
        match (address, &token) {
            (Some(address), Some(_)) => return Some(Target { address, token }),
            (Some(address), None) if !wants_token => return Some(Target { address, token }),
            _ => {}
        }
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                address = address.or_else(|| address_in(&line));
                token = token.or_else(|| token_in(&line));
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    rest.split(|c: char| c.is_whitespace() || c == '/').next()?.parse().ok()
}

/// A signed token is three parts with dots, the first of which begins with `{"` in base64.
fn token_in(line: &str) -> Option<String> {
    let in_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let word =
        line.split(|c| !in_token(c)).find(|word| word.starts_with("eyJ") && word.split('.').count() == 3);
    word.map(str::to_owned)
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeted(printed: &[&str], wants_token: bool) -> Option<Target> {
        let (sender, receiver) = channel();
        printed.iter().for_each(|line| sender.send((*line).to_owned()).expect("room"));
        drop(sender);
        greeting(&receiver, wants_token)
    }

    #[test]
    fn address_and_token_are_found_in_either_order() {
        let address = "listening on http://127.0.0.1:4711/";
        let token = "try: curl -H 'authorization: Bearer eyJhbGciOi.eyJzdWIi.c2ln-_'";
        for printed in [[address, token], [token, address]] {
            let target = greeted(&printed, true).expect("ready");
            assert_eq!(target.address, SocketAddr::from(([127, 0, 0, 1], 4711)));
            assert_eq!(target.token.as_deref(), Some("eyJhbGciOi.eyJzdWIi.c2ln-_"));
        }
    }

    #[test]
    fn a_server_that_ends_without_both_is_not_ready() {
        assert!(greeted(&["listening on http://127.0.0.1:1"], true).is_none());
        assert!(greeted(&["listening on http://127.0.0.1:1"], false).is_some());
        assert!(greeted(&["something else"], false).is_none());
    }
}
