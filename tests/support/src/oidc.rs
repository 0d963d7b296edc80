//! A real OAuth2 server: the npm package `oidc-provider`, run by `tests/support/oidc/server.mjs`.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::{eventually, guard::Guarded, install_crypto};

/// A running server, and what it has given to its client.
#[derive(Debug)]
pub struct OidcProvider {
    told: Value,
    _process: Guarded,
    _folder: TempDir,
}

impl OidcProvider {
    /// Starts a server and waits until it listens.
    ///
    /// # Panics
    /// When it is not installed.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// One that sends browsers back to this address, and whose access tokens live for so many seconds.
    ///
    /// # Panics
    /// When it is not installed.
    pub async fn for_client(redirect_uri: &str, seconds: u32) -> Self {
        Self::start_with(&["0", redirect_uri, &seconds.to_string()]).await
    }

    /// Another one at the address of one that has ended; it knows nothing of what that one gave.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn in_place_of(ended: &str, redirect_uri: &str, seconds: u32) -> Self {
        let port = ended.rsplit(':').next().expect("a port");
        Self::start_with(&[port, redirect_uri, &seconds.to_string()]).await
    }

    async fn start_with(arguments: &[&str]) -> Self {
        install_crypto();
        let script = super::tool("KEYTRAIL_TEST_OIDC");
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log.txt");
        let process = Guarded::start(Path::new("node"), &all(script, arguments), &log).expect("a shell");
        let told = eventually("the OAuth2 server listens", async || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(!said.contains("Error"), "the OAuth2 server did not start: {said}");
            said.lines().find(|line| line.starts_with('{')).and_then(|line| serde_json::from_str(line).ok())
        })
        .await;
        Self { told, _process: process, _folder: folder }
    }

    /// `client_id`, `client_secret`, `refresh_token`, `access_token`, or `narrow_token` (without the scope
    /// for userinfo).
    ///
    /// # Panics
    /// For another name.
    pub fn given(&self, name: &str) -> &str {
        self.told[name].as_str().expect("one of the names above")
    }

    /// An address of the server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.given("url"))
    }
}

fn all(script: String, arguments: &[&str]) -> Vec<String> {
    std::iter::once(script).chain(arguments.iter().map(|argument| (*argument).to_owned())).collect()
}
