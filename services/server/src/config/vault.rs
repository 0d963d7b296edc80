//! Settings of the vault.

use std::path::PathBuf;

use keytrail_domain::SecretValue;
use url::Url;

use super::{ConfigError, parse, source::Values};

/// Where a secret of the operator comes from. Whoever uses it reads the file, each time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// The environment.
    Value(SecretValue),
}

/// Where secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vault {
    /// In the data directory.
    Embedded {
        /// The key-encryption key; none: a file in the data directory, made at first start.
        key: Option<SecretSource>,
    },
    /// In HashiCorp Vault or OpenBao.
    Remote(Box<RemoteVault>),
}

/// An outside vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteVault {
    /// Its address, without a path.
    pub address: Url,
    /// How to log in.
    pub login: VaultLogin,
    /// Where the KV version 2 engine is mounted.
    pub mount: String,
    /// The namespace, where there are any.
    pub namespace: Option<String>,
    /// The CA to trust, PEM; none: the system's.
    pub ca_file: Option<PathBuf>,
}

/// How to log in at an outside vault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are Vault's own names")]
pub enum VaultLogin {
    /// With a token.
    Token(SecretSource),
    /// With an AppRole.
    AppRole { mount: String, role_id: String, secret_id_file: PathBuf },
    /// With the token of a Kubernetes service account.
    Kubernetes { mount: String, role: String, token_file: PathBuf },
}

/// The value of `vault`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VaultAddress {
    Embedded,
    Remote(Url),
}

/// Settings that mean nothing to an embedded vault.
const REMOTE_ONLY: [&str; 11] = [
    "vault_token",
    "vault_token_file",
    "vault_role_id",
    "vault_secret_id_file",
    "vault_approle_mount",
    "vault_kubernetes_role",
    "vault_kubernetes_mount",
    "vault_kubernetes_token_file",
    "vault_mount",
    "vault_namespace",
    "vault_ca_file",
];

pub(super) fn vault(values: &mut Values) -> Result<Vault, ConfigError> {
    let stray = REMOTE_ONLY.iter().find(|key| values.is_set(key));
    let stray = stray.map(|key| values.source(key).spelling(key));
    let key = key(values)?;
    let remote = Remote::take(values)?;
    match (values.required("vault", parse::vault)?, stray) {
        (VaultAddress::Embedded, Some(spelling)) => Err(ConfigError::together(
            format!("`{spelling}` is set, but the vault is the embedded one"),
            format!("set KEYTRAIL_VAULT to the address of the vault, or unset `{spelling}`"),
        )),
        (VaultAddress::Embedded, None) => Ok(Vault::Embedded { key }),
        (VaultAddress::Remote(_), _) if key.is_some() => Err(ConfigError::together(
            "a key-encryption key is set, but the vault is not the embedded one",
            "unset KEYTRAIL_KEY and KEYTRAIL_KEY_FILE, or unset KEYTRAIL_VAULT",
        )),
        (VaultAddress::Remote(address), _) => remote.at(address).map(|vault| Vault::Remote(Box::new(vault))),
    }
}

fn key(values: &mut Values) -> Result<Option<SecretSource>, ConfigError> {
    let file = values.optional("key_file", parse::path)?;
    match (values.secret("key")?, file) {
        (Some(_), Some(_)) => Err(ConfigError::together(
            "the key-encryption key is given twice",
            "set either KEYTRAIL_KEY or KEYTRAIL_KEY_FILE",
        )),
        (key, file) => Ok(key.map(SecretSource::Value).or(file.map(SecretSource::File))),
    }
}

/// Everything about an outside vault but its address.
struct Remote {
    logins: Vec<VaultLogin>,
    half_an_app_role: bool,
    mount: String,
    namespace: Option<String>,
    ca_file: Option<PathBuf>,
}

impl Remote {
    fn take(values: &mut Values) -> Result<Self, ConfigError> {
        let token = values.secret("vault_token")?.map(SecretSource::Value);
        let token_file = values.optional("vault_token_file", parse::path)?.map(SecretSource::File);
        let role_id = values.optional("vault_role_id", parse::name)?;
        let secret_id_file = values.optional("vault_secret_id_file", parse::path)?;
        let half_an_app_role = role_id.is_some() != secret_id_file.is_some();
        let mount = values.required("vault_approle_mount", parse::vault_path)?;
        let app_role = role_id.zip(secret_id_file).map(|(role_id, secret_id_file)| VaultLogin::AppRole {
            mount,
            role_id,
            secret_id_file,
        });
        let logins = [token.map(VaultLogin::Token), token_file.map(VaultLogin::Token), app_role];
        Ok(Self {
            logins: logins.into_iter().chain([kubernetes(values)?]).flatten().collect(),
            half_an_app_role,
            mount: values.required("vault_mount", parse::vault_path)?,
            namespace: values.optional("vault_namespace", parse::vault_path)?,
            ca_file: values.optional("vault_ca_file", parse::path)?,
        })
    }

    fn at(mut self, address: Url) -> Result<RemoteVault, ConfigError> {
        if self.half_an_app_role {
            return Err(ConfigError::together(
                "an AppRole needs a role id and a secret id, and only one of them is set",
                "set both KEYTRAIL_VAULT_ROLE_ID and KEYTRAIL_VAULT_SECRET_ID_FILE",
            ));
        }
        let login = match (self.logins.pop(), self.logins.is_empty()) {
            (Some(login), true) => login,
            _ => return Err(which_login()),
        };
        let Self { mount, namespace, ca_file, .. } = self;
        Ok(RemoteVault { address, login, mount, namespace, ca_file })
    }
}

fn kubernetes(values: &mut Values) -> Result<Option<VaultLogin>, ConfigError> {
    let mount = values.required("vault_kubernetes_mount", parse::vault_path)?;
    let token_file = values.required("vault_kubernetes_token_file", parse::path)?;
    let role = values.optional("vault_kubernetes_role", parse::name)?;
    Ok(role.map(|role| VaultLogin::Kubernetes { mount, role, token_file }))
}

fn which_login() -> ConfigError {
    ConfigError::together(
        "the vault needs exactly one way to log in",
        "set one of KEYTRAIL_VAULT_TOKEN, KEYTRAIL_VAULT_TOKEN_FILE, KEYTRAIL_VAULT_ROLE_ID (with \
         KEYTRAIL_VAULT_SECRET_ID_FILE) and KEYTRAIL_VAULT_KUBERNETES_ROLE",
    )
}
