//! Service accounts and their tokens.

use async_trait::async_trait;
use keytrail_domain::{Actor, Scope, ServiceAccountId, TenantId, Timestamp, TokenId};
use serde::{Deserialize, Serialize};

use super::ViewError;

/// A token as it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiTokenRow {
    /// Whose tenant.
    pub tenant: TenantId,
    /// Whose.
    pub account: ServiceAccountId,
    /// Its id.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the token, as hexadecimal digits.
    pub hash: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A service account; a deleted one keeps its row, so that history can name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceAccountRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: ServiceAccountId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// All tokens that it ever had, oldest first.
    pub tokens: Vec<ApiTokenRow>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What people changed.
    pub revision: u64,
}

/// Rows of service accounts inside one write transaction.
pub trait AccountTx {
    /// Puts an account's row with its tokens.
    fn put_service_account(&mut self, row: &ServiceAccountRow) -> Result<(), ViewError>;
    /// An account's row, also a deleted one's.
    fn service_account(
        &mut self,
        tenant: TenantId,
        id: ServiceAccountId,
    ) -> Result<Option<ServiceAccountRow>, ViewError>;
}

/// Questions about service accounts. The promises about tenants of [`super::Views`] hold here too, but for
/// `api_token`.
#[async_trait]
pub trait AccountViews: Send + Sync + 'static {
    /// Accounts by id, present or deleted; an unknown id is left out.
    async fn service_accounts_by_id(
        &self,
        tenant: TenantId,
        ids: &[ServiceAccountId],
    ) -> Result<Vec<ServiceAccountRow>, ViewError>;
    /// All present accounts of a tenant, by id.
    async fn service_accounts(&self, tenant: TenantId) -> Result<Vec<ServiceAccountRow>, ViewError>;
    /// A token of any tenant, as it was when it was made: whether it still is good, the authoriser knows.
    async fn api_token(&self, id: TokenId) -> Result<Option<ApiTokenRow>, ViewError>;
}
