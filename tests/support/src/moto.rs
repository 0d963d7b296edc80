//! The AWS of the tests: moto's server, which checks signatures as AWS does.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{eventually, free_port, guard::Guarded, install_crypto};

/// Requests that need no signature: those that make the account below.
const UNSIGNED: u32 = 3;
/// A signature that nobody checks yet; it says which service is meant.
const TO_IAM: &str = "AWS4-HMAC-SHA256 Credential=setup/20260101/us-east-1/iam/aws4_request, \
                      SignedHeaders=host, Signature=none";
const POLICY: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}"#;

/// A running server with one user, `ci`, and his access key.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    /// The id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    _process: Guarded,
    _folder: TempDir,
}

impl Moto {
    /// Starts a server and makes its user.
    ///
    /// # Panics
    /// When moto is not installed.
    pub async fn start() -> Self {
        install_crypto();
        let home = super::tool("KEYTRAIL_TEST_MOTO");
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let log = folder.path().join("log.txt");
        let arguments = [
            format!("PYTHONPATH={home}"),
            format!("INITIAL_NO_AUTH_ACTION_COUNT={UNSIGNED}"),
            "python3".to_owned(),
            "-m".to_owned(),
            "moto.server".to_owned(),
            "-H".to_owned(),
            "127.0.0.1".to_owned(),
            "-p".to_owned(),
            port.to_string(),
        ];
        let process = Guarded::start(Path::new("env"), &arguments, &log).expect("a shell");
        let mut moto = Self {
            port,
            access_key_id: String::new(),
            secret_access_key: String::new(),
            _process: process,
            _folder: folder,
        };
        // No request: each counts among those without a signature.
        eventually("moto listens", async || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(!said.contains("Error"), "moto did not start: {said}");
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        moto.make_user().await;
        moto
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn make_user(&mut self) {
        self.iam(&[("Action", "CreateUser"), ("UserName", "ci")]).await;
        let policy = [("PolicyName", "sts"), ("PolicyDocument", POLICY)];
        self.iam(&[&[("Action", "PutUserPolicy"), ("UserName", "ci")], &policy[..]].concat()).await;
        let made = self.iam(&[("Action", "CreateAccessKey"), ("UserName", "ci")]).await;
        let part = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).expect(name);
            rest.split('<').next().expect("its text").to_owned()
        };
        self.access_key_id = part("AccessKeyId");
        self.secret_access_key = part("SecretAccessKey");
    }

    async fn iam(&self, entries: &[(&str, &str)]) -> String {
        let form: Vec<String> =
            entries.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let client = reqwest::Client::builder().no_proxy().build().expect("client");
        let request = client.post(self.url()).header("authorization", TO_IAM);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(format!("{}&Version=2010-05-08", form.join("&"))).send().await;
        let answer = answer.expect("answered");
        let (status, body) = (answer.status(), answer.text().await.expect("text"));
        assert!(status.is_success(), "{status}: {body}");
        body
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
