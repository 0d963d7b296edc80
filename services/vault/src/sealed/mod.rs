//! Secrets sealed into a local file.
//!
//! Each payload has a random data key of its own, wrapped by the key-encryption key, which is kept
//! in a file beside the database or given by the configuration. Whoever has only one of the two
//! files has nothing. All waiting for the disk happens on threads of its own.

mod envelope;
mod error;
mod file;
mod key;
mod readers;
#[cfg(test)]
mod tests;
mod writer;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use keytrail_domain::{SecretPayload, SecretRef, TenantId};
use keytrail_ports::{
    Clock, DeploymentMark, SecretError, SecretStore, StoredSecret, SystemClock, WrappedSecret,
};
use tokio::{task::spawn_blocking, time::timeout};
use uuid::Uuid;

pub use self::{error::OpenError, key::KeySource};
use self::{key::Kek, readers::Readers, writer::Writer};
use crate::CALL_LIMIT;

/// Where a sealed store lies and how it is opened.
#[derive(Clone, Debug)]
pub struct SealedConfig {
    /// The database, `secrets.db`; made when it is not there.
    pub path: PathBuf,
    /// The key-encryption key.
    pub key: KeySource,
}

/// A [`SecretStore`] in a file of this machine.
pub struct SealedSecretStore {
    kek: Arc<Kek>,
    writer: Writer,
    readers: Arc<Readers>,
    clock: SystemClock,
}

impl SealedSecretStore {
    /// Opens the store, and makes database and key file when this is the first start.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with which file and what to do about it.
    pub async fn open(config: SealedConfig) -> Result<Self, OpenError> {
        spawn_blocking(move || Self::open_now(&config)).await.map_err(|_| OpenError::Interrupted)?
    }

    fn open_now(config: &SealedConfig) -> Result<Self, OpenError> {
        let mut connection = file::open(&config.path)?;
        let kek = key::unlock(&mut connection, config)?;
        let readers = Readers::open(&config.path)?;
        let writer = Writer::start(connection).map_err(OpenError::Thread)?;
        Ok(Self { kek: Arc::new(kek), writer, readers: Arc::new(readers), clock: SystemClock })
    }

    async fn within<T>(work: impl Future<Output = Result<T, SecretError>>) -> Result<T, SecretError> {
        timeout(CALL_LIMIT, work).await.unwrap_or_else(|_| Err(error::too_slow()))
    }
}

#[async_trait]
impl SecretStore for SealedSecretStore {
    async fn put(&self, at: SecretRef, payload: &SecretPayload) -> Result<(), SecretError> {
        let envelope = self.kek.seal(at, payload).map_err(|_| error::cannot_seal())?;
        let written = self.clock.now();
        Self::within(self.writer.write(writer::Change::Put { at, envelope, written })).await
    }

    async fn get(&self, at: SecretRef) -> Result<SecretPayload, SecretError> {
        let kek = Arc::clone(&self.kek);
        let work = self.readers.read(move |connection| {
            let envelope = readers::envelope(connection, at)?;
            kek.open(at, &envelope).map_err(|_| error::corrupt(at))
        });
        Self::within(work).await
    }

    /// It has no tokens: the application keeps them.
    async fn wrap(&self, _: SecretRef, _: u32) -> Result<Option<WrappedSecret>, SecretError> {
        Ok(None)
    }

    async fn revoke(&self, _: &str) -> Result<(), SecretError> {
        Ok(())
    }

    async fn delete(&self, at: SecretRef) -> Result<(), SecretError> {
        Self::within(self.writer.write(writer::Change::Delete(at))).await
    }

    async fn undelete(&self, at: SecretRef) -> Result<(), SecretError> {
        Self::within(self.writer.write(writer::Change::Undelete(at))).await
    }

    async fn destroy(&self, at: SecretRef) -> Result<(), SecretError> {
        Self::within(self.writer.write(writer::Change::Destroy(at))).await
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, SecretError> {
        Self::within(self.readers.read(readers::tenants)).await
    }

    async fn list(&self, tenant: TenantId) -> Result<Vec<StoredSecret>, SecretError> {
        Self::within(self.readers.read(move |connection| readers::list(connection, tenant))).await
    }

    async fn places(&self, tenant: TenantId, owner: Uuid) -> Result<Vec<SecretRef>, SecretError> {
        Self::within(self.readers.read(move |connection| readers::places(connection, tenant, owner))).await
    }

    async fn deployment(&self) -> Result<Option<DeploymentMark>, SecretError> {
        Self::within(self.readers.read(readers::deployment)).await
    }

    async fn set_deployment(&self, mark: DeploymentMark) -> Result<(), SecretError> {
        let text = serde_json::to_string(&mark).map_err(|_| error::cannot_seal())?;
        Self::within(self.writer.write(writer::Change::Mark(text))).await
    }

    /// Both sides answer: a change of nothing is committed, then read.
    async fn health(&self) -> Result<(), SecretError> {
        Self::within(async {
            self.writer.write(writer::Change::Nothing).await?;
            self.readers.read(readers::deployment).await.map(drop)
        })
        .await
    }
}
