//! An OAuth client as callers see it.

use async_graphql::{Context, Enum, ID, Object, Result};
use keytrail_domain::{CredentialId, OAuthClientId, oauth_client};
use keytrail_ports::views::OAuthClientRow;

use crate::{
    context::{app, caller},
    credential::Credential,
    error::OrFail,
    member::Actor,
    scalar::DateTime,
};

/// How an OAuth client says who it is where tokens are given.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "oauth_client::ClientAuthentication")]
pub enum ClientAuthentication {
    /// Id and secret in the header.
    Basic,
    /// Id and secret in the form.
    Post,
    /// Only by its id: a public client, without a secret.
    None,
}

/// An app of the tenant that is registered at an OAuth2 provider. Its secret is in the vault and in no answer. A
/// deleted one stays, so that history can name it.
#[derive(Clone, Debug)]
pub struct OAuthClient(Box<OAuthClientRow>);

impl From<OAuthClientRow> for OAuthClient {
    fn from(row: OAuthClientRow) -> Self {
        Self(Box::new(row))
    }
}

impl OAuthClient {
    /// The client with this id, if the viewer may see it.
    pub(crate) async fn load(ctx: &Context<'_>, id: OAuthClientId) -> Result<Option<Self>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.oauth_client(&call, id).await.or_fail(ctx)?.map(Self::from))
    }

    fn users(&self) -> Vec<CredentialId> {
        self.0.users.iter().copied().collect()
    }
}

#[Object(name = "OAuthClient")]
impl OAuthClient {
    /// Global id, `oac_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its name, unique in the tenant.
    async fn name(&self) -> &str {
        &self.0.settings.name
    }

    /// For credentials of which components, by slug.
    async fn components(&self) -> Vec<&str> {
        self.0.settings.components.iter().map(String::as_str).collect()
    }

    /// The id that the provider gave it.
    async fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// Where a person agrees.
    async fn authorization_url(&self) -> Option<&str> {
        self.0.settings.provider.authorization_url.as_deref()
    }

    /// Where tokens are given.
    async fn token_url(&self) -> &str {
        &self.0.settings.provider.token_url
    }

    /// Where tokens are given back.
    async fn revocation_url(&self) -> Option<&str> {
        self.0.settings.provider.revocation_url.as_deref()
    }

    /// Who the provider says that it is.
    async fn issuer(&self) -> Option<&str> {
        self.0.settings.provider.issuer.as_deref()
    }

    /// What is asked for when nobody says.
    async fn scopes(&self) -> &[String] {
        &self.0.settings.scopes
    }

    /// How it says who it is where tokens are given.
    async fn authentication(&self) -> ClientAuthentication {
        self.0.settings.authentication.into()
    }

    /// Whether its secret is in the vault.
    async fn has_secret(&self) -> bool {
        self.0.secret.is_some()
    }

    /// The credentials that have their tokens by it and that the viewer may see.
    #[graphql(complexity = "2 * child_complexity + 1")]
    async fn credentials(&self, ctx: &Context<'_>) -> Result<Vec<Credential>> {
        let call = caller(ctx).await?;
        let (rows, _) = app(ctx)?.credentials_in_sight(&call, &self.users()).await.or_fail(ctx)?;
        Ok(rows.into_iter().map(Credential::now).collect())
    }

    /// How many credentials have their tokens by it that the viewer may not see.
    async fn hidden_count(&self, ctx: &Context<'_>) -> Result<u32> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.credentials_in_sight(&call, &self.users()).await.or_fail(ctx)?.1)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// By whom.
    async fn created_by(&self) -> Actor {
        Actor(self.0.created_by.clone())
    }

    /// When people last changed it.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// When it was deleted, if it was.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.0.deleted_at.map(DateTime)
    }

    /// How often people changed it: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
    }
}
