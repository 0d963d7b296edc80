//! Opens the vault.

use std::sync::Arc;

use keytrail_domain::SecretValue;
use keytrail_ports::SecretStore;
use keytrail_vault::{KeySource, Login, SealedConfig, SealedSecretStore, VaultConfig, VaultSecretStore};

use super::SECRETS;
use crate::{
    config::{Config, RemoteVault, SecretSource, Vault, VaultLogin},
    data_dir::DataDir,
    launch::StartError,
    wire::failed,
};

const KEY: &str = "vault.key";

pub(in crate::wire) async fn open_secrets(
    config: &Config,
    dir: &DataDir,
) -> Result<Arc<dyn SecretStore>, StartError> {
    match &config.vault {
        Vault::Embedded { key } => {
            let key = match key {
                None => KeySource::File(dir.file(KEY)),
                Some(SecretSource::File(path)) => KeySource::File(path.clone()),
                Some(SecretSource::Value(value)) => KeySource::Value(value.clone()),
            };
            let opened = SealedSecretStore::open(SealedConfig { path: dir.file(SECRETS), key }).await;
            Ok(Arc::new(opened.map_err(|error| failed(&error, "see what the message says to do"))?))
        }
        Vault::Remote(remote) => Ok(Arc::new(connect(remote).await?)),
    }
}

async fn connect(remote: &RemoteVault) -> Result<VaultSecretStore, StartError> {
    let config = VaultConfig {
        address: remote.address.as_str().trim_end_matches('/').to_owned(),
        mount: remote.mount.clone(),
        namespace: remote.namespace.clone(),
        ca_file: remote.ca_file.clone(),
        login: login(&remote.login)?,
    };
    let connected = VaultSecretStore::connect(config).await;
    connected.map_err(|error| failed(&error, "check the KEYTRAIL_VAULT settings"))
}

fn login(login: &VaultLogin) -> Result<Login, StartError> {
    Ok(match login {
        VaultLogin::Token(SecretSource::Value(token)) => Login::Token(trimmed(token)),
        VaultLogin::Token(SecretSource::File(path)) => Login::TokenFile(path.clone()),
        VaultLogin::AppRole { mount, role_id, secret_id_file } => Login::AppRole {
            mount: mount.clone(),
            role_id: role_id.clone(),
            secret_id_file: secret_id_file.clone(),
        },
        VaultLogin::Kubernetes { mount, role, token_file } => {
            Login::Kubernetes { mount: mount.clone(), role: role.clone(), token_file: token_file.clone() }
        }
    })
}

fn trimmed(token: &SecretValue) -> SecretValue {
    SecretValue::new(token.expose().trim().to_owned())
}
