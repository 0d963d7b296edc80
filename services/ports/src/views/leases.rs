//! Who leases credentials, and which of their leases can still be used.

use async_trait::async_trait;
use keytrail_domain::{Actor, CredentialId, EventId, LeaseId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::ViewError;

/// A lease whose token may not have been used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenLease {
    /// Its id.
    pub lease: LeaseId,
    /// The event that says so.
    pub event: EventId,
    /// Who leased, and how he proved it: a token of a service account that is revoked ends its leases alone.
    pub consumer: Actor,
    /// Which secret version.
    pub version: u32,
    /// Until when its token counts.
    pub until: Timestamp,
    /// By what the vault knows its token.
    pub accessor: String,
}

/// What somebody has leased of one credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumerRow {
    /// Whose.
    pub tenant: TenantId,
    /// Of which credential.
    pub credential: CredentialId,
    /// Who, and how he proved it last.
    pub consumer: Actor,
    /// The secret version that he leased last.
    pub version: u32,
    /// When that was.
    pub last_leased_at: Timestamp,
    /// Since when it has been that version.
    pub on_version_since: Timestamp,
    /// What for.
    pub purpose: String,
    /// How often in all.
    pub leases: u64,
    /// Those whose tokens the vault keeps, that had not ended when he leased last, nor were revoked.
    pub open: Vec<OpenLease>,
}

/// Rows of consumers inside one write transaction.
pub trait LeaseTx {
    /// Puts a consumer's row.
    fn put_consumer(&mut self, row: &ConsumerRow) -> Result<(), ViewError>;
    /// What somebody has leased of a credential, by his id or the name of a part of Keytrail.
    fn consumer(
        &mut self,
        tenant: TenantId,
        credential: CredentialId,
        consumer: &str,
    ) -> Result<Option<ConsumerRow>, ViewError>;
}

/// Questions about leases. The promises about tenants of [`super::Views`] hold here too.
#[async_trait]
pub trait LeaseViews: Send + Sync + 'static {
    /// Everybody who ever leased a credential, the last one first; at most `most`.
    async fn consumers(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        most: u32,
    ) -> Result<Vec<ConsumerRow>, ViewError>;
    /// Everybody, of any tenant, with a lease that ends after this moment; at most `most`.
    async fn open_leases(&self, now: Timestamp, most: u32) -> Result<Vec<ConsumerRow>, ViewError>;
}
