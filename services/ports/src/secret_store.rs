//! The vault: where secret payloads live, and nothing else.

use async_trait::async_trait;
use keytrail_domain::{EventId, Position, SecretPayload, SecretRef, SecretValue, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What can go wrong with the vault. No variant holds a payload or quotes an answer's body.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Something is written there already.
    #[error("a secret is stored at that place already")]
    Exists,
    /// Nothing is there, or it was deleted.
    #[error("no secret is stored at that place")]
    Missing,
    /// Our token may not do that.
    #[error("the vault denied access: {0}")]
    Denied(String),
    /// Sealed, slow or unreachable: try again later.
    #[error("the vault is not available: {0}")]
    Unavailable(String),
    /// What is stored cannot be opened. Wake somebody.
    #[error("the vault holds something unreadable: {0}")]
    Corrupt(String),
}

/// A stored secret, for the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// Where.
    pub at: SecretRef,
    /// When it was written, by the vault's clock.
    pub written: Timestamp,
}

/// What the vault remembers of the log that it belongs to, so that a sweep never runs against
/// another or an older log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentMark {
    /// The log's id.
    pub log_id: Uuid,
    /// The highest position that was seen.
    pub position: Position,
    /// The event there: an older copy of the log that has grown since has another one. Marks that
    /// were made before this was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
}

/// A token of the vault's own that gives one payload away, once: response wrapping.
#[derive(Debug)]
pub struct WrappedSecret {
    /// The token.
    pub token: SecretValue,
    /// By what the vault knows the token: it can revoke it, and nothing else.
    pub accessor: String,
    /// Where the token is exchanged for the payload, by `POST` and without any other right.
    pub unwrap_url: String,
}

/// Secret payloads, each at a place of its own, written once.
///
/// Promises, each a case in [`crate::contract::secret_store`]:
/// 1. What `put` has answered is durable and `get` gives it back unchanged, whatever the texts.
/// 2. A second `put` at a place is [`SecretError::Exists`] and changes nothing, also while two run.
/// 3. `get` of a place that was never written, or was deleted or destroyed, is
///    [`SecretError::Missing`].
/// 4. `delete` can be undone with `undelete` until `destroy`; all three are idempotent.
/// 5. `list` gives every live secret of every tenant with its time, and no deleted one.
/// 6. A payload at one place is not readable at another, whatever happens to the files.
/// 7. The deployment mark keeps its last value; none at first.
/// 8. Every call answers within `PATIENCE_SECONDS`, if only with `Unavailable`; a
///    `list` that has to ask for each secret bounds each question so, not their sum.
/// 9. Nothing secret is in an error's text, its sources or a log line.
/// 10. `places` gives every live secret of one owner, and perhaps such that are deleted or destroyed; nobody else's.
/// 11. A token of `wrap` gives the payload once, within its time and before `revoke`; a store that has no such
///     tokens says so by `None`, always. Revoking a token that counts no longer is no error.
#[async_trait]
pub trait SecretStore: Send + Sync + 'static {
    /// Writes a payload to a place that was never written.
    ///
    /// # Errors
    /// [`SecretError::Exists`] and the others.
    async fn put(&self, at: SecretRef, payload: &SecretPayload) -> Result<(), SecretError>;

    /// Reads a payload.
    ///
    /// # Errors
    /// [`SecretError::Missing`] and the others.
    async fn get(&self, at: SecretRef) -> Result<SecretPayload, SecretError>;

    /// Makes a token that gives a payload away once, within so many seconds. None: this store has no such
    /// tokens, and whoever gives payloads away has to keep tokens himself.
    ///
    /// # Errors
    /// [`SecretError::Missing`] and the others.
    async fn wrap(&self, at: SecretRef, seconds: u32) -> Result<Option<WrappedSecret>, SecretError>;

    /// Ends a token of `wrap` before its time.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn revoke(&self, accessor: &str) -> Result<(), SecretError>;

    /// Hides a payload; it can be brought back.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn delete(&self, at: SecretRef) -> Result<(), SecretError>;

    /// Brings a hidden payload back; a destroyed one stays gone.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn undelete(&self, at: SecretRef) -> Result<(), SecretError>;

    /// Ends a payload for good.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn destroy(&self, at: SecretRef) -> Result<(), SecretError>;

    /// The tenants that have secrets here.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn tenants(&self) -> Result<Vec<TenantId>, SecretError>;

    /// Every live secret of a tenant.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn list(&self, tenant: TenantId) -> Result<Vec<StoredSecret>, SecretError>;

    /// Where the secrets of one owner lie; some may be gone.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn places(&self, tenant: TenantId, owner: Uuid) -> Result<Vec<SecretRef>, SecretError>;

    /// What is remembered of the log.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn deployment(&self) -> Result<Option<DeploymentMark>, SecretError>;

    /// Remembers a log and a position.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn set_deployment(&self, mark: DeploymentMark) -> Result<(), SecretError>;

    /// Answers when the vault can be used right now.
    ///
    /// # Errors
    /// [`SecretError`] says why it cannot.
    async fn health(&self) -> Result<(), SecretError>;
}

impl dyn SecretStore {
    /// No call takes longer than this.
    pub const PATIENCE_SECONDS: u64 = 5;
}
