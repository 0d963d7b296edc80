//! The HTTP client under vaultrs: ours, because the library's own reads environment variables,
//! follows any redirect and waits for ever.

use std::time::Duration;

use keytrail_domain::SecretValue;
use reqwest::redirect::{Attempt, Policy};
use rustify::clients::reqwest::Client as HttpClient;
use vaultrs::{
    api::EndpointMiddleware,
    client::{Client, VaultClientSettings, VaultClientSettingsBuilder},
};

use super::{VaultConfigError, config::Checked, link::PERMITS};

/// Until the connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// One request; under the limit of a whole call.
const REQUEST_LIMIT: Duration = Duration::from_secs(4);
/// A connection that lay idle for longer is closed by us before a firewall forgets it.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Makes one [`KvClient`] per login; all share the connections.
pub(super) struct Clients {
    http: reqwest::Client,
    settings: VaultClientSettings,
}

/// A vaultrs client with one token. It has no `Debug`: the token would be in it.
pub(super) struct KvClient {
    http: HttpClient,
    middle: EndpointMiddleware,
    settings: VaultClientSettings,
}

impl Clients {
    pub(super) fn new(config: &Checked) -> Result<Self, VaultConfigError> {
        // reqwest panics without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(VaultConfigError::NoCryptography);
        }
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .pool_max_idle_per_host(PERMITS)
            .redirect(Policy::custom(follow_one))
            .no_proxy();
        let builder = match (&config.authorities, config.address.scheme()) {
            // Loading the machine's authorities would be wasted, and fails where there are none.
            (_, "http") => builder.tls_certs_only(None),
            (Some(authorities), _) => builder.tls_certs_only(authorities.iter().cloned()),
            (None, _) => builder,
        };
        let http = builder.build().map_err(VaultConfigError::Client)?;
        Ok(Self { http, settings: settings(config)? })
    }

    /// A client that has no token yet.
    pub(super) fn anonymous(&self) -> KvClient {
        self.client(String::new())
    }

    pub(super) fn with_token(&self, token: &SecretValue) -> KvClient {
        self.client(token.expose().to_owned())
    }

    fn client(&self, token: String) -> KvClient {
        KvClient {
            http: HttpClient::new(self.settings.address.as_str(), self.http.clone()),
            middle: EndpointMiddleware {
                token,
                version: format!("v{}", self.settings.version),
                wrap: None,
                namespace: self.settings.namespace.clone(),
            },
            settings: self.settings.clone(),
        }
    }
}

/// A standby node sends us to the active one, once; never from TLS to the clear, for the token
/// goes along.
fn follow_one(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let downgrade =
        attempt.previous().iter().any(|from| from.scheme() == "https") && attempt.url().scheme() != "https";
    if attempt.previous().len() > 1 || downgrade { attempt.stop() } else { attempt.follow() }
}

/// Every field is set: an unset one would be filled from environment variables.
fn settings(config: &Checked) -> Result<VaultClientSettings, VaultConfigError> {
    VaultClientSettingsBuilder::default()
        .address(&config.address)
        .ca_certs(Vec::new())
        .identity(None)
        .timeout(Some(REQUEST_LIMIT))
        .token("")
        .verify(true)
        .version(1)
        .wrapping(false)
        .namespace(config.namespace.clone())
        .build()
        .map_err(|_| VaultConfigError::Address)
}

impl Client for KvClient {
    fn http(&self) -> &HttpClient {
        &self.http
    }

    fn middle(&self) -> &EndpointMiddleware {
        &self.middle
    }

    fn settings(&self) -> &VaultClientSettings {
        &self.settings
    }

    fn set_token(&mut self, token: &str) {
        token.clone_into(&mut self.middle.token);
    }
}
