//! Minted tokens: each one is a fact. The token itself is made by the server's issuer.

use keytrail_domain::{
    StreamId, TenantId, Timestamp, TokenId,
    token::{Mint, Token},
};

use super::tenant::operator;
use crate::{App, AppError, execute::Execution};

/// What a token that is to be signed must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintedToken {
    /// Its id.
    pub token: TokenId,
    /// The tenant.
    pub tenant: TenantId,
    /// When it was minted.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl App {
    /// Records that a token is minted for a present member. For operators only.
    ///
    /// # Errors
    /// `NOT_FOUND` for a tenant or member that is not there.
    pub async fn mint_token(
        &self,
        slug: &str,
        subject: &str,
        ttl_seconds: u32,
    ) -> Result<MintedToken, AppError> {
        let tenant = TenantId::of_slug(slug);
        let issuer = &self.0.options.default_issuer;
        let member = self.ports().views.member_by_subject(tenant, issuer, subject).await?;
        let member = member.ok_or(AppError::NotFound)?.id;
        let call = operator(tenant, self.fresh_id());
        let token = TokenId::from_uuid(self.fresh_id());
        let issued_at = self.now();
        let expires_at = issued_at.plus_seconds(i64::from(ttl_seconds));
        let execution = Execution {
            call: &call,
            stream: StreamId::token(tenant, token),
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: true,
            from: 0,
        };
        self.execute::<Token>(execution, |_| Ok(Mint { token, member, expires_at })).await?;
        Ok(MintedToken { token, tenant, issued_at, expires_at })
    }
}
