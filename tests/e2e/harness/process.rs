//! The process: started on a free port in a folder of its own, ended with the test.

use std::{
    path::PathBuf,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use keytrail_eventstore_double::Double;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::Client;

/// Nothing here takes longer on a healthy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const EVENT_LOG: &str = "KEYTRAIL_EVENT_LOG";

/// How to start it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) environment: Vec<(String, String)>,
}

impl Settings {
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// On the embedded log also when all other tests are on a double: for what is about its file.
    pub(crate) fn embedded() -> Self {
        Self::default().set(EVENT_LOG, "embedded")
    }

    /// On a double of the event store when whoever tests wants all tests there:
    /// `KEYTRAIL_TEST_EVENT_LOG=double`.
    async fn with_log(self) -> (Self, Option<&'static Double>) {
        let chosen = self.environment.iter().any(|(name, _)| name == EVENT_LOG);
        #[expect(clippy::disallowed_methods, reason = "what the person who tests wants")]
        let wanted = std::env::var("KEYTRAIL_TEST_EVENT_LOG").is_ok_and(|log| log == "double");
        if chosen || !wanted {
            return (self, None);
        }
        // It lives as long as its test.
        let double: &Double = Box::leak(Box::new(Double::start().await.expect("a free port")));
        (self.set(EVENT_LOG, double.url()), Some(double))
    }
}

/// A running server, its data folder and its log.
pub(crate) struct Keytrail {
    settings: Settings,
    folder: TempDir,
    child: Option<Child>,
    pub(crate) base: String,
    /// Where its log and journal are, when the harness put them there.
    pub(crate) double: Option<&'static Double>,
}

impl Keytrail {
    /// A server with tenant `acme`, whose owner is `alice`.
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// The same with more settings.
    pub(crate) async fn with(settings: Settings) -> Self {
        let (settings, double) = settings.with_log().await;
        let mut server = Self { double, ..Self::in_folder(settings) };
        server.run(&["tenant", "create", "acme", "--owner", "alice"]).await;
        server.up().await;
        server
    }

    /// One more node on a log that has the tenant already.
    pub(crate) async fn beside(settings: Settings) -> Self {
        let mut server = Self::in_folder(settings);
        server.up().await;
        server
    }

    /// What one says that cannot start with these settings.
    pub(crate) async fn refused(settings: Settings) -> String {
        Self::in_folder(settings).refuses_to_start().await
    }

    fn in_folder(settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        Self { settings, folder, child: None, base: String::new(), double: None }
    }

    /// A command, with the server's settings; it must succeed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "keytrail {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// A command, however it ends.
    pub(crate) async fn try_run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        let running = command.args(arguments).stdin(Stdio::null()).output();
        timeout(PATIENCE, running).await.expect("the command ends").expect("the command starts")
    }

    /// Lets the vault belong to the log that is there, as the refusal to start says.
    pub(crate) async fn claims(&self, refused: &str) -> String {
        let (_, named) = refused.split_once("--instead-of ").expect("the refusal names the log");
        let log: String = named.chars().take_while(|sign| sign.is_ascii_hexdigit() || *sign == '-').collect();
        self.run(&["vault", "claim", "--instead-of", &log]).await
    }

    /// Starts the server, which must refuse; answers what it said.
    pub(crate) async fn refuses_to_start(&self) -> String {
        let output = self.try_run(&["serve"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "it should not have started: {said}");
        said
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keytrail"));
        #[expect(clippy::disallowed_methods, reason = "settings of the person who tests must not count")]
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYTRAIL_")) {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder.path())
            .env("KEYTRAIL_DATA_DIR", self.data_dir())
            .env("KEYTRAIL_LISTEN", "127.0.0.1:0")
            .env("KEYTRAIL_ALLOWED_NETWORKS", "127.0.0.0/8")
            // No routine check comes in between, unless a test is about them.
            .env("KEYTRAIL_CHECK_INTERVAL_SECONDS", u32::MAX.to_string())
            .envs(self.settings.environment.iter().cloned())
            .kill_on_drop(true);
        command
    }

    /// The server's next start, and its commands, have one more setting.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.environment.push((name.to_owned(), value.into()));
    }

    /// A command that is still running.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command();
        let silent = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        silent.spawn().expect("the command starts")
    }

    /// Where its files are.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data_dir().join(name)
    }

    /// Everything that it ever wrote to standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    /// Starts the server and waits until it listens.
    pub(crate) async fn up(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.log_file()).expect("log");
        let mut child =
            self.command().arg("serve").stdout(Stdio::piped()).stderr(log).spawn().expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("it says where it listens");
        let line = line.expect("readable").unwrap_or_else(|| panic!("it did not start: {}", self.log()));
        let base = line.strip_prefix("listening on ").expect("the promised line").to_owned();
        // What it prints later is read, or it would stand still when the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (self.child, self.base) = (Some(child), base);
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().expect("running");
        child.kill().await.expect("killed");
    }

    /// SIGTERM, and how it ended.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("running");
        self.signal(child.id().expect("id"), "TERM").await;
        timeout(PATIENCE, child.wait()).await.expect("it ends").expect("it can be waited for")
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("running")
    }

    pub(crate) async fn signal(&self, pid: u32, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status().await;
        assert!(sent.expect("kill runs").success());
    }

    /// A token of the built-in issuer.
    pub(crate) async fn token(&self, tenant: &str, user: &str) -> String {
        self.run(&["token", "--tenant", tenant, "--user", user]).await.trim().to_owned()
    }

    /// That person, signed in.
    pub(crate) async fn sign_in(&self, tenant: &str, user: &str) -> Client {
        Client::new(&self.base, Some(self.token(tenant, user).await))
    }

    /// Nobody in particular.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(&self.base, None)
    }
}
