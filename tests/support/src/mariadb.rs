//! A real MariaDB server.

use parking_lot::Mutex;

use crate::{
    eventually, free_port,
    guard::Guarded,
    home::{Home, installed},
    tls::{Authority, Identity},
};

const PACKAGE: &str = "mariadb-server-core and mariadb-client-core";

/// A server process on a free loopback port with a folder of its own; killed when dropped.
///
/// It speaks TLS as `localhost` and `127.0.0.1` with a certificate of its [`MariaDb::authority`].
#[derive(Debug)]
pub struct MariaDb {
    port: u16,
    home: Home,
    authority: Authority,
    process: Mutex<Option<Guarded>>,
}

impl MariaDb {
    /// An empty server.
    pub async fn start() -> Self {
        let server = Self::prepare().await;
        server.launch(true).await;
        server
    }

    /// An empty server that speaks no TLS.
    pub async fn start_without_tls() -> Self {
        let server = Self::prepare().await;
        server.launch(false).await;
        server
    }

    /// Its port on `127.0.0.1`.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Who signed its certificate.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Runs statements as administrator and answers the bare values.
    ///
    /// # Panics
    /// With the server's words, when it refuses.
    pub async fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).await.expect("the statements")
    }

    /// Kills the server.
    pub fn stop(&self) {
        drop(self.process.lock().take());
    }

    async fn prepare() -> Self {
        let home = Home::new("keytrail-maria-");
        let data = format!("--datadir={}/data", home.path().display());
        let options = [
            "--no-defaults",
            &data,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ];
        home.run(&installed("mariadb-install-db", PACKAGE), &options).await.expect("mariadb-install-db");
        let authority = Authority::new();
        let Identity { certificate, key } = authority.identity(&["localhost", "127.0.0.1"]);
        home.file("server.crt", &certificate);
        home.file("server.key", &key);
        home.file("ca.crt", &authority.pem());
        Self { port: free_port(), home, authority, process: Mutex::default() }
    }

    async fn try_sql(&self, statements: &str) -> Result<String, String> {
        let socket = format!("--socket={}/socket", self.home.path().display());
        let options = ["--no-defaults", &socket, "--user=root", "-N", "-B", "-e", statements];
        self.home.run(&installed("mariadb", PACKAGE), &options).await
    }

    async fn launch(&self, tls: bool) {
        let folder = self.home.path().display().to_string();
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={folder}/data"),
            format!("--socket={folder}/socket"),
            format!("--pid-file={folder}/pid"),
            format!("--port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
            "--innodb-buffer-pool-size=16M".to_owned(),
        ];
        if tls {
            arguments.extend([
                format!("--ssl-cert={folder}/server.crt"),
                format!("--ssl-key={folder}/server.key"),
                format!("--ssl-ca={folder}/ca.crt"),
            ]);
        }
        let log = self.home.path().join("server.log");
        let started = Guarded::start_as(self.home.user(), &installed("mariadbd", PACKAGE), &arguments, &log);
        *self.process.lock() = Some(started.expect("the server starts"));
        eventually(&format!("MariaDB answers; its log is {}", log.display()), async || {
            self.try_sql("select 1").await.ok()
        })
        .await;
    }
}
