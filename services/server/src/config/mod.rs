//! Settings: what can be chosen, where it is read, and which choices go together.
//!
//! `keytrail.default.toml` holds every key with its default. A file covers it, the environment
//! covers both; see [`Environment`]. Texts become types in `parse.rs`, the rules between settings
//! stand in `modes.rs`.

mod error;
mod modes;
mod parse;
mod source;
#[cfg(test)]
mod tests;
mod vault;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use keytrail_domain::SecretValue;
use url::Url;

pub use error::{ConfigError, Source};
pub(crate) use modes::DEV_DATA_DIR;
pub use modes::Mode;
pub use source::{Environment, REFERENCE};
pub use vault::{RemoteVault, SecretSource, Vault, VaultLogin};

use source::Values;
use vault::VaultAddress;

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Switch {
    On,
    Off,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Directives of tracing-subscriber's `EnvFilter`; checked.
    pub filter: String,
    /// How lines are written.
    pub format: LogFormat,
    /// Where the filter came from: commands speak less unless somebody chose it.
    pub source: Source,
}

/// Where events are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventLog {
    /// In the data directory.
    Embedded,
    /// On a KurrentDB or EventStoreDB; the connection string may hold a password.
    Kurrent(SecretValue),
}

/// Where the data directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDirChoice {
    /// The path.
    pub path: PathBuf,
    /// Who chose it.
    pub source: Source,
}

/// Certificate chain and private key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TlsFiles {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

/// Who vouches for callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Our own issuer. Off loopback only when somebody said `on`.
    Builtin {
        /// What somebody said, if anything.
        chosen: Option<Switch>,
    },
    /// An outside one; tokens of our own are refused.
    Outside(OutsideIssuer),
}

/// An outside issuer of JWTs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideIssuer {
    /// The `iss` claim.
    pub issuer: String,
    /// What the `aud` claim must contain.
    pub audience: String,
    /// Where its keys are.
    pub keys: IssuerKeys,
    /// The claim that names the tenant.
    pub tenant_claim: String,
}

/// Where an outside issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKeys {
    /// At a JWKS address.
    JwksUrl(Url),
    /// In a PEM file.
    PublicKeyFile(PathBuf),
}

/// All settings, checked each by itself and together. [`Config::in_mode`] checks the rest.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How clients reach us, when that is not `listen`.
    pub public_url: Option<Url>,
    /// Certificate and key; none: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Proxies that may say who called.
    pub trusted_proxies: Vec<IpNet>,
    /// Where `/metrics` is, when not at `listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether the schema can be asked for.
    pub introspection: Switch,
    /// Requests a minute of one caller; 0: no limit.
    pub requests_per_minute: u32,
    /// Requests a minute of all callers of one tenant; 0: no limit.
    pub tenant_requests_per_minute: u32,
    /// Where data is.
    pub data_dir: DataDirChoice,
    /// Where events are.
    pub event_log: EventLog,
    /// Where secrets are.
    pub vault: Vault,
    /// What verification and webhooks may reach besides public addresses.
    pub allowed_networks: Vec<IpNet>,
    /// Between two routine checks of a credential, where its component does not say otherwise.
    pub check_interval: Duration,
    /// Who vouches for callers.
    pub issuer: Issuer,
    /// What is logged and how.
    pub log: LogConfig,
}

impl Config {
    /// Reads all settings: the reference, the file (`--config`, else `KEYTRAIL_CONFIG`), the
    /// environment. Blocks: it reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut values = Values::collect(file, environment)?;
        Self::build(&mut values)
    }

    fn build(values: &mut Values) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: values.required("listen", parse::address)?,
            public_url: values.optional("public_url", parse::public_url)?,
            tls: tls(values)?,
            trusted_proxies: values.list("trusted_proxies", parse::network)?,
            metrics_listen: values.optional("metrics_listen", parse::address)?,
            introspection: values.required("introspection", parse::switch)?,
            requests_per_minute: values.required("requests_per_minute", parse::number)?,
            tenant_requests_per_minute: values.required("tenant_requests_per_minute", parse::number)?,
            data_dir: DataDirChoice {
                source: values.source("data_dir"),
                path: values.required("data_dir", parse::path)?,
            },
            event_log: event_log(values)?,
            vault: vault::vault(values)?,
            allowed_networks: values.list("allowed_networks", parse::network)?,
            check_interval: values.required("check_interval_seconds", parse::seconds)?,
            issuer: issuer(values)?,
            log: LogConfig {
                source: values.source("log"),
                filter: values.required("log", parse::log_filter)?,
                format: values.required("log_format", parse::log_format)?,
            },
        })
    }

    /// The base of every address in an answer, when the listener is bound to `bound`.
    pub fn public_url_at(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => self.local_url(bound),
        }
    }

    /// The address of the listener itself.
    pub fn local_url(&self, bound: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{bound}")
    }
}

fn tls(values: &mut Values) -> Result<Option<TlsFiles>, ConfigError> {
    let cert = values.optional("tls_cert_file", parse::path)?;
    let key = values.optional("tls_key_file", parse::path)?;
    match (cert, key) {
        (Some(cert_file), Some(key_file)) => Ok(Some(TlsFiles { cert_file, key_file })),
        (None, None) => Ok(None),
        _ => Err(ConfigError::together(
            "TLS needs a certificate and its key, and only one of them is set",
            "set both KEYTRAIL_TLS_CERT_FILE and KEYTRAIL_TLS_KEY_FILE, or neither",
        )),
    }
}

fn event_log(values: &mut Values) -> Result<EventLog, ConfigError> {
    let source = values.source("event_log");
    let log = values.required("event_log", parse::event_log)?;
    match &log {
        EventLog::Kurrent(address) if source != Source::Environment && has_user(address) => {
            Err(ConfigError::Invalid {
                spelling: "event_log".into(),
                place: source,
                rule: "without user and password: give such an address as KEYTRAIL_EVENT_LOG".into(),
            })
        }
        _ => Ok(log),
    }
}

fn has_user(address: &SecretValue) -> bool {
    let rest = address.expose().split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().is_some_and(|authority| authority.contains('@'))
}

fn issuer(values: &mut Values) -> Result<Issuer, ConfigError> {
    let chosen = values.required("builtin_issuer", parse::auto_switch)?;
    let name = values.optional("jwt_issuer", parse::name)?;
    let audience = values.optional("jwt_audience", parse::name)?;
    let url = values.optional("jwt_jwks_url", parse::jwks_url)?;
    let file = values.optional("jwt_public_key_file", parse::path)?;
    let tenant_claim = values.required("jwt_tenant_claim", parse::name)?;
    let Some(issuer) = name else {
        return builtin(chosen, audience.is_some() || url.is_some() || file.is_some());
    };
    if chosen == Some(Switch::On) {
        return Err(ConfigError::together(
            "with an outside issuer, tokens of the built-in issuer are refused, yet it is `on`",
            "unset KEYTRAIL_BUILTIN_ISSUER, or unset KEYTRAIL_JWT_ISSUER",
        ));
    }
    let keys = match (url, file) {
        (Some(url), None) => IssuerKeys::JwksUrl(url),
        (None, Some(file)) => IssuerKeys::PublicKeyFile(file),
        _ => {
            return Err(ConfigError::together(
                "an outside issuer needs exactly one place for its keys",
                "set either KEYTRAIL_JWT_JWKS_URL or KEYTRAIL_JWT_PUBLIC_KEY_FILE",
            ));
        }
    };
    let audience = audience.ok_or_else(|| {
        ConfigError::together(
            "an outside issuer needs the audience that its tokens must have",
            "set KEYTRAIL_JWT_AUDIENCE",
        )
    })?;
    Ok(Issuer::Outside(OutsideIssuer { issuer, audience, keys, tenant_claim }))
}

fn builtin(chosen: Option<Switch>, of_outside: bool) -> Result<Issuer, ConfigError> {
    if of_outside {
        return Err(ConfigError::together(
            "settings of an outside issuer are set, but not its name",
            "set KEYTRAIL_JWT_ISSUER, or unset the other KEYTRAIL_JWT_* settings",
        ));
    }
    if chosen == Some(Switch::Off) {
        return Err(ConfigError::together(
            "the built-in issuer is off and there is no outside one: nobody could sign in",
            "set KEYTRAIL_JWT_ISSUER, or unset KEYTRAIL_BUILTIN_ISSUER",
        ));
    }
    Ok(Issuer::Builtin { chosen })
}
