//! Which keys a tenant has: in memory, in the journal, in the vault.

use std::{pin::pin, sync::Arc, time::Duration};

use keytrail_domain::{SecretRef, TenantId};
use keytrail_ports::{Journal, SecretStore};
use quick_cache::sync::Cache;
use tokio::time::timeout;

use crate::{
    App, AppError,
    keys::{CursorKey, FingerprintKey, InputKey, KEY_LEN, Root},
};

/// Tenants whose keys are kept in memory.
const CACHED: usize = 10_000;

/// Keys of the tenants that were asked for lately. A tenant's keys never change.
///
/// The journal remembers the key that seals cursors, so that reading goes on when a node starts
/// while the vault is away. That gives nothing away: the key hides places in the log from callers
/// of the API, and whoever can read the journal can read the log itself. The root and the key that
/// recognises inputs stay in the vault: with the latter, an input could be guessed from its HMAC.
pub(crate) struct KeyRing {
    secrets: Arc<dyn SecretStore>,
    journal: Arc<dyn Journal>,
    cursors: Cache<TenantId, Arc<CursorKey>>,
    inputs: Cache<TenantId, Arc<InputKey>>,
    fingerprints: Cache<TenantId, Arc<FingerprintKey>>,
}

/// For so long the journal alone is asked.
const HEAD_START: Duration = Duration::from_millis(500);

/// What the journal says.
enum Remembered {
    Key(Arc<CursorKey>),
    /// None, or one that is no key.
    Nothing,
    /// It says nothing.
    Unknown,
}

/// The name of the journal's mark. It names the root too: a tenant that was made anew in another
/// log has the same id and another root. *Format*.
fn mark_of(root: SecretRef) -> String {
    format!("cursor-key/{}/{}", root.tenant, root.secret)
}

impl KeyRing {
    pub(crate) fn new(secrets: Arc<dyn SecretStore>, journal: Arc<dyn Journal>) -> Self {
        let (cursors, inputs, fingerprints) = (Cache::new(CACHED), Cache::new(CACHED), Cache::new(CACHED));
        Self { secrets, journal, cursors, inputs, fingerprints }
    }

    /// The journal is asked before the vault: it is nearer, and there when the vault is not. When it is the
    /// journal that is away, it holds nobody up.
    async fn load_cursor(&self, root: SecretRef) -> Result<Arc<CursorKey>, AppError> {
        let mut asked = pin!(self.remembered(root));
        let known = match timeout(HEAD_START, &mut asked).await {
            Ok(Remembered::Key(key)) => return Ok(self.keep(root, key)),
            Ok(other) => Some(other),
            Err(_) => None,
        };
        let mut vault = pin!(self.cursor_bytes(root));
        let bytes = match known {
            Some(_) => vault.await?,
            // Both are waited for: slow is better than away.
            None => tokio::select! {
                found = &mut asked => match found {
                    Remembered::Key(key) => return Ok(self.keep(root, key)),
                    Remembered::Nothing | Remembered::Unknown => vault.await?,
                },
                bytes = &mut vault => match bytes {
                    Ok(bytes) => bytes,
                    Err(error) => match asked.await {
                        Remembered::Key(key) => return Ok(self.keep(root, key)),
                        Remembered::Nothing | Remembered::Unknown => return Err(error),
                    },
                },
            },
        };
        let key = self.keep(root, Arc::new(CursorKey::new(&bytes)?));
        if matches!(known, Some(Remembered::Nothing)) {
            self.remember(root, bytes.to_vec()).await;
        }
        Ok(key)
    }

    fn keep(&self, root: SecretRef, key: Arc<CursorKey>) -> Arc<CursorKey> {
        self.cursors.insert(root.tenant, Arc::clone(&key));
        key
    }

    async fn cursor_bytes(&self, root: SecretRef) -> Result<[u8; KEY_LEN], AppError> {
        Root::read(&self.secrets.get(root).await?)?.cursor()
    }

    async fn remembered(&self, root: SecretRef) -> Remembered {
        let warn = |error: &AppError| {
            tracing::warn!(tenant.id = %root.tenant, error = error as &dyn std::error::Error,
                "the journal's cursor key cannot be read");
        };
        match self.journal.mark(&mark_of(root)).await.map_err(AppError::from) {
            Ok(None) => Remembered::Nothing,
            Ok(Some(mark)) => match CursorKey::new(&mark.value) {
                Ok(key) => Remembered::Key(Arc::new(key)),
                Err(error) => {
                    warn(&error);
                    Remembered::Nothing
                }
            },
            Err(error) => {
                warn(&error);
                Remembered::Unknown
            }
        }
    }

    /// Nothing is lost without it but the help against a vault that is away: the next start tries again.
    async fn remember(&self, root: SecretRef, key: Vec<u8>) {
        let name = mark_of(root);
        let why = match timeout(HEAD_START, self.journal.set_mark(&name, key)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer".to_owned(),
        };
        tracing::warn!(tenant.id = %root.tenant, why, "the journal does not remember a cursor key");
    }

    async fn load_input(&self, root: SecretRef) -> Result<Arc<InputKey>, AppError> {
        let key = Arc::new(Root::read(&self.secrets.get(root).await?)?.input()?);
        self.inputs.insert(root.tenant, Arc::clone(&key));
        Ok(key)
    }
}

impl App {
    /// The key of the tenant's cursors; it needs no vault once it was used.
    pub(crate) async fn cursor_key(&self, tenant: TenantId) -> Result<Arc<CursorKey>, AppError> {
        match self.0.keys.cursors.get(&tenant) {
            Some(known) => Ok(known),
            None => self.0.keys.load_cursor(self.root_of(tenant).await?).await,
        }
    }

    /// The key that recognises the tenant's repeated mutations.
    pub(crate) async fn input_key(&self, tenant: TenantId) -> Result<Arc<InputKey>, AppError> {
        match self.0.keys.inputs.get(&tenant) {
            Some(known) => Ok(known),
            None => self.0.keys.load_input(self.root_of(tenant).await?).await,
        }
    }

    /// The key of the tenant's fingerprints.
    pub(crate) async fn fingerprint_key(&self, tenant: TenantId) -> Result<Arc<FingerprintKey>, AppError> {
        let keys = &self.0.keys;
        if let Some(known) = keys.fingerprints.get(&tenant) {
            return Ok(known);
        }
        let root = keys.secrets.get(self.root_of(tenant).await?).await?;
        let key = Arc::new(Root::read(&root)?.fingerprint()?);
        keys.fingerprints.insert(tenant, Arc::clone(&key));
        Ok(key)
    }

    async fn root_of(&self, tenant: TenantId) -> Result<SecretRef, AppError> {
        Ok(self.ports().views.tenant(tenant).await?.ok_or(AppError::Unauthenticated)?.keys)
    }
}

#[cfg(test)]
mod tests {
    use keytrail_domain::SecretId;
    use keytrail_ports::memory::{MemoryJournal, MemorySecretStore, VaultTrouble};
    use uuid::Uuid;

    use super::*;
    use crate::keys::new_root;

    struct Parts {
        vault: Arc<MemorySecretStore>,
        journal: Arc<MemoryJournal>,
        root: SecretRef,
    }

    impl Parts {
        async fn new() -> Self {
            let parts = Self { vault: Arc::default(), journal: Arc::default(), root: root(1) };
            for root in [root(1), root(2)] {
                parts.vault.put(root, &new_root().expect("root")).await.expect("stored");
            }
            parts
        }

        /// The keys of a node that has just been started.
        fn ring(&self) -> KeyRing {
            KeyRing::new(self.vault.clone(), self.journal.clone())
        }
    }

    fn root(number: u128) -> SecretRef {
        let tenant = TenantId::of_slug("acme");
        let secret = SecretId::from_uuid(Uuid::from_u128(number));
        SecretRef { tenant, owner: tenant.as_uuid(), secret }
    }

    #[tokio::test]
    async fn the_journal_remembers_the_key_of_cursors_and_of_this_root_alone() {
        let parts = Parts::new().await;
        let tenant = parts.root.tenant;
        let first = parts.ring().load_cursor(parts.root).await.expect("from the vault");
        let sealed = first.seal(tenant, b"place".to_vec()).expect("sealed");
        parts.vault.set_trouble(Some(VaultTrouble::Sealed));
        let later = parts.ring().load_cursor(parts.root).await.expect("from the journal");
        assert_eq!(later.open(tenant, sealed).as_deref(), Some(b"place".as_slice()));
        let input = parts.ring().load_input(parts.root).await;
        assert!(matches!(input, Err(AppError::Unavailable { dependency: "vault", .. })));
        let other = parts.ring().load_cursor(root(2)).await;
        assert!(matches!(other, Err(AppError::Unavailable { dependency: "vault", .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_that_is_away_holds_nobody_up() {
        let parts = Parts::new().await;
        parts.journal.slow_down(Duration::from_secs(7));
        let start = tokio::time::Instant::now();
        parts.ring().load_cursor(parts.root).await.expect("from the vault");
        assert!(start.elapsed() <= HEAD_START, "{:?}", start.elapsed());
        let start = tokio::time::Instant::now();
        parts.ring().remember(parts.root, vec![0; KEY_LEN]).await;
        assert_eq!(start.elapsed(), HEAD_START, "nor by having to remember");
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_that_answers_late_answers_for_a_vault_that_hangs() {
        let parts = Parts::new().await;
        parts.ring().load_cursor(parts.root).await.expect("from the vault");
        parts.vault.set_trouble(Some(VaultTrouble::Hangs));
        parts.journal.slow_down(Duration::from_secs(7));
        let start = tokio::time::Instant::now();
        parts.ring().load_cursor(parts.root).await.expect("from the journal");
        assert_eq!(start.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_journal_is_waited_for_when_the_vault_is_away() {
        let parts = Parts::new().await;
        parts.ring().load_cursor(parts.root).await.expect("from the vault");
        parts.vault.set_trouble(Some(VaultTrouble::Sealed));
        parts.journal.slow_down(Duration::from_secs(7));
        parts.ring().load_cursor(parts.root).await.expect("from the journal");
    }

    #[tokio::test]
    async fn a_mark_that_is_no_key_is_mended_from_the_vault() {
        let parts = Parts::new().await;
        let name = mark_of(parts.root);
        parts.journal.set_mark(&name, b"short".to_vec()).await.expect("set");
        parts.ring().load_cursor(parts.root).await.expect("from the vault");
        let mended = parts.journal.mark(&name).await.expect("read").expect("a mark");
        parts.vault.set_trouble(Some(VaultTrouble::Sealed));
        parts.ring().load_cursor(parts.root).await.expect("from the journal");
        assert_eq!(mended.value.len(), KEY_LEN);
    }
}
