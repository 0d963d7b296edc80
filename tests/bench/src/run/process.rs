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

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::usage::{Usage, busiest_thread};
use crate::{
    BenchError,
    load::{Target, ask},
};

/// A server that is not ready by then does not become ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first answer that anything can give.
pub(super) const SMALLEST: &str = r#"{"query":"{ __typename }"}"#;

/// A process that listens; dropping it kills it.
pub(super) struct Process {
    child: Child,
    target: Target,
}

/// What a server prints before it counts as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// Where it listens.
    Address,
    /// That, and a token.
    AddressAndToken,
}

impl Process {
    /// Starts it in `folder` and waits until it has said where it listens.
    pub(super) fn start(command: &mut Command, folder: &Path, wanted: Greeting) -> Result<Self, BenchError> {
        let log = folder.join("stderr.log");
        let file = File::create(&log).map_err(BenchError::io("making a log file"))?;
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(BenchError::io("starting a server"))?;
        match child.stdout.take().map(lines).and_then(|lines| greeting(&lines, wanted)) {
            Some(target) => Ok(Self { child, target }),
            None => {
                end(&mut child);
                Err(BenchError::BadAnswer(format!("it did not get ready; it said:\n{}", last_lines(&log))))
            }
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }

    /// The thread that has used most processor time, and how many seconds of it.
    pub(super) fn busiest_thread(&self) -> Option<(String, f64)> {
        busiest_thread(self.child.id())
    }

    /// Asks it to stop and waits until it has.
    pub(super) fn stop(mut self) -> Result<(), BenchError> {
        let stopping = BenchError::io("stopping a server");
        if let Err(error) = kill_process(Pid::from_child(&self.child), Signal::TERM) {
            return Err(stopping(error.into()));
        }
        self.child.wait().map(drop).map_err(stopping)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Nothing can be done about a process that is gone already.
fn end(child: &mut Child) {
    _ = child.kill();
    _ = child.wait();
}

/// Seconds between two routine checks where those are not what is measured: a day.
const SELDOM: u32 = 86_400;

#[derive(Clone, Debug)]
enum Kind {
    Limit,
    /// The binary, and the seconds between two routine checks.
    Keytrail(PathBuf, u32),
}

/// A running server in a folder of its own, which is removed with it.
pub(super) struct Server {
    kind: Kind,
    process: Process,
    _folder: TempDir,
}

impl Server {
    /// The limit programs: this same binary.
    pub(super) fn limit() -> Result<Self, BenchError> {
        Self::start(Kind::Limit)
    }

    /// `keytrail dev`, with everything in a fresh folder.
    pub(super) fn keytrail(binary: &Path) -> Result<Self, BenchError> {
        Self::keytrail_that_checks(binary, SELDOM)
    }

    /// The same, with so many seconds between two routine checks of a credential.
    pub(super) fn keytrail_that_checks(binary: &Path, interval: u32) -> Result<Self, BenchError> {
        let binary = fs::canonicalize(binary).map_err(BenchError::io("finding the keytrail binary"))?;
        Self::start(Kind::Keytrail(binary, interval))
    }

    fn start(kind: Kind) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(BenchError::io("making a folder"))?;
        let process = kind.start(folder.path())?;
        Ok(Self { kind, process, _folder: folder })
    }

    /// It is the thing itself and not one more limit.
    pub(super) fn is_keytrail(&self) -> bool {
        matches!(self.kind, Kind::Keytrail(..))
    }

    pub(super) fn target(&self) -> &Target {
        self.process.target()
    }

    /// Memory that is in use, where the system tells.
    pub(super) fn resident_mib(&self) -> Option<f64> {
        self.process.usage().resident_mib
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

impl Kind {
    fn first_answer(&self, folder: &Path) -> Result<f64, BenchError> {
        let start = Instant::now();
        let process = self.start(folder)?;
        ask(process.target(), SMALLEST)?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn start(&self, folder: &Path) -> Result<Process, BenchError> {
        match self {
            Self::Limit => {
                let this = std::env::current_exe().map_err(BenchError::io("finding this program"))?;
                let mut command = Command::new(this);
                command.arg("limit").arg("--data").arg(folder);
                Process::start(&mut command, folder, Greeting::Address)
            }
            Self::Keytrail(binary, interval) => {
                let mut command = keytrail(binary);
                command.arg("dev").env("KEYTRAIL_CHECK_INTERVAL_SECONDS", interval.to_string());
                Process::start(&mut command, folder, Greeting::AddressAndToken)
            }
        }
    }
}

/// The binary with nothing of the settings of the person who measures.
pub(super) fn keytrail(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("KEYTRAIL_LISTEN", "127.0.0.1:0").env("KEYTRAIL_LOG", "warn");
    // The load is one caller.
    command.env("KEYTRAIL_REQUESTS_PER_MINUTE", "0").env("KEYTRAIL_TENANT_REQUESTS_PER_MINUTE", "0");
    command
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
fn greeting(lines: &Receiver<String>, wanted: Greeting) -> Option<Target> {
    let (mut address, mut token) = (None, None);
    let end = Instant::now() + PATIENCE;
    loop {
        match (address, &token) {
            (Some(address), Some(_)) => return Some(Target { address, token }),
            (Some(address), None) if wanted == Greeting::Address => return Some(Target { address, token }),
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
    use super::{
        Greeting::{Address, AddressAndToken},
        *,
    };

    fn greeted(printed: &[&str], wanted: Greeting) -> Option<Target> {
        let (sender, receiver) = channel();
        printed.iter().for_each(|line| sender.send((*line).to_owned()).expect("room"));
        drop(sender);
        greeting(&receiver, wanted)
    }

    #[test]
    fn address_and_token_are_found_in_either_order() {
        let address = "listening on http://127.0.0.1:4711/";
        let token = "try: curl -H 'authorization: Bearer eyJhbGciOi.eyJzdWIi.c2ln-_'";
        for printed in [[address, token], [token, address]] {
            let target = greeted(&printed, AddressAndToken).expect("ready");
            assert_eq!(target.address, SocketAddr::from(([127, 0, 0, 1], 4711)));
            assert_eq!(target.token.as_deref(), Some("eyJhbGciOi.eyJzdWIi.c2ln-_"));
        }
    }

    #[test]
    fn a_server_that_ends_without_both_is_not_ready() {
        assert!(greeted(&["listening on http://127.0.0.1:1"], AddressAndToken).is_none());
        assert!(greeted(&["listening on http://127.0.0.1:1"], Address).is_some());
        assert!(greeted(&["something else"], Address).is_none());
    }
}
