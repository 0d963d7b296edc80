//! The steps `certificates` and `vault-init` and the vault's configuration, run with a real OpenBao in place of
//! Vault, and Keytrail on what they made.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Output, Stdio},
};

use keytrail_test_support::{OpenBao, eventually, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{path, read};
use crate::harness::{Keytrail, Settings, bearer};

/// One node with a folder in place of the volumes.
struct Node {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Node {
    async fn new() -> Self {
        let node = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), process: None };
        for folder in ["keys", "login", "data", "certificates"] {
            fs::create_dir(node.file(folder)).unwrap();
        }
        let made = node.sh("infra/tls/make.sh").arg(node.file("certificates")).output().await.unwrap();
        assert!(made.status.success(), "{}", said(&made));
        fs::write(node.file("vault.hcl"), node.config()).unwrap();
        node
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The configuration that the container has, at places and ports of our own.
    fn config(&self) -> String {
        let (address, cluster) = (self.address(), free_port());
        let mut config = read("infra/vault/vault.hcl");
        for (theirs, ours) in [
            ("https://vault:8200", address.clone()),
            ("https://vault:8201", format!("https://127.0.0.1:{cluster}")),
            ("0.0.0.0:8200", address.replace("https://", "")),
            ("0.0.0.0:8201", format!("127.0.0.1:{cluster}")),
            ("/vault/file", self.file("data").display().to_string()),
            ("/certificates/", format!("{}/", self.file("certificates").display())),
        ] {
            assert!(config.contains(theirs), "vault.hcl has no {theirs}");
            config = config.replace(theirs, &ours);
        }
        config
    }

    fn start(&mut self) {
        let log = fs::File::create(self.file("log")).unwrap();
        let mut server = Command::new(OpenBao::program());
        server.arg("server").arg(format!("-config={}", self.file("vault.hcl").display()));
        server.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        self.process = Some(server.spawn().unwrap());
    }

    async fn stop(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }

    fn sh(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg(path(script)).stdin(Stdio::null()).env_remove("VAULT_TOKEN").env_remove("BAO_TOKEN");
        command
    }

    async fn init(&self) -> Output {
        let mut step = self.sh("infra/vault/init.sh");
        step.env("VAULT_ADDR", self.address())
            .env("VAULT_CACERT", self.file("certificates/ca/ca.crt"))
            .env("KEYTRAIL_VAULT_CLI", OpenBao::program())
            .env("KEYTRAIL_VAULT_KEYS_DIR", self.file("keys"))
            .env("KEYTRAIL_VAULT_LOGIN_DIR", self.file("login"));
        step.output().await.unwrap()
    }

    async fn succeeds(&self) {
        let output = self.init().await;
        assert!(output.status.success(), "{}", said(&output));
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// Keytrail's settings, as the compose file has them.
    fn settings(&self) -> Settings {
        let file = |name: &str| self.file(name).display().to_string();
        Settings::default()
            .set("KEYTRAIL_TLS_CERT_FILE", file("certificates/keytrail/tls.crt"))
            .set("KEYTRAIL_TLS_KEY_FILE", file("certificates/keytrail/tls.key"))
            .set("KEYTRAIL_VAULT", self.address())
            .set("KEYTRAIL_VAULT_CA_FILE", file("certificates/ca/ca.crt"))
            .set("KEYTRAIL_VAULT_ROLE_ID", "keytrail")
            .set("KEYTRAIL_VAULT_SECRET_ID_FILE", file("login/secret-id"))
    }

    /// A caller who trusts the stack's authority only.
    fn client(&self) -> reqwest::Client {
        let authority =
            reqwest::Certificate::from_pem(self.text("certificates/ca/ca.crt").as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn create(http: &reqwest::Client, server: &Keytrail, token: &str, name: &str) -> Value {
    let query =
        "mutation($input: CreateCredentialInput!) { createCredential(input: $input) { credential { id } } }";
    let body = json!({ "query": query, "variables": { "input": bearer(name, "s3cr3t") } });
    let request = http.post(format!("{}/graphql", server.base)).bearer_auth(token.trim()).json(&body);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_first_start_makes_all_that_keytrail_needs_and_a_later_one_opens_the_vault() {
    keytrail_test_support::install_crypto();
    let mut node = Node::new().await;
    node.start();
    node.succeeds().await;
    let (keys, login) = (node.text("keys/init.txt"), node.text("login/secret-id"));
    assert!(keys.contains("Unseal Key 1: ") && !keys.contains("Root Token"), "the root token is gone");
    for secret in ["keys/init.txt", "login/secret-id", "certificates/keytrail/tls.key"] {
        assert_eq!(fs::metadata(node.file(secret)).unwrap().permissions().mode() & 0o777, 0o600, "{secret}");
    }

    let server = Keytrail::with(node.settings()).await;
    let token = server.run(&["token", "--tenant", "acme", "--user", "alice"]).await;
    let http = node.client();
    let made = create(&http, &server, &token, "First").await;
    assert!(made["data"]["createCredential"]["credential"]["id"].is_string(), "{made}");

    // A restart of the machine: the vault is sealed until the step has run again.
    node.stop().await;
    node.start();
    node.succeeds().await;
    assert_eq!((node.text("keys/init.txt"), node.text("login/secret-id")), (keys, login), "nothing new");
    let ready = format!("{}/readyz", server.base);
    eventually("ready again", async || {
        http.get(&ready).send().await.ok().filter(|answer| answer.status() == 200)
    })
    .await;
    let made = create(&http, &server, &token, "Second").await;
    assert!(made["data"]["createCredential"]["credential"]["id"].is_string(), "{made}");
}

#[tokio::test]
async fn a_step_that_cannot_go_on_says_what_to_do() {
    let mut node = Node::new().await;
    node.start();
    fs::write(node.file("keys/init.txt"), "Unseal Key 1: of-another-vault\n").unwrap();
    let refused = node.init().await;
    assert!(!refused.status.success() && said(&refused).contains("move it away first"), "{}", said(&refused));

    fs::remove_file(node.file("keys/init.txt")).unwrap();
    node.succeeds().await;
    fs::remove_file(node.file("login/secret-id")).unwrap();
    let refused = node.init().await;
    assert!(!refused.status.success() && said(&refused).contains("give VAULT_TOKEN"), "{}", said(&refused));

    node.stop().await;
    node.start();
    fs::remove_file(node.file("keys/init.txt")).unwrap();
    let refused = node.init().await;
    assert!(!refused.status.success() && said(&refused).contains("unseal it by hand"), "{}", said(&refused));
}

#[tokio::test]
async fn certificates_are_made_once_and_each_is_of_the_authority() {
    let node = Node::new().await;
    let before = node.text("certificates/vault/tls.crt");
    let again = node.sh("infra/tls/make.sh").arg(node.file("certificates")).output().await.unwrap();
    assert!(again.status.success() && said(&again).contains("are there"), "{}", said(&again));
    assert_eq!(node.text("certificates/vault/tls.crt"), before);
    for server in ["keytrail", "kurrentdb", "vault"] {
        for name in [server, "localhost"] {
            let checked = Command::new("openssl")
                .args(["verify", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile"])
                .arg(node.file("certificates/ca/ca.crt"))
                .arg(node.file(&format!("certificates/{server}/tls.crt")))
                .output();
            let checked = checked.await.unwrap();
            assert!(checked.status.success(), "{server} as {name}: {}", said(&checked));
        }
    }
    let files: Vec<_> = fs::read_dir(node.file("certificates/ca")).unwrap().map(|it| it.unwrap()).collect();
    assert_eq!(files.len(), 1, "KurrentDB takes every file there for an authority");
}
