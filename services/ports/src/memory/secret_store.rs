//! Secrets in memory.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use keytrail_domain::{SecretPayload, SecretRef, TenantId, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{Clock, DeploymentMark, SecretError, SecretStore, StoredSecret, SystemClock, WrappedSecret};

/// What a test can make go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultTrouble {
    /// Running, but sealed.
    Sealed,
    /// Not to be reached.
    Unreachable,
    /// Our token may do nothing.
    Denied,
    /// A read is never answered; anything else fails.
    Hangs,
}

impl VaultTrouble {
    fn error(self) -> SecretError {
        match self {
            Self::Sealed => SecretError::Unavailable("the vault is sealed".to_owned()),
            Self::Unreachable | Self::Hangs => {
                SecretError::Unavailable("the vault did not answer".to_owned())
            }
            Self::Denied => SecretError::Denied("the policy does not allow that".to_owned()),
        }
    }
}

/// How often each thing was asked, refused calls included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the port's methods")]
pub struct SecretCalls {
    pub put: u64,
    pub get: u64,
    pub delete: u64,
    pub undelete: u64,
    pub destroy: u64,
    pub tenants: u64,
    pub list: u64,
    pub places: u64,
    pub deployment: u64,
    pub set_deployment: u64,
    pub health: u64,
}

enum Kept {
    Live(SecretPayload),
    Deleted(SecretPayload),
    Destroyed,
}

#[derive(Default)]
struct State {
    secrets: BTreeMap<SecretRef, (Timestamp, Kept)>,
    mark: Option<DeploymentMark>,
    trouble: Option<VaultTrouble>,
    calls: SecretCalls,
}

/// A [`SecretStore`] in memory that can be told to fail and counts its calls.
pub struct MemorySecretStore {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

impl Default for MemorySecretStore {
    fn default() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }
}

impl MemorySecretStore {
    /// An empty store whose secrets are as old as this clock says.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), clock }
    }

    /// From now on every call fails in this way; with `None` all is well again.
    pub fn set_trouble(&self, trouble: Option<VaultTrouble>) {
        self.state.lock().trouble = trouble;
    }

    /// How often it was called.
    pub fn calls(&self) -> SecretCalls {
        self.state.lock().calls
    }

    fn hangs(&self) -> bool {
        matches!(self.state.lock().trouble, Some(VaultTrouble::Hangs))
    }

    fn with<T>(
        &self,
        count: impl FnOnce(&mut SecretCalls) -> &mut u64,
        act: impl FnOnce(&mut State) -> Result<T, SecretError>,
    ) -> Result<T, SecretError> {
        let mut state = self.state.lock();
        *count(&mut state.calls) += 1;
        match state.trouble {
            Some(trouble) => Err(trouble.error()),
            None => act(&mut state),
        }
    }
}

impl State {
    fn change(&mut self, at: SecretRef, change: impl FnOnce(Kept) -> Kept) {
        if let Some((written, kept)) = self.secrets.remove(&at) {
            self.secrets.insert(at, (written, change(kept)));
        }
    }
}

#[async_trait]
impl SecretStore for MemorySecretStore {
    async fn put(&self, at: SecretRef, payload: &SecretPayload) -> Result<(), SecretError> {
        let written = self.clock.now();
        self.with(
            |calls| &mut calls.put,
            |state| {
                if state.secrets.contains_key(&at) {
                    return Err(SecretError::Exists);
                }
                state.secrets.insert(at, (written, Kept::Live(payload.clone())));
                Ok(())
            },
        )
    }

    async fn get(&self, at: SecretRef) -> Result<SecretPayload, SecretError> {
        if self.hangs() {
            return std::future::pending().await;
        }
        self.with(
            |calls| &mut calls.get,
            |state| match state.secrets.get(&at) {
                Some((_, Kept::Live(payload))) => Ok(payload.clone()),
                _ => Err(SecretError::Missing),
            },
        )
    }

    async fn wrap(&self, _: SecretRef, _: u32) -> Result<Option<WrappedSecret>, SecretError> {
        Ok(None)
    }

    async fn revoke(&self, _: &str) -> Result<(), SecretError> {
        Ok(())
    }

    async fn delete(&self, at: SecretRef) -> Result<(), SecretError> {
        self.with(
            |calls| &mut calls.delete,
            |state| {
                state.change(at, |kept| match kept {
                    Kept::Live(payload) => Kept::Deleted(payload),
                    other => other,
                });
                Ok(())
            },
        )
    }

    async fn undelete(&self, at: SecretRef) -> Result<(), SecretError> {
        self.with(
            |calls| &mut calls.undelete,
            |state| {
                state.change(at, |kept| match kept {
                    Kept::Deleted(payload) => Kept::Live(payload),
                    other => other,
                });
                Ok(())
            },
        )
    }

    async fn destroy(&self, at: SecretRef) -> Result<(), SecretError> {
        self.with(
            |calls| &mut calls.destroy,
            |state| {
                state.change(at, |_| Kept::Destroyed);
                Ok(())
            },
        )
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, SecretError> {
        self.with(
            |calls| &mut calls.tenants,
            |state| {
                let mut tenants: Vec<_> = state.secrets.keys().map(|at| at.tenant).collect();
                tenants.dedup();
                Ok(tenants)
            },
        )
    }

    async fn list(&self, tenant: TenantId) -> Result<Vec<StoredSecret>, SecretError> {
        self.with(
            |calls| &mut calls.list,
            |state| {
                let live = state
                    .secrets
                    .iter()
                    .filter(|(at, (_, kept))| at.tenant == tenant && matches!(kept, Kept::Live(_)));
                Ok(live.map(|(at, (written, _))| StoredSecret { at: *at, written: *written }).collect())
            },
        )
    }

    async fn places(&self, tenant: TenantId, owner: Uuid) -> Result<Vec<SecretRef>, SecretError> {
        self.with(
            |calls| &mut calls.places,
            |state| {
                let all = state.secrets.keys().filter(|at| at.tenant == tenant && at.owner == owner);
                Ok(all.copied().collect())
            },
        )
    }

    async fn deployment(&self) -> Result<Option<DeploymentMark>, SecretError> {
        self.with(|calls| &mut calls.deployment, |state| Ok(state.mark))
    }

    async fn set_deployment(&self, mark: DeploymentMark) -> Result<(), SecretError> {
        self.with(
            |calls| &mut calls.set_deployment,
            |state| {
                state.mark = Some(mark);
                Ok(())
            },
        )
    }

    async fn health(&self) -> Result<(), SecretError> {
        self.with(|calls| &mut calls.health, |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use keytrail_domain::SecretId;

    use super::*;

    crate::secret_store_contract!(async { (MemorySecretStore::default(), ()) });

    #[tokio::test]
    async fn trouble_refuses_every_call_until_it_is_over_and_calls_are_counted() {
        let store = MemorySecretStore::default();
        let owner = Uuid::from_u128(1);
        let at = SecretRef { tenant: TenantId::of_slug("acme"), owner, secret: SecretId::from_uuid(owner) };
        store.set_trouble(Some(VaultTrouble::Sealed));
        let refused = store.put(at, &SecretPayload::default()).await;
        assert!(matches!(refused, Err(SecretError::Unavailable(_))));
        store.set_trouble(Some(VaultTrouble::Denied));
        assert!(matches!(store.get(at).await, Err(SecretError::Denied(_))));
        store.set_trouble(None);
        assert!(matches!(store.get(at).await, Err(SecretError::Missing)), "the refused put wrote nothing");
        assert_eq!(store.calls(), SecretCalls { put: 1, get: 2, ..SecretCalls::default() });
    }
}
