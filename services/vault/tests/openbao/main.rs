//! The Vault adapter against real OpenBao servers.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod contract;
mod faults;
mod logins;
mod silence;

use keytrail_domain::{SecretId, SecretPayload, SecretRef, SecretValue, TenantId};
use keytrail_ports::{Clock, Ids, SecretError, SecretStore, SystemClock, SystemIds};
use keytrail_test_support::{Access, OpenBao, install_crypto};
use keytrail_vault::{Login, VaultConfig, VaultSecretStore};
use tokio::sync::OnceCell;

/// A server for the tests of this process that leave it running.
static DEV: OnceCell<OpenBao> = OnceCell::const_new();

async fn dev() -> &'static OpenBao {
    DEV.get_or_init(OpenBao::dev).await
}

fn config(server: &OpenBao, mount: &str, login: Login) -> VaultConfig {
    let mount = mount.to_owned();
    VaultConfig { address: server.address(), mount, namespace: None, ca_file: None, login }
}

async fn connect(config: VaultConfig) -> VaultSecretStore {
    install_crypto();
    VaultSecretStore::connect(config).await.unwrap()
}

fn token(text: &str) -> Login {
    Login::Token(SecretValue::new(text.to_owned()))
}

fn approle(access: &Access) -> Login {
    Login::AppRole {
        mount: "approle".to_owned(),
        role_id: access.role_id.clone(),
        secret_id_file: access.secret_id_file.clone(),
    }
}

/// A store that may do everything, on a mount of its own.
async fn store_of_root(server: &OpenBao) -> VaultSecretStore {
    connect(config(server, &server.fresh_mount().await, token(server.root_token()))).await
}

/// A store as `infra/vault/setup.sh` sets one up.
async fn store_of_approle(server: &OpenBao) -> VaultSecretStore {
    let access = server.fresh_access().await;
    connect(config(server, &access.mount, approle(&access))).await
}

fn somewhere() -> SecretRef {
    let fresh = || SystemIds.fresh(SystemClock.now());
    SecretRef { tenant: TenantId::from_uuid(fresh()), owner: fresh(), secret: SecretId::from_uuid(fresh()) }
}

fn payload(text: &str) -> SecretPayload {
    SecretPayload::new([("token".to_owned(), SecretValue::new(text.to_owned()))])
}

/// True while the vault cannot be used and the store says so.
fn is_unavailable<T>(outcome: &Result<T, SecretError>) -> bool {
    matches!(outcome, Err(SecretError::Unavailable(_)))
}

/// Waits until the store works again by itself.
async fn recovered(store: &impl SecretStore) {
    keytrail_test_support::eventually("the store works again", async || store.health().await.ok()).await;
}
