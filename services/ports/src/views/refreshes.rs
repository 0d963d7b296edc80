//! Where access tokens come from, and whose next one is to be got.

use async_trait::async_trait;
use keytrail_domain::{CredentialId, TenantId, Timestamp, credential::Authorization};
use serde::{Deserialize, Serialize};

use super::ViewError;

/// Where a credential's access tokens come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRow {
    /// As it was told last.
    pub authorization: Authorization,
    /// When the next one is to be got, if one can be.
    pub refresh_at: Option<Timestamp>,
    /// The provider gives no more of them.
    pub refused: bool,
}

/// Rows of what is to be refreshed inside one write transaction.
pub trait RefreshTx {
    /// When a credential's next access token is to be got; none takes it from the list.
    fn put_refresh(
        &mut self,
        tenant: TenantId,
        credential: CredentialId,
        at: Option<Timestamp>,
    ) -> Result<(), ViewError>;
}

/// Questions about that.
#[async_trait]
pub trait RefreshViews: Send + Sync + 'static {
    /// Those of any tenant that are due at this moment, the longest overdue first; at most `most`.
    async fn refreshes_due(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TenantId, CredentialId)>, ViewError>;
}
