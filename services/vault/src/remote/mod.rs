//! Secrets in Vault or OpenBao, KV version 2.
//!
//! One path per secret, written once: version 1 is the only one there ever is. `keeper` holds the
//! login, `link` limits and judges each call, `fault` turns what arrives into the port's errors.

mod circuit;
mod client;
mod config;
mod fault;
mod keeper;
mod link;
mod login;
#[cfg(test)]
mod tests;
mod walk;
mod wrapping;

use std::collections::BTreeMap;

use async_trait::async_trait;
use keytrail_domain::{SecretPayload, SecretRef, SecretValue, TenantId};
use keytrail_ports::{DeploymentMark, SecretError, SecretStore, StoredSecret, WrappedSecret};
use serde::{Deserialize, Serialize};
use tokio::{task::spawn_blocking, time::timeout};
use uuid::Uuid;
use vaultrs::{api::kv2::requests::SetSecretRequestOptions, kv2};

pub use self::config::{Login, VaultConfig, VaultConfigError};
use self::{client::Clients, fault::Fault, link::Link};
use crate::CALL_LIMIT;

/// Where the client library logs each failed request at ERROR, with its path: these targets are
/// turned off where logs are set up. What matters is logged by this crate, without a path.
pub const NOISY_LOG_TARGETS: &[&str] = &["vaultrs", "rustify"];

/// The version that `put` makes. There is no other.
const ONLY_VERSION: u64 = 1;
/// Where the deployment mark lies below the mount; no tenant's id looks like its first part.
const DEPLOYMENT_PATH: &str = "_keytrail/deployment";

/// A [`SecretStore`] on a Vault or OpenBao server.
pub struct VaultSecretStore {
    link: Link,
    mount: String,
    unwrap_url: String,
}

/// The deployment mark as KV data: one text, since numbers of 64 bits do not survive every JSON.
#[derive(Serialize, Deserialize)]
struct KeptMark {
    mark: String,
}

impl VaultSecretStore {
    /// Takes the configuration and begins to log in, in the background of the current runtime.
    /// A server that is down now is no error here: see [`SecretStore::health`].
    ///
    /// # Errors
    /// [`VaultConfigError`] when the configuration cannot be right.
    pub async fn connect(config: VaultConfig) -> Result<Self, VaultConfigError> {
        // Certificates are read from the disk.
        let prepared = spawn_blocking(move || {
            let config = config.checked()?;
            Ok((Clients::new(&config)?, config))
        });
        let (clients, config) = prepared.await.map_err(|_| VaultConfigError::Interrupted)??;
        let unwrap_url = wrapping::url(&config.address);
        Ok(Self { link: Link::open(clients, config.login), mount: config.mount, unwrap_url })
    }

    /// Is anything written there, be it hidden or destroyed?
    async fn is_written(&self, at: SecretRef) -> bool {
        let (mount, path) = (self.mount.as_str(), &at.path());
        self.link
            .call(|session| async move { kv2::read_metadata(&session.client, mount, path).await })
            .await
            .is_ok()
    }

    async fn write_once(&self, at: SecretRef, payload: &SecretPayload) -> Result<(), Fault> {
        let fields: &BTreeMap<_, _> = &payload.iter().map(|(name, value)| (name, value.expose())).collect();
        let (mount, path) = (self.mount.as_str(), &at.path());
        let write = |session: link::Borrowed| async move {
            let only_if_absent = SetSecretRequestOptions { cas: 0 };
            kv2::set_with_options(&session.client, mount, path, fields, only_if_absent).await.map(drop)
        };
        match self.link.call(write).await {
            // Something is there: without `update` in the policy that is a denial, with it a failed
            // check-and-set, which looks like any other bad request. So look instead of guessing.
            Err(Fault::Refused | Fault::Policy) if self.is_written(at).await => Err(Fault::Exists),
            outcome => outcome,
        }
    }

    async fn read(&self, at: SecretRef) -> Result<SecretPayload, Fault> {
        let (mount, path) = (self.mount.as_str(), &at.path());
        let fields: BTreeMap<String, String> = self
            .link
            .call(
                |session| async move { kv2::read_version(&session.client, mount, path, ONLY_VERSION).await },
            )
            .await?;
        Ok(SecretPayload::new(fields.into_iter().map(|(name, text)| (name, SecretValue::new(text)))))
    }

    async fn read_mark(&self) -> Result<Option<DeploymentMark>, Fault> {
        let mount = self.mount.as_str();
        let read = |session: link::Borrowed| async move {
            kv2::read::<KeptMark>(&session.client, mount, DEPLOYMENT_PATH).await
        };
        match self.link.call(read).await {
            Ok(kept) => serde_json::from_str(&kept.mark).map(Some).map_err(|_| Fault::Unreadable),
            Err(Fault::Missing) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn write_mark(&self, mark: DeploymentMark) -> Result<(), Fault> {
        let mount = self.mount.as_str();
        let kept = &KeptMark { mark: serde_json::to_string(&mark).map_err(|_| Fault::Unreadable)? };
        self.link
            .call(|session| async move { kv2::set(&session.client, mount, DEPLOYMENT_PATH, kept).await.map(drop) })
            .await
    }

    /// The port's bound on the whole of a call, and its errors.
    async fn within<T>(place: &str, work: impl Future<Output = Result<T, Fault>>) -> Result<T, SecretError> {
        let outcome = timeout(CALL_LIMIT, work).await.unwrap_or(Err(Fault::Silent));
        outcome.map_err(|fault| fault.into_error(place))
    }
}

/// One call that names the only version of a secret.
macro_rules! on_version {
    ($self:ident, $at:ident, $what:ident) => {{
        let (mount, path) = ($self.mount.as_str(), &$at.path());
        let work = $self.link.call(|session| async move {
            kv2::$what(&session.client, mount, path, vec![ONLY_VERSION]).await
        });
        Self::within(path, work).await
    }};
}

#[async_trait]
impl SecretStore for VaultSecretStore {
    async fn put(&self, at: SecretRef, payload: &SecretPayload) -> Result<(), SecretError> {
        Self::within(&at.path(), self.write_once(at, payload)).await
    }

    async fn get(&self, at: SecretRef) -> Result<SecretPayload, SecretError> {
        Self::within(&at.path(), self.read(at)).await
    }

    async fn wrap(&self, at: SecretRef, seconds: u32) -> Result<Option<WrappedSecret>, SecretError> {
        let path = &at.path();
        let info = Self::within(path, wrapping::wrap(&self.link, &self.mount, path, seconds)).await?;
        Ok(Some(WrappedSecret {
            token: SecretValue::new(info.token),
            accessor: info.accessor,
            unwrap_url: self.unwrap_url.clone(),
        }))
    }

    async fn revoke(&self, accessor: &str) -> Result<(), SecretError> {
        Self::within("a lease", wrapping::revoke(&self.link, accessor)).await
    }

    async fn delete(&self, at: SecretRef) -> Result<(), SecretError> {
        on_version!(self, at, delete_versions)
    }

    async fn undelete(&self, at: SecretRef) -> Result<(), SecretError> {
        on_version!(self, at, undelete_versions)
    }

    async fn destroy(&self, at: SecretRef) -> Result<(), SecretError> {
        on_version!(self, at, destroy_versions)
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, SecretError> {
        Self::within("the list of tenants", walk::tenants(&self.link, &self.mount)).await
    }

    /// KV has no call for that, so this walks over the tenant's paths: each request is bounded,
    /// the walk is as long as the tenant is large.
    async fn list(&self, tenant: TenantId) -> Result<Vec<StoredSecret>, SecretError> {
        walk::secrets(&self.link, &self.mount, tenant)
            .await
            .map_err(|fault| fault.into_error("a tenant's list"))
    }

    async fn places(&self, tenant: TenantId, owner: Uuid) -> Result<Vec<SecretRef>, SecretError> {
        Self::within("the list of an owner", walk::places(&self.link, &self.mount, tenant, owner)).await
    }

    async fn deployment(&self) -> Result<Option<DeploymentMark>, SecretError> {
        Self::within(DEPLOYMENT_PATH, self.read_mark()).await
    }

    async fn set_deployment(&self, mark: DeploymentMark) -> Result<(), SecretError> {
        Self::within(DEPLOYMENT_PATH, self.write_mark(mark)).await
    }

    /// Reads the mark: that takes a server that is unsealed, a good token, the mount and the policy.
    async fn health(&self) -> Result<(), SecretError> {
        self.deployment().await.map(drop)
    }
}
