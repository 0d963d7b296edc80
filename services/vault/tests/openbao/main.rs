//! The Vault adapter against real OpenBao servers.

mod contract;
mod faults;
mod logins;
mod silence;

use keytrail_domain::{SecretId, SecretPayload, SecretRef, SecretValue, TenantId};
use keytrail_ports::{Clock, Ids, SecretError, SecretStore, SystemClock, SystemIds};
use keytrail_test_support::{Access, OpenBao, install_crypto};
use keytrail_vault::{Login, VaultConfig, VaultSecretStore};
use tokio::sync::OnceCell;

/// One server of each kind for the tests of this process that only use it.
static DEV: OnceCell<OpenBao> = OnceCell::const_new();
static RAFT: OnceCell<OpenBao> = OnceCell::const_new();

async fn dev() -> &'static OpenBao {
    DEV.get_or_init(OpenBao::dev).await
}

async fn raft() -> &'static OpenBao {
    RAFT.get_or_init(OpenBao::raft_with_policy).await
}

fn config(server: &OpenBao, mount: &str, login: Login) -> VaultConfig {
    let mount = mount.to_owned();
    VaultConfig { address: server.address(), mount, namespace: None, ca_file: None, login }
}

fn connect(config: VaultConfig) -> VaultSecretStore {
    install_crypto();
    VaultSecretStore::connect(config).unwrap()
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
    connect(config(server, &server.fresh_mount().await, token(server.root_token())))
}

/// A store as `infra/vault/setup.sh` sets one up.
async fn store_of_approle(server: &OpenBao) -> VaultSecretStore {
    let access = server.fresh_access().await;
    connect(config(server, &access.mount, approle(&access)))
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
