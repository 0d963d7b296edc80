//! What is needed to reach a vault, checked before anything is tried.

use std::{fs, io, path::PathBuf};

use keytrail_domain::SecretValue;
use url::{Host, Url};

/// How to reach and use a Vault or OpenBao server.
#[derive(Clone, Debug)]
pub struct VaultConfig {
    /// `https://host:port`, without a path.
    pub address: String,
    /// Where KV version 2 is mounted; `keytrail` by default of the configuration.
    pub mount: String,
    /// The namespace, for servers that have them.
    pub namespace: Option<String>,
    /// PEM file with the only authorities to trust; none: those of the machine.
    pub ca_file: Option<PathBuf>,
    /// Who we are.
    pub login: Login,
}

/// Who we are to the vault. Files are read again at each login.
#[derive(Clone, Debug)]
pub enum Login {
    /// A token.
    Token(SecretValue),
    /// A file with a token, as an agent keeps it.
    TokenFile(PathBuf),
    /// An AppRole.
    AppRole {
        /// Where the method is mounted, usually `approle`.
        mount: String,
        /// The role's id.
        role_id: String,
        /// File with its secret id.
        secret_id_file: PathBuf,
    },
    /// The service account of the pod.
    Kubernetes {
        /// Where the method is mounted, usually `kubernetes`.
        mount: String,
        /// Name of the role.
        role: String,
        /// File with the service account's token.
        token_file: PathBuf,
    },
}

/// Why the configuration of the vault cannot be right. Never quotes what was given: an address
/// may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum VaultConfigError {
    /// Not an address of a server.
    #[error(
        "the vault's address must be `https://host:port` (or `http`), without user, path, query or fragment"
    )]
    Address,
    /// Not the name of a mount.
    #[error("the vault's mount may hold letters, digits, `-`, `_` and `/` only")]
    Mount,
    /// Not a namespace.
    #[error("the vault's namespace may hold letters, digits, `-`, `_` and `/` only")]
    Namespace,
    /// Not a token.
    #[error("the vault's token must be one line of visible characters")]
    Token,
    /// The file of authorities cannot be read.
    #[error("cannot read the vault's CA file {path}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of authorities holds something else.
    #[error("the vault's CA file {path} holds no certificates in PEM form")]
    NoCertificates {
        /// The file.
        path: PathBuf,
    },
    /// A fault of the program: `main` chooses the cryptography.
    #[error("no cryptography is installed for TLS")]
    NoCryptography,
    /// The machine's trusted authorities cannot be loaded, or the like.
    #[error("cannot set up the vault's HTTP client")]
    Client(#[source] reqwest::Error),
    /// The program is ending.
    #[error("setting up the vault's client was interrupted")]
    Interrupted,
}

/// The configuration after checking.
pub(super) struct Checked {
    pub(super) address: Url,
    pub(super) mount: String,
    pub(super) namespace: Option<String>,
    pub(super) authorities: Option<Vec<reqwest::Certificate>>,
    pub(super) login: Login,
}

impl VaultConfig {
    pub(super) fn checked(self) -> Result<Checked, VaultConfigError> {
        let namespace = self.namespace.filter(|name| !name.trim().is_empty());
        Ok(Checked {
            address: parse_address(&self.address).ok_or(VaultConfigError::Address)?,
            mount: parse_path(&self.mount).ok_or(VaultConfigError::Mount)?,
            namespace: namespace
                .map(|name| parse_path(&name).ok_or(VaultConfigError::Namespace))
                .transpose()?,
            authorities: self.ca_file.map(read_authorities).transpose()?,
            login: self.login.checked()?,
        })
    }
}

impl Login {
    fn checked(self) -> Result<Self, VaultConfigError> {
        let mount = |text: &str| parse_path(text).ok_or(VaultConfigError::Mount);
        Ok(match self {
            Self::Token(token) => Self::Token(parse_token(token.expose()).ok_or(VaultConfigError::Token)?),
            Self::AppRole { mount: at, role_id, secret_id_file } => {
                Self::AppRole { mount: mount(&at)?, role_id: role_id.trim().to_owned(), secret_id_file }
            }
            Self::Kubernetes { mount: at, role, token_file } => {
                Self::Kubernetes { mount: mount(&at)?, role: role.trim().to_owned(), token_file }
            }
            file @ Self::TokenFile(_) => file,
        })
    }
}

/// A path would be put at the wrong place by the client library, and user information would be in
/// the open; both are refused.
fn parse_address(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let named = match url.host()? {
        Host::Domain(name) => !name.is_empty(),
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    };
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    (named && plain && matches!(url.scheme(), "http" | "https")).then_some(url)
}

/// Parts of letters, digits, `-` and `_`, so that nothing in it can climb or split.
fn parse_path(text: &str) -> Option<String> {
    let path = text.trim().trim_matches('/');
    let good = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    path.split('/').all(good).then(|| path.to_owned())
}

/// A text that can stand in a header: trimmed, one line, visible.
pub(super) fn parse_token(text: &str) -> Option<SecretValue> {
    let token = text.trim();
    (!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
        .then(|| SecretValue::new(token.to_owned()))
}

/// Reads once, at the start of the program.
fn read_authorities(path: PathBuf) -> Result<Vec<reqwest::Certificate>, VaultConfigError> {
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(VaultConfigError::CaFile { path, source }),
    };
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(VaultConfigError::NoCertificates { path }),
    }
}
