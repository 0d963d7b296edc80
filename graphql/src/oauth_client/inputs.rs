//! Inputs about OAuth clients.

use async_graphql::{ID, InputObject, MaybeUndefined, Result};
use keytrail_app::{NewOAuthClient, OAuthClientUpdate};
use keytrail_domain::{
    OAuthClientId, SecretValue,
    oauth_client::{ClientSettings, Provider},
};

use super::types::ClientAuthentication;
use crate::{error::bad_id, input::revision};

/// A new OAuth client. Its addresses are https, or http on 127.0.0.0/8, `[::1]` or localhost.
#[derive(InputObject, Clone)]
#[graphql(name = "CreateOAuthClientInput")]
pub struct CreateOAuthClientInput {
    /// Its name, unique in the tenant without regard to case.
    pub name: String,
    /// For credentials of which components of kind OAUTH2, by slug: at least one.
    pub components: Vec<String>,
    /// The id that the provider gave it. It cannot be changed.
    pub client_id: String,
    /// The secret that the provider gave it: needed unless authentication is NONE. It must come as a variable.
    pub client_secret: Option<String>,
    /// Where a person agrees.
    pub authorization_url: Option<String>,
    /// Where tokens are given.
    pub token_url: String,
    /// Where tokens are given back.
    pub revocation_url: Option<String>,
    /// Who the provider says that it is.
    pub issuer: Option<String>,
    /// What is asked for when nobody says, and all that can be asked for.
    pub scopes: Option<Vec<String>>,
    /// How it says who it is where tokens are given.
    #[graphql(default_with = "ClientAuthentication::Basic")]
    pub authentication: ClientAuthentication,
    /// The same key and input answer the same client again, for a day.
    pub idempotency_key: Option<String>,
}

impl CreateOAuthClientInput {
    pub(super) fn into_app(self) -> NewOAuthClient {
        NewOAuthClient {
            client_id: self.client_id,
            settings: ClientSettings {
                name: self.name,
                components: self.components.iter().cloned().collect(),
                provider: Provider {
                    authorization_url: self.authorization_url,
                    token_url: self.token_url,
                    revocation_url: self.revocation_url,
                    issuer: self.issuer,
                },
                scopes: self.scopes.unwrap_or_default(),
                authentication: self.authentication.into(),
            },
            components: self.components,
            secret: self.client_secret.map(SecretValue::new),
        }
    }
}

/// Changes of an OAuth client; what is not given stays. Addresses, issuer and authentication change only together
/// with `clientSecret`, unless there is to be none.
#[derive(InputObject, Clone)]
#[graphql(name = "UpdateOAuthClientInput")]
pub struct UpdateOAuthClientInput {
    /// The client.
    pub oauth_client_id: ID,
    /// Its name.
    pub name: Option<String>,
    /// For credentials of which components of kind OAUTH2: all of them.
    pub components: Option<Vec<String>>,
    /// Another secret, or the same again for other addresses. It must come as a variable.
    pub client_secret: Option<String>,
    /// Where a person agrees; null takes it away.
    pub authorization_url: MaybeUndefined<String>,
    /// Where tokens are given.
    pub token_url: Option<String>,
    /// Where tokens are given back; null takes it away.
    pub revocation_url: MaybeUndefined<String>,
    /// Who the provider says that it is; null takes it away.
    pub issuer: MaybeUndefined<String>,
    /// What is asked for when nobody says, and all that can be asked for: the whole list.
    pub scopes: Option<Vec<String>>,
    /// How it says who it is where tokens are given; NONE forgets the secret.
    pub authentication: Option<ClientAuthentication>,
    /// Only when the client is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

impl UpdateOAuthClientInput {
    pub(super) fn into_app(self) -> Result<OAuthClientUpdate> {
        Ok(OAuthClientUpdate {
            id: client_id(&self.oauth_client_id)?,
            name: self.name,
            components: self.components,
            authorization_url: given(self.authorization_url),
            token_url: self.token_url,
            revocation_url: given(self.revocation_url),
            issuer: given(self.issuer),
            scopes: self.scopes,
            authentication: self.authentication.map(Into::into),
            secret: self.client_secret.map(SecretValue::new),
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

/// An OAuth client that ends.
#[derive(InputObject, Clone)]
#[graphql(name = "DeleteOAuthClientInput")]
pub struct DeleteOAuthClientInput {
    /// The client.
    pub oauth_client_id: ID,
    /// Only when the client is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

#[expect(clippy::option_option, reason = "not given, taken away, or another one")]
fn given(value: MaybeUndefined<String>) -> Option<Option<String>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

pub(super) fn client_id(id: &ID) -> Result<OAuthClientId> {
    OAuthClientId::parse(id).map_err(|error| bad_id("input.oauthClientId", &error))
}
