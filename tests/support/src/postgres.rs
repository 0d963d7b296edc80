//! A real PostgreSQL server.

use parking_lot::Mutex;

use crate::{
    eventually, free_port,
    guard::Guarded,
    home::{Home, installed},
    tls::{Authority, Identity},
};

/// Passwords over TLS for all, in the clear for `clear` alone; the local socket is the administrator's.
const ACCESS: &str = "\
local all postgres trust
hostssl all all all scram-sha-256
hostnossl all clear all scram-sha-256
hostnossl all old all md5
hostnossl all all all reject
";

/// A server process on a free loopback port with a folder of its own; killed when dropped.
///
/// It speaks TLS as `localhost` and `127.0.0.1` with a certificate of its [`Postgres::authority`].
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    home: Home,
    authority: Authority,
    process: Mutex<Option<Guarded>>,
}

impl Postgres {
    /// An empty server.
    pub async fn start() -> Self {
        let home = Home::new("keytrail-pg-");
        let data = home.path().join("data").display().to_string();
        let options =
            ["-D", &data, "-U", "postgres", "--auth=trust", "--no-sync", "--locale=C", "-E", "UTF8"];
        home.run(&installed("initdb", PACKAGE), &options).await.expect("initdb");
        let authority = Authority::new();
        let Identity { certificate, key } = authority.identity(&["localhost", "127.0.0.1"]);
        home.file("server.crt", &certificate);
        home.file("server.key", &key);
        home.file("data/pg_hba.conf", ACCESS);
        let server = Self { port: free_port(), home, authority, process: Mutex::default() };
        server.launch().await;
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

    /// Runs a statement as administrator and answers the bare values.
    ///
    /// # Panics
    /// With the server's words, when it refuses.
    pub async fn sql(&self, statement: &str) -> String {
        self.try_sql(statement).await.expect("the statement")
    }

    /// Kills the server.
    pub fn stop(&self) {
        drop(self.process.lock().take());
    }

    async fn try_sql(&self, statement: &str) -> Result<String, String> {
        let (folder, port) = (self.home.path().display().to_string(), self.port.to_string());
        let place = ["-h", &folder, "-p", &port, "-U", "postgres", "-d", "postgres"];
        let manner = ["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statement];
        self.home.run(&installed("psql", PACKAGE), &[&place[..], &manner].concat()).await
    }

    async fn launch(&self) {
        let folder = self.home.path().display().to_string();
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={folder}"),
            format!("ssl_cert_file={folder}/server.crt"),
            format!("ssl_key_file={folder}/server.key"),
            "shared_buffers=16MB".to_owned(),
            "fsync=off".to_owned(),
        ];
        let options = settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]);
        let data = ["-D".to_owned(), format!("{folder}/data")];
        let arguments: Vec<_> = data.into_iter().chain(options).collect();
        // TLS can be turned off and on while it runs, so it stands in its file.
        self.home.file("data/postgresql.auto.conf", "ssl = on\n");
        let log = self.home.path().join("server.log");
        let started = Guarded::start_as(self.home.user(), &installed("postgres", PACKAGE), &arguments, &log);
        *self.process.lock() = Some(started.expect("the server starts"));
        eventually(&format!("PostgreSQL answers; its log is {}", log.display()), async || {
            self.try_sql("select 1").await.ok()
        })
        .await;
    }
}

const PACKAGE: &str = "postgresql";
