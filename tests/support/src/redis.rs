//! A real Redis server.

use parking_lot::Mutex;

use crate::{
    eventually, free_port,
    guard::Guarded,
    home::{Home, installed},
    tls::{Authority, Identity},
};

const PACKAGE: &str = "redis-server";
/// The administrator's name and password.
const ADMIN: [&str; 2] = ["admin", "only-for-tests"];

/// A server process on two free loopback ports, one for TLS; killed when dropped.
///
/// It speaks TLS as `localhost` and `127.0.0.1` with a certificate of its [`Redis::authority`].
#[derive(Debug)]
pub struct Redis {
    port: u16,
    tls_port: u16,
    home: Home,
    authority: Authority,
    process: Mutex<Option<Guarded>>,
}

impl Redis {
    /// An empty server, whose default user has no password yet.
    pub async fn start() -> Self {
        let home = Home::new("keytrail-redis-");
        let authority = Authority::new();
        let Identity { certificate, key } = authority.identity(&["localhost", "127.0.0.1"]);
        home.file("server.crt", &certificate);
        home.file("server.key", &key);
        let (port, tls_port) = (free_port(), free_port());
        let server = Self { port, tls_port, home, authority, process: Mutex::default() };
        server.launch().await;
        server
    }

    /// Its port on `127.0.0.1` without TLS.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its port on `127.0.0.1` with TLS.
    pub const fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// Who signed its certificate.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Runs a command as administrator and answers what the server said.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn command(&self, words: &[&str]) -> String {
        self.try_command(words).await.expect("the command")
    }

    /// Kills the server.
    pub fn stop(&self) {
        drop(self.process.lock().take());
    }

    async fn try_command(&self, words: &[&str]) -> Result<String, String> {
        let port = self.port.to_string();
        let [user, password] = ADMIN;
        let place = ["-e", "-p", &port, "--no-auth-warning", "--user", user, "--pass", password];
        self.home.run(&installed("redis-cli", PACKAGE), &[&place[..], words].concat()).await
    }

    async fn launch(&self) {
        let folder = self.home.path().display();
        let [user, password] = ADMIN;
        let config = format!(
            "bind 127.0.0.1\nport {}\ntls-port {}\ntls-auth-clients no\nsave \"\"\ndir {folder}\n\
             tls-cert-file {folder}/server.crt\ntls-key-file {folder}/server.key\n\
             user {user} on >{password} ~* &* +@all\n",
            self.port, self.tls_port
        );
        let config = self.home.file("redis.conf", &config).display().to_string();
        let log = self.home.path().join("server.log");
        let started =
            Guarded::start_as(self.home.user(), &installed("redis-server", PACKAGE), &[config], &log);
        *self.process.lock() = Some(started.expect("the server starts"));
        eventually(&format!("Redis answers; its log is {}", log.display()), async || {
            self.try_command(&["ping"]).await.ok()
        })
        .await;
    }
}
