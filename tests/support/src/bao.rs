//! A real OpenBao server, in development mode or as it runs in production.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;

use crate::{eventually, free_port, guard::Guarded, install_crypto};

/// What `sys/health` answers, as states that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Ready = 200,
    Uninitialised = 501,
    Sealed = 503,
}

#[derive(Debug)]
enum Mode {
    Dev,
    DevTls,
    Raft { unseal_key: String },
}

/// How Keytrail reaches one fresh mount that `infra/vault/setup.sh` made.
#[derive(Clone, Debug)]
pub struct Access {
    /// Name of the mount, of the policy and of the AppRole.
    pub mount: String,
    /// The AppRole's role id.
    pub role_id: String,
    /// File with the AppRole's secret id.
    pub secret_id_file: PathBuf,
}

/// A server process on a free loopback port with a folder of its own; killed when dropped.
#[derive(Debug)]
pub struct OpenBao {
    port: u16,
    folder: TempDir,
    mode: Mode,
    root_token: String,
    process: Mutex<Option<Guarded>>,
}

impl OpenBao {
    /// Whether its program is there.
    pub fn is_installed() -> bool {
        place().exists()
    }

    /// Its program, which is also its command line.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn program() -> PathBuf {
        program()
    }

    /// A server in memory, unsealed from the start. Stopping it loses everything.
    pub async fn dev() -> Self {
        let server = Self::prepare(Mode::Dev);
        server.launch(Health::Ready).await;
        server
    }

    /// The same behind TLS, with an authority of its own: [`OpenBao::ca_file`].
    pub async fn dev_tls() -> Self {
        let server = Self::prepare(Mode::DevTls);
        server.launch(Health::Ready).await;
        server
    }

    /// A server that keeps its data in raft storage, initialised and unsealed. Use
    /// [`OpenBao::fresh_access`] for a mount behind the least-privilege policy.
    pub async fn raft_with_policy() -> Self {
        let mut server = Self::prepare(Mode::Raft { unseal_key: String::new() });
        server.write_raft_config();
        server.launch(Health::Uninitialised).await;
        let made =
            server.ok(Method::PUT, "sys/init", &json!({ "secret_shares": 1, "secret_threshold": 1 })).await;
        server.root_token = text(&made["root_token"]);
        server.mode = Mode::Raft { unseal_key: text(&made["keys_base64"][0]) };
        server.unseal().await;
        server
    }

    /// `http://127.0.0.1:port`, or `https` for [`OpenBao::dev_tls`].
    pub fn address(&self) -> String {
        let scheme = if matches!(self.mode, Mode::DevTls) { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// The authority of [`OpenBao::dev_tls`], as PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("vault-ca.pem")
    }

    /// A file of the server's folder with this text, for tokens and secret ids.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("the server's folder can be written");
        path
    }

    /// Enables KV version 2 at a new mount and answers its name.
    pub async fn fresh_mount(&self) -> String {
        let mount = format!("keytrail-{}", Uuid::new_v4());
        let body = json!({ "type": "kv", "options": { "version": "2" } });
        self.ok(Method::POST, &format!("sys/mounts/{mount}"), &body).await;
        // The engine prepares itself after the call has answered; until then it refuses writes.
        let probe = format!("{mount}/data/ready");
        eventually("the new mount takes a write", async || {
            self.call(Method::POST, &probe, &json!({ "data": {} })).await.0.eq(&200).then_some(())
        })
        .await;
        self.ok(Method::DELETE, &format!("{mount}/metadata/ready"), &Value::Null).await;
        mount
    }

    /// Runs `infra/vault/setup.sh` for a new mount, as an operator would.
    ///
    /// # Panics
    /// When the script fails, with what it wrote.
    pub async fn fresh_access(&self) -> Access {
        let mount = format!("keytrail-{}", Uuid::new_v4());
        let secret_id_file = self.folder.path().join(format!("{mount}.secret-id"));
        let done = Command::new("/bin/sh")
            .arg(workspace().join("infra/vault/setup.sh"))
            .env("KEYTRAIL_VAULT_CLI", program())
            .env("KEYTRAIL_VAULT_MOUNT", &mount)
            .env("KEYTRAIL_VAULT_SECRET_ID_FILE", &secret_id_file)
            .env("BAO_ADDR", self.address())
            .env("BAO_TOKEN", &self.root_token)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("a shell");
        assert!(done.status.success(), "setup.sh: {}", String::from_utf8_lossy(&done.stderr));
        let role = self.ok(Method::GET, &format!("auth/approle/role/{mount}/role-id"), &Value::Null).await;
        Access { role_id: text(&role["data"]["role_id"]), mount, secret_id_file }
    }

    /// Seals the server: it keeps running and refuses everything.
    pub async fn seal(&self) {
        self.ok(Method::PUT, "sys/seal", &Value::Null).await;
        self.wait_until(Health::Sealed).await;
    }

    /// Unseals a raft server.
    ///
    /// # Panics
    /// For a server in development mode, which has no key.
    pub async fn unseal(&self) {
        let Mode::Raft { unseal_key } = &self.mode else { panic!("only a raft server can be unsealed") };
        self.ok(Method::PUT, "sys/unseal", &json!({ "key": unseal_key })).await;
        self.wait_until(Health::Ready).await;
    }

    /// Kills the server.
    pub fn stop(&self) {
        drop(self.process.lock().take());
    }

    /// Starts it again on the same port, and unseals it when it is a raft server.
    pub async fn start(&self) {
        match self.mode {
            Mode::Dev | Mode::DevTls => self.launch(Health::Ready).await,
            Mode::Raft { .. } => {
                self.launch(Health::Sealed).await;
                self.unseal().await;
            }
        }
    }

    /// A token with these policies that lives for `ttl`, such as `2s` or `1h`, and can be renewed.
    pub async fn create_token(&self, policies: &[&str], ttl: &str) -> String {
        let body = json!({ "policies": policies, "ttl": ttl, "renewable": true, "no_default_policy": true });
        let made = self.ok(Method::POST, "auth/token/create-orphan", &body).await;
        text(&made["auth"]["client_token"])
    }

    /// Ends a token.
    pub async fn revoke(&self, token: &str) {
        self.ok(Method::POST, "auth/token/revoke", &json!({ "token": token })).await;
    }

    /// Ends every token that an AppRole login gave.
    pub async fn revoke_logins(&self) {
        self.ok(Method::PUT, "sys/leases/revoke-prefix/auth/approle/login", &Value::Null).await;
    }

    /// What the server knows of a token; none when it is not valid.
    pub async fn lookup(&self, token: &str) -> Option<Value> {
        let (status, answer) = self.call(Method::POST, "auth/token/lookup", &json!({ "token": token })).await;
        (status == 200).then(|| answer["data"].clone())
    }

    /// Calls the server's API with the root token: path below `/v1/`, then status and body.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/v1/{path}", self.address());
        let request = self.client().request(method, &url).header("X-Vault-Token", &self.root_token);
        match if body.is_null() { request } else { request.json(body) }.send().await {
            Ok(answer) => (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null)),
            Err(_) => (0, Value::Null),
        }
    }

    async fn ok(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "OpenBao answered {status} to {path}: {}", answer["errors"]);
        answer
    }

    /// A client per call: a kept one would belong to the runtime of the test that was first.
    fn client(&self) -> reqwest::Client {
        install_crypto();
        let ca = fs::read(self.ca_file()).ok().and_then(|pem| reqwest::Certificate::from_pem(&pem).ok());
        reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(ca)
            .timeout(Duration::from_secs(10))
            .build()
            .expect("an HTTP client")
    }

    fn prepare(mode: Mode) -> Self {
        Self {
            port: free_port(),
            folder: TempDir::with_prefix("keytrail-bao-").expect("a temporary folder"),
            mode,
            root_token: format!("root-{}", Uuid::new_v4()),
            process: Mutex::new(None),
        }
    }

    async fn launch(&self, wanted: Health) {
        let log = self.folder.path().join("server.log");
        let process = Guarded::start(&program(), &self.arguments(), &log).expect("the server starts");
        *self.process.lock() = Some(process);
        self.wait_until(wanted).await;
    }

    async fn wait_until(&self, wanted: Health) {
        let log = self.folder.path().join("server.log");
        eventually(&format!("OpenBao is {wanted:?}; its log is {}", log.display()), async || {
            (self.call(Method::GET, "sys/health", &Value::Null).await.0 == wanted as u16).then_some(())
        })
        .await;
    }

    fn arguments(&self) -> Vec<String> {
        let folder = self.folder.path().display();
        let dev = [
            "server".to_owned(),
            "-dev".to_owned(),
            "-dev-no-store-token".to_owned(),
            format!("-dev-root-token-id={}", self.root_token),
            format!("-dev-listen-address=127.0.0.1:{}", self.port),
        ];
        match self.mode {
            Mode::Dev => dev.to_vec(),
            Mode::DevTls => {
                [&dev[..], &["-dev-tls".to_owned(), format!("-dev-tls-cert-dir={folder}")]].concat()
            }
            Mode::Raft { .. } => vec!["server".to_owned(), format!("-config={folder}/server.hcl")],
        }
    }

    fn write_raft_config(&self) {
        let folder = self.folder.path();
        let (port, cluster) = (self.port, free_port());
        fs::create_dir(folder.join("data")).expect("the server's folder can be written");
        // The multiplier 1 is for a quick first election.
        let config = format!(
            "storage \"raft\" {{ path = \"{}/data\" node_id = \"one\" performance_multiplier = 1 }}\n\
             listener \"tcp\" {{ address = \"127.0.0.1:{port}\" tls_disable = true \
             cluster_address = \"127.0.0.1:{cluster}\" }}\n\
             api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{cluster}\"\n",
            folder.display(),
        );
        self.file("server.hcl", &config);
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text in the answer").to_owned()
}

/// The folder of the workspace's `Cargo.toml`.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn program() -> PathBuf {
    let program = place();
    assert!(program.exists(), "OpenBao is not at {}: run `cargo xtask tools`", program.display());
    program
}

#[expect(clippy::disallowed_methods, reason = "the switch is for tests, not configuration of the product")]
fn place() -> PathBuf {
    std::env::var("KEYTRAIL_TEST_BAO").map_or_else(|_| workspace().join(".tools/bin/bao"), PathBuf::from)
}
