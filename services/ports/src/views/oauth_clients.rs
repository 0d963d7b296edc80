//! OAuth clients.

use std::collections::BTreeSet;

use async_trait::async_trait;
use keytrail_domain::{
    Actor, CredentialId, OAuthClientId, SecretRef, TenantId, Timestamp, oauth_client::ClientSettings,
};
use serde::{Deserialize, Serialize};

use super::ViewError;

/// An OAuth client; a deleted one keeps its row, so that history can name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OAuthClientRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: OAuthClientId,
    /// The id that the provider gave it.
    pub client_id: String,
    /// What people chose.
    pub settings: ClientSettings,
    /// Where its secret lies; none for a public client and for a deleted one.
    pub secret: Option<SecretRef>,
    /// The credentials that have their tokens by it.
    pub users: BTreeSet<CredentialId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When people last changed it.
    pub updated_at: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What people changed.
    pub revision: u64,
}

/// Rows of OAuth clients inside one write transaction.
pub trait OAuthClientTx {
    /// Puts a client's row.
    fn put_oauth_client(&mut self, row: &OAuthClientRow) -> Result<(), ViewError>;
    /// A client's row, also a deleted one's.
    fn oauth_client(
        &mut self,
        tenant: TenantId,
        id: OAuthClientId,
    ) -> Result<Option<OAuthClientRow>, ViewError>;
}

/// Questions about OAuth clients. The promises about tenants of [`super::Views`] hold here too.
#[async_trait]
pub trait OAuthClientViews: Send + Sync + 'static {
    /// One client, also a deleted one.
    async fn oauth_client(
        &self,
        tenant: TenantId,
        id: OAuthClientId,
    ) -> Result<Option<OAuthClientRow>, ViewError>;
    /// All present clients of a tenant, by id.
    async fn oauth_clients(&self, tenant: TenantId) -> Result<Vec<OAuthClientRow>, ViewError>;
}
