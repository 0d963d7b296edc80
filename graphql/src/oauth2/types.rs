//! Where a credential's access tokens come from, as callers see it.

use async_graphql::{Context, Enum, ID, Object, Result};
use keytrail_domain::credential;
use keytrail_ports::views::AuthorizationRow;

use crate::{oauth_client::OAuthClient, scalar::DateTime};

/// By what right an OAuth client gets tokens.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(name = "OAuth2Grant", remote = "credential::OAuthGrant")]
pub enum OAuth2Grant {
    /// A person has allowed it.
    AuthorizationCode,
    /// The client asks for itself.
    ClientCredentials,
}

/// Where a credential's access tokens come from. The tokens are in the vault; a lease covers the access token alone.
pub struct CredentialAuthorization(AuthorizationRow);

impl From<AuthorizationRow> for CredentialAuthorization {
    fn from(row: AuthorizationRow) -> Self {
        Self(row)
    }
}

#[Object]
impl CredentialAuthorization {
    /// The id of the OAuth client.
    #[graphql(name = "oauthClientId")]
    async fn oauth_client_id(&self) -> ID {
        self.0.authorization.client.to_string().into()
    }

    /// The OAuth client, if you may see it.
    #[graphql(name = "oauthClient")]
    async fn oauth_client(&self, ctx: &Context<'_>) -> Result<Option<OAuthClient>> {
        OAuthClient::load(ctx, self.0.authorization.client).await
    }

    /// By what right.
    async fn grant(&self) -> OAuth2Grant {
        self.0.authorization.grant.into()
    }

    /// What for: as the provider said, else as it was asked.
    async fn scopes(&self) -> &[String] {
        &self.0.authorization.scopes
    }

    /// Until when the access token is good, as far as the provider said.
    async fn access_token_expires_at(&self) -> Option<DateTime> {
        self.0.authorization.access_until.map(DateTime::from)
    }

    /// The next token is got by itself, ahead of that.
    async fn refreshes(&self) -> bool {
        self.0.refresh_at.is_some() && !self.0.refused
    }

    /// The provider gives no more tokens: authorize the credential anew.
    async fn refused(&self) -> bool {
        self.0.refused
    }
}
